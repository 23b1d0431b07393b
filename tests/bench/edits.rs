//! Edits that waited: how fast they are pushed, and how soon a console that was away and its server are equal again.

use std::time::Instant;

use flyos::domain::{Intent, Key};
use flyos::service::{Action, Decision, EditState};

use crate::ground::{self, Ground};
use crate::person::{Person, Place, update};
use crate::report::{Column, Samples, Target, Unit, float, ms};
use crate::wire::{Counts, Wire};

/// Rows of the server: half of them are drones, and each edit that waits is of another drone.
pub const ROWS: usize = 25_000;
/// Edits that waited, of one console alone.
const WAITED: usize = 10_000;
/// Edits of an hour without a line, on each side.
const OF_AN_HOUR: usize = 1_000;
/// Those of the other side's that meet one of ours in the same field, and as many that meet one in another field of
/// the row.
const CLASHES: usize = 50;
const RUNS: usize = 3;

const STATUSES: [&str; 4] = ["ACTIVE", "STANDBY", "MAINTENANCE", "OFFLINE"];
const MODELS: [&str; 3] = ["FlyOS_MQ5", "FlyOS_MQ7", "FlyOS_MQ9"];

pub fn measure(ground: &Ground) -> anyhow::Result<Column> {
    let mut column = Column::new(format!("{}, {ROWS} rows", ground.name));
    let (wire, home) = (Wire::to(&ground.url, true)?, ground::home()?);
    let person = Person::in_sync(Place { home: home.path(), url: &wire.url, key: &ground.key })?;
    push(&mut column, &wire, &person, if ground.name == "PostgreSQL" { 800.0 } else { 1_500.0 })?;
    hour(&mut column, ground, &wire, &person)?;
    Ok(column)
}

fn cut(wire: &Wire, person: &Person) -> anyhow::Result<()> {
    wire.set(false);
    person.sync_now()?;
    person.wait("offline", |_| person.is_offline())?;
    Ok(())
}

