//! What is sealed stays sealed: a long run of the real program, after and during which every byte of what it wrote is
//! searched for secrets and for what tells of people; the locked console and hang-ups; and `flyos wipe`.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;

use super::*;

const OPERATOR: &str = "operator1@flyos.mil";
const REASON: &str = "kestrel over the ridge";
const PASSPHRASE: &str = "nine wet herons at dusk";
const F9: &str = "\x1b[20~";
const F12: &str = "\x1b[24~";
const LOCKED: &str = "This console is locked.";

/// Something that must not be found, in all the forms in which it could be written.
struct Mark {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Mark {
    fn new(name: impl Into<String>, text: &str) -> Self {
        assert!(text.len() >= 5, "{text} would be found by chance");
        let bytes = text.as_bytes();
        let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        let mut forms =
            vec![bytes.to_vec(), text.to_lowercase().into_bytes(), text.to_uppercase().into_bytes()];
        forms.extend([hex.to_uppercase().into_bytes(), hex.into_bytes()]);
        forms.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        forms.push(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
        // At each place in its groups of three; what depends on the neighbours is left away.
        for before in 0..3_usize {
            let padded = [&b"---"[..before], bytes].concat();
            for encode in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
                let (first, last) = ((before * 4).div_ceil(3), padded.len() * 4 / 3);
                forms.push(encode.as_bytes()[first..last].to_vec());
            }
        }
        forms.sort();
        forms.dedup();
        Self { name: name.into(), forms }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        self.forms.iter().any(|form| memmem::find(bytes, form).is_some())
    }
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files(&path, found),
            kind if kind.is_file() => found.push(path),
            _ => {}
        }
    }
}

/// Which marks are found where, in file names as well; and how many bytes were looked at.
fn search(places: &[&Path], pid: Option<u32>, marks: &[Mark]) -> (Vec<String>, usize) {
    let mut paths = Vec::new();
    for place in places {
        files(place, &mut paths);
    }
    let (mut found, mut looked_at) = (Vec::new(), 0);
    let mut look = |what: &str, bytes: &[u8]| {
        looked_at += bytes.len();
        let hits = marks.iter().filter(|mark| mark.is_in(bytes));
        found.extend(hits.map(|mark| format!("{} in {what}", mark.name)));
    };
    for path in &paths {
        look("a file's name", path.as_os_str().as_bytes());
        // A file that went meanwhile was looked at before, or is later.
        look(&path.display().to_string(), &std::fs::read(path).unwrap_or_default());
    }
    if let Some(pid) = pid {
        for what in ["cmdline", "environ", "comm"] {
            // A process that is closed to others shows its environment to root alone.
            look(what, &std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default());
        }
    }
    (found, looked_at)
}

/// The recovery words, as the screen shows them.
fn words_on(screen: &str) -> Vec<String> {
    let mut words = vec![String::new(); 24];
    for line in screen.lines() {
        let parts: Vec<&str> =
            line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
        let numbered = parts.windows(2).filter_map(|pair| {
            let is_word = pair[1].len() >= 3 && pair[1].chars().all(|c| c.is_ascii_lowercase());
            let nth = pair[0].parse::<usize>().ok().filter(|nth| is_word && (1..=24).contains(nth))?;
            Some((nth, pair[1]))
        });
        let numbered: Vec<(usize, &str)> = numbered.collect();
        // Other lines of the screen have a number before a word at times, and never four.
        for (nth, word) in numbered.iter().filter(|_| numbered.len() >= 4) {
            (*word).clone_into(&mut words[nth - 1]);
        }
    }
    words
}

/// Tokens and keys, as the training server keeps them in its folder.
fn tokens(data: &Path) -> Vec<String> {
    let mut tokens = Vec::new();
    for name in ["sandbox.snapshot", "sandbox.log"] {
        for line in std::fs::read_to_string(data.join(name)).unwrap_or_default().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            let session = &line["session"];
            tokens.extend(session["newest"].as_str().map(str::to_owned));
            for used in session["used"].as_array().into_iter().flatten() {
                tokens.extend(used[0].as_str().map(str::to_owned));
            }
            tokens.extend(line["device_key"][2].as_str().map(str::to_owned));
        }
    }
    tokens.sort();
    tokens.dedup();
    tokens
}

