//! `flyos doctor`, the real program, on homes of every kind: what it finds, what it says to do, and that it changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flyos::domain::Key;
use serde_json::Value as Json;

use super::Server;
use super::door::{PASSWORD, Person, home};

const MAIN: &str = "main@flyos.mil";

/// What it found, and its exit code.
struct Told {
    report: Json,
    code: i32,
    words: String,
}

impl Told {
    /// The findings that want something done, `part: text`.
    fn troubles(&self) -> Vec<String> {
        self.of("attention")
    }

    fn of(&self, health: &str) -> Vec<String> {
        let all = self.report["findings"].as_array().unwrap().iter();
        let all = all.filter(|finding| finding["health"] == health);
        all.map(|finding| {
            format!("{}: {}", finding["about"].as_str().unwrap(), finding["text"].as_str().unwrap())
        })
        .collect()
    }

    #[track_caller]
    fn only_trouble(&self, part: &str) {
        let troubles = self.troubles();
        assert!(troubles.len() == 1 && troubles[0].contains(part), "{part} alone: {troubles:#?}");
        assert_eq!(self.code, 13);
        assert!(self.report["findings"].as_array().unwrap().iter().all(|it| {
            it["health"] != "attention" || it["todo"].as_str().is_some_and(|todo| !todo.is_empty())
        }));
    }
}

fn run(home: &Path, server: &Server, words: &[&str]) -> (String, String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flyos"));
    command.arg("doctor").args(words).env_clear();
    command.env("FLYOS_HOME", home).env("LANG", "C.UTF-8").env("PATH", std::env::var_os("PATH").unwrap());
    command.env("SUPABASE_URL", &server.url).env("SUPABASE_PUBLISHABLE_KEY", &server.key);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

/// The same where nobody else is at work, and holds that no byte, mode or name at home changed.
fn doctor(home: &Path, server: &Server) -> Told {
    let before = everything(home);
    let told = doctor_beside(home, server);
    assert!(everything(home) == before, "it changes nothing");
    told
}

/// Looks with the password.
fn doctor_beside(home: &Path, server: &Server) -> Told {
    let secret = tempfile::tempdir().unwrap();
    let file = secret.path().join("password");
    fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let (out, words, code) = run(home, server, &["--json", "--password-file", file.to_str().unwrap()]);
    assert!(!out.contains(PASSWORD) && !words.contains(PASSWORD));
    let report: Json =
        serde_json::from_str(&out).unwrap_or_else(|error| unreachable!("{error}: {out} {words}"));
    assert_eq!(code == 0, report["sound"] == true, "{words}");
    Told { report, code, words }
}

/// Every file and folder below, with its mode and its bytes.
fn everything(dir: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut all = Vec::new();
    for item in fs::read_dir(dir).into_iter().flatten() {
        let path = item.unwrap().path();
        let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
        if path.is_dir() {
            all.extend(everything(&path));
            all.push((path, mode, Vec::new()));
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            all.push((path, mode, bytes));
        }
    }
    all.sort();
    all
}

/// A home with an account, three edits that wait, and rows.
fn lived_in(server: &Server) -> (tempfile::TempDir, PathBuf) {
    let home = home();
    let person = Person::in_sync(home.path(), server, MAIN);
    // One that is sent and comes back: by it the cache knows how far the journal went.
    let now = person.field(&Key::drone("drone-005"), "status");
    let other = if now.as_deref() == Some("OFFLINE") { "STANDBY" } else { "OFFLINE" };
    person.set(Key::drone("drone-005"), "status", other).unwrap();
    person.up_to_date();
    server.line(false);
    for drone in ["drone-001", "drone-002", "drone-003"] {
        person.set(Key::drone(drone), "status", "MAINTENANCE").unwrap();
    }
    drop(person);
    server.line(true);
    let account = fs::read_dir(home.path().join("data/accounts")).unwrap().next().unwrap().unwrap().path();
    (home, account)
}

#[test]
fn a_new_machine_is_sound() {
    let (server, home) = (Server::start(), home());
    let told = doctor(home.path(), &server);
    // The password opens nothing where nobody has signed in.
    assert_eq!((told.code, told.troubles()), (0, vec![]), "{}", told.words);
    assert!(told.of("note").iter().any(|text| text.starts_with("accounts: No account")));
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "and nothing is made");
}

#[test]
fn a_machine_that_was_lived_in_is_sound_and_everything_was_looked_at() {
    let server = Server::start();
    let (home, _) = lived_in(&server);
    let told = doctor(home.path(), &server);
    assert_eq!((told.code, told.troubles()), (0, vec![]), "{}", told.words);
    let sound = told.of("sound").join("\n");
    for part in [
        "project environment",
        "data",
        "room",
        ", journal",
        ", cache",
        ", outbox: 3 edits",
        "line to",
        "clock",
    ] {
        assert!(sound.contains(part), "{part} in:\n{sound}");
    }
    assert!(sound.contains("opened one by one"), "{sound}");
    // As words, without a password: what was not looked at is said.
    let (text, words, code) = run(home.path(), &server, &["--offline"]);
    assert_eq!((code, words.as_str()), (0, ""));
    assert!(text.contains("give the password") && !text.contains("line to"), "{text}");
    assert!(text.contains("3 edits to be sent, the oldest of") && text.contains("(as noted"), "{text}");
}

