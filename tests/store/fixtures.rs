//! One file of each format ever written, opened by this version. They are made once and never again: a
//! format that changes gets a file of its own beside the old one.

use std::fs;
use std::path::{Path, PathBuf};

use flyos::store::{AccountFile, AccountFolder, Entry, Seen};
use flyos::vault::{KdfParams, Purpose, unwrap, wrap};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{ACCOUNT, Place, entry, journal_dir, key, open_journal, sealer, seqs};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store").join(name)
}

fn password() -> SecretString {
    SecretString::from("correct horse battery staple")
}

/// What the journal's fixture says.
fn entries() -> Vec<Entry> {
    let key = flyos::domain::Key::drone("drone-001");
    vec![
        entry(1),
        Entry::Sent { edit: 1, ids: vec![uuid::Uuid::from_u128(9)] },
        Entry::Ack { edit: 1, v: vec![Seen { key, v: 12 }] },
        entry(4),
        Entry::Settled { edit: 1 },
        Entry::Discarded { edit: 4 },
    ]
}

#[test]
#[ignore = "makes the fixtures: only for a new format, under a new name"]
fn make_the_fixtures() {
    assert!(!fixture("journal-v1.log").exists(), "what was once written stays");
    let place = Place::new();
    let (mut journal, _) = open_journal(place.path()).unwrap();
    journal.append(&entries()).unwrap();
    fs::copy(journal_dir(place.path()).join("00000001.log"), fixture("journal-v1.log")).unwrap();
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    let mut file = AccountFile::new("https://flyos.example", "ann@flyos.example", ACCOUNT).unwrap();
    file.wraps.push(wrap(&password(), &key(), KdfParams::cheap()).unwrap());
    file.set_session(&sealer(), Some(&SecretString::from("refresh-me"))).unwrap();
    folder.write(&file).unwrap();
    fs::copy(folder.path().join("account.toml"), fixture("account-v1.toml")).unwrap();
    let envelope = sealer().seal(Purpose::Rows, b"place", b"what was sealed").unwrap();
    fs::write(fixture("envelope-v1.bin"), envelope).unwrap();
}

#[test]
fn a_journal_of_version_1_opens() {
    let place = Place::new();
    fs::copy(fixture("journal-v1.log"), journal_dir(place.path()).join("00000001.log")).unwrap();
    let (mut journal, opened) = open_journal(place.path()).unwrap();
    let found: Vec<Entry> = opened.entries.iter().map(|(_, entry)| entry.clone()).collect();
    assert_eq!(found, entries());
    assert_eq!(seqs(&opened), [1, 2, 3, 4, 5, 6]);
    assert!(opened.damage.is_empty() && opened.missing.is_empty());
    assert_eq!(journal.append(&[entry(7)]).unwrap(), 7..=7);
}

#[test]
fn an_account_of_version_1_opens() {
    let place = Place::new();
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    fs::copy(fixture("account-v1.toml"), folder.path().join("account.toml")).unwrap();
    assert!(
        AccountFolder::find(place.path(), "https://flyos.example", "ann@flyos.example").unwrap().is_some()
    );
    let file = folder.read().unwrap().unwrap();
    assert_eq!(unwrap(&password(), &file.wraps[0]).unwrap().id(), key().id());
    assert_eq!(file.session(&sealer()).unwrap().unwrap().expose_secret(), "refresh-me");
}

#[test]
fn an_envelope_of_version_1_opens() {
    let sealed = fs::read(fixture("envelope-v1.bin")).unwrap();
    assert_eq!(*sealer().open(Purpose::Rows, b"place", &sealed).unwrap(), b"what was sealed");
}
