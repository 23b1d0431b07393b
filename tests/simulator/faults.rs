//! What goes wrong beside the wire: machines that die, disks that refuse, servers put back, clocks that jump.

use crate::disk::Mishap;
use crate::episode::{Episode, What};
use crate::oracle::Check;
use crate::tally::Tally;

impl Episode {
    /// Something goes wrong, somewhere; and now and then memory is compared with the disk.
    pub fn fault(&mut self) -> Check {
        let after = self.dice.between(self.weather.fault_ms / 2, self.weather.fault_ms * 2);
        self.later(after, What::Fault);
        if self.calm {
            return Ok(());
        }
        self.steps += 1;
        let device = self.dice.place(self.devices.len());
        self.mark(device as u64 + 11);
        let life = self.devices[device].life;
        match self.dice.weigh(&[20, 5, 4, 4, 3, 3, 2, 1, 3, 3, 2, 2, 4, 3, 3, 4, 5]) {
            0 => self.devices[device].rebuild()?,
            1 => {
                self.counts.add(Tally::Crash);
                self.crash(device)?;
            }
            2 => self.devices[device].disk.borrow_mut().append = Some(Mishap::Dies),
            3 => self.devices[device].disk.borrow_mut().write = Some(Mishap::Dies),
            4 => self.devices[device].disk.borrow_mut().flush = Some(Mishap::Dies),
            5 => self.devices[device].disk.borrow_mut().append = Some(Mishap::Fails),
            6 => self.devices[device].disk.borrow_mut().write = Some(Mishap::Fails),
            7 => {
                let mut disk = self.devices[device].disk.borrow_mut();
                disk.full = true;
            }
            8 => self.devices.iter().for_each(|it| it.disk.borrow_mut().full = false),
            9 => {
                self.counts.add(Tally::ServerDown);
                self.say(|_| "the server restarts".to_owned());
                self.server.restart();
                self.server.down_until_ms = self.now_ms + self.dice.between(50, 8000);
            }
            10 => {
                let epoch = self.dice.uuid();
                if self.server.restore(epoch, &mut self.dice) {
                    self.counts.add(Tally::Restored);
                    self.say(|_| "the server is put back to an older state".to_owned());
                }
            }
            11 => {
                self.counts.add(Tally::Forgotten);
                self.say(|_| "the server forgets its tombstones".to_owned());
                self.server.forget(&mut self.dice);
            }
            12 => self.server.keep(),
            13 => {
                self.counts.add(Tally::TokenEnded);
                self.devices[device].token = false;
                let soon = self.dice.between(500, 60_000);
                self.later(soon, What::SignIn { device, life });
            }
            14 => {
                self.counts.add(Tally::ClockJump);
                let days = i64::try_from(self.dice.below(800)).unwrap_or_default() - 400;
                self.devices[device].clock_off = days * 86_400_000_000;
            }
            15 => self.socket_down(device),
            _ => {
                // An unrelated start of the program, with nothing lost but what was in memory.
                self.devices[device].rebuild()?;
            }
        }
        Ok(())
    }

    /// The line of a device goes or comes.
    pub fn line(&mut self, device: usize) {
        let up = self.devices[device].line;
        let after = if up { self.dice.between(500, 60_000) } else { self.dice.between(5_000, 120_000) };
        self.later(after, What::Line { device });
        if self.calm {
            return;
        }
        self.steps += 1;
        self.devices[device].line = !up;
        self.say(|_| format!("device {device}: the line {}", if up { "goes" } else { "is back" }));
        if up {
            self.socket_down(device);
        }
    }
}
