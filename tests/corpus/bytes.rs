//! Every byte of every kind of file: cut there, flipped there; and pages of zeros.
//!
//! The journal's bytes are also in `journal`, an envelope's also in the vault's own tests. The cache's are tried in a
//! process of their own: should the library end its process, or hang, the place is known.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use flyos::store::{AccountFolder, StoreError};
use flyos::vault::{Purpose, unwrap};
use secrecy::ExposeSecret as _;

use crate::chosen;
use crate::kit::copy;
use crate::kit::{
    ACCOUNT, Place, Said, entry, journal_dir, key, open_journal, place_of_child, say, sealer, seqs,
};
use crate::script::{account_dir, check, live, open, password};

/// A page as file systems and disks lose it.
const PAGE: usize = 4096;
/// Cases of a short run in the cache's files.
const USUAL: usize = 60;

/// What is done to a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Cut(usize),
    Flip(usize, u8),
    Zeros(usize),
}

impl Damage {
    fn of(self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        match self {
            Self::Cut(len) => bytes.truncate(len),
            Self::Flip(at, bits) => bytes[at] ^= bits,
            Self::Zeros(at) => {
                let end = (at + PAGE).min(bytes.len());
                bytes[at..end].fill(0);
            }
        }
        bytes
    }

    /// Each cut, each byte flipped in one bit and in all, each page zeroed.
    fn all(len: usize) -> Vec<Self> {
        let flips = |at| [Self::Flip(at, 1 << (at % 8)), Self::Flip(at, 0xff)];
        let mut all: Vec<Self> = (0..len).map(Self::Cut).collect();
        all.extend((0..len).flat_map(flips));
        all.extend((0..len).step_by(PAGE).map(Self::Zeros));
        all
    }
}

#[test]
fn an_account_file_is_read_from_its_copy_or_known_to_be_damaged() {
    let place = Place::in_memory();
    live(place.path(), 0, &[]);
    let path = account_dir(place.path()).join("account.toml");
    let sound = fs::read(&path).unwrap();
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    let whole = folder.read().unwrap();
    for damage in Damage::all(sound.len()) {
        fs::write(&path, damage.of(&sound)).unwrap();
        assert_eq!(folder.read().unwrap(), whole, "{damage:?}");
    }
    fs::remove_file(path.with_extension("copy")).unwrap();
    let (mut told, mut opened, mut shut, mut alike) = (0, 0, 0, 0);
    for damage in Damage::all(sound.len()) {
        fs::write(&path, damage.of(&sound)).unwrap();
        let file = match folder.read() {
            Ok(Some(file)) => file,
            Err(StoreError::Corrupt { .. } | StoreError::Schema { .. }) => {
                told += 1;
                continue;
            }
            other => panic!("{damage:?}: {other:?}"),
        };
        if Some(&file) == whole.as_ref() {
            // It hit the word before the sum.
            alike += 1;
            continue;
        }
        assert!(file.is_doubtful(), "{damage:?}");
        // What opens is the right key; the token is the one that was kept, or none, or told.
        match file.wraps.iter().find_map(|wrap| unwrap(&password(), wrap).ok()) {
            Some(found) => {
                assert_eq!(found.id(), key().id(), "{damage:?}");
                opened += 1;
            }
            None => shut += 1,
        }
        if let Ok(Some(token)) = file.session(&sealer()) {
            assert_eq!(token.expose_secret(), "refresh-me", "{damage:?}");
        }
    }
    fs::write(&path, &sound).unwrap();
    say(&format!(
        "account.toml, {} bytes: {} cases, each read from the copy; without one {told} told as damaged, and known to be \
         damaged {shut} that no password opens and {opened} that open the right key; {alike} are whole but for the word \
         before the sum",
        sound.len(),
        told + opened + shut + alike
    ));
}

#[test]
fn an_envelope_opens_whole_or_not_at_all() {
    let sealed = sealer().seal(Purpose::Rows, b"place", b"what was sealed").unwrap();
    let all = Damage::all(sealed.len());
    for damage in &all {
        assert!(sealer().open(Purpose::Rows, b"place", &damage.of(&sealed)).is_err(), "{damage:?}");
    }
    say(&format!("an envelope, {} bytes: {} cases, none opens", sealed.len(), all.len()));
}

