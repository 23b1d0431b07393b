//! For commands: the consoles that are open on this machine, asked from beside.
//!
//! Beside a console a command needs no session of its own and no password: it asks the console that has one, over its
//! socket, and what it hands in there is done as if typed there. A command that has an account open itself answers, too,
//! and says that it is one: it is about to be done.

use std::path::Path;
use std::time::Duration;

use super::control::{self, Reply, Request, WHOIS_TIME_MAX};
use super::status::ago;
use super::{
    Action, Administer, Answer, Done, ErrorKind, Folders, Query, ServiceError, Status, Whois, explain,
};
use crate::domain::Stamp;
use crate::session::socket::LineError;
use crate::store::{AccountFolder, Holder};

/// How long a console may take to answer a command: what the server does at once it may ask for 65 s, and tells how that
/// ended.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(75);

/// An open console.
#[derive(Clone, Debug)]
pub struct Console {
    folder: AccountFolder,
    pub whois: Whois,
}

/// The consoles that are open, those that answer; and those that do not.
#[derive(Clone, Debug, Default)]
pub struct Consoles {
    pub open: Vec<Console>,
    pub silent: Vec<Holder>,
}

/// What there is in an account's folder.
enum Seen {
    Open(Console),
    Nobody,
    /// Somebody has it, and does not answer.
    Silent,
}

fn look(folder: AccountFolder) -> Result<Seen, ServiceError> {
    match ask(folder.path(), &Request::Whois) {
        Ok(Reply::Whois(whois)) => {
            let whois = Whois { holder: whois.holder.plain(), ..whois };
            Ok(Seen::Open(Console { folder, whois }))
        }
        Ok(Reply::Refused(error)) => Err(error),
        Ok(_) => Err(explain::not_understood(&LineError::Garbage)),
        // One that hangs up is about to end; the lock tells when it has.
        Err(LineError::Nobody | LineError::Ended) => Ok(Seen::Nobody),
        Err(error @ LineError::Version { .. }) => Err(explain::not_understood(&error)),
        Err(_) => Ok(Seen::Silent),
    }
}

/// Looks for all of them.
pub fn consoles(folders: &Folders) -> Result<Consoles, ServiceError> {
    let mut found = Consoles::default();
    for folder in AccountFolder::all(&folders.data).map_err(|error| explain::store(&error))? {
        let holder = folder.holder();
        match look(folder)? {
            Seen::Open(console) => found.open.push(console),
            Seen::Silent => found.silent.extend(holder),
            Seen::Nobody => {}
        }
    }
    Ok(found)
}

/// The one that has the account of that address at that project open; an error where it does not answer.
pub fn console_of(
    folders: &Folders,
    url: &str,
    email: &str,
    now: Stamp,
) -> Result<Option<Console>, ServiceError> {
    let found = AccountFolder::find(&folders.data, url, email).map_err(|error| explain::store(&error))?;
    let Some(folder) = found else { return Ok(None) };
    let holder = folder.holder();
    match (look(folder)?, holder) {
        (Seen::Open(console), _) => Ok(Some(console)),
        (Seen::Silent, Some(holder)) => Err(silent(&holder, now)),
        _ => Ok(None),
    }
}

/// Who has that folder open, if they tell.
pub(super) fn ask_whois(folder: &AccountFolder) -> Option<Whois> {
    match ask(folder.path(), &Request::Whois) {
        Ok(Reply::Whois(whois)) => Some(whois),
        _ => None,
    }
}

impl Console {
    /// The project, where it tells.
    pub fn project(&self) -> Option<String> {
        self.status().ok()?.account.map(|account| account.project)
    }

    pub(super) fn is_of(&self, folder: &AccountFolder) -> bool {
        self.folder.account() == folder.account()
    }

    pub fn status(&self) -> Result<Status, ServiceError> {
        match self.query(Query::Status)? {
            Answer::Status(status) => Ok(*status),
            _ => Err(explain::not_understood(&LineError::Garbage)),
        }
    }

    pub fn query(&self, query: Query) -> Result<Answer, ServiceError> {
        match ask(self.folder.path(), &Request::Ask(query))
            .map_err(|error| explain::not_understood(&error))?
        {
            Reply::Answer(answer) => Ok(answer),
            other => Err(refused(other)),
        }
    }

    /// Hands an action in; back when it is done, for an edit: on disk.
    pub fn act(&self, action: Action) -> Result<Done, ServiceError> {
        self.done(&Request::Act(action))
    }

    /// Somebody's sign-in account; back when the server has done it.
    pub fn administer(&self, wish: Administer) -> Result<Done, ServiceError> {
        self.done(&Request::Administer(wish))
    }

    fn done(&self, request: &Request) -> Result<Done, ServiceError> {
        match ask(self.folder.path(), request).map_err(|error| explain::not_told(&error))? {
            Reply::Done(done) => Ok(done),
            other => Err(refused(other)),
        }
    }
}

fn refused(reply: Reply) -> ServiceError {
    match reply {
        Reply::Refused(error) => error,
        _ => explain::not_understood(&LineError::Garbage),
    }
}

/// One request, on a runtime of its own: commands have no other.
fn ask(folder: &Path, request: &Request) -> Result<Reply, LineError> {
    let patience = match request {
        Request::Whois => WHOIS_TIME_MAX,
        _ => ANSWER_TIME_MAX,
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LineError::Io)?;
    runtime.block_on(control::call(folder, request, patience))
}

/// The console that has an account open does not answer.
pub fn silent(holder: &Holder, now: Stamp) -> ServiceError {
    let message = format!(
        "The console on {}, opened {}, has an account open and does not answer.",
        holder.place_and_process(),
        ago(holder.since, now)
    );
    ServiceError::new(ErrorKind::Locked, message)
        .hint("It hangs or is suspended. To go on with its account, start flyos, sign in, and take over.")
}

/// Nobody to ask.
pub fn none_open() -> ServiceError {
    ServiceError::new(ErrorKind::NotOpen, "No console is open for this user on this machine.")
        .hint("Start flyos in another terminal and sign in; this command asks that console.")
}
