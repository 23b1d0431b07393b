//! Taking the terminal and giving it back. There is one string of bytes that gives it back, `TEARDOWN`, and
//! every way out writes it: the end of the program, a panic, a signal, suspension. Whoever comes first does
//! it; the others find it done.
//!
//! While the terminal is ours, what libraries and the runtime write to standard error goes to `stderr.log` instead of
//! across the picture, and what they say after that to the shell's screen again.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use ratatui::layout::Size;
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};

/// Alternate screen, bracketed paste, no cursor.
const SETUP: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?25l\x1b[m\x1b[2J";
/// Ends a synchronised update, attributes, mouse, bracketed paste; shows the cursor; leaves the alternate screen.
pub const TEARDOWN: &[u8] = b"\x1b[?2026l\x1b[m\x1b[?1006l\x1b[?1000l\x1b[?2004l\x1b[?25h\x1b[?1049l";
/// Clicks and the wheel are told, with numbers of any size.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";

/// Is the terminal ours? Whoever sets this to false gives it back.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Was it given back for good? Then nobody takes it again: a suspended console that is told to end is woken for it,
/// and must not come back first.
static LEFT: AtomicBool = AtomicBool::new(false);
/// Whoever writes to the terminal that is ours. A frame that is under way when the terminal is given back must not end behind
/// that: it may hide the cursor.
static WRITING: Mutex<()> = Mutex::new(());
/// How long giving back waits for it: a terminal that takes no bytes keeps nobody.
const WRITING_PATIENCE: Duration = Duration::from_millis(50);
/// Standard error as it was, while it goes elsewhere.
static ERRORS: Mutex<Option<OwnedFd>> = Mutex::new(None);
/// The file it goes to, beside the log, and the bytes from which it is begun anew.
const ERRORS_FILE: &str = "stderr.log";
const ERRORS_BYTES_MAX: u64 = 1 << 20;
/// The line settings as they were.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal: its two directions.
pub struct Tty {
    input: OwnedFd,
    output: File,
    /// Where what is written to standard error goes meanwhile.
    errors: PathBuf,
}

impl Tty {
    /// Finds the terminal: standard input and output where they are one, else the controlling terminal. `folder`: where
    /// the log is.
    pub fn find(folder: &Path) -> io::Result<Self> {
        let (stdin, stdout) = (io::stdin(), io::stdout());
        let controlling = || File::options().read(true).write(true).open("/dev/tty");
        let input = if isatty(&stdin) { stdin.as_fd().try_clone_to_owned()? } else { controlling()?.into() };
        let output =
            if isatty(&stdout) { File::from(stdout.as_fd().try_clone_to_owned()?) } else { controlling()? };
        Ok(Self { input, output, errors: folder.join(ERRORS_FILE) })
    }

    pub fn input(&self) -> io::Result<OwnedFd> {
        self.input.try_clone()
    }

    pub fn output(&self) -> io::Result<Output> {
        self.output.try_clone().map(Output)
    }

    /// Takes the terminal; also after it was given back for a while.
    pub fn enter(&self) -> io::Result<()> {
        if LEFT.load(Ordering::SeqCst) {
            return Ok(());
        }
        let before = tcgetattr(&self.input)?;
        let mut raw = before.clone();
        raw.make_raw();
        if !TAKEN.swap(true, Ordering::SeqCst)
            && let Ok(mut kept) = BEFORE.lock()
        {
            *kept = Some(before);
        }
        tcsetattr(&self.input, OptionalActions::Now, &raw)?;
        turn_errors(&self.errors);
        (&self.output).write_all(SETUP)?;
        if LEFT.load(Ordering::SeqCst) {
            // It was given back meanwhile, perhaps before these last bytes.
            TAKEN.store(true, Ordering::SeqCst);
            self.leave();
        }
        Ok(())
    }

    /// Takes clicks and the wheel, or leaves them to the terminal.
    pub fn take_mouse(&self, on: bool) -> io::Result<()> {
        self.send(if on { MOUSE_ON } else { MOUSE_OFF })
    }

    /// Sends what is no part of the picture, between two frames; nothing where the terminal is not ours.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.output()?.write_all(bytes)
    }

    /// Gives the terminal back.
    pub fn leave(&self) {
        if !TAKEN.swap(false, Ordering::SeqCst) {
            return;
        }
        (&self.output).write_all(TEARDOWN).ok();
        restore_settings(&self.input);
        restore_errors();
    }

    /// A line for after the end, where the shell goes on.
    pub fn say(&self, line: &str) {
        (&self.output).write_all(format!("{line}\n").as_bytes()).ok();
    }
}

/// Takes bytes as long as the terminal is ours, and drops them after that.
#[derive(Debug)]
pub struct Output(File);

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        if is_taken() { self.0.write(bytes) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl AsFd for Output {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.leave();
    }
}

/// More than any screen has; a frame of that takes some 40 MB.
const COLUMNS_MAX: u16 = 1_000;
const ROWS_MAX: u16 = 500;

/// The size of the window; a terminal that does not tell has 80x24.
pub fn size(tty: &impl AsFd) -> io::Result<Size> {
    let size = tcgetwinsize(tty)?;
    Ok(window(size.ws_col, size.ws_row))
}

/// The part of a window that is drawn: whoever sets a size of 65,535 lines gets no frame of as many.
fn window(columns: u16, rows: u16) -> Size {
    let told = |cells: u16, otherwise: u16| if cells == 0 { otherwise } else { cells };
    Size { width: told(columns, 80).min(COLUMNS_MAX), height: told(rows, 24).min(ROWS_MAX) }
}

/// Standard error goes to that file from now on, where it would go across the picture; what a shell sent elsewhere stays
/// there. A file that cannot be opened is no reason to show it on the picture.
fn turn_errors(path: &Path) {
    let Ok(mut kept) = ERRORS.lock() else { return };
    if kept.is_some() || !isatty(io::stderr()) {
        return;
    }
    let file = errors_file(path).or_else(|_| File::options().write(true).open("/dev/null"));
    if let (Ok(file), Ok(before)) = (file, io::stderr().as_fd().try_clone_to_owned())
        && rustix::stdio::dup2_stderr(&file).is_ok()
    {
        *kept = Some(before);
    }
}

/// At its end, also where another console writes into it.
fn errors_file(path: &Path) -> io::Result<File> {
    let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let file = File::options().append(true).create(true).mode(0o600).custom_flags(no_link).open(path)?;
    if file.metadata()?.len() > ERRORS_BYTES_MAX {
        file.set_len(0)?;
    }
    Ok(file)
}

fn restore_errors() {
    if let Ok(mut kept) = ERRORS.try_lock()
        && let Some(before) = kept.take()
    {
        let _ = rustix::stdio::dup2_stderr(&before);
    }
}

fn restore_settings(tty: &impl AsFd) {
    // A poisoned or busy lock must not keep the way out waiting.
    if let Ok(before) = BEFORE.try_lock()
        && let Some(before) = before.as_ref()
    {
        let _ = tcsetattr(tty, OptionalActions::Now, before);
    }
}

/// May frames still be written?
pub fn is_taken() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

/// Waits a little for a frame under way; whoever has the guard is the only one to write.
fn others_written() -> Option<MutexGuard<'static, ()>> {
    let end = Instant::now() + WRITING_PATIENCE;
    loop {
        match WRITING.try_lock() {
            Ok(writing) => return Some(writing),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(TryLockError::WouldBlock) => return None,
        }
    }
}