/// The value so many places after the one that a drone has.
fn another(person: &Person, drone: &Key, field: &str, of: &[&'static str], places: usize) -> &'static str {
    let now = person.field(drone, field);
    let at = of.iter().position(|value| Some(*value) == now.as_deref()).unwrap_or_default();
    of.iter().cycle().nth(at + places).copied().unwrap_or_default()
}

fn set_status(person: &Person, drone: &Key, places: usize) -> Intent {
    update(drone, "status", another(person, drone, "status", &STATUSES, places))
}

fn push(column: &mut Column, wire: &Wire, person: &Person, at_least: f64) -> anyhow::Result<()> {
    let drones = person.drones(WAITED);
    anyhow::ensure!(drones.len() == WAITED, "there are drones to edit");
    let (mut rate, mut empty, mut used) = (Samples::default(), Samples::default(), Used::default());
    for _ in 0..RUNS {
        cut(wire, person)?;
        person.save_all(drones.iter().map(|drone| set_status(person, drone, 1)).collect())?;
        let before = wire.counts();
        let begun = Instant::now();
        wire.set(true);
        person.sync_now()?;
        let sent = person.wait("sent", |service| service.status().waiting == 0)?;
        let seen = person.wait("seen back", |service| service.outbox(&person.ctx()).is_empty())?;
        anyhow::ensure!(person.service.status().needs_you == 0, "every edit got in");
        used.add(&wire.counts().since(&before));
        rate.push(float(WAITED as u64) / (sent - begun).as_secs_f64());
        empty.push_ms(seen - begun);
    }
    let what = "push of 10,000 edits that waited";
    column.put(what, Unit::PerSecond, rate.median(), Target::AtLeast(at_least));
    column.ms("the same, until all were seen back", empty.median(), Target::None);
    used.put(column, "the same");
    Ok(())
}

fn hour(column: &mut Column, ground: &Ground, wire: &Wire, person: &Person) -> anyhow::Result<()> {
    let homes = [ground::home()?, ground::home()?];
    let directly = |home: &'_ tempfile::TempDir| {
        Person::in_sync(Place { home: home.path(), url: &ground.url, key: &ground.key })
    };
    let others = directly(&homes[0])?;
    let drones = person.drones(OF_AN_HOUR * 2);
    let (mine, rest) = drones.split_at(OF_AN_HOUR);
    let (mut took, mut used, mut cards) = (Samples::default(), Used::default(), Samples::default());
    for _ in 0..RUNS {
        others.sync_now()?;
        others.wait("what went before", |_| others.everything() == person.everything())?;
        cut(wire, person)?;
        person.save_all(mine.iter().map(|drone| set_status(person, drone, 1)).collect())?;
        let theirs = theirs(&others, mine, rest);
        others.save_all(theirs.clone())?;
        others.wait("in", |service| service.outbox(&others.ctx()).is_empty())?;
        let before = wire.counts();
        let begun = Instant::now();
        wire.set(true);
        person.sync_now()?;
        let equal = person.wait("equal", |_| is_equal(person, &theirs))?;
        took.push(ms(equal - begun));
        used.add(&wire.counts().since(&before));
        let open = person.service.cards(&person.ctx());
        cards.push(float(open.len() as u64));
        // What a new console loads is the server's word: it must be what this one has once the cards are decided.
        for card in open {
            person.act(Action::Settle { edit: card.edit, decision: Decision::Theirs })?;
        }
        person.wait("decided", |service| service.outbox(&person.ctx()).is_empty())?;
        let truth = ground::home()?;
        let truth = (directly(&truth)?, truth);
        anyhow::ensure!(truth.0.everything() == person.everything(), "this console and the server are equal");
    }
    column.ms("1,000 edits on each side, line back to equal", took.median(), Target::None);
    used.put(column, "the same");
    let what = "the same, cards (50 met in the same field, 50 in another of the row)";
    column.put(what, Unit::Count, cards.median(), Target::None);
    Ok(())
}

/// What the others did in that hour.
fn theirs(others: &Person, mine: &[Key], rest: &[Key]) -> Vec<Intent> {
    let (same, more) = mine.split_at(CLASHES);
    let clashes = same.iter().map(|drone| set_status(others, drone, 2));
    let merges = more.iter().take(CLASHES);
    let merges = merges.map(|drone| update(drone, "model", another(others, drone, "model", &MODELS, 1)));
    let alone = rest.iter().take(OF_AN_HOUR - 2 * CLASHES).map(|drone| set_status(others, drone, 1));
    clashes.chain(merges).chain(alone).collect()
}

/// Everything of the others' is here, but for what a card asks about; everything of ours is in, or on a card.
fn is_equal(person: &Person, theirs: &[Intent]) -> bool {
    let here = |intent: &Intent| match intent {
        Intent::Update { key, set } => set.iter().all(|(field, value)| person.field(key, field) == *value),
        _ => false,
    };
    let on_a_card = |state: &EditState| state.needs_you();
    person.service.status().waiting == 0
        && person.service.outbox(&person.ctx()).iter().all(|line| on_a_card(&line.state))
        && theirs.iter().skip(CLASHES).all(here)
}

/// What went over the line, of several runs.
#[derive(Default)]
struct Used {
    requests: Samples,
    up: Samples,
    down: Samples,
}

impl Used {
    fn add(&mut self, counts: &Counts) {
        let (requests, socket) = (counts.requests(), counts.socket());
        self.requests.push(float(requests.times));
        self.up.push(float(requests.up + socket.up));
        self.down.push(float(requests.down + socket.down));
    }

    fn put(&self, column: &mut Column, what: &str) {
        column.put(&format!("{what}, requests"), Unit::Count, self.requests.median(), Target::None);
        column.put(&format!("{what}, sent"), Unit::Bytes, self.up.median(), Target::None);
        column.put(&format!("{what}, received"), Unit::Bytes, self.down.median(), Target::None);
    }
}
