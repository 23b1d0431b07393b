//! What is measured from outside: the program in a pty, as a person has it.

use std::path::Path;
use std::time::{Duration, Instant};

use flyos::domain::Key;

use crate::common::PASSWORD;
use crate::machine;
use crate::person::{EMAIL, Person, Place};
use crate::pty::{Screen, line_of};
use crate::report::{Column, Samples, Target, Unit, float, ms};

const RUNS: usize = 7;
const KEYS: usize = 200;
const SCROLLS: usize = 50;
const PAGES: usize = 50;
const TABS: usize = 30;
const EDITS: usize = 50;
/// Cursor keys that stay within the window of an 80x24 screen.
const WITHIN: usize = 12;
/// More than the window has lines: the cursor is at its last line afterwards.
const TO_THE_EDGE: usize = 24;
/// A frame is over when nothing came for so long.
const FRAME_OVER: Duration = Duration::from_millis(25);
/// How long idling is watched.
const IDLE: Duration = Duration::from_secs(60);
/// The promise is 0 % of a processor; a tenth of one in a hundred counts as that.
const CPU_IDLE_MS_MAX: f64 = 60.0;
/// Nothing is written but what a new minute of the clock changes: an age in words, at the most.
const MINUTE_BYTES_MAX: f64 = 60.0;
/// Without a line tries follow each other ever more seldom; after so long the next ones are 16 s apart.
const TRIES_THIN_OUT: Duration = Duration::from_secs(16);
/// A row that the first screen of the drones shows.
const FIRST_ROW: &str = "drone-001";
/// The row that others change while the console shows it.
const OTHERS_ROW: &str = "drone-003";

/// The promise for the start, in ms beside the key derivation. None is made for more than 100,000 rows.
pub fn start_limit(rows: usize) -> Target {
    match rows {
        ..=10_000 => Target::AtMost(150.0),
        10_001..=100_000 => Target::AtMost(500.0),
        _ => Target::None,
    }
}

/// At a sign-in: program start to first byte, Enter to first rows, Enter to the state that ends it.
struct Started {
    first_byte: f64,
    rows: f64,
    settled: f64,
}

fn start(place: Place<'_>, end: &str) -> anyhow::Result<(Screen, Started)> {
    let mut screen = Screen::start(place)?;
    let first_byte = ms(screen.first_byte()? - screen.begun);
    screen.expect("Password")?;
    screen.send(&format!("\x15{EMAIL}\t{PASSWORD}"))?;
    screen.settle()?;
    let enter = screen.send("\r")?;
    let rows = ms(screen.until("the first rows", |text| text.contains(FIRST_ROW))? - enter);
    let settled = if screen.text().contains(end) {
        rows
    } else {
        ms(screen.until(end, |text| text.contains(end))? - enter)
    };
    Ok((screen, Started { first_byte, rows, settled }))
}

/// The first sign-in of a home, with its load; the memory it takes.
pub fn first_time(column: &mut Column, place: Place<'_>, rows: usize) -> anyhow::Result<()> {
    let (mut screen, started) = start(place, "up to date")?;
    screen.settle()?;
    let (now, most) = machine::memory(screen.pid()?)?;
    column.ms(
        "first sign-in on the screen, Enter to up to date, KDF included",
        started.settled,
        Target::None,
    );
    column.put("memory after the first load (VmRSS)", Unit::Mb, now, memory_limit(rows));
    column.put(
        "the most memory so far (VmHWM; the KDF takes 67 MB for itself)",
        Unit::Mb,
        most,
        Target::None,
    );
    let home = place.home.to_owned();
    screen.quit()?;
    let bytes = bytes_under(&home, "cache")?;
    column.put(
        "the cache on disk, per row",
        Unit::Bytes,
        float(bytes) / float(u64::try_from(rows)?),
        Target::None,
    );
    Ok(())
}

/// The bytes of all files under the folders of that name, wherever these lie under `root`.
fn bytes_under(root: &Path, name: &str) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        let (path, found) = (entry.path(), entry.metadata()?);
        let inside = root.components().any(|part| part.as_os_str() == name);
        bytes += if found.is_dir() {
            bytes_under(&path, name)?
        } else if inside {
            found.len()
        } else {
            0
        };
    }
    Ok(bytes)
}

/// What a console of so many rows may take.
fn memory_limit(rows: usize) -> Target {
    Target::AtMost(if rows <= 100_000 { 100.0 } else { 400.0 })
}

