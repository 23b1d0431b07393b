//! Quiet points: all faults end, everything must come to rest by itself, and everybody must agree.

use flyos::store::replica::Fate;
use flyos::sync::engine::Event;

use crate::device::Device;
use crate::episode::Episode;
use crate::oracle::{self, Check, broken};
use crate::server::Moment;
use crate::tally::Tally;

/// Rest must come within this much simulated time: what is stopped is looked at after 5 minutes, and the
/// report of every 15 minutes must not be what brings an edit out.
const REST_MS_MAX: u64 = 840_000;

impl Episode {
    /// All faults end; everything comes to rest and agrees.
    pub fn come_to_rest(&mut self) -> Check {
        self.calm = true;
        self.say(|_| "all faults end".to_owned());
        let asked = self.dice.one_in(2);
        for device in 0..self.devices.len() {
            self.devices[device].disk.borrow_mut().heal();
            let it = &mut self.devices[device];
            (it.line, it.token) = (true, true);
            // A person frees what was held; half the time nobody does more than that.
            self.traffic(device, true)?;
            if asked {
                self.devices[device].hurry();
                self.tell(device, Event::SyncNow)?;
            }
        }
        self.server.down_until_ms = 0;
        self.wait_for_rest()?;
        self.agree()?;
        if self.dice.one_in(2) {
            for device in 0..self.devices.len() {
                self.let_go(device)?;
            }
            self.wait_for_rest()?;
            self.agree()?;
        }
        Ok(())
    }

    /// Whoever may work lets go of every card, until none is left.
    fn let_go(&mut self, device: usize) -> Check {
        let cards = self.devices[device].replica().counts().2;
        for _ in 0..cards {
            self.devices[device].settle_card(&mut self.dice, true, &mut self.ledger);
        }
        self.tell(device, Event::Edited)
    }

    fn wait_for_rest(&mut self) -> Check {
        let end = self.now_ms + REST_MS_MAX;
        loop {
            let rest = self.on_the_wire == 0 && {
                self.server.look();
                self.devices.iter().all(|it| self.is_at_rest(it))
            };
            if rest || self.is_over() {
                return Ok(());
            }
            if self.now_ms > end {
                let awake = self.devices.iter().find(|it| !self.is_at_rest(it));
                let what = awake.map(|it| {
                    let replica = it.replica();
                    let outbox: Vec<_> = replica.outbox().map(|p| (p.seq, &p.fate, p.blocked)).collect();
                    format!("device {} after all that time: {outbox:?}, {:?}", it.number, replica.meta())
                });
                return broken("nothing sticks", what.unwrap_or_else(|| "something on the wire".to_owned()));
            }
            self.next()?;
        }
    }

    fn is_at_rest(&self, it: &Device) -> bool {
        let works = self.server.engine.caller(it.uid).is_ok();
        it.is_settled(works, self.server.moment())
    }

    fn agree(&mut self) -> Check {
        if self.is_over() {
            return Ok(());
        }
        self.counts.add(Tally::Quiet);
        self.server.at_rest(&self.devices)?;
        for device in 0..self.devices.len() {
            let it = &mut self.devices[device];
            it.rebuild()?;
            let Ok(caller) = self.server.engine.caller(it.uid) else { continue };
            oracle::equals_the_server(device, &it.books.read(), &self.server.engine, &caller)?;
            self.ledger.reconcile(device, &it.books.read())?;
            self.ledger.is_known(device, &self.server.engine)?;
            if it.nothing_sticks()? {
                self.counts.add(Tally::Emptied);
            }
        }
        Ok(())
    }
}

impl Device {
    /// Is nothing left to do but what needs a person? `works`: the server lets the owner work.
    pub fn is_settled(&self, works: bool, moment: Moment) -> bool {
        if self.pull.is_some() || self.push.is_some() {
            return false;
        }
        let replica = self.books.read();
        if !works {
            return replica.actor().is_none();
        }
        let open = |fate: &Fate| fate.is_unsent() || matches!(fate, Fate::Acked { .. });
        let waits = replica.outbox().any(|pending| open(&pending.fate) && !pending.blocked);
        !waits && self.moment == Some(moment)
    }

    /// What the outbox has at a quiet point.
    pub fn nothing_sticks(&mut self) -> Check<bool> {
        let replica = self.books.read();
        for pending in replica.outbox() {
            if pending.blocked && pending.fate.is_unsent() {
                self.counts.add(Tally::HeldUp);
                let behind = replica.outbox().any(|other| other.seq < pending.seq && other.fate.needs_you());
                if !behind {
                    return broken("nothing sticks", format!("device {}: {pending:?}", self.number));
                }
            }
        }
        Ok(replica.outbox().next().is_none())
    }
}
