//! The wire between a device and the server, and what goes wrong on it.
//!
//! Requests and replies travel by themselves: a request may be lost, come late and behind later ones, or come twice
//! (gateways repeat a POST); the reply may be lost after the work was done, come when nobody waits any more, or be
//! cut. What the runner makes of an error of the wire is made of it here.

use std::rc::Rc;

use flyos::remote::wire::{PullReply, PullRequest, PushReply, PushRequest, RowKind};
use flyos::sync::engine::{Event, Stop, Trouble};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::cast;
use crate::device::Device;
use crate::episode::{Episode, What};
use crate::oracle::{Check, Shown, broken, holds};
use crate::server::{History, Moment, Pulling, Pushing, TAKES_MS};
use crate::tally::Tally;

/// How long a device waits for an answer, in ms.
const PATIENCE_MS: u64 = 10_000;
/// How late a request may come.
const LATE_MS: u64 = 40_000;
/// Every so many messages go through JSON.
const JSON_EVERY: u64 = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Pull,
    Push,
}

/// What comes back.
#[derive(Debug)]
pub enum Answer {
    Pull(PullReply, Option<Shown>, (Moment, History)),
    Push(PushReply, History),
    Trouble(Trouble),
    TooSlow,
}

/// What the server is doing.
#[derive(Debug)]
pub enum Work {
    Pull(Box<Pulling>),
    Push(Box<Pushing>),
}

/// Device, its life, and the flight.
type Of = (usize, u32, u64);

fn fault(why: &str, retry_after_ms: Option<u64>) -> Trouble {
    Trouble::Fault { why: why.to_owned(), retry_after_ms }
}

impl Episode {
    /// The message as the other side reads it.
    fn through_json<T>(&mut self, message: T) -> Check<T>
    where
        T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
    {
        if !self.dice.one_in(JSON_EVERY) {
            return Ok(message);
        }
        self.counts.add(Tally::Json);
        let text = serde_json::to_string(&message);
        let read = text.as_ref().ok().and_then(|text| serde_json::from_str(text).ok());
        match read {
            Some(read) => {
                holds(read == message, "a message is read as it was written", || format!("{message:?}"))?;
                Ok(read)
            }
            None => broken("a message is read as it was written", format!("{text:?}")),
        }
    }

    fn latency(&mut self) -> u64 {
        self.dice.between(5, 6 + self.weather.latency_ms)
    }

    fn goes_wrong(&mut self) -> bool {
        !self.calm && self.dice.one_in(self.weather.network)
    }

    // ---- out ----

    pub fn send_pull(&mut self, (device, flight): (usize, u64), request: PullRequest) {
        let request = Rc::new(request);
        let arrives =
            |life, mute| What::PullArrives { device, life, flight, request: Rc::clone(&request), mute };
        self.send((device, flight), Way::Pull, arrives);
    }

    pub fn send_push(&mut self, (device, flight): (usize, u64), request: PushRequest) {
        self.say(|_| {
            let ops: Vec<_> = request.ops.iter().map(|op| (op.seq >> 10, &op.pk, &op.set)).collect();
            format!("device {device}: sends {ops:?}")
        });
        let request = Rc::new(request);
        let arrives =
            |life, mute| What::PushArrives { device, life, flight, request: Rc::clone(&request), mute };
        self.send((device, flight), Way::Push, arrives);
    }

    /// Puts a request on the wire, if there is one. `arrives` makes its arrival; `mute`: its answer goes nowhere.
    fn send(&mut self, (device, flight): (usize, u64), way: Way, arrives: impl Fn(u32, bool) -> What) {
        let it = &self.devices[device];
        let life = it.life;
        if !it.line || !it.token {
            let trouble = if it.line {
                Trouble::Stop(Stop::SignInAgain)
            } else {
                self.counts.add(Tally::NoLine);
                Trouble::Unreachable { why: "no line".to_owned() }
            };
            let after = self.dice.between(1, 2000);
            let answer = Box::new(Answer::Trouble(trouble));
            return self.later(after, What::Returns { device, life, flight, way, answer });
        }
        self.later(PATIENCE_MS, What::PatienceEnds { device, life, flight, way });
        let soon = self.latency();
        if !self.goes_wrong() {
            return self.later(soon, arrives(life, false));
        }
        match self.dice.below(3) {
            0 => {
                self.say(|_| format!("device {device}: the request is lost ({way:?})"));
                self.counts.add(Tally::RequestLost);
            }
            1 => {
                self.counts.add(Tally::RequestLate);
                let late = self.dice.between(soon, LATE_MS);
                self.later(late, arrives(life, false));
            }
            _ => {
                self.counts.add(Tally::RequestTwice);
                let first_answers = self.dice.one_in(2);
                let late = self.dice.between(soon, soon + PATIENCE_MS / 2);
                self.later(soon, arrives(life, !first_answers));
                self.later(late, arrives(life, first_answers));
            }
        }
    }

