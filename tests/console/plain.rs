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
         drones\nfilter status:active\nfilter standby:foo\nfilter\nshow drone-001\n\
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
        "0 of 32 drones, standby:foo, by id.\nThere is no column standby here, but id, model, ",
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
    console.expect("E-mail, quit to leave:");
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

/// What the screen's other keys do: by words as well.
#[test]
fn what_the_screen_can_do_is_done_by_words() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let file = field.data.path().join("edits.sealed");
    let file = file.to_str().unwrap();
    let phrase = "correct horse battery";
    let said = format!(
        "main@flyos.mil\n{PASSWORD}\n\
         overview\nactivity\nhistory drone-001\nfind drone-03\nshow 1\nruns\nverify\ntraffic\nheld\n\
         filter drone-0\nall status\nmaintenance\nno\nfilter drone-00\nall status\nmaintenance\nyes\nstorm damage\noutbox\nundo\nredo\n\
         all delete\ndelete 1\n\
         export {file}\nshort\nother\n{phrase}\n{phrase}\nimport {file}\n{phrase}\n\
         retry x\ndecide\ninitial\naside\nmachines\n\n\
         recovery words\nwrong password\nrecovery words\n{PASSWORD}\nabandon\n\nremove words\nyes\n\
         account\nsecond factor\n\nusers\nsign-in operator1\nsign out everywhere\nyes\nlost the laptop\n\
         sign-in operator1\nchange the address\nwrong\n\nerase\nno\nquit\n"
    );
    let text = heard(&field, &server, &["--plain"], &said);
    for expected in [
        "In place of an email: forgot",
        "Drones, 32 in all:",
        "(drones, filter status=ACTIVE)",
        " more like that.",
        "1. drone drone-030",
        "Use of the line is normal. 3 to choose from.",
        "9 rows: 8 will be changed, 0 cannot be done, already so: 1.",
        "Saved 8 of 8.",
        "Undone: 8 edits, such as drone-001",
        "Done again: 8 edits",
        "9 rows: 9 will be changed",
        "Nothing was changed.",
        "The two passphrases differ",
        "8 edits are in ",
        "Edits of main_admin: 0 imported, 8 already here.",
        "Which edit? outbox lists them with their numbers.",
        "Nothing needs a decision",
        "This is for an empty project",
        "Nothing of this account is kept aside here.",
        "Machines; the one chosen is erased, after asking.",
        "Write them down now",
        "24. ",
        "They do not count yet.",
        "They count for nothing.",
        "There are no recovery words to take away.",
        "Your second factor. There is one choice.",
        "Sign-in account of operator1. 7 to choose from.",
        "Their sessions on all machines end at once.",
        "no address like name@unit.mil",
        "Sign out and erase?",
        "8 edits are unsent and would be lost:",
        "Kept. Nothing was changed.",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains(PASSWORD) && !text.contains(phrase), "a secret is never said");
}

#[test]
fn a_deed_on_an_account_takes_a_reason_and_is_told_by_words() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let said = format!(
        "main@flyos.mil\n{PASSWORD}\nusers\nsign-in operator1\n6\nyes\nleft the unit\n\
         sign-in operator1\n3\nnew-password\nnew-password\n\n\
         history operator1\nactivity\nquit\n"
    );
    let text = heard(&field, &server, &["--plain"], &said);
    for expected in ["barred the account. Why: left the unit", "gave a new password."] {
        assert_eq!(text.matches(expected).count(), 2, "{expected}\n{text}");
    }
    assert!(!text.contains("new-password"), "{text}");
}

#[test]
fn a_project_is_added_and_a_forgotten_password_set_by_words() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let key = &server.publishable_key;
    let said = format!(
        "project\nanother one\nhere\n{}\n{key}\nforgot\ni forgot it\noperator1@flyos.mil\n\nquit\n",
        server.url
    );
    let text = heard(&field, &server, &["--plain"], &said);
    for expected in [
        "Which project?",
        "Project here is known now.",
        "Signing in to here.",
        "No password? 3 to choose from.",
        "If operator1@flyos.mil has an account, a code is on its way there.",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}
