//! The door of a command: one place to ask and to act, whoever has the account open.
//!
//! * A console of this user has it: it is asked over its socket, without a password, and what is handed in is done as if
//!   typed there. One that is locked refuses.
//! * Nobody has it: this process opens it (`alone`), by a key that the kernel keeps (`flyos unlock`) or by the password,
//!   with or without a line, and shuts it at the end.
//! * Another command has it: that one is waited for.
//!
//! Which account: that of `--email`, at `--project` or the first project. Without an address the only console that is
//! open, else the only account that is unlocked, else the only one that the configuration names. What is not plain is
//! asked for, never guessed.

use std::time::{Duration, Instant};

use super::access::Access;
use super::alone::{Alone, By};
use crate::service::beside::{self, Console, Consoles};
use crate::service::kept::{self, KeptAccount};
use crate::service::{
    Action, Administer, Answer, Done, ErrorKind, Folders, Link, OutboxLine, Query, ServiceError, Settings,
    Status, Traffic, status,
};

/// How long other commands are waited for that have the account open.
const OTHERS_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a command waits by itself for what others changed, and for its own edits to be sent.
const WAIT: Duration = Duration::from_secs(10);
/// How long what was sent may take to come back: it is with the server by then.
const BACK: Duration = Duration::from_secs(3);
const STEP: Duration = Duration::from_millis(50);

/// What a command is given: where things are kept, which projects there are, and the flags.
pub struct Place {
    pub settings: Settings,
    pub access: Access,
}

/// The way in.
pub enum Door {
    Beside(Console),
    Alone(Alone),
}

/// An account that nobody has open.
enum Account {
    Kept(KeptAccount),
    Named { project: String, email: String },
}

/// Who is to be asked.
enum Found {
    Open(Console),
    Nobody(Account),
}

impl Door {
    /// Opens it. Where this process opens the account, it waits for what others changed; where that does not come, it
    /// goes on with what this machine has, and says so.
    pub fn open(place: Place) -> Result<Self, ServiceError> {
        let (door, _) = Self::open_as_is(place)?;
        let status = door.status()?;
        if let Link::Locked { .. } = status.link {
            // Nothing of it can be read, and an empty list would look like an answer.
            let line = status::line(&status, super::now(), &jiff::tz::TimeZone::system());
            return Err(ServiceError::new(ErrorKind::SignIn, format!("{line}.")).hint("Nothing is lost."));
        }
        Ok(door)
    }

    /// The same; and whether everything was received now.
    pub fn open_as_is(place: Place) -> Result<(Self, bool), ServiceError> {
        let Place { settings, access } = place;
        let folders = settings.folders.clone();
        let end = Instant::now() + OTHERS_TIME_MAX;
        let mut password = None;
        let alone = Alone::start(settings)?;
        loop {
            let error = match find(&folders, &alone, &access)? {
                Found::Open(console) if console.whois.command => busy(&console),
                Found::Open(console) if console.whois.locked => return Err(locked(&console)),
                Found::Open(console) => return Ok((Self::Beside(console), true)),
                Found::Nobody(account) => match alone.sign_in(&by(&account, &access, &mut password)?) {
                    Ok(()) => {
                        let fresh = alone.freshen(access.patience())?;
                        return Ok((Self::Alone(alone), fresh));
                    }
                    Err(error) if error.kind == ErrorKind::Locked => error,
                    Err(error) => return Err(error),
                },
            };
            if Instant::now() > end {
                return Err(error);
            }
            std::thread::sleep(STEP);
        }
    }

    pub fn query(&self, query: Query) -> Result<Answer, ServiceError> {
        match self {
            Self::Beside(console) => console.query(query),
            Self::Alone(alone) => alone.query(&query),
        }
    }

    /// Hands an action in; back when it is done, for an edit: on disk.
    pub fn act(&self, action: Action) -> Result<Done, ServiceError> {
        match self {
            Self::Beside(console) => console.act(action),
            Self::Alone(alone) => alone.act(action),
        }
    }

    /// Somebody's sign-in account; back when the server has done it.
    pub fn administer(&self, wish: Administer) -> Result<Done, ServiceError> {
        match self {
            Self::Beside(console) => console.administer(wish),
            Self::Alone(alone) => alone.service().administer_now(wish),
        }
    }

    pub fn status(&self) -> Result<Status, ServiceError> {
        match self.query(Query::Status)? {
            Answer::Status(status) => Ok(*status),
            other => Err(unexpected(&other)),
        }
    }

    pub fn outbox(&self) -> Result<Vec<OutboxLine>, ServiceError> {
        match self.query(Query::Outbox)? {
            Answer::Outbox(lines) => Ok(lines),
            other => Err(unexpected(&other)),
        }
    }

    /// Waits until nothing is left that can be sent, or until it is plain that it does not go out now: then `false`. An
    /// open console sends by itself, and is waited for like a line of one's own.
    pub fn wait_sent(&self, patience: Option<Duration>) -> Result<bool, ServiceError> {
        self.wait_sent_told(patience, |_| ())
    }

    /// The same; tells how many are left, each time it looks.
    pub fn wait_sent_told(
        &self,
        patience: Option<Duration>,
        mut tell: impl FnMut(usize),
    ) -> Result<bool, ServiceError> {
        let sent = |status: &Status| {
            tell(unsent(status));
            unsent(status) == 0
        };
        let status = self.status()?;
        if patience.is_none() && status.traffic == Traffic::Held {
            // It goes out when the person at the console says so.
            return Ok(unsent(&status) == 0);
        }
        Ok(self.wait(patience, sent)? && self.come_back()?)
    }

