//! Coming in: signing in, what may be asked on the way, and unlocking.

use super::{
    Confidence, Dialogue, Event, FIRST_LOAD_TIME_MAX, LOOK_AGAIN, Link, Own, Said, ServiceError, texts,
};
use crate::service::{Action, Choice, InUse, Setup, Shut, does_not_open};
use crate::tui::screens::sign_in::PROJECT_FIELDS;

/// What a sign-in came to.
enum Came {
    In { offline: bool, trouble: Option<ServiceError> },
    Failed(ServiceError),
    InUse(Box<InUse>),
    Shut { why: Shut, unsent: Option<usize>, wrong: Option<ServiceError> },
}

fn came(event: &Event) -> Option<Came> {
    Some(match event {
        Event::SignedIn { offline, trouble } => Came::In { offline: *offline, trouble: trouble.clone() },
        Event::SignInFailed(error) => Came::Failed(error.clone()),
        Event::InUse(other) => Came::InUse(other.clone()),
        Event::OlderPassword { why, unsent, wrong } => {
            Came::Shut { why: *why, unsent: *unsent, wrong: wrong.clone() }
        }
        _ => return None,
    })
}

impl Dialogue {
    /// Asks who it is and signs in; false: nobody wants to, or there is nowhere to.
    pub(super) fn sign_in(&mut self) -> Said<bool> {
        let setup = self.service.setup();
        let wished =
            self.wishes.0.as_ref().filter(|name| setup.projects.iter().any(|known| known.name == **name));
        let Some(project) =
            wished.cloned().or_else(|| setup.projects.first().map(|known| known.name.clone()))
        else {
            self.talk.say(texts::PROJECT_NEEDED)?;
            return self.add_project();
        };
        self.talk.say(&format!("Signing in to {project}."))?;
        if let Some(training) = &setup.training {
            let accounts = training.accounts.iter().map(|(email, who)| format!("{email}, {who}"));
            self.talk.say_all(accounts)?;
            self.talk.say(&format!("Training: the password of each is {}", training.password))?;
        }
        let known = setup.known.iter().find(|known| known.0 == project).map(|known| known.1.clone());
        let usual = self.wishes.1.clone().or(known);
        let prompt = match &usual {
            Some(email) => format!("E-mail, Enter for {email}, quit to leave:"),
            None => "E-mail, quit to leave:".to_owned(),
        };
        self.talk.say(texts::IN_PLACE_OF_EMAIL)?;
        let typed = self.talk.ask(&prompt)?;
        match typed.to_lowercase().as_str() {
            "project" => return self.other_project(&setup).map(|()| true),
            "forgot" => {
                if self.no_password(&project)? {
                    self.come_all_the_way_in()?;
                }
                return Ok(true);
            }
            _ => {}
        }
        let email = if typed.is_empty() { usual.unwrap_or_default() } else { typed };
        if email.eq_ignore_ascii_case("quit") {
            return Ok(false);
        } else if email.is_empty() {
            return self.talk.say(texts::EMAIL_MISSING).map(|()| true);
        }
        let password = self.talk.ask_secret("Password, not shown:")?;
        let ctx = self.ctx();
        self.service.sign_in(&ctx, &project, &email, password);
        self.talk.say(&format!("Signing in {email}."))?;
        self.come_all_the_way_in()?;
        Ok(true)
    }

    fn come_all_the_way_in(&mut self) -> Said<()> {
        self.signed_in = self.come_in()?;
        if self.signed_in { self.wait_for_rows() } else { Ok(()) }
    }

