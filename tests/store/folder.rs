//! The account's folder: closed to others, one console at a time, found by the address typed.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use flyos::store::{AccountFile, AccountFolder, Cache, Journal, Mended, Store, StoreError, look};
use flyos::vault::{KdfParams, Purpose, Wrap, WrapBy};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::{ACCOUNT, Place, Said, came_through, child, entry, key, place_of_child, say, sealer};

const URL: &str = "https://flyos.example";
const EMAIL: &str = "Ann@flyos.example";

fn file() -> AccountFile {
    AccountFile::new(URL, EMAIL, ACCOUNT).unwrap()
}

/// Nobody but the owner may do anything.
fn closed(mode: u32) -> bool {
    (mode & 0o077).count_ones() == 0
}

/// Every file and folder below, with its mode.
fn modes(dir: &Path, out: &mut Vec<(std::path::PathBuf, u32)>) {
    for item in fs::read_dir(dir).unwrap() {
        let path = item.unwrap().path();
        out.push((path.clone(), fs::symlink_metadata(&path).unwrap().mode() & 0o7777));
        if path.is_dir() {
            modes(&path, out);
        }
    }
}

/// In a process of its own, since the mask is the process's.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn child_without_a_mask() {
    let Some(place) = place_of_child() else { return };
    rustix::process::umask(rustix::fs::Mode::empty());
    let root = place.join("home/.local/share/flyos");
    let folder = AccountFolder::create_or_open(&root, ACCOUNT).unwrap();
    let _lock = folder.lock().unwrap();
    folder.write(&file()).unwrap();
    folder.write(&file()).unwrap();
    let (mut journal, _) = Journal::open(&folder.journal_dir(), &folder.quarantine_dir(), sealer()).unwrap();
    journal.append(&[entry(1)]).unwrap();
    let mut found = vec![(root.clone(), fs::metadata(&root).unwrap().mode() & 0o7777)];
    modes(&root, &mut found);
    assert!(found.len() >= 8, "{found:?}");
    for (path, mode) in found {
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{path:?}");
    }
    // The cache's library knows no modes: the mask is what closes its files.
    flyos::store::private_umask();
    drop(Cache::open(&folder.cache_dir(), sealer()).unwrap());
    let mut found = Vec::new();
    modes(&folder.cache_dir(), &mut found);
    assert!(found.iter().all(|(_, mode)| closed(*mode)), "{found:?}");
    say("modes held");
}

#[test]
fn everything_is_closed_to_others_whatever_the_mask() {
    let place = Place::new();
    assert!(came_through(child("folder::child_without_a_mask", place.path()), "modes held"));
}