/// A known account, several times; leaves the last console open.
pub fn known(column: &mut Column, place: Place<'_>, online: bool, rows: usize) -> anyhow::Result<Screen> {
    // Anew each time: how long it takes changes with what else the machine does.
    let kdf_ms = crate::pure::kdf_ms()?;
    let (word, end) = if online { ("online", "up to date") } else { ("offline", "OFFLINE") };
    let (mut first, mut shown, mut settled) = (Samples::default(), Samples::default(), Samples::default());
    let mut last = None;
    for _ in 0..RUNS {
        if let Some(screen) = last.take() {
            Screen::quit(screen)?;
        }
        let (screen, started) = start(place, end)?;
        first.push(started.first_byte);
        shown.push(started.rows);
        settled.push(started.settled);
        last = Some(screen);
    }
    let mut screen = last.ok_or_else(|| anyhow::anyhow!("no run was made"))?;
    screen.settle()?;
    if online {
        column.ms("program start to first byte", first.median(), Target::AtMost(50.0));
    }
    column.ms(&format!("key derivation alone, {word}"), kdf_ms, Target::None);
    column.ms(&format!("known account, {word}: Enter to first rows"), shown.median(), Target::None);
    let beside = (shown.median() - kdf_ms).max(0.0);
    let limit = start_limit(rows);
    column.ms(&format!("known account, {word}: the same less the KDF"), beside, limit);
    column.ms(&format!("known account, {word}: Enter to {end}"), settled.median(), Target::None);
    if online {
        let (now, _) = machine::memory(screen.pid()?)?;
        // With as many rows as the programs beside it show, it is held to what they take.
        let limit = if rows <= 10_000 { Target::AtMost(25.0) } else { memory_limit(rows) };
        column.put("memory of a known account (VmRSS)", Unit::Mb, now, limit);
    }
    Ok(screen)
}

/// Bytes and time to the first byte of one key.
fn key(screen: &mut Screen, text: &str, bytes: &mut Samples, latency: &mut Samples) -> anyhow::Result<()> {
    let sent = screen.send(text)?;
    let heard = screen.settle_for(FRAME_OVER)?;
    if let Some(first) = heard.first {
        latency.push_ms(first - sent);
    }
    bytes.push(float(u64::try_from(heard.bytes)?));
    Ok(())
}

/// Keys on the list of the drones.
pub fn keys(column: &mut Column, screen: &mut Screen) -> anyhow::Result<()> {
    let (mut cursor, mut latency) = (Samples::default(), Samples::default());
    screen.send("3g")?;
    screen.settle()?;
    for number in 0..KEYS {
        let text = if (number / WITHIN).is_multiple_of(2) { "\x1b[B" } else { "\x1b[A" };
        key(screen, text, &mut cursor, &mut latency)?;
    }
    column.put("cursor key, bytes, median", Unit::Bytes, cursor.median(), Target::AtMost(250.0));
    column.put("cursor key, bytes, most of 200", Unit::Bytes, cursor.percentile(100), Target::AtMost(250.0));
    column.ms("cursor key to first byte, p50", latency.median(), Target::None);
    column.ms("cursor key to first byte, p99 of 200", latency.percentile(99), Target::AtMost(16.0));

    let (mut scroll, mut page, mut tab) = (Samples::default(), Samples::default(), Samples::default());
    let (mut page_time, mut tab_time) = (Samples::default(), Samples::default());
    screen.send("g")?;
    screen.send(&"\x1b[B".repeat(TO_THE_EDGE))?;
    screen.settle()?;
    for _ in 0..SCROLLS {
        key(screen, "\x1b[B", &mut scroll, &mut Samples::default())?;
    }
    for _ in 0..PAGES {
        key(screen, "\x1b[6~", &mut page, &mut page_time)?;
    }
    for _ in 0..TABS {
        key(screen, "\t", &mut tab, &mut tab_time)?;
    }
    screen.send("3g")?;
    screen.settle()?;
    column.put("cursor key that scrolls, bytes, median", Unit::Bytes, scroll.median(), Target::None);
    column.put(
        "cursor key that scrolls, bytes, most of 50",
        Unit::Bytes,
        scroll.percentile(100),
        Target::None,
    );
    column.put("page down, bytes, median", Unit::Bytes, page.median(), Target::AtMost(2_500.0));
    column.put("page down, bytes, most of 50", Unit::Bytes, page.percentile(100), Target::AtMost(2_500.0));
    column.ms("page down to first byte, p99", page_time.percentile(99), Target::AtMost(16.0));
    column.put("tab switch, bytes, median", Unit::Bytes, tab.median(), Target::AtMost(4_000.0));
    column.put("tab switch, bytes, most of 30", Unit::Bytes, tab.percentile(100), Target::AtMost(4_000.0));
    column.ms("tab switch to first byte, p50", tab_time.median(), Target::AtMost(16.0));
    column.ms(
        "tab switch to first byte, slowest (a list's first order)",
        tab_time.percentile(100),
        Target::AtMost(16.0),
    );
    Ok(())
}

