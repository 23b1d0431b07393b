//! Entries of the journal that are lost for good, and which of them a person has seen.
//!
//! A gap in the numbers stays, so every opening finds it again. It is told until a person says that they have seen it.
//! That is written into a small file beside the journal, `lost`: numbers and times, nothing of what was in the entries. It
//! stays there for who looks later (`flyos doctor`). A file that cannot be read counts as not there: then it is told again.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::{StoreError, disk};
use crate::domain::Stamp;

/// A gap takes some 100 bytes there, and a journal has a few at the most.
const BYTES_MAX: u64 = 1 << 20;

/// Numbers that were given, one after the other, and have no entry any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub first: u64,
    pub last: u64,
    /// They were made after this, and before that, where other entries tell.
    pub after: Option<Stamp>,
    pub before: Option<Stamp>,
    /// So many of them are known to have been edits that the server has.
    pub arrived: u64,
}

/// A gap that a person has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenGap {
    #[serde(flatten)]
    pub gap: Gap,
    pub seen: Stamp,
}

impl Gap {
    fn of(numbers: &RangeInclusive<u64>, entries: &[(u64, Entry)]) -> Self {
        let (first, last) = (*numbers.start(), *numbers.end());
        let clock = |(_, entry): &(u64, Entry)| entry.clock();
        let arrived: BTreeSet<u64> = entries
            .iter()
            .filter_map(|(_, entry)| match entry {
                Entry::Ack { edit, .. } | Entry::Settled { edit } => Some(*edit),
                _ => None,
            })
            .filter(|edit| numbers.contains(edit))
            .collect();
        Self {
            first,
            last,
            after: entries.iter().rev().filter(|(seq, _)| *seq < first).find_map(clock),
            before: entries.iter().filter(|(seq, _)| *seq > last).find_map(clock),
            arrived: arrived.len() as u64,
        }
    }

    /// How many entries.
    pub const fn count(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// What of a gap is not among those that were seen.
fn unseen(gap: &RangeInclusive<u64>, seen: &[SeenGap]) -> Vec<RangeInclusive<u64>> {
    seen.iter().fold(vec![gap.clone()], |left, seen| {
        let (first, last) = (seen.gap.first, seen.gap.last);
        let cut = |part: RangeInclusive<u64>| {
            let below = *part.start()..=(*part.end()).min(first.saturating_sub(1));
            let above = (*part.start()).max(last.saturating_add(1))..=*part.end();
            if first > *part.end() || last < *part.start() { vec![part] } else { vec![below, above] }
        };
        left.into_iter().flat_map(cut).filter(|part| !part.is_empty()).collect()
    })
}

/// The gaps of one journal.
#[derive(Debug)]
pub(super) struct Lost {
    path: PathBuf,
    unseen: Vec<Gap>,
    seen: Vec<SeenGap>,
}

/// The gaps that somebody has seen, as they were written down.
pub(super) fn seen(folder: &Path) -> Vec<SeenGap> {
    let bytes = disk::read_bounded(&folder.join("lost"), BYTES_MAX);
    let bytes = bytes.unwrap_or_else(|error| {
        tracing::warn!(%error, "which lost entries were seen cannot be read: they are told again");
        None
    });
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// The gaps among these numbers that nobody has seen.
pub(super) fn to_tell(
    missing: &[RangeInclusive<u64>],
    entries: &[(u64, Entry)],
    seen: &[SeenGap],
) -> Vec<Gap> {
    let left = missing.iter().flat_map(|gap| unseen(gap, seen));
    left.map(|numbers| Gap::of(&numbers, entries)).collect()
}

impl Lost {
    pub fn read(folder: &Path, missing: &[RangeInclusive<u64>], entries: &[(u64, Entry)]) -> Self {
        let seen = seen(folder);
        Self { path: folder.join("lost"), unseen: to_tell(missing, entries, &seen), seen }
    }

    pub fn unseen(&self) -> &[Gap] {
        &self.unseen
    }

    /// A person has seen them, durably.
    pub fn acknowledge(&mut self, now: Stamp) -> Result<(), StoreError> {
        let fresh = self.unseen.iter().map(|gap| SeenGap { gap: gap.clone(), seen: now });
        let seen: Vec<SeenGap> = self.seen.iter().cloned().chain(fresh).collect();
        let text = serde_json::to_vec(&seen).map_err(|error| {
            StoreError::corrupt(format!("{} cannot be made: {error}", self.path.display()))
        })?;
        disk::replace(&self.path, &text)?;
        (self.seen, self.unseen) = (seen, Vec::new());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Entry {
        Entry::Clock { at: Stamp(second) }
    }

    #[test]
    fn a_gap_lies_between_the_times_of_its_neighbours() {
        let ack = Entry::Ack { edit: 3, v: Vec::new() };
        let entries = [(1, at(10)), (2, Entry::Discarded { edit: 1 }), (6, ack), (7, at(70))];
        let told = to_tell(&[3..=5], &entries, &[]);
        let gap = Gap { first: 3, last: 5, after: Some(Stamp(10)), before: Some(Stamp(70)), arrived: 1 };
        assert_eq!(told, [gap]);
        assert_eq!(told[0].count(), 3);
        assert_eq!(to_tell(&[3..=5], &[], &[])[0].after, None);
    }

    #[test]
    fn what_was_seen_is_not_told_again_and_what_is_new_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut lost = Lost::read(folder.path(), &[3..=5, 9..=9], &[]);
        assert_eq!(lost.unseen().iter().map(Gap::count).collect::<Vec<_>>(), [3, 1]);
        lost.acknowledge(Stamp(7)).expect("written");
        assert!(lost.unseen().is_empty());
        assert!(Lost::read(folder.path(), &[3..=5, 9..=9], &[]).unseen().is_empty());
        // The first gap has grown on both sides, and there is another one.
        let lost = Lost::read(folder.path(), &[2..=6, 9..=9, 12..=13], &[]);
        let told: Vec<_> = lost.unseen().iter().map(|gap| (gap.first, gap.last)).collect();
        assert_eq!(told, [(2, 2), (6, 6), (12, 13)]);
        assert_eq!(seen(folder.path()).iter().map(|seen| seen.seen).collect::<Vec<_>>(), [Stamp(7); 2]);
        std::fs::write(folder.path().join("lost"), b"none of ours").expect("written");
        assert_eq!(Lost::read(folder.path(), &[3..=5], &[]).unseen().len(), 1, "told once more");
    }
}
