//! The thread that reads the keyboard. It looks before it reads, and a terminal that has gone (hang-up,
//! error, end of file) ends the process the same way a hang-up signal does: it never reads on in a circle.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::Sender;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Happening;
use super::decode::Decoder;
use super::signals::{DEATH_BY_SIGNAL, Shutdown, leave_process};

/// How long a sequence may be interrupted on its way, on a slow line, before a lone escape is the Esc key.
const SEQUENCE_GAP: Timespec = Timespec { tv_sec: 0, tv_nsec: 30_000_000 };
const READ_BYTES: usize = 4096;

/// Starts to read.
pub fn watch(tty: OwnedFd, out: Sender<Happening>, shutdown: Shutdown) -> io::Result<()> {
    std::thread::Builder::new().name("keyboard".to_owned()).spawn(move || {
        if let End::TerminalGone = read_all(&tty, &out) {
            leave_process(DEATH_BY_SIGNAL + signal_hook::consts::SIGHUP, None, &shutdown);
        }
    })?;
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    TerminalGone,
    NobodyListens,
}

fn read_all(tty: &OwnedFd, out: &Sender<Happening>) -> End {
    let mut decoder = Decoder::default();
    let mut bytes = [0; READ_BYTES];
    loop {
        let mut fds = [PollFd::new(tty, PollFlags::IN)];
        let gap = decoder.is_pending().then_some(&SEQUENCE_GAP);
        let inputs = match poll(&mut fds, gap) {
            Ok(0) => decoder.give_up(),
            Ok(_) if fds[0].revents().contains(PollFlags::IN) => match rustix::io::read(tty, &mut bytes) {
                Ok(0) => return End::TerminalGone,
                Ok(count) => decoder.feed(bytes.get(..count).unwrap_or_default()),
                Err(Errno::INTR | Errno::AGAIN) => continue,
                Err(_) => return End::TerminalGone,
            },
            Err(Errno::INTR | Errno::AGAIN) => continue,
            Ok(_) | Err(_) => return End::TerminalGone,
        };
        for input in inputs {
            if out.send(Happening::Input(input)).is_err() {
                return End::NobodyListens;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::sync::mpsc::channel;

    #[test]
    fn the_end_of_the_line_ends_the_reading() {
        let (read, mut write) = io::pipe().expect("a pipe");
        let (sender, receiver) = channel();
        write.write_all(b"q").expect("room in the pipe");
        drop(write);
        assert_eq!(read_all(&read.into(), &sender), End::TerminalGone);
        assert!(matches!(receiver.try_recv(), Ok(Happening::Input(_))));
    }

    #[test]
    fn a_terminal_that_is_closed_ends_the_reading() {
        let pair =
            portable_pty::native_pty_system().openpty(portable_pty::PtySize::default()).expect("a pty");
        let path = pair.master.tty_name().expect("its name");
        let terminal = std::fs::File::options().read(true).open(path).expect("the terminal");
        let (sender, _receiver) = channel();
        let reader = std::thread::spawn(move || read_all(&terminal.into(), &sender));
        drop(pair);
        assert_eq!(reader.join().expect("no panic"), End::TerminalGone);
    }
}
