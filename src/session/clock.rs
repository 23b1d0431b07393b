//! The clock, as a value: the real one, or one that a test sets. Wall time is for showing and for names;
//! nothing that must be right is decided by it.

use std::fmt;
use std::sync::Arc;

use crate::domain::Stamp;

/// Tells the wall time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Stamp + Send + Sync>);

impl Clock {
    pub fn system() -> Self {
        Self(Arc::new(|| Stamp(jiff::Timestamp::now().as_microsecond())))
    }

    /// A clock that asks `tell`; for tests.
    pub fn from_fn(tell: impl Fn() -> Stamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// A clock that stands still; for snapshots.
    pub fn fixed(at: Stamp) -> Self {
        Self::from_fn(move || at)
    }

    pub fn now(&self) -> Stamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now().text())
    }
}
