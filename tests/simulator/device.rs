//! One console: the real books, engine and exchange over a simulated disk, and what its owner does with it.
//!
//! Stands where the desk, the runner and the service's `save` stand in the program; it decides nothing that they
//! decide.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use flyos::domain::{Change, Intent, Kind, Op, Role, Stamp, digest, intent, rules};
use flyos::remote::wire::{PullReply, PullRequest, PushReply};
use flyos::store::replica::decide::Settle;
use flyos::store::replica::{Fate, Replica};
use flyos::store::{Books, Edit, Entry};
use flyos::sync::engine::{Effect, Engine, Event, Rhythm, Trouble};
use flyos::sync::exchange::{Exchange, Pulled, Push, Pushed};
use uuid::Uuid;

use crate::cast;
use crate::dice::Dice;
use crate::disk::{Disk, SimLog, SimRows};
use crate::oracle::{self, Check, Ledger, Shown, holds};
use crate::server::{History, Moment};
use crate::tally::{Counts, Tally};

/// What is on its way, and how it is known.
#[derive(Debug)]
pub struct Flight<T> {
    pub id: u64,
    pub sent: T,
}

pub struct Device {
    pub number: usize,
    /// Whose it is.
    pub uid: Uuid,
    id: Uuid,
    pub disk: Rc<RefCell<Disk>>,
    pub books: Books<SimLog, SimRows>,
    engine: Engine,
    exchange: Exchange,
    /// Starts so far: what was under way before the last one is nobody's any more.
    pub life: u32,
    begun_ms: u64,
    /// The number of the last wish to be woken.
    pub wake: u64,
    pub pull: Option<Flight<()>>,
    pub push: Option<Flight<Push>>,
    pub line: bool,
    pub socket: bool,
    pub token: bool,
    /// How far the wall clock is off, in us.
    pub clock_off: i64,
    /// The server's moment at the last drained pull.
    pub moment: Option<Moment>,
    /// In which of the server's histories an edit was acknowledged.
    histories: BTreeMap<u64, History>,
    /// Entries of the journal that the ledger has seen.
    read: usize,
    pub counts: Counts,
}

fn books(disk: &Rc<RefCell<Disk>>) -> Books<SimLog, SimRows> {
    let replica = disk.borrow().opened();
    Books::new(SimLog(Rc::clone(disk)), SimRows(Rc::clone(disk)), replica)
}

impl Device {
    pub fn new(number: usize, owner: u128, dice: &mut Dice) -> Self {
        let disk = Rc::new(RefCell::new(Disk::new(Dice::new(dice.roll()))));
        let (uid, id) = (cast::account(owner), dice.uuid());
        Self {
            number,
            uid,
            id,
            books: books(&disk),
            disk,
            engine: Engine::new(Rhythm::default()),
            exchange: Exchange::new(uid, id, Rhythm::default().report_ms),
            life: 0,
            begun_ms: 0,
            wake: 0,
            pull: None,
            push: None,
            line: true,
            socket: false,
            token: true,
            clock_off: 0,
            moment: None,
            histories: BTreeMap::new(),
            read: 0,
            counts: Counts::default(),
        }
    }

    // ---- starts ----

    /// The program or the machine ended; it starts again from what the disk kept.
    pub fn restart(&mut self, now_ms: u64, ledger: &mut Ledger) -> Check {
        self.disk.borrow_mut().die();
        self.life += 1;
        self.begun_ms = now_ms;
        (self.pull, self.push, self.socket, self.moment) = (None, None, false, None);
        self.engine = Engine::new(Rhythm::default());
        self.exchange = Exchange::new(self.uid, self.id, Rhythm::default().report_ms);
        self.books = books(&self.disk);
        self.read_journal(ledger);
        ledger.reconcile(self.number, &self.books.read())
    }

    /// Tells the ledger what the journal says since it was read last.
    pub fn read_journal(&mut self, ledger: &mut Ledger) {
        let disk = self.disk.borrow();
        let entries = &disk.entries[self.read..];
        ledger.found(self.number, entries);
        ledger.rewritten(self.number, entries);
        self.read = disk.entries.len();
    }

    pub fn is_dead(&self) -> bool {
        self.disk.borrow().dead
    }

