//! Kills and errors at each system call of a life, by `strace`, on the store's own files.
//!
//! A kill comes as the process enters the call, which is not made. Calls are counted for each thread by itself: the nth of
//! the first thread that gets so far. (`power` has the state of the files after each call of any thread.) An error comes
//! from the nth call of each thread, once, or from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use crate::kit::can_trace;
use crate::kit::copy;
use crate::kit::{Place, say};
use crate::record::record;
use crate::script::{check, live};
use crate::{chosen, is_long};

/// What is done to a call.
const FAULTS: [(&str, &str); 5] = [
    ("killed", "signal=KILL:when={}"),
    ("EIO", "error=EIO:when={}"),
    ("EIO from then on", "error=EIO:when={}+"),
    ("ENOSPC", "error=ENOSPC:when={}"),
    ("ENOSPC from then on", "error=ENOSPC:when={}+"),
];
/// Cases of a short run.
const USUAL: usize = 40;

struct Case<'a> {
    call: &'a str,
    fault: (&'static str, &'static str),
    nth: u64,
}

fn wrap(case: &Case, paths: &BTreeSet<PathBuf>) -> Vec<String> {
    let inject = case.fault.1.replace("{}", &case.nth.to_string());
    let words = ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", "signal=none", "-e"];
    let mut all: Vec<String> = words.map(str::to_owned).into();
    all.extend([format!("trace={}", case.call), "-e".to_owned(), format!("inject={}:{inject}", case.call)]);
    // Calls on other files, such as the program's own libraries, are left alone and not counted.
    all.extend(paths.iter().flat_map(|path| ["-P".to_owned(), path.display().to_string()]));
    all
}

#[test]
fn a_fault_at_any_call_loses_nothing_that_was_acknowledged() {
    if !can_trace() {
        return;
    }
    let (begun, lives) = (Instant::now(), if is_long() { 2 } else { 1 });
    let mut tally: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for life in 0..lives {
        // What there is before this life: nothing, or what the one before it left.
        let before = Place::in_memory();
        let mut acknowledged = BTreeSet::new();
        if life > 0 {
            acknowledged = live(before.path(), 0, &[]).acknowledged;
        }
        let sound = Place::in_memory();
        copy(before.path(), sound.path());
        let recorded = record(sound.path(), life);
        let relative: Vec<PathBuf> =
            recorded.paths.iter().map(|path| path.strip_prefix(sound.path()).unwrap().to_owned()).collect();
        let calls = recorded.calls.iter();
        let cases: Vec<Case> = calls
            .flat_map(|(call, most)| (1..=*most).map(move |nth| (call, nth)))
            .flat_map(|(call, nth)| FAULTS.map(|fault| Case { call, fault, nth }))
            .collect();
        for nth in chosen(cases.len(), USUAL) {
            let (case, place) = (&cases[nth], Place::in_memory());
            copy(before.path(), place.path());
            let paths = relative.iter().map(|path| place.path().join(path)).collect();
            let after = live(place.path(), life, &wrap(case, &paths));
            if !after.begun {
                continue;
            }
            let acknowledged = acknowledged.union(&after.acknowledged).copied().collect();
            let tried = &(life * 100..life * 100 + 100).chain(0..100).collect();
            let what = format!("{} at {} {} of life {life}", case.fault.0, case.call, case.nth);
            check(place.path(), &acknowledged, tried, &what);
            let (cases, killed, saved) = tally.entry(case.fault.0).or_default();
            *cases += 1;
            *killed += usize::from(after.killed);
            *saved += after.acknowledged.len();
        }
    }
    let told: Vec<String> = tally
        .iter()
        .map(|(fault, (cases, killed, saved))| {
            format!("{fault}: {cases} ({killed} ended by it, {saved} edits acknowledged)")
        })
        .collect();
    say(&format!("faults at calls: {}; 0 lost; {:.0} s", told.join(", "), begun.elapsed().as_secs_f64()));
    assert!(tally["killed"].1 > 0 && tally["EIO"].0 > 0, "{tally:?}");
}