#[test]
fn modes_open_to_others_are_repaired() {
    let place = Place::new();
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    folder.write(&file()).unwrap();
    drop(folder.lock().unwrap());
    for (path, mode) in [("", 0o755), ("journal", 0o777), ("account.toml", 0o644), ("lock", 0o666)] {
        fs::set_permissions(folder.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    let mut found = Vec::new();
    modes(place.path(), &mut found);
    assert!(found.iter().all(|(_, mode)| closed(*mode)), "{found:?}");
}

#[test]
fn a_symlink_or_a_file_in_its_place_is_refused() {
    for (name, is_link) in [("journal", true), ("", true), ("cache", false)] {
        let place = Place::new();
        let elsewhere = Place::new();
        let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
        // A path with nothing joined ends in a slash, which would look through a link.
        let path = if name.is_empty() { folder.path().to_owned() } else { folder.path().join(name) };
        fs::remove_dir_all(&path).unwrap();
        if is_link {
            symlink(elsewhere.path(), &path).unwrap();
        } else {
            fs::write(&path, "").unwrap();
        }
        let told = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap_err();
        let StoreError::Unsafe { path: named, why } = &told else { unreachable!("{told:?}") };
        assert_eq!(*named, path);
        assert!(why.contains(if is_link { "symlink" } else { "not a folder" }), "{why}");
    }
}

#[test]
fn a_symlink_for_a_file_is_never_followed() {
    let place = Place::new();
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    let victim = place.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    for name in ["lock", "account.new"] {
        symlink(&victim, folder.path().join(name)).unwrap();
    }
    assert!(folder.lock().is_err());
    assert!(folder.write(&file()).is_err() || !folder.path().join("account.new").exists());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn another_users_folder_is_refused() {
    if !rustix::process::getuid().is_root() {
        say("skipped: only root can give a folder away");
        return;
    }
    let place = Place::new();
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    std::os::unix::fs::chown(folder.path(), Some(4321), None).unwrap();
    let told = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap_err();
    assert!(matches!(&told, StoreError::Unsafe { why, .. } if why.contains("4321")), "{told:?}");
    std::os::unix::fs::chown(place.path(), Some(4321), None).unwrap();
    assert!(matches!(AccountFolder::create_or_open(place.path(), ACCOUNT), Err(StoreError::Unsafe { .. })));
}

#[test]
fn a_home_that_cannot_be_made_is_named() {
    let told = AccountFolder::create_or_open(Path::new("/proc/no/such/home"), ACCOUNT).unwrap_err();
    assert!(told.to_string().contains("/proc/no/such/home"), "{told}");
}

/// The other console: takes the lock, says so, and keeps it until its input ends.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn child_holds_the_lock() {
    let Some(place) = place_of_child() else { return };
    let folder = AccountFolder::create_or_open(&place, ACCOUNT).unwrap();
    let _lock = folder.lock().unwrap();
    say("holding it");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_second_console_is_told_who_has_it() {
    let place = Place::new();
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    let mut process = child("folder::child_holds_the_lock", place.path());
    Said::of(&mut process).next("holding it").unwrap();
    let told = folder.lock().unwrap_err();
    let StoreError::Locked { holder: Some(holder) } = &told else { unreachable!("{told:?}") };
    assert_eq!(holder.pid, process.id());
    assert!(flyos::store::holder::holds(&folder.lock_path(), holder.pid), "the system says the same");
    assert_eq!(folder.holder().as_ref(), Some(&**holder), "read without the lock");
    assert!(!folder.is_free());
    assert!(told.to_string().contains(&process.id().to_string()), "{told}");
    // Killed, it lets go of it.
    process.kill().unwrap();
    process.wait().unwrap();
    let lock = folder.lock().unwrap();
    assert!(matches!(folder.lock(), Err(StoreError::Locked { .. })));
    drop(lock);
    folder.lock().unwrap();
}

#[test]
fn who_only_looks_at_the_lock_is_in_nobodys_way() {
    let place = Place::new();
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    let done = AtomicBool::new(false);
    let refused = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                folder.is_free();
            }
        });
        // Once it may be that who looks is held up by the machine meanwhile.
        let refused = (0..50).filter(|_| folder.lock().is_err() && folder.lock().is_err()).count();
        done.store(true, Ordering::Relaxed);
        refused
    });
    assert_eq!(refused, 0);
}

#[test]
fn the_folder_is_found_by_the_address_typed_and_says_nothing_of_it() {
    let place = Place::new();
    assert_eq!(AccountFolder::find(place.path(), URL, EMAIL).unwrap(), None);
    for n in 1..4 {
        let folder = AccountFolder::create_or_open(place.path(), Uuid::from_u128(n)).unwrap();
        folder.write(&AccountFile::new(URL, &format!("user{n}@flyos.example"), ACCOUNT).unwrap()).unwrap();
    }
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    let mut made = file();
    folder.write(&made).unwrap();
    // One damaged folder does not hide the others.
    fs::write(place.path().join(format!("accounts/{}/account.toml", Uuid::from_u128(1))), "garbage").unwrap();
    let find = |url, email| AccountFolder::find(place.path(), url, email).unwrap();
    assert_eq!(find("https://flyos.example/", " ann@FLYOS.example"), Some(folder.clone()));
    assert_eq!(find("https://other.example", EMAIL), None);
    assert_eq!(find(URL, "bob@flyos.example"), None);
    let text = fs::read_to_string(folder.path().join("account.toml")).unwrap().to_lowercase();
    assert!(!text.contains("ann@") && !text.contains("example"), "{text}");
    made.readdress(URL, "bob@flyos.example");
    folder.write(&made).unwrap();
    assert_eq!(find(URL, EMAIL), None);
    assert!(find(URL, "bob@flyos.example").is_some());
}

