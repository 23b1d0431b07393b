//! A training server, a home, and lives in it one after the other; at the end everything is counted.
//!
//! While consoles come and go, an administrator deletes drones that arrived and gives others another status. An edit
//! that is sent a second time under another id would bring them back, or make a conflict of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use flyos::domain::{Change, Fields, Key};
use flyos::sandbox::{Options, Sandbox};
use flyos::service::{Front, Link};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::chance::Rng;
use crate::child::EMAIL;
use crate::door::{Address, PASSWORD, Person};
use crate::edits::{self, Kind, REGIONS, ROWS};

/// What came of some kills.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub kills: u64,
    /// Kills before the life had saved anything.
    pub early: u64,
    pub acknowledged: u64,
    /// Edits that arrived though the console died before it could say that they were saved.
    pub unsaid: u64,
    /// Edits that the server took.
    pub arrived: u64,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.kills += other.kills;
        self.early += other.early;
        self.acknowledged += other.acknowledged;
        self.unsaid += other.unsaid;
        self.arrived += other.arrived;
    }

    pub fn report(&self, what: &str, took: Duration) -> String {
        let Self { kills, early, acknowledged, unsaid, arrived } = self;
        format!(
            "{what}: {kills} kills ({early} before anything was saved), {acknowledged} edits acknowledged, 0 lost, \
             0 doubled; {arrived} seen to arrive, {unsaid} of them unsaid; {:.0} s",
            took.as_secs_f64()
        )
    }
}

pub struct Episode {
    runtime: Runtime,
    sandbox: Option<Sandbox>,
    home: TempDir,
    rng: Rng,
    /// Every edit that was tried: was it acknowledged?
    tried: BTreeMap<u64, bool>,
    /// Rows that the administrator has dealt with.
    dealt: BTreeSet<Key>,
    begun: BTreeMap<Key, u64>,
    tally: Tally,
}

/// A life of the console.
pub struct Life {
    child: Child,
    _stdin: ChildStdin,
    lines: Receiver<String>,
    heard: Vec<String>,
    saved: u64,
}

impl Episode {
    pub fn start(rng: &mut Rng) -> Self {
        let mut build = tokio::runtime::Builder::new_multi_thread();
        let runtime = build.worker_threads(1).enable_all().build().unwrap();
        let options = Options { rows: ROWS, ..Options::default() };
        let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
        let begun = sandbox.with_world(|world| world.keys(flyos::domain::Kind::Drone));
        let keys = begun.into_iter().chain(REGIONS.map(|id| Key::region(id.parse().unwrap())));
        let begun = keys.map(|key| (key.clone(), sandbox.version(&key).unwrap())).collect();
        Self {
            runtime,
            sandbox: Some(sandbox),
            home: tempfile::tempdir().unwrap(),
            rng: rng.fork(),
            tried: BTreeMap::new(),
            dealt: BTreeSet::new(),
            begun,
            tally: Tally::default(),
        }
    }

