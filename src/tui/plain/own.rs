//! The own sign-in and the accounts of others, by words. What is asked for is the screen's own form, a line at a time.

use secrecy::{ExposeSecret as _, SecretString};

use super::{Dialogue, Event, Own, Said, ServiceError, texts};
use crate::service::{Action, Administer, Choice, OwnDone};
use crate::tui::popups::Ask;
use crate::tui::popups::ask::{EMAIL, Goal};
use crate::tui::{own, people};

impl Dialogue {
    /// Wishes something about the own sign-in, and waits for its end.
    pub(super) fn own(&mut self, wish: Own) -> Said<Result<OwnDone, ServiceError>> {
        let ctx = self.ctx();
        self.service.own(&ctx, wish);
        self.wait_for(|event| match event {
            Event::Own(op, result) if *op == ctx.op => Some(result.clone()),
            _ => None,
        })
    }

    /// Asks for the lines of a form from where it stands; false: Enter alone, which leaves it.
    fn fill_lines(&mut self, ask: &mut Ask) -> Said<bool> {
        loop {
            for at in ask.at..ask.fields.len() {
                let Some((prompt, secret)) = ask.prompt(at) else { continue };
                let typed = if secret {
                    self.talk.ask_secret(&format!("{prompt}, not shown, Enter for none:"))?
                } else {
                    SecretString::from(self.talk.ask(&format!("{prompt}, Enter for none:"))?)
                };
                if typed.expose_secret().is_empty() && !ask.is_optional(at) {
                    return self.talk.say(texts::LEFT_AS_IT_IS).map(|()| false);
                }
                ask.at = at;
                if let Some(field) = ask.field() {
                    field.set(typed.expose_secret());
                }
            }
            if ask.is_whole() {
                return Ok(true);
            }
            self.talk.say_all(ask.wrong())?;
        }
    }

    /// Has a form filled until what it asks for is done; `None`: it was left, or cannot be done.
    fn by_form(&mut self, ask: &mut Ask, project: Option<&str>) -> Said<Option<OwnDone>> {
        let about = ask.about.clone();
        self.talk.say_all(about)?;
        loop {
            if !self.fill_lines(ask)? {
                return Ok(None);
            }
            let Some(wish) = own::wish_of(ask, project.map(str::to_owned)) else { return Ok(None) };
            match self.own(wish)? {
                Ok(done) => return Ok(Some(done)),
                Err(error) => {
                    self.talk.fail(&error)?;
                    if error.field.is_none() {
                        return Ok(None);
                    }
                    // The line that it is about is asked for again, or now.
                    ask.failed(error);
                }
            }
        }
    }

    /// Tells what a wish came to.
    fn own_words(&mut self, done: &OwnDone) -> Said<()> {
        match done {
            OwnDone::CodeTaken => self.talk.say(texts::CODE_TAKEN),
            OwnDone::Enrolled => self.talk.say(texts::ENROLLED),
            OwnDone::Unenrolled => self.talk.say(texts::UNENROLLED),
            OwnDone::PasswordChanged => self.talk.say(texts::PASSWORD_CHANGED),
            OwnDone::OthersSignedOut => self.talk.say(texts::OTHERS_OUT),
            _ => Ok(()),
        }
    }

    fn wished(&mut self, wish: Own) -> Said<()> {
        match self.own(wish)? {
            Ok(done) => self.own_words(&done),
            Err(error) => self.talk.fail(&error),
        }
    }

    /// What can be done about the own sign-in.
    pub(super) fn account(&mut self) -> Said<()> {
        let choices = own::account_choices(&self.service.status().link);
        let chosen = self.talk.choose("Your sign-in.", &choices)?;
        match chosen.and_then(|chosen| chosen.value).as_deref() {
            Some("code") => self.code(),
            Some("password") => {
                let mut ask = Ask::new(Goal::ChangePassword, vec![texts::PASSWORD_ABOUT.to_owned()]);
                match self.by_form(&mut ask, None)? {
                    Some(done) => self.own_words(&done),
                    None => Ok(()),
                }
            }
            Some("factors") => self.factors(),
            Some("out") => self.act(Action::SignOut),
            Some("others") => self.sure_of(texts::OTHERS_ABOUT, texts::OTHERS_TITLE, Own::SignOutOthers),
            Some("everywhere") => {
                self.sure_of(texts::EVERYWHERE_ABOUT, texts::EVERYWHERE_TITLE, Own::SignOutEverywhere)
            }
            _ => Ok(()),
        }
    }