/// Own edits on the screen: Enter in the menu to the row with its new status.
pub fn edits(column: &mut Column, screen: &mut Screen) -> anyhow::Result<()> {
    let mut samples = Samples::default();
    screen.send("3g")?;
    screen.settle()?;
    for _ in 0..EDITS {
        let status =
            if line_of(&screen.text(), FIRST_ROW).contains("STANDBY") { "OFFLINE" } else { "STANDBY" };
        screen.send("s")?;
        screen.expect("Status of")?;
        screen.send(status)?;
        screen.settle()?;
        let sent = screen.send("\r")?;
        let shown = screen.until("the new status", |text| {
            !text.contains("Status of") && line_of(text, FIRST_ROW).contains(status)
        })?;
        samples.push_ms(shown - sent);
        screen.settle()?;
    }
    column.ms("own edit, Enter to saved and on the screen, p50", samples.median(), Target::None);
    column.ms(
        "own edit, Enter to saved and on the screen, most of 50",
        samples.percentile(100),
        Target::AtMost(20.0),
    );
    Ok(())
}

/// Another's edits on the screen of this console.
pub fn from_others(column: &mut Column, screen: &mut Screen, other: &Person) -> anyhow::Result<()> {
    let (mut shown, mut bytes) = (Samples::default(), Samples::default());
    screen.send("3g")?;
    screen.settle()?;
    for _ in 0..EDITS {
        let status = other.change(&Key::drone(OTHERS_ROW))?;
        let saved = Instant::now();
        let mut heard = 0;
        let there = loop {
            let piece = screen.settle_for(Duration::ZERO)?;
            heard += piece.bytes;
            if line_of(&screen.text(), OTHERS_ROW).contains(&status)
                && let Some(at) = piece.first
            {
                break at;
            }
            anyhow::ensure!(saved.elapsed() < crate::common::PATIENCE, "the edit of another did not come");
            std::thread::sleep(Duration::from_millis(1));
        };
        shown.push_ms(there.saturating_duration_since(saved));
        bytes.push(float(u64::try_from(heard + screen.settle()?.bytes)?));
    }
    column.ms("another's edit, saved there to on the screen here, p50", shown.median(), Target::None);
    column.ms(
        "another's edit, saved there to on the screen here, p95 of 50",
        shown.percentile(95),
        Target::AtMost(300.0),
    );
    column.put(
        "another's edit, bytes on the line, median",
        Unit::Bytes,
        bytes.median(),
        Target::AtMost(150.0),
    );
    Ok(())
}

/// A minute in which nobody does anything; a minute of the clock begins within it.
pub fn idle(column: &mut Column, screen: &mut Screen, online: bool) -> anyhow::Result<()> {
    let word = if online { "online" } else { "offline" };
    if !online {
        screen.listen(TRIES_THIN_OUT)?;
    }
    screen.settle()?;
    let before = machine::usage(screen.pid()?)?;
    let heard = screen.listen(IDLE)?;
    let used = machine::usage(screen.pid()?)?.since(&before);
    let bytes = float(u64::try_from(heard.bytes)?);
    let switches = float(used.switches) / IDLE.as_secs_f64();
    let (minute, one) = (Target::AtMost(MINUTE_BYTES_MAX), Target::AtMost(1.0));
    column.put(&format!("idle {word}, bytes in 60 s"), Unit::Bytes, bytes, minute);
    column.ms(&format!("idle {word}, CPU time in 60 s"), used.cpu_ms, Target::AtMost(CPU_IDLE_MS_MAX));
    column.put(&format!("idle {word}, context switches a second"), Unit::Count, switches, one);
    Ok(())
}
