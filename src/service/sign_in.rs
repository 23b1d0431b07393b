//! From an address and a password to an open session, or to the reason why not. One attempt counts at a time, the
//! last one: what an earlier one comes to is passed over.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio::runtime::Handle;

use super::session::Inner;
use super::takeover::{self, Pending};
use super::{Config, ErrorKind, Event, ServiceError, Traffic, explain, read, write};
use crate::remote::wire::TokenReply;
use crate::remote::{Client, Project, ProjectProblem, RemoteError, SignOutScope};
use crate::session::{self, Old, Open, Shut, SignInError};
use crate::store::{AccountFolder, Holder};

/// How long a console that is left may take to end what it was given.
const ENDING_TIME_MAX: Duration = Duration::from_secs(3);

/// What a sign-in needs from a person.
pub(super) struct Credentials {
    pub(super) project: String,
    pub(super) email: String,
    pub(super) password: SecretString,
    /// A session that the server has begun with it already.
    pub(super) session: Option<Given>,
    /// What is to be done where this machine has the account under an older password.
    pub(super) old: Old,
}

/// A session that the server has begun before the sign-in. Nobody else would end it, so it is ended there where it is dropped
/// before anybody has signed in with it.
pub(super) struct Given {
    pub(super) reply: TokenReply,
    /// Its pass is the project's.
    checked: bool,
    client: Client,
    runtime: Handle,
    /// So many are being ended.
    endings: Arc<AtomicUsize>,
    used: bool,
}

