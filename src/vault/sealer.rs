//! Sealing and opening: the envelope, and what it is bound to.
//!
//! An envelope is `ver u8 | key_id u32 LE | nonce[24] | ciphertext | tag[16]`, XChaCha20-Poly1305. Nonces are
//! random: at 24 bytes they may be drawn without end, and a restored backup cannot bring one back as a
//! counter would. The tag also covers the envelope's version, the account, the purpose, and what the
//! caller gives as `aad` (the row's key, the frame's number): bytes moved to another place do not open. An
//! older value of the same place does open; the server's versions tell that.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::{DataKey, VaultError, random};

/// The envelope's format.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// Before the ciphertext: version, key id, nonce.
const HEAD_BYTES: usize = 1 + 4 + NONCE_BYTES;
/// Bytes that sealing adds.
pub const OVERHEAD: usize = HEAD_BYTES + TAG_BYTES;

/// What something is sealed for. Each has a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// Rows and marks in the cache.
    Rows = 1,
    /// Frames of the journal.
    Journal = 2,
    /// The sign-in's refresh token.
    Session = 3,
    /// How the lists look, with the views.
    Taste = 4,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::Rows, Self::Journal, Self::Session, Self::Taste];

    const fn context(self) -> &'static str {
        match self {
            Self::Rows => "flyos console 2026 vault v1 rows",
            Self::Journal => "flyos console 2026 vault v1 journal",
            Self::Session => "flyos console 2026 vault v1 session",
            Self::Taste => "flyos console 2026 vault v1 taste",
        }
    }
}

/// The keys of one account at work. A clone shares them; they are wiped when the last one goes.
#[derive(Clone)]
pub struct Sealer(Arc<Keys>);

struct Keys {
    id: u32,
    account: [u8; 16],
    ciphers: [XChaCha20Poly1305; Purpose::ALL.len()],
}

impl Sealer {
    /// `account` is the sign-in's uuid; what is sealed for one account does not open for another.
    pub fn new(key: &DataKey, account: [u8; 16]) -> Self {
        let cipher = |purpose: Purpose| XChaCha20Poly1305::new((&*key.derive(purpose.context())).into());
        Self(Arc::new(Keys { id: key.id(), account, ciphers: Purpose::ALL.map(cipher) }))
    }

    pub fn account(&self) -> [u8; 16] {
        self.0.account
    }

    fn cipher(&self, purpose: Purpose) -> &XChaCha20Poly1305 {
        let [rows, journal, session, taste] = &self.0.ciphers;
        match purpose {
            Purpose::Rows => rows,
            Purpose::Journal => journal,
            Purpose::Session => session,
            Purpose::Taste => taste,
        }
    }

    fn bound(&self, purpose: Purpose, aad: &[u8]) -> Vec<u8> {
        // All but the caller's part has a fixed length, so that no two places give the same text.
        let mut bound = Vec::with_capacity(1 + 16 + aad.len());
        bound.push(purpose as u8);
        bound.extend_from_slice(&self.0.account);
        bound.extend_from_slice(aad);
        bound
    }

    /// Seals `plain` for a purpose, bound to `aad`. Adds `OVERHEAD` bytes.
    pub fn seal(&self, purpose: Purpose, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        seal(self.cipher(purpose), self.0.id, &self.bound(purpose, aad), plain)
    }

    /// Opens what `seal` made with the same key, account, purpose and `aad`.
    pub fn open(
        &self,
        purpose: Purpose,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        open(self.cipher(purpose), self.0.id, &self.bound(purpose, aad), sealed)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer([REDACTED])")
    }
}

/// The tag covers the envelope's own head (but for the nonce, which the cipher covers) and `bound`.
fn covered(key_id: u32, bound: &[u8]) -> Vec<u8> {
    let mut aad = Vec::with_capacity(5 + bound.len());
    aad.push(VERSION);
    aad.extend_from_slice(&key_id.to_le_bytes());
    aad.extend_from_slice(bound);
    aad
}

