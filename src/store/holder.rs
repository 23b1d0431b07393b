//! Who has an account open: what the lock's file says of them, and what the system says for sure.
//!
//! The lock is the system's (`flock`) and decides alone. Inside its file the holder writes down who it is: for
//! people, and to find it when it answers nobody. That is a hint and no more: where the disk was full it is
//! an older holder's, and a process number may be another process's by now. So before anything is done to a
//! process, `holds` asks the system which one has the lock.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::fs::fstat;
use serde::{Deserialize, Serialize};

use super::disk;
use crate::domain::{Stamp, field};

/// The longest text of a place that is shown, in characters.
const TEXT_CHARS_MAX: usize = 64;

/// A console that has an account open, and where it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    /// When it opened the account.
    pub since: Stamp,
    /// Its terminal, such as `pts/3`.
    #[serde(default)]
    pub tty: Option<String>,
    /// The address that the person came from, over SSH.
    #[serde(default)]
    pub from: Option<String>,
    /// The machine's name.
    #[serde(default)]
    pub host: Option<String>,
}

impl Holder {
    /// This process, here and now.
    pub fn here() -> Self {
        let tty = rustix::termios::ttyname(std::io::stdin(), Vec::new()).ok();
        let tty = tty.and_then(|name| Some(name.to_str().ok()?.trim_start_matches("/dev/").to_owned()));
        let from = std::env::var("SSH_CONNECTION").ok();
        let from = from.and_then(|line| line.split(' ').next().map(str::to_owned));
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        Self {
            pid: std::process::id(),
            since: Stamp(jiff::Timestamp::now().as_microsecond()),
            tty: tty.as_deref().and_then(plain),
            from: from.as_deref().and_then(plain),
            host: host.as_deref().and_then(plain),
        }
    }

    /// As somebody else told it; what comes from a file or a line is shown on a screen.
    #[must_use]
    pub fn plain(self) -> Self {
        let [tty, from, host] = [self.tty, self.from, self.host].map(|text| plain(&text?));
        Self { tty, from, host, ..self }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self::plain)
    }

    /// `pts/3 on ground-1, over SSH from 10.0.0.7`.
    pub fn place(&self) -> String {
        let part = |before: &str, text: &Option<String>| {
            text.as_ref().map(|text| format!("{before}{text}")).unwrap_or_default()
        };
        let terminal = self.tty.clone().unwrap_or_else(|| format!("process {}", self.pid));
        terminal + &part(" on ", &self.host) + &part(", over SSH from ", &self.from)
    }

    /// The same with the process, where it is not called by that anyway.
    pub fn place_and_process(&self) -> String {
        match self.tty {
            Some(_) => format!("{} (process {})", self.place(), self.pid),
            None => self.place(),
        }
    }
}

/// Without what a terminal would act on, and not too long; nothing where nothing is left.
fn plain(text: &str) -> Option<String> {
    let text: String = text.trim().chars().filter(|c| !field::is_harmful(*c)).take(TEXT_CHARS_MAX).collect();
    (!text.is_empty()).then_some(text)
}

/// Does that process have the lock, by what the system says now? `false` also where it cannot be known.
///
/// The device is left out of the comparison: several file systems show another one there than to `stat`.
pub fn holds(lock: &Path, pid: u32) -> bool {
    let Ok(file) = disk::options().read(true).open(lock) else { return false };
    let Some(inode) = inode(&file) else { return false };
    std::fs::read_to_string("/proc/locks").is_ok_and(|table| is_listed(&table, pid, inode))
}

fn inode(file: &File) -> Option<u64> {
    fstat(file.as_fd()).ok().map(|found| found.st_ino)
}

/// Lines such as `7: FLOCK  ADVISORY  WRITE 4711 08:01:262152 0 EOF`; who waits for a lock is listed with `->`.
fn is_listed(table: &str, pid: u32, inode: u64) -> bool {
    table.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let [kind, _, mode, holder, file] = std::array::from_fn(|_| words.next().unwrap_or_default());
        kind == "FLOCK"
            && mode == "WRITE"
            && holder.parse() == Ok(pid)
            && file.rsplit(':').next().and_then(|inode| inode.parse().ok()) == Some(inode)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_who_has_a_lock() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("lock");
        let file = File::create(&path).expect("a file");
        let me = std::process::id();
        assert!(!holds(&path, me), "nobody has it yet");
        file.try_lock().expect("free");
        assert!(holds(&path, me));
        assert!(!holds(&path, 1), "another process has not");
        drop(file);
        // A program that another test starts just then has this one's files, and with them the lock, for a moment.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while holds(&path, me) {
            assert!(std::time::Instant::now() < end, "it was let go of");
        }
        assert!(!holds(&place.path().join("none"), me));
    }

    #[test]
    fn the_table_of_locks_is_read_by_its_columns() {
        let table = "1: POSIX  ADVISORY  WRITE 7 08:01:42 0 EOF\n2: FLOCK  ADVISORY  READ 7 08:01:42 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 7 08:01:42 0 EOF\n4: FLOCK  ADVISORY  WRITE 8 08:01:42 0 EOF\n\
                     5: FLOCK  ADVISORY  WRITE 7 00:2a:43 0 EOF\n6\n";
        assert!(!is_listed(table, 7, 42), "others' locks, shared ones, and who only waits");
        assert!(is_listed(table, 8, 42));
        assert!(is_listed(table, 7, 43));
        assert!(!is_listed(table, 0, 0));
    }

    #[test]
    fn a_place_is_told_in_words_and_never_in_control_characters() {
        let text = |text: &str| Some(text.to_owned());
        let mut holder = Holder {
            pid: 4711,
            since: Stamp(0),
            tty: text("pts/3"),
            from: text("10.0.0.7"),
            host: text("ground-1"),
        };
        assert_eq!(holder.place(), "pts/3 on ground-1, over SSH from 10.0.0.7");
        (holder.from, holder.host) = (None, text("\x1b]0;x\x07\n"));
        let holder = holder.plain();
        assert_eq!(holder.place(), "pts/3 on ]0;x");
        assert_eq!(Holder { tty: None, host: None, ..holder }.place(), "process 4711");
        assert_eq!(Holder::parse("4711\n2026-11-21T13:16:05Z\n"), None, "as older versions wrote it");
    }
}
