//! What others do, and how soon it is here: their edits, with the socket and by asking alone, and a line that comes back
//! without anybody saying so.

use std::time::{Duration, Instant};

use flyos::service::Link;

use crate::ground::{self, Ground};
use crate::person::{Person, Place};
use crate::report::{Column, Samples, Target, Unit, float};
use crate::tell;
use crate::wire::Wire;

const ROWS: usize = 10_000;
/// Edits and the time between them: with the socket each is seen before the next; without it they meet the console at
/// every moment of its polls, some five minutes of them.
const WITH_SOCKET: (usize, Duration) = (200, Duration::from_millis(100));
const BY_POLLING: (usize, Duration) = (150, Duration::from_millis(1_900));
/// Edits after each of which the console is asked to ask.
const ASKED: usize = 100;
/// The longest between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Consoles whose line is cut and comes back.
const CONSOLES: usize = 20;
/// By then the tries to reach the server follow each other as seldom as they ever do, as after an hour.
const AWAY: Duration = Duration::from_secs(90);

/// With the socket, and without it.
pub fn measure() -> anyhow::Result<Vec<Column>> {
    [("with the socket", true), ("by polling", false)]
        .map(|(title, socket)| {
            let mut column = Column::new(title.to_owned());
            arrivals(&mut column, socket)?;
            tell(&format!("{title}: a line that comes back"));
            returns(&mut column, socket)?;
            Ok(column)
        })
        .into_iter()
        .collect()
}

fn arrivals(column: &mut Column, socket: bool) -> anyhow::Result<()> {
    let server = Ground::training(ROWS)?;
    let (there, here, wire) = (ground::home()?, ground::home()?, Wire::to(&server.url, socket)?);
    let writer = Person::in_sync(Place { home: there.path(), url: &server.url, key: &server.key })?;
    let reader = Person::in_sync(Place { home: here.path(), url: &wire.url, key: &server.key })?;
    let (count, gap) = if socket { WITH_SOCKET } else { BY_POLLING };
    // The socket is opened after the first load.
    std::thread::sleep(Duration::from_secs(2));
    let samples = seen(&writer, &reader, count, gap)?;
    let limit = if socket { Target::AtMost(300.0) } else { Target::None };
    column.put("another's edits", Unit::Count, float(samples.len() as u64), Target::None);
    column.ms("saved there to readable here, p50", samples.median(), Target::None);
    column.ms("saved there to readable here, p95", samples.percentile(95), limit);
    let asked = asked(&writer, &reader)?;
    column.ms("of that from the moment when the console asks, p50 of 100", asked.median(), Target::None);
    column.ms("of that from the moment when the console asks, p95", asked.percentile(95), Target::None);
    Ok(())
}

/// Edits at a steady pace, each from saved there to readable here, whenever that is.
fn seen(writer: &Person, reader: &Person, count: usize, gap: Duration) -> anyhow::Result<Samples> {
    let (mut samples, mut open) = (Samples::default(), Vec::new());
    let mut drones = writer.drones(count).into_iter();
    let mut next = Instant::now();
    loop {
        if Instant::now() >= next
            && let Some(drone) = drones.next()
        {
            let status = writer.change(&drone)?;
            open.push((drone, status, Instant::now()));
            next = Instant::now() + gap;
        }
        let until_next = next.saturating_duration_since(Instant::now());
        reader.pause(if drones.len() == 0 { LOOK } else { LOOK.min(until_next) });
        open.retain(|(drone, status, begun)| {
            let here = reader.status_of(drone).as_ref() == Some(status);
            if here {
                samples.push_ms(begun.elapsed());
            }
            !here
        });
        if samples.len() == count {
            return Ok(samples);
        }
    }
}

/// Edits that are in, each from the moment when the reader asks.
fn asked(writer: &Person, reader: &Person) -> anyhow::Result<Samples> {
    let mut samples = Samples::default();
    reader.set_traffic(flyos::service::Traffic::Held)?;
    for drone in writer.drones(ASKED) {
        let status = writer.change(&drone)?;
        writer.wait("in", |service| service.status().waiting == 0)?;
        let begun = Instant::now();
        reader.sync_now()?;
        let here = reader.wait("the edit", |_| reader.status_of(&drone).as_ref() == Some(&status))?;
        samples.push_ms(here - begun);
    }
    Ok(samples)
}

/// Nobody asks: how long until a console by itself finds that there is a line again.
fn returns(column: &mut Column, socket: bool) -> anyhow::Result<()> {
    let server = Ground::training(0)?;
    let wire = Wire::to(&server.url, socket)?;
    let homes: Vec<_> = (0..CONSOLES).map(|_| ground::home()).collect::<anyhow::Result<_>>()?;
    let place = |home: &'_ tempfile::TempDir| {
        Person::in_sync(Place { home: home.path(), url: &wire.url, key: &server.key })
    };
    let mut away: Vec<Person> = homes.iter().map(place).collect::<anyhow::Result<_>>()?;
    wire.set(false);
    std::thread::sleep(AWAY);
    anyhow::ensure!(away.iter().all(Person::is_offline), "each knows that there is no line");
    let mut samples = Samples::default();
    let begun = Instant::now();
    wire.set(true);
    while !away.is_empty() {
        std::thread::sleep(LOOK);
        away.retain(|person| {
            let is_back = person.service.status().link == Link::Online;
            if is_back {
                samples.push_ms(begun.elapsed());
            }
            !is_back
        });
    }
    column.ms("line back to noticed by itself, p50 of 20 consoles", samples.median(), Target::None);
    column.ms("line back to noticed by itself, the last of 20", samples.percentile(100), Target::None);
    Ok(())
}
