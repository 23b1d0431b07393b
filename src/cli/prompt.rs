//! A password for a command: typed at the terminal and not shown, or from the first line of a file or of the input. Never an argument,
//! which others could read.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::service::{ErrorKind, ServiceError, closed_to_others};

/// What Ctrl+C sends.
const INTERRUPT: u8 = 3;
/// More than any password, in bytes.
const BYTES_MAX: usize = 1024;

/// Where a password comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    File(&'a Path),
    /// The standard input.
    Input,
    /// Somebody types it.
    Terminal,
}

/// The password in the first line of a file or of the input, or what somebody types.
pub fn password(source: Source<'_>) -> Result<SecretString, ServiceError> {
    secret(source, "Password: ")
}

/// The same, asked for in other words.
pub(super) fn secret(source: Source<'_>, words: &str) -> Result<SecretString, ServiceError> {
    let unread = |from: &str, error: io::Error| {
        ServiceError::new(ErrorKind::Usage, format!("The password could not be read from {from}: {error}."))
    };
    let text = match source {
        Source::File(path) => {
            let unread = |error| unread(&path.display().to_string(), error);
            let file = File::open(path).map_err(unread)?;
            closed_to_others(&file, path)?;
            first_line(&file).map_err(unread)?
        }
        Source::Input => {
            let input = io::stdin().as_fd().try_clone_to_owned().map(File::from);
            input.and_then(|input| first_line(&input)).map_err(|error| unread("the input", error))?
        }
        Source::Terminal if !is_attended() => {
            return Err(ServiceError::new(
                ErrorKind::Usage,
                "There is no terminal to ask for the password on.",
            )
            .hint("Give it in a file of your own (--password-file FILE) or by the input (--password-stdin).")
            .hint("Or keep the account unlocked for a while, from a terminal: flyos unlock --for 8h."));
        }
        Source::Terminal => typed(words).map_err(|error| {
            if error.kind() == io::ErrorKind::Interrupted {
                return interrupted();
            }
            ServiceError::new(ErrorKind::Usage, format!("No password could be asked for: {error}."))
                .hint("Give it in a file of your own: --password-file FILE.")
        })?,
    };
    if text.expose_secret().is_empty() {
        return Err(ServiceError::new(ErrorKind::Usage, "No password was given."));
    }
    Ok(text)
}

/// Ctrl+C in the place of an answer.
fn interrupted() -> ServiceError {
    ServiceError::new(ErrorKind::Usage, "Left at the question. Nothing was changed.")
}

/// Is anybody there who could answer?
pub(super) fn is_attended() -> bool {
    io::stdin().is_terminal() || io::stderr().is_terminal()
}

/// The password in the first line of what is piped in.
pub(super) fn piped() -> Result<SecretString, ServiceError> {
    let line = io::stdin().as_fd().try_clone_to_owned().and_then(|stdin| first_line(&File::from(stdin)));
    match line {
        Ok(line) if !line.expose_secret().is_empty() => Ok(line),
        Ok(_) => Err(ServiceError::new(ErrorKind::Usage, "No password was piped in.")),
        Err(error) => {
            Err(ServiceError::new(ErrorKind::Usage, format!("The password could not be read: {error}.")))
        }
    }
}

/// A new password, typed twice, each time asked for in those words; `otherwise`: what to do where nobody can be asked.
pub(super) fn chosen(words: [&str; 2], otherwise: &str) -> Result<SecretString, ServiceError> {
    let unasked = |why: &str| ServiceError::new(ErrorKind::Usage, why).hint(otherwise);
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::Interrupted => interrupted(),
        _ => unasked(&format!("No password could be asked for: {error}.")),
    };
    if !is_attended() {
        return Err(unasked("There is no terminal to ask for the new password on. Nothing was changed."));
    }
    let first = typed(words[0]).map_err(failed)?;
    if first.expose_secret().is_empty() {
        return Err(ServiceError::new(ErrorKind::Usage, "No password was given. Nothing was changed."));
    }
    let again = typed(words[1]).map_err(failed)?;
    if first.expose_secret() == again.expose_secret() {
        return Ok(first);
    }
    Err(ServiceError::new(ErrorKind::Usage, "The two passwords differ. Nothing was changed."))
}

/// Asks at the terminal, also where input and output lead elsewhere. Empty: only Enter was pressed.
pub fn typed(words: &str) -> io::Result<SecretString> {
    asked(&OpenOptions::new().read(true).write(true).open("/dev/tty")?, words)
}