/// What the run shows or says of people and drones.
const PERSONAL: [&str; 10] = [
    OPERATOR,
    "operator1",
    "Michael Rodriguez",
    "Sarah Mitchell",
    "drone-001",
    "Eastern",
    "Atlantic seaboard",
    REASON,
    "OPERATOR",
    "FlyOS_MQ5",
];

/// Makes recovery words and types them back.
fn make_words(console: &mut Console) -> Vec<String> {
    console.send("W");
    console.expect("24 words");
    console.send(&format!("{PASSWORD}\r"));
    console.expect("Write them down now");
    let words = words_on(&console.text());
    assert!(words.iter().all(|word| word.len() >= 3), "{words:?}");
    let phrase = words.join(" ");
    console.send("\r");
    console.expect("Type all 24 words");
    console.send(&format!("{phrase}\r"));
    console.expect("count from now on");
    words
}

/// An edit with a reason, held back until somebody else has changed the same.
fn conflict(first: &mut Console, server: &Server, elsewhere: &Path) {
    first.send("t");
    first.expect("Use of the line");
    first.send("held\r");
    first.expect("HELD");
    first.send("e");
    first.expect("Edit drone-001");
    first.send("\x1b[C");
    first.wait_doing("the reason's field", |console| {
        let before = console.text();
        console.send("\t");
        console.wait("the next field", |screen| screen != before);
        console.text().contains("a reason that history shows")
    });
    first.send(&format!("{REASON}\x13"));
    first.expect("1 waiting");
    let wanted = server.row("drones", "drone-001")["status"].as_str().unwrap().to_owned();
    let other = ["OFFLINE", "MAINTENANCE"]
        .into_iter()
        .find(|status| *status != wanted && !line_of(&first.text(), "> drone-001").contains(status));
    let mut theirs = console_at(elsewhere, &server.url, &server.publishable_key, WIDE);
    theirs.sign_in("main@flyos.mil", PASSWORD);
    theirs.expect("ONLINE · up to date");
    set_status(&mut theirs, other.unwrap());
    theirs.gone("waiting");
    quit(&mut theirs);
    first.send("r");
    first.expect("1 needs you");
}

/// All that must not be found.
fn marks(server: &Server, words: &[String], data: &Path) -> Vec<Mark> {
    let mut marks: Vec<Mark> = PERSONAL.iter().map(|text| Mark::new(*text, text)).collect();
    marks.push(Mark::new("the password", PASSWORD));
    marks.push(Mark::new("the passphrase", PASSPHRASE));
    marks.push(Mark::new("the service key", &server.service_role_key));
    marks.push(Mark::new("a signed token", "eyJhbGciOi"));
    let pairs = words.windows(2).map(|pair| Mark::new("recovery words", &pair.join(" ")));
    marks.extend(pairs);
    let short: Vec<String> = words.iter().map(|word| word.chars().take(4).collect()).collect();
    marks.push(Mark::new("short recovery words", &short.join(" ")));
    let known = tokens(data);
    assert!(known.len() >= 3, "sessions and a device's key: {}", known.len());
    marks.extend(known.iter().map(|token| Mark::new("a token or a device's key", token)));
    marks
}

