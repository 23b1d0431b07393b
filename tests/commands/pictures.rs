//! What people read of every command, with its exit code: one table, whose pictures are in `tests/snapshots/commands`. A
//! command that is in no table fails the last test. What differs from run to run (ids, times, places) is masked, and
//! columns stand two blanks apart; that they are aligned is `things`' to look at.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::common::{FLYOS, PASSWORD};
use super::kit::{Ended, Field, MAIN, OPERATOR, private_file};

/// What is looked at of a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Picture,
    /// Its words depend on the machine or on the moment: its code alone.
    Code,
}

use Look::{Code, Picture};

/// A command as it is typed, and how it must end.
type Line = (&'static str, i32, Look);

/// Where nobody was ever signed in.
const NOTHING: &[Line] = &[
    ("status", 12, Picture),
    ("sign-in", 2, Picture),
    ("users list", 2, Picture),
    ("regions list", 2, Picture),
    ("drones list --email nobody@flyos.mil", 2, Picture),
    ("drones list --project other --email main@flyos.mil", 6, Picture),
    ("drones lst", 2, Picture),
    ("unlock --for 8h", 2, Picture),
    ("unlock --for 0m", 2, Picture),
    ("lock", 0, Picture),
    ("wipe", 2, Picture),
    ("wipe --yes", 0, Picture),
    ("config show", 0, Picture),
    ("config path", 0, Picture),
    ("config check", 0, Picture),
    ("doctor --offline", 0, Code),
    ("doctor --password-file nowhere", 2, Picture),
    ("metrics", 0, Code),
    ("metrics --textfile nowhere/x.prom", 9, Code),
    ("support-bundle bundle.json", 0, Code),
    ("support-bundle bundle.json", 2, Code),
    ("keys", 0, Code),
    ("completions bash", 0, Code),
    ("completions ash", 2, Picture),
    ("man", 0, Code),
    ("demo", 2, Picture),
    ("sandbox --listen 0.0.0.0:0", 2, Picture),
    ("supabase sql", 0, Code),
    ("supabase migrate", 2, Picture),
    ("supabase verify", 2, Picture),
    ("supabase rollback", 2, Picture),
    ("supabase init --email you@unit.mil", 2, Picture),
    ("accounts status", 2, Picture),
    ("accounts sync", 2, Picture),
    ("accounts create-profile ann@unit.mil", 2, Picture),
    ("restore nowhere.backup --passphrase-file passphrase", 2, Picture),
];

/// Beside an open console of headquarters, in this order.
const BESIDE: &[Line] = &[
    ("status", 0, Picture),
    ("sign-in", 0, Picture),
    ("users list --limit 3", 0, Picture),
    ("users list --limit 101", 2, Picture),
    ("users show operator1", 0, Picture),
    ("users show nobody", 4, Picture),
    (
        "users create --username p_lotz --full-name Pia --mail p.lotz@flyos.mil --role OPERATOR --region Eastern --wait 30",
        0,
        Picture,
    ),
    ("users create --username x", 4, Picture),
    ("users set p_lotz --full-name Lotz --reason married --wait 30", 0, Picture),
    ("users set p_lotz", 2, Picture),
    ("users invite p_lotz", 0, Picture),
    ("users invite nobody", 4, Picture),
    ("users set-password p_lotz --new-password-file new-password", 0, Picture),
    ("users set-password p_lotz", 2, Picture),
    ("users create-account p_lotz --new-password-file new-password", 4, Picture),
    (
        "users create --username q_lotz --full-name Quin --mail q.lotz@flyos.mil --role OPERATOR --wait 30",
        0,
        Picture,
    ),
    ("users create-account q_lotz --new-password-file new-password", 0, Picture),
    ("users set-email q_lotz quin@flyos.mil", 0, Picture),
    ("users set-email q_lotz nonsense", 4, Picture),
    ("users ban q_lotz", 2, Picture),
    ("users ban q_lotz --reason leave --yes", 0, Picture),
    ("users ban main_admin --yes", 4, Picture),
    ("users unban q_lotz", 0, Picture),
    ("users unban d_okafor", 4, Picture),
    ("users sign-out q_lotz", 2, Picture),
    ("users sign-out q_lotz --yes", 0, Picture),
    ("activity --user q_lotz --wait 30", 0, Picture),
    ("sync", 0, Picture),
    ("users delete q_lotz", 2, Picture),
    ("users delete q_lotz --yes --wait 30", 0, Picture),
    ("users delete nobody --yes", 4, Picture),
    ("regions list", 0, Picture),
    ("regions list --sort colour", 2, Picture),
    ("regions show Eastern", 0, Picture),
    ("regions show nowhere", 4, Picture),
    ("regions create --name North --area Lakes --wait 30", 0, Picture),
    ("regions create --name North --area Hills", 4, Picture),
    ("regions set North --commander Lind --wait 30", 0, Picture),
    ("regions set North", 2, Picture),
    ("regions delete North --yes --wait 30", 0, Picture),
    ("regions delete Eastern", 2, Picture),
    ("drones list --status MAINTENANCE --region Eastern", 0, Picture),
    ("drones list --filter colour:red", 2, Picture),
    ("drones list --region nowhere", 4, Picture),
    ("drones show drone-001", 0, Picture),
    ("drones show drone-none", 4, Picture),
    ("drones create new-1 --model FlyOS_MQ7 --region Eastern --wait 30", 0, Picture),
    ("drones create new-1 --model FlyOS_MQ7", 4, Picture),
    ("drones create new-2 --model FlyOS_MQ6", 2, Picture),
    ("drones set new-1 --status OFFLINE --reason storm --wait 30", 0, Picture),
    ("drones set drone-002 drone-none --status OFFLINE", 4, Picture),
    ("drones set drone-002 drone-003 --status OFFLINE --together --wait 30", 0, Picture),
    ("drones assign new-1 --to operator1 --wait 30", 0, Picture),
    ("drones assign new-1 --to nobody", 4, Picture),
    ("drones unassign new-1 --from operator1 --yes --wait 30", 0, Picture),
    ("drones unassign new-1 --from operator1 --yes", 4, Picture),
    ("drones delete new-1 --yes --wait 30", 0, Picture),
    ("drones delete drone-001", 2, Picture),
    ("devices list", 0, Code),
    ("devices erase {lost}", 2, Code),
    ("devices erase {lost} --yes", 0, Picture),
    ("devices erase ffffffff --yes", 4, Picture),
    ("outbox list", 0, Picture),
    ("outbox export edits.sealed --passphrase-file passphrase", 10, Picture),
    ("outbox import edits.sealed --passphrase-file passphrase", 10, Picture),
    ("outbox lost", 0, Picture),
    ("outbox lost --seen", 0, Picture),
    ("outbox held", 2, Picture),
    ("conflicts list", 0, Picture),
    ("conflicts show 999", 4, Picture),
    ("conflicts resolve 999 --mine", 4, Picture),
    ("conflicts resolve 999", 2, Picture),
    ("conflicts retry 999", 4, Picture),
    ("conflicts discard 999 --yes", 4, Picture),
    ("conflicts export", 0, Picture),
    ("conflicts export 999", 4, Picture),
    ("activity --drone new-1 --wait 30", 0, Picture),
    ("activity --user nobody", 4, Picture),
    ("activity --limit 0", 2, Picture),
    ("sync verify", 0, Picture),
    ("sync heal", 0, Picture),
    ("sync resync", 0, Picture),
    ("sync runs", 0, Code),
    ("sync traffic sparing", 0, Picture),
    ("sync traffic loud", 2, Picture),
    ("accounts status", 0, Picture),
    ("accounts sync --dry-run", 0, Picture),
    ("accounts preservation-report operator1@flyos.mil", 0, Picture),
    ("accounts preservation-report nobody@flyos.mil", 4, Picture),
    ("export all.ndjson", 0, Picture),
    ("export all.ndjson", 2, Picture),
    ("export --kind drones --columns id,status --filter id:drone-00", 0, Picture),
    ("import all.ndjson --dry-run", 0, Picture),
    ("import nowhere.csv", 2, Picture),
    ("backup field.backup --passphrase-file passphrase", 0, Code),
    ("backup field.backup --passphrase-file passphrase", 2, Picture),
    ("restore field.backup --check --passphrase-file passphrase", 0, Code),
    ("restore field.backup --check --passphrase-file new-password", 5, Picture),
    ("unlock --for 1h", 10, Picture),
    ("wipe --yes", 10, Picture),
    ("metrics", 0, Code),
    ("doctor", 0, Code),
    ("lock", 0, Picture),
    ("status", 0, Picture),
    ("drones list", 5, Picture),
    ("users ban operator1 --yes", 5, Picture),
];

/// By an operator who says the password, without a console; the lines with `!` once the line is gone.
const ALONE: &[Line] = &[
    ("sign-in", 0, Picture),
    ("users list", 0, Picture),
    ("users create --username abc", 3, Picture),
    ("users invite operator1", 3, Picture),
    ("regions create --name North", 3, Picture),
    ("drones set drone-001 --status MAINTENANCE --reason engine", 0, Picture),
    ("drones create new-2 --model FlyOS_MQ7", 3, Picture),
    ("sync --wait 30", 0, Picture),
    ("accounts status", 3, Picture),
    ("outbox export edits.sealed --passphrase-file passphrase", 2, Picture),
    ("outbox import nowhere.sealed --passphrase-file passphrase", 2, Picture),
    ("sync traffic held", 12, Picture),
    ("--read-only drones set drone-001 --status OFFLINE", 4, Picture),
    ("sign-out --others", 0, Picture),
    ("! drones list --limit 1", 0, Picture),
    ("! drones set drone-001 --status STANDBY", 0, Picture),
    ("! drones set drone-001 --status OFFLINE --wait 1", 7, Picture),
    ("! outbox list", 0, Picture),
    ("! outbox export waiting.sealed --passphrase-file passphrase", 0, Picture),
    ("! outbox import waiting.sealed --passphrase-file passphrase", 0, Picture),
    ("! sync", 7, Picture),
    ("! devices list", 7, Picture),
    ("! sign-out", 0, Picture),
    ("! wipe --yes", 0, Picture),
];

/// Commands that no table has, with the reason.
const ELSEWHERE: &[(&str, &str)] = &[("help", "it is clap's own")];

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MARKS: [char; 5] = ['(', ')', ',', '.', ';'];

/// A clock, an age, an amount or an id is none of the picture.
fn masked(line: &str) -> String {
    let indent: String = line.chars().take_while(|c| *c == ' ').collect();
    let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
    indent + &cells.map(cell).collect::<Vec<_>>().join("  ")
}

fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let (mut told, mut at) = (Vec::new(), 0);
    while let Some(word) = words.get(at) {
        if let Some((taken, name)) = passing(&words[at..], text == "now") {
            let last = words[at + taken - 1];
            let before = &word[..word.len() - word.trim_start_matches(MARKS).len()];
            let after = &last[last.trim_end_matches(MARKS).len()..];
            told.push(format!("{before}{name}{after}"));
            at += taken;
        } else {
            told.push((*word).to_owned());
            at += 1;
        }
    }
    told.join(" ")
}

