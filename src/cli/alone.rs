//! An account that a command opens for itself, without a console: signed in, heeded while it waits, and shut at the end.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::note;
use super::prompt::{self, Source};
use crate::service::kept::KeptAccount;
use crate::service::{
    Action, Answer, Confidence, Config, Done, ErrorKind, Event, Front, Link, OpCtx, Own, Query, Service,
    ServiceError, Settings, Shut, does_not_open, status,
};

/// How long a sign-in may take: the key's derivation on a slow machine, and a server that does not answer.
const SIGN_IN_TIME_MAX: Duration = Duration::from_secs(120);
/// How long what others changed is waited for, where nobody said.
const FRESH_TIME: Duration = Duration::from_secs(10);

/// The service, in this process.
pub struct Alone {
    service: Service,
    config: Config,
    events: Receiver<Event>,
}

/// What opens the account.
pub(super) enum By {
    Password { project: String, email: String, password: SecretString },
    Key(KeptAccount),
}

impl Alone {
    pub(super) fn start(mut settings: Settings) -> Result<Self, ServiceError> {
        // Nobody sits at a command's keys, and its end is its lock.
        settings.config.lock_minutes = Some(0);
        let config = settings.config.clone();
        let service = Service::open(settings)?;
        let (sink, events) = channel();
        service.subscribe(move |event| drop(sink.send(event)));
        Ok(Self { service, config, events })
    }

    pub(super) const fn config(&self) -> &Config {
        &self.config
    }

    pub(super) const fn service(&self) -> &Service {
        &self.service
    }

    pub(super) fn ctx(&self) -> OpCtx {
        self.service.ctx(Front::Cli)
    }