/// Gives the terminal back from any thread, without waiting for more than a frame: for signals and panics. Opened anew so
/// that not to wait is said of this one opening and not of the shell's. `words`: a line for the shell's screen.
pub fn leave_at_once(words: Option<&str>) {
    LEFT.store(true, Ordering::SeqCst);
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    restore_errors();
    let _writing = others_written();
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    if let Ok(tty) = rustix::fs::open("/dev/tty", flags, rustix::fs::Mode::empty()) {
        let _ = rustix::io::write(&tty, TEARDOWN);
        restore_settings(&tty);
        if let Some(words) = words {
            let _ = rustix::io::write(&tty, format!("{words}\n").as_bytes());
        }
    }
}

/// On a panic of the calling thread: first the terminal, then the message. A panic elsewhere goes to the log,
/// for it would only be painted over.
pub fn hook_panics() {
    let screen = std::thread::current().id();
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !is_taken() {
            previous(info);
        } else if std::thread::current().id() == screen {
            leave_at_once(None);
            previous(info);
        } else {
            tracing::error!("a background thread panicked: {info}");
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame that comes behind the bytes that gave the terminal back.
    #[test]
    fn what_comes_after_the_terminal_was_given_back_is_dropped() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut output = Output(file.reopen().expect("the file"));
        assert!(!is_taken(), "no test takes the terminal of all");
        output.write_all(b"\x1b[?25l").expect("dropped");
        assert_eq!(std::fs::read(file.path()).expect("the file"), b"");
    }

    #[test]
    fn a_window_is_never_empty_and_never_boundless() {
        let sizes =
            [(0, 0), (1, 1), (80, 24), (u16::MAX, u16::MAX)].map(|(columns, rows)| window(columns, rows));
        let sizes = sizes.map(|size| (size.width, size.height));
        assert_eq!(sizes, [(80, 24), (1, 1), (80, 24), (COLUMNS_MAX, ROWS_MAX)]);
    }
}
