//! Ending sessions of the account: this one, the others, or all. Here it ends whether or not the server can be told;
//! elsewhere only the server can end one.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::session::Inner;
use super::{Done, ServiceError, explain};
use crate::remote::SignOutScope;

/// How long the server is told that the session here ends.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which sessions of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sessions {
    Here,
    /// All but this one.
    Others,
    All,
}

impl Inner {
    /// Ends them; `done` hears of it once the server was told, or is known not to be.
    pub(super) fn end_sessions(
        this: &Arc<Self>,
        sessions: Sessions,
        done: impl FnOnce(Result<Done, ServiceError>) + Send + 'static,
    ) {
        if this.is_locked() {
            return done(Err(explain::locked()));
        }
        let Some(keeper) = this.keeper() else { return done(Err(explain::signed_out())) };
        let inner = Arc::clone(this);
        this.runtime().spawn(async move {
            let scope = match sessions {
                Sessions::Here => SignOutScope::Local,
                Sessions::Others => SignOutScope::Others,
                Sessions::All => SignOutScope::Global,
            };
            let told = if sessions == Sessions::Here {
                matches!(tokio::time::timeout(PATIENCE, keeper.end(scope)).await, Ok(Ok(())))
            } else if let Err(error) = keeper.end(scope).await {
                return done(Err(explain::remote(&error)));
            } else {
                true
            };
            if sessions != Sessions::Others {
                Self::sign_out(&inner);
            }
            done(Ok(Done::SessionsEnded { sessions, told }));
        });
    }
}