    /// Signs in, and says what was found damaged.
    pub(super) fn sign_in(&self, by: &By) -> Result<(), ServiceError> {
        match by {
            By::Password { project, email, password } => {
                self.service.sign_in(&self.ctx(), project, email, password.clone());
            }
            By::Key(account) => self.service.sign_in_kept(&self.ctx(), account),
        }
        let end = Instant::now() + SIGN_IN_TIME_MAX;
        loop {
            match self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Event::SignedIn { trouble, .. }) => {
                    trouble.iter().for_each(super::tell);
                    return Ok(());
                }
                Ok(Event::SignInFailed(error)) => return Err(error),
                Ok(Event::InUse(other)) => {
                    self.service.let_be(&self.ctx());
                    return Err(other.refusal());
                }
                Ok(Event::OlderPassword { why, unsent, .. }) => {
                    self.service.let_be(&self.ctx());
                    return Err(shut(why, unsent));
                }
                Ok(_) => {}
                Err(_) => return Err(ServiceError::new(ErrorKind::Offline, "The sign-in came to no end.")),
            }
        }
    }

    /// Waits until everything that others changed is here; false: it is not, and that was said. An error where there is
    /// nothing to go on with, or where a time was given and it did not do.
    pub(super) fn freshen(&self, patience: Option<Duration>) -> Result<bool, ServiceError> {
        let mut end = Instant::now() + patience.unwrap_or(FRESH_TIME);
        let start = self.service.opened_as_of();
        loop {
            let status = self.service.status();
            // The rows are told before the line that brought them is.
            let fresh = status.as_of != start && !matches!(status.link, Link::Connecting);
            // Nothing is shown of what headquarters wants erased, and the server's key for this machine is kept.
            if fresh && self.service.device_was_heard() {
                return Ok(true);
            }
            let goes_on = match &status.link {
                Link::SecondFactor if prompt::is_attended() => {
                    self.give_code()?;
                    true
                }
                Link::Loading { .. } if patience.is_none() => {
                    end = Instant::now() + FRESH_TIME;
                    true
                }
                Link::Connecting | Link::Online | Link::Loading { .. } => true,
                Link::Offline { .. } | Link::ServerFault { .. } => patience.is_some(),
                _ => false,
            };
            if goes_on && Instant::now() < end {
                self.heed(end.saturating_duration_since(Instant::now()))?;
                continue;
            }
            if fresh {
                return Ok(true);
            }
            let asked = patience.is_some_and(|patience| !patience.is_zero());
            return self.stale(asked).map(|()| false);
        }
    }

    /// Asks for the code of the second factor, which the server wants.
    fn give_code(&self) -> Result<(), ServiceError> {
        let code = prompt::secret(Source::Terminal, "Code of your authenticator app: ")?;
        let ctx = self.ctx();
        self.service.own(&ctx, Own::Code { code });
        let end = Instant::now() + SIGN_IN_TIME_MAX;
        loop {
            match self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Event::Own(op, result)) if op == ctx.op => return result.map(drop),
                Ok(_) => {}
                Err(_) => return Err(ServiceError::new(ErrorKind::Offline, "The code came to no end.")),
            }
        }
    }

    /// What this machine has is not of now.
    fn stale(&self, asked: bool) -> Result<(), ServiceError> {
        let status = self.service.status();
        let line = status::line(&status, super::now(), &jiff::tz::TimeZone::system());
        let kind = match &status.link {
            Link::Inactive | Link::NoProfile => ErrorKind::Denied,
            Link::Blocked | Link::SignedOut | Link::Locked { .. } => ErrorKind::SignIn,
            _ if asked || status.as_of.is_none() => ErrorKind::Offline,
            _ => {
                note(&format!("not up to date: {line}"));
                return Ok(());
            }
        };
        let what = if status.as_of.is_none() {
            "This machine has not received the account's rows yet."
        } else {
            "What others changed could not be received."
        };
        Err(ServiceError::new(kind, format!("{what} {line}.")).hint("Nothing was changed."))
    }

    /// Hears what happens, for so long or until something does; an error where the session ended.
    pub(super) fn heed(&self, time: Duration) -> Result<(), ServiceError> {
        match self.events.recv_timeout(time) {
            Ok(Event::Moved { to, .. }) => Err(ServiceError::new(
                ErrorKind::Moved,
                format!("The console on {} took the account over.", to.place()),
            )
            .hint("What was saved is on the disk and goes with it.")),
            Ok(Event::SignedOut { why }) => {
                let words = why.unwrap_or_else(|| "The session has ended.".to_owned());
                Err(ServiceError::new(ErrorKind::SignIn, words))
            }
            Ok(Event::Told(words)) => {
                note(&words);
                Ok(())
            }
            Ok(_) | Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => {
                Err(ServiceError::new(ErrorKind::Storage, "The background work has ended."))
            }
        }
    }

    /// Does something with a secret, in this process.
    pub(super) fn confide(&self, confidence: Confidence) -> Result<Done, ServiceError> {
        let ctx = self.ctx();
        self.service.confide(&ctx, confidence);
        loop {
            match self.events.recv() {
                Ok(Event::Done { op, result }) if op == ctx.op => return result,
                Ok(_) => {}
                Err(_) => {
                    return Err(ServiceError::new(ErrorKind::Storage, "The background work has ended."));
                }
            }
        }
    }

    pub(super) fn query(&self, query: &Query) -> Result<Answer, ServiceError> {
        self.service.ask(&self.ctx(), query)
    }

    pub(super) fn act(&self, action: Action) -> Result<Done, ServiceError> {
        self.service.run(&self.ctx(), action)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.service.close();
    }
}

/// What this machine has does not open by the password, and a command asks no questions.
fn shut(why: Shut, unsent: Option<usize>) -> ServiceError {
    let asks = match why {
        Shut::OlderPassword => "it asks for the older one once",
        Shut::Damaged => "it asks for recovery words, or an older password",
        Shut::Unreadable => {
            "what is here can be kept aside there, and you begin anew; what is unsent in it is lost, unless account.toml is \
             put back from a backup of the account's folder"
        }
    };
    ServiceError::new(ErrorKind::SignIn, does_not_open(why, unsent))
        .hint(format!("Start flyos and sign in there: {asks}. Nothing was changed."))
}
