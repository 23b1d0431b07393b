//! The program in a pty, with the time at which each piece of its output came.
//!
//! A thread reads and stamps; the screen is rendered afterwards from the stamped pieces, so that rendering
//! and looking cost the measurement nothing.

use std::io::{Read as _, Write as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::common::FLYOS;
use crate::person::Place;

/// The size that every figure of the screen is for, in columns and rows.
const SIZE: (u16, u16) = (80, 24);
/// A million rows take half a minute to load, on a machine that has nothing else to do.
const PATIENCE: Duration = Duration::from_secs(600);
/// More than a frame is ever long, in bytes, so that one frame is one piece.
const PIECE_BYTES_MAX: usize = 1 << 16;
/// Nothing for so long: the screen is settled.
const SETTLED: Duration = Duration::from_millis(150);

/// What came while nothing was sent.
#[derive(Clone, Copy, Default)]
pub struct Heard {
    pub first: Option<Instant>,
    pub last: Option<Instant>,
    pub bytes: usize,
}

impl Heard {
    fn take(&mut self, at: Instant, bytes: usize) {
        self.first.get_or_insert(at);
        self.last = Some(at);
        self.bytes += bytes;
    }
}

pub struct Screen {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    keys: Box<dyn std::io::Write + Send>,
    pieces: Receiver<(Instant, Vec<u8>)>,
    parser: vt100::Parser,
    pub begun: Instant,
}

impl Screen {
    pub fn start(place: Place<'_>) -> anyhow::Result<Self> {
        let mut command = CommandBuilder::new(FLYOS);
        command.env_clear();
        command.cwd("/");
        command.env("FLYOS_HOME", place.home);
        command.env("SUPABASE_URL", place.url);
        command.env("SUPABASE_PUBLISHABLE_KEY", place.key);
        Self::run(command)
    }

    /// Any program, on a terminal like all the others'.
    pub fn run(mut command: CommandBuilder) -> anyhow::Result<Self> {
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("TZ", "UTC")] {
            command.env(name, value);
        }
        let (cols, rows) = SIZE;
        let pty = native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 })?;
        let child = pty.slave.spawn_command(command)?;
        // It returns at the exec. What comes before is the copying of this process, which holds many rows.
        let begun = Instant::now();
        drop(pty.slave);
        let mut reader = pty.master.try_clone_reader()?;
        let keys = pty.master.take_writer()?;
        let (sender, pieces) = channel();
        // It ends by itself when the program does.
        std::thread::spawn(move || {
            let mut buffer = vec![0; PIECE_BYTES_MAX];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let piece = (Instant::now(), buffer.get(..count).unwrap_or_default().to_vec());
                if sender.send(piece).is_err() {
                    break;
                }
            }
        });
        let parser = vt100::Parser::new(rows, cols, 0);
        Ok(Self { child, _master: pty.master, keys, pieces, parser, begun })
    }

    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.process_id().context("the program has ended")
    }

    pub fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Types; gives the time just before.
    pub fn send(&mut self, text: &str) -> anyhow::Result<Instant> {
        let at = Instant::now();
        self.keys.write_all(text.as_bytes())?;
        self.keys.flush()?;
        Ok(at)
    }

    fn take(&mut self, patience: Duration) -> anyhow::Result<Option<(Instant, usize)>> {
        match self.pieces.recv_timeout(patience) {
            Ok((at, piece)) => {
                self.parser.process(&piece);
                Ok(Some((at, piece.len())))
            }
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the program ended\n{}", self.text()),
        }
    }

    /// The time of the first piece from now on.
    pub fn first_byte(&mut self) -> anyhow::Result<Instant> {
        Ok(self.take(PATIENCE)?.context("nothing was written")?.0)
    }

    /// The time of the piece with which the screen first shows what is asked for.
    pub fn until(&mut self, what: &str, holds: impl Fn(&str) -> bool) -> anyhow::Result<Instant> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some((at, _)) = self.take(PATIENCE)?
                && holds(&self.text())
            {
                return Ok(at);
            }
        }
        bail!("not in time: {what}\n{}", self.text())
    }

    /// Waits until the screen shows a text, if it does not yet.
    pub fn expect(&mut self, text: &str) -> anyhow::Result<()> {
        if !self.text().contains(text) {
            self.until(text, |screen| screen.contains(text))?;
        }
        Ok(())
    }

    /// Listens for so long, from now on.
    pub fn listen(&mut self, long: Duration) -> anyhow::Result<Heard> {
        let end = Instant::now() + long;
        let mut heard = Heard::default();
        while let left = end.saturating_duration_since(Instant::now())
            && !left.is_zero()
        {
            if let Some((at, bytes)) = self.take(left)? {
                heard.take(at, bytes);
            }
        }
        Ok(heard)
    }

    /// Listens until nothing came for `gap`.
    pub fn settle_for(&mut self, gap: Duration) -> anyhow::Result<Heard> {
        let mut heard = Heard::default();
        while let Some((at, bytes)) = self.take(gap)? {
            heard.take(at, bytes);
        }
        Ok(heard)
    }

    /// What comes to a key: waits for its first piece and then until nothing came for `gap`, in all for no longer than
    /// `most`, since some programs draw without end.
    pub fn answer(&mut self, gap: Duration, most: Duration) -> anyhow::Result<Heard> {
        let end = Instant::now() + most;
        let mut heard = Heard::default();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let patience = if heard.first.is_some() { gap.min(left) } else { left };
            match self.take(patience)? {
                Some((at, bytes)) if !left.is_zero() => heard.take(at, bytes),
                _ => return Ok(heard),
            }
        }
    }

    pub fn settle(&mut self) -> anyhow::Result<Heard> {
        self.settle_for(SETTLED)
    }

    /// Leaves by the quit key and waits for the end.
    pub fn quit(mut self) -> anyhow::Result<()> {
        self.send("\x11")?;
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "the program ended with {}", status.exit_code());
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The screen's line that has this text.
pub fn line_of<'a>(screen: &'a str, what: &str) -> &'a str {
    screen.lines().find(|line| line.contains(what)).unwrap_or_default()
}
