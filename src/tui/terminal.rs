//! Taking the terminal and giving it back. There is one string of bytes that gives it back, `TEARDOWN`, and
//! every way out writes it: the end of the program, a panic, a signal, suspension. Whoever comes first does
//! it; the others find it done.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

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
/// The line settings as they were.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal: its two directions.
pub struct Tty {
    input: OwnedFd,
    output: File,
}

impl Tty {
    /// Finds the terminal: standard input and output where they are one, else the controlling terminal.
    pub fn find() -> io::Result<Self> {
        let (stdin, stdout) = (io::stdin(), io::stdout());
        let controlling = || File::options().read(true).write(true).open("/dev/tty");
        let input = if isatty(&stdin) { stdin.as_fd().try_clone_to_owned()? } else { controlling()?.into() };
        let output =
            if isatty(&stdout) { File::from(stdout.as_fd().try_clone_to_owned()?) } else { controlling()? };
        Ok(Self { input, output })
    }

    pub fn input(&self) -> io::Result<OwnedFd> {
        self.input.try_clone()
    }

    pub fn output(&self) -> io::Result<File> {
        self.output.try_clone()
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
        if is_taken() { (&self.output).write_all(bytes) } else { Ok(()) }
    }

    /// Gives the terminal back.
    pub fn leave(&self) {
        if !TAKEN.swap(false, Ordering::SeqCst) {
            return;
        }
        (&self.output).write_all(TEARDOWN).ok();
        restore_settings(&self.input);
    }

    /// A line for after the end, where the shell goes on.
    pub fn say(&self, line: &str) {
        (&self.output).write_all(format!("{line}\n").as_bytes()).ok();
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

/// Gives the terminal back from any thread, without ever waiting: for signals and panics. Opened anew so
/// that not to wait is said of this one opening and not of the shell's. `words`: a line for the shell's screen.
pub fn leave_at_once(words: Option<&str>) {
    LEFT.store(true, Ordering::SeqCst);
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
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

    #[test]
    fn a_window_is_never_empty_and_never_boundless() {
        let sizes =
            [(0, 0), (1, 1), (80, 24), (u16::MAX, u16::MAX)].map(|(columns, rows)| window(columns, rows));
        let sizes = sizes.map(|size| (size.width, size.height));
        assert_eq!(sizes, [(80, 24), (1, 1), (80, 24), (COLUMNS_MAX, ROWS_MAX)]);
    }
}
