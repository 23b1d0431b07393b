//! What reads bytes that others wrote, as plain functions of them: for the fuzz targets under `fuzz/` and for the corpus
//! that the tests feed to the same functions. No part of the program.
//!
//! Each takes any bytes and must come back. What is understood is taken in as the program would, by the same code, into
//! books that lie nowhere.

use std::ops::RangeInclusive;

use secrecy::SecretString;
use uuid::Uuid;

use crate::domain::{Change, Fields, Key, Stamp};
use crate::remote::wire::{PullReply, PushReply, TokenReply};
use crate::service::control;
use crate::store::replica::Replica;
use crate::store::{AccountFile, Batch, Books, Edit, Entry, Log, Rows, StoreError, look};
use crate::sync::exchange::Exchange;
use crate::vault::{DataKey, Purpose, Sealer};

/// Something that reads bytes.
pub type Decoder = fn(&[u8]);

/// All of them, by the name of their fuzz target.
pub const ALL: [(&str, Decoder); 8] = [
    ("journal", journal),
    ("entry", entry),
    ("envelope", envelope),
    ("account", account),
    ("control", control),
    ("pull", pull),
    ("push", push),
    ("auth", auth),
];

fn sealer() -> Sealer {
    Sealer::new(&DataKey::from_bytes([42; 32]), [7; 16])
}

/// A segment of the journal, by its sums and with a key.
pub fn journal(bytes: &[u8]) {
    for sealer in [None, Some(&sealer())] {
        let _found = look::segment(bytes, sealer);
    }
}

/// What a sound frame holds: an entry, taken in after an edit that it may be about.
pub fn entry(bytes: &[u8]) {
    let Ok(entry) = serde_json::from_slice::<Entry>(bytes) else { return };
    let mut replica = Replica::default();
    replica.enter(1, &[edit(), entry.clone()]);
    replica.enter(3, &[entry]);
    let _counts = (replica.counts(), replica.folds(), replica.has_more(&|_| false));
}

/// An envelope, and the same bytes sealed.
pub fn envelope(bytes: &[u8]) {
    let _opened = sealer().open(Purpose::Rows, b"place", bytes);
    if let Ok(sealed) = sealer().seal(Purpose::Rows, b"place", bytes) {
        let opened = sealer().open(Purpose::Rows, b"place", &sealed);
        assert!(opened.is_ok_and(|plain| *plain == bytes), "what was sealed opens");
    }
}

/// `account.toml`. Its wraps are not tried: their price is in the file, and bounded elsewhere.
pub fn account(bytes: &[u8]) {
    // Whole, and as one of two that are not.
    for file in
        [AccountFile::parse(bytes).ok(), AccountFile::of_remains(&[bytes, bytes])].into_iter().flatten()
    {
        let _found = (file.is_for("https://flyos.example", "ann@flyos.example"), file.session(&sealer()));
        let _wait = file.tries.wait_s(Stamp(0));
    }
}

/// A message of another process: a request to this console, or its answer.
pub fn control(bytes: &[u8]) {
    control::understood(bytes);
}

/// A reply to a pull, taken in twice.
pub fn pull(bytes: &[u8]) {
    let Ok(reply) = serde_json::from_slice::<PullReply>(bytes) else { return };
    let uid = if let PullReply::Page(page) = &reply { page.uid } else { Uuid::nil() };
    let (mut books, mut exchange) = (books(), Exchange::new(uid, Uuid::nil(), 0));
    for _ in 0..2 {
        let _request = exchange.pull_request(&books);
        let _pulled = exchange.pulled(&mut books, reply.clone());
    }
    let _push = exchange.push_request(&mut books, 0, Stamp(0), Uuid::nil);
    let replica = books.read();
    let _seen = (replica.actor(), replica.digest(), replica.ghosts(), replica.base_rows());
}

/// A reply to a push of one edit, whose id is `00000000-0000-0000-0000-000000000001`.
pub fn push(bytes: &[u8]) {
    let Ok(reply) = serde_json::from_slice::<PushReply>(bytes) else { return };
    let (mut books, mut exchange) = (books(), Exchange::new(Uuid::nil(), Uuid::nil(), 0));
    for now_ms in [0, 100_000] {
        if let Ok(Some(sent)) = exchange.push_request(&mut books, now_ms, Stamp(0), || Uuid::from_u128(1)) {
            let _pushed = exchange.pushed(&mut books, &sent, reply.clone(), now_ms);
        }
    }
}

/// A reply of the sign-in server.
pub fn auth(bytes: &[u8]) {
    if let Ok(reply) = serde_json::from_slice::<TokenReply>(bytes) {
        let _token = SecretString::from(reply.access_token);
    }
}

/// Books that are nowhere but in memory, with one edit.
fn books() -> Books<Nowhere, Nowhere> {
    let mut books = Books::new(Nowhere(1), Nowhere(1), Replica::default());
    let _saved = books.note(&[edit()]);
    books
}

fn edit() -> Entry {
    let set = Fields::from([("model".to_owned(), Some("FlyOS_MQ5".to_owned()))]);
    Entry::Edit(Edit {
        op: Uuid::from_u128(9),
        by: Uuid::from_u128(8),
        at: Stamp(1_795_000_000_000_000),
        reason: None,
        changes: vec![Change::insert(Key::drone("drone-001"), set)],
        drops: None,
    })
}

/// A disk that keeps nothing; the number of the next entry.
struct Nowhere(u64);

impl Log for Nowhere {
    fn append(&mut self, entries: &[Entry]) -> Result<RangeInclusive<u64>, StoreError> {
        let first = self.0;
        self.0 += entries.len() as u64;
        Ok(first..=self.0 - 1)
    }
}

impl Rows for Nowhere {
    fn write(&mut self, _batch: Batch) -> Result<(), StoreError> {
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