    /// Memory against what a start would read now.
    pub fn rebuild(&mut self) -> Check {
        if !self.disk.borrow().is_up_to_date() {
            return Ok(());
        }
        self.counts.add(Tally::Rebuilt);
        let read = self.disk.borrow().opened();
        oracle::equals_restart(self.number, &self.books.read(), &read)
    }

    // ---- the machine ----

    pub fn step(&mut self, event: Event, now_ms: u64, dice: &mut Dice) -> Vec<Effect> {
        self.engine.step(event, now_ms - self.begun_ms, dice.roll())
    }

    /// A time of the machine as the scheduler counts.
    pub fn at(&self, at_ms: u64) -> u64 {
        at_ms.saturating_add(self.begun_ms)
    }

    fn wall(&self, now_ms: u64) -> Stamp {
        Stamp(1_760_000_000_000_000 + i64::try_from(now_ms).unwrap_or_default() * 1000 + self.clock_off)
    }

    pub fn due(&self, now_ms: u64) -> Option<u64> {
        self.exchange.due(now_ms - self.begun_ms)
    }

    pub fn hurry(&mut self) {
        self.exchange.hurry();
    }

    pub fn set_report(&mut self, rhythm: Rhythm) {
        self.exchange.set_report_ms(rhythm.report_ms);
    }

    // ---- a person ----

    /// What `service::save` does; true where an edit was saved.
    pub fn wish(&mut self, dice: &mut Dice, now_ms: u64, ledger: &mut Ledger) -> Check<bool> {
        let Some(actor) = self.books.read().actor() else { return Ok(false) };
        let (poison, bulk) = (dice.one_in(40), dice.one_in(12));
        let role = if dice.one_in(25) { Role::MainHq } else { actor.role };
        let intents = {
            let replica = self.books.read();
            if bulk {
                cast::bulk(dice, replica.view())
            } else {
                let view = replica.view();
                vec![if poison {
                    cast::poison(dice, view, &actor)
                } else {
                    cast::wish(dice, view, &actor, role)
                }]
            }
        };
        let Some((changes, drops)) = self.plan(&intents, &actor, poison) else { return Ok(false) };
        if changes.len() > 1 && bulk {
            self.counts.add(Tally::Bulk);
        }
        let reason = dice.one_in(9).then(|| "hail".to_owned());
        let (op, at) = (dice.uuid(), self.wall(now_ms));
        let edit = Edit { op, by: actor.user, at, reason, changes, drops };
        let saved = self.books.save(edit.clone());
        let Ok(seq) = saved else {
            self.counts.add(Tally::NotSaved);
            return Ok(false);
        };
        self.counts.add(Tally::Saved);
        ledger.saved(self.number, seq, edit, true);
        let there = self.books.read().pending(seq).is_some();
        holds(there, "no saved edit is lost", || format!("device {}: edit {seq} at once", self.number))?;
        Ok(true)
    }

    /// The changes and the assignments that go with them; `None` where nothing is to be saved.
    fn plan(
        &mut self,
        intents: &[Intent],
        actor: &flyos::domain::Actor,
        poison: bool,
    ) -> Option<(Vec<Change>, Option<Vec<String>>)> {
        let mut replica = self.books.write();
        let planned: Result<Vec<_>, _> =
            intents.iter().map(|wish| intent::plan(replica.view(), wish)).collect();
        let Ok(changes) = planned.map(|plans| plans.concat()) else {
            self.counts.add(Tally::RefusedHere);
            return None;
        };
        if changes.is_empty() {
            return None;
        }
        match replica.try_out(actor, &changes) {
            Ok(steps) => Some((changes, Some(rules::drops_of(&steps)))),
            Err(_) if poison => {
                self.counts.add(Tally::Poison);
                Some((changes, None))
            }
            Err(_) => {
                self.counts.add(Tally::RefusedHere);
                None
            }
        }
    }

    /// A person decides an edit that needs it; `lets_go`: only to let go of it.
    pub fn settle_card(&mut self, dice: &mut Dice, lets_go: bool, ledger: &mut Ledger) {
        let cards: Vec<u64> = {
            let replica = self.books.read();
            replica.outbox().filter(|pending| pending.fate.needs_you()).map(|pending| pending.seq).collect()
        };
        if cards.is_empty() {
            return;
        }
        let edit = *dice.pick(&cards);
        let how = if lets_go { Settle::Discard } else { self.decision(edit, dice) };
        let Ok(entries) = self.books.read().settle(edit, &how) else { return };
        let noted = self.books.note(&entries).is_ok();
        self.read_journal(ledger);
        if !matches!(entries.first(), Some(Entry::Discarded { .. })) {
            return;
        }
        if noted {
            self.counts.add(Tally::Discarded);
            ledger.discarded(self.number, edit);
        } else {
            ledger.perhaps_discarded(self.number, edit);
        }
    }