impl Given {
    pub(super) async fn check(&mut self) -> Result<(), RemoteError> {
        if !self.checked {
            self.reply = self.client.checked(self.reply.clone()).await?;
            self.checked = true;
        }
        Ok(())
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if !self.used {
            let (client, token) = (self.client.clone(), SecretString::from(self.reply.access_token.clone()));
            let endings = Arc::clone(&self.endings);
            endings.fetch_add(1, Ordering::Relaxed);
            self.runtime.spawn(async move {
                if client.logout(&token, SignOutScope::Local).await.is_err() {
                    tracing::info!("the server was not told that a session is not used");
                }
                endings.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
}

/// Why a sign-in came to nothing: in words, or since another console has the account.
enum Failure {
    Told(ServiceError),
    InUse(AccountFolder, Option<Box<Holder>>),
    /// What is here does not open: why, how much is unsent, and what was wrong with the older password that was given.
    Shut(Shut, Option<usize>, Option<ServiceError>),
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::Told(error)
    }
}

impl Inner {
    /// What the server has begun before the sign-in.
    pub(super) fn given(&self, reply: TokenReply, client: Client) -> Given {
        let (runtime, endings) = (self.runtime().clone(), Arc::clone(&self.endings));
        Given { reply, checked: false, client, runtime, endings, used: false }
    }

    /// Waits until what was given and is not used has been ended, but not for long.
    pub(super) fn given_ended(&self) {
        let end = Instant::now() + ENDING_TIME_MAX;
        while self.endings.load(Ordering::Relaxed) > 0 && Instant::now() < end {
            std::thread::sleep(ENDING_TIME_MAX / 300);
        }
    }

    pub(super) fn sign_in(this: &Arc<Self>, credentials: Credentials) {
        let attempt = this.next_attempt();
        let inner = Arc::clone(this);
        this.runtime().spawn(async move {
            inner.end_session();
            Self::attempt(&inner, attempt, credentials).await;
        });
    }

    /// A new attempt to sign in: what the one before it comes to is not wanted any more.
    pub(super) fn next_attempt(&self) -> u64 {
        drop(self.pending.lock().unwrap_or_else(PoisonError::into_inner).take());
        drop(self.asked.lock().unwrap_or_else(PoisonError::into_inner).take());
        drop(self.redeemed.lock().unwrap_or_else(PoisonError::into_inner).take());
        write(&self.state, |state| {
            state.attempt += 1;
            state.attempt
        })
    }

    pub(super) async fn attempt(this: &Arc<Self>, attempt: u64, mut credentials: Credentials) {
        let is_last = || read(&this.state, |state| state.attempt) == attempt;
        let mut end = None;
        let (opened, in_use) = loop {
            let opened = this.try_sign_in(&credentials).await;
            let Err(Failure::InUse(folder, holder)) = &opened else { break (opened, None) };
            let (in_use, passes) = takeover::ask(folder, holder.as_deref()).await;
            let end = *end.get_or_insert_with(|| Instant::now() + takeover::PASSING_TIME_MAX);
            let left = end.saturating_duration_since(Instant::now());
            if !passes || left.is_zero() || !is_last() {
                break (opened, in_use);
            }
            // Free or not: if not, whoever has it by then is asked once more.
            takeover::free_within(folder, left).await;
        };
        if let Some(given) = &mut credentials.session {
            given.used = opened.is_ok();
        }
        if !is_last() {
            return; // Somebody else tries by now.
        }
        match opened {
            Ok(open) => Self::begin_session(this, credentials.project, *open, Traffic::Normal),
            Err(Failure::Told(error)) => this.emit(Event::SignInFailed(error)),
            Err(Failure::Shut(why, unsent, wrong)) => this.ask_for_old(credentials, (why, unsent), wrong),
            Err(Failure::InUse(folder, _)) => match in_use {
                Some(in_use) => this.put_question(Pending { folder, in_use, credentials }),
                None => this.emit(Event::SignInFailed(explain::in_use(None))),
            },
        }
    }

    async fn try_sign_in(&self, credentials: &Credentials) -> Result<Box<Open>, Failure> {
        let Credentials { project, email, password, session, old } = credentials;
        if email.is_empty() {
            return Err(explain::no_address().into());
        }
        let client = self.client_of(project)?;
        let url = client.project().url().to_owned();
        let request = session::Request {
            data: &self.settings.folders.data,
            client,
            url: &url,
            email,
            password,
            session: session.as_ref().map(|given| given.reply.clone()),
            old,
            kdf: self.settings.kdf,
            now: self.settings.clock.now(),
        };
        let signed_in = session::sign_in(request).await;
        if let Err(SignInError::Erased { folder }) = &signed_in {
            let folder = folder.clone();
            let erased = tokio::task::spawn_blocking(move || folder.erase(folder.lock()?)).await;
            if !matches!(erased, Ok(Ok(()))) {
                tracing::error!(?erased, "what headquarters wants erased is still here");
            }
        }
        signed_in.map(Box::new).map_err(|error| match error {
            SignInError::InUse { folder, holder } => Failure::InUse(folder, holder),
            SignInError::Shut { why, unsent } => Failure::Shut(why, unsent, None),
            error if matches!(old, Old::Password(_)) && is_about_old(&error) => {
                Failure::Shut(Shut::OlderPassword, None, Some(explain::sign_in(&error)))
            }
            error => explain::sign_in(&error).into(),
        })
    }

    /// A client of that project.
    pub(super) fn client_of(&self, name: &str) -> Result<Client, ServiceError> {
        let config = read(&self.config, |config| config.projects.get(name).cloned());
        let config = config.ok_or_else(|| {
            ServiceError::new(ErrorKind::Configuration, format!("There is no project named {name}."))
        })?;
        let wrong = |problem: ProjectProblem| {
            let place = if name == super::config::FROM_ENVIRONMENT {
                "It comes from the environment: SUPABASE_URL and SUPABASE_PUBLISHABLE_KEY.".to_owned()
            } else {
                let path = Config::path(&self.settings.folders);
                format!("The project {name} is described in {}.", path.display())
            };
            ServiceError::new(ErrorKind::Configuration, problem.to_string()).hint(place)
        };
        let project = Project::new(&config.url, &config.key).map_err(wrong)?;
        Client::new(project, env!("CARGO_PKG_VERSION")).map_err(|error| explain::remote(&error))
    }
}

/// Is it the old password that is wrong, or asked for too soon?
const fn is_about_old(error: &SignInError) -> bool {
    matches!(error, SignInError::OldPasswordWrong | SignInError::TooManyTries { .. })
}
