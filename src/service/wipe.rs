//! Erasing without a console: what this machine has of one account, or of all, from a command.
//!
//! No password is asked for that: whoever may run it may delete the folders as well. With the password what is unsent can
//! be seen and exported first; the account is opened for that alone, and no server is asked. What was set aside is erased
//! with the account it is of.

use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;

use super::{Config, Done, Folders, OutboxLine, ServiceError, explain, parcel, words};
use crate::domain::Stamp;
use crate::remote::Project;
use crate::session;
use crate::store::{AccountFolder, Desk, Holder};
use crate::vault::KdfParams;

/// What this machine has of an account.
#[derive(Debug)]
pub struct Kept {
    folder: AccountFolder,
    /// When it was set aside, if it was.
    aside: Option<Stamp>,
}

/// An account opened for a look.
pub struct Opened {
    desk: Arc<Desk>,
}

/// The address of a project of the configuration, or the default one's.
pub fn project(config: &Config, name: Option<&str>) -> Result<String, ServiceError> {
    let name = name.map(str::to_owned).or_else(|| config.views().first().map(|view| view.name.clone()));
    let wrong = |message| ServiceError::new(super::ErrorKind::Configuration, message);
    let Some(name) = name else {
        return Err(wrong("No project is configured.".to_owned())
            .hint("Start flyos to add one, or set SUPABASE_URL and SUPABASE_PUBLISHABLE_KEY."));
    };
    let Some(project) = config.projects.get(&name) else {
        return Err(wrong(format!("There is no project named {name}.")).hint("flyos config show lists them."));
    };
    match Project::new(&project.url, &project.key) {
        Ok(project) => Ok(project.url().to_owned()),
        Err(problem) => Err(wrong(format!("The project {name} cannot be used: {problem}"))
            .hint("Mend it in config.toml or the environment; flyos config check looks at all of them.")),
    }
}

/// What this machine has: of that address at that project, or of all.
pub fn kept(folders: &Folders, one: Option<(&str, &str)>) -> Result<Vec<Kept>, ServiceError> {
    let (all, aside) = AccountFolder::all(&folders.data)
        .and_then(|all| Ok((all, AccountFolder::all_aside(&folders.data)?)))
        .map_err(|error| explain::store(&error))?;
    let aside = aside.into_iter().map(|(folder, since)| Kept { folder, aside: Some(since) });
    let found = all.into_iter().map(|folder| Kept { folder, aside: None }).chain(aside);
    Ok(found.filter(|kept| one.is_none_or(|(url, email)| kept.is_of(url, email))).collect())
}

impl Kept {
    fn is_of(&self, url: &str, email: &str) -> bool {
        self.folder.read().ok().flatten().is_some_and(|file| file.is_for(url, email))
    }

    /// The folder's name; it says nothing of whose it is.
    pub fn name(&self) -> String {
        self.folder.name()
    }

    /// When it was set aside, if it was.
    pub const fn aside(&self) -> Option<Stamp> {
        self.aside
    }

    /// Edits that were unsent when that was noted last; for who has no password.
    pub fn unsent(&self) -> Option<usize> {
        self.folder.unsent()
    }

    /// The address of the project that it is of, by the configuration and by what is in it.
    pub fn project(&self, config: &Config, opened: &Opened) -> Option<String> {
        let known = config.accounts().into_iter().map(|(_, email)| email);
        let emails: Vec<String> = known.chain(opened.email()).collect();
        let urls =
            config.projects.values().filter_map(|project| Project::new(&project.url, &project.key).ok());
        urls.map(|project| project.url().to_owned())
            .find(|url| emails.iter().any(|email| self.is_of(url, email)))
    }

    /// When it was opened last.
    pub fn last_opened(&self) -> Option<Stamp> {
        self.folder.holder().map(|holder| holder.since)
    }

    /// Who has it open.
    pub fn open_in(&self) -> Option<Holder> {
        if self.folder.is_free() { None } else { self.folder.holder() }
    }

    /// Opens it for a look; wrong passwords are slowed as at any sign-in.
    pub fn open(&self, password: &SecretString, now: Stamp) -> Result<Opened, ServiceError> {
        let opened = session::open_alone(self.folder.clone(), password, now);
        opened.map(|desk| Opened { desk }).map_err(|error| explain::prove(&error))
    }

    /// Erases it, its keys first.
    pub fn erase(self) -> Result<(), ServiceError> {
        session::kept::forget(&self.folder);
        let erased = self.folder.lock().and_then(|lock| self.folder.erase(lock));
        erased.map_err(|error| explain::not_erased(&error))
    }
}

impl Opened {
    /// What was not sent yet.
    pub fn unsent(&self) -> Vec<OutboxLine> {
        let replica = self.desk.replica().read().unwrap_or_else(std::sync::PoisonError::into_inner);
        replica.outbox().map(|pending| words::outbox_line(&replica, pending)).collect()
    }

    /// The address of whose it is, as their row says.
    fn email(&self) -> Option<String> {
        let replica = self.desk.replica().read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let own = replica.who().and_then(|who| replica.view().user(who.user));
        own.map(|user| user.email.to_string())
    }

    /// All of it into a sealed file.
    pub fn export(
        &self,
        url: &str,
        path: &Path,
        passphrase: &SecretString,
        now: Stamp,
    ) -> Result<Done, ServiceError> {
        let url = url.to_owned();
        let contents = parcel::from_desk(&self.desk, move |store| parcel::pack(store, &[], url))?;
        parcel::write(&contents, path, passphrase, (KdfParams::default(), now))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        drop(self.desk.close());
    }
}