    /// What a person may say to an edit that needs one; the columns of `Set` are the edit's own, with others' values.
    fn decision(&self, edit: u64, dice: &mut Dice) -> Settle {
        let set = || {
            let replica = self.books.read();
            let pending = replica.pending(edit)?;
            let (Fate::Conflict { change, .. } | Fate::Rejected { change, .. } | Fate::Gone { change }) =
                &pending.fate
            else {
                return None;
            };
            let mut set = pending.edit.changes.get(*change)?.set()?.clone();
            if let Some(status) = set.get_mut("status") {
                *status = Some("MAINTENANCE".to_owned());
            }
            Some(set)
        };
        match dice.below(6) {
            0 => Settle::Discard,
            1 => Settle::Theirs,
            2 => Settle::CreateAgain,
            3 => set().map_or(Settle::Mine, Settle::Set),
            _ => Settle::Mine,
        }
    }

    /// Holds the rows here against the server's digest, where both are at one moment.
    pub fn compare(&self, engine: &flyos::sandbox::engine::Engine, moment: Moment) -> Check {
        let Ok(caller) = engine.caller(self.uid) else { return Ok(()) };
        if self.moment != Some(moment) {
            return Ok(());
        }
        let ours = self.books.read().digest();
        let found = digest::differing(&ours, &engine.digest(&caller, &Kind::ALL));
        holds(found.is_empty(), "the digests agree where the rows do", || {
            format!("device {}: {found:?}", self.number)
        })
    }

    // ---- exchanges ----

    pub fn pull_request(&mut self) -> PullRequest {
        self.exchange.pull_request(&self.books)
    }

    pub fn push_request(
        &mut self,
        now_ms: u64,
        dice: &mut Dice,
        known: &[Uuid],
    ) -> Check<Result<Option<Push>, Trouble>> {
        let wall = self.wall(now_ms);
        let mut twin = dice.one_in(30).then(|| known.get(dice.place(known.len().max(1))).copied()).flatten();
        // Somebody else's: one of its own, of long ago, may be offered again beside it.
        twin = twin.filter(|id| !self.has_used(*id));
        let made = self.exchange.push_request(&mut self.books, now_ms - self.begun_ms, wall, || {
            twin.take().unwrap_or_else(|| dice.uuid())
        });
        if let Ok(Some(push)) = &made {
            oracle::push_is_sound(self.number, &self.books.read(), &push.pendings, &push.request.ops)?;
        }
        Ok(made)
    }

    fn has_used(&self, id: Uuid) -> bool {
        let disk = self.disk.borrow();
        disk.entries.iter().any(|(_, entry)| matches!(entry, Entry::Sent { ids, .. } if ids.contains(&id)))
    }

    /// Takes the reply to a pull in, and holds what came of it against what the server showed.
    pub fn pulled(
        &mut self,
        reply: PullReply,
        shown: Option<&Shown>,
        (moment, history): (Moment, History),
        ledger: &mut Ledger,
    ) -> Check<Result<Pulled, Trouble>> {
        let was = self.acknowledged();
        let now = match &reply {
            PullReply::Scope { scope, .. } => Some(scope.now.clone()),
            _ => None,
        };
        let before = self.books.read().outbox().count();
        let result = self.exchange.pulled(&mut self.books, reply);
        if self.is_dead() {
            return Ok(result);
        }
        if let Some(now) = now.filter(|_| result.is_ok()) {
            oracle::is_within(self.number, &self.books.read(), &now)?;
        }
        let who = self.books.read().who().map(|who| who.uid);
        holds(who.is_none_or(|uid| uid == self.uid), "nobody takes another's page", || {
            format!("device {} of {} is {who:?}", self.number, self.uid)
        })?;
        if let (Ok(_), Some(shown)) = (&result, shown) {
            self.counts.add(Tally::Drained);
            self.moment = Some(moment);
            oracle::has_what_was_shown(self.number, &self.books.read(), shown)?;
        }
        if before != self.books.read().outbox().count() {
            self.nothing_flickers(&was, history, ledger)?;
        }
        self.read_journal(ledger);
        ledger.reconcile(self.number, &self.books.read())?;
        Ok(result)
    }