    pub fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().expect("it runs until the end")
    }

    /// Starts the console: `edits` of them, `pause_us` apart. `wrap` is what it is to be started by.
    pub fn live(&mut self, edits: u64, pause_us: u64, wrap: &[String]) -> Life {
        let program = std::env::current_exe().expect("this program").display().to_string();
        let words = ["--ignored", "--exact", "child::a_console_that_is_killed", "--nocapture"];
        let mut all = wrap.iter().map(String::as_str).chain([program.as_str()]).chain(words);
        let mut command = Command::new(all.next().expect("a program"));
        let first = self.tried.last_key_value().map_or(0, |(n, _)| n + 1);
        command
            .args(all)
            .env("FLYOS_CHILD_HOME", self.home.path())
            .env("FLYOS_CHILD_URL", self.sandbox().url())
            .env("FLYOS_CHILD_KEY", self.sandbox().publishable_key())
            .env("FLYOS_CHILD_FIRST", first.to_string())
            .env("FLYOS_CHILD_EDITS", edits.to_string())
            .env("FLYOS_CHILD_PAUSE_US", pause_us.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("this program starts once more");
        let (stdin, out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            let heard = BufReader::new(out).lines().map_while(Result::ok);
            heard.take_while(|line| tell.send(line.clone()).is_ok()).for_each(drop);
        });
        Life { child, _stdin: stdin, lines, heard: Vec::new(), saved: 0 }
    }

    /// A life is over: what it said is noted. Gives how it ended.
    pub fn ended(&mut self, mut life: Life) -> ExitStatus {
        let status = life.child.wait().expect("it can be waited for");
        while life.hear(Duration::from_secs(20)) {}
        let number = |line: &str, word: &str| line.strip_prefix(word).and_then(|n| n.parse::<u64>().ok());
        for line in &life.heard {
            assert!(!line.starts_with("wrong"), "{line}\n{}", self.said());
            if let Some(n) = number(line, "try ") {
                assert_eq!(self.tried.insert(n, false), None, "no edit is tried twice");
            } else if let Some(n) = number(line, "saved ") {
                self.tried.insert(n, true);
                self.tally.acknowledged += 1;
            }
        }
        if status.signal() == Some(9) {
            self.tally.kills += 1;
            self.tally.early += u64::from(life.saved == 0);
        } else {
            assert!(status.success(), "it ended with {status}: {:?}", life.heard);
        }
        self.administrate();
        status
    }

    fn said(&self) -> String {
        let mut text = format!("home {}\n", self.home.path().display());
        let _written = writeln!(text, "tried up to {:?}", self.tried.last_key_value());
        text
    }

    /// An administrator deals with some rows that arrived.
    fn administrate(&mut self) {
        let tried: Vec<u64> = self.tried.keys().copied().collect();
        for n in tried {
            let kind = edits::kind(n);
            let (Kind::New { key } | Kind::Touch { key, .. } | Kind::Count { key }) = &kind;
            if self.dealt.contains(key) || !self.has_arrived(&kind) || !self.rng.in_hundred(25) {
                continue;
            }
            let row = self.sandbox().with_world(|world| world.get(key)).expect("it arrived");
            let change = match &kind {
                Kind::New { .. } => Change::delete(&row),
                Kind::Touch { next, .. } => {
                    let set = Fields::from([("status".to_owned(), Some(next.as_str().to_owned()))]);
                    Change::update(&row, &set).expect("another status")
                }
                Kind::Count { .. } => continue,
            };
            self.dealt.insert(key.clone());
            self.sandbox().admin(&[change]).expect("an administrator may");
        }
    }

    /// How often a row has changed since the beginning.
    fn changes(&self, key: &Key) -> u64 {
        self.sandbox().version(key).unwrap_or(0) - self.begun.get(key).copied().unwrap_or(0)
    }

    fn has_arrived(&self, kind: &Kind) -> bool {
        let (Kind::New { key } | Kind::Touch { key, .. } | Kind::Count { key }) = kind;
        self.changes(key) > 0
    }

    /// Lets one more console send what is left, and counts.
    pub fn finish(mut self) -> Tally {
        self.sandbox().faults().clear();
        self.runtime.block_on(self.sandbox().faults().line_up());
        let address = Address { url: self.sandbox().url(), key: self.sandbox().publishable_key() };
        let person = Person::polling(self.home.path(), &address, 100);
        person.sign_in(EMAIL, PASSWORD).unwrap();
        person.wait("everything sent", |service| {
            let status = service.status();
            let cards = service.cards(&service.ctx(Front::Test));
            assert!(cards.is_empty(), "nobody has to decide: {cards:#?}\n{}", self.said());
            status.link == Link::Online && status.waiting == 0 && status.as_of.is_some()
        });
        person.up_to_date();
        self.count();
        self.compare(&person);
        drop(person);
        let sandbox = self.sandbox.take().expect("it ends once");
        self.runtime.block_on(sandbox.shutdown());
        self.tally
    }

    /// Each edit that was acknowledged is there once; of the others, each at most once.
    fn count(&mut self) {
        let mut wrong = Vec::new();
        let mut counters: BTreeMap<Key, Vec<(u64, bool)>> = BTreeMap::new();
        for (n, acknowledged) in self.tried.clone() {
            let kind = edits::kind(n);
            let (key, value) = match &kind {
                Kind::New { key } => (key, None),
                Kind::Touch { key, status, next } => {
                    (key, Some(if self.dealt.contains(key) { next } else { status }))
                }
                Kind::Count { key } => {
                    counters.entry(key.clone()).or_default().push((n, acknowledged));
                    continue;
                }
            };
            let (changes, dealt) = (self.changes(key), self.dealt.contains(key));
            let row = self.sandbox().with_world(|world| world.get(key));
            // History that is forgotten takes the version of a deleted row with it.
            if changes == 0 && !dealt {
                if acknowledged {
                    wrong.push(format!("{n} ({key}) was acknowledged and is lost"));
                }
                continue;
            }
            self.tally.arrived += 1;
            self.tally.unsaid += u64::from(!acknowledged);
            let forgotten = dealt && changes == 0 && value.is_none();
            if changes != 1 + u64::from(dealt) && !forgotten {
                wrong.push(format!("{n} ({key}) was done {changes} times, dealt with: {dealt}"));
            }
            let sound = match value {
                None => row.is_some() != dealt,
                Some(status) => row.is_some_and(|row| row.get("status").as_deref() == Some(status.as_str())),
            };
            if !sound {
                wrong.push(format!("{n} ({key}) is not what it must be, dealt with: {dealt}"));
            }
        }
        for (key, tried) in counters {
            let row = self.sandbox().with_world(|world| world.get(&key)).expect("a region");
            let last: Option<u64> = row.get("area").and_then(|area| area.parse().ok());
            let (changes, acknowledged) = (
                self.changes(&key),
                tried.iter().filter(|(_, acknowledged)| *acknowledged).map(|(n, _)| *n).max(),
            );
            let known = last.is_none_or(|last| tried.iter().any(|(n, _)| *n == last));
            if last < acknowledged || !known || changes > tried.len() as u64 {
                wrong.push(format!(
                    "{key}: {last:?} after {changes} changes, {acknowledged:?} was acknowledged"
                ));
            }
            self.tally.arrived += changes;
        }
        assert_eq!(wrong, Vec::<String>::new());
    }

    /// The console shows what the server has.
    fn compare(&self, person: &Person) {
        let ctx = person.service.ctx(Front::Test);
        let mut wrong = Vec::new();
        let rows: BTreeMap<Key, Fields> = self.sandbox().with_world(|world| {
            let keys = flyos::domain::Kind::ALL.iter().flat_map(|kind| world.keys(*kind));
            keys.filter_map(|key| Some((key.clone(), world.get(&key)?.fields()))).collect()
        });
        for (key, fields) in &rows {
            let shown = person.service.show(&ctx, key).map(|detail| detail.fields);
            if shown.as_ref() != Some(fields) {
                wrong.push(format!("{key}: {shown:?} is shown, {fields:?} is true"));
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
        let drones = rows.keys().filter(|key| key.kind == flyos::domain::Kind::Drone).count();
        assert_eq!(person.labels(flyos::domain::Kind::Drone, "").len(), drones.min(1000), "and nothing else");
    }
}

impl Life {
    /// Takes a line, if one comes in time; false at the end.
    fn hear(&mut self, patience: Duration) -> bool {
        match self.lines.recv_timeout(patience) {
            Ok(line) => {
                self.saved += u64::from(line.starts_with("saved "));
                self.heard.push(line);
                true
            }
            Err(RecvTimeoutError::Timeout) => panic!("its output does not end: {:?}", self.heard),
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Waits until so many edits were acknowledged, at most for `patience`.
    pub fn until_saved(&mut self, count: u64, patience: Duration) {
        let end = Instant::now() + patience;
        while self.saved < count
            && let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.saved += u64::from(line.starts_with("saved "));
            self.heard.push(line);
        }
    }

    pub fn has_saved(&self) -> bool {
        self.saved > 0
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
    }
}
