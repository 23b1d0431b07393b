//! The house rules that a reader of the sources can check: which room may use which, that each file says what
//! it is for, and how large files may grow.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Rooms, and what each may use beside itself. `ratatui`, `sled` and `reqwest` stand for their kind.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("vault", &["domain"]),
    ("store", &["domain", "vault", "sled"]),
    ("remote", &["domain", "reqwest"]),
    ("session", &["domain", "vault", "store", "remote"]),
    ("sync", &["domain", "store", "remote", "session"]),
    ("service", &["domain", "vault", "store", "remote", "session", "sync"]),
    ("tui", &["domain", "service", "ratatui"]),
    ("cli", &["domain", "service"]),
    ("sandbox", &["domain", "remote"]),
];

const CRATES: &[&str] = &["ratatui", "sled", "reqwest"];

/// Lines of one file, its tests aside. The exceptions may only shrink.
const LINES_MAX: usize = 420;
const LONG_FILES: &[(&str, usize)] = &[("src/tui/app.rs", 480)];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

fn all() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    sources(&root.join("src"), &mut paths);
    paths.sort();
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The lines of the program itself: what follows `#[cfg(test)]` at the left edge is tests.
fn program(text: &str) -> Vec<&str> {
    text.lines().take_while(|line| *line != "#[cfg(test)]").collect()
}

/// What a file uses, wherever it names it: `crate::room::…` and the three crates.
fn uses(lines: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let code = lines.iter().filter(|line| !line.trim_start().starts_with("//"));
    for line in code {
        for part in line.split("crate::").skip(1) {
            found.insert(part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
        for name in CRATES {
            if line.contains(&format!("{name}::")) {
                found.insert((*name).to_owned());
            }
        }
    }
    found
}

#[test]
fn each_room_uses_only_what_it_may() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, text) in all() {
        let Some(room) =
            name.strip_prefix("src/").and_then(|rest| rest.split_once('/')).map(|(room, _)| room)
        else {
            continue;
        };
        let Some((_, may)) = MAY_USE.iter().find(|(known, _)| *known == room) else {
            wrong.push(format!(
                "{name}: {room} is no room of the house; add it to the table with what it may use"
            ));
            continue;
        };
        seen.insert(room.to_owned());
        let used = uses(&program(&text));
        for other in used.iter().filter(|other| *other != room && !may.contains(&other.as_str())) {
            let is_room = MAY_USE.iter().any(|(known, _)| known == other) || CRATES.contains(&other.as_str());
            if is_room {
                wrong.push(format!("{name}: {room} may not use {other}"));
            }
        }
        // The training server knows the wire's types and nothing else of the client.
        if room == "sandbox"
            && text.lines().any(|line| line.contains("crate::remote::") && !line.contains("remote::wire"))
        {
            wrong.push(format!("{name}: of remote, the training server may use the wire types alone"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(seen.len(), MAY_USE.len(), "every room was looked at: {seen:?}");
}

#[test]
fn the_reader_of_uses_finds_them() {
    let lines = [
        "use crate::store::Store;",
        "    let x = crate::sync::engine::Line::Up;",
        "// crate::tui::draw",
        "sled::open()",
    ];
    let found = uses(&lines);
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), ["sled", "store", "sync"]);
}

#[test]
fn each_file_begins_with_its_essay() {
    let without: Vec<_> =
        all().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(name, _)| name).collect();
    assert_eq!(without, Vec::<String>::new(), "the first lines say what the file is for");
}

#[test]
fn files_stay_readable() {
    let mut long = Vec::new();
    for (name, text) in all() {
        let lines = program(&text).len();
        let max = LONG_FILES.iter().find(|(known, _)| *known == name).map_or(LINES_MAX, |(_, max)| *max);
        if lines > max && !name.contains("/tests") && !name.ends_with("testing.rs") {
            long.push(format!("{name}: {lines} lines, at most {max}: split it by what it does"));
        }
    }
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn no_marker_is_left_behind() {
    let words = [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X"), concat!("dbg", "!(")];
    let left: Vec<_> = all()
        .into_iter()
        .flat_map(|(name, text)| {
            let found = words.iter().filter(|word| text.contains(**word));
            found.map(|word| format!("{name}: {word}")).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(left, Vec::<String>::new());
}