#[test]
fn nothing_that_tells_of_anybody_is_written_in_the_clear() {
    let field = Field::new();
    let [temporary, runtime, elsewhere] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let server = Server::start(field.data.path());
    let home = field.home.path();
    let place = |path: &Path| path.to_str().unwrap().to_owned();
    let (home_text, temporary_text, runtime_text) =
        (place(home), place(temporary.path()), place(runtime.path()));
    let console = || {
        let env = [
            ("FLYOS_HOME", home_text.as_str()),
            ("TMPDIR", temporary_text.as_str()),
            ("XDG_RUNTIME_DIR", runtime_text.as_str()),
            ("SUPABASE_URL", server.url.as_str()),
            ("SUPABASE_PUBLISHABLE_KEY", server.publishable_key.as_str()),
            // Whatever anybody might ask for when something is wrong.
            ("FLYOS_LOG", "flyos=trace,debug"),
        ];
        Console::start(&Start { args: &[], env: &env, size: WIDE })
    };

    let mut first = in_sync(console(), OPERATOR);
    first.expect("> drone-001");
    let words = make_words(&mut first);
    conflict(&mut first, &server, elsewhere.path());
    let file = home.join("out.sealed");
    first.send("E");
    first.expect("Export unsent edits");
    first.send(&format!("\x1b[A\x15{}\r{PASSPHRASE}\r{PASSPHRASE}\r", file.display()));
    first.expect("sealed.");

    let mut marks = marks(&server, &words, field.data.path());
    let places = [home, temporary.path(), runtime.path()];
    let (found, looked_at) = search(&places, Some(first.pid()), &marks);
    assert_eq!(found, Vec::<String>::new(), "while it runs");
    assert!(looked_at > 10_000, "{looked_at} bytes");

    // Locked, opened by the password and by the words, taken over, signed out.
    first.send(F12);
    first.expect(LOCKED);
    let screen = first.text();
    for mark in PERSONAL {
        assert!(!screen.contains(mark), "{mark} on the locked screen:\n{screen}");
    }
    assert_eq!(search(&places, Some(first.pid()), &marks).0, Vec::<String>::new(), "while it is locked");
    first.send(&format!("{PASSWORD}\r"));
    first.expect("Unlocked.");
    first.send(F12);
    first.expect(LOCKED);
    first.send(&format!("{}\r", words.join(" ")));
    first.expect("Unlocked.");
    let mut second = console();
    second.sign_in(OPERATOR, PASSWORD);
    second.expect("This account is open already");
    second.send("\x1b[C\r");
    second.expect("Taken over.");
    assert_eq!(first.ended(), 11);
    second.send(F9);
    second.expect("Sign out?");
    second.send("\x1b[C\r");
    second.expect("SIGNED OUT");
    assert_eq!(search(&places, Some(second.pid()), &marks).0, Vec::<String>::new(), "after signing out");
    quit(&mut second);

    let known = tokens(field.data.path());
    marks.extend(known.iter().map(|token| Mark::new("a token or a device's key", token)));
    let (found, looked_at) = search(&places, None, &marks);
    assert_eq!(found, Vec::<String>::new(), "of {looked_at} bytes");
    let logs = std::fs::read_dir(home.join("state")).unwrap().flatten();
    let logged: u64 = logs.map(|log| log.metadata().unwrap().len()).sum();
    assert!(logged > 500, "there is a log to look at");

    // And the search finds what is there: each form of each mark, alone in a file.
    let planted = temporary.path().join("planted");
    for mark in &marks {
        for form in &mark.forms {
            std::fs::write(&planted, [b"{\"x\":\"", &form[..], b"\"}"].concat()).unwrap();
            let (found, _) = search(&[temporary.path()], None, std::slice::from_ref(mark));
            assert_eq!(found.len(), 1, "{}: {form:?}", mark.name);
        }
    }
}

