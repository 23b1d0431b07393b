//! What is measured at the door: the service in this process, the training server in its own.

use std::path::Path;
use std::time::{Duration, Instant};

use flyos::domain::{Key, Kind};
use flyos::service::{Link, ListQuery};

use crate::person::{Person, Place};
use crate::report::{Column, Samples, Target, Unit, float};

/// The rows of a window at 80x24, about.
const WINDOW: usize = 18;
const LOAD_RUNS: usize = 3;
const OPEN_RUNS: usize = 9;
const READS: usize = 200;
const EDITS: usize = 200;
/// What is typed into the filter, and how often.
const TYPED: &str = "jensen";
const TYPED_RUNS: usize = 20;
const CONFIRMED: usize = 50;
/// Edits made without a line and pushed together.
const PUSHED: usize = 1_000;
/// Between edits of one kind, so that each is an edit of its own and not one of a burst.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two looks whether the rows are there.
const GLANCE: Duration = Duration::from_micros(200);

/// First loads, each into an empty home.
pub fn load(column: &mut Column, place: Place<'_>) -> anyhow::Result<()> {
    let (mut rate, mut took) = (Samples::default(), Samples::default());
    for _ in 0..LOAD_RUNS {
        let home = tempfile::tempdir()?;
        let person = Person::at(Place { home: home.path(), ..place })?;
        person.sign_in()?;
        let begun = Instant::now();
        let long = person.up_to_date()? - begun;
        took.push_ms(long);
        let rows = u64::try_from(person.rows())?;
        rate.push(float(rows) / long.as_secs_f64());
    }
    column.ms("first load, signed in to up to date", took.median(), Target::None);
    column.put("first load, rows", Unit::PerSecond, rate.median(), Target::AtLeast(25_000.0));
    Ok(())
}

/// A known account from the call to the first window, the key derivation being the cheapest.
pub fn open(column: &mut Column, place: Place<'_>, limit: Target) -> anyhow::Result<()> {
    drop(Person::in_sync(place)?);
    let mut samples = Samples::default();
    for _ in 0..OPEN_RUNS {
        let person = Person::at(place)?;
        let begun = Instant::now();
        person.sign_in()?;
        let page = person.service.list(&person.ctx(), &Person::query(Kind::Drone, "", 0, WINDOW));
        samples.push_ms(begun.elapsed());
        anyhow::ensure!(!page.rows.is_empty(), "a known account has rows");
    }
    column.ms("known account: sign-in to first window, in process, cheapest KDF", samples.median(), limit);
    Ok(())
}

/// Answers from memory.
pub fn reads(column: &mut Column, person: &Person) -> anyhow::Result<()> {
    let ctx = person.ctx();
    let limit = Target::AtMost(1.0);
    let drones = person.drones(READS);
    let middle = person.rows() / 4;
    let (mut window, mut row, mut anew, mut found) =
        (Samples::default(), Samples::default(), Samples::default(), Samples::default());
    for (number, drone) in drones.iter().enumerate() {
        let begun = Instant::now();
        let page = person.service.list(&ctx, &Person::query(Kind::Drone, "", middle, WINDOW));
        // The first one finds no order kept.
        if number > 0 {
            window.push_ms(begun.elapsed());
        }
        drop(page);
        let begun = Instant::now();
        drop(person.service.show(&ctx, drone));
        row.push_ms(begun.elapsed());
    }
    for number in 0..20 {
        let begun = Instant::now();
        drop(person.service.list(&ctx, &Person::query(Kind::User, &format!("jensen {number}"), 0, WINDOW)));
        found.push_ms(begun.elapsed());
    }
    for drone in drones.iter().take(20) {
        person.change(drone)?;
        let begun = Instant::now();
        drop(person.service.list(&ctx, &Person::query(Kind::Drone, "", 0, WINDOW)));
        anew.push_ms(begun.elapsed());
    }
    column.ms("read: one window of the drones, p99", window.percentile(99), limit);
    column.ms("read: one row with what belongs to it, p99", row.percentile(99), limit);
    column.ms("read: the drones in order anew, after an edit, p50", anew.median(), limit);
    column.ms("read: the users by a filter of two words, p50", found.median(), limit);
    Ok(())
}

