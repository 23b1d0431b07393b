//! Line mode in the real program: through pipes as a script or a braille display would, and in a pty of TERM=dumb.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::common::{Console, Start};
use super::{FLYOS, Field, NARROW, PASSWORD, Server};

/// What is heard when these lines are typed.
fn heard(field: &Field, server: &Server, args: &[&str], lines: &str) -> String {
    let mut child = Command::new(FLYOS)
        .args(args)
        .env_clear()
        .env("FLYOS_HOME", field.home.path())
        .env("SUPABASE_URL", &server.url)
        .env("SUPABASE_PUBLISHABLE_KEY", &server.publishable_key)
        .env("LANG", "C.UTF-8")
        .env("TERM", "xterm-256color")
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    let codes = text.chars().filter(|c| c.is_control() && *c != '\n').collect::<String>();
    assert_eq!(codes, "", "text and nothing else");
    text
}

#[test]
fn the_work_of_a_day_is_done_by_lines() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let said = format!(
        "main@flyos.mil\n{PASSWORD}\n\
         drones\nfilter status:active\nfilter\nshow drone-001\n\
         status drone-001\nmaintenance\n\
         edit drone-001\n\n\n\n\nchecked\nyes\n\
         new\ndrone-900\nFlyOS_MQ9\n\n\n\n\nyes\n\
         delete drone-002\nno\ndelete drone-002\ndrone-002\n\
         outbox\nusers\nassign operator1\ndrone-900\nstate\nsync\nfly\nhelp sync\nquit\n"
    );
    let text = heard(&field, &server, &["--plain"], &said);
    for expected in [
        "Signed in.",
        "State: ",
        "32 drones. 1 to 20, by id.",
        "next lists more.",
        "of 32 drones, status:active",
        "1. drone-001, model FlyOS_MQ5, status ACTIVE",
        "drone-001 is ACTIVE. 4 to choose from.",
        "status MAINTENANCE",
        "Edit drone-001.",
        "Id is empty",
        "Nothing to change.",
        "Saved: drone-900: new drone",
        "Saved: drone-002: delete",
        "assign drone-900 to operator1",
        "Delete drone drone-002?",
        "Enter keeps it. Type drone-002 to delete:",
        "Kept. Nothing was changed.",
        "There is no such word. help lists them.",
        "sync: Asks the server for news",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains(PASSWORD), "a password is never said");
    let again = heard(
        &field,
        &server,
        &["--plain"],
        &format!("main@flyos.mil\n{PASSWORD}\nshow drone-900\nsync\noutbox\n"),
    );
    assert!(again.contains("drone-900, model FlyOS_MQ9"), "{again}");
    assert!(again.contains("Operator: operator1"), "{again}");
}

#[test]
fn a_wrong_password_is_told_and_a_read_only_session_changes_nothing() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let said = format!("main@flyos.mil\nwrong\nmain@flyos.mil\n{PASSWORD}\nstatus drone-001\nundo\nquit\n");
    let text = heard(&field, &server, &["--plain", "--read-only", "--ascii"], &said);
    assert!(text.contains("Not done: "), "{text}");
    assert!(text.contains("READ-ONLY"), "{text}");
    assert_eq!(text.matches("This is a read-only session").count(), 2, "{text}");
    assert!(text.is_ascii());
}

#[test]
fn a_dumb_terminal_gets_lines_by_itself() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let env = [
        ("FLYOS_HOME", field.home.path().to_str().unwrap()),
        ("SUPABASE_URL", server.url.as_str()),
        ("SUPABASE_PUBLISHABLE_KEY", server.publishable_key.as_str()),
        ("TERM", "dumb"),
    ];
    let mut console = Console::start(&Start { args: &[], env: &env, size: NARROW });
    console.expect("Email, quit to leave:");
    console.send("operator1@flyos.mil\r");
    console.expect("Password, not shown:");
    console.send(&format!("{PASSWORD}\r"));
    console.expect("drones>");
    console.send("show 1\r");
    console.send("drones\r");
    console.expect("1. drone-001");
    console.send("lock\r");
    console.expect("The console is locked.");
    console.send(&format!("{PASSWORD}\r"));
    console.expect("Unlocked.");
    console.send("quit\r");
    assert_eq!(console.ended(), 0);
    let bytes = console.bytes();
    assert!(!bytes.contains(&0x1b), "no code at all");
    let text = String::from_utf8(bytes).unwrap();
    assert!(!text.contains(PASSWORD), "what is typed unseen is not shown");
}
