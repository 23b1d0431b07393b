//! The own sign-in on the screen: the second factor, passwords, codes, and ending sessions.

use secrecy::{ExposeSecret as _, SecretString};

use super::app::{App, Effect, Effects};
use super::popups::ask::{self, EMAIL};
use super::popups::confirm::OwnGoal;
use super::popups::picker::{self, OwnGoal as Goal};
use super::popups::qr::Qr;
use super::popups::{Ask, Confirm, Message, Picker, Popup, confirm};
use super::texts;
use crate::service::own::field;
use crate::service::{
    Choice, Enrolling, FactorView, Link, Own, OwnDone, Redeem, ServiceError, Shut, does_not_open,
};

fn choice(value: &str, label: &str, note: &str) -> Choice {
    Choice { value: Some(value.to_owned()), label: label.to_owned(), note: note.to_owned(), why_not: None }
}

impl App {
    fn submit_own(&mut self, wish: Own) -> Effects {
        vec![Effect::Own(self.submit_from_popup(), wish)]
    }

    /// The number of a submission that the popup on top waits for.
    pub(super) fn submit_from_popup(&mut self) -> u64 {
        self.submitted += 1;
        match self.popups.last_mut() {
            Some(Popup::Ask(ask)) => ask.saving = Some(self.submitted),
            Some(Popup::Picker(picker)) => (picker.saving, picker.error) = (Some(self.submitted), None),
            Some(Popup::Confirm(confirm)) => confirm.saving = Some(self.submitted),
            _ => {}
        }
        self.submitted
    }

    // ---- signed in ----

    /// What can be done about the own sign-in.
    pub(super) fn open_account(&mut self) {
        let choices = account_choices(&self.status.link);
        let picker = Picker::new(texts::ACCOUNT_TITLE.to_owned(), choices, picker::Goal::Own(Goal::Account));
        self.popups.push(Popup::Picker(picker));
    }

    /// The server wants the second factor.
    pub(super) fn ask_for_code(&mut self) {
        let open = |popup: &Popup| matches!(popup, Popup::Ask(ask) if ask.goal == ask::Goal::Code);
        if !self.popups.iter().any(open) {
            let mut about = vec![texts::CODE_ABOUT.to_owned()];
            about.extend(texts::goes_after(self.status.waiting));
            self.popups.push(Popup::Ask(Ask::new(ask::Goal::Code, about)));
        }
    }

    /// A choice of one of the lists that are about the own sign-in.
    pub(super) fn own_picked(&mut self, goal: Goal, value: &str) -> Effects {
        match goal {
            Goal::Account => return self.account_picked(value),
            Goal::Factors => return self.factor_picked(value),
            Goal::NoPassword => {
                self.popups.pop();
                let goal = match value {
                    "mail" => ask::Goal::MailCode,
                    _ => ask::Goal::Redeem { invited: value == "invited" },
                };
                self.open_ask_with_address(goal, Vec::new());
            }
            Goal::OldPassword => {
                if value == "old" {
                    self.popups.push(Popup::Ask(Ask::new(ask::Goal::OldPassword, Vec::new())));
                } else {
                    let lines = texts::SET_ASIDE.iter().map(|line| (*line).to_owned()).collect();
                    self.confirm(texts::SET_ASIDE_TITLE, lines, ["No", "Keep it aside"], OwnGoal::SetAside);
                }
            }
        }
        Vec::new()
    }

