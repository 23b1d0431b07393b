//! What the commands of users, regions and drones share.

use crate::domain::{Fields, Key, Kind};
use crate::service::{ErrorKind, ServiceError};

use super::door::Door;
use super::list::named;

/// The keys of those names; before anything is changed, all of them are looked for.
pub(super) fn keys(door: &Door, kind: Kind, names: &[String]) -> Result<Vec<Key>, ServiceError> {
    names.iter().map(|name| named(door, kind, name).map(|data| data.row.key)).collect()
}

/// At least one field was given.
pub(super) fn something(set: Fields) -> Result<Fields, ServiceError> {
    if set.is_empty() {
        return Err(ServiceError::new(ErrorKind::Usage, "It is not said what to set. Nothing was changed.")
            .hint("Give at least one field, such as --status; --help lists them."));
    }
    Ok(set)
}