    // ---- at the server ----

    /// Whose token the request carries.
    fn bearer(&mut self, device: usize) -> Uuid {
        let own = self.devices[device].uid;
        if !self.calm && self.dice.one_in(5 * self.weather.network) {
            let other = cast::account(u128::from(self.dice.below(4)));
            if other != own {
                self.counts.add(Tally::WrongToken);
            }
            return other;
        }
        own
    }

    /// What stands before the server's work.
    fn before_the_work(&mut self, way: Way) -> Option<Answer> {
        if self.now_ms < self.server.down_until_ms {
            let why = "nobody listens".to_owned();
            return Some(Answer::Trouble(Trouble::Unreachable { why }));
        }
        if !self.goes_wrong() {
            return None;
        }
        Some(match self.dice.below(6) {
            0 => {
                self.counts.add(Tally::ErrorBefore);
                Answer::Trouble(fault("500", None))
            }
            1 => {
                self.counts.add(Tally::RateLimit);
                Answer::Trouble(fault("429", Some(self.dice.between(500, 30_000))))
            }
            2..=4 if way == Way::Push => {
                self.counts.add(Tally::TooSlow);
                Answer::TooSlow
            }
            5 => {
                self.counts.add(Tally::MustSignedOut);
                Answer::Trouble(Trouble::Stop(Stop::SignInAgain))
            }
            _ => return None,
        })
    }

    pub fn pull_arrives(&mut self, of: Of, request: &PullRequest, mute: bool) -> Check {
        if let Some(answer) = self.before_the_work(Way::Pull) {
            self.send_back(of, Way::Pull, answer, mute);
            return Ok(());
        }
        let uid = self.bearer(of.0);
        let request = self.through_json(request.clone())?;
        let work = self.server.begin_pull(uid, request, self.now_ms);
        self.carry_out(of, Work::Pull(Box::new(work)), mute)
    }

    pub fn push_arrives(&mut self, of: Of, request: &PushRequest, mute: bool) -> Check {
        if let Some(answer) = self.before_the_work(Way::Push) {
            self.send_back(of, Way::Push, answer, mute);
            return Ok(());
        }
        let uid = self.bearer(of.0);
        let request = self.through_json(request.clone())?;
        let work = self.server.begin_push((of.0, uid), request, self.now_ms, &mut self.dice, !self.calm);
        self.carry_out(of, Work::Push(Box::new(work)), mute)
    }

    /// Some servers take their time, and do other things beside it.
    fn carry_out(&mut self, (device, life, flight): Of, work: Work, mute: bool) -> Check {
        if let Some((from, to)) = TAKES_MS {
            let after = self.dice.between(from, to);
            self.later(after, What::Done { device, life, flight, work, mute });
            return Ok(());
        }
        self.done((device, life, flight), work, mute)
    }

    /// The server is through with it.
    pub fn done(&mut self, of: Of, work: Work, mute: bool) -> Check {
        let way = match &work {
            Work::Pull(_) => Way::Pull,
            Work::Push(_) => Way::Push,
        };
        let answer = match work {
            Work::Pull(mut work) => self.server.end_pull(&mut work, &mut self.dice)?,
            Work::Push(work) => {
                let (answer, commit) = self.server.end_push(*work, &mut self.ledger, &mut self.dice)?;
                if let Some(commit) = commit {
                    self.nudge(&commit);
                }
                answer
            }
        };
        let answer = match answer {
            Answer::Pull(reply, shown, moment) => Answer::Pull(self.through_json(reply)?, shown, moment),
            Answer::Push(reply, history) => Answer::Push(self.through_json(reply)?, history),
            other => other,
        };
        self.send_back(of, way, answer, mute);
        Ok(())
    }

    // ---- back ----

    fn send_back(&mut self, (device, life, flight): Of, way: Way, answer: Answer, mute: bool) {
        if mute {
            return;
        }
        let mut after = self.latency();
        let mut answer = Box::new(answer);
        if self.goes_wrong() {
            match self.dice.below(4) {
                0 => {
                    self.say(|_| format!("device {device}: the reply is lost ({way:?})"));
                    return self.counts.add(Tally::ReplyLost);
                }
                1 => {
                    self.counts.add(Tally::ReplyLate);
                    after += PATIENCE_MS;
                }
                2 => {
                    self.counts.add(Tally::ReplyCut);
                    *answer = Answer::Trouble(fault("something else than the server answers", None));
                }
                _ => {
                    self.counts.add(Tally::ErrorAfter);
                    *answer = Answer::Trouble(fault("502", None));
                }
            }
        }
        self.later(after, What::Returns { device, life, flight, way, answer });
    }

