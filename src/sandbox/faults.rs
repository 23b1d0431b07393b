//! Faults that can be switched on while the server runs, to train for bad days and to test against them.
//!
//! The handle is cloneable and knows nothing of requests: the gate asks it what to do with each one, and
//! the line (the listening socket) follows its wish to be down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// The longest added latency, so that a slip of the finger does not stop a server for good.
const LATENCY_MS_MAX: u64 = 60_000;

/// What every request is answered with instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    #[serde(rename = "500")]
    Error500,
    #[serde(rename = "429")]
    TooMany,
    /// "JWT expired" for every session that was not refreshed since this was switched on.
    #[serde(rename = "expired_token")]
    ExpiredToken,
    /// A page as a captive portal puts in the way.
    #[serde(rename = "html")]
    Html,
}

/// The faults that are on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultSettings {
    pub latency_ms: u64,
    /// So many pushes to come are carried out, and then their connection is cut without an answer.
    pub lose_reply: u32,
    pub answer: Option<Answer>,
    /// Sent with `429`.
    pub retry_after_s: Option<u64>,
    /// A change of password asks for a nonce that comes by mail, as after a day's session with a project that wants it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub asks_for_nonce: bool,
    /// Takes the line down for so long; then it comes back by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_down_ms: Option<u64>,
}

struct Inner {
    /// The settings, and the issue of tokens at which they were made.
    settings: Mutex<(FaultSettings, u64)>,
    issues: AtomicU64,
    wanted_up: watch::Sender<bool>,
    is_up: watch::Sender<bool>,
}

/// The switchboard.
#[derive(Clone)]
pub struct Faults(Arc<Inner>);

impl Default for Faults {
    fn default() -> Self {
        Self(Arc::new(Inner {
            settings: Mutex::default(),
            issues: AtomicU64::new(0),
            wanted_up: watch::Sender::new(true),
            is_up: watch::Sender::new(true),
        }))
    }
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, (FaultSettings, u64)> {
        self.0.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self) -> FaultSettings {
        self.lock().0.clone()
    }

    /// Replaces all settings; `line_down_ms` is carried out by whoever has a runtime (`line_down_for`).
    pub fn set(&self, mut settings: FaultSettings) {
        settings.latency_ms = settings.latency_ms.min(LATENCY_MS_MAX);
        settings.line_down_ms = None;
        let issue = self.0.issues.load(Ordering::SeqCst);
        *self.lock() = (settings, issue);
    }

    pub fn clear(&self) {
        self.set(FaultSettings::default());
    }

    pub fn set_latency_ms(&self, latency_ms: u64) {
        self.lock().0.latency_ms = latency_ms.min(LATENCY_MS_MAX);
    }

    pub fn set_asks_for_nonce(&self, asks: bool) {
        self.lock().0.asks_for_nonce = asks;
    }

    pub fn lose_replies(&self, count: u32) {
        self.lock().0.lose_reply = count;
    }

    pub fn set_answer(&self, answer: Option<Answer>, retry_after_s: Option<u64>) {
        let mut settings = self.lock();
        settings.0.answer = answer;
        settings.0.retry_after_s = retry_after_s;
        settings.1 = self.0.issues.load(Ordering::SeqCst);
    }

    /// Wishes the line down or up, without waiting for it.
    pub fn set_line_down(&self, down: bool) {
        self.0.wanted_up.send_replace(!down);
    }

    /// Refuses connections and has dropped all there were when this returns.
    pub async fn line_down(&self) {
        self.set_line_down(true);
        self.reached(false).await;
    }

    /// Takes connections again, on the same port, when this returns.
    pub async fn line_up(&self) {
        self.set_line_down(false);
        self.reached(true).await;
    }

    /// Down now, and up again by itself.
    pub fn line_down_for(&self, time: Duration) {
        self.set_line_down(true);
        let faults = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            faults.set_line_down(false);
        });
    }

    pub fn is_line_down(&self) -> bool {
        !*self.0.is_up.borrow()
    }

    async fn reached(&self, up: bool) {
        // The sender lives in `self`, so waiting cannot fail.
        let mut seen = self.0.is_up.subscribe();
        drop(seen.wait_for(|is_up| *is_up == up).await);
    }

    pub(super) fn wish(&self) -> watch::Receiver<bool> {
        self.0.wanted_up.subscribe()
    }

    pub(super) fn tell(&self, up: bool) {
        self.0.is_up.send_replace(up);
    }

    /// Is this push one whose answer gets lost?
    pub(super) fn loses_reply(&self) -> bool {
        let mut settings = self.lock();
        let loses = settings.0.lose_reply > 0;
        settings.0.lose_reply = settings.0.lose_reply.saturating_sub(1);
        loses
    }

    /// Tokens were issued: sessions older than a mark count as not refreshed.
    pub(super) fn note_issue(&self, issue: u64) {
        self.0.issues.fetch_max(issue, Ordering::SeqCst);
    }

    /// Under `expired_token`: sessions whose last issue is not after this one are told that they expired.
    pub(super) fn expired_up_to(&self) -> Option<u64> {
        let settings = self.lock();
        (settings.0.answer == Some(Answer::ExpiredToken)).then_some(settings.1)
    }
}