#[test]
fn an_open_console_is_left_alone() {
    let (server, home) = (Server::start(), home());
    let person = Person::in_sync(home.path(), &server, MAIN);
    server.line(false);
    person.set(Key::drone("drone-001"), "status", "MAINTENANCE").unwrap();
    let told = doctor_beside(home.path(), &server);
    // Nothing is wrong but the line.
    assert_eq!((told.code, told.troubles().len()), (7, 1), "{}", told.words);
    assert!(told.troubles()[0].contains("Offline"), "{}", told.words);
    let notes = told.of("note").join("\n");
    assert!(notes.contains("Open in the console") && notes.contains("1 edit unsent"), "{notes}");
    // It works on.
    person.set(Key::drone("drone-002"), "status", "MAINTENANCE").unwrap();
}

/// Does some harm.
type Damage<'a> = Box<dyn Fn() + 'a>;

#[test]
fn each_kind_of_trouble_is_named_with_what_to_do() {
    let server = Server::start();
    let (home, account) = lived_in(&server);
    let sound = tempfile::tempdir().unwrap();
    let copy = |to: &Path| {
        assert!(Command::new("cp").args(["-a"]).arg(&account).arg(to).status().unwrap().success());
    };
    copy(&sound.path().join("account"));
    let restore = || {
        fs::remove_dir_all(&account).unwrap();
        let copied = sound.path().join("account");
        assert!(Command::new("cp").args(["-a"]).arg(copied).arg(&account).status().unwrap().success());
    };
    let flip = |path: &Path, at: usize| {
        let mut bytes = fs::read(path).unwrap();
        let at = at.min(bytes.len() - 1);
        bytes[at] ^= 0xff;
        fs::write(path, bytes).unwrap();
    };
    let segment = account.join("journal/00000001.log");
    let damages: [(&str, Damage); 8] = [
        (
            "open to others",
            Box::new(|| {
                fs::set_permissions(segment.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
            }),
        ),
        (
            "is a symlink",
            Box::new(|| {
                fs::rename(account.join("quarantine"), sound.path().join("elsewhere")).unwrap();
                std::os::unix::fs::symlink(sound.path().join("elsewhere"), account.join("quarantine"))
                    .unwrap();
            }),
        ),
        ("its copy is whole", Box::new(|| fs::write(account.join("account.toml"), "garbage").unwrap())),
        (
            "account.toml is missing",
            Box::new(|| {
                for name in ["account.toml", "account.copy"] {
                    fs::remove_file(account.join(name)).unwrap();
                }
            }),
        ),
        (
            "account.toml cannot be read",
            Box::new(|| {
                for name in ["account.toml", "account.copy"] {
                    fs::write(account.join(name), "garbage").unwrap();
                }
            }),
        ),
        ("cache", Box::new(|| flip(&account.join("cache/conf"), 10))),
        (
            "was set back",
            Box::new(|| {
                let touched =
                    Command::new("touch").args(["-d", "+3 days"]).arg(account.join("journal")).status();
                assert!(touched.unwrap().success());
            }),
        ),
        (
            "held back",
            Box::new(|| {
                fs::write(account.join("held-back"), "9\n").unwrap();
                fs::set_permissions(account.join("held-back"), fs::Permissions::from_mode(0o600)).unwrap();
            }),
        ),
    ];
    for (part, damage) in damages {
        damage();
        doctor(home.path(), &server).only_trouble(part);
        let _gone = fs::remove_file(account.join("quarantine"));
        restore();
    }
    // Damage in the journal is two troubles: the bytes, and the number that is missing.
    flip(&segment, 200);
    let troubles = doctor(home.path(), &server).troubles();
    assert_eq!(troubles.len(), 2, "{troubles:#?}");
    assert!(troubles[0].contains("are no entry") && troubles[1].contains("Lost: Entry "), "{troubles:#?}");
    restore();
    // A journal that ends before what the cache knows.
    fs::remove_file(&segment).unwrap();
    let troubles = doctor(home.path(), &server).troubles();
    assert!(troubles.iter().any(|text| text.contains("It knows of entry")), "{troubles:#?}");
    restore();
    // Another password is no trouble of the files; that it opens nothing is told.
    let file = sound.path().join("other");
    fs::write(&file, "not the password").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let (out, _, code) = run(home.path(), &server, &["--password-file", file.to_str().unwrap()]);
    assert_eq!(code, 13);
    assert!(out.contains("opens none of the accounts"), "{out}");
    // The configuration.
    fs::create_dir_all(home.path().join("config")).unwrap();
    fs::write(home.path().join("config/config.toml"), "projects = 7").unwrap();
    doctor(home.path(), &server).only_trouble("configuration");
}
