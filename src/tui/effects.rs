//! Carries out what the screen's state wants from outside: the only place of this room that holds the
//! service. Questions are answered from memory, so they are asked on the spot; actions are only started. Where there are very
//! many rows, a list is answered by what is there and again when its order is made (`ListPage::coming`), and a search when
//! it is done (`Event::Found`).

use std::collections::HashMap;

use uuid::Uuid;

use super::app::{Effect, Msg};
use crate::service::{Answer, Event, Front, Query, Service};

/// The service, and which submission of the screen each of its operations is.
pub struct Runner {
    service: Service,
    submissions: HashMap<Uuid, u64>,
}

/// What the loop itself has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Copy(String),
    Mouse(bool),
    Suspend,
    Quit,
}

impl Runner {
    pub fn new(service: Service) -> Self {
        Self { service, submissions: HashMap::new() }
    }

    /// Carries out one effect; what it answers at once, or what the loop has to do.
    pub fn run(&mut self, effect: Effect) -> Result<Option<Msg>, Request> {
        let ctx = self.service.ctx(Front::Tui);
        match effect {
            Effect::Ask(why, Query::List(query)) => {
                return Ok(Some(Msg::Answer(why, Ok(Answer::List(self.service.list_soon(&ctx, &query))))));
            }
            Effect::Ask(why, Query::Find { text }) => {
                let found = self.service.find_soon(&text);
                return Ok(found.map(|found| Msg::Answer(why, Ok(Answer::Found(found)))));
            }
            Effect::Ask(why, query) => return Ok(Some(Msg::Answer(why, self.service.ask(&ctx, &query)))),
            Effect::Place(query, key) => {
                let place = self.service.place_soon(&ctx, &query, &key);
                return Ok(Some(Msg::Placed(query.kind, place)));
            }
            Effect::Setup => return Ok(Some(Msg::Setup(self.service.setup()))),
            Effect::SignIn { project, email, password } => {
                self.service.sign_in(&ctx, &project, &email, password);
            }
            Effect::TakeOver(true) => self.service.take_over(&ctx),
            Effect::TakeOver(false) => self.service.let_be(&ctx),
            Effect::Submit(submission, action) => {
                self.submissions.insert(ctx.op, submission);
                self.service.submit(&ctx, action);
            }
            Effect::Confide(submission, confidence) => {
                self.submissions.insert(ctx.op, submission);
                self.service.confide(&ctx, confidence);
            }
            Effect::ForgetWords => self.service.forget_words(),
            Effect::Own(submission, wish) => {
                self.submissions.insert(ctx.op, submission);
                self.service.own(&ctx, wish);
            }
            Effect::Administer(submission, wish) => {
                self.submissions.insert(ctx.op, submission);
                self.service.administer(&ctx, wish);
            }
            Effect::OpenWithOld(old) => self.service.open_with_old(&ctx, old),
            Effect::SetAside => self.service.set_aside(&ctx),
            Effect::Copy(text) => return Err(Request::Copy(text)),
            Effect::Mouse(on) => return Err(Request::Mouse(on)),
            Effect::Suspend => return Err(Request::Suspend),
            Effect::Quit => return Err(Request::Quit),
        }
        Ok(None)
    }

    /// Somebody is at the keys; false: too late, the console is locked by now.
    pub fn touched(&self) -> bool {
        self.service.touched()
    }

    /// A minute has gone by.
    pub fn look_at_idle(&self) {
        self.service.look_at_idle();
    }

    /// An event as a message: the end of an action goes by the number the screen gave it. What other fronts
    /// do is theirs.
    pub fn translate(&mut self, event: Event) -> Option<Msg> {
        match event {
            Event::Done { op, result } => {
                self.submissions.remove(&op).map(|submission| Msg::Done(submission, result))
            }
            Event::Own(op, result) => {
                self.submissions.remove(&op).map(|submission| Msg::Own(submission, result))
            }
            event => Some(Msg::Service(event)),
        }
    }
}
