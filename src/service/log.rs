//! The log: JSON lines, a file a day, those of a fortnight, for the person who runs the machine alone.
//!
//! `FLYOS_LOG` says what is written (`flyos=debug`). Secrets are of types that do not print themselves, and a test
//! searches every byte of the log for them. A folder that cannot be written is no reason not to start, and a line that
//! cannot be is lost without a word: where the disk is full, the console says so itself.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing_appender::rolling::{RollingFileAppender, Rotation};

/// Days whose files are kept.
const FILES_MAX: usize = 14;
/// What one process writes in a day, in bytes: a fault that repeats does not fill the disk.
const DAY_BYTES_MAX: usize = 16 << 20;
const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Begins to log into `flyos.YYYY-MM-DD.log` in that folder.
pub fn to(state: &Path) {
    let Ok(file) = open(state) else { return };
    let filter = tracing_subscriber::EnvFilter::try_from_env("FLYOS_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("flyos=info,warn"));
    let log = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        // It would say so on standard error, in the midst of the screen.
        .log_internal_errors(false)
        .with_writer(Mutex::new(file))
        .finish();
    drop(tracing::subscriber::set_global_default(log));
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
