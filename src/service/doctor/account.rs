//! One account's files: whose they are, whether they can be read, and with its key what they say.

use std::time::Duration;

use secrecy::SecretString;

use super::machine::MAKE_OWN;
use super::{Examination, Report};
use crate::domain::Stamp;
use crate::service::{beside, status};
use crate::store::journal::Examined;
use crate::store::{AccountFile, AccountFolder, Replica, SeenGap, StoreError, look};
use crate::vault::{self, Sealer, VaultError};

/// How long reading a copy of the cache may get nowhere.
const PATIENCE: Duration = Duration::from_secs(20);
/// Names of files in quarantine that are told one by one.
const NAMES_MAX: usize = 5;

pub(super) fn all(report: &mut Report, what: &Examination) {
    let folders = match AccountFolder::all(&what.folders.data) {
        Ok(folders) => folders,
        Err(error) => {
            let text = format!("The accounts on this machine cannot be looked at: {error}.");
            return report.attention("accounts", text, "Mend that folder.");
        }
    };
    if folders.is_empty() {
        report.note("accounts", "No account has been opened on this machine.");
    }
    // No password opens everybody's: the others are looked at without.
    let opened: Vec<bool> = folders.iter().filter_map(|folder| one(report, what, folder)).collect();
    if what.password.is_some() && !opened.is_empty() && !opened.contains(&true) {
        report.attention(
            "password",
            "The password opens none of the accounts here.",
            "Check it and try again.",
        );
    }
}

/// Looks at one; whether the password opened it, where there was something to open.
fn one(report: &mut Report, what: &Examination, folder: &AccountFolder) -> Option<bool> {
    let about = format!("account {}", folder.account());
    let wrong = look::wrong_in(folder);
    for (path, wrong) in &wrong {
        report.attention(&about, format!("{} {wrong}.", path.display()), MAKE_OWN);
    }
    let file = account_file(report, &about, folder)?;
    if wrong.is_empty() {
        report.sound(&about, format!("Its files are yours alone; {}.", device(&file)));
    }
    quarantine(report, &about, folder);
    let key = what.password.as_ref().and_then(|password| unlock(report, &about, &file, password, what.now));
    let sealer = key.map(|key| Sealer::new(&key, folder.account().into_bytes()));
    let is_open = folder.is_held();
    if is_open {
        beside(report, &about, folder);
    } else {
        report.sound(&about, "No console has it open.");
    }
    let examined = match look::journal(folder, sealer.as_ref()) {
        Ok(examined) => examined,
        Err(error) => {
            report.attention(&format!("{about}, journal"), sentence(&error), TAKE_CARE);
            return Some(sealer.is_some());
        }
    };
    journal(report, &format!("{about}, journal"), (folder, &examined), (sealer.is_some(), is_open), what.now);
    match &sealer {
        Some(sealer) if !is_open => unsealed(report, &about, folder, sealer, &examined),
        Some(_) => {}
        None => {
            let text = "Rows and edits are sealed: give the password to look at each.";
            report.note(&format!("{about}, cache"), text);
            noted(report, &format!("{about}, outbox"), folder, what.now);
        }
    }
    Some(sealer.is_some())
}

const TAKE_CARE: &str =
    "Copy the account's folder before anything else is done with it, and sign in: what is sound is kept.";

fn account_file(report: &mut Report, about: &str, folder: &AccountFolder) -> Option<AccountFile> {
    match folder.read() {
        Ok(Some(file)) if file.wraps.is_empty() => {
            report.attention(about, "account.toml holds no key, so nothing here can be opened.", RESTORE);
            None
        }
        Ok(Some(file)) => {
            if !folder.is_file_whole() {
                doubtful(report, about, file.is_doubtful());
            }
            Some(file)
        }
        Ok(None) => {
            report.attention(about, "account.toml is missing, and with it the key.", RESTORE);
            None
        }
        Err(error) => {
            report.attention(about, format!("Its {error}."), RESTORE);
            None
        }
    }
}