    fn sure_of(&mut self, about: &str, question: &str, wish: Own) -> Said<()> {
        self.talk.say(about)?;
        if self.talk.sure(question)? { self.wished(wish) } else { self.talk.say(texts::LEFT_AS_IT_IS) }
    }

    /// The second factors: one is set up or taken away.
    fn factors(&mut self) -> Said<()> {
        let factors = match self.own(Own::Factors)? {
            Ok(OwnDone::Factors(factors)) => factors,
            Ok(_) => return Ok(()),
            Err(error) => return self.talk.fail(&error),
        };
        let none = factors.is_empty().then_some(texts::NO_FACTOR);
        self.talk.say_all(none)?;
        let chosen = self.talk.choose("Your second factor.", &own::factor_choices(&factors))?;
        match chosen.and_then(|chosen| chosen.value) {
            None => Ok(()),
            Some(value) if value == "enrol" => self.enrol(),
            Some(factor) => self.sure_of(texts::UNENROL_ABOUT, texts::UNENROL_TITLE, Own::Unenrol { factor }),
        }
    }

    fn enrol(&mut self) -> Said<()> {
        let enrolling = match self.own(Own::Enrol)? {
            Ok(OwnDone::Enrolling(enrolling)) => enrolling,
            Ok(_) => return Ok(()),
            Err(error) => return self.talk.fail(&error),
        };
        let secret = own::in_groups(&enrolling.secret);
        let about = vec![texts::ENROL_BY_HAND.to_owned(), secret, texts::ENROL_THEN.to_owned()];
        let mut ask = Ask::new(Goal::Confirm { factor: enrolling.factor.clone() }, about);
        match self.by_form(&mut ask, None)? {
            Some(done) => self.own_words(&done),
            None => Ok(()),
        }
    }

    /// The sign-in account of the user of that number or name.
    pub(super) fn sign_in_account(&mut self, said: &str) -> Said<()> {
        let Some(row) = self.find(said)? else { return Ok(()) };
        let role = self.service.status().account.and_then(|account| account.role);
        if let Some(why) = people::why_not(Some(&row.key), role) {
            return self.talk.say(&why);
        }
        let Some(user) = row.key.uuid() else { return Ok(()) };
        self.talk.say(texts::ACCOUNT_ONLINE)?;
        let title = format!("Sign-in account of {}.", row.label);
        let chosen = self.talk.choose(&title, &people::deeds())?;
        let Some(deed) = chosen.and_then(|chosen: Choice| chosen.value) else { return Ok(()) };
        match people::starts(user, &deed) {
            people::Start::Confirmed(wish, about) => {
                self.talk.say(about)?;
                if self.talk.sure("Do it?")? {
                    let why = self.talk.ask(texts::WHY_ASKED)?;
                    self.administer(Administer { reason: Some(why), ..wish })
                } else {
                    self.talk.say(texts::LEFT_AS_IT_IS)
                }
            }
            people::Start::Asked(goal) => {
                let mut ask = Ask::new(goal.clone(), Vec::new());
                self.talk.say(&people::about(&goal, &row.label))?;
                if !self.fill_lines(&mut ask)? {
                    return Ok(());
                }
                match people::wish_of(&ask, &goal) {
                    Some(wish) => self.administer(wish),
                    None => Ok(()),
                }
            }
        }
    }

    fn administer(&mut self, wish: Administer) -> Said<()> {
        let ctx = self.ctx();
        self.service.administer(&ctx, wish);
        let result = self.ended(ctx.op)?;
        self.came_of(&result)
    }

    /// Without a password: a code is mailed, or is there already, and sets one. True: signing in with it has begun.
    pub(super) fn no_password(&mut self, project: &str) -> Said<bool> {
        let chosen = self.talk.choose("No password?", &own::no_password_choices())?;
        let mut ask = match chosen.and_then(|chosen| chosen.value).as_deref() {
            Some("mail") => Ask::new(Goal::MailCode, Vec::new()),
            Some("code") => Ask::new(Goal::Redeem { invited: false }, Vec::new()),
            Some("invited") => Ask::new(Goal::Redeem { invited: true }, Vec::new()),
            _ => return Ok(false),
        };
        loop {
            match self.by_form(&mut ask, Some(project))? {
                Some(OwnDone::CodeMailed { told }) => {
                    let email = ask.text(EMAIL);
                    let about = vec![texts::code_mailed(&email, told.as_deref())];
                    ask = Ask::new(Goal::Redeem { invited: false }, about);
                    ask.set(EMAIL, &email);
                }
                done => return Ok(matches!(done, Some(OwnDone::PasswordSet))),
            }
        }
    }
}
