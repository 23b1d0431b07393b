//! The console's screen. It talks to `service` and to nothing else of the house.
//!
//! One loop: something happens (a key, an event, a minute), `App::update` changes the state and says what is
//! to be done, `effects` does it, and if anything happened the state is drawn once. There is no tick: while
//! nothing happens nothing is computed and nothing is written. When a slow line keeps a frame waiting, what
//! happened meanwhile is taken in first and only the newest state is drawn.

mod accept;
mod activity;
mod acts;
mod answers;
mod app;
mod backend;
mod bulk;
mod cells;
mod copy;
mod decide;
mod decode;
mod details;
mod draw;
mod effects;
mod hands;
mod input;
pub mod keys;
mod layout;
mod machines;
mod marks;
mod messages;
mod own;
mod palette;
mod people;
mod places;
pub mod plain;
mod popups;
mod press;
mod screens;
mod secrets;
mod signals;
mod sync;
mod tables;
mod terminal;
mod texts;
pub mod theme;
mod widgets;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use ratatui::Terminal;

use crate::domain::Stamp;
use crate::service::ladder::{Colours, Ladder, Surroundings};
use crate::service::{ErrorKind, Event, Holder, Service, status};
use app::{App, Effect, Msg};
use backend::Frugal;
use decode::Input;
use effects::{Request, Runner};
use hands::Hands;
use keys::Keymap;
use terminal::Tty;
use theme::Theme;
use theme::palette::Palette;

/// How the console shows itself and is used.
pub struct Look {
    pub around: Surroundings,
    pub ladder: Ladder,
    /// The theme's name and its colours on this terminal's rung.
    pub theme: String,
    pub palette: Palette,
    pub keys: Keymap,
    /// Clicks and the wheel are taken from the start.
    pub mouse: bool,
}

impl Look {
    /// What the terminal is taken for, a line each.
    fn lines(&self) -> Vec<String> {
        let theme = format!("theme {}", self.theme);
        self.ladder.lines().into_iter().chain([theme]).collect()
    }

    const fn theme(&self) -> Theme {
        let mono = matches!(self.ladder.colours, Colours::Mono);
        Theme { ascii: self.ladder.ascii, mono, palette: self.palette }
    }
}

/// What the main program decides.
pub struct Options {
    pub look: Look,
    /// Where a text goes that is too long for a clipboard, and what libraries write to standard error.
    pub folder: PathBuf,
    /// Shuts the store on the way out by a signal; the ordinary end leaves that to the caller.
    pub shutdown: Box<dyn Fn() + Send + Sync>,
    pub start_email: Option<String>,
    pub start_project: Option<String>,
}

