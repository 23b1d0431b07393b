//! Benchmarks of the synchronisation: how fast rows come and edits go, what that costs on the line and in memory, how
//! soon the edits of others are here, and what a console costs that nobody touches.
//!
//! Every console is the service as a front drives it; every server is a real one. What goes over the line is counted by
//! a line of ours (`wire`). Nothing is asserted about time. `README.md` beside this file says how to read the tables.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/pg/mod.rs"]
mod pg;

mod edits;
mod ground;
mod idle;
mod loads;
mod machine;
mod others;
mod person;
#[expect(dead_code, reason = "the other bench uses the rest")]
mod report;
mod wire;

use std::time::Instant;

use anyhow::Context as _;

use ground::Ground;
use report::Column;

/// Rows of the servers of first loads, unless told otherwise.
const ROWS: [usize; 2] = [10_000, 100_000];
/// PostgreSQL is filled by one statement for each table, which takes no more.
const ROWS_OF_POSTGRES: usize = 100_000;
/// How long idle consoles are watched, unless told otherwise: within it each of them reports once.
const MINUTES: u64 = 15;
const PARTS: [&str; 4] = ["load", "edits", "others", "idle"];

/// What the command line asks for.
struct Wanted {
    parts: Vec<String>,
    rows: Vec<usize>,
    minutes: u64,
}

fn main() -> anyhow::Result<()> {
    // Cargo adds `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench").peekable();
    if words.next_if(|word| word == loads::AS_CONSOLE).is_some() {
        return loads::console(words);
    }
    let wanted = Wanted::read(words)?;
    let begun = Instant::now();
    let machine = machine::describe(&std::env::temp_dir());
    // Idle consoles do next to nothing: they are watched while the rest is measured.
    let minutes = wanted.has("idle").then_some(wanted.minutes);
    let idle = minutes.map(|minutes| std::thread::spawn(move || idle::measure(minutes)));
    let mut tables = Vec::new();
    if wanted.has("load") {
        tables.push(("First loads", loads(&wanted.rows)?));
    }
    if wanted.has("edits") {
        tell("edits that waited");
        let on_training = edits::measure(&Ground::training(edits::ROWS)?)?;
        let on_postgres = edits::measure(&Ground::postgres(edits::ROWS)?)?;
        tables.push(("Edits that waited", vec![on_training, on_postgres]));
    }
    if wanted.has("others") {
        tell("the edits of others: eight minutes");
        tables.push(("What others do", others::measure()?));
    }
    if let Some(idle) = idle {
        tell("idle consoles");
        let columns = idle.join().map_err(|_| anyhow::anyhow!("the watch of idle consoles failed"))??;
        tables.push(("Idle", columns));
    }
    print(&machine, &tables, begun.elapsed().as_secs());
    Ok(())
}

fn loads(rows: &[usize]) -> anyhow::Result<Vec<Column>> {
    let mut columns = Vec::new();
    for rows in rows {
        tell(&format!("first loads of {rows} rows"));
        columns.push(loads::measure(&Ground::training(*rows)?, *rows)?);
        if *rows <= ROWS_OF_POSTGRES {
            columns.push(loads::measure(&Ground::postgres(*rows)?, *rows)?);
        }
    }
    Ok(columns)
}

#[expect(clippy::print_stdout, reason = "the tables are what this program is for")]
fn print(machine: &str, tables: &[(&str, Vec<Column>)], seconds: u64) {
    println!("machine: {machine}");
    for (title, columns) in tables {
        println!("\n### {title}\n\n{}", report::table(columns));
    }
    println!("(!) not met. Measured in {seconds} s.");
}

#[expect(clippy::print_stderr, reason = "minutes pass; whoever waits is told what is going on")]
fn tell(what: &str) {
    eprintln!("... {what}");
}

impl Wanted {
    fn read(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut wanted = Self { parts: Vec::new(), rows: ROWS.to_vec(), minutes: MINUTES };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--rows" => {
                    let numbers = words.next().context("`--rows` takes numbers with commas between them")?;
                    wanted.rows = numbers.split(',').map(str::parse).collect::<Result<_, _>>()?;
                }
                "--minutes" => {
                    wanted.minutes = words.next().context("`--minutes` takes a number")?.parse()?;
                }
                part if PARTS.contains(&part) => wanted.parts.push(word),
                _ => anyhow::bail!("{word:?} is not known: {PARTS:?}, `--rows N[,N]`, `--minutes N`"),
            }
        }
        Ok(wanted)
    }

    fn has(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
}
