//! The console side by side with other terminal programs, in one run: the same terminal of 80x24, the same keys, as many
//! rows each. Programs that are not installed are left out, and it is said how they are had.
//!
//! None of them does the same work, so a figure says what a person at that terminal pays, not who is the better
//! program. Nothing is asserted about time. `README.md` beside this file says how to read the table.

#[path = "../common/mod.rs"]
mod common;

mod machine;
mod person;
#[expect(dead_code, reason = "the other bench uses the rest")]
mod pty;
#[expect(dead_code, reason = "the other benches use the rest")]
mod report;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use portable_pty::CommandBuilder;

use common::{PASSWORD, Server};
use person::{EMAIL, Person, Place};
use pty::Screen;
use report::{Column, Samples, Target, Unit, float, ms};

const ROWS: usize = 10_000;
/// How long idling is watched.
const SECONDS: u64 = 60;
const KEYS: usize = 96;
/// Cursor keys that stay within the window.
const WITHIN: usize = 12;
const PAGES: usize = 20;
const VIEWS: usize = 20;
/// Given to a program after its first list, for what it still loads; some draw a clock and are never silent.
const LOADED: Duration = Duration::from_secs(2);
/// A frame is over when nothing came for so long.
const FRAME_OVER: Duration = Duration::from_millis(40);
/// A key is answered within so long, or counted as answered then.
const ANSWERED: Duration = Duration::from_millis(500);

/// What is measured beside the console.
struct Other {
    /// As it is called, and as its package is.
    program: &'static str,
    package: &'static str,
    /// What it is given to show.
    given: fn(&Path, usize) -> anyhow::Result<Vec<PathBuf>>,
    /// Stands in its list.
    shows: &'static str,
    /// Keys that go to its first row, where it begins elsewhere.
    first: &'static str,
    /// Keys that go to another view, and on or back.
    views: [&'static str; 2],
}

const OTHERS: [Other; 4] = [
    Other { program: "tig", package: "tig", given: history, shows: "drone-", first: "", views: ["r", "m"] },
    Other {
        program: "htop",
        package: "htop",
        given: |_, _| Ok(Vec::new()),
        shows: "PID",
        first: "",
        views: ["\t", "\t"],
    },
    Other {
        program: "vd",
        package: "visidata",
        given: tables,
        shows: "drone-",
        first: "",
        views: ["\x1e", "\x1e"],
    },
    // A log is read from its end.
    Other { program: "lnav", package: "lnav", given: log, shows: "drone-", first: "g", views: ["i", "i"] },
];

fn main() -> anyhow::Result<()> {
    let (mut rows, mut seconds) = (ROWS, SECONDS);
    // Cargo adds `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|number| number.parse().ok()).context("it takes a number");
        match word.as_str() {
            "--rows" => rows = usize::try_from(number()?)?,
            "--seconds" => seconds = number()?,
            _ => anyhow::bail!("{word:?} is not known: there are `--rows N` and `--seconds N`"),
        }
    }
    let begun = Instant::now();
    let machine = machine::describe(&std::env::temp_dir());
    let (table, left_out) = measure(rows, Duration::from_secs(seconds))?;
    print(&format!(
        "machine: {machine}\n\n{table}\n{left_out}{rows} rows each. Measured in {} s.",
        begun.elapsed().as_secs()
    ));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "minutes pass; whoever waits is told what is going on")]
fn tell(what: &str) {
    eprintln!("... {what}");
}

/// The table, and a line for each program that is not here.
fn measure(rows: usize, idle: Duration) -> anyhow::Result<(String, String)> {
    let folder = tempfile::Builder::new().prefix("flyos-bench-").tempdir()?;
    let path = |name: &str| -> anyhow::Result<PathBuf> {
        let path = folder.path().join(name);
        std::fs::create_dir(&path)?;
        Ok(path)
    };
    let (home, data) = (path("home")?, path("server")?);
    let server = Server::start_at("127.0.0.1:0", &data, &["--rows", &rows.to_string()]);
    let place = Place { home: &home, url: &server.url, key: &server.publishable_key };
    drop(Person::in_sync(place)?);

    tell("flyos");
    let mut open = vec![console(place)?];
    let mut left_out = String::new();
    for other in &OTHERS {
        if Command::new(other.program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_err()
        {
            writeln!(
                left_out,
                "{} is not installed and left out: apt-get install {}.",
                other.program, other.package
            )?;
            continue;
        }
        tell(other.program);
        let home = path(other.program)?;
        let given = (other.given)(&home, rows)?;
        let mut command = CommandBuilder::new(other.program);
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &home);
        command.args(&given);
        command.cwd(&home);
        let mut column = Column::new(other.program.to_owned());
        let mut screen = Screen::run(command)?;
        first_byte(&mut column, &mut screen)?;
        let begun = screen.begun;
        let listed = screen.until("its list", |text| text.contains(other.shows))?;
        column.ms(LIST, ms(listed - begun), Target::None);
        screen.listen(LOADED)?;
        screen.send(other.first)?;
        screen.listen(LOADED)?;
        keys(&mut column, &mut screen, other.views)?;
        open.push((column, screen));
    }
    tell(&format!("idle, {} s", idle.as_secs()));
    watch(&mut open, idle)?;
    let columns: Vec<Column> = open.into_iter().map(|(column, _)| column).collect();
    Ok((report::table(&columns), left_out))
}

const LIST: &str = "start, or Enter behind the password, to the first list";