/// How many of the next words are of this run alone, and what stands in their place.
fn passing(words: &[&str], alone: bool) -> Option<(usize, &'static str)> {
    let bare: Vec<&str> = words.iter().take(4).map(|word| word.trim_matches(MARKS)).collect();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = |text: &str| digits(&text.replace('.', ""));
    Some(match bare[..] {
        ["in", "use", "just", "now"] => (4, "<idle>"),
        ["idle", n, "min" | "h" | "d", ..] if number(n) => (3, "<idle>"),
        [n, "min" | "h" | "d", "ago", ..] if number(n) => (3, "<age>"),
        [n, "min" | "h" | "d" | "s", ..] if number(n) => (2, "<age>"),
        ["just", "now", ..] => (2, "<age>"),
        ["now", ..] if alone => (1, "<age>"),
        [n, "ms" | "B" | "kB" | "MB", ..] if number(n) => (2, "<amount>"),
        [day, n, month, clock]
            if DAYS.contains(&day) && number(n) && MONTHS.contains(&month) && is_clock(clock) =>
        {
            (4, "<clock>")
        }
        [clock, ..] if is_clock(clock) => (1, "<clock>"),
        [n, month, year, ..] if digits(n) && MONTHS.contains(&month) && year.len() == 2 && digits(year) => {
            (3, "<day>")
        }
        [n, month, ..] if digits(n) && MONTHS.contains(&month) => (2, "<day>"),
        ["on", terminal, "on", _] if terminal.starts_with("pts/") => (4, "on <terminal>"),
        [terminal, "on", _, ..] if terminal.starts_with("pts/") => (3, "<terminal>"),
        ["process", n, ..] if digits(n) => (2, "process <pid>"),
        [word, ..] if uuid::Uuid::try_parse(word).is_ok() => (1, "<id>"),
        [word, ..] if word.len() > 19 && word.as_bytes()[10] == b'T' && word.ends_with("+00:00") => {
            (1, "<time>")
        }
        // Of a machine, and not the one that is made up.
        [word, ..] if word.len() == 8 && word != "ffffffff" && u32::from_str_radix(word, 16).is_ok() => {
            (1, "<number>")
        }
        _ => return None,
    })
}

