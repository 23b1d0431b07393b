//! What the tests of the store share: edits and keys, places to keep them, this program again as another process.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses its own part of this, and a helper fails its test"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use flyos::domain::{Change, Key, Stamp};
use flyos::store::{Edit, Entry, Journal, Opened, StoreError};
use flyos::vault::{DataKey, Sealer};
use uuid::Uuid;

pub const ACCOUNT: Uuid = Uuid::from_u128(0x0f1e_2d3c_4b5a_6978_8796_a5b4_c3d2_e1f0);

pub fn key() -> DataKey {
    DataKey::from_bytes([42; 32])
}

pub fn sealer() -> Sealer {
    Sealer::new(&key(), ACCOUNT.into_bytes())
}

/// An edit that can be told from the others.
pub fn entry(n: u64) -> Entry {
    padded(n, 0)
}

pub fn padded(n: u64, bytes: usize) -> Entry {
    let set = BTreeMap::from([("model".to_owned(), Some("FlyOS_MQ7".to_owned()))]);
    Entry::Edit(Edit {
        op: Uuid::from_u128(u128::from(n)),
        by: Uuid::from_u128(7),
        at: Stamp(1_795_000_000_000_000),
        reason: (bytes > 0).then(|| "x".repeat(bytes)),
        changes: vec![Change::insert(Key::drone(&format!("drone-{n:03}")), set)],
        drops: None,
    })
}

/// A place to keep a journal; in memory where the test makes thousands of them.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        Self(if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

pub fn journal_dir(place: &Path) -> PathBuf {
    let dir = place.join("journal");
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

pub fn open_journal(place: &Path) -> Result<(Journal, Opened), StoreError> {
    Journal::open(&journal_dir(place), &place.join("quarantine"), sealer())
}

/// The numbers found, each with the entry that belongs to it.
pub fn seqs(opened: &Opened) -> Vec<u64> {
    for (seq, found) in &opened.entries {
        let Entry::Edit(edit) = found else { continue };
        assert_eq!(edit.op, Uuid::from_u128(u128::from(*seq)), "entry {seq} is itself");
    }
    opened.entries.iter().map(|(seq, _)| *seq).collect()
}

/// This test program again, running one ignored test that plays the other process, with a folder to use.
pub fn child(role: &str, place: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", role, "--ignored", "--nocapture", "--test-threads=1"])
        .env("FLYOS_TEST_PLACE", place)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The folder that a child was given; `None` when somebody runs the ignored tests by hand.
pub fn place_of_child() -> Option<PathBuf> {
    std::env::var_os("FLYOS_TEST_PLACE").map(PathBuf::from)
}

/// What a child says after a word, line by line, past what the test harness prints.
pub struct Said(Lines<BufReader<ChildStdout>>);

impl Said {
    pub fn of(child: &mut Child) -> Self {
        Self(BufReader::new(child.stdout.take().unwrap()).lines())
    }

    pub fn next(&mut self, word: &str) -> Option<String> {
        self.0.find_map(|line| line.ok()?.split_once(word).map(|(_, rest)| rest.trim().to_owned()))
    }
}

/// Whether a child says that it came to its end, and does.
pub fn came_through(mut child: Child, word: &str) -> bool {
    let mut said = Said::of(&mut child);
    let told = said.next(word).is_some();
    // Its harness has more to say, and would fail on a closed pipe.
    let rest = said.next("nothing more of interest");
    child.wait().unwrap().success() && told && rest.is_none()
}

/// A line for who reads the test's output, or for the parent process.
pub fn say(text: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{text}").unwrap();
}

/// A copy of a folder and all below it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let path = item.unwrap().path();
        let name = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &name);
        } else if path.file_name().is_some_and(|name| name != "reserve") {
            std::fs::copy(&path, name).unwrap();
        }
    }
}

/// Whether processes may be traced here.
pub fn can_trace() -> bool {
    let traced = Command::new("strace").args(["-f", "-qqq", "-o", "/dev/null", "true"]).status();
    let can = traced.is_ok_and(|status| status.success());
    if !can {
        say("skipped: this machine has no strace, or lets nobody trace");
    }
    can
}
