//! Terminals and hands in the real program: what the environment and flags choose, the mouse and its teardown, copying,
//! a person's own keys and themes, and a session that changes nothing.

use std::path::Path;

use super::common::{Console, Start};
use super::{FLYOS, Field, NARROW, SOON, Server, Signal, given_back, quit, signal};

/// A console with that configuration file, arguments and environment, on the screen for signing in.
fn started(field: &Field, server: &Server, config: &str, args: &[&str], env: &[(&str, &str)]) -> Console {
    let home = field.home.path();
    std::fs::create_dir_all(home.join("config")).unwrap();
    std::fs::write(home.join("config/config.toml"), config).unwrap();
    let mut all = vec![
        ("FLYOS_HOME", home.to_str().unwrap()),
        ("SUPABASE_URL", server.url.as_str()),
        ("SUPABASE_PUBLISHABLE_KEY", server.publishable_key.as_str()),
    ];
    all.extend(env);
    Console::start(&Start { args, env: &all, size: NARROW })
}

fn signed_in(mut console: Console) -> Console {
    console.sign_in("main@flyos.mil", super::PASSWORD);
    console.expect("ONLINE");
    console.expect("drone-001");
    console
}

fn has(console: &Console, code: &str) -> bool {
    let bytes = console.bytes();
    bytes.windows(code.len()).any(|window| window == code.as_bytes())
}

/// Arguments, environment, and what is seen of them.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], [bool; 3], bool);

#[test]
fn the_environment_and_flags_choose_what_is_sent() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let table: [Case; 7] = [
        // A shade that is one of the 256 is told by its number also where all colours are; this theme has others.
        (&["--theme", "deuteranopia"], &[("COLORTERM", "truecolor")], [true, true, false], true),
        (&["--theme", "deuteranopia"], &[], [false, true, false], true),
        (&[], &[], [false, true, false], true),
        (&[], &[("TERM", "linux")], [false, false, true], true),
        (&["--colors", "16"], &[("COLORTERM", "truecolor")], [false, false, true], true),
        (&[], &[("NO_COLOR", "1")], [false, false, false], true),
        (&["--ascii"], &[("LANG", "C")], [false, true, false], false),
    ];
    for (args, env, [all, indexed, sixteen], unicode) in table {
        let mut console = signed_in(started(&field, &server, "", args, env));
        console.send("?");
        console.expect("Search");
        assert_eq!(has(&console, "38;2;"), all, "{args:?} {env:?}");
        assert_eq!(has(&console, "38;5;"), indexed, "{args:?} {env:?}");
        assert_eq!(has(&console, "\x1b[90m") || has(&console, ";90m"), sixteen, "{args:?} {env:?}");
        assert_eq!(console.text().is_ascii(), !unicode, "{args:?} {env:?}");
        console.send("\x1b");
        console.gone("Search");
        quit(&mut console);
    }
}

#[test]
fn the_mouse_is_taken_on_wish_and_given_back_on_every_way_out() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = signed_in(started(&field, &server, "", &[], &[]));
    assert!(!has(&console, "\x1b[?1000h"), "it is the terminal's own until it is wished for");
    console.send("M");
    console.expect("Shift+drag selects");
    assert!(has(&console, "\x1b[?1000h\x1b[?1006h"));
    let row = console.text().lines().position(|line| line.contains("drone-004")).unwrap() + 1;
    console.send(&format!("\x1b[<0;8;{row}M\x1b[<0;8;{row}m"));
    console.expect("> drone-004");
    quit(&mut console);

    // From the start by the configuration; ended by a signal.
    let mut console = signed_in(started(&field, &server, "[screen]\nmouse = true\n", &[], &[]));
    assert!(has(&console, "\x1b[?1000h"));
    signal(console.pid(), Signal::TERM);
    console.ended_within(SOON);
    given_back(&console);
}

#[test]
fn a_row_goes_to_the_clipboard_of_the_terminal() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = signed_in(started(&field, &server, "", &[], &[("TMUX", "/tmp/none,1,0")]));
    console.send("y");
    console.expect("Copy of drone-001");
    console.send("id\r");
    console.expect("terminal's clipboard");
    // The base64 of drone-001, plain and through tmux.
    assert!(has(&console, "\x1b]52;c;ZHJvbmUtMDAx\x07\x1bPtmux;\x1b\x1b]52;c;ZHJvbmUtMDAx\x07\x1b\\"));
    quit(&mut console);
}

#[test]
fn own_keys_hold_and_what_is_wrong_is_told_before_signing_in() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let config = "[keys]\nset-status = [\"x\", \"F6\"]\n";
    let mut console = signed_in(started(&field, &server, config, &[], &[]));
    console.expect("x status");
    console.send("x");
    console.expect("Status of drone-001");
    console.send("\x1b");
    console.gone("Status of drone-001");
    quit(&mut console);

    let config = "[screen]\ntheme = \"mine\"\n[keys]\nset-status = [\"e\"]\n";
    let mut console = started(&field, &server, config, &[], &[]);
    console.wait("both are told", |screen| {
        let screen = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        screen.contains("The theme mine cannot be used")
            && screen.contains("line 4: e is a key of edit and of set-status")
            && screen.contains("The usual keys hold.")
    });
    quit(&mut console);
}

#[test]
fn the_keys_are_printed_in_three_forms() {
    let home = tempfile::tempdir().unwrap();
    let keys = |args: &[&str], home: &Path| {
        let output = std::process::Command::new(FLYOS)
            .arg("keys")
            .args(args)
            .env_clear()
            .env("FLYOS_HOME", home)
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(keys(&[], home.path()).contains("set-status       s F6"));
    let json: serde_json::Value = serde_json::from_str(&keys(&["--json"], home.path())).unwrap();
    assert!(json["keys"].as_array().is_some_and(|lines| lines.len() > 50), "{json}");
    let toml = keys(&["--toml"], home.path());
    assert!(toml.contains("[keys]") && toml.contains("set-status = [\"s\", \"F6\"]"));
    std::fs::create_dir_all(home.path().join("config")).unwrap();
    std::fs::write(home.path().join("config/config.toml"), toml.replace("\"s\"", "\"x\"")).unwrap();
    assert!(keys(&[], home.path()).contains("set-status       x F6"));
}

#[test]
fn a_read_only_session_changes_nothing() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = signed_in(started(&field, &server, "", &["--read-only"], &[]));
    console.expect("READ-ONLY");
    console.send("\x1b");
    console.expect("Enter open");
    assert!(!console.text().contains(" s status"), "what is closed is not offered: {}", console.text());
    for key in ["s", "n", "z", "\x1b[3~"] {
        console.send(key);
        console.expect("read-only session");
        console.send("\x1b");
        console.gone("read-only session");
    }
    quit(&mut console);
}
