//! The account's data key, and how other keys come of it.
//!
//! The key is wiped when dropped and prints as a mask. It never seals anything itself: a context text per
//! use gives a key of its own (blake3's key derivation), so that a fault in one use tells nothing of another.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{VaultError, random};

/// Bytes in every key here.
pub const KEY_BYTES: usize = 32;

/// The key from which all of an account's keys come.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DataKey([u8; KEY_BYTES]);

impl DataKey {
    /// A new key from the system's random numbers.
    pub fn random() -> Result<Self, VaultError> {
        random().map(Self)
    }

    /// A key from its bytes, which the caller wipes.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    pub(super) const fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// The key for one use, named by `context`: a fixed text, never one made at run time.
    pub(super) fn derive(&self, context: &'static str) -> Zeroizing<[u8; KEY_BYTES]> {
        Zeroizing::new(blake3::derive_key(context, &self.0))
    }

    /// A number that tells two keys apart and says nothing of either. Each envelope carries it, so that
    /// another account's key and damage are different answers.
    pub fn id(&self) -> u32 {
        let [a, b, c, d, ..] = *self.derive("flyos console 2026 vault v1 key id");
        u32::from_le_bytes([a, b, c, d])
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_chance_and_by_use_and_do_not_print() {
        let (one, two) = (DataKey::random().unwrap(), DataKey::random().unwrap());
        assert_ne!(one.bytes(), two.bytes());
        assert_ne!(one.id(), two.id());
        assert_ne!(*one.derive("flyos test a"), *one.derive("flyos test b"));
        assert_eq!(format!("{:?}", DataKey::from_bytes([7; 32])), "DataKey([REDACTED])");
    }
}