pub(super) fn seal(
    cipher: &XChaCha20Poly1305,
    key_id: u32,
    bound: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, VaultError> {
    let nonce: [u8; NONCE_BYTES] = random()?;
    let mut out = Vec::with_capacity(plain.len() + OVERHEAD);
    out.push(VERSION);
    out.extend_from_slice(&key_id.to_le_bytes());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(plain);
    let body = out.split_at_mut(HEAD_BYTES).1;
    let tag = cipher
        .encrypt_inout_detached(&XNonce::from(nonce), &covered(key_id, bound), body.into())
        .map_err(|_| VaultError::Malformed)?;
    out.extend_from_slice(&tag);
    Ok(out)
}

pub(super) fn open(
    cipher: &XChaCha20Poly1305,
    key_id: u32,
    bound: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (version, rest) = sealed.split_first().ok_or(VaultError::Malformed)?;
    let (id, rest) = rest.split_first_chunk::<4>().ok_or(VaultError::Malformed)?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::Malformed)?;
    let (body, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(VaultError::Malformed)?;
    if *version != VERSION {
        return Err(VaultError::Malformed);
    }
    if u32::from_le_bytes(*id) != key_id {
        return Err(VaultError::OtherKey);
    }
    let mut plain = Zeroizing::new(body.to_vec());
    let aad = covered(key_id, bound);
    cipher
        .decrypt_inout_detached(&XNonce::from(*nonce), &aad, plain.as_mut_slice().into(), &Tag::from(*tag))
        .map_err(|_| VaultError::Broken)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(key: u8, account: u8) -> Sealer {
        Sealer::new(&DataKey::from_bytes([key; 32]), [account; 16])
    }

    #[test]
    fn what_was_sealed_opens_and_no_two_envelopes_are_alike() {
        let sealer = sealer(1, 2);
        for plain in [&b""[..], b"x", &[7; 5000]] {
            let one = sealer.seal(Purpose::Rows, b"place", plain).unwrap();
            let two = sealer.seal(Purpose::Rows, b"place", plain).unwrap();
            assert_eq!(one.len(), plain.len() + OVERHEAD);
            assert_ne!(one[5..29], two[5..29], "the nonce is drawn anew");
            assert_ne!(one, two);
            assert_eq!(*sealer.open(Purpose::Rows, b"place", &one).unwrap(), plain);
        }
    }

    #[test]
    fn every_flip_and_every_cut_is_refused() {
        let sealer = sealer(1, 2);
        let envelope = sealer.seal(Purpose::Journal, b"place", b"some text").unwrap();
        for bit in 0..envelope.len() * 8 {
            let mut bad = envelope.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(sealer.open(Purpose::Journal, b"place", &bad).is_err(), "bit {bit}");
        }
        for len in 0..envelope.len() {
            assert!(sealer.open(Purpose::Journal, b"place", &envelope[..len]).is_err(), "cut to {len}");
        }
        let longer = [&envelope[..], &[0]].concat();
        assert!(sealer.open(Purpose::Journal, b"place", &longer).is_err());
    }

    #[test]
    fn bytes_opened_elsewhere_are_refused_with_the_right_reason() {
        let sealed = sealer(1, 2).seal(Purpose::Rows, b"place", b"some text").unwrap();
        let open = |sealer: Sealer, purpose, aad: &[u8]| sealer.open(purpose, aad, &sealed).unwrap_err();
        assert_eq!(open(sealer(1, 2), Purpose::Rows, b"other"), VaultError::Broken);
        assert_eq!(open(sealer(1, 2), Purpose::Journal, b"place"), VaultError::Broken);
        assert_eq!(open(sealer(1, 3), Purpose::Rows, b"place"), VaultError::Broken);
        assert_eq!(open(sealer(9, 2), Purpose::Rows, b"place"), VaultError::OtherKey);
    }
}
