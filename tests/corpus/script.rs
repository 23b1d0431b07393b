//! The life: an account's folder, edits, two pages of rows, a session's token, more edits, the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flyos::domain::{Key, Stamp};
use flyos::store::replica::Pulled;
use flyos::store::{AccountFile, AccountFolder, CachedRow, Edit, Entry, Found, Meta, Store, StoreError};
use flyos::vault::{KdfParams, Wrap, WrapBy};
use secrecy::SecretString;
use uuid::Uuid;

use crate::kit::{ACCOUNT, entry, key, place_of_child, say, sealer};

/// Rows of a page.
const ROWS: u64 = 12;
/// No life takes longer; one that does hangs.
const LIFE_MAX: Duration = Duration::from_secs(60);

pub fn password() -> SecretString {
    SecretString::from("correct horse")
}

fn edit(n: u64) -> Edit {
    match entry(n) {
        Entry::Edit(edit) => edit,
        _ => unreachable!("an edit"),
    }
}

/// The rows of page `n`: all of those before it, and twelve more; each names the page it is of.
fn page(n: u64) -> Vec<Pulled> {
    let status = if n.is_multiple_of(2) { "ACTIVE" } else { "STANDBY" };
    let at = "2026-01-01T00:00:00.123456+00:00";
    let row = |m: u64| {
        let id = format!("drone-{m}");
        let fields = [
            ("id", Some(id.as_str())),
            ("model", Some("FlyOS_MQ5")),
            ("status", Some(status)),
            ("region_id", None),
            ("operator_id", None),
            ("created_at", Some(at)),
            ("updated_at", Some(at)),
        ];
        let row = fields.map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).into();
        Pulled {
            key: Key::drone(&id),
            v: n * 100 + m,
            row: Some((row, vec!["*".to_owned()])),
            deleted: false,
        }
    };
    (0..n * ROWS).map(row).collect()
}

fn meta(n: u64) -> Meta {
    Meta {
        cursor: Some(serde_json::json!({ "page": n })),
        as_of: Some(Stamp(1_795_000_000_000_000)),
        ..Meta::default()
    }
}

pub fn open(place: &Path) -> Result<(Store, Found), StoreError> {
    let folder = AccountFolder::create_or_open(place, ACCOUNT)?;
    let lock = loop {
        match folder.lock() {
            // Another test starts a process: until that is another program, it has our files open as well.
            Err(StoreError::Locked { holder: Some(holder) }) if holder.pid == std::process::id() => {
                std::thread::sleep(Duration::from_millis(1));
            }
            lock => break lock?,
        }
    };
    if folder.read()?.is_none() {
        let mut file = AccountFile::new("https://flyos.example", "ann@flyos.example", ACCOUNT)?;
        file.wraps.push(Wrap::new(WrapBy::Password, &password(), &key(), KdfParams::cheap()).unwrap());
        folder.write(&file)?;
    }
    Store::open(folder, lock, &sealer())
}

/// The life number `life`: its edits are `life * 100 + 1` and so on.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn child_lives() {
    let Some(place) = place_of_child() else { return };
    let life: u64 = std::env::var("FLYOS_TEST_LIFE").unwrap().parse().unwrap();
    say("begun");
    let mut store = match open(&place) {
        Ok((store, _)) => store,
        Err(error) => return say(&format!("not opened: {error}")),
    };
    let save = |store: &mut Store, n: u64| match store.books.save(edit(life * 100 + n)) {
        Ok(_) => say(&format!("saved {}", life * 100 + n)),
        Err(error) => say(&format!("failed {}: {error}", life * 100 + n)),
    };
    save(&mut store, 1);
    save(&mut store, 2);
    for nth in 1..=2 {
        let n = life * 2 + nth;
        let number = store.books.write().begin_pull();
        if let (_, Err(error)) = store.books.take_page(page(n), meta(n), number, true) {
            say(&format!("cache: {error}"));
        }
        save(&mut store, 2 + nth);
    }
    if let Err(error) = store.keep_session(&SecretString::from("refresh-me")) {
        say(&format!("session: {error}"));
    }
    save(&mut store, 9);
    store.close();
    say("ended");
}

/// What came of a life.
pub struct Life {
    pub acknowledged: BTreeSet<u64>,
    pub lines: Vec<String>,
    pub begun: bool,
    pub killed: bool,
}

