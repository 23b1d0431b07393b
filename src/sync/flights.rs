//! What the runner has in flight: one pull and one push at most, each a task of its own.

use tokio::task::JoinHandle;

use super::engine::{Event, Trouble};

/// What is in flight: one of each kind at most.
#[derive(Default)]
pub(super) struct Flights {
    pub(super) pull: Option<JoinHandle<Event>>,
    pub(super) push: Option<JoinHandle<Event>>,
}

impl Flights {
    /// Waits for the next to land. One that ended in a fault of ours counts as failed, so that it is tried again.
    pub(super) async fn landed(&mut self) -> Event {
        let fault = || Trouble::fault("a fault of this program; it is in the log");
        tokio::select! {
            landed = landing(&mut self.pull) => landed.unwrap_or_else(|| Event::PullFailed(fault())),
            landed = landing(&mut self.push) => landed.unwrap_or_else(|| Event::PushFailed(fault())),
        }
    }

    pub(super) fn let_go(&self) {
        [&self.pull, &self.push].into_iter().flatten().for_each(JoinHandle::abort);
    }
}

async fn landing(flight: &mut Option<JoinHandle<Event>>) -> Option<Event> {
    let Some(handle) = flight else { return std::future::pending().await };
    let landed = handle.await;
    *flight = None;
    landed.inspect_err(|error| tracing::error!(%error, "an exchange ended in a fault")).ok()
}
