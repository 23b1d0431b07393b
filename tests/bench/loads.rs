//! First loads: a console with an empty home, in a process of its own, so that its memory is its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context as _;

use crate::ground::{self, Ground};
use crate::machine::{self, Usage};
use crate::person::{Person, Place};
use crate::report::{Column, Samples, Target, Unit, float, ms};
use crate::wire::Wire;

const RUNS: usize = 3;
/// The word that makes this program the console of a first load.
pub const AS_CONSOLE: &str = "--console";

/// What product.md allows a console of so many rows, in MB.
fn memory_limit(rows: usize) -> Target {
    Target::AtMost(if rows <= 100_000 { 100.0 } else { 400.0 })
}

pub fn measure(ground: &Ground, rows: usize) -> anyhow::Result<Column> {
    let mut column = Column::new(format!("{}, {rows} rows", ground.name));
    let mut samples: [Samples; 8] = Default::default();
    for _ in 0..RUNS {
        let taken = one(ground)?;
        samples.iter_mut().zip(taken).for_each(|(samples, value)| samples.push(value));
    }
    let [took, rate, processor, resident, most, down, up, requests] = samples.map(|samples| samples.median());
    column.ms("first load, signed in to up to date", took, Target::None);
    column.put("first load, rows", Unit::PerSecond, rate, Target::AtLeast(25_000.0));
    column.ms("processor time of the console, from its start", processor, Target::None);
    column.put("memory after it (VmRSS)", Unit::Mb, resident, memory_limit(rows));
    column.put("the most memory (VmHWM)", Unit::Mb, most, Target::None);
    column.put("received, sign-in included", Unit::Bytes, down, Target::None);
    column.put("sent, sign-in included", Unit::Bytes, up, Target::None);
    column.put("requests", Unit::Count, requests, Target::None);
    Ok(column)
}

fn one(ground: &Ground) -> anyhow::Result<[f64; 8]> {
    let wire = Wire::to(&ground.url, true)?;
    let home = ground::home()?;
    let mut console = Command::new(std::env::current_exe()?)
        .arg(AS_CONSOLE)
        .args([home.path().as_os_str(), wire.url.as_ref(), ground.key.as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut told = String::new();
    BufReader::new(console.stdout.take().context("its output is piped")?).read_line(&mut told)?;
    let (took_ms, rows) = told.trim().split_once(' ').context("the console ended before it was loaded")?;
    let (took_ms, rows): (f64, f64) = (took_ms.parse()?, rows.parse()?);
    let (resident, most) = machine::memory(console.id())?;
    let used = machine::usage(console.id())?.since(&Usage::default());
    let counts = wire.counts();
    let (requests, socket) = (counts.requests(), counts.socket());
    drop(console.stdin.take());
    console.wait()?;
    Ok([
        took_ms,
        rows / took_ms * 1e3,
        used.cpu_ms,
        resident,
        most,
        float(requests.down + socket.down),
        float(requests.up + socket.up),
        float(requests.times),
    ])
}

/// The other process: loads, tells how long it took and how many rows there are, and stays until it is let go.
#[expect(clippy::print_stdout, reason = "whoever started this reads it")]
pub fn console(mut words: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let mut word = || words.next().context("a home, an address and a key");
    let (home, url, key) = (word()?, word()?, word()?);
    let person = Person::known(Place { home: home.as_ref(), url: &url, key: &key })?;
    let begun = Instant::now();
    let took = ms(person.up_to_date()? - begun);
    println!("{took} {}", person.rows());
    std::io::stdin().lines().for_each(drop);
    Ok(())
}
