//! What people do to their consoles, and the administrator to everybody.

use flyos::sync::engine::{Event, Rhythm};

use crate::cast;
use crate::episode::{Episode, What};
use crate::oracle::Check;
use crate::tally::Tally;

impl Episode {
    pub fn person(&mut self, device: usize) -> Check {
        let after = self.weather.person_ms * self.devices.len() as u64 / 4;
        let after = self.dice.between(after / 4 + 1, after * 2);
        self.later(after, What::Person { device });
        if self.calm {
            return Ok(());
        }
        self.step(8, device);
        let it = &mut self.devices[device];
        if self.dice.one_in(6) {
            for _ in 0..self.dice.between(1, 5) {
                it.settle_card(&mut self.dice, false, &mut self.ledger);
            }
            self.bury(device)?;
            // What was held up may go.
            return self.tell(device, Event::Edited);
        }
        for _ in 0..self.dice.between(1, 4) {
            let saved = self.devices[device].wish(&mut self.dice, self.now_ms, &mut self.ledger)?;
            if self.devices[device].is_dead() {
                return self.crash(device);
            }
            if saved {
                self.say(|this| {
                    let replica = this.devices[device].replica();
                    let last = replica.outbox().next_back().map(|last| (last.seq, &last.edit.changes));
                    format!("device {device}: saved {last:?}")
                });
                self.tell(device, Event::Edited)?;
            }
        }
        match self.dice.below(60) {
            0 => self.traffic(device, false),
            1 => {
                self.devices[device].hurry();
                self.tell(device, Event::SyncNow)
            }
            _ => Ok(()),
        }
    }

    /// Holds traffic, or makes it sparing, or frees it.
    pub fn traffic(&mut self, device: usize, free: bool) -> Check {
        self.counts.add(Tally::Traffic);
        let choice = if free { 0 } else { self.dice.below(4) };
        let held = choice == 1;
        let rhythm = if choice == 2 { Rhythm::SPARING } else { Rhythm::default() };
        self.devices[device].set_report(rhythm);
        self.say(|_| format!("device {device}: traffic {choice} (1 held, 2 sparing)"));
        self.tell(device, Event::Mode { held, rhythm })
    }

    pub fn administrator(&mut self) -> Check {
        let after = self.dice.between(self.weather.admin_ms / 2, self.weather.admin_ms * 2);
        self.later(after, What::Administrator);
        if self.calm {
            return Ok(());
        }
        self.step(9, 0);
        if self.dice.one_in(9)
            && let Some(commit) = self.server.mend_people(self.now_ms)
        {
            self.nudge(&commit);
        }
        let (kind, wish) = cast::reform(&mut self.dice, self.server.look().world());
        if let Some(commit) = self.server.reform(&wish, self.now_ms)? {
            self.counts.add(kind);
            self.say(|_| format!("administrator: {wish:?}"));
            self.nudge(&commit);
        }
        Ok(())
    }
}
