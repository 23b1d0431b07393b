//! `flyos wipe`: erases what this machine has of an account, or of all of them. On a terminal it tells what is unsent to
//! who types the password, offers a sealed export, and wants a word typed; without one it does nothing but by `--yes`.

use std::io::{self, BufRead, IsTerminal as _, Write};
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::now;
use super::out::Out;
use super::prompt::typed;
use crate::service::status;
use crate::service::wipe::{self, Kept, Opened};
use crate::service::{Config, Done, Environment, ErrorKind, Folders, ServiceError};

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Wipe {
    pub project: Option<String>,
    /// Without one: all accounts.
    pub email: Option<String>,
    pub yes: bool,
}

/// The word that confirms.
const WORD: &str = "erase";

/// Erases, after asking where there is somebody to ask.
pub fn wipe(folders: &Folders, asked: &Wipe, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let asks = io::stdin().is_terminal() && !asked.yes && !out.is_json();
    if !asks && !asked.yes {
        return Err(ServiceError::new(
            ErrorKind::Usage,
            "There is nobody to confirm it. Nothing was erased.",
        )
        .hint("Say --yes if what this machine has is to be erased, unsent edits included."));
    }
    let config = Config::read(folders)?.with_environment(Environment::read());
    let url = asked.email.as_ref().map(|_| wipe::project(&config, asked.project.as_deref())).transpose()?;
    let one = url.as_deref().zip(asked.email.as_deref());
    let kept = wipe::kept(folders, one)?;
    if kept.is_empty() {
        return out.told("This machine has nothing of it.", json!({ "erased": 0 }));
    }
    if let Some(holder) = kept.iter().find_map(Kept::open_in) {
        let message = format!("The console on {} has an account open. Nothing was erased.", holder.place());
        return Err(ServiceError::new(ErrorKind::Locked, message)
            .hint("Quit that console, or erase there with X, and say it again."));
    }
    if asks {
        for account in &kept {
            out.say(&title(account))?;
            show(account, &config, out)?;
        }
        out.say("Keys, rows, unsent edits and session are erased here; the server keeps what it has.")?;
        let typed = prompt(&format!("Type {WORD} to go on: "), out)?;
        if typed.trim() != WORD {
            return out.say("Nothing was erased.");
        }
    }
    let count = kept.len();
    kept.into_iter().try_for_each(Kept::erase)?;
    let words = if count == 1 {
        "1 account was erased.".to_owned()
    } else {
        format!("{count} accounts were erased.")
    };
    out.told(&words, json!({ "erased": count }))
}

/// What is known of it without its key.
fn title(account: &Kept) -> String {
    let opened = account.last_opened().map(|at| format!(", opened {}", status::ago(at, now())));
    let aside = account.aside().map(|at| format!(", set aside {}", status::ago(at, now())));
    let unsent = account.unsent().filter(|edits| *edits > 0).map(|edits| format!(", {edits} unsent"));
    let parts: String = [aside, opened, unsent].into_iter().flatten().collect();
    format!("Account {}{parts}", account.name())
}

/// Tells what is unsent, to who knows the password, and offers to export it.
fn show(account: &Kept, config: &Config, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    loop {
        let password = secret("Password, to see what is unsent and to export it (Enter: not looked at): ")?;
        if password.expose_secret().is_empty() {
            return out.say("Unsent edits, if there are any, were not looked at.");
        }
        match account.open(&password, now()) {
            Ok(opened) => return list(&opened, account.project(config, &opened).as_deref(), out),
            Err(error) => {
                out.say(&error.message)?;
                error.hints.iter().try_for_each(|hint| out.say(hint))?;
            }
        }
    }
}

fn list(opened: &Opened, url: Option<&str>, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let unsent = opened.unsent();
    if unsent.is_empty() {
        return out.say("Nothing is unsent.");
    }
    out.say(&format!("Unsent: {}", unsent.len()))?;
    unsent.iter().try_for_each(|line| out.say(&format!("  {}: {}", line.label, line.what)))?;
    let Some(url) = url else {
        out.say("They cannot be exported: no project in the configuration is the one they are of.")?;
        return out.say("To keep them, go no further, describe it there, and say this again.");
    };
    loop {
        let passphrase = secret("Passphrase, to export them into a sealed file first (Enter: no): ")?;
        if passphrase.expose_secret().is_empty() {
            return Ok(());
        }
        if secret("Passphrase once more: ")?.expose_secret() != passphrase.expose_secret() {
            out.say("The two passphrases differ.")?;
            continue;
        }
        let stamp: String = now().text().chars().filter(char::is_ascii_digit).take(14).collect();
        match opened.export(url, Path::new(&format!("flyos-{stamp}.sealed")), &passphrase, now()) {
            Ok(Done::Exported { edits, path }) => {
                return out.say(&format!("Exported: {edits}, into {path}"));
            }
            Ok(_) => return Ok(()),
            Err(error) => out.say(&error.message)?,
        }
    }
}

fn secret(words: &str) -> Result<SecretString, ServiceError> {
    typed(words).map_err(|error| broken(&error))
}

fn prompt(words: &str, out: &mut Out<impl Write>) -> Result<String, ServiceError> {
    let mut line = String::new();
    out.text(words)?;
    io::stdin().lock().read_line(&mut line).map_err(|error| broken(&error))?;
    Ok(line)
}

fn broken(error: &io::Error) -> ServiceError {
    ServiceError::new(
        ErrorKind::Usage,
        format!("The terminal could not be used: {error}. Nothing was erased."),
    )
}
