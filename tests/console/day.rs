//! One working day at headquarters, with the screen looked at after each step: sign in, find, sort, mark, change several
//! rows, edit one, lose the line, work on, meet with somebody else's edit, settle it, keep an edit in a file, quit.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use super::common::{Console, PASSWORD};
use super::{Field, NARROW, Server, WIDE, console_at, in_sync, line_of, quit, set_status};

const HQ: &str = "main@flyos.mil";
const PASSPHRASE: &str = "nine dry herons at dawn";

/// The way to the server, which can be cut: open connections end, and no new one comes through.
struct Line {
    url: String,
    /// Both ends of all that came through; `None`: it is cut.
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Line {
    fn to(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let open = Arc::new(Mutex::new(Some(Vec::new())));
        let (shared, address) = (Arc::clone(&open), server.address());
        // It ends with the test's process.
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if let Some(open) = shared.lock().unwrap().as_mut() {
                    open.extend(through(near, &address).into_iter().flatten());
                }
            }
        });
        Self { url, open }
    }

    fn cut(&self) {
        for end in self.open.lock().unwrap().take().into_iter().flatten() {
            drop(end.shutdown(Shutdown::Both));
        }
    }

    fn mend(&self) {
        *self.open.lock().unwrap() = Some(Vec::new());
    }
}

/// Carries bytes both ways until one end closes.
fn through(near: TcpStream, address: &str) -> io::Result<[TcpStream; 2]> {
    let far = TcpStream::connect(address)?;
    let ends = [near.try_clone()?, far.try_clone()?];
    for (mut from, mut to) in [(near.try_clone()?, far.try_clone()?), (far, near)] {
        std::thread::spawn(move || {
            drop(io::copy(&mut from, &mut to));
            drop(to.shutdown(Shutdown::Both));
            drop(from.shutdown(Shutdown::Both));
        });
    }
    Ok(ends)
}

/// The rows of the list as the screen shows them: id and status.
fn rows(screen: &str) -> Vec<(String, String)> {
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let id = words.iter().position(|word| word.starts_with("drone-"))?;
        Some(((*words.get(id)?).to_owned(), (*words.get(id + 3)?).to_owned()))
    };
    // The details stand beside the list.
    screen.lines().filter_map(|line| row(line.split('│').next().unwrap_or_default())).collect()
}

fn settled(console: &Console) {
    console.wait("all is sent", |screen| screen.contains("up to date") && !screen.contains("waiting"));
}

#[test]
fn a_day_of_work() {
    let (field, other_field) = (Field::new(), Field::new());
    let server = Server::start(field.data.path());
    let line = Line::to(&server);
    let mut console = console_at(field.home.path(), &line.url, &server.publishable_key, WIDE);

    console.sign_in(HQ, PASSWORD);
    console.expect("ONLINE · up to date");
    console.wait("the list", |screen| screen.contains("Drones  32") && rows(screen).len() > 20);

    let chosen = find_and_sort(&mut console);
    change_marked(&mut console, &server, &chosen);
    edit_one(&mut console, &server);
    meet(&mut console, &line, &server, &other_field);
    take_along(&mut console, &server, &field);
    quit(&mut console);
}

/// Finds rows by a filter and turns their order round; the first two of them.
fn find_and_sort(console: &mut Console) -> Vec<String> {
    console.send("/region:west status:active");
    console.wait("what is found", |screen| {
        let found = rows(screen);
        screen.contains(" of 32") && !found.is_empty() && found.iter().all(|(_, status)| status == "ACTIVE")
    });
    console.send("\r");
    console.gone("to the rows");
    let text = console.text();
    let mut listed =
        text.lines().filter_map(|line| line.split('│').next()).filter(|line| line.contains(" drone-"));
    assert!(listed.all(|line| line.contains("Western")), "{text}");

    console.send("o");
    console.expect("Sort by");
    console.send("id\r");
    console.wait("turned round", |screen| {
        let found = rows(screen);
        screen.contains("ID↓") && found.is_sorted_by(|one, other| one.0 > other.0) && found.len() > 1
    });
    rows(&console.text()).into_iter().take(2).map(|(id, _)| id).collect()
}