    /// An answer has come to a device that waits for it.
    pub fn returns(&mut self, device: usize, way: Way, answer: Answer) -> Check {
        match answer {
            Answer::Trouble(trouble) => {
                self.say(|_| format!("device {device}: {way:?} fails: {trouble:?}"));
                self.landed(device, way, Err(trouble))
            }
            Answer::Pull(reply, shown, moment) => {
                self.say(|_| format!("device {device}: {}", in_words(&reply)));
                self.note(device, &reply);
                let it = &mut self.devices[device];
                let pulled = it.pulled(reply, shown.as_ref(), moment, &mut self.ledger)?;
                self.mark(pulled.as_ref().map_or(7, |pulled| pulled.rows as u64));
                self.landed(
                    device,
                    way,
                    pulled.map(|pulled| Event::Pulled {
                        more: pulled.more,
                        send: pulled.offered,
                        verify: pulled.loaded,
                    }),
                )
            }
            Answer::Push(reply, history) => {
                self.say(|_| format!("device {device}: results {reply:?}"));
                let it = &mut self.devices[device];
                let Some(flight) = it.push.take() else { return Ok(()) };
                let pushed = it.pushed(&flight.sent, (reply, history), self.now_ms, &mut self.ledger)?;
                self.landed(device, way, pushed.map(|pushed| event_of(&pushed)))
            }
            Answer::TooSlow => {
                let it = &mut self.devices[device];
                let Some(flight) = it.push.take() else { return Ok(()) };
                let again = if it.too_slow(&flight.sent) {
                    Ok(Event::Pushed { left: true, after_ms: None, quiet: false })
                } else {
                    Err(fault("statement timeout", None))
                };
                self.landed(device, way, again)
            }
        }
    }

    /// Counts what a reply to a pull is.
    fn note(&mut self, device: usize, reply: &PullReply) {
        match reply {
            PullReply::Page(page) => {
                self.counts.add(Tally::Page);
                let notices = page.changes.iter().filter(|change| change.k != RowKind::Row);
                notices.for_each(|_| self.counts.add(Tally::Notice));
                self.socket_by_the_way(device);
            }
            PullReply::Scope { scope, .. } => {
                if !scope.added.is_empty() {
                    self.counts.add(Tally::ScopeAdded);
                }
                if !scope.removed.is_empty() {
                    self.counts.add(Tally::ScopeRemoved);
                }
            }
            PullReply::Must(word) => match word.why.as_deref() {
                Some("epoch") => self.counts.add(Tally::ResyncEpoch),
                Some("too_old") => self.counts.add(Tally::ResyncOld),
                Some("ahead") => self.counts.add(Tally::ResyncAhead),
                _ => {}
            },
        }
    }

    /// A good line carries a socket as well, after a while.
    fn socket_by_the_way(&mut self, device: usize) {
        let it = &mut self.devices[device];
        if !it.socket && self.dice.one_in(4) {
            it.socket = true;
            self.counts.add(Tally::SocketUp);
            let (life, after) = (it.life, self.dice.between(10, 500));
            self.later(after, What::Tell { device, life, event: Event::SocketUp });
        }
    }

    pub fn socket_down(&mut self, device: usize) {
        let it: &mut Device = &mut self.devices[device];
        if std::mem::take(&mut it.socket) {
            self.counts.add(Tally::SocketDown);
            let life = it.life;
            self.later(1, What::Tell { device, life, event: Event::SocketDown });
        }
    }
}

/// What the runner tells the engine of a push that was answered.
fn event_of(pushed: &flyos::sync::exchange::Pushed) -> Event {
    Event::Pushed { left: pushed.left, after_ms: pushed.after_ms, quiet: pushed.empty }
}

fn in_words(reply: &PullReply) -> String {
    match reply {
        PullReply::Page(page) => {
            let rows: Vec<_> = page
                .changes
                .iter()
                .map(|change| format!("{} {} {:?}", change.pk, change.v, change.k))
                .collect();
            format!("a page, more {}, cursor {}: {}", page.more, page.cursor, rows.join(", "))
        }
        other => format!("{other:?}"),
    }
}