#[test]
fn the_account_file_keeps_what_it_is_given() {
    let place = Place::new();
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    assert_eq!(folder.read().unwrap(), None);
    let mut made = file();
    let words = SecretString::from("correct horse");
    for by in [WrapBy::Password, WrapBy::Recovery] {
        made.wraps.push(Wrap::new(by, &words, &key(), KdfParams::cheap()).unwrap());
    }
    made.set_session(&sealer(), Some(&SecretString::from("refresh-me"))).unwrap();
    folder.write(&made).unwrap();
    let read = folder.read().unwrap().unwrap();
    assert_eq!(read, made);
    assert_eq!(read.session(&sealer()).unwrap().unwrap().expose_secret(), "refresh-me");
    assert!(read.wraps.iter().all(|wrap| wrap.open(&words).unwrap().id() == key().id()));
    let text = fs::read_to_string(folder.path().join("account.toml")).unwrap();
    assert!(!text.contains("refresh-me"));
    // A newer version's own words survive us; its formats are not guessed at.
    fs::write(folder.path().join("account.toml"), format!("colour = \"blue\"\n{text}")).unwrap();
    folder.write(&folder.read().unwrap().unwrap()).unwrap();
    assert!(fs::read_to_string(folder.path().join("account.toml")).unwrap().contains("blue"));
    let (_, unsummed) = text.split_once('\n').unwrap();
    fs::write(folder.path().join("account.toml"), unsummed.replace("version = 1", "version = 2")).unwrap();
    assert!(matches!(folder.read(), Err(StoreError::Schema { found: 2, known: 1, .. })));
    // Without its sum, as an older version writes it, it is taken as it is.
    fs::write(folder.path().join("account.toml"), unsummed).unwrap();
    assert!(folder.read().unwrap().is_some_and(|file| !file.is_doubtful() && file.wraps.len() == 2));
    fs::remove_file(folder.path().join("account.copy")).unwrap();
    for garbage in ["", "version = 1", "\u{0}", &"x".repeat(100_000)] {
        fs::write(folder.path().join("account.toml"), garbage).unwrap();
        assert!(matches!(folder.read(), Err(StoreError::Corrupt { .. })), "{garbage:.9}");
    }
    let token = sealer().seal(Purpose::Rows, b"refresh token", b"x").unwrap();
    assert!(sealer().open(Purpose::Session, b"refresh token", &token).is_err());
}

#[test]
fn a_damaged_account_file_is_read_from_its_copy_and_put_right() {
    let place = Place::new();
    let (folder, words) = full_folder(&place);
    let (path, copy) = (folder.path().join("account.toml"), folder.path().join("account.copy"));
    let whole = fs::read(&path).unwrap();
    assert_eq!(fs::read(&copy).unwrap(), whole);
    let opened = |found: Option<Mended>| {
        let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
        let (store, told) = Store::open(folder.clone(), folder.lock().unwrap(), &sealer()).unwrap();
        assert_eq!(told.account, found);
        store.close();
        assert!(folder.is_file_whole());
        let file = folder.read().unwrap().unwrap();
        assert_eq!(file.wraps[0].open(&words).unwrap().id(), key().id());
        look::quarantine(&folder).0.len()
    };
    let before = opened(None);
    let flipped: Vec<u8> = whole.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == 200)).collect();
    for (nth, damaged) in
        [Some(flipped.as_slice()), Some(b"garbage"), Some(b""), None].into_iter().enumerate()
    {
        match damaged {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        assert_eq!(folder.read().unwrap().map(|file| file.is_doubtful()), Some(false), "the copy is read");
        assert!(!folder.is_file_whole());
        assert_eq!(opened(Some(Mended::FromCopy)), before + (nth + 1).min(3), "what was damaged is kept");
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert_eq!(opened(None), before + (nth + 1).min(3), "told once");
    }
    // A copy that lags behind, as after a crash between the two, is brought up to date.
    fs::write(&copy, b"an older one").unwrap();
    opened(None);
    assert_eq!(fs::read(&copy).unwrap(), whole);
}

#[test]
fn a_damaged_account_file_without_a_copy_is_doubtful_and_opens_by_what_is_whole() {
    let place = Place::new();
    let (folder, words) = full_folder(&place);
    let path = folder.path().join("account.toml");
    let text = fs::read_to_string(&path).unwrap();
    let device = text.lines().find(|line| line.starts_with("device")).unwrap();
    fs::write(&path, text.replace(device, &format!("device = \"{}\"", Uuid::from_u128(1)))).unwrap();
    fs::remove_file(folder.path().join("account.copy")).unwrap();
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    // A wrong password that is counted does not make it any better.
    folder
        .update(|account| {
            account.tries.failed(flyos::domain::Stamp(7));
            Ok(())
        })
        .unwrap();
    let file = folder.read().unwrap().unwrap();
    assert!(file.is_doubtful() && file.wraps[0].open(&words).is_ok());
    let (store, told) = Store::open(folder.clone(), folder.lock().unwrap(), &sealer()).unwrap();
    assert_eq!(told.account, Some(Mended::Doubtful));
    store.close();
    assert!(folder.is_file_whole(), "what opened is kept from now on");
    assert!(look::quarantine(&folder).0.contains(&"account.toml".to_owned()));
}

