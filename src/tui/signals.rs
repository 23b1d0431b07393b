//! Signals. A hang-up or a request to end is answered from a thread of its own, within half a second, even
//! if the screen's loop hangs on a dead line: the terminal is given back, the store is shut, the process
//! ends. Suspension, continuation and a change of size are passed on to the loop.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;

use super::{Happening, terminal};

/// What shuts the store; called once, on the way out.
pub type Shutdown = Arc<dyn Fn() + Send + Sync>;

/// How long the store may take to shut: saved edits are on disk already, so nothing is lost beyond it.
const SHUTDOWN_TIME_MAX: Duration = Duration::from_millis(350);
/// Shells tell a death by signal as 128 and its number.
pub const DEATH_BY_SIGNAL: i32 = 128;
/// How long the loop may take to leave when the session has moved; a line that is gone may keep it for ever.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(1);

/// The session has moved to another console: whatever the loop does, the process ends soon, with that code.
pub fn leave_soon(code: u8, words: String, shutdown: Shutdown) {
    let watchdog = move || {
        std::thread::sleep(LEAVE_TIME_MAX);
        leave_process(code.into(), Some(&words), &shutdown);
    };
    if let Err(error) = std::thread::Builder::new().name("leave".to_owned()).spawn(watchdog) {
        tracing::warn!(%error, "nobody watches that the console leaves");
    }
}

/// Starts to watch.
pub fn watch(out: Sender<Happening>, shutdown: Shutdown) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGTERM, SIGQUIT, SIGINT, SIGTSTP, SIGCONT, SIGWINCH])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let told = match signal {
                SIGTSTP => out.send(Happening::Suspend),
                SIGCONT => out.send(Happening::Continued),
                SIGWINCH => out.send(Happening::Resized),
                _ => leave_process(DEATH_BY_SIGNAL + signal, None, &shutdown),
            };
            // A loop that is gone takes nothing any more; the requests to end are still to be answered.
            told.ok();
        }
    })?;
    Ok(())
}

/// Watches for the requests to end alone, where there is no screen to be given back.
pub fn watch_ends(shutdown: Shutdown) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGTERM, SIGQUIT, SIGINT])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            leave_process(DEATH_BY_SIGNAL + signal, None, &shutdown);
        }
    })?;
    Ok(())
}

/// Ends the process with that code, whatever else it does, and with a last line where there is one to say.
pub fn leave_process(code: i32, words: Option<&str>, shutdown: &Shutdown) -> ! {
    terminal::leave_at_once(words);
    let (done, wait) = mpsc::channel();
    let shutdown = Arc::clone(shutdown);
    let started = std::thread::Builder::new().name("shutdown".to_owned()).spawn(move || {
        shutdown();
        let _ = done.send(());
    });
    if started.is_ok() {
        let _ = wait.recv_timeout(SHUTDOWN_TIME_MAX);
    }
    // Not the ordinary exit: handlers at exit could wait for the line that is gone.
    signal_hook::low_level::exit(code)
}