#[test]
fn hang_ups_and_signals_find_every_screen_ready() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let lock = |console: &mut Console| {
        console.send(F12);
        console.expect(LOCKED);
        console.send("half typed");
        console.settle();
    };
    let words = |console: &mut Console| {
        console.send("W");
        console.expect("24 words");
        console.send(&format!("{PASSWORD}\r"));
        console.expect("Write them down now");
    };
    let form = |console: &mut Console| {
        console.send("E");
        console.expect("Export unsent edits");
        console.send("half typed");
    };
    let places: [&dyn Fn(&mut Console); 3] = [&lock, &words, &form];
    for (nth, place) in places.into_iter().enumerate() {
        let status = ["STANDBY", "MAINTENANCE", "OFFLINE"][nth];
        let mut console = in_sync(field.console(&server, NARROW), OPERATOR);
        set_status(&mut console, status);
        place(&mut console);
        // Parked: the terminal is the shell's, and comes back as it was.
        signal(console.pid(), Signal::TSTP);
        given_back(&console);
        stopped(console.pid());
        signal(console.pid(), Signal::CONT);
        console.expect([LOCKED, "Write them down now", "Export unsent edits"][nth]);
        if nth == 0 {
            signal(console.pid(), Signal::HUP);
        } else if nth == 1 {
            signal(console.pid(), Signal::TERM);
        } else {
            console.hang_up();
        }
        console.ended_within(SOON);
        if nth < 2 {
            given_back(&console);
            assert!(!console.last_words().contains("half typed"));
        }
        let mut console = in_sync(field.console(&server, NARROW), OPERATOR);
        console.wait("sent", |screen| !screen.contains("waiting"));
        assert_eq!(server.row("drones", "drone-001")["status"], status, "the journal is whole");
        quit(&mut console);
    }
}

fn wipe(home: &Path, more: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(FLYOS)
        .arg("wipe")
        .args(more)
        .env_clear()
        .env("FLYOS_HOME", home)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn wipe_asks_shows_what_is_unsent_and_leaves_nothing() {
    let field = Field::new();
    let server = Server::start(field.data.path());
    let home = field.home.path();
    let accounts = || std::fs::read_dir(home.join("data/accounts")).map(Iterator::count).unwrap_or_default();
    let mut console = in_sync(field.console(&server, NARROW), OPERATOR);
    let (code, told) = wipe(home, &["--yes"]);
    assert_eq!(code, Some(10), "{told}");
    assert!(told.contains("has an account open. Nothing was erased."), "{told}");
    server.faults(r#"{"line_down_ms": 600000}"#);
    console.expect("OFFLINE");
    set_status(&mut console, "MAINTENANCE");
    quit(&mut console);
    let (code, told) = wipe(home, &[]);
    assert_eq!((code, accounts()), (Some(2), 1), "{told}");
    // On a terminal: what is unsent is told to who knows the password, and can be exported.
    let env = [
        ("FLYOS_HOME", home.to_str().unwrap()),
        ("SUPABASE_URL", server.url.as_str()),
        ("SUPABASE_PUBLISHABLE_KEY", server.publishable_key.as_str()),
    ];
    // Whose it is and of which project is known once the password has opened it.
    let args = ["wipe"];
    let shell = format!("cd '{}' && exec '{FLYOS}' {}", home.display(), args.join(" "));
    let start = || Console::start_program("/bin/sh", &Start { args: &["-c", &shell], env: &env, size: WIDE });
    let mut asked = start();
    asked.expect("to see what is unsent");
    asked.send("not it\r");
    asked.expect("not the password");
    asked.send(&format!("{PASSWORD}\r"));
    asked.expect("drone-001: status");
    asked.expect("Passphrase, to export them");
    asked.send(&format!("{PASSPHRASE}\r"));
    asked.expect("once more");
    asked.send(&format!("{PASSPHRASE}\r"));
    asked.expect("Exported: 1, into");
    asked.expect("Type erase to go on");
    asked.send("no\r");
    asked.expect("Nothing was erased.");
    assert_eq!((asked.ended(), accounts()), (0, 1));
    assert!(
        !asked.text().contains(PASSPHRASE) && !asked.text().contains(PASSWORD),
        "nothing secret is echoed"
    );
    let mut asked = start();
    asked.expect("to see what is unsent");
    asked.send("\r");
    asked.expect("Type erase to go on");
    asked.send("erase\r");
    asked.expect("1 account was erased.");
    assert_eq!((asked.ended(), accounts()), (0, 0));
    assert_eq!(wipe(home, &["--yes"]), (Some(0), "This machine has nothing of it.\n".to_owned()));
}
