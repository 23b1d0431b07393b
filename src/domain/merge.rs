//! Three-way merge, field by field: what I started from, what I want, what is there now.
//!
//! Per field: now is what I want, nothing to do; now is what I started from, take mine; else a clash.
//! Fields of one unit (a drone's region and operator) make sense only together: when one of them clashes or
//! was moved by somebody else, every field of that unit that I wanted to change clashes with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Fields, Kind, Value};

/// One field on which two people disagree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clash {
    pub base: Value,
    pub mine: Value,
    pub theirs: Value,
}

/// What a merge comes to. With any clash nothing of the edit is applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Columns to write.
    pub apply: Fields,
    pub clashes: BTreeMap<String, Clash>,
    /// Somebody else had changed another field, or already done the same to this one.
    pub moved: bool,
}

/// Merges `mine` (columns to set), made from `base` (their old values and their units'), into `theirs`.
/// A column of `mine` without a base value is taken to have been null.
pub fn three_way(kind: Kind, base: &Fields, mine: &Fields, theirs: &Fields) -> Merged {
    let value = |fields: &Fields, name: &str| fields.get(name).cloned().flatten();
    let unit = |name: &str| kind.field(name).and_then(|field| field.unit);
    // Units in which somebody else moved a field to where I do not want it.
    let moved_units: Vec<&str> = base
        .keys()
        .chain(mine.keys())
        .filter(|name| {
            let now = value(theirs, name);
            now != value(base, name) && mine.get(*name) != Some(&now)
        })
        .filter_map(|name| unit(name))
        .collect();
    let mut merged = Merged::default();
    for (name, wanted) in mine {
        let (was, now) = (value(base, name), value(theirs, name));
        if now == *wanted {
            merged.moved |= now != was;
        } else if now == was && !unit(name).is_some_and(|unit| moved_units.contains(&unit)) {
            merged.apply.insert(name.clone(), wanted.clone());
        } else {
            let clash = Clash { base: was, mine: wanted.clone(), theirs: now };
            merged.clashes.insert(name.clone(), clash);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (!v.is_empty()).then(|| (*v).to_owned()))).collect()
    }

    type Pairs = &'static [(&'static str, &'static str)];
    type Names = &'static [&'static str];

    #[test]
    fn table() {
        let base = fields(&[("status", "ACTIVE"), ("region_id", "r1"), ("operator_id", "u1")]);
        let cases: &[(&str, Pairs, Pairs, Names, Names)] = &[
            ("only mine", &[("status", "OFFLINE")], &[], &["status"], &[]),
            ("both the same", &[("status", "OFFLINE")], &[("status", "OFFLINE")], &[], &[]),
            ("both differ", &[("status", "OFFLINE")], &[("status", "STANDBY")], &[], &["status"]),
            ("other field", &[("status", "OFFLINE")], &[("region_id", "r2")], &["status"], &[]),
            ("one unit", &[("operator_id", "u2")], &[("region_id", "r2")], &[], &["operator_id"]),
            (
                "unit and another",
                &[("operator_id", "u2"), ("status", "OFFLINE")],
                &[("region_id", "r2")],
                &["status"],
                &["operator_id"],
            ),
            (
                "unit moved to mine",
                &[("region_id", "r2"), ("operator_id", "")],
                &[("region_id", "r2")],
                &["operator_id"],
                &[],
            ),
        ];
        for (name, mine, moved, apply, clash) in cases {
            let mut theirs = base.clone();
            theirs.extend(fields(moved));
            let merged = three_way(Kind::Drone, &base, &fields(mine), &theirs);
            assert_eq!(merged.apply.keys().collect::<Vec<_>>(), *apply, "{name}");
            assert_eq!(merged.clashes.keys().collect::<Vec<_>>(), *clash, "{name}");
        }
    }

    /// The base of an edit as `Change::update` makes it: the fields set and their units.
    fn base_for(row: &Fields, set: &Fields) -> Fields {
        let units: Vec<_> = set.keys().filter_map(|n| Kind::Drone.field(n)?.unit).collect();
        let held = row.iter().filter(|(n, _)| {
            set.contains_key(*n)
                || Kind::Drone.field(n).and_then(|f| f.unit).is_some_and(|u| units.contains(&u))
        });
        held.map(|(n, v)| (n.clone(), v.clone())).collect()
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(None),
            Just(Some("a".to_owned())),
            Just(Some("b".to_owned())),
            Just(Some("c".to_owned()))
        ]
    }

    const NAMES: [&str; 4] = ["model", "status", "region_id", "operator_id"];

    fn row() -> impl Strategy<Value = Fields> {
        prop::collection::vec(value(), 4)
            .prop_map(|values| NAMES.iter().map(|n| (*n).to_owned()).zip(values).collect())
    }

    fn edit() -> impl Strategy<Value = Fields> {
        prop::collection::btree_map(prop::sample::select(&NAMES[..]).prop_map(str::to_owned), value(), 1..4)
    }

    proptest! {
        /// Two edits of one row: who comes first does not matter when neither clashes, and both see a
        /// clash or neither does.
        #[test]
        fn symmetric(row in row(), a in edit(), b in edit()) {
            let put = |mut row: Fields, set: &Fields| { row.extend(set.clone()); row };
            let (after_a, after_b) = (put(row.clone(), &a), put(row.clone(), &b));
            let b_on_a = three_way(Kind::Drone, &base_for(&row, &b), &b, &after_a);
            let a_on_b = three_way(Kind::Drone, &base_for(&row, &a), &a, &after_b);
            if b_on_a.clashes.is_empty() && a_on_b.clashes.is_empty() {
                prop_assert_eq!(put(after_a, &b_on_a.apply), put(after_b, &a_on_b.apply));
            }
            for (name, clash) in &b_on_a.clashes {
                if let Some(other) = a_on_b.clashes.get(name) {
                    prop_assert_eq!((&clash.mine, &clash.theirs), (&other.theirs, &other.mine));
                }
            }
        }

        /// No field is dropped or invented: each wanted field is applied, already so, or a clash; and a
        /// field that nobody but me touched, outside a unit that moved, is applied.
        #[test]
        fn nothing_is_dropped(row in row(), a in edit(), b in edit()) {
            let mut theirs = row.clone();
            theirs.extend(b.clone());
            let base = base_for(&row, &a);
            let merged = three_way(Kind::Drone, &base, &a, &theirs);
            for (name, wanted) in &a {
                let (applied, clash, same) =
                    (merged.apply.contains_key(name), merged.clashes.contains_key(name), theirs[name] == *wanted);
                prop_assert_eq!(u8::from(applied) + u8::from(clash) + u8::from(same), 1, "{}", name);
                let unit = Kind::Drone.field(name).and_then(|f| f.unit);
                if theirs[name] == row[name] && unit.is_none() {
                    prop_assert!(!clash, "{} was touched by nobody else", name);
                }
            }
            prop_assert!(merged.apply.keys().all(|name| a.contains_key(name)));
        }
    }
}
