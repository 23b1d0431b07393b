//! The journal: what was acknowledged is there, whatever happened to the process or to the bytes.

use std::fs;
use std::path::PathBuf;

use flyos::store::StoreError;
use flyos::store::journal::{Damage, SEGMENT_BYTES_MAX};
use flyos::vault::{DataKey, Sealer};
use proptest::prelude::*;

use crate::{
    ACCOUNT, Place, Said, child, entry, journal_dir, open_journal, padded, place_of_child, say, seqs,
};

#[test]
fn what_was_appended_is_there_again_in_order() {
    let place = Place::new();
    let (mut journal, opened) = open_journal(place.path()).unwrap();
    assert!(opened.entries.is_empty() && opened.damage.is_empty() && opened.missing.is_empty());
    assert_eq!(journal.append(&[entry(1)]).unwrap(), 1..=1);
    assert!(journal.append(&[]).unwrap().is_empty());
    assert_eq!(journal.append(&[entry(2), entry(3)]).unwrap(), 2..=3);
    drop(journal);
    for round in 0..3 {
        let (mut journal, opened) = open_journal(place.path()).unwrap();
        assert_eq!(seqs(&opened), (1..4 + round).collect::<Vec<_>>());
        assert!(opened.damage.is_empty() && opened.missing.is_empty());
        assert_eq!(journal.append(&[entry(4 + round)]).unwrap(), 4 + round..=4 + round);
    }
    assert_eq!(fs::read_dir(journal_dir(place.path())).unwrap().count(), 1, "one segment goes on");
}

/// The bytes of a small journal and where each frame ends.
fn small() -> (Vec<u8>, Vec<usize>) {
    let place = Place::in_memory();
    let (mut journal, _) = open_journal(place.path()).unwrap();
    let path = journal_dir(place.path()).join("00000001.log");
    let mut ends = Vec::new();
    for n in 1..=3 {
        journal.append(&[entry(n)]).unwrap();
        ends.push(fs::read(&path).unwrap().len());
    }
    (fs::read(&path).unwrap(), ends)
}

/// Opens a journal of these bytes: the numbers found, the damage, what is missing; and holds that it can be
/// written to and is sound from then on.
fn open_bytes(bytes: &[u8]) -> (Vec<u64>, Vec<Damage>, Vec<u64>) {
    let place = Place::in_memory();
    fs::write(journal_dir(place.path()).join("00000001.log"), bytes).unwrap();
    let (mut journal, opened) = open_journal(place.path()).unwrap();
    let mut kept = seqs(&opened);
    let first = kept.clone();
    for damage in &opened.damage {
        let copy = damage.kept.as_ref().map(|path| fs::read(path).unwrap());
        assert_eq!(copy.as_deref(), (!bytes.is_empty()).then_some(bytes), "the copy is what was found");
    }
    let next = journal.next_seq();
    if bytes.len().is_multiple_of(2) {
        // Mended by the opening itself, not by what is written next.
        drop(journal);
        let (again, unhurt) = open_journal(place.path()).unwrap();
        assert_eq!((unhurt.damage, again.next_seq()), (vec![], next));
        journal = again;
    }
    assert_eq!(journal.append(&[entry(next)]).unwrap(), next..=next);
    kept.push(next);
    drop(journal);
    let (_, again) = open_journal(place.path()).unwrap();
    assert_eq!(seqs(&again), kept);
    assert_eq!(again.damage, [], "mended once is mended");
    (first, opened.damage, opened.missing.into_iter().flatten().collect())
}

#[test]
fn a_journal_cut_anywhere_keeps_every_whole_entry() {
    let (bytes, ends) = small();
    for len in 0..=bytes.len() {
        let whole = ends.iter().filter(|end| **end <= len).count() as u64;
        let (kept, damage, missing) = open_bytes(&bytes[..len]);
        assert_eq!(kept, (1..=whole).collect::<Vec<_>>(), "cut to {len}");
        assert!(missing.is_empty(), "an append that never finished was never told");
        // Right behind the header or a frame nothing shows; else the rest is told as torn.
        let even = len == bytes.len() || ends.contains(&len) || len == 38 || len == 0;
        assert_eq!(damage.is_empty(), even, "cut to {len}");
        assert!(damage.iter().all(|damage| damage.torn));
    }
}

