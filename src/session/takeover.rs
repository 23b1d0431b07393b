//! Ending a console that has an account open and answers nobody.
//!
//! The process is named by the lock's file, which is a hint, so it is looked at before anything is done to it: a
//! handle on the process (`pidfd`) is opened first, then the system says which process has the lock, and then
//! that the handle's process still lives. If all three hold, the handle is the holder's and stays so: its
//! number cannot be given to another process meanwhile, and what is sent goes to the handle and not to the
//! number. Where the system does not say who has the lock, nothing is done to anybody.
//!
//! Only a person who has shown to be the account's owner comes here (`sign_in` has opened the key before it
//! asks for the lock). Whoever may send a signal could do so without us; this keeps a stranger who finds the
//! sign-in screen open from throwing somebody out.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::store::{AccountFolder, Holder, holder};

/// A process that has an account's lock, for sure.
#[derive(Debug)]
pub struct Running {
    process: OwnedFd,
}

impl Running {
    /// The process that holds the folder's lock, if it is the one that was told, and another than this.
    pub fn find(folder: &AccountFolder, told: &Holder) -> Option<Self> {
        let other = i32::try_from(told.pid).ok().filter(|_| told.pid != std::process::id());
        let pid = other.and_then(Pid::from_raw)?;
        let running = Self { process: pidfd_open(pid, PidfdFlags::empty()).ok()? };
        (holder::holds(&folder.lock_path(), told.pid) && !running.gone_within(Duration::ZERO))
            .then_some(running)
    }

    /// Tells it to end. One that is suspended is woken, so that it can give its terminal back.
    pub fn tell_to_end(&self) -> Result<(), Errno> {
        pidfd_send_signal(&self.process, Signal::TERM)?;
        pidfd_send_signal(&self.process, Signal::CONT)
    }

    pub fn kill(&self) -> Result<(), Errno> {
        pidfd_send_signal(&self.process, Signal::KILL)
    }

    /// Has it ended, or does it within that time? Blocks.
    pub fn gone_within(&self, time: Duration) -> bool {
        let wait = Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() };
        let mut fds = [PollFd::new(&self.process, PollFlags::IN)];
        matches!(poll(&mut fds, Some(&wait)), Ok(1..))
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};
    use std::time::Instant;

    use super::*;
    use crate::domain::Stamp;
    use uuid::Uuid;

    const SOON: Duration = Duration::from_secs(10);

    /// A stand-in for a console: has the lock, waits, and is deaf to a request to end where told so.
    struct Fake(Child);

    impl Fake {
        fn hold(folder: &AccountFolder, deaf: bool) -> Self {
            let trap = if deaf { "trap '' TERM; " } else { "" };
            let script = format!("{trap}exec flock -o '{}' sleep 30", folder.lock_path().display());
            let fake = Self(Command::new("sh").args(["-c", &script]).spawn().expect("sh"));
            assert!(within_soon(|| holder::holds(&folder.lock_path(), fake.0.id())), "it has the lock");
            fake
        }

        fn told(&self) -> Holder {
            told(self.0.id())
        }
    }

    /// Does it come to hold? A process that is only just being started has the files of the one that starts it, and with them
    /// a lock, for a moment.
    fn within_soon(holds: impl Fn() -> bool) -> bool {
        let end = Instant::now() + SOON;
        while Instant::now() < end {
            if holds() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    impl Drop for Fake {
        fn drop(&mut self) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }

    fn told(pid: u32) -> Holder {
        Holder { pid, since: Stamp(0), tty: None, from: None, host: None }
    }

    fn folder(place: &tempfile::TempDir) -> AccountFolder {
        AccountFolder::create_or_open(place.path(), Uuid::from_u128(7)).expect("a folder")
    }

    #[test]
    fn it_is_told_to_end_and_killed_where_it_is_deaf() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = folder(&place);
        let willing = Fake::hold(&folder, false);
        let running = Running::find(&folder, &willing.told()).expect("found");
        assert!(!running.gone_within(Duration::ZERO));
        running.tell_to_end().expect("told");
        assert!(running.gone_within(SOON));
        assert!(within_soon(|| folder.is_free()));

        let deaf = Fake::hold(&folder, true);
        let running = Running::find(&folder, &deaf.told()).expect("found");
        running.tell_to_end().expect("told");
        assert!(!running.gone_within(Duration::from_millis(300)), "it does not hear");
        running.kill().expect("told");
        assert!(running.gone_within(SOON));
        assert!(within_soon(|| folder.is_free()));
    }

    #[test]
    fn a_process_that_has_not_the_lock_is_never_found() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = folder(&place);
        let mut other = Command::new("sleep").arg("30").spawn().expect("sleep");
        assert!(Running::find(&folder, &told(other.id())).is_none(), "nobody has the lock");
        let holder = Fake::hold(&folder, false);
        assert!(
            Running::find(&folder, &told(other.id())).is_none(),
            "a number that is another process's now"
        );
        assert!(Running::find(&folder, &told(u32::MAX)).is_none());
        let other_folder = AccountFolder::create_or_open(place.path(), Uuid::from_u128(8)).expect("a folder");
        let _mine = other_folder.lock().expect("free");
        assert!(Running::find(&other_folder, &told(std::process::id())).is_none(), "never itself");
        other.kill().expect("it was left alone");
        other.wait().expect("it ended");
        let ended = holder.told();
        drop(holder);
        assert!(Running::find(&folder, &ended).is_none(), "it has ended meanwhile");
    }
}
