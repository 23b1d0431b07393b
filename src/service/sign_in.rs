//! From an address and a password to an open session, or to the reason why not. One attempt counts at a time, the
//! last one: what an earlier one comes to is passed over.

use std::sync::{Arc, PoisonError};

use secrecy::SecretString;

use super::session::Inner;
use super::takeover::{self, Pending};
use super::{Config, ErrorKind, Event, ServiceError, explain, read, write};
use crate::remote::{Client, Project, ProjectProblem};
use crate::session::{self, Open, SignInError};
use crate::store::{AccountFolder, Holder};

/// What a sign-in needs from a person.
pub(super) struct Credentials {
    pub(super) project: String,
    pub(super) email: String,
    pub(super) password: SecretString,
}

/// Why a sign-in came to nothing: in words, or since another console has the account.
enum Failure {
    Told(ServiceError),
    InUse(AccountFolder, Option<Box<Holder>>),
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        Self::Told(error)
    }
}

impl Inner {
    pub(super) fn sign_in(this: &Arc<Self>, project: String, email: String, password: SecretString) {
        let attempt = this.next_attempt();
        let inner = Arc::clone(this);
        this.runtime().spawn(async move {
            inner.end_session();
            Self::attempt(&inner, attempt, Credentials { project, email, password }).await;
        });
    }

    /// A new attempt to sign in: what the one before it comes to is not wanted any more.
    pub(super) fn next_attempt(&self) -> u64 {
        drop(self.pending.lock().unwrap_or_else(PoisonError::into_inner).take());
        write(&self.state, |state| {
            state.attempt += 1;
            state.attempt
        })
    }

    pub(super) async fn attempt(this: &Arc<Self>, attempt: u64, credentials: Credentials) {
        let Credentials { project, email, password } = &credentials;
        let opened = this.try_sign_in(project, email, password).await;
        let in_use = match &opened {
            Err(Failure::InUse(folder, holder)) => takeover::ask(folder, holder.as_deref()).await,
            _ => None,
        };
        if read(&this.state, |state| state.attempt) != attempt {
            return; // Somebody else tries by now.
        }
        match opened {
            Ok(open) => Self::begin_session(this, credentials.project, *open),
            Err(Failure::Told(error)) => this.emit(Event::SignInFailed(error)),
            Err(Failure::InUse(folder, _)) => match in_use {
                Some(in_use) => this.put_question(Pending { folder, in_use, credentials }),
                None => this.emit(Event::SignInFailed(explain::in_use(None))),
            },
        }
    }

    async fn try_sign_in(
        &self,
        project: &str,
        email: &str,
        password: &SecretString,
    ) -> Result<Box<Open>, Failure> {
        if email.is_empty() {
            let told = ServiceError::new(ErrorKind::Usage, "An e-mail address is needed to sign in.");
            return Err(told.into());
        }
        let (client, url) = self.client(project)?;
        let request = session::Request {
            data: &self.settings.folders.data,
            client,
            url: &url,
            email,
            password,
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
            error => explain::sign_in(&error).into(),
        })
    }

    /// Speaks to a project, by its name in the configuration; with its address.
    pub(super) fn client(&self, project: &str) -> Result<(Client, String), ServiceError> {
        let config = read(&self.config, |config| config.projects.get(project).cloned());
        let config = config.ok_or_else(|| {
            ServiceError::new(ErrorKind::Configuration, format!("There is no project named {project}."))
        })?;
        let wrong = |problem: ProjectProblem| {
            let place = if project == super::config::FROM_ENVIRONMENT {
                "It comes from the environment: SUPABASE_URL and SUPABASE_PUBLISHABLE_KEY.".to_owned()
            } else {
                let path = Config::path(&self.settings.folders);
                format!("The project {project} is described in {}.", path.display())
            };
            ServiceError::new(ErrorKind::Configuration, problem.to_string()).hint(place)
        };
        let project = Project::new(&config.url, &config.key).map_err(wrong)?;
        let url = project.url().to_owned();
        let client =
            Client::new(project, env!("CARGO_PKG_VERSION")).map_err(|error| explain::remote(&error))?;
        Ok((client, url))
    }
}