/// Filters typed letter by letter, each letter a list of its own, and lists sorted anew: how long a screen waits for an
/// answer, and how long until the rows are there.
pub fn lists(column: &mut Column, person: &Person) {
    let ctx = person.ctx();
    let (mut first, mut letter, mut sorted) = (Samples::default(), Samples::default(), Samples::default());
    let mut waited = Samples::default();
    let mut time = |samples: &mut Samples, query: &ListQuery| {
        let begun = Instant::now();
        let mut page = person.service.list_soon(&ctx, query);
        waited.push_ms(begun.elapsed());
        while page.coming {
            std::thread::sleep(GLANCE);
            page = person.service.list_soon(&ctx, query);
        }
        samples.push_ms(begun.elapsed());
    };
    // As on the screen, where the whole list was shown before.
    time(&mut Samples::default(), &Person::query(Kind::User, "", 0, WINDOW));
    for number in 0..TYPED_RUNS {
        // A word that finds everything, so that no run finds what the one before it kept.
        let before = format!("!nobody{number} ");
        for letters in 1..=TYPED.len() {
            let filter = format!("{before}{}", TYPED.get(..letters).unwrap_or(TYPED));
            let samples = if letters == 1 { &mut first } else { &mut letter };
            time(samples, &Person::query(Kind::User, &filter, 0, WINDOW));
        }
    }
    for sort in ["region,status", "status,-changed", "operator,id", "model,status,region"] {
        let query = Person::query(Kind::Drone, "", 0, WINDOW);
        time(&mut sorted, &ListQuery { sort: sort.to_owned(), ..query });
    }
    column.ms(
        "filter and sort: a screen waits for an answer, p99",
        waited.percentile(99),
        Target::AtMost(16.0),
    );
    column.ms("filter: the first letter, all users looked at, p50", first.median(), Target::None);
    column.ms("filter: each further letter, p50", letter.median(), Target::None);
    column.ms("sort: the drones by two or three columns anew, p50", sorted.median(), Target::None);
}

/// Submit to saved, with the line up and back to back.
pub fn saved(column: &mut Column, person: &Person) -> anyhow::Result<()> {
    let samples = save(person, &person.drones(EDITS))?;
    column.ms("edit to saved, online, back to back, p50", samples.median(), Target::None);
    column.ms("edit to saved, online, back to back, p99", samples.percentile(99), Target::AtMost(20.0));
    person.up_to_date()?;
    Ok(())
}

fn save(person: &Person, drones: &[Key]) -> anyhow::Result<Samples> {
    let mut samples = Samples::default();
    for drone in drones {
        let begun = Instant::now();
        person.change(drone)?;
        samples.push_ms(begun.elapsed());
    }
    anyhow::ensure!(samples.len() == drones.len() && !drones.is_empty(), "there are drones to edit");
    Ok(samples)
}

/// Own edits until confirmed, and other people's until here.
pub fn delivered(column: &mut Column, person: &Person, other: &Person) -> anyhow::Result<()> {
    let (mut acked, mut confirmed, mut remote) = (Samples::default(), Samples::default(), Samples::default());
    for drone in person.drones(CONFIRMED) {
        std::thread::sleep(PAUSE);
        person.change(&drone)?;
        let begun = Instant::now();
        acked.push_ms(person.wait("accepted", |service| service.status().waiting == 0)? - begun);
        let empty = person.wait("confirmed", |service| service.outbox(&person.ctx()).is_empty())?;
        confirmed.push_ms(empty - begun);
    }
    for drone in person.drones(CONFIRMED) {
        std::thread::sleep(PAUSE);
        let status = person.change(&drone)?;
        let begun = Instant::now();
        let there =
            other.wait("the edit", |_| other.status_of(&drone).as_deref() == Some(status.as_str()))?;
        remote.push_ms(there - begun);
    }
    column.ms("own edit, saved to accepted by the server, p50", acked.median(), Target::None);
    column.ms("own edit, saved to outbox empty, p50", confirmed.median(), Target::None);
    column.ms("own edit, saved to outbox empty, p95", confirmed.percentile(95), Target::AtMost(500.0));
    column.ms("another's edit, saved there to readable here, p50", remote.median(), Target::None);
    column.ms(
        "another's edit, saved there to readable here, p95",
        remote.percentile(95),
        Target::AtMost(300.0),
    );
    Ok(())
}

/// Edits without a line; they are left in the home.
pub fn without_a_line(column: &mut Column, place: Place<'_>) -> anyhow::Result<()> {
    let person = Person::known(place)?;
    person.wait("offline", |service| matches!(service.status().link, Link::Offline { .. }))?;
    let drones = person.drones(PUSHED);
    let (first, rest) = drones.split_at(EDITS.min(drones.len()));
    let few = save(&person, first)?;
    let many = save(&person, rest)?;
    column.ms("edit to saved, offline, p50 of 200", few.median(), Target::None);
    column.ms("edit to saved, offline, p99 of 200", few.percentile(99), Target::AtMost(20.0));
    column.ms(
        "edit to saved, offline, p99 with 200 to 1,000 waiting",
        many.percentile(99),
        Target::AtMost(20.0),
    );
    Ok(())
}

/// Sends what `without_a_line` left.
pub fn push(column: &mut Column, place: Place<'_>) -> anyhow::Result<()> {
    let person = Person::known(place)?;
    let begun = Instant::now();
    let waiting = u64::try_from(person.service.status().waiting)?;
    let sent = person.wait("sent", |service| service.status().waiting == 0)?;
    let rate = float(waiting) / (sent - begun).as_secs_f64();
    column.put("push of 1,000 edits that waited", Unit::PerSecond, rate, Target::AtLeast(1_500.0));
    Ok(())
}

/// An empty home of its own for each console.
pub fn home(under: &Path) -> anyhow::Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("home-").tempdir_in(under)?)
}
