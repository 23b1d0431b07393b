//! `--read-only`: every command that changes something is refused before it begins, whoever has the account open; all
//! others are not.

use super::common::FLYOS;
use super::kit::{Field, MAIN};
use super::pictures::{all, not_said};

/// Those that change something, in every form in which they do.
const CHANGES: &[&str] = &[
    "users create --username p_lotz",
    "users set p_lotz --full-name Lotz",
    "users delete p_lotz --yes",
    "users create-account p_lotz",
    "users invite p_lotz",
    "users set-password p_lotz",
    "users set-email p_lotz p@flyos.mil",
    "users ban p_lotz --yes",
    "users unban p_lotz",
    "users sign-out p_lotz --yes",
    "regions create --name North",
    "regions set North --area Lakes",
    "regions delete North --yes",
    "drones create new-1",
    "drones set drone-001 --status OFFLINE",
    "drones delete drone-001 --yes",
    "drones assign drone-001 --to p_lotz",
    "drones unassign drone-001 --from p_lotz",
    "devices erase 0194a3d2 --yes",
    "outbox import edits.sealed",
    "outbox held --send",
    "outbox held --discard",
    "outbox lost --seen",
    "conflicts resolve 1 --mine",
    "conflicts discard 1 --yes",
    "sync traffic held",
    "sign-out",
    "sign-out --others",
    "sign-out --everywhere",
    "unlock --for 8h",
    "import rows.csv",
    "restore field.backup",
    "wipe --yes",
    "supabase migrate",
    "supabase rollback --yes",
    "supabase init",
    "accounts sync",
    "accounts create-profile ann@unit.mil",
];

/// Those that change nothing, or nothing but a file that the person names.
const READS: &[&str] = &[
    "users list",
    "users show p_lotz",
    "regions list",
    "regions show North",
    "drones list",
    "drones show drone-001",
    "devices list",
    "outbox list",
    "outbox export edits.sealed",
    "outbox lost",
    "conflicts list",
    "conflicts show 1",
    "conflicts retry 1",
    "conflicts export",
    "activity",
    "sync",
    "sync verify",
    "sync heal",
    "sync resync",
    "sync runs",
    "config show",
    "config path",
    "config check",
    "sign-in",
    "lock",
    "export --kind drones",
    "import rows.csv --dry-run",
    "backup field.backup",
    "restore field.backup --check",
    "status",
    "doctor --offline",
    "keys",
    "completions bash",
    "man",
    "metrics",
    "support-bundle bundle.json",
    "supabase sql",
    "supabase verify",
    "supabase migrate --dry-run",
    "accounts status",
    "accounts sync --dry-run",
    "accounts preservation-report",
    // Rows of their own, in a process of their own.
    "demo",
    "sandbox --listen 0.0.0.0:0",
    "help",
];

const REFUSED: &str = "This is a read-only session: nothing was changed.";

fn said(home: &std::path::Path, line: &str, flags: &[&str]) -> (i32, String) {
    let words: Vec<&str> = line.split(' ').chain(flags.iter().copied()).collect();
    let mut command = std::process::Command::new(FLYOS);
    command.args(words).env_clear().env("FLYOS_HOME", home).current_dir(home);
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    let words = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(words).unwrap())
}

#[test]
fn each_command_is_refused_or_is_not_by_what_it_is() {
    let missing = all();
    let missing = not_said(&missing, &[CHANGES, READS].concat());
    assert!(missing.is_empty(), "neither changes nor reads: {missing:?}");
    // Where nobody was ever signed in: it is refused before anything is looked for.
    let home = tempfile::tempdir().unwrap();
    for line in CHANGES {
        let (code, words) = said(home.path(), line, &["--read-only"]);
        assert!(code == 4 && words.contains(REFUSED), "{line}: {code}: {words}");
    }
    for line in READS {
        let (_, words) = said(home.path(), line, &["--read-only"]);
        assert!(!words.contains(REFUSED), "{line}: {words}");
    }
    // The configuration file says it as well.
    std::fs::create_dir_all(home.path().join("config")).unwrap();
    std::fs::write(home.path().join("config/config.toml"), "read_only = true\n").unwrap();
    for line in CHANGES {
        let (code, words) = said(home.path(), line, &[]);
        assert!(code == 4 && words.contains(REFUSED), "{line}: {code}: {words}");
    }
}

#[test]
fn an_open_console_hears_nothing_of_what_is_refused_and_an_account_stays() {
    let field = Field::new();
    let before = field.server().row("drones", "drone-004")["status"].clone();
    let mut console = field.console(MAIN);
    for line in [
        "drones set drone-004 --status MAINTENANCE --wait 10",
        "drones create new-1 --model FlyOS_MQ7",
        "users ban operator2 --yes",
        "sync traffic held",
        "sign-out",
    ] {
        let words: Vec<&str> = line.split(' ').chain(["--read-only", "--json"]).collect();
        assert_eq!(field.bare(&words).badly(4)["message"], REFUSED, "{line}");
    }
    let shown = field.bare(&["drones", "show", "drone-004", "--read-only", "--json"]).well();
    assert_eq!(shown["drone"]["status"], before, "{shown}");
    assert_eq!(field.bare(&["outbox", "list", "--json"]).well()["totalCount"], 0);
    console.send("\x11");
    assert_eq!(console.ended(), 0);
    let wipe = ["wipe", "--yes", "--email", MAIN, "--read-only", "--json"];
    assert_eq!(field.bare(&wipe).badly(4)["message"], REFUSED);
    assert_eq!(field.by(MAIN, &["sign-out", "--read-only", "--json"]).badly(4)["message"], REFUSED);
    assert!(std::fs::read_dir(field.home.path().join("data/accounts")).unwrap().next().is_some());
}