/// Its file is not as it was written; what is read comes from the copy, or is doubtful.
fn doubtful(report: &mut Report, about: &str, without_copy: bool) {
    let text = if without_copy {
        "account.toml is damaged, and there is no whole copy: some of the ways to the key may not open."
    } else {
        "account.toml is damaged or gone; its copy is whole."
    };
    report.attention(
        about,
        text,
        "Sign in: it is put right, and what was damaged is kept in its quarantine.",
    );
}

const RESTORE: &str = "Put account.toml back from a backup: it is the one file that holds the key. Without it, move the \
                       folder away and sign in anew; unsent edits in it are out of reach.";

fn device(file: &AccountFile) -> String {
    format!("device {}", file.device)
}

fn quarantine(report: &mut Report, about: &str, folder: &AccountFolder) {
    let (names, bytes) = look::quarantine(folder);
    if names.is_empty() {
        return;
    }
    let more = names.len().saturating_sub(NAMES_MAX);
    let mut told = names.into_iter().take(NAMES_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 {
        told = format!("{told} and {more} more");
    }
    let text = format!("Its quarantine holds what was found damaged: {told} ({} KiB).", bytes.div_ceil(1024));
    report.note(about, text + " It may be deleted once nobody wants to look at it.");
}

fn unlock(
    report: &mut Report,
    about: &str,
    file: &AccountFile,
    password: &SecretString,
    now: Stamp,
) -> Option<vault::DataKey> {
    if let Some(wait_s) = file.tries.wait_s(now) {
        report.note(about, format!("After wrong passwords the next one is looked at in {wait_s} s."));
        return None;
    }
    for wrap in &file.wraps {
        match vault::unwrap(password, wrap) {
            Ok(key) => return Some(key),
            Err(VaultError::WrongPassword) => {}
            Err(error) => report.attention(about, format!("A wrap of the key is damaged: {error}."), RESTORE),
        }
    }
    report.note(about, "This password does not open it: it is looked at without.");
    None
}

/// The console that has it open tells how it stands.
fn beside(report: &mut Report, about: &str, folder: &AccountFolder) {
    let holder = folder.holder().map_or_else(|| "another process".to_owned(), |holder| holder.place());
    match beside::ask_whois(folder) {
        Some(whois) => report.note(
            about,
            format!(
                "Open in the console on {holder}, with {} unsent: its cache is not looked at.",
                count(whois.unsent, "edit")
            ),
        ),
        None => report.attention(
            about,
            format!("Open on {holder}, which does not answer."),
            "It hangs or is suspended: start flyos, sign in, and take over.",
        ),
    }
}

fn journal(
    report: &mut Report,
    about: &str,
    (folder, found): (&AccountFolder, &Examined),
    (unsealed, is_open): (bool, bool),
    now: Stamp,
) {
    let how = if unsealed { "opened one by one" } else { "by their sums; with the password each is opened" };
    let text = format!(
        "{} in {} ({} KiB), {how}.",
        count(found.frames, "entry"),
        count(found.segments, "segment"),
        found.bytes.div_ceil(1024)
    );
    let (torn, damaged): (Vec<_>, Vec<_>) = found.damage.iter().partition(|damage| damage.torn);
    for damage in &damaged {
        report.attention(
            about,
            format!(
                "{} bytes at {} of {} are no entry.",
                damage.bytes,
                damage.from,
                damage.segment.display()
            ),
            "Sign in: what is sound is kept, and the damaged file goes to quarantine.",
        );
    }
    if !torn.is_empty() && !is_open {
        report.note(
            about,
            "Its last write never ended: nobody was told that it was saved. It is cut at the next sign-in.",
        );
    }
    let lost = lost(report, about, (folder, found), now);
    if damaged.is_empty() && !lost {
        report.sound(about, text);
    } else {
        report.note(about, text);
    }
}

/// Entries that are gone for good; whether there are any that nobody has seen.
fn lost(report: &mut Report, about: &str, (folder, found): (&AccountFolder, &Examined), now: Stamp) -> bool {
    let zone = jiff::tz::TimeZone::system();
    let (seen, unseen) = look::lost(folder, found);
    for gap in &unseen {
        report.attention(
            about,
            format!("Lost: {}", status::lost(gap, now, &zone)),
            "Edits among them that were not sent are lost: look through what was done last, and do it again. Sign in \
             and press ! to say that it was seen.",
        );
    }
    for SeenGap { gap, seen } in &seen {
        let seen = status::at_text(*seen, now, &zone);
        report.note(about, format!("Lost once, and seen {seen}: {}", status::lost(gap, now, &zone)));
    }
    !unseen.is_empty()
}

/// With the key: every row, and what the edits come to on top of them.
fn unsealed(report: &mut Report, about: &str, folder: &AccountFolder, sealer: &Sealer, examined: &Examined) {
    let cache = format!("{about}, cache");
    let (meta, mut replica) = match look::cache(folder, sealer, PATIENCE) {
        Ok(Some(found)) => found,
        Ok(None) => {
            report.note(&cache, "There is none yet, or no room for a copy of it to be looked at.");
            (crate::store::Meta::default(), Replica::default())
        }
        Err(error) => {
            report.attention(
                &cache,
                sentence(&error),
                "Sign in with a line: the rows are loaded anew. Your edits are safe.",
            );
            (crate::store::Meta::default(), Replica::default())
        }
    };
    let (seen, last) = (meta.applied_seq, examined.next.saturating_sub(1));
    let as_of = meta.as_of;
    replica.replay(meta, &examined.entries);
    if replica.rows() > 0 || as_of.is_some() {
        report.sound(&cache, format!("{} opened one by one.", count(replica.rows(), "row")));
    }
    if seen > last {
        report.attention(
            &cache,
            format!("It knows of entry {seen} of the journal, which ends at {last}."),
            "The journal was put back from an older copy, or lost its end. Sign in: unsent edits are held back until you decide.",
        );
    }
    let (waiting, _, needs_you) = replica.counts();
    let outbox = format!("{about}, outbox");
    match look::held_back(folder) {
        Ok(Some(_)) if waiting > 0 => report.attention(
            &outbox,
            "Edits are held back, since the journal ended earlier than it once did.",
            "Sign in and press ! to send them or to let go of them.",
        ),
        Err(error) => report.attention(&outbox, sentence(&error), TAKE_CARE),
        _ => {}
    }
    if needs_you > 0 {
        let text = format!("{} to be sent; {needs_you} need a decision.", count(waiting, "edit"));
        report.attention(&outbox, text, "Sign in and press ! to decide.");
    } else {
        report.sound(&outbox, format!("{} to be sent.", count(waiting, "edit")));
    }
}

/// What was noted beside the account, for who has not its key.
fn noted(report: &mut Report, outbox: &str, folder: &AccountFolder, now: Stamp) {
    let Some(noted) = folder.summary() else { return };
    let zone = jiff::tz::TimeZone::system();
    let when = |at| status::at_text(at, now, &zone);
    let oldest = noted.oldest.map_or(String::new(), |at| format!(", the oldest of {}", when(at)));
    let mut text = format!("{} to be sent{oldest}", count(noted.waiting, "edit"));
    text += &noted
        .as_of
        .map_or(", nothing was received yet".to_owned(), |at| format!(", last received {}", when(at)));
    let noted_at = when(noted.at);
    if noted.needs_you == 0 {
        return report.sound(outbox, format!("{text} (as noted {noted_at})."));
    }
    let needs = status::edits_need(noted.needs_you);
    let text = format!("{needs} a decision; {text} (as noted {noted_at}).");
    report.attention(outbox, text, "flyos conflicts list shows them; in the console, !.");
}

pub(super) fn count(count: usize, noun: &str) -> String {
    let many = noun.strip_suffix('y').map_or_else(|| format!("{noun}s"), |stem| format!("{stem}ies"));
    if count == 1 { format!("1 {noun}") } else { format!("{count} {many}") }
}

fn sentence(error: &StoreError) -> String {
    crate::service::explain::sentence(&error.to_string())
}