#[test]
fn a_journal_keeps_every_entry_that_is_whole() {
    let place = Place::in_memory();
    let (mut journal, _) = open_journal(place.path()).unwrap();
    for n in 1..=4 {
        journal.append(&[entry(n)]).unwrap();
    }
    drop(journal);
    let path = journal_dir(place.path()).join("00000001.log");
    let sound = fs::read(&path).unwrap();
    let all = Damage::all(sound.len());
    let mut cases = 0;
    for nth in chosen(all.len(), 300) {
        let other = Place::in_memory();
        fs::write(journal_dir(other.path()).join("00000001.log"), all[nth].of(&sound)).unwrap();
        let (mut journal, opened) = open_journal(other.path()).unwrap();
        let found = seqs(&opened);
        let least = match all[nth] {
            Damage::Flip(..) => 3,
            Damage::Cut(len) => (len * 4 / sound.len()).saturating_sub(1),
            Damage::Zeros(_) => 0,
        };
        assert!(found.len() >= least, "{:?}: {found:?}", all[nth]);
        let next = journal.next_seq();
        assert_eq!(journal.append(&[entry(next)]).unwrap(), next..=next);
        cases += 1;
    }
    say(&format!("a journal, {} bytes: {cases} cases, every whole entry kept", sound.len()));
}

/// Where a file's bytes end that say anything; behind it all are zeros.
fn live_len(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1)
}

/// The cases of the cache's files, in order.
fn cache_cases(sound: &Path) -> Vec<(PathBuf, Damage)> {
    let dir = account_dir(sound).join("cache");
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|item| item.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    let of = |path: PathBuf| {
        let len = live_len(&fs::read(&path).unwrap());
        Damage::all(len).into_iter().map(move |damage| (path.clone(), damage)).collect::<Vec<_>>()
    };
    files.into_iter().flat_map(of).collect()
}

/// Tries the cases from a number on, and says each before and after.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn child_tries_the_cache() {
    let Some(sound) = place_of_child() else { return };
    let from: usize = std::env::var("FLYOS_TEST_FROM").unwrap().parse().unwrap();
    let cases = cache_cases(&sound);
    let acknowledged: BTreeSet<u64> = [1, 2, 3, 4, 9].into();
    let tried = (0..100).collect();
    for nth in chosen(cases.len(), USUAL).filter(|nth| *nth >= from) {
        let (path, damage) = &cases[nth];
        say(&format!("trying {nth}"));
        let place = Place::in_memory();
        copy(&sound, place.path());
        let bytes = damage.of(&fs::read(path).unwrap());
        fs::write(place.path().join(path.strip_prefix(&sound).unwrap()), bytes).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        let held = check(place.path(), &acknowledged, &tried, &format!("{name} {damage:?}"));
        let how = match (&held.found.cache_rebuilt, held.pages) {
            (Some(_), _) => "anew",
            (None, 2) => "whole",
            (None, _) => "older",
        };
        say(&format!("tried {how} {name} {damage:?} {}", held.pages));
    }
    say("tried all");
}

#[test]
fn a_cache_with_any_byte_changed_is_whole_or_older() {
    let sound = Place::in_memory();
    live(sound.path(), 0, &[]);
    try_all(&sound, "as a life leaves it");
}

/// The library makes its snapshot on opening; with one, damage to the log shows.
#[test]
fn a_cache_with_a_snapshot_and_any_byte_changed_is_whole_or_older_or_loaded_anew() {
    let sound = Place::in_memory();
    live(sound.path(), 0, &[]);
    open(sound.path()).unwrap().0.close();
    try_all(&sound, "with its snapshot");
}

fn try_all(sound: &Place, which: &str) {
    let begun = Instant::now();
    let cases = cache_cases(sound.path());
    let (mut whole, mut older, mut anew) = (0, 0, 0);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "bytes::child_tries_the_cache", "--ignored", "--nocapture", "--test-threads=1"])
        .env("FLYOS_TEST_PLACE", sound.path())
        .env("FLYOS_TEST_FROM", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // What it says of panics that were caught is much, and a pipe is small.
    let mut errors = child.stderr.take().unwrap();
    let rest = std::thread::spawn(move || {
        let mut text = Vec::new();
        std::io::copy(&mut errors, &mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    });
    let mut said = Said::of(&mut child);
    let mut at = String::new();
    while let Some(word) = said.next("tr") {
        match word.split_once(' ') {
            Some(("ying", nth)) => nth.clone_into(&mut at),
            Some(("ied", how)) if how.starts_with("whole") => whole += 1,
            Some(("ied", how)) if how.starts_with("older") => older += 1,
            Some(("ied", how)) if how.starts_with("anew") => anew += 1,
            _ => {}
        }
    }
    let status = child.wait().unwrap();
    let errors = rest.join().unwrap();
    let panics = errors.matches("panicked at").count();
    assert!(
        status.success(),
        "it ended with {status} at case {at}: {:?}\n{errors}",
        cases.get(at.parse().unwrap_or(0))
    );
    say(&format!(
        "the cache's files {which}: {} of {} cases: {whole} whole, {older} older, {anew} loaded anew, {panics} panics of the library \
         caught; {:.0} s",
        whole + older + anew,
        cases.len(),
        begun.elapsed().as_secs_f64()
    ));
}