/// Marks rows, and changes all that are marked.
fn change_marked(console: &mut Console, server: &Server, chosen: &[String]) {
    console.send("\x1b[H");
    console.expect(&format!("> {}", chosen[0]));
    console.send("  ");
    console.expect("2 marked");
    assert!(chosen.iter().all(|id| line_of(&console.text(), id).contains('#')), "{}", console.text());
    console.send("s");
    console.expect("Status of");
    console.send("MAINTENANCE");
    console.expect("/ MAINTENANCE");
    console.send("\r");
    console.expect("2 rows: 2 will be changed.");
    console.send("\r");
    console.expect("Saved 2 of 2.");
    console.send("\r");
    console.gone("Saved 2 of 2.");
    console.gone("marked");
    settled(console);
    for id in chosen {
        assert_eq!(server.row("drones", id)["status"], "MAINTENANCE", "{id}");
        assert!(!console.text().contains(id.as_str()), "the filter leaves it out:\n{}", console.text());
    }
}

fn edit_one(console: &mut Console, server: &Server) {
    console.send("\x1b");
    console.wait("all of them again", |screen| screen.contains("Drones  32"));
    console.send("O\x1b[H");
    console.expect("> drone-001");
    let model = server.row("drones", "drone-001")["model"].clone();
    console.send("e");
    console.expect("Edit drone-001");
    console.send("\x1b[C");
    console.wait("a field changed", |screen| line_of(screen, "> Model").contains('~'));
    console.send("\x13");
    console.gone("Edit drone-001");
    settled(console);
    assert_ne!(server.row("drones", "drone-001")["model"], model);
}

/// Without a line everything goes on, while somebody else changes the same; then the two edits meet, and one is settled.
fn meet(console: &mut Console, line: &Line, server: &Server, other_field: &Field) {
    line.cut();
    console.expect("OFFLINE");
    set_status(console, "MAINTENANCE");
    console.expect("1 waiting");
    assert!(line_of(&console.text(), "> drone-001").contains('~'), "{}", console.text());
    let mut other = in_sync(other_field.console(server, NARROW), HQ);
    other.expect("> drone-001");
    set_status(&mut other, "OFFLINE");
    settled(&other);
    assert_eq!(server.row("drones", "drone-001")["status"], "OFFLINE");

    // The line is back, and the two edits meet.
    line.mend();
    console.send("\x1b[15~");
    console.expect("1 needs you");
    console.wait("the row says so", |screen| line_of(screen, "> drone-001").contains("?!"));

    // Settle it: what was wanted, what is there, whose it is.
    console.send("!");
    console.wait("both sides", |screen| {
        screen.contains("You wanted: ") && screen.contains("MAINTENANCE") && screen.contains("OFFLINE")
    });
    console.send("\r");
    console.gone("needs you");
    settled(console);
    assert_eq!(server.row("drones", "drone-001")["status"], "MAINTENANCE");
    other.wait("the other sees it", |screen| line_of(screen, "drone-001").contains("MAINTENANCE"));
    quit(&mut other);
}

/// Holds the line, and takes an edit along in a file.
fn take_along(console: &mut Console, server: &Server, field: &Field) {
    console.send("theld\r");
    console.expect("HELD");
    set_status(console, "STANDBY");
    console.expect("1 waiting");
    let path = field.home.path().join("along.sealed");
    console.send("E");
    console.expect("Export unsent edits");
    console.send(&format!("\x1b[A\x15{}\r{PASSPHRASE}\r{PASSPHRASE}\r", path.display()));
    console.wait("it is written", |screen| screen.contains("1 edit is in ") && screen.contains("sealed."));
    let written = std::fs::read(&path).unwrap();
    assert!(!written.windows(9).any(|bytes| bytes == b"drone-001"), "it is sealed");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(server.row("drones", "drone-001")["status"], "MAINTENANCE", "nothing went out");
    console.send("tnormal\r");
    settled(console);
    assert_eq!(server.row("drones", "drone-001")["status"], "STANDBY");
}
