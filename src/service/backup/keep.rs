//! Backups in a folder: how they are named, and letting go of the old ones. The name says of which account it is by a
//! part of its folder's name, which tells nobody whose that is, and when it was made.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use uuid::Uuid;

use super::super::{ErrorKind, ServiceError};
use crate::domain::Stamp;
use crate::domain::stamp::DAY_MICROS;

const END: &str = ".backup";
/// A hundred years are meant as "for ever".
const DAYS_MAX: i64 = 36_500;

/// How long backups are kept: `30d`, `8w`, `1y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    days: i64,
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is no time to keep backups for: say 30d, 8w or 1y");
        let unit = match text.chars().last() {
            Some('d') => 1,
            Some('w') => 7,
            Some('y') => 365,
            _ => return Err(wrong()),
        };
        let number: u32 = text.trim_end_matches(['d', 'w', 'y']).parse().map_err(|_| wrong())?;
        let days = i64::from(number) * unit;
        (1..=DAYS_MAX).contains(&days).then_some(Self { days }).ok_or_else(wrong)
    }
}

fn prefix(account: Uuid) -> String {
    format!("flyos-{}-", &account.simple().to_string()[..8])
}

/// The name of a backup made now, in that folder.
pub fn name_in(folder: &Path, account: Uuid, now: Stamp) -> PathBuf {
    folder.join(format!("{}{}{END}", prefix(account), digits(now)))
}

/// A time to the second, in order as texts are: `20261121T131605Z`.
fn digits(at: Stamp) -> String {
    let plain: String = at.text().chars().filter(|c| c.is_ascii_digit() || *c == 'T').take(15).collect();
    format!("{plain}Z")
}

/// Removes the account's backups in that folder which are older; gives their names, oldest first.
pub fn remove_old(folder: &Path, account: Uuid, keep: Keep, now: Stamp) -> Result<Vec<String>, ServiceError> {
    let failed = |what: &Path, error: std::io::Error| {
        let message = format!("{} could not be cleared of old backups: {error}.", what.display());
        ServiceError::new(ErrorKind::Storage, message).hint("The new backup is written and safe.")
    };
    let (prefix, limit) = (prefix(account), digits(Stamp(now.0.saturating_sub(keep.days * DAY_MICROS))));
    let mut old = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let name = entry.map_err(|error| failed(folder, error))?.file_name().to_string_lossy().into_owned();
        let made = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(END));
        if made.is_some_and(|made| made.len() == limit.len() && made < limit.as_str()) {
            old.push(name);
        }
    }
    old.sort();
    for name in &old {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(|error| failed(&path, error))?;
    }
    Ok(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Stamp = Stamp(1_795_000_000_000_000);

    #[test]
    fn times_are_read_and_nonsense_is_not() {
        for (text, days) in [("30d", 30), ("8w", 56), ("1y", 365)] {
            assert_eq!(text.parse(), Ok(Keep { days }));
        }
        for text in ["", "30", "d", "0d", "-1d", "30dd0", "999y", "3ä", "1 d"] {
            assert!(text.parse::<Keep>().is_err(), "{text}");
        }
    }

    #[test]
    fn old_backups_of_the_same_account_go_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, other) = (Uuid::from_u128(7 << 96), Uuid::from_u128(8 << 96));
        let day = |days: i64| Stamp(NOW.0 - days * DAY_MICROS);
        let make = |account, at| {
            let path = name_in(folder.path(), account, at);
            fs::write(&path, "x").unwrap();
            path
        };
        let (old, older) = (make(mine, day(31)), make(mine, day(400)));
        let stays =
            [make(mine, day(29)), make(mine, NOW), make(other, day(99)), folder.path().join("my.backup")];
        fs::write(&stays[3], "x").unwrap();
        let gone = remove_old(folder.path(), mine, Keep { days: 30 }, NOW).unwrap();
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(gone, [name(&older), name(&old)], "told by name");
        assert!(!old.exists() && !older.exists());
        assert!(stays.iter().all(|path| path.exists()));
    }
}
