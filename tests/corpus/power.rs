//! Kills and power cuts after each recorded call of any thread, on the files as they would then lie there.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use crate::kit::can_trace;
use crate::kit::{Place, say};
use crate::record::{Disk, Record, record};
use crate::script::{account_dir, check};
use crate::{chosen, is_long};

/// The part of a page that a disk writes at once, in bytes.
const SECTOR: usize = 512;
/// Cases of a short run, of each kind.
const USUAL: usize = 25;

/// What becomes of what was not synced.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// The process was killed, the machine goes on: all is there.
    Kept,
    /// Nothing of it is there.
    Dropped,
    /// The last write of each file of the journal is there up to so many bytes, with all before it.
    Torn(usize),
    /// Of each file, a part of its writes, by chance; each whole, torn at a sector, or not there.
    Some(u64),
}

/// Two lives, recorded one after the other: the second begins with what the first left.
fn lives(place: &Path) -> Vec<(Disk, Record)> {
    (0..2).map(|life| (Disk::of(place), record(place, life))).collect()
}

/// The cases of one life: after which of its calls, and what becomes of the rest.
fn cases(begin: &Disk, record: &Record, journal: &Path) -> [Vec<(usize, Fate)>; 3] {
    let (mut kills, mut cuts, mut torn) = (Vec::new(), Vec::new(), Vec::new());
    let mut disk = begin.clone();
    for (nth, op) in record.ops.iter().enumerate() {
        disk.apply(op);
        kills.push((nth, Fate::Kept));
        cuts.push((nth, Fate::Dropped));
        cuts.extend(
            (0..if is_long() { 8 } else { 1 }).map(|chance| (nth, Fate::Some(chance + 17 * nth as u64))),
        );
        torn.extend((1..disk.unsafe_bytes(journal)).map(|bytes| (nth, Fate::Torn(bytes))));
    }
    [kills, cuts, torn]
}

/// A number that follows from others and looks like chance.
fn dice(seed: u64, salt: usize) -> usize {
    let mixed = (seed ^ (salt as u64).rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40).unwrap()
}

/// How many bytes of a change are there.
fn kept(fate: Fate, path: &Path, left: usize, len: usize) -> usize {
    let is_journal = path.extension().is_some_and(|end| end == "log");
    match fate {
        Fate::Kept => len,
        Fate::Dropped => 0,
        Fate::Torn(bytes) if is_journal && left == 1 => bytes,
        Fate::Torn(_) => {
            if is_journal {
                len
            } else {
                0
            }
        }
        Fate::Some(seed) => match dice(seed, path.as_os_str().len() * 1000 + left) % 4 {
            0 => 0,
            1 => dice(seed, left) % (len / SECTOR + 1) * SECTOR,
            _ => len,
        },
    }
}

#[test]
fn a_kill_or_a_power_cut_after_any_call_loses_nothing_that_was_acknowledged() {
    if !can_trace() {
        return;
    }
    let begun = Instant::now();
    let home = Place::in_memory();
    let (mut done, mut rebuilt, mut older, mut points) = ([0; 3], 0, 0, 0);
    let mut before = BTreeSet::new();
    for (life, (begin, record)) in lives(home.path()).into_iter().enumerate() {
        points += record.ops.len();
        let journal = account_dir(home.path()).join("journal");
        let all = cases(&begin, &record, &journal);
        for (kind, cases) in all.iter().enumerate() {
            let (mut disk, mut applied) = (begin.clone(), 0);
            for (upto, fate) in chosen(cases.len(), USUAL).map(|nth| cases[nth]) {
                while applied <= upto {
                    disk.apply(&record.ops[applied]);
                    applied += 1;
                }
                for safe_names in [false, true] {
                    if safe_names && matches!(fate, Fate::Kept) {
                        continue;
                    }
                    let place = Place::in_memory();
                    disk.put_down(home.path(), place.path(), safe_names, |path, left, len| {
                        kept(fate, path, left, len)
                    });
                    let said = disk.life();
                    let acknowledged = before.union(&said.acknowledged).copied().collect();
                    let tried = (0..300).collect();
                    let what = format!(
                        "life {life}, call {upto} {:?}, {fate:?}, names {safe_names}",
                        brief(&record, upto)
                    );
                    let held = check(place.path(), &acknowledged, &tried, &what);
                    done[kind] += 1;
                    rebuilt += usize::from(held.found.cache_rebuilt.is_some());
                    older += usize::from(held.pages < 2);
                }
            }
        }
        before.extend(record.life.acknowledged);
    }
    let [kills, cuts, torn] = done;
    say(&format!(
        "after {points} calls: {kills} kills, {cuts} power cuts, {torn} torn writes of the journal; 0 lost; {rebuilt} caches \
         loaded anew, {older} older ones; {:.0} s",
        begun.elapsed().as_secs_f64()
    ));
}

/// The call in a few words.
fn brief(record: &Record, nth: usize) -> String {
    let mut text = format!("{:?}", record.ops[nth]);
    text.truncate(120);
    text
}
