//! Threads of sled that would wake for nothing.
//!
//! sled keeps seven threads or more for its work on the disk. Each looks once a second whether there is any, though it
//! is told whenever there is: seven wake-ups a second on a laptop that does nothing. Nothing of sled's can be set to
//! change that, but the kernel can: a thread is born with the timer slack of the one that starts it, which is how late
//! a timed wait of its own may end. So while a call is in sled, where its threads are started, the calling thread has a
//! long one. Whoever is told of work is woken at once as before. It is taken back after the call: our own waits are
//! meant.

use std::num::NonZeroU64;

use rustix::thread::{current_timer_slack, set_current_timer_slack};

/// How late their look may be, in ns.
const SLACK_NS: NonZeroU64 = NonZeroU64::new(60_000_000_000).expect("more than nothing");

/// Runs a call that may start such threads. Where the kernel refuses, they wake as they always did.
pub fn lax<T>(call: impl FnOnce() -> T) -> T {
    let before = current_timer_slack().ok().and_then(NonZeroU64::new);
    let is_set = set_current_timer_slack(Some(SLACK_NS)).is_ok();
    let done = call();
    if is_set {
        // None is the slack that the thread was born with.
        let _refused = set_current_timer_slack(before);
    }
    done
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::store::cache::Cache;
    use crate::vault::{DataKey, Sealer};

    #[test]
    fn the_threads_of_sled_may_be_late_and_ours_may_not() {
        let home = tempfile::tempdir().unwrap();
        let ours = current_timer_slack().unwrap();
        let cache = Cache::open(home.path(), Sealer::new(&DataKey::from_bytes([1; 32]), [1; 16])).unwrap();
        cache.flush().unwrap();
        assert_eq!(current_timer_slack().unwrap(), ours);
        let slack = |id: &str| {
            let name = fs::read_to_string(format!("/proc/self/task/{id}/comm")).ok()?;
            // It has no file of its own beside the thread's others.
            let slack = || fs::read_to_string(format!("/proc/{id}/timerslack_ns")).ok();
            if name.starts_with("sled-io") { slack()?.trim().parse::<u64>().ok() } else { None }
        };
        let late = || {
            let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
            let slacks = tasks.filter_map(|task| slack(task.file_name().to_str()?));
            slacks.filter(|ns| *ns == SLACK_NS.get()).count()
        };
        // Each names itself when it comes to run.
        let end = Instant::now() + Duration::from_secs(30);
        while late() < 7 {
            assert!(Instant::now() < end, "those it keeps for good: {}", late());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
