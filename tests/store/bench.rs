//! Measurements, to be run alone and optimised: `cargo test --release --test store -- --ignored bench`.

use std::fs;
use std::time::{Duration, Instant};

use flyos::store::Cache;
use flyos::vault::{KdfParams, Purpose, wrap};

use crate::{Place, entry, key, open_journal, say, sealer};

fn tell(what: &str, took: Duration) {
    say(&format!("{what}: {:.2} ms", took.as_secs_f64() * 1e3));
}

#[test]
#[ignore = "a measurement"]
fn bench_journal() {
    let place = Place::new();
    let (mut journal, _) = open_journal(place.path()).unwrap();
    let mut times: Vec<Duration> = (1..=2000)
        .map(|n| {
            let start = Instant::now();
            journal.append(&[entry(n)]).unwrap();
            start.elapsed()
        })
        .collect();
    times.sort();
    tell("append p50", times[1000]);
    tell("append p99", times[1980]);
    drop(journal);
    let start = Instant::now();
    let (_, opened) = open_journal(place.path()).unwrap();
    tell("open 2,000 entries", start.elapsed());
    assert_eq!(opened.entries.len(), 2000);
}

#[test]
#[ignore = "a measurement"]
fn bench_cache() {
    for rows in [10_000, 100_000] {
        let place = Place::new();
        let dir = place.path().join("cache");
        let cache = Cache::open(&dir, sealer()).unwrap();
        let start = Instant::now();
        for n in 0..rows / 1000 {
            cache.write(&crate::cache::batch(n * 1000..(n + 1) * 1000, n)).unwrap();
        }
        cache.flush().unwrap();
        tell(&format!("write {rows} rows"), start.elapsed());
        drop(cache);
        let size: u64 = fs::read_dir(&dir).unwrap().map(|item| item.unwrap().metadata().unwrap().len()).sum();
        say(&format!("size {} KiB", size >> 10));
        for _ in 0..3 {
            let start = Instant::now();
            let cache = Cache::open(&dir, sealer()).unwrap();
            let opened = start.elapsed();
            let mut count = 0;
            let mut kept = Vec::new();
            cache
                .load(|key, row| {
                    count += 1;
                    kept.push((key, row));
                })
                .unwrap();
            assert_eq!(count, rows);
            tell(&format!("open {rows} rows"), opened);
            tell(&format!("open and load {rows} rows"), start.elapsed());
            let start = Instant::now();
            drop(kept);
            tell("  (letting go of the rows, not counted)", start.elapsed());
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn bench_sealing() {
    let sealer = sealer();
    let envelope = sealer.seal(Purpose::Rows, b"place", &[7; 350]).unwrap();
    let start = Instant::now();
    for _ in 0..100_000 {
        sealer.open(Purpose::Rows, b"place", &envelope).unwrap();
    }
    tell("open 100,000 envelopes of 350 bytes, one thread", start.elapsed());
}

#[test]
#[ignore = "a measurement"]
fn bench_unlock() {
    let start = Instant::now();
    wrap(&secrecy::SecretString::from("correct horse"), &key(), KdfParams::default()).unwrap();
    tell("one guess at the password", start.elapsed());
}