/// The console on an account that this machine knows: its first screen asks for the password.
fn console(place: Place<'_>) -> anyhow::Result<(Column, Screen)> {
    let mut column = Column::new("flyos".to_owned());
    let mut screen = Screen::start(place)?;
    first_byte(&mut column, &mut screen)?;
    screen.expect("Password")?;
    screen.settle()?;
    screen.send(&format!("\x15{EMAIL}\t{PASSWORD}"))?;
    screen.settle()?;
    let enter = screen.send("\r")?;
    column.ms(LIST, ms(screen.until("the list", |text| text.contains("drone-001"))? - enter), Target::None);
    screen.expect("up to date")?;
    keys(&mut column, &mut screen, ["\t", "\x1b[Z"])?;
    Ok((column, screen))
}

fn first_byte(column: &mut Column, screen: &mut Screen) -> anyhow::Result<()> {
    let begun = screen.begun;
    let first = screen.first_byte()?;
    column.ms("start to first byte", ms(first - begun), Target::None);
    Ok(())
}

fn keys(column: &mut Column, screen: &mut Screen, views: [&str; 2]) -> anyhow::Result<()> {
    screen.answer(FRAME_OVER, LOADED)?;
    let mut press = |keys: &mut dyn Iterator<Item = &str>| -> anyhow::Result<(Samples, Samples)> {
        let (mut bytes, mut latency) = (Samples::default(), Samples::default());
        for key in keys {
            let sent = screen.send(key)?;
            let heard = screen.answer(FRAME_OVER, ANSWERED)?;
            bytes.push(float(u64::try_from(heard.bytes)?));
            latency.push_ms(heard.first.map_or(ANSWERED, |first| first.saturating_duration_since(sent)));
        }
        Ok((bytes, latency))
    };
    let down = |at: usize| (at / WITHIN).is_multiple_of(2);
    let cursor = press(&mut (0..KEYS).map(|at| if down(at) { "\x1b[B" } else { "\x1b[A" }))?;
    let pages = press(&mut (0..PAGES).map(|_| "\x1b[6~"))?;
    let view = press(&mut views.into_iter().cycle().take(VIEWS))?;
    for (what, (bytes, latency)) in [("cursor key", cursor), ("page down", pages), ("another view", view)] {
        column.put(&format!("{what}, bytes, median"), Unit::Bytes, bytes.median(), Target::None);
        column.ms(&format!("{what} to first byte, p50"), latency.median(), Target::None);
    }
    let (now, _) = machine::memory(screen.pid()?)?;
    column.put("memory (VmRSS)", Unit::Mb, now, Target::None);
    Ok(())
}

/// All of them at once, while nobody does anything.
fn watch(open: &mut [(Column, Screen)], idle: Duration) -> anyhow::Result<()> {
    let mut before = Vec::new();
    for (_, screen) in open.iter_mut() {
        screen.settle_for(Duration::ZERO)?;
        before.push(machine::usage(screen.pid()?)?);
    }
    std::thread::sleep(idle);
    let seconds = idle.as_secs_f64();
    for ((column, screen), before) in open.iter_mut().zip(&before) {
        let used = machine::usage(screen.pid()?)?.since(before);
        let heard = screen.settle_for(Duration::ZERO)?;
        let within = format!("idle for {} s", idle.as_secs());
        column.put(
            &format!("{within}, bytes"),
            Unit::Bytes,
            float(u64::try_from(heard.bytes)?),
            Target::None,
        );
        column.ms(&format!("{within}, CPU time"), used.cpu_ms, Target::None);
        let switches = float(used.switches) / seconds;
        column.put(&format!("{within}, context switches a second"), Unit::Count, switches, Target::None);
    }
    Ok(())
}

/// A repository with so many commits; tig shows the one it stands in.
fn history(home: &Path, rows: usize) -> anyhow::Result<Vec<PathBuf>> {
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(args).current_dir(home).env("HOME", home).stdout(Stdio::null()).stderr(Stdio::null());
        git
    };
    anyhow::ensure!(git(&["init", "-q", "-b", "main"]).status()?.success(), "git made no repository");
    let mut import = git(&["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn()?;
    let mut commits = String::new();
    for n in 0..rows {
        let message = format!("set the status of drone-{n:05} to STANDBY");
        writeln!(
            commits,
            "commit refs/heads/main\ncommitter east_hq <east@flyos.mil> {} +0000\ndata {}\n{message}",
            1_700_000_000 + n * 600,
            message.len()
        )?;
    }
    import.stdin.take().context("its input")?.write_all(commits.as_bytes())?;
    anyhow::ensure!(import.wait()?.success(), "git took no commits");
    Ok(Vec::new())
}

/// Two tables of drones, so that there is another view.
fn tables(home: &Path, rows: usize) -> anyhow::Result<Vec<PathBuf>> {
    // It would ask its makers for news.
    std::fs::write(home.join(".visidatarc"), "options.motd_url = ''\n")?;
    let mut text = "id,model,status,region,operator\n".to_owned();
    for n in 0..rows {
        writeln!(text, "drone-{n:05},FlyOS_MQ{},STANDBY,Eastern,operator{}", 5 + n % 3 * 2, n % 90)?;
    }
    let paths = ["drones.csv", "others.csv"].map(|name| home.join(name));
    for path in &paths {
        std::fs::write(path, &text)?;
    }
    Ok(paths.into())
}

fn log(home: &Path, rows: usize) -> anyhow::Result<Vec<PathBuf>> {
    let mut text = String::new();
    for n in 0..rows {
        let (hour, minute, second) = (n / 3600 % 24, n / 60 % 60, n % 60);
        writeln!(
            text,
            "2026-11-20T{hour:02}:{minute:02}:{second:02} INFO drone-{n:05} set to STANDBY by east_hq"
        )?;
    }
    let path = home.join("fleet.log");
    std::fs::write(&path, text)?;
    Ok(vec![path])
}
