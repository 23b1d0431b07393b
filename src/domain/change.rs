//! A change is a value: which row, what it was, what it becomes. Undo, the outbox, activity and conflicts
//! are derived from it.

use serde::{Deserialize, Serialize};

use super::{Fields, Key, Record, World};

/// One change of one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    #[serde(flatten)]
    pub key: Key,
    #[serde(flatten)]
    pub op: Op,
}

/// What happens to the row. `base` holds what it was, for the three-way merge and for undo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "lowercase")]
pub enum Op {
    /// A new row. The key stands in `Change::key`, not in `set`.
    Insert { set: Fields },
    /// New values for some columns; `base` also holds the other columns of a unit that is touched.
    Update { base: Fields, set: Fields },
    /// The row goes; `base` is the whole row as seen.
    Delete { base: Fields },
}

/// Why a change does not fit the row it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("the row is already there")]
    Exists,
    #[error("the row is not there")]
    Missing,
    #[error("the row has other values than the change starts from")]
    Moved,
    #[error("the key is no key of this table")]
    BadKey,
}

impl Change {
    pub fn insert(key: Key, set: Fields) -> Self {
        Self { key, op: Op::Insert { set } }
    }

    /// An update of `record` to `set`, leaving out what is already so. The base takes in the whole unit of
    /// each coupled field. `None` when nothing would change.
    pub fn update(record: &Record, set: &Fields) -> Option<Self> {
        let set: Fields = set
            .iter()
            .filter(|(name, value)| record.get(name) != **value)
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        if set.is_empty() {
            return None;
        }
        let kind = record.kind();
        let units: Vec<_> = set.keys().filter_map(|name| kind.field(name)?.unit).collect();
        let base = kind
            .fields()
            .iter()
            .filter(|field| {
                set.contains_key(field.name) || field.unit.is_some_and(|unit| units.contains(&unit))
            })
            .map(|field| (field.name.to_owned(), record.get(field.name)))
            .collect();
        Some(Self { key: record.key(), op: Op::Update { base, set } })
    }

    pub fn delete(record: &Record) -> Self {
        Self { key: record.key(), op: Op::Delete { base: record.fields() } }
    }

    /// Carries the change out, if the row is as the change expects it.
    pub fn apply(&self, world: &mut World) -> Result<(), Misfit> {
        match &self.op {
            Op::Insert { set } => {
                if world.has(&self.key) {
                    return Err(Misfit::Exists);
                }
                world.put(Record::from_fields(&self.key, set).ok_or(Misfit::BadKey)?);
            }
            Op::Update { base, set } => {
                let mut record = world.get(&self.key).ok_or(Misfit::Missing)?;
                if base.iter().any(|(name, value)| record.get(name) != *value) {
                    return Err(Misfit::Moved);
                }
                record.put_all(set);
                world.put(record);
            }
            Op::Delete { base } => {
                let record = world.get(&self.key).ok_or(Misfit::Missing)?;
                if base.iter().any(|(name, value)| record.get(name) != *value) {
                    return Err(Misfit::Moved);
                }
                world.remove(&self.key);
            }
        }
        Ok(())
    }

    /// The change that takes this one back.
    #[must_use]
    pub fn invert(&self) -> Self {
        let op = match &self.op {
            Op::Insert { set } => Op::Delete { base: set.clone() },
            Op::Delete { base } => Op::Insert { set: base.clone() },
            Op::Update { base, set } => {
                let mut now = base.clone();
                now.extend(set.iter().map(|(name, value)| (name.clone(), value.clone())));
                let back = base.iter().filter(|(name, _)| set.contains_key(*name));
                Op::Update { base: now, set: back.map(|(n, v)| (n.clone(), v.clone())).collect() }
            }
        };
        Self { key: self.key.clone(), op }
    }

    /// The columns this change writes (none for a delete).
    pub fn set(&self) -> Option<&Fields> {
        match &self.op {
            Op::Insert { set } | Op::Update { set, .. } => Some(set),
            Op::Delete { .. } => None,
        }
    }

    /// The value a column gets, if this change writes it.
    pub fn sets(&self, field: &str) -> Option<&super::Value> {
        self.set()?.get(field)
    }
}