    fn confirm(&mut self, title: &str, lines: Vec<String>, answers: [&'static str; 2], goal: OwnGoal) {
        let goal = confirm::Goal::Own(goal);
        self.popups.push(Popup::Confirm(Confirm::new(title.to_owned(), lines, answers, goal)));
    }

    fn account_picked(&mut self, value: &str) -> Effects {
        if value == "factors" {
            return self.submit_own(Own::Factors);
        }
        self.popups.pop();
        match value {
            "code" => self.ask_for_code(),
            "password" => {
                let about = vec![texts::PASSWORD_ABOUT.to_owned()];
                self.popups.push(Popup::Ask(Ask::new(ask::Goal::ChangePassword, about)));
            }
            "others" => {
                let lines = vec![texts::OTHERS_ABOUT.to_owned()];
                self.confirm(
                    texts::OTHERS_TITLE,
                    lines,
                    ["Leave them", "Sign them out"],
                    OwnGoal::SignOutOthers,
                );
            }
            "everywhere" => {
                let mut lines = vec![texts::EVERYWHERE_ABOUT.to_owned()];
                lines.extend(self.kept_lines());
                let answers = ["Stay", "Sign out everywhere"];
                self.confirm(texts::EVERYWHERE_TITLE, lines, answers, OwnGoal::SignOutEverywhere);
            }
            _ => self.ask_to_sign_out(),
        }
        Vec::new()
    }

    pub(super) fn ask_to_sign_out(&mut self) {
        let lines = self.kept_lines();
        let confirm =
            Confirm::new("Sign out?".to_owned(), lines, ["Stay", "Sign out"], confirm::Goal::SignOut);
        self.popups.push(Popup::Confirm(confirm));
    }

    /// What becomes of what is here.
    fn kept_lines(&self) -> Vec<String> {
        let kept = "What this machine has is kept for the next time.".to_owned();
        std::iter::once(kept).chain(texts::stays_sealed(self.status.waiting)).collect()
    }

    fn show_factors(&mut self, factors: &[FactorView]) -> Effects {
        let goal = picker::Goal::Own(Goal::Factors);
        let picker = Picker::new(texts::FACTORS_TITLE.to_owned(), factor_choices(factors), goal);
        let about = factors.is_empty().then(|| texts::NO_FACTOR.to_owned()).into_iter().collect();
        self.popups.push(Popup::Picker(picker.about(about)));
        Vec::new()
    }

    fn factor_picked(&mut self, value: &str) -> Effects {
        if value == "enrol" {
            return self.submit_own(Own::Enrol);
        }
        self.popups.pop();
        let (lines, goal) = (vec![texts::UNENROL_ABOUT.to_owned()], OwnGoal::Unenrol(value.to_owned()));
        self.confirm(texts::UNENROL_TITLE, lines, ["Keep it", "Take it away"], goal);
        Vec::new()
    }

    fn show_enrolling(&mut self, enrolling: &Enrolling) {
        let secret = in_groups(&enrolling.secret);
        let about = vec![texts::ENROL_ABOUT.to_owned(), secret, texts::ENROL_THEN.to_owned()];
        let goal = ask::Goal::Confirm { factor: enrolling.factor.clone() };
        let mut ask = Ask::new(goal, about);
        ask.picture = Qr::new(&enrolling.uri);
        self.popups.push(Popup::Ask(ask));
    }

    /// The answer to a confirmation was yes.
    pub(super) fn own_confirmed(&mut self, goal: OwnGoal) -> Effects {
        self.submit_own(match goal {
            OwnGoal::SignOutOthers => Own::SignOutOthers,
            OwnGoal::SignOutEverywhere => Own::SignOutEverywhere,
            OwnGoal::Unenrol(factor) => Own::Unenrol { factor },
            OwnGoal::SetAside => {
                self.popups.clear();
                return vec![Effect::SetAside];
            }
        })
    }

    // ---- before ----

    pub(super) fn open_no_password(&mut self) {
        let (title, goal) = (texts::NO_PASSWORD_TITLE.to_owned(), picker::Goal::Own(Goal::NoPassword));
        let picker = Picker::new(title, no_password_choices(), goal);
        self.popups.push(Popup::Picker(picker));
    }

    fn open_ask_with_address(&mut self, goal: ask::Goal, about: Vec<String>) {
        let mut ask = Ask::new(goal, about);
        ask.set(EMAIL, self.sign_in.email.text().trim());
        self.popups.push(Popup::Ask(ask));
    }

    /// What this machine has does not open by the password of today.
    pub(super) fn ask_for_old(
        &mut self,
        why: Shut,
        unsent: Option<usize>,
        wrong: Option<ServiceError>,
    ) -> Effects {
        // Who stopped waiting for the sign-in is not asked.
        if self.sign_in.waiting.is_none() {
            return vec![Effect::TakeOver(false)];
        }
        let other = match why {
            Shut::OlderPassword => {
                Some(choice("old", "I know the old password", "it is asked for this once"))
            }
            Shut::Damaged => Some(choice("old", "I have recovery words", "or an older password")),
            Shut::Unreadable => None,
        };
        let choices = other.into_iter().chain([choice("aside", "Keep it aside", "begin empty")]).collect();
        let unsent = unsent.or(self.sign_in.unsent);
        self.sign_in.unsent = unsent;
        let title = if why == Shut::OlderPassword { texts::CHANGED_TITLE } else { texts::DAMAGED_TITLE };
        let picker = Picker::new(title.to_owned(), choices, picker::Goal::Own(Goal::OldPassword));
        self.popups.push(Popup::Picker(picker.about(vec![does_not_open(why, unsent)])));
        if let Some(error) = wrong {
            let mut ask = Ask::new(ask::Goal::OldPassword, Vec::new());
            ask.failed(ServiceError { field: Some(field::CURRENT.to_owned()), ..error });
            self.popups.push(Popup::Ask(ask));
        }
        Vec::new()
    }

    /// Enter in what is asked for: on to the next field, or off with it; `send`: off with it from any field.
    pub(super) fn ask_accept(&mut self, send: bool) -> Effects {
        let Some(Popup::Ask(ask)) = self.popups.last_mut() else { return Vec::new() };
        if !send && ask.at + 1 < ask.fields.len() {
            ask.step(1);
            return Vec::new();
        }
        if !ask.is_whole() {
            return Vec::new();
        }
        let goal = ask.goal.clone();
        if ask.is_of_account() {
            return self.account_asked(&goal);
        } else if goal == ask::Goal::OldPassword {
            let old = ask.secret(field::CURRENT).unwrap_or_default();
            self.popups.clear();
            return vec![Effect::OpenWithOld(old)];
        }
        let project = self.sign_in.project().map(|project| project.name.clone());
        let Some(wish) = wish_of(ask, project) else { return Vec::new() };
        self.submit_own(wish)
    }

    /// A wish about the own sign-in came to its end.
    pub(super) fn own_done(&mut self, submission: u64, result: Result<OwnDone, ServiceError>) -> Effects {
        let at = self.popups.iter().position(|popup| popup.saving() == Some(submission));
        let done = match result {
            Ok(done) => done,
            Err(error) => {
                match at.and_then(|at| self.popups.get_mut(at)) {
                    Some(popup) => popup.failed(error),
                    None => self.popups.push(Popup::Message(Message::new("Not done", error))),
                }
                return Vec::new();
            }
        };
        // Who closed it meanwhile is told all the same what came of it, and asked nothing more.
        let closed = at.map(|at| self.popups.remove(at));
        match done {
            OwnDone::CodeTaken => self.toast = Some(texts::CODE_TAKEN.to_owned()),
            OwnDone::Factors(factors) if closed.is_some() => return self.show_factors(&factors),
            OwnDone::Enrolling(enrolling) if closed.is_some() => self.show_enrolling(&enrolling),
            OwnDone::Factors(_) | OwnDone::Enrolling(_) | OwnDone::SignedOutEverywhere => {}
            OwnDone::Enrolled => self.toast = Some(texts::ENROLLED.to_owned()),
            OwnDone::Unenrolled => self.toast = Some(texts::UNENROLLED.to_owned()),
            OwnDone::PasswordChanged => self.toast = Some(texts::PASSWORD_CHANGED.to_owned()),
            OwnDone::OthersSignedOut => self.toast = Some(texts::OTHERS_OUT.to_owned()),
            OwnDone::CodeMailed { told } => {
                if let Some(Popup::Ask(ask)) = closed {
                    self.sign_in.email.set(&ask.text(EMAIL));
                    let about = vec![texts::code_mailed(&ask.text(EMAIL), told.as_deref())];
                    self.open_ask_with_address(ask::Goal::Redeem { invited: false }, about);
                }
            }
            OwnDone::PasswordSet => {
                if let Some(Popup::Ask(ask)) = closed {
                    self.sign_in.email.set(&ask.text(EMAIL));
                    self.sign_in.waiting = Some(ask.text(EMAIL));
                    self.sign_in.error = None;
                }
            }
        }
        Vec::new()
    }
}

/// What can be done about the own sign-in.
pub(super) fn account_choices(link: &Link) -> Vec<Choice> {
    let code = choice("code", "Give the code", "of your authenticator app");
    let asked = (*link == Link::SecondFactor).then_some(code);
    let always = [
        choice("password", "Change the password", ""),
        choice("factors", "Second factor", "set up, or take away"),
        choice("out", "Sign out here", "what is here is kept"),
        choice("others", "Sign out the others", "on all other machines"),
        choice("everywhere", "Sign out everywhere", "here too"),
    ];
    asked.into_iter().chain(always).collect()
}

pub(super) fn factor_choices(factors: &[FactorView]) -> Vec<Choice> {
    let enrol = if factors.is_empty() { "Set one up" } else { "Set up another" };
    let known = factors.iter().map(|factor| choice(&factor.id, &factor.name, "take it away"));
    known.chain([choice("enrol", enrol, "with an authenticator app")]).collect()
}

pub(super) fn no_password_choices() -> Vec<Choice> {
    vec![
        choice("mail", "I forgot it", "have a code mailed"),
        choice("code", "I have a code", "it came by mail"),
        choice("invited", "I was invited", "with a code by mail"),
    ]
}

/// A secret that is to be typed, four characters at a time.
pub(super) fn in_groups(secret: &SecretString) -> String {
    let characters = secret.expose_secret().chars().collect::<Vec<_>>();
    characters.chunks(4).map(|group| group.iter().collect()).collect::<Vec<String>>().join(" ")
}

/// What a form whose lines are all there asks for; `project`: where, for who is not signed in yet.
pub(super) fn wish_of(ask: &Ask, project: Option<String>) -> Option<Own> {
    let secret = |name: &str| ask.secret(name).unwrap_or_default();
    Some(match ask.goal.clone() {
        ask::Goal::Code => Own::Code { code: secret(field::CODE) },
        ask::Goal::Confirm { factor } => Own::Confirm { factor, code: secret(field::CODE) },
        ask::Goal::ChangePassword => Own::ChangePassword {
            current: secret(field::CURRENT),
            new: secret(field::NEW),
            nonce: ask.secret(field::NONCE),
        },
        ask::Goal::MailCode => Own::MailCode { project: project?, email: ask.text(EMAIL) },
        ask::Goal::Redeem { invited } => Own::Redeem(Redeem {
            project: project?,
            email: ask.text(EMAIL),
            invited,
            code: secret(field::CODE),
            new: secret(field::NEW),
            second: ask.secret(field::SECOND),
        }),
        ask::Goal::OldPassword
        | ask::Goal::Account { .. }
        | ask::Goal::AccountEmail { .. }
        | ask::Goal::AccountInvite { .. }
        | ask::Goal::AccountUnban { .. } => return None,
    })
}