#[test]
fn of_a_file_and_a_copy_that_are_both_damaged_each_way_to_the_key_that_is_whole_is_kept() {
    let place = Place::new();
    let (folder, words) = full_folder(&place);
    let paper = SecretString::from("on paper");
    folder.put_wrap(Wrap::new(WrapBy::Recovery, &paper, &key(), KdfParams::cheap()).unwrap()).unwrap();
    let (path, copy) = (folder.path().join("account.toml"), folder.path().join("account.copy"));
    let whole = fs::read_to_string(&path).unwrap();
    // Neither is TOML any more: the file lacks its tag and the password's way, the copy its salt and the words'.
    let without = |tag: &str, way: &str| {
        let at = whole.find(&format!("by = \"{way}\"")).unwrap();
        let broken = format!("{}{}", &whole[..at], whole[at..].replacen("sealed = \"", "sealed \u{0}", 1));
        broken.replacen(&format!("\n{tag} = "), &format!("\n{tag} ~ "), 1)
    };
    fs::write(&path, without("tag", "password")).unwrap();
    fs::write(&copy, without("salt", "recovery")).unwrap();
    let left = folder.read().unwrap().unwrap();
    assert!(left.is_doubtful() && left.is_for(URL, EMAIL) && left.user_id == ACCOUNT, "{left:?}");
    let opens = |file: &AccountFile| {
        let by = |by, typed| file.wrap(by).is_some_and(|wrap| wrap.open(typed).is_ok());
        [by(WrapBy::Password, &words), by(WrapBy::Recovery, &paper)]
    };
    assert_eq!(opens(&left), [true, true]);
    let before = look::quarantine(&folder).0.len();
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    assert_eq!(look::quarantine(&folder).0.len(), before + 2, "both are kept as they were found");
    let (store, told) = Store::open(folder.clone(), folder.lock().unwrap(), &sealer()).unwrap();
    assert_eq!(told.account, Some(Mended::Doubtful));
    store.close();
    assert!(folder.is_file_whole());
    assert_eq!(opens(&folder.read().unwrap().unwrap()), [true, true]);
    // Where no way is left, or a newer version wrote it, nothing is guessed.
    for text in
        [whole.replace("sealed", "seal"), whole.replace("version = 1", "version = 2").replace("tag", "\u{0}")]
    {
        for path in [&path, &copy] {
            fs::write(path, &text).unwrap();
        }
        assert!(matches!(folder.read(), Err(StoreError::Corrupt { .. })), "{text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn ways_to_the_key_are_added_replaced_and_removed_durably_and_the_last_one_stays() {
    let place = Place::new();
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    let wrap =
        |by, words: &str| Wrap::new(by, &SecretString::from(words), &key(), KdfParams::cheap()).unwrap();
    let told = folder.put_wrap(wrap(WrapBy::Password, "first")).unwrap_err();
    assert!(matches!(told, StoreError::Corrupt { .. }), "there is no file to put it in: {told}");
    folder.write(&file()).unwrap();
    let ways = || folder.read().unwrap().unwrap().wraps.iter().map(|wrap| wrap.by).collect::<Vec<_>>();
    let opens = |by, words: &str| {
        let account = folder.read().unwrap().unwrap();
        account.wrap(by).is_some_and(|wrap| wrap.open(&SecretString::from(words)).is_ok())
    };
    folder.put_wrap(wrap(WrapBy::Password, "first")).unwrap();
    assert!(!folder.remove_wrap(WrapBy::Password).unwrap(), "the last way stays");
    folder.put_wrap(wrap(WrapBy::Recovery, "words")).unwrap();
    folder.put_wrap(wrap(WrapBy::Password, "second")).unwrap();
    assert_eq!(ways(), [WrapBy::Recovery, WrapBy::Password], "one of each kind");
    assert!(opens(WrapBy::Password, "second") && opens(WrapBy::Recovery, "words"));
    assert!(!opens(WrapBy::Password, "first"), "the replaced one opens nothing");
    assert!(!folder.remove_wrap(WrapBy::Server).unwrap(), "there is none");
    assert!(folder.remove_wrap(WrapBy::Recovery).unwrap());
    assert_eq!(ways(), [WrapBy::Password]);
    for name in ["account.toml", "account.copy"] {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(!text.contains("recovery"), "nothing of it is left: {text}");
    }
    // A change that fails changes nothing.
    let failed: Result<(), _> = folder.update(|account| {
        account.wraps.clear();
        Err(StoreError::Corrupt { what: "no".to_owned() })
    });
    assert!(failed.is_err());
    assert_eq!(ways(), [WrapBy::Password]);
}

#[test]
fn changes_of_the_account_file_by_several_at_once_are_none_of_them_lost() {
    let place = Place::new();
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    folder.write(&file()).unwrap();
    let now = flyos::domain::Stamp(1_795_000_000_000_000);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    folder
                        .update(|account| {
                            account.tries.failed(now);
                            Ok(())
                        })
                        .unwrap();
                }
            });
        }
    });
    let text = fs::read_to_string(folder.path().join("account.toml")).unwrap();
    assert!(text.contains("wrong = 20"), "{text}");
}