impl Life {
    pub fn of(lines: Vec<String>, killed: bool) -> Self {
        let number = |line: &String| line.split_once("saved ")?.1.trim().parse().ok();
        let acknowledged = lines.iter().filter_map(number).collect();
        let begun = lines.iter().any(|line| line.contains("begun"));
        Self { acknowledged, lines, begun, killed }
    }
}

/// Lives it, under `wrap` (a command with its words, or nothing).
pub fn live(place: &Path, life: u64, wrap: &[String]) -> Life {
    let program = std::env::current_exe().unwrap().display().to_string();
    let words = ["--exact", "script::child_lives", "--ignored", "--nocapture", "--test-threads=1"];
    let all: Vec<&str> = wrap.iter().map(String::as_str).chain([program.as_str()]).chain(words).collect();
    let mut child = Command::new(all[0])
        .args(&all[1..])
        .env("FLYOS_TEST_PLACE", place)
        .env("FLYOS_TEST_LIFE", life.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let end = Instant::now() + LIFE_MAX;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it hangs: {}", {
            drop(child.kill());
            wrap.join(" ")
        });
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    let lines: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    let life = Life::of(lines, !output.status.success());
    let killed_on_purpose = wrap.iter().any(|word| word.contains("signal=KILL"));
    assert!(
        !life.killed || killed_on_purpose || !life.begun,
        "it ended badly under {wrap:?}: {:?}\n{}",
        life.lines,
        String::from_utf8_lossy(&output.stderr)
    );
    life
}

/// What a store was found to hold.
pub struct Held {
    pub found: Found,
    pub pages: u64,
}

/// Opens what a place holds as anybody would after a restart, and holds it against what was acknowledged and tried. Then
/// one more edit is saved and found again.
pub fn check(place: &Path, acknowledged: &BTreeSet<u64>, tried: &BTreeSet<u64>, what: &str) -> Held {
    let (mut store, found) = open(place).unwrap_or_else(|error| panic!("{what}: not opened: {error}"));
    assert_eq!(found.missing, [], "{what}: nothing that was acknowledged is missing");
    assert_eq!(found.ends_early, None, "{what}");
    let outbox = outbox(&store);
    let lost: Vec<_> = acknowledged.difference(&outbox).collect();
    assert!(lost.is_empty(), "{what}: lost {lost:?} of {acknowledged:?}");
    let strange: Vec<_> = outbox.difference(tried).collect();
    assert!(strange.is_empty(), "{what}: never tried: {strange:?}");
    let pages = pages(&store, what);
    // The next life goes on from here.
    store.books.save(edit(9_999)).unwrap_or_else(|error| panic!("{what}: works on: {error}"));
    store.close();
    let (store, again) = open(place).unwrap_or_else(|error| panic!("{what}: not opened again: {error}"));
    assert!(self::outbox(&store).contains(&9_999), "{what}");
    assert!(self::outbox(&store).is_superset(&outbox), "{what}");
    assert!(again.missing.is_empty() && again.damage.is_empty(), "{what}: mended once is mended: {again:?}");
    assert_eq!(again.cache_rebuilt, None, "{what}: mended once is mended");
    store.close();
    Held { found, pages }
}

/// The edits that wait, each held to be what it was saved as.
fn outbox(store: &Store) -> BTreeSet<u64> {
    let replica = store.books.read();
    let number = |pending: &flyos::store::replica::Pending| {
        let n = u64::try_from(pending.edit.op.as_u128()).unwrap();
        assert_eq!(pending.edit, edit(n), "edit {n} is itself");
        n
    };
    replica.outbox().map(number).collect()
}

/// Which page the rows are of, each of them held to be as that page had it.
fn pages(store: &Store, what: &str) -> u64 {
    let replica = store.books.read();
    let n =
        replica.meta().cursor.as_ref().and_then(|cursor| cursor.get("page")?.as_u64()).unwrap_or_default();
    let rows: BTreeMap<Key, CachedRow> =
        replica.base_rows().into_iter().filter_map(|(key, row)| Some((key, row?))).collect();
    let wanted = page(n).into_iter().map(|pulled| {
        let (row, scopes) = pulled.row.expect("a row");
        let record = flyos::domain::Record::from_fields(&pulled.key, &row).expect("a sound row");
        (pulled.key, CachedRow { v: pulled.v, scopes, row: record })
    });
    assert_eq!(rows, wanted.collect(), "{what}: the rows are those of page {n}");
    n
}

pub fn account_dir(place: &Path) -> PathBuf {
    place.join("accounts").join(Uuid::to_string(&ACCOUNT))
}
