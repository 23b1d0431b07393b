//! Sign-in accounts of other people, on a user's row. Each is done by the server at once, or not at all.

use secrecy::SecretString;

use super::app::{App, Effect, Effects};
use super::popups::ask::{self, EMAIL};
use super::popups::picker::Goal;
use super::popups::{Ask, Confirm, Picker, Popup, confirm};
use super::texts;
use crate::domain::{Key, Kind, Role};
use crate::service::own::field;
use crate::service::{AccountDeed, Administer, Choice};

/// What can be done: as chosen, as called, and what it does.
const DEEDS: [(&str, &str, &str); 7] = [
    ("create", "Make an account", "with a password that you say"),
    ("invite", "Invite", "by mail, for a password"),
    ("password", "Set a new password", "ends their sessions"),
    ("email", "Change the address", "of account and profile"),
    ("out", "Sign out everywhere", "they can sign in again"),
    ("ban", "Bar", "no sign-in until it is lifted"),
    ("unban", "Lift the bar", ""),
];

impl App {
    /// Why accounts cannot be changed here.
    pub(super) fn account_why_not(&self) -> Option<String> {
        why_not(self.subject().as_ref(), self.status.account.as_ref().and_then(|account| account.role))
    }

    /// What can be done about the account of the user who is selected.
    pub(super) fn open_sign_in_account(&mut self) {
        if let Some(why) = self.account_why_not() {
            self.refuse(why);
            return;
        }
        let Some(key) = self.subject() else { return };
        let label = self.subject_label();
        let goal = Goal::Account(key, label.clone());
        let title = format!("Sign-in account of {label}");
        let picker = Picker::new(title, deeds(), goal);
        self.popups.push(Popup::Picker(picker.about(vec![texts::ACCOUNT_ONLINE.to_owned()])));
    }

    pub(super) fn account_deed_chosen(&mut self, goal: &Goal, value: Option<&str>) -> Effects {
        let Goal::Account(key, label) = goal.clone() else { return Vec::new() };
        let Some(user) = key.uuid() else { return Vec::new() };
        let ask = match starts(user, value.unwrap_or_default()) {
            Start::Confirmed(wish, _) => {
                return self.confirm_deed(user, &label, matches!(wish.deed, AccountDeed::Ban));
            }
            Start::Asked(goal) => goal,
        };
        self.popups.pop();
        let about = vec![about(&ask, &label)];
        self.popups.push(Popup::Ask(Ask::new(ask, about)));
        Vec::new()
    }

    /// Barring the account, or else ending its sessions.
    fn confirm_deed(&mut self, user: uuid::Uuid, label: &str, ban: bool) -> Effects {
        self.popups.pop();
        let (deed, answer) = if ban { (AccountDeed::Ban, "Bar") } else { (AccountDeed::SignOut, "Sign out") };
        let lines = deed.warning().unwrap_or_default();
        let title = format!("{answer} {label}?");
        let goal = confirm::Goal::Account(user, ban);
        let confirm = Confirm::new(title, vec![lines.to_owned()], ["No", answer], goal);
        self.popups.push(Popup::Confirm(confirm.with_why()));
        Vec::new()
    }

    pub(super) fn account_confirmed(&mut self, user: uuid::Uuid, ban: bool) -> Effects {
        let Some(Popup::Confirm(confirm)) = self.popups.last() else { return Vec::new() };
        let (deed, reason) = (if ban { AccountDeed::Ban } else { AccountDeed::SignOut }, confirm.reason());
        self.administer(Administer { user, deed, reason })
    }

    /// The deed of a form whose lines are all there.
    pub(super) fn account_asked(&mut self, goal: &ask::Goal) -> Effects {
        let Some(Popup::Ask(ask)) = self.popups.last() else { return Vec::new() };
        let wish = wish_of(ask, goal);
        wish.map(|wish| self.administer(wish)).unwrap_or_default()
    }

    pub(super) fn administer(&mut self, wish: Administer) -> Effects {
        vec![Effect::Administer(self.submit_from_popup(), wish)]
    }
}

/// Whom a form is about, and what becomes of what is typed into it.
pub(super) fn about(goal: &ask::Goal, label: &str) -> String {
    match goal {
        ask::Goal::AccountInvite { .. } | ask::Goal::AccountUnban { .. } => texts::account_why(label),
        _ => texts::account_of(label),
    }
}

/// What can be done about an account.
pub(super) fn deeds() -> Vec<Choice> {
    let choice = |(value, label, note): (&str, &str, &str)| Choice {
        value: Some(value.to_owned()),
        label: label.to_owned(),
        note: note.to_owned(),
        why_not: None,
    };
    DEEDS.map(choice).into()
}

/// What a form whose lines are all there asks for.
pub(super) fn wish_of(ask: &Ask, goal: &ask::Goal) -> Option<Administer> {
    let password = || ask.secret(field::NEW).unwrap_or_else(|| SecretString::from(String::new()));
    let (user, deed) = match goal {
        ask::Goal::Account { user, create: true } => (*user, AccountDeed::Create(password())),
        ask::Goal::Account { user, .. } => (*user, AccountDeed::SetPassword(password())),
        ask::Goal::AccountEmail { user } => (*user, AccountDeed::SetEmail(ask.text(EMAIL))),
        ask::Goal::AccountInvite { user } => (*user, AccountDeed::Invite),
        ask::Goal::AccountUnban { user } => (*user, AccountDeed::Unban),
        _ => return None,
    };
    Some(Administer { user, deed, reason: ask.reason() })
}

/// Why accounts cannot be changed there.
pub(super) fn why_not(subject: Option<&Key>, role: Option<Role>) -> Option<String> {
    match subject {
        None => Some(texts::NOTHING_SELECTED.to_owned()),
        Some(key) if key.kind != Kind::User => Some(texts::not_for(key.kind)),
        Some(_) if role != Some(Role::MainHq) => Some(texts::ACCOUNTS_HQ.to_owned()),
        Some(_) => None,
    }
}

/// How a deed begins. Each takes a reason.
pub(super) enum Start {
    /// After what it does was told and confirmed.
    Confirmed(Administer, &'static str),
    /// With something to be typed, be it the reason alone.
    Asked(ask::Goal),
}

pub(super) fn starts(user: uuid::Uuid, deed: &str) -> Start {
    let confirmed = |deed: AccountDeed| {
        let about = deed.warning().unwrap_or_default();
        Start::Confirmed(Administer { user, deed, reason: None }, about)
    };
    match deed {
        "ban" => confirmed(AccountDeed::Ban),
        "out" => confirmed(AccountDeed::SignOut),
        "invite" => Start::Asked(ask::Goal::AccountInvite { user }),
        "unban" => Start::Asked(ask::Goal::AccountUnban { user }),
        "create" => Start::Asked(ask::Goal::Account { user, create: true }),
        "password" => Start::Asked(ask::Goal::Account { user, create: false }),
        _ => Start::Asked(ask::Goal::AccountEmail { user }),
    }
}