/// What is typed before the question is thrown away: so nothing is asked before that is done, or an answer that comes at
/// once would be lost, and shown.
fn asked(mut terminal: &File, words: &str) -> io::Result<SecretString> {
    let line = {
        let _unseen = Unseen::begin(terminal)?;
        terminal.write_all(words.as_bytes())?;
        first_line(terminal)
    };
    terminal.write_all(b"\n")?;
    line
}

/// The terminal shows nothing and ends nobody while this lives: an interrupt that ended the program would leave it so.
struct Unseen<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Unseen<'a> {
    fn begin(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        // It ends the line as Enter does, so that it is heard at once.
        unseen.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        tcsetattr(terminal, OptionalActions::Flush, &unseen)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Unseen<'_> {
    fn drop(&mut self) {
        // A terminal that is gone has nothing to be put right.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// Up to the first line's end; a byte at a time, so that nothing of it stays in a buffer.
fn first_line(mut from: &File) -> io::Result<SecretString> {
    let mut line = Zeroizing::new(Vec::with_capacity(BYTES_MAX));
    let mut byte = Zeroizing::new([0]);
    while from.read(&mut *byte)? == 1 {
        match byte[0] {
            b'\n' => break,
            INTERRUPT => return Err(io::Error::new(io::ErrorKind::Interrupted, "Ctrl+C was pressed")),
            byte if line.len() < BYTES_MAX => line.push(byte),
            _ => return Err(io::Error::other("it is too long")),
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    let text = std::str::from_utf8(&line).map_err(|_| io::Error::other("it is no text"))?;
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::OpenOptionsExt as _;
    use std::time::{Duration, Instant};

    use portable_pty::{PtyPair, PtySize, native_pty_system};
    use rustix::fs::OFlags;

    use super::*;

    /// A terminal: its other side, and the side of programs.
    fn terminal() -> (PtyPair, File) {
        let pty = native_pty_system().openpty(PtySize::default()).expect("a pty");
        let name = pty.master.tty_name().expect("its name");
        let terminal = OpenOptions::new().read(true).write(true).open(&name).expect("the terminal");
        (pty, terminal)
    }

    /// Reads what it shows until that is at the end.
    fn shown(pty: &PtyPair, end: &[u8]) {
        let mut screen = pty.master.try_clone_reader().expect("its screen");
        let (mut shown, mut piece) = (Vec::new(), [0; 4096]);
        while !shown.ends_with(end) {
            let read = screen.read(&mut piece).expect("what is shown");
            shown.extend_from_slice(&piece[..read]);
        }
    }

    /// The terminal takes no more output: whoever asked before typing is unseen would never come so far.
    #[test]
    fn nothing_is_asked_before_what_is_typed_is_unseen_and_kept() {
        let (pty, terminal) = terminal();
        let name = pty.master.tty_name().expect("its name");
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).expect("a flag");
        let mut full = OpenOptions::new().write(true).custom_flags(flags).open(&name).expect("the terminal");
        while full.write(&[b'x'; 512]).is_ok() {}

        let (asks, watched) =
            (terminal.try_clone().expect("the terminal"), terminal.try_clone().expect("the terminal"));
        let asking = std::thread::spawn(move || asked(&asks, "Password: "));
        let end = Instant::now() + Duration::from_secs(30);
        while tcgetattr(&watched).expect("its modes").local_modes.contains(LocalModes::ECHO) {
            assert!(Instant::now() < end, "it was asked first, and what is typed is shown");
            std::thread::sleep(Duration::from_millis(5));
        }
        pty.master.take_writer().expect("its keys").write_all(b"secret\n").expect("typed");
        shown(&pty, b"Password: \r\n");
        let line = asking.join().expect("an end").expect("an answer");
        assert_eq!(line.expose_secret(), "secret");
        assert!(tcgetattr(&terminal).expect("its modes").local_modes.contains(LocalModes::ECHO));
    }

    #[test]
    fn an_interrupt_leaves_the_question_at_once() {
        let (pty, terminal) = terminal();
        let asks = terminal.try_clone().expect("the terminal");
        let (ended, end) = std::sync::mpsc::channel();
        std::thread::spawn(move || ended.send(asked(&asks, "Password: ").map_err(|error| error.kind())));
        shown(&pty, b"Password: ");
        // No Enter after it, as the end of the keys would be.
        let mut keys = pty.master.take_writer().expect("its keys");
        keys.write_all(b"half\x03").expect("typed");
        let left = end.recv_timeout(Duration::from_secs(30)).expect("an end");
        assert_eq!(left.map(drop), Err(io::ErrorKind::Interrupted));
        assert!(tcgetattr(&terminal).expect("its modes").local_modes.contains(LocalModes::ISIG));
        drop(keys);
    }
}