    /// What was sent comes back with the next pull, as the server has it now: that is waited for, but not for long.
    fn come_back(&self) -> Result<bool, ServiceError> {
        let end = Instant::now() + BACK;
        while Instant::now() < end && self.status()?.confirmed > 0 {
            self.pause()?;
        }
        Ok(true)
    }

    fn pause(&self) -> Result<(), ServiceError> {
        match self {
            Self::Beside(_) => std::thread::sleep(STEP),
            Self::Alone(alone) => alone.heed(STEP)?,
        }
        Ok(())
    }

    /// Waits until the status is as wished. Where no time was given, only for as long as there is a line and edits get
    /// out, or rows in.
    pub fn wait(
        &self,
        patience: Option<Duration>,
        mut wished: impl FnMut(&Status) -> bool,
    ) -> Result<bool, ServiceError> {
        let mut end = Instant::now() + patience.unwrap_or(WAIT);
        let mut least = usize::MAX;
        loop {
            let status = self.status()?;
            if wished(&status) {
                return Ok(true);
            }
            if patience.is_none() && unsent(&status) < least {
                end = Instant::now() + WAIT;
            }
            least = least.min(unsent(&status));
            match &status.link {
                Link::Loading { .. } if patience.is_none() => end = Instant::now() + WAIT,
                Link::Connecting | Link::Online | Link::Loading { .. } => {}
                Link::Offline { .. } | Link::ServerFault { .. } if patience.is_some() => {}
                _ => return Ok(false),
            }
            if Instant::now() >= end {
                return Ok(false);
            }
            self.pause()?;
        }
    }
}

/// Edits that are not with the server yet, and can go: those behind one that needs a decision go nowhere by themselves.
pub(super) const fn unsent(status: &Status) -> usize {
    status.waiting.saturating_sub(status.blocked)
}

/// Who has the account open, or what to open.
fn find(folders: &Folders, alone: &Alone, access: &Access) -> Result<Found, ServiceError> {
    let config = alone.config();
    if let Some(email) = &access.email {
        let (project, url) = access.project_of(config)?;
        if let Some(console) = beside::console_of(folders, &url, email, super::now())? {
            return Ok(Found::Open(console));
        }
        let kept =
            kept::accounts(folders)?.into_iter().find(|kept| kept.project == project && kept.email == *email);
        let named = Account::Named { project, email: email.clone() };
        return Ok(Found::Nobody(kept.map_or(named, Account::Kept)));
    }
    let Consoles { mut open, silent } = beside::consoles(folders)?;
    if let Some(project) = &access.project {
        open.retain(|console| console.project().is_none_or(|of| of == *project));
    }
    if open.len() > 1 {
        return Err(whose("More than one account is open on this machine."));
    }
    if let Some(console) = open.pop() {
        return Ok(Found::Open(console));
    }
    if let Some(holder) = silent.first() {
        return Err(beside::silent(holder, super::now()));
    }
    the_only_one(folders, alone, access).map(Found::Nobody)
}

/// The account that is meant where no address was given.
fn the_only_one(folders: &Folders, alone: &Alone, access: &Access) -> Result<Account, ServiceError> {
    let wanted = |project: &str| access.project.as_deref().is_none_or(|wanted| wanted == project);
    let mut kept = kept::accounts(folders)?;
    kept.retain(|kept| wanted(&kept.project));
    match kept.len() {
        0 => {}
        1 => return kept.pop().map(Account::Kept).ok_or_else(|| whose("")),
        _ => return Err(whose("More than one account is unlocked on this machine.")),
    }
    let mut known = alone.config().accounts();
    known.retain(|(project, _)| wanted(project));
    match known.pop() {
        Some((project, email)) if known.is_empty() => Ok(Account::Named { project, email }),
        Some(_) => Err(whose("The configuration names more than one account.")),
        None => Err(whose("It is not said whose account is meant.")),
    }
}

fn whose(why: &str) -> ServiceError {
    ServiceError::new(ErrorKind::Usage, why)
        .hint("Say which: --email ADDRESS, and --project NAME if there are several.")
}

/// The key that is kept, or the password; that is asked for once.
fn by(
    account: &Account,
    access: &Access,
    password: &mut Option<secrecy::SecretString>,
) -> Result<By, ServiceError> {
    Ok(match account {
        Account::Kept(kept) if !access.has_password() => By::Key(kept.clone()),
        Account::Kept(KeptAccount { project, email, .. }) | Account::Named { project, email } => {
            if password.is_none() {
                *password = Some(access.password()?);
            }
            let password = password.clone().unwrap_or_default();
            By::Password { project: project.clone(), email: email.clone(), password }
        }
    })
}

fn busy(console: &Console) -> ServiceError {
    let holder = &console.whois.holder;
    let message = format!("Another command (process {}) has this account open and is not done.", holder.pid);
    ServiceError::new(ErrorKind::Locked, message).hint("Nothing was changed. Try again when it is done.")
}

fn locked(console: &Console) -> ServiceError {
    let message =
        format!("The console on {} is locked. Nothing was asked or changed.", console.whois.holder.place());
    ServiceError::new(ErrorKind::SignIn, message).hint("Unlock it there, with the password; or quit it.")
}

/// An answer to another question: the two are of different versions.
pub(super) fn unexpected(answer: &Answer) -> ServiceError {
    tracing::warn!(?answer, "an answer to another question");
    ServiceError::new(ErrorKind::Usage, "The answer is not understood: the console is of another version.")
}
