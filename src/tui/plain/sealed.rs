//! What needs a secret, by words: recovery words, sealed files, what is kept aside; people's machines, and erasing.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::{Action, Confidence, Dialogue, Done, Event, Said, TimeZone, texts};
use crate::service::{Answer, Machine, Query, ServiceError};
use crate::tui::{machines, secrets};

impl Dialogue {
    /// Does something with a secret, and waits for its end.
    pub(super) fn confide(&mut self, confidence: Confidence) -> Said<Result<Done, ServiceError>> {
        let ctx = self.ctx();
        self.service.confide(&ctx, confidence);
        self.ended(ctx.op)
    }

    /// A passphrase, typed twice alike; `None`: Enter alone.
    fn passphrase(&mut self) -> Said<Option<SecretString>> {
        loop {
            let one = self.talk.ask_secret("Passphrase, not shown, Enter for none:")?;
            if one.expose_secret().is_empty() {
                return Ok(None);
            }
            let again = self.talk.ask_secret("The same once more:")?;
            if one.expose_secret() == again.expose_secret() {
                return Ok(Some(one));
            }
            self.talk.say(texts::PASSPHRASES_DIFFER)?;
        }
    }

    /// Writes what is unsent into a sealed file: of that name, or one that is asked for.
    pub(super) fn export(&mut self, name: &str) -> Said<()> {
        self.talk.say(texts::EXPORT)?;
        let usual = secrets::file_name(self.now());
        let typed = if name.is_empty() {
            self.talk.ask(&format!("File, Enter for {usual}:"))?
        } else {
            name.to_owned()
        };
        let path = PathBuf::from(if typed.is_empty() { usual } else { typed });
        let Some(passphrase) = self.passphrase()? else { return self.talk.say("Nothing was written.") };
        let result = self.confide(Confidence::Export { edits: Vec::new(), path, passphrase })?;
        self.came_of(&result)
    }

    /// Takes the edits of such a file over.
    pub(super) fn import(&mut self, name: &str) -> Said<()> {
        self.talk.say(texts::IMPORT)?;
        let name = if name.is_empty() { self.talk.ask("File, Enter for none:")? } else { name.to_owned() };
        if name.is_empty() {
            return self.talk.say("Nothing was read.");
        }
        let passphrase = self.talk.ask_secret("Passphrase, not shown:")?;
        let result = self.confide(Confidence::Import { path: PathBuf::from(name), passphrase })?;
        self.came_of(&result)
    }

    /// Takes over what is unsent in what was kept aside.
    pub(super) fn aside(&mut self) -> Said<()> {
        let kept = match self.service.ask(&self.ctx(), &Query::Aside) {
            Ok(Answer::Aside(kept)) => kept,
            Ok(_) => Vec::new(),
            Err(error) => return self.talk.fail(&error),
        };
        if kept.is_empty() {
            return self.talk.say(texts::NOTHING_ASIDE);
        }
        self.talk.say(texts::ASIDE)?;
        let choices = secrets::aside_choices(&kept, self.now(), &TimeZone::system());
        let chosen = self.talk.choose("Kept aside:", &choices)?;
        let Some(aside) = chosen.and_then(|chosen| chosen.value) else { return Ok(()) };
        self.talk.say(texts::TAKE_BACK)?;
        let typed = self.talk.ask_secret("Old password or recovery words, not shown:")?;
        let result = self.confide(Confidence::TakeBack { aside, typed })?;
        self.came_of(&result)
    }

    /// Makes recovery words, tells them once, and has them typed back.
    pub(super) fn recovery_words(&mut self) -> Said<()> {
        let about = match self.service.ask(&self.ctx(), &Query::Ways) {
            Ok(Answer::Ways(ways)) => secrets::words_about(ways),
            Ok(_) => return Ok(()),
            Err(error) => return self.talk.fail(&error),
        };
        self.talk.say_all(about)?;
        let typed = self.talk.ask_secret("Password, not shown, Enter for none:")?;
        if typed.expose_secret().is_empty() {
            return Ok(());
        }
        if let Err(error) = self.confide(Confidence::MakeWords { typed })? {
            return self.talk.fail(&error);
        }
        let words = self.wait_for(|event| match event {
            Event::Words(words) => Some(words.clone()),
            _ => None,
        })?;
        self.talk.say(texts::WORDS_SHOWN)?;
        self.talk.say(texts::WORDS_STAY)?;
        for (at, word) in words.expose_secret().split(' ').enumerate() {
            self.talk.say(&format!("{}. {word}", at + 1))?;
        }
        loop {
            let back = self.talk.ask_secret(&format!("{} Enter alone makes none:", texts::WORDS_BACK))?;
            if back.expose_secret().is_empty() {
                self.service.forget_words();
                return self.talk.say("They count for nothing. Those from before, if any, still do.");
            }
            let result = self.confide(Confidence::KeepWords { typed: back })?;
            self.came_of(&result)?;
            if result.is_ok() {
                return Ok(());
            }
        }
    }

    pub(super) fn remove_words(&mut self) -> Said<()> {
        self.talk.say(texts::WORDS_REMOVE)?;
        if self.talk.sure("Take the recovery words away?")? { self.act(Action::RemoveWords) } else { Ok(()) }
    }

    /// Lists people's machines; headquarters can have one erased.
    pub(super) fn machines(&mut self) -> Said<()> {
        self.talk.say(texts::ASKING)?;
        let ctx = self.ctx();
        let machines = match self.service.run(&ctx, Action::Machines) {
            Ok(Done::Machines(machines)) => machines,
            Ok(_) => Vec::new(),
            Err(error) => return self.talk.fail(&error),
        };
        let role = self.service.status().account.and_then(|account| account.role);
        let choices = machines::choices(&machines, role, self.now());
        let chosen = self.talk.choose("Machines; the one chosen is erased, after asking.", &choices)?;
        let is = |machine: &&Machine| {
            chosen.as_ref().is_some_and(|it| it.value == Some(machine.device.to_string()))
        };
        let Some(machine) = machines.iter().find(is) else { return Ok(()) };
        let (title, lines) = machines::about(machine, self.now());
        self.talk.say(&title)?;
        self.talk.say_all(lines)?;
        if self.talk.ask(&format!("Enter keeps it. {}", texts::type_to("go on", &machine.username)))?
            != machine.username
        {
            return self.talk.say("Kept. Nothing was changed.");
        }
        self.act(Action::EraseMachine { user: machine.user, device: machine.device })
    }

    /// Signs out and erases what this machine has.
    pub(super) fn erase(&mut self) -> Said<()> {
        let outbox = self.service.outbox(&self.ctx());
        self.talk.say(texts::ERASE_TITLE)?;
        self.talk.say_all(secrets::erase_lines(&outbox))?;
        if !outbox.is_empty() {
            self.talk.say("export writes them into a sealed file first.")?;
        }
        if self.talk.ask(&format!("Enter keeps it. {}", texts::type_to("go on", secrets::ERASE)))?
            != secrets::ERASE
        {
            return self.talk.say("Kept. Nothing was changed.");
        }
        self.act(Action::Erase)
    }
}