    /// Another of the projects that are known, or one more.
    fn other_project(&mut self, setup: &Setup) -> Said<()> {
        let known = setup.projects.iter().map(|known| super::choice(&known.name, &known.name, &known.url));
        // A project's name is not empty.
        let choices: Vec<Choice> = known.chain([super::choice("", "Another one", "is added")]).collect();
        let chosen = self.talk.choose("Which project?", &choices)?;
        match chosen.and_then(|chosen| chosen.value) {
            Some(name) if name.is_empty() => self.add_project().map(drop),
            Some(name) => {
                self.wishes.0 = Some(name);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Adds a project to the configuration; false: nobody wants to.
    fn add_project(&mut self) -> Said<bool> {
        let mut values = Vec::new();
        for (title, _, hint) in PROJECT_FIELDS {
            let value = self.talk.ask(&format!("{title} ({hint}), Enter for none:"))?;
            if value.is_empty() {
                return self.talk.say("No project was added.").map(|()| false);
            }
            values.push(value);
        }
        let [name, url, key] = values.as_slice() else { return Ok(false) };
        let (name, url, key) = (name.clone(), url.clone(), key.clone());
        let ctx = self.ctx();
        let result = self.service.run(&ctx, Action::AddProject { name: name.clone(), url, key });
        self.came_of(&result)?;
        if result.is_ok() {
            self.wishes.0 = Some(name);
        }
        Ok(true)
    }

    /// Waits for the end of a sign-in, and answers what is asked on the way.
    fn come_in(&mut self) -> Said<bool> {
        loop {
            let ctx = self.ctx();
            match self.wait_for(came)? {
                Came::In { offline, trouble } => {
                    self.talk.say(texts::signed_in(offline))?;
                    if let Some(trouble) = trouble {
                        self.talk.say(&trouble.message)?;
                        self.talk.say_all(&trouble.hints)?;
                    }
                    return Ok(true);
                }
                Came::Failed(error) => return self.talk.fail(&error).map(|()| false),
                Came::InUse(other) => {
                    self.talk.say(&format!("{}.", texts::IN_USE))?;
                    self.talk.say_all(other.lines(self.now()))?;
                    if !self.talk.sure("Take over?")? {
                        self.service.let_be(&ctx);
                        return self.talk.say(texts::LEFT_ALONE).map(|()| false);
                    }
                    self.service.take_over(&ctx);
                }
                Came::Shut { why, unsent, wrong } => {
                    if let Some(wrong) = wrong {
                        self.talk.fail(&wrong)?;
                    }
                    self.talk.say(&does_not_open(why, unsent))?;
                    if !self.answer_shut(why, &ctx)? {
                        return self.talk.say(texts::LEFT_AS_IT_IS).map(|()| false);
                    }
                }
            }
        }
    }

    /// What becomes of what does not open by this password; false: it is left as it is.
    fn answer_shut(&mut self, why: Shut, ctx: &super::OpCtx) -> Said<bool> {
        let choice = |value: &str, label: &str| super::choice(value, label, "");
        let other = match why {
            Shut::OlderPassword => Some(choice("old", "I know the old password")),
            Shut::Damaged => Some(choice("old", "I have recovery words, or an older password")),
            Shut::Unreadable => None,
        };
        let choices: Vec<Choice> =
            other.into_iter().chain([choice("aside", "Keep it aside, and begin empty")]).collect();
        let chosen = self.talk.choose("What now?", &choices)?;
        match chosen.and_then(|chosen| chosen.value).as_deref() {
            Some("old") => {
                let old = self.talk.ask_secret("Type it, not shown:")?;
                self.service.open_with_old(ctx, old);
                return Ok(true);
            }
            Some(_) => {
                self.talk.say_all(texts::SET_ASIDE)?;
                if self.talk.sure("Keep it aside?")? {
                    self.service.set_aside(ctx);
                    return Ok(true);
                }
            }
            None => {}
        }
        self.service.let_be(ctx);
        Ok(false)
    }

    /// The first rows of an account are waited for: an empty list would be taken for an empty project.
    fn wait_for_rows(&mut self) -> Said<()> {
        let loading = |dialogue: &Self| {
            let status = dialogue.service.status();
            status.as_of.is_none() && matches!(status.link, Link::Connecting | Link::Loading { .. })
        };
        if !loading(self) {
            return Ok(());
        }
        self.talk.say("Loading the rows for the first time.")?;
        let mut waited = std::time::Duration::ZERO;
        while loading(self) && waited < FIRST_LOAD_TIME_MAX {
            std::thread::sleep(LOOK_AGAIN);
            waited += LOOK_AGAIN;
        }
        if loading(self) { self.talk.say("They are still coming; state tells how far.") } else { Ok(()) }
    }

    /// Asks for the password of a console that is locked.
    pub(super) fn unlock(&mut self) -> Said<()> {
        self.tell_state(true)?;
        let typed =
            self.talk.ask_secret("The console is locked. Password, not shown; quit in its place leaves:")?;
        if secrecy::ExposeSecret::expose_secret(&typed) == "quit" {
            return Err(super::Gone);
        }
        match self.confide(Confidence::Unlock { typed })? {
            Ok(_) => self.talk.say("Unlocked."),
            Err(error) => self.talk.fail(&error),
        }
    }

    /// Gives the code of the second factor.
    pub(super) fn code(&mut self) -> Said<()> {
        if self.service.status().link != Link::SecondFactor {
            return self.talk.say("The server asks for no code now.");
        }
        let code = self.talk.ask_secret("Code, not shown, Enter for none:")?;
        if secrecy::ExposeSecret::expose_secret(&code).is_empty() {
            return Ok(());
        }
        match self.own(Own::Code { code })? {
            Ok(_) => self.talk.say(texts::CODE_TAKEN),
            Err(error) => self.talk.fail(&error),
        }
    }
}