    /// Edits that are in and wait to be seen back: the version of each row.
    fn acknowledged(&self) -> Vec<(u64, Vec<flyos::store::Seen>)> {
        let replica = self.books.read();
        let acked = replica.outbox().filter_map(|pending| match &pending.fate {
            Fate::Acked { v, .. } => Some((pending.seq, v.clone())),
            _ => None,
        });
        acked.collect()
    }

    /// What left the outbox is in the base, in its own version or a later one; or its row is out of sight.
    /// What a server has forgotten, or was put back before, is excused.
    fn nothing_flickers(
        &self,
        was: &[(u64, Vec<flyos::store::Seen>)],
        history: History,
        ledger: &Ledger,
    ) -> Check {
        let replica = self.books.read();
        let gone = was.iter().filter(|(seq, _)| {
            let here = self.histories.get(seq) == Some(&history);
            replica.pending(*seq).is_none() && here
        });
        let gone = gone.filter_map(|(seq, own)| Some((own, ledger.effects(self.number, *seq, history)?)));
        let seen: Vec<_> =
            gone.flat_map(|(own, after)| own.iter().chain(after)).filter(|seen| seen.v < u64::MAX).collect();
        for (key, v, _) in replica.versions() {
            let older = seen.iter().find(|seen| seen.key == key && seen.v > v);
            holds(older.is_none(), "nothing flickers", || {
                format!("device {}: {key} is shown at {v} after {older:?} was confirmed", self.number)
            })?;
        }
        Ok(())
    }

    pub fn pushed(
        &mut self,
        push: &Push,
        (reply, history): (PushReply, History),
        now_ms: u64,
        ledger: &mut Ledger,
    ) -> Check<Result<Pushed, Trouble>> {
        let before: Vec<(flyos::domain::Key, u64)> = {
            let replica = self.books.read();
            push.pendings
                .iter()
                .flat_map(|pending| &pending.edit.changes)
                .filter_map(|change| {
                    let found = replica.version(&change.key)?;
                    Some((change.key.clone(), found))
                })
                .collect()
        };
        let now = now_ms - self.begun_ms;
        let result = self.exchange.pushed(&mut self.books, push, reply, now);
        if self.is_dead() {
            return Ok(result);
        }
        // What is offered again gets the answer of long ago: its versions are of another history.
        let anew = push.pendings.iter().filter(|pending| !pending.again);
        self.histories.extend(anew.map(|pending| (pending.seq, history)));
        for pending in push.pendings.iter().filter(|pending| pending.again) {
            self.histories.remove(&pending.seq);
        }
        {
            let replica = self.books.read();
            for (key, v) in before {
                holds(replica.version(&key) == Some(v), "base rows are written by pulls alone", || {
                    format!("device {}: {key}", self.number)
                })?;
            }
        }
        self.shows_its_own()?;
        self.read_journal(ledger);
        ledger.reconcile(self.number, &self.books.read())?;
        Ok(result)
    }

    /// An acknowledged update is seen until it is settled, unless a later edit of one's own covers it.
    fn shows_its_own(&self) -> Check {
        let replica = self.books.read();
        let acked: Vec<_> =
            replica.outbox().filter(|pending| matches!(pending.fate, Fate::Acked { .. })).collect();
        for pending in acked {
            for change in &pending.edit.changes {
                let covered = replica
                    .outbox()
                    .filter(|other| other.seq > pending.seq)
                    .any(|other| !other.touched.is_empty());
                let (Some(record), Some(set)) = (replica.view().get(&change.key), change.set()) else {
                    continue;
                };
                if covered || pending.again || pending.edit.changes.len() > 1 || pending.touched.len() > 1 {
                    continue;
                }
                let shown = set.iter().all(|(name, value)| record.get(name) == *value);
                // A row that was there already is not made by an insert.
                let made = matches!(change.op, Op::Insert { .. });
                holds(shown || made, "nothing flickers", || {
                    format!("device {}: {} is acknowledged and not shown", self.number, pending.seq)
                })?;
            }
        }
        Ok(())
    }

    pub fn too_slow(&mut self, push: &Push) -> bool {
        self.exchange.too_slow(push)
    }

    pub fn replica(&self) -> std::sync::RwLockReadGuard<'_, Replica> {
        self.books.read()
    }
}
