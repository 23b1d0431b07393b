//! What terminals do to a program: it is stopped and goes on, its window is torn about, and text is pasted where none
//! belongs.

use super::common::Console;
use super::{Field, NARROW, Server, given_back, in_sync, quit, stopped};

fn console(field: &Field, server: &Server) -> Console {
    let console = in_sync(field.console(server, NARROW), "main@flyos.mil");
    console.expect("> drone-001");
    console
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_what_changed_meanwhile_is_drawn() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = console(&field, &server);
    for (width, height) in [(100, 30), NARROW] {
        console.send("\x1a");
        stopped(console.pid());
        given_back(&console);
        // What is typed meanwhile is the shell's, and the window is not the same any more.
        console.resize(width, height);
        super::signal(console.pid(), super::Signal::CONT);
        console.wait("it is there again, as wide as the window", |screen| {
            let widest = screen.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            screen.contains("> drone-001") && screen.contains("ONLINE") && widest == usize::from(width)
        });
        console.send("/");
        console.wait("it takes keys", |screen| screen.contains("clear"));
        console.send("\x1b");
        console.gone("to the rows");
    }
    quit(&mut console);
}

/// What does not change with the time: the columns before the age of each row.
fn still(screen: &str) -> String {
    let rows = screen.lines().filter(|line| line.contains("drone-"));
    let cut = |line: &str| line.chars().take(68).collect::<String>().trim_end().to_owned();
    rows.map(cut).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_window_that_is_torn_about_ends_with_the_picture_of_its_size() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = console(&field, &server);
    console.settle();
    let before = still(&console.text());
    assert!(before.lines().count() > 10, "{before}");
    console.lose_the_picture();
    console.wait("the whole picture", |screen| still(screen) == before && screen.contains("ONLINE"));
    for step in 0..300_u16 {
        console.resize(1 + step * 37 % 160, 1 + step * 11 % 50);
        if step % 7 == 0 {
            console.send(if step % 2 == 0 { "\x1b[B" } else { "\x1b[6~" });
        }
    }
    console.resize(NARROW.0, NARROW.1);
    console.send("\x1b[H");
    console.wait("the picture as it was", |screen| still(screen) == before && screen.contains("ONLINE"));
    let screen = console.text();
    assert!(screen.lines().next().is_some_and(|line| line.contains("[3 Drones]")), "{screen}");
    quit(&mut console);
}

#[test]
fn pasted_text_is_no_keys() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let mut console = console(&field, &server);
    // Typed, this would ask to delete a row, sort, sign out and quit.
    console.send("\x1b[200~D\rosq\x1b[20~\x11\x03\x03\x1b[201~");
    console.expect("Pasted text was dropped");
    assert!(console.text().contains("> drone-001"), "{}", console.text());
    // In a text field it is text, on one line, and nothing in it is pressed.
    console.send("/");
    console.expect("to the rows");
    console.send("\x1b[200~drone-\r\n\x1b[31m00\x11\x1b[201~");
    console.wait("in the filter", |screen| screen.contains("/ drone-"));
    console.expect("to the rows");
    console.send("\x1b");
    console.gone("to the rows");
    console.send("n");
    console.expect("New drone");
    console.send("\x1b[200~drone-77\r\x1b[201~");
    console.expect("drone-77");
    console.expect("New drone");
    console.send("\x1b");
    console.expect("Esc once more drops it");
    console.send("\x1b");
    console.gone("New drone");
    assert_eq!(server.row("drones", "drone-77"), serde_json::Value::Null, "nothing was saved");
    quit(&mut console);
}
