//! Benchmarks of the console and of the rooms under it: one table, with what was promised beside it.
//!
//! Nothing is asserted about time: a slow machine gives a slow table. The program measured is the release
//! binary, in a pty of 80x24 and against a training server in a process of its own; the service is measured
//! in this process. `README.md` beside this file says how to read the table.

#[path = "../common/mod.rs"]
mod common;

mod door;
mod machine;
mod person;
#[expect(dead_code, reason = "the other bench uses the rest")]
mod pty;
mod pure;
mod report;
mod screen;

use std::time::Instant;

use anyhow::Context as _;

use common::Server;
use person::{Person, Place};
use report::Column;

/// The number of rows that is measured unless told otherwise; it takes four minutes, 100,000 take five.
const ROWS: usize = 10_000;

fn main() -> anyhow::Result<()> {
    let rows = wanted(std::env::args().skip(1))?;
    let begun = Instant::now();
    let machine = machine::describe(&std::env::temp_dir());
    let columns: Vec<Column> = rows.into_iter().map(measure).collect::<anyhow::Result<_>>()?;
    print(&machine, &report::table(&columns), begun.elapsed().as_secs());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn print(machine: &str, table: &str, seconds: u64) {
    println!("machine: {machine}");
    println!("\n{table}");
    println!("(!) not met. Measured in {seconds} s.");
}

#[expect(clippy::print_stderr, reason = "minutes pass; whoever waits is told what is going on")]
fn tell(what: &str) {
    eprintln!("... {what}");
}

/// The numbers of rows that the command line asks for. Cargo adds `--bench`.
fn wanted(words: impl Iterator<Item = String>) -> anyhow::Result<Vec<usize>> {
    let mut rows = Vec::new();
    let mut words = words.filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        anyhow::ensure!(word == "--rows", "{word:?} is not known: there is `--rows N[,N]`");
        let numbers = words.next().context("`--rows` takes a number, or some with commas between them")?;
        for number in numbers.split(',') {
            rows.push(number.parse().with_context(|| format!("{number:?} is no number of rows"))?);
        }
    }
    Ok(if rows.is_empty() { vec![ROWS] } else { rows })
}

/// Everything, with a server of about so many rows.
fn measure(rows: usize) -> anyhow::Result<Column> {
    let told = |what: &str| tell(&format!("{rows} rows: {what}"));
    let mut column = Column::new(format!("{rows} rows"));
    let folder = tempfile::Builder::new().prefix("flyos-bench-").tempdir()?;
    let (pty_home, home, other_home) =
        (door::home(folder.path())?, door::home(folder.path())?, door::home(folder.path())?);
    let data = folder.path().join("server");
    std::fs::create_dir(&data)?;
    let count = rows.to_string();
    let server = Server::start_at("127.0.0.1:0", &data, &["--rows", &count]);
    let (address, url, key) = (server.address(), server.url.clone(), server.publishable_key.clone());
    let place = Place { home: home.path(), url: &url, key: &key };
    let on_screen = Place { home: pty_home.path(), ..place };

    told("first loads");
    door::load(&mut column, place)?;
    screen::first_time(&mut column, on_screen, rows)?;
    told("starts of a known account");
    door::open(&mut column, place, screen::start_limit(rows))?;
    let mut console = screen::known(&mut column, on_screen, true, rows)?;
    told("keys");
    screen::keys(&mut column, &mut console)?;
    told("idle");
    screen::idle(&mut column, &mut console, true)?;
    told("edits on the screen");
    screen::edits(&mut column, &mut console)?;
    let person = Person::in_sync(place)?;
    screen::from_others(&mut column, &mut console, &person)?;
    console.quit()?;
    told("edits at the door");
    let other = Person::in_sync(Place { home: other_home.path(), ..place })?;
    door::delivered(&mut column, &person, &other)?;
    drop(other);
    door::reads(&mut column, &person)?;
    door::lists(&mut column, &person);
    door::saved(&mut column, &person)?;
    drop(person);
    server.stop();

    told("without a line");
    let mut console = screen::known(&mut column, on_screen, false, rows)?;
    screen::idle(&mut column, &mut console, false)?;
    console.quit()?;
    door::without_a_line(&mut column, place)?;
    let server = Server::start_at(&address, &data, &[]);
    door::push(&mut column, place)?;
    server.stop();

    pure::domain(&mut column);
    pure::binary(&mut column)?;
    Ok(column)
}