/// Why the screen could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    #[error("There is no terminal to show the console on: run flyos in one, or use its commands.")]
    NoTerminal(#[source] std::io::Error),
    #[error("The terminal could not be used.")]
    Terminal(#[from] std::io::Error),
}

/// What the threads around the loop tell it.
#[derive(Debug)]
enum Happening {
    Input(Input),
    Service(Event),
    Resized,
    Suspend,
    Continued,
}

/// Changes that come by themselves are drawn at most this often; keys are drawn at once.
const QUIET_FRAME_GAP: Duration = Duration::from_millis(50);
const MINUTE: Duration = Duration::from_secs(60);
/// How many happenings are taken in before a frame, so that a flood cannot keep the screen from changing.
const BATCH_MAX: usize = 1024;

/// Shows the console until somebody leaves it, or another console takes over: then this tells where the session
/// went. The terminal is given back whatever happens.
pub fn run(service: Service, options: Options) -> Result<Option<String>, TuiError> {
    let tty = Tty::find(&options.folder).map_err(TuiError::NoTerminal)?;
    let (sender, receiver) = mpsc::channel();
    let shutdown: signals::Shutdown = Arc::from(options.shutdown);
    let pending = subscribe(&service, sender.clone(), Arc::clone(&shutdown));
    signals::watch(sender.clone(), Arc::clone(&shutdown))?;
    terminal::hook_panics();
    tty.enter()?;
    input::watch(tty.input()?, sender, shutdown)?;
    let output = tty.output()?;
    let sized = tty.output()?;
    let theme = options.look.theme();
    let backend = Frugal::new(output, !theme.mono, move || terminal::size(&sized));
    let mut app = App::new(theme, TimeZone::system(), service.status(), Box::new(uuid::Uuid::now_v7))
        .with_wishes(options.start_project, options.start_email);
    app.hands = Hands { keys: options.look.keys, mouse: options.look.mouse, terminal: options.look.lines() };
    let mut screen = Screen {
        app,
        around: options.look.around,
        folder: options.folder,
        clock: service.clock(),
        runner: Runner::new(service),
        terminal: Terminal::new(backend)?,
        tty,
        pending,
        moved: None,
        dirty: true,
        urgent: true,
        stale: false,
        drawn: Instant::now(),
    };
    screen.start()?;
    let end = screen.go_on(&receiver);
    screen.tty.leave();
    let moved = screen.moved.take();
    if moved.is_none()
        && let Some(line) = texts::waiting(screen.app.status.waiting)
    {
        screen.tty.say(&line);
    }
    // A loop that failed because the line is gone has still moved.
    if moved.is_some() { Ok(moved) } else { end.map(|()| None) }
}

/// Which events are on their way to the loop already: a second of them would tell nothing.
#[derive(Default)]
struct Pending {
    data: AtomicBool,
    status: AtomicBool,
}

/// Sends events into the loop. Data and status are sent once until they are taken, so that the channel holds
/// no more than there are keys pressed and actions started.
fn subscribe(service: &Service, sender: Sender<Happening>, shutdown: signals::Shutdown) -> Arc<Pending> {
    let pending = Arc::new(Pending::default());
    let flags = Arc::clone(&pending);
    service.subscribe(move |event| {
        let told = match &event {
            Event::Data => flags.data.swap(true, Ordering::SeqCst),
            Event::Status => flags.status.swap(true, Ordering::SeqCst),
            Event::Moved { to, at, waiting } => {
                let words = moved(to, *at, *waiting);
                signals::leave_soon(ErrorKind::Moved.exit_code(), words, Arc::clone(&shutdown));
                false
            }
            _ => false,
        };
        if !told {
            // A screen that is gone hears nothing, and that is fine.
            sender.send(Happening::Service(event)).ok();
        }
    });
    pending
}

fn moved(to: &Holder, at: Stamp, waiting: usize) -> String {
    texts::moved(&status::at_text(at, at, &TimeZone::system()), &to.place(), waiting)
}

/// The loop's own things.
struct Screen {
    app: App,
    around: Surroundings,
    folder: PathBuf,
    clock: crate::service::Clock,
    runner: Runner,
    terminal: Terminal<Frugal<terminal::Output>>,
    tty: Tty,
    pending: Arc<Pending>,
    /// Where the session went.
    moved: Option<String>,
    /// Something happened since the last frame; `urgent`: by a person; `stale`: rows changed. What is shown
    /// is asked for again once a frame, however often rows change.
    dirty: bool,
    urgent: bool,
    stale: bool,
    drawn: Instant,
}

impl Screen {
    fn start(&mut self) -> Result<(), TuiError> {
        let size = terminal::size(&self.tty.output()?)?;
        self.tell(Msg::Time(self.clock.now()))?;
        self.tell(Msg::Resized(size.width, size.height))?;
        self.carry_out(vec![Effect::Setup])?;
        self.take_mouse()?;
        self.draw()
    }

    fn go_on(&mut self, receiver: &Receiver<Happening>) -> Result<(), TuiError> {
        loop {
            match receiver.recv_timeout(self.patience()) {
                Ok(first) => {
                    if self.take(first)? || self.take_more(receiver)? {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.dirty = true;
                    self.runner.look_at_idle();
                    self.tell(Msg::Time(self.clock.now()))?;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if self.dirty && (self.urgent || self.drawn.elapsed() >= QUIET_FRAME_GAP) {
                self.draw()?;
            }
        }
    }

    /// How long there is nothing to do: until the frame that is due, or until the next minute.
    fn patience(&self) -> Duration {
        if self.dirty {
            return QUIET_FRAME_GAP.saturating_sub(self.drawn.elapsed());
        }
        let into = self.clock.now().as_millis().rem_euclid(60_000);
        MINUTE.saturating_sub(Duration::from_millis(into.unsigned_abs())).max(Duration::from_millis(1))
    }

    fn take_more(&mut self, receiver: &Receiver<Happening>) -> Result<bool, TuiError> {
        for happening in receiver.try_iter().take(BATCH_MAX) {
            if self.take(happening)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes one happening; true: the end.
    fn take(&mut self, happening: Happening) -> Result<bool, TuiError> {
        self.dirty = true;
        match happening {
            Happening::Input(input) => {
                self.urgent = true;
                if !self.runner.touched() {
                    return Ok(false);
                }
                return self.tell(Msg::Input(input));
            }
            Happening::Service(event) => {
                match &event {
                    Event::Data => {
                        self.stale = true;
                        return Ok(false);
                    }
                    Event::Status => self.pending.status.store(false, Ordering::SeqCst),
                    Event::Moved { to, at, waiting } => {
                        self.moved = Some(moved(to, *at, *waiting));
                        return Ok(true);
                    }
                    _ => self.urgent = true,
                }
                self.tell(Msg::Time(self.clock.now()))?;
                if let Some(msg) = self.runner.translate(event) {
                    return self.tell(msg);
                }
            }
            Happening::Resized => {
                // A window that was small for a moment has its size of before, and not what it showed.
                self.draw_anew()?;
                let size = terminal::size(&self.tty.output()?)?;
                return self.tell(Msg::Resized(size.width, size.height));
            }
            Happening::Suspend => self.suspend()?,
            Happening::Continued => self.take_back()?,
        }
        Ok(false)
    }

    /// Tells the state one message and carries out what follows; true: the end.
    fn tell(&mut self, msg: Msg) -> Result<bool, TuiError> {
        let effects = self.app.update(msg);
        self.carry_out(effects)
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> Result<bool, TuiError> {
        for effect in effects {
            match self.runner.run(effect) {
                Ok(Some(msg)) => {
                    if self.tell(msg)? {
                        return Ok(true);
                    }
                }
                Ok(None) => {}
                Err(Request::Suspend) => self.suspend()?,
                Err(Request::Mouse(_)) => self.tty.take_mouse(self.app.hands.mouse)?,
                Err(Request::Copy(text)) => self.copy(&text)?,
                Err(Request::Quit) => return Ok(true),
            }
        }
        Ok(false)
    }

    fn draw(&mut self) -> Result<(), TuiError> {
        if std::mem::take(&mut self.stale) {
            self.pending.data.store(false, Ordering::SeqCst);
            self.tell(Msg::Time(self.clock.now()))?;
            self.tell(Msg::Service(Event::Data))?;
        }
        (self.dirty, self.urgent) = (false, false);
        if terminal::is_taken() {
            let app = &self.app;
            self.terminal.draw(|frame| app.draw(frame))?;
        }
        self.drawn = Instant::now();
        Ok(())
    }

    /// The mouse, where it is wanted.
    fn take_mouse(&self) -> Result<(), TuiError> {
        if self.app.hands.mouse {
            self.tty.take_mouse(true)?;
        }
        Ok(())
    }

    /// Puts a text on the terminal's clipboard; one that is too long goes into a file that others cannot read.
    fn copy(&mut self, text: &str) -> Result<(), TuiError> {
        self.app.toast = Some(match copy::clipboard(text, &self.around) {
            Some(bytes) => {
                self.tty.send(&bytes)?;
                texts::copied(text.len())
            }
            None => copy::into_file(text, &self.folder)
                .map_or_else(|error| texts::not_copied(&error.to_string()), |path| texts::copied_to(&path)),
        });
        Ok(())
    }

    /// Gives the terminal to the shell and stops until it is given back.
    fn suspend(&mut self) -> Result<(), TuiError> {
        self.tty.leave();
        signal_hook::low_level::raise(signal_hook::consts::SIGSTOP)?;
        self.take_back()
    }

    /// Nothing is known of what the terminal shows: the next frame is a whole one.
    fn draw_anew(&mut self) -> Result<(), TuiError> {
        self.terminal.backend_mut().forget();
        self.terminal.clear()?;
        (self.dirty, self.urgent) = (true, true);
        Ok(())
    }

    /// Takes the terminal again; nothing is known of what it shows.
    fn take_back(&mut self) -> Result<(), TuiError> {
        self.tty.enter()?;
        self.take_mouse()?;
        self.draw_anew()?;
        let size = terminal::size(&self.tty.output()?)?;
        self.tell(Msg::Resized(size.width, size.height))?;
        Ok(())
    }
}