/// A folder with everything that an account's has, and the words that open its key.
fn full_folder(place: &Place) -> (AccountFolder, SecretString) {
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    let words = SecretString::from("correct horse");
    let mut made = file();
    made.put_wrap(Wrap::new(WrapBy::Password, &words, &key(), KdfParams::cheap()).unwrap());
    folder.write(&made).unwrap();
    let (mut journal, _) = Journal::open(&folder.journal_dir(), &folder.quarantine_dir(), sealer()).unwrap();
    journal.append(&[entry(1)]).unwrap();
    fs::write(folder.quarantine_dir().join("account.toml-2"), b"an older copy of the keys").unwrap();
    (folder, words)
}

fn is_zeroed(path: &Path) -> bool {
    let bytes = fs::read(path).unwrap();
    !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0)
}

#[test]
fn erasing_writes_over_the_keys_and_leaves_nothing() {
    let place = Place::new();
    let (folder, _) = full_folder(&place);
    // Other names of the same bytes show what became of them.
    let names = [
        ("account.toml", "keys"),
        ("quarantine/account.toml-2", "copy"),
        ("journal/00000001.log", "journal"),
    ];
    for (name, kept) in names {
        fs::hard_link(folder.path().join(name), place.path().join(kept)).unwrap();
    }
    let before = fs::read(place.path().join("journal")).unwrap();
    folder.erase(folder.lock().unwrap()).unwrap();
    assert!(!folder.path().exists());
    assert!(is_zeroed(&place.path().join("keys")) && is_zeroed(&place.path().join("copy")));
    assert_eq!(fs::read(place.path().join("journal")).unwrap(), before, "sealed, and its key is gone");
    assert_eq!(AccountFolder::find(place.path(), URL, EMAIL).unwrap(), None);
    // It begins anew.
    let folder = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
    assert_eq!(folder.read().unwrap(), None);
    folder.write(&file()).unwrap();
}

/// As a crash leaves it at each step: the mark alone, keys half written over, keys gone, half of the rest gone.
#[test]
fn an_erasing_that_a_crash_stopped_opens_for_nobody_and_is_finished_by_the_next_start() {
    type Step = fn(&Path);
    let steps: [Step; 4] = [
        |_| {},
        |dir| fs::write(dir.join("account.toml"), [0; 40]).unwrap(),
        |dir| fs::remove_file(dir.join("account.toml")).unwrap(),
        |dir| fs::remove_dir_all(dir.join("journal")).unwrap(),
    ];
    for stopped in 0..steps.len() {
        let place = Place::new();
        let (folder, _) = full_folder(&place);
        fs::write(folder.path().join("erasing"), b"").unwrap();
        for step in &steps[..=stopped] {
            step(folder.path());
        }
        assert!(folder.is_erasing());
        assert_eq!(folder.read().unwrap(), None, "step {stopped}");
        assert_eq!(AccountFolder::find(place.path(), URL, EMAIL).unwrap(), None, "step {stopped}");
        assert!(
            folder
                .put_wrap(Wrap::new(WrapBy::Password, &"x".into(), &key(), KdfParams::cheap()).unwrap())
                .is_err()
        );
        flyos::store::finish_erasing(place.path()).unwrap();
        assert!(!folder.path().exists(), "step {stopped}");
        // And whoever signs in before that finds an empty folder.
        let (folder, _) = full_folder(&place);
        fs::write(folder.path().join("erasing"), b"").unwrap();
        let again = AccountFolder::create_or_open(place.path(), ACCOUNT).unwrap();
        assert!(!again.is_erasing() && again.read().unwrap().is_none());
        assert!(fs::read_dir(again.journal_dir()).unwrap().next().is_none());
    }
    // Another console at it is left alone.
    let place = Place::new();
    let (folder, _) = full_folder(&place);
    let _lock = folder.lock().unwrap();
    fs::write(folder.path().join("erasing"), b"").unwrap();
    flyos::store::finish_erasing(place.path()).unwrap();
    assert!(folder.is_erasing());
}