#[test]
fn a_flip_anywhere_costs_one_entry_and_is_told() {
    let (bytes, ends) = small();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (at % 8);
        let hit = if at < 38 { 0 } else { ends.iter().position(|end| at < *end).unwrap() as u64 + 1 };
        let (kept, damage, missing) = open_bytes(&bad);
        assert_eq!(kept, (1..=3).filter(|seq| *seq != hit).collect::<Vec<_>>(), "byte {at}");
        assert_eq!(damage.len(), 1, "byte {at}");
        assert_eq!(damage[0].torn, hit == 3, "byte {at}");
        // The first and the last of all have no neighbour that gives them away.
        assert_eq!(missing, if hit == 2 || hit == 1 { vec![hit] } else { vec![] }, "byte {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_bytes_make_it_panic(noise in prop::collection::vec(any::<u8>(), 0..600), at in 0_usize..600, over: bool) {
        open_bytes(&noise);
        let (mut bytes, _) = small();
        let at = at % bytes.len();
        let end = if over { (at + noise.len()).min(bytes.len()) } else { at };
        bytes.splice(at..end, noise);
        open_bytes(&bytes);
    }
}

/// Sound frames in other places: none passes for another, none is taken twice, and what lacks is told.
#[test]
fn frames_that_were_moved_or_played_again_are_not_taken() {
    let (bytes, ends) = small();
    let [a, b, c]: [usize; 3] = ends.try_into().unwrap();
    let head = a - (b - a);
    let (one, two, three) = (&bytes[head..a], &bytes[a..b], &bytes[b..c]);
    let of = |frames: &[&[u8]]| open_bytes(&[&bytes[..head], &frames.concat()].concat());
    assert_eq!(of(&[one, two, three]), (vec![1, 2, 3], vec![], vec![]), "as they were");
    for (frames, found, missing) in [
        (vec![one, two, three, two], vec![1, 2, 3], vec![]),
        (vec![one, two, two, three], vec![1, 2, 3], vec![]),
        (vec![two, one, three], vec![2, 3], vec![1]),
        (vec![one, three, two], vec![1, 3], vec![2]),
        (vec![three, one, two], vec![3], vec![1, 2]),
    ] {
        let (seqs, damage, gone) = of(&frames);
        assert_eq!((&seqs, &gone), (&found, &missing));
        assert!(!damage.is_empty(), "{found:?}: it is told");
    }
}

#[test]
fn segments_are_begun_and_retired_and_numbering_goes_on() {
    let place = Place::new();
    let (mut journal, _) = open_journal(place.path()).unwrap();
    let large = 200 << 10;
    for n in 1..=60 {
        journal.append(&[padded(n, large)]).unwrap();
    }
    let sizes = || -> Vec<u64> {
        let files = fs::read_dir(journal_dir(place.path())).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).collect()
    };
    assert_eq!(sizes().len(), 3);
    assert!(sizes().iter().all(|size| *size <= SEGMENT_BYTES_MAX));
    assert_eq!(journal.retire(20).unwrap(), 0, "its last entry is still wanted");
    assert_eq!(journal.retire(21).unwrap(), 1);
    assert_eq!(journal.retire(u64::MAX).unwrap(), 1, "the newest segment stays");
    drop(journal);
    let (mut journal, opened) = open_journal(place.path()).unwrap();
    assert_eq!(seqs(&opened), (41..=60).collect::<Vec<_>>());
    assert!(opened.missing.is_empty() && opened.damage.is_empty());
    assert_eq!(journal.append(&[entry(61)]).unwrap(), 61..=61);
}

#[test]
fn a_lost_segment_is_told() {
    let place = Place::new();
    let (mut journal, _) = open_journal(place.path()).unwrap();
    for n in 1..=60 {
        journal.append(&[padded(n, 200 << 10)]).unwrap();
    }
    fs::remove_file(journal_dir(place.path()).join("00000002.log")).unwrap();
    let (_, opened) = open_journal(place.path()).unwrap();
    assert_eq!(opened.missing, [21..=40]);
}

#[test]
fn an_entry_too_large_leaves_no_trace() {
    let place = Place::new();
    let (mut journal, _) = open_journal(place.path()).unwrap();
    let told = journal.append(&[entry(1), padded(2, 300 << 10)]);
    assert!(matches!(told, Err(StoreError::TooLarge { .. })), "{told:?}");
    assert_eq!(fs::read_dir(journal_dir(place.path())).unwrap().count(), 0);
    assert_eq!(journal.append(&[entry(1)]).unwrap(), 1..=1, "its number was not used");
}

