//! What the commands of users, regions and drones share.

use crate::domain::{Fields, Intent, Key, Kind};
use crate::service::{ErrorKind, ServiceError};

use super::change::{Why, Wishes};
use super::door::Door;
use super::list::{found, named, nobody};

/// What several names stand for.
#[derive(Default)]
pub(super) struct Names {
    keys: Vec<Key>,
    /// Names that nobody goes by, each with the words for it.
    unknown: Vec<(String, String)>,
    /// All of them or none.
    together: bool,
}

impl Names {
    /// The same wish for each of them.
    pub(super) fn wishes(self, why: &Why, wish: impl FnMut(Key) -> Intent) -> Wishes<'_> {
        let Self { keys, unknown, together } = self;
        Wishes { intents: keys.into_iter().map(wish).collect(), unknown, why, together }
    }
}

/// Looks for all of them before anything is changed. Several stand for themselves: then one that is not there is told,
/// and the others are done. A single one, and those that go together, have to be there.
pub(super) fn names(
    door: &Door,
    kind: Kind,
    names: &[String],
    together: bool,
) -> Result<Names, ServiceError> {
    let mut all = Names { together, ..Names::default() };
    for name in names {
        if together || names.len() == 1 {
            all.keys.push(named(door, kind, name)?.row.key);
        } else if let Some(data) = found(door, kind, name)? {
            all.keys.push(data.row.key);
        } else {
            all.unknown.push((name.clone(), nobody(kind, name)));
        }
    }
    Ok(all)
}

/// At least one field was given.
pub(super) fn something(set: Fields) -> Result<Fields, ServiceError> {
    if set.is_empty() {
        return Err(ServiceError::new(ErrorKind::Usage, "It is not said what to set. Nothing was changed.")
            .hint("Give at least one field, such as --status; --help lists them."));
    }
    Ok(set)
}
