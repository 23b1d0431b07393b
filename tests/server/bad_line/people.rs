//! The people at the consoles: they sign in until it works, edit, lose patience and ask again, and decide on cards.

use std::time::{Duration, Instant};

use flyos::domain::{Intent, Key};
use flyos::service::{Action, Decision, Done, ErrorKind, Front};
use tempfile::TempDir;

use super::proxy::Line;
use crate::chance::Rng;
use crate::common::{MAIN, fields};
use crate::door::{Address, PASSWORD, Person, home};

/// How often a console asks by itself, in ms: nobody nudges here.
const POLL_MS: u64 = 400;
/// The first load takes a while on such a line.
const LOADED_WITHIN: Duration = Duration::from_secs(100);
/// Between two edits of one person, at most, in ms.
const PAUSE_MS: u64 = 80;
/// Drones that everybody edits; the operator among them.
const SHARED: [&str; 3] = ["drone-001", "drone-002", "drone-003"];
/// One for each person that nobody else touches: of the east, but for headquarters.
const OWN: [&str; 4] = ["drone-020", "drone-021", "drone-007", "drone-005"];
const STATUSES: [&str; 4] = ["ACTIVE", "STANDBY", "MAINTENANCE", "OFFLINE"];

/// An edit that was saved.
#[derive(Clone, Debug)]
pub enum Deed {
    /// A drone that nobody touches again.
    Made {
        key: Key,
    },
    /// A column that nobody else writes.
    Own {
        key: Key,
        field: &'static str,
        value: String,
    },
    Shared,
}

pub struct Worker {
    nth: usize,
    email: &'static str,
    address: Address,
    home: TempDir,
    rng: Rng,
}

impl Worker {
    pub fn new(nth: usize, email: &'static str, url: &str, key: &str, rng: Rng) -> Self {
        Self { nth, email, address: Address { url: url.to_owned(), key: key.to_owned() }, home: home(), rng }
    }

    /// Works until the line is mended; what was saved, and the console.
    pub fn work(mut self, line: &Line) -> (Vec<Deed>, Person, TempDir) {
        let person = Person::polling(self.home.path(), &self.address, POLL_MS);
        while let Err(error) = person.sign_in(self.email, PASSWORD) {
            assert!(
                matches!(error.kind, ErrorKind::Offline | ErrorKind::Server),
                "{}: a bad line says nothing of the password: {error:?}",
                self.email
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        let (ask, own) = (|| person.service.ctx(Front::Test), Key::drone(OWN[self.nth]));
        let mut deeds = Vec::new();
        // What it is about must be there.
        let end = Instant::now() + LOADED_WITHIN;
        while person.field(&own, "status").is_none() {
            assert!(Instant::now() < end, "{} has no {own}: {:?}", self.email, person.service.status());
            drop(person.service.run(&ask(), Action::SyncNow));
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut number = 0;
        while !line.is_mended() {
            number += 1;
            let (intent, deed) = self.wish(number, &own);
            match person.edit(intent) {
                Ok(Done::Saved { edits: 0, .. }) => {}
                Ok(Done::Saved { .. }) => deeds.push(deed),
                other => {
                    let is_told = matches!(&other, Err(error) if matches!(error.kind, ErrorKind::Refused | ErrorKind::Denied));
                    assert!(is_told && matches!(deed, Deed::Shared), "{}: {other:?} of {deed:?}", self.email);
                }
            }
            if self.rng.in_hundred(60) {
                drop(person.service.run(&ask(), Action::SyncNow));
            }
            if self.rng.in_hundred(10) {
                self.decide(&person);
            }
            std::thread::sleep(Duration::from_millis(self.rng.below(PAUSE_MS)));
        }
        drop(person.service.run(&ask(), Action::SyncNow));
        (deeds, person, self.home)
    }

    fn wish(&mut self, number: u64, own: &Key) -> (Intent, Deed) {
        let status = self.rng.pick(&STATUSES);
        let what = self.rng.below(10);
        if self.email == MAIN && what < 2 {
            let key = Key::drone(&format!("drone-b{}-{number}", self.nth));
            let set = fields(&[("model", "FlyOS_MQ5"), ("status", status)]);
            return (Intent::Create { key: key.clone(), fields: set }, Deed::Made { key });
        }
        let (key, is_own) =
            if what < 6 { (own.clone(), true) } else { (Key::drone(self.rng.pick(&SHARED)), false) };
        let deed = if is_own {
            Deed::Own { key: key.clone(), field: "status", value: status.to_owned() }
        } else {
            Deed::Shared
        };
        (Intent::Update { key, set: fields(&[("status", status)]) }, deed)
    }

    fn decide(&mut self, person: &Person) {
        let ctx = person.service.ctx(Front::Test);
        for card in person.service.cards(&ctx) {
            let decision = match self.rng.below(3) {
                0 => Decision::Mine,
                1 => Decision::Theirs,
                _ => Decision::Discard,
            };
            // A decision that does not fit is refused, and made another time.
            drop(person.service.run(&ctx, Action::Settle { edit: card.edit, decision }));
        }
    }
}