#[test]
fn numbers_are_skipped_and_stay_skipped() {
    let place = Place::new();
    let (mut journal, _) = open_journal(place.path()).unwrap();
    journal.append(&[entry(1)]).unwrap();
    journal.skip_past(9);
    journal.skip_past(3);
    assert_eq!(journal.append(&[entry(10)]).unwrap(), 10..=10);
    drop(journal);
    let (_, opened) = open_journal(place.path()).unwrap();
    assert_eq!(seqs(&opened), [1, 10]);
    assert_eq!(opened.missing, [2..=9]);
}

#[test]
fn what_was_told_as_not_saved_stays_so_once_its_number_is_given_again() {
    // The first segment still holds entry 3, whose append had failed and whose cut had failed as well.
    let place = Place::new();
    let (mut journal, _) = open_journal(place.path()).unwrap();
    journal.append(&[entry(1), entry(2), entry(3)]).unwrap();
    let other = Place::new();
    let (mut journal, _) = open_journal(other.path()).unwrap();
    journal.skip_past(2);
    journal.append(&[padded(3, 10), entry(4)]).unwrap();
    let newer = journal_dir(place.path()).join("00000002.log");
    fs::copy(journal_dir(other.path()).join("00000001.log"), &newer).unwrap();
    let (_, opened) = open_journal(place.path()).unwrap();
    assert_eq!(seqs(&opened), [1, 2, 3, 4]);
    assert_eq!(opened.entries[2].1, padded(3, 10));
    assert!(opened.missing.is_empty() && opened.damage.is_empty());
    // Also when the newer segment's header, which says so, is gone.
    let mut bytes = fs::read(&newer).unwrap();
    bytes[3] ^= 1;
    fs::write(&newer, bytes).unwrap();
    for _ in 0..2 {
        let (_, opened) = open_journal(place.path()).unwrap();
        assert_eq!(opened.entries[2].1, padded(3, 10));
        assert_eq!(seqs(&opened), [1, 2, 3, 4]);
    }
}

#[test]
fn another_key_changes_nothing() {
    let (mut bytes, ends) = small();
    bytes[ends[0] + 20] ^= 1;
    let place = Place::new();
    let path = journal_dir(place.path()).join("00000001.log");
    fs::write(&path, &bytes).unwrap();
    let other = Sealer::new(&DataKey::from_bytes([1; 32]), ACCOUNT.into_bytes());
    let quarantine = place.path().join("quarantine");
    let told = flyos::store::Journal::open(&journal_dir(place.path()), &quarantine, other);
    assert!(matches!(told, Err(StoreError::Key { .. })), "{told:?}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert!(!quarantine.exists());
}

/// The other process: appends until it is killed, and says each number once `append` has returned it.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn child_appends() {
    let Some(place) = place_of_child() else { return };
    let (mut journal, _) = open_journal(&place).unwrap();
    loop {
        let next = journal.next_seq();
        // Now and then two at once, and some large enough to change segments.
        let size = if next % 7 == 0 { 150 << 10 } else { 0 };
        let saved = journal.append(&[padded(next, size), entry(next + 1)]).unwrap();
        say(&format!("saved {}", saved.end()));
    }
}

#[test]
fn a_killed_process_loses_nothing_it_acknowledged() {
    let place = Place::new();
    let mut acknowledged = 0;
    for round in 0..12 {
        let mut process = child("journal::child_appends", place.path());
        let mut said = Said::of(&mut process);
        for _ in 0..=round * 3 {
            acknowledged = said.next("saved ").unwrap().parse().unwrap();
        }
        process.kill().unwrap();
        // What it still said before it died counts as well.
        while let Some(Ok(seq)) = said.next("saved ").map(|seq| seq.parse()) {
            acknowledged = seq;
        }
        process.wait().unwrap();
        let (_, opened) = open_journal(place.path()).unwrap();
        let found = seqs(&opened);
        assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>(), "round {round}");
        assert!(found.len() as u64 >= acknowledged, "round {round}: {} of {acknowledged}", found.len());
        assert!(opened.missing.is_empty());
    }
    assert!(acknowledged > 100);
}

#[test]
fn files_that_are_no_segments_are_left_alone() {
    let place = Place::new();
    let dir = journal_dir(place.path());
    let other: Vec<PathBuf> = ["notes.txt", "00000001.new", "x.log"].map(|name| dir.join(name)).into();
    for path in &other {
        fs::write(path, "mine").unwrap();
    }
    let (mut journal, opened) = open_journal(place.path()).unwrap();
    journal.append(&[entry(1)]).unwrap();
    assert!(opened.entries.is_empty() && opened.damage.is_empty());
    assert!(other.iter().all(|path| fs::read(path).unwrap() == b"mine"));
}
