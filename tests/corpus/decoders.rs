//! What reads bytes that others wrote, fed with a fixed corpus and with whatever chance makes of it. The same functions as
//! the fuzz targets under `fuzz/`: none may panic or come to no end.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use flyos::decoders::ALL;
use flyos::store::{Entry, Seen};

use crate::kit::{entry, say};

/// Inputs of a short run, for each function.
const USUAL: u64 = 2_000;
/// What a part of a text is replaced by.
const ODD: [&str; 16] = [
    "null",
    "[]",
    "{}",
    "\"\"",
    "0",
    "-1",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "true",
    "\"\\u0000\"",
    "\"00000000-0000-0000-0000-000000000001\"",
    "\"drone-001\"",
    "\"ACTIVE\"",
    "\u{202e}",
    "[[[[[[[[",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(dir: &Path, begins: &[&str]) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir).into_iter().flatten().map(|item| item.unwrap().path()).collect();
    paths.sort();
    let wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        path.is_file() && begins.iter().any(|begin| name.starts_with(begin))
    };
    paths.into_iter().filter(wanted).map(|path| fs::read(path).unwrap()).collect()
}

/// Sound inputs for a function, and hostile ones that were kept.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let (wire, store) = (root().join("tests/wire"), root().join("tests/fixtures/store"));
    let mut seeds = read(&root().join("fuzz/seeds").join(name), &[""]);
    seeds.extend(match name {
        "journal" => read(&store, &["journal"]),
        "envelope" => read(&store, &["envelope"]),
        "account" => read(&store, &["account"]),
        "pull" => read(&wire, &["page", "scope", "must", "resync"]),
        "push" => read(&wire, &["push_reply", "must", "resync"]).into_iter().map(|text| own(&text)).collect(),
        "auth" => read(&wire, &["token", "user"]),
        "entry" => entries().iter().map(|entry| serde_json::to_vec(entry).unwrap()).collect(),
        _ => Vec::new(),
    });
    assert!(!seeds.is_empty(), "{name} has something to begin with");
    seeds
}

fn entries() -> Vec<Entry> {
    let key = flyos::domain::Key::drone("drone-001");
    vec![
        entry(2),
        Entry::Sent { edit: 1, ids: vec![uuid::Uuid::from_u128(9)] },
        Entry::Ack { edit: 1, v: vec![Seen { key, v: u64::MAX }] },
        Entry::Settled { edit: 1 },
        Entry::Gone { edit: 1, change: 7 },
        Entry::Rewritten { edit: 1, changes: Vec::new(), drops: None, gone: vec![1, 2] },
        Entry::Offered { edits: vec![1, 1] },
    ]
}

/// With the id of the edit that the function sends, wherever an id stands.
fn own(text: &[u8]) -> Vec<u8> {
    let mut text = String::from_utf8(text.to_vec()).unwrap();
    let is_id =
        |part: &str| part.len() == 36 && part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let ids: Vec<String> = text.split('"').filter(|part| is_id(part)).map(str::to_owned).collect();
    for id in ids {
        text = text.replace(&id, "00000000-0000-0000-0000-000000000001");
    }
    text.into_bytes()
}

/// Chance, from a number.
struct Dice(u64);

impl Dice {
    fn below(&mut self, many: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % many.max(1)
    }
}

/// One change of the bytes.
fn change(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut Dice) {
    let (at, len) = (dice.below(bytes.len()), dice.below(40));
    let end = (at + len).min(bytes.len());
    match dice.below(8) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
        1 if !bytes.is_empty() => bytes[at] = u8::try_from(dice.below(256)).unwrap(),
        2 => drop(bytes.drain(at.min(end)..end)),
        3 => {
            let part = bytes[at.min(end)..end].to_vec();
            bytes.splice(at..at, part);
        }
        4 => {
            let other = &seeds[dice.below(seeds.len())];
            let from = dice.below(other.len());
            let part = other[from..(from + dice.below(200)).min(other.len())].to_vec();
            bytes.splice(at..end.max(at), part);
        }
        5 => bytes.truncate(at),
        _ => {
            // In the place of a word or a number.
            let is_word =
                |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'"' | b'-' | b'.' | b'_' | b':');
            let end = at + bytes[at..].iter().take_while(|byte| is_word(byte)).count();
            bytes.splice(at..end, ODD[dice.below(ODD.len())].bytes());
        }
    }
}

#[test]
fn no_bytes_from_outside_make_a_decoder_panic() {
    let begun = Instant::now();
    let inputs = std::env::var("FLYOS_DECODERS").ok().map_or(USUAL, |many| many.parse().expect("a number"));
    let seed = std::env::var("FLYOS_SEED").ok().map_or(20_261_121, |seed| seed.parse().expect("a number"));
    let mut told = Vec::new();
    for (name, decode) in ALL {
        let (seeds, mut dice) = (seeds(name), Dice(seed));
        let mut tried = 0;
        let mut feed = |bytes: &[u8]| {
            tried += 1;
            if catch_unwind(AssertUnwindSafe(|| decode(bytes))).is_err() {
                let kept = std::env::temp_dir().join(format!("flyos-{name}-{tried}"));
                fs::write(&kept, bytes).unwrap();
                panic!("{name} panics on what is kept in {}", kept.display());
            }
        };
        for bytes in &seeds {
            feed(bytes);
        }
        for _ in 0..inputs {
            let mut bytes = seeds[dice.below(seeds.len())].clone();
            for _ in 0..=dice.below(6) {
                change(&mut bytes, &seeds, &mut dice);
            }
            feed(&bytes);
        }
        told.push(format!("{name} {tried}"));
    }
    say(&format!("inputs to decoders: {}; {:.0} s", told.join(", "), begun.elapsed().as_secs_f64()));
}