fn is_clock(word: &str) -> bool {
    word.len() == 5
        && word.bytes().enumerate().all(|(at, b)| if at == 2 { b == b':' } else { b.is_ascii_digit() })
}

/// How a command looks to a person.
fn picture(words: &str, ended: &Ended, field: &Field, home: &Path) -> String {
    let home = home.to_str().unwrap();
    let place = field.address().to_owned();
    let still = |text: &str| -> String {
        let text = text.replace(home, "HOME").replace(&place, "127.0.0.1:54321");
        text.lines().map(|line| masked(line) + "\n").collect()
    };
    let mut text = format!("$ flyos {words}\n");
    text += &still(&ended.out);
    for line in still(&ended.err).lines() {
        let _ = writeln!(text, "2> {line}");
    }
    if ended.code != 0 {
        let _ = writeln!(text, "= {}", ended.code);
    }
    text
}

/// Says them one after the other, looks at each exit code, and keeps the pictures.
fn look(name: &str, lines: &[Line], field: &Field, home: &Path, say: impl Fn(&[&str]) -> Ended) {
    let (mut text, mut wrong) = (String::new(), Vec::new());
    for (line, code, look) in lines {
        let line = line.trim_start_matches("! ");
        let ended = say(&line.split(' ').collect::<Vec<_>>());
        if ended.code != *code {
            wrong.push(format!("{line}: {code} was meant: {ended:?}"));
        }
        if *look == Picture {
            text += &picture(line, &ended, field, home);
            text.push('\n');
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/commands"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// What the lines name as files.
fn files(home: &Path) {
    private_file(&home.join("new-password"), "a-new-password\n");
    private_file(&home.join("passphrase"), "correct horse battery\n");
}

#[test]
fn where_nobody_was_signed_in() {
    let field = Field::new();
    let home = field.home.path();
    files(home);
    look("nothing", NOTHING, &field, home, |words| field.bare(words));
}

#[test]
fn beside_an_open_console() {
    let field = Field::new();
    let (home, lost) = (field.home.path(), tempfile::tempdir().unwrap());
    files(home);
    // A device tells of itself with what it sends.
    let set = ["drones", "set", "drone-001", "--status", "MAINTENANCE", "--wait", "60"];
    field.by_at(lost.path(), OPERATOR, &set).says(0, "");
    let mut console = field.console(MAIN);
    let listed = field.bare(&["devices", "list", "--json"]).well();
    let devices = listed["devices"].as_array().unwrap();
    let number = devices.iter().find(|device| device["username"] == "operator1").unwrap()["device"].clone();
    let number = number.as_str().unwrap();
    look("beside", BESIDE, &field, home, |words| {
        let words: Vec<&str> =
            words.iter().map(|word| if *word == "{lost}" { number } else { word }).collect();
        field.bare(&words)
    });
    console.send("\x11");
    assert_eq!(console.ended(), 0);
}

#[test]
fn by_an_operator_with_and_without_a_line() {
    let mut field = Field::new();
    let home = field.home.path().to_owned();
    files(&home);
    let at = ALONE.iter().position(|(line, ..)| line.starts_with('!')).unwrap();
    let by = |field: &Field, words: &[&str]| {
        let words = [words, &["--email", OPERATOR]].concat();
        if words.contains(&"wipe") {
            return field.bare(&words);
        }
        field.fed(&[&words[..], &["--password-stdin"]].concat(), &format!("{PASSWORD}\n"))
    };
    look("alone", &ALONE[..at], &field, &home, |words| by(&field, words));
    field.stop_server();
    look("offline", &ALONE[at..], &field, &home, |words| by(&field, words));
}

/// All commands, by their manual pages.
pub fn all() -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let written =
        Command::new(FLYOS).args(["man", folder.path().to_str().unwrap()]).env_clear().output().unwrap();
    assert!(written.status.success());
    let pages = std::fs::read_dir(folder.path()).unwrap().map(|page| page.unwrap());
    let mut all = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(page.path()).unwrap();
        let name = page.file_name().into_string().unwrap();
        assert!(text.contains("Example"), "{name} has an example");
        all.push(name.trim_end_matches(".1").to_owned());
    }
    all
}

#[test]
fn every_command_is_in_a_table_and_has_an_example() {
    let all = all();
    assert!(all.len() > 70, "{all:?}");
    let said: Vec<&str> =
        [NOTHING, BESIDE, ALONE].concat().iter().map(|(line, ..)| line.trim_start_matches("! ")).collect();
    let elsewhere = ELSEWHERE.iter().map(|(name, _)| *name);
    let missing = not_said(&all, &said.into_iter().chain(elsewhere).collect::<Vec<_>>());
    assert!(missing.is_empty(), "in no table: {missing:?}");
}

/// The commands that none of these lines is about.
pub fn not_said<'a>(all: &'a [String], said: &[&str]) -> Vec<&'a String> {
    all.iter()
        .filter(|page| {
            let command = page.trim_start_matches("flyos").trim_start_matches('-');
            let is_group = all.iter().any(|other| other.starts_with(&format!("{page}-")));
            // A page's name has a hyphen between all words, also within one.
            let is_said = |line: &&str| {
                let hyphened = line.replace(' ', "-");
                hyphened == command || hyphened.starts_with(&format!("{command}-"))
            };
            !is_group && !said.iter().any(is_said)
        })
        .collect()
}
