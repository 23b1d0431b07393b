//! A key that the kernel keeps for a while, in the keyring of the user: in its memory alone, never in a file, gone after
//! the time that was said, and with the machine's last process of that user.
//!
//! Whoever runs as the same user can read it: they could read this program's memory, too. Where the kernel has no
//! keyring, or a container forbids it, that is told; there is no second place.

use std::time::Duration;

use linux_keyutils::{Key, KeyError, KeyPermissionsBuilder, KeyRing, KeyRingIdentifier, Permission};
use zeroize::Zeroizing;

use super::DataKey;
use super::key::KEY_BYTES;

/// The note beside the key, in bytes: an address, and the name of a project.
const NOTE_BYTES_MAX: usize = 2048;

/// The kernel keeps no key for us, in its own word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kernel keeps no key here ({0})")]
pub struct NoKeyring(String);

impl From<KeyError> for NoKeyring {
    fn from(error: KeyError) -> Self {
        Self(format!("{error:?}"))
    }
}

/// The user's keyring; linked to the session's, by which this process may use what is in it.
fn ring() -> Result<KeyRing, KeyError> {
    if let Ok(session) = KeyRing::from_special_id(KeyRingIdentifier::Session, false) {
        // One that takes no link may have it already.
        let _ = session.link_keyring_id(KeyRingIdentifier::User);
    }
    KeyRing::from_special_id(KeyRingIdentifier::User, true)
}

/// Keeps a key under a name, with a note beside it, for so long; in the place of what was there.
pub fn keep(name: &str, key: &DataKey, note: &str, time: Duration) -> Result<(), NoKeyring> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoKeyring("the note beside the key is too long".to_owned()));
    }
    let mut payload = Zeroizing::new(Vec::with_capacity(KEY_BYTES + note.len()));
    payload.extend_from_slice(key.bytes());
    payload.extend_from_slice(note.as_bytes());
    let kept = ring()?.add_key(name, payload.as_slice())?;
    let bounded = bind(kept, time);
    if bounded.is_err() {
        // Without its end it must not stay.
        kept.invalidate()?;
    }
    bounded.map_err(NoKeyring::from)
}

fn bind(kept: Key, time: Duration) -> Result<(), KeyError> {
    kept.set_timeout(usize::try_from(time.as_secs()).unwrap_or(usize::MAX))?;
    // The same user's other sessions may use it as well: `cron` has a session of its own.
    let own = Permission::VIEW | Permission::READ | Permission::SEARCH | Permission::SETATTR;
    kept.set_perms(KeyPermissionsBuilder::builder().posessor(Permission::ALL).user(own).build())
}

/// The key of that name and its note, where the kernel still keeps it.
pub fn kept(name: &str) -> Option<(DataKey, String)> {
    let key = ring().ok()?.search(name).ok()?;
    let mut payload = Zeroizing::new([0; KEY_BYTES + NOTE_BYTES_MAX]);
    let count = key.read(&mut *payload).ok()?;
    let (bytes, note) = payload.get(..count)?.split_first_chunk::<KEY_BYTES>()?;
    Some((DataKey::from_bytes(*bytes), std::str::from_utf8(note).ok()?.to_owned()))
}

/// Has the kernel forget it; whether there was one.
pub fn forget(name: &str) -> bool {
    ring().is_ok_and(|ring| ring.search(name).is_ok_and(|key| key.invalidate().is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not run where the machine has no keyring: some containers forbid it.
    fn here() -> bool {
        let there = ring().is_ok_and(|ring| ring.add_key("flyos:test", "x").is_ok());
        if !there {
            eprintln!("not run: this machine keeps no keys");
        }
        there
    }

    #[test]
    fn a_key_is_kept_replaced_and_forgotten() {
        if !here() {
            return;
        }
        let name = format!("flyos:test:{}", std::process::id());
        assert!(kept(&name).is_none());
        let minute = Duration::from_secs(60);
        for (byte, note) in [(1, "first"), (2, "")] {
            let key = DataKey::from_bytes([byte; KEY_BYTES]);
            keep(&name, &key, note, minute).unwrap();
            let (found, told) = kept(&name).unwrap();
            assert_eq!((found.id(), told.as_str()), (key.id(), note));
        }
        assert!(forget(&name));
        assert!(!forget(&name));
        assert!(kept(&name).is_none());
        let long = "x".repeat(NOTE_BYTES_MAX + 1);
        keep(&name, &DataKey::from_bytes([1; KEY_BYTES]), &long, minute).unwrap_err();
    }

    #[test]
    fn the_kernel_lets_go_of_it_by_itself() {
        if !here() {
            return;
        }
        let name = format!("flyos:test:short:{}", std::process::id());
        keep(&name, &DataKey::from_bytes([7; KEY_BYTES]), "soon gone", Duration::from_secs(1)).unwrap();
        let end = std::time::Instant::now() + Duration::from_secs(30);
        while kept(&name).is_some() {
            assert!(std::time::Instant::now() < end, "it outlives its time");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
