//! The log: JSON lines, a file a day, those of a fortnight, for the person who runs the machine alone.
//!
//! `FLYOS_LOG` says what is written (`flyos=debug`). Secrets are of types that do not print themselves, and a test
//! searches every byte of the log for them. A folder that cannot be written is no reason not to start, and a line that
//! cannot be is lost without a word: where the disk is full, the console says so itself.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::Level;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

/// Where somebody says what is written.
const WISH: &str = "FLYOS_LOG";
/// Days whose files are kept.
const FILES_MAX: usize = 14;
/// What one process writes in a day, in bytes: a fault that repeats does not fill the disk.
const DAY_BYTES_MAX: usize = 16 << 20;
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Begins to log into `flyos.YYYY-MM-DD.log` in that folder.
pub fn to(state: &Path) {
    let Ok(file) = open(state) else { return };
    let wish = std::env::var_os(WISH);
    let wished = wish.as_deref().map(|text| text.to_str().and_then(wished));
    let unread = wished == Some(None);
    let usual = || Targets::new().with_target("flyos", Level::INFO).with_default(Level::WARN);
    let filter = wished.flatten().unwrap_or_else(usual);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        // It would say so on standard error, in the midst of the screen.
        .log_internal_errors(false)
        .with_writer(Mutex::new(file));
    drop(tracing::subscriber::set_global_default(
        tracing_subscriber::registry().with(lines.with_filter(filter)),
    ));
    if unread {
        tracing::warn!(?wish, "{WISH} is no list of levels such as flyos=debug,warn: it is passed over");
    }
}

/// Levels, and modules with theirs; `None` where that cannot be read. (By itself, `Targets` takes nearly anything for the
/// name of a module, which then is none.)
fn wished(text: &str) -> Option<Targets> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-' | '=');
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    parts.iter().all(|part| part.chars().all(is_name)).then(|| parts.join(",").parse().ok()).flatten()
}

fn open(state: &Path) -> io::Result<Bounded<RollingFileAppender>> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(state)?;
    // The file's own mode is 0600 by the umask that the program sets before.
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("flyos")
        .filename_suffix("log")
        .max_log_files(FILES_MAX)
        .build(state)
        .map_err(io::Error::other)?;
    Ok(Bounded { to: file, day: today(), left: DAY_BYTES_MAX })
}

fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / DAY_SECONDS)
}

/// Writes so much a day, and then a last line that says so.
struct Bounded<W> {
    to: W,
    day: u64,
    left: usize,
}

impl<W: Write> Bounded<W> {
    fn on(&mut self, day: u64, line: &[u8]) -> io::Result<usize> {
        if day != self.day {
            (self.day, self.left) = (day, DAY_BYTES_MAX);
        }
        if let Some(left) = self.left.checked_sub(line.len()) {
            self.left = left;
            return self.to.write(line);
        }
        if self.left > 0 {
            self.left = 0;
            self.to.write_all(b"{\"message\":\"this process has written enough for today\"}\n")?;
        }
        Ok(line.len())
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.on(today(), line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_full_once_and_the_next_one_begins_anew() {
        let mut log = Bounded { to: Vec::new(), day: 1, left: 10 };
        for (day, line) in [(1, "12345678\n"), (1, "abc\n"), (1, "d\n"), (2, "efg\n")] {
            assert_eq!(log.on(day, line.as_bytes()).unwrap(), line.len());
        }
        let text = String::from_utf8(log.to).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!([lines[0], lines[2]], ["12345678", "efg"], "{text}");
        assert!(lines[1].contains("enough for today") && lines.len() == 3, "{text}");
    }

    #[test]
    fn a_wish_is_read_as_it_is_meant_or_not_at_all() {
        let enabled = |text: &str, target: &str, level: Level| {
            wished(text).map(|levels| levels.would_enable(target, &level))
        };
        assert_eq!(enabled("warn, flyos=debug", "flyos::sync", Level::DEBUG), Some(true));
        assert_eq!(enabled("warn, flyos=debug", "hyper", Level::INFO), Some(false));
        assert_eq!(enabled("off", "flyos", Level::ERROR), Some(false));
        for unread in ["flyos=loud", "flyos[sync]=debug", "flyos debug", "a=b=c"] {
            assert_eq!(wished(unread), None, "{unread}");
        }
    }

    #[test]
    fn the_file_is_ones_own_and_old_ones_go() {
        let home = tempfile::tempdir().unwrap();
        for day in 1..=20 {
            std::fs::write(home.path().join(format!("flyos.2026-01-{day:02}.log")), "{}\n").unwrap();
        }
        let mut log = open(home.path()).unwrap();
        log.write_all(b"{}\n").unwrap();
        let files = std::fs::read_dir(home.path()).unwrap().count();
        assert!(files <= FILES_MAX, "{files} files");
    }
}
