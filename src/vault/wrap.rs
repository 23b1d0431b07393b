//! The data key, wrapped by something a person knows (or the server keeps).
//!
//! Argon2id makes a key of the secret, slowly and with much memory, and that key seals the data key. The
//! parameters and the salt stand beside it in the clear; they are covered by the seal. They come from a
//! file, so they are held within bounds before any memory is asked for.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::key::KEY_BYTES;
use super::{DataKey, VaultError, random, sealer, text};

/// The most memory a file may make us take, in KiB (256 MiB): four times what we write.
const M_KIB_MAX: u32 = 256 * 1024;
/// The most passes a file may make us do: some 5 s at the most memory.
const T_MAX: u32 = 16;
/// Lanes run one after the other here; more of them gain nothing.
const P_MAX: u32 = 4;
/// The wrapping key seals nothing but this one thing, so it needs no number.
const WRAP_KEY_ID: u32 = 0;

/// Who or what can open a wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WrapBy {
    /// The account's password.
    #[default]
    Password,
    /// Words shown once and kept on paper.
    Recovery,
    /// A key that the server gives to a signed-in device.
    Server,
}

/// How dear one guess is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfParams {
    pub m_kib: u32,
    pub t: u32,
    pub p: u32,
}

impl Default for KdfParams {
    /// 64 MiB, three passes: RFC 9106's choice for machines short of memory, with one lane.
    fn default() -> Self {
        Self { m_kib: 64 * 1024, t: 3, p: 1 }
    }
}

impl KdfParams {
    /// The least the function allows: for a secret that is a random key already, which nobody guesses; and for tests,
    /// which sign in by the hundred.
    pub const fn cheap() -> Self {
        Self { m_kib: 8, t: 1, p: 1 }
    }
}

/// The parameters and salt that a wrap was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kdf {
    pub m_kib: u32,
    pub t: u32,
    pub p: u32,
    #[serde(with = "text::bytes")]
    pub salt: [u8; 16],
}

/// The data key, sealed by a key made of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrap {
    #[serde(default)]
    pub by: WrapBy,
    #[serde(with = "text::bytes")]
    pub sealed: Vec<u8>,
    pub kdf: Kdf,
}

impl Kdf {
    /// With a salt of its own.
    pub(super) fn new(KdfParams { m_kib, t, p }: KdfParams) -> Result<Self, VaultError> {
        Ok(Self { m_kib, t, p, salt: random()? })
    }

    fn params(&self) -> Result<Params, VaultError> {
        let bad = VaultError::Kdf { m_kib: self.m_kib, t: self.t, p: self.p };
        if self.m_kib > M_KIB_MAX || self.t > T_MAX || self.p > P_MAX {
            return Err(bad);
        }
        Params::new(self.m_kib, self.t, self.p, Some(KEY_BYTES)).map_err(|_| bad)
    }

    /// The wrapping key of a secret.
    pub(super) fn stretch(&self, secret: &SecretString) -> Result<XChaCha20Poly1305, VaultError> {
        let params = self.params()?;
        let bad = VaultError::Kdf { m_kib: self.m_kib, t: self.t, p: self.p };
        let mut memory = vec![Block::default(); params.block_count()];
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let secret = secret.expose_secret().as_bytes();
        let done = argon.hash_password_into_with_memory(secret, &self.salt, &mut *key, &mut memory);
        // What is left in the memory would let a guess be checked at no cost.
        memory.iter_mut().for_each(Zeroize::zeroize);
        done.map_err(|_| bad)?;
        Ok(XChaCha20Poly1305::new((&*key).into()))
    }
}

impl Wrap {
    fn bound(by: WrapBy, kdf: &Kdf) -> Vec<u8> {
        let by: u8 = match by {
            WrapBy::Password => 1,
            WrapBy::Recovery => 2,
            WrapBy::Server => 3,
        };
        let mut bound = b"flyos wrap".to_vec();
        bound.push(by);
        for cost in [kdf.m_kib, kdf.t, kdf.p] {
            bound.extend_from_slice(&cost.to_le_bytes());
        }
        bound.extend_from_slice(&kdf.salt);
        bound
    }

    /// Wraps the key for one way of opening it.
    pub fn new(
        by: WrapBy,
        secret: &SecretString,
        key: &DataKey,
        params: KdfParams,
    ) -> Result<Self, VaultError> {
        let kdf = Kdf::new(params)?;
        let cipher = kdf.stretch(secret)?;
        let sealed = sealer::seal(&cipher, WRAP_KEY_ID, &Self::bound(by, &kdf), key.bytes())?;
        Ok(Self { by, sealed, kdf })
    }

    /// The key, if `secret` is the one it was wrapped by.
    pub fn open(&self, secret: &SecretString) -> Result<DataKey, VaultError> {
        let cipher = self.kdf.stretch(secret)?;
        let bound = Self::bound(self.by, &self.kdf);
        let plain =
            sealer::open(&cipher, WRAP_KEY_ID, &bound, &self.sealed).map_err(|error| match error {
                VaultError::Broken => VaultError::WrongPassword,
                other => other,
            })?;
        let bytes =
            Zeroizing::new(<[u8; KEY_BYTES]>::try_from(plain.as_slice()).map_err(|_| VaultError::Malformed)?);
        Ok(DataKey::from_bytes(*bytes))
    }
}

/// Wraps the key by a password.
pub fn wrap(password: &SecretString, key: &DataKey, params: KdfParams) -> Result<Wrap, VaultError> {
    Wrap::new(WrapBy::Password, password, key, params)
}

/// The key, if the password is the right one: else `VaultError::WrongPassword`.
pub fn unwrap(password: &SecretString, wrap: &Wrap) -> Result<DataKey, VaultError> {
    wrap.open(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    fn wrapped() -> (DataKey, Wrap) {
        let key = DataKey::from_bytes([3; 32]);
        let wrap = wrap(&secret("correct horse"), &key, KdfParams::cheap()).unwrap();
        (key, wrap)
    }

    #[test]
    fn the_right_password_opens_and_a_wrong_one_is_told() {
        let (key, wrap) = wrapped();
        assert_eq!(unwrap(&secret("correct horse"), &wrap).unwrap().bytes(), key.bytes());
        for wrong in ["", "correct  horse", "Correct horse", "correct horse "] {
            assert_eq!(unwrap(&secret(wrong), &wrap).unwrap_err(), VaultError::WrongPassword, "{wrong:?}");
        }
    }

    #[test]
    fn a_changed_wrap_does_not_open() {
        let (_, wrap) = wrapped();
        for bit in 0..wrap.sealed.len() * 8 {
            let mut bad = wrap.clone();
            bad.sealed[bit / 8] ^= 1 << (bit % 8);
            assert!(unwrap(&secret("correct horse"), &bad).is_err(), "bit {bit}");
        }
        let mut other = wrap.clone();
        other.by = WrapBy::Recovery;
        assert_eq!(unwrap(&secret("correct horse"), &other).unwrap_err(), VaultError::WrongPassword);
    }

    #[test]
    fn a_file_cannot_make_us_take_all_memory() {
        let (_, wrap) = wrapped();
        for (m_kib, t, p) in
            [(4 << 20, 3, 1), (u32::MAX, 1, 1), (8, u32::MAX, 1), (64, 1, 5), (0, 1, 1), (8, 0, 1)]
        {
            let mut bomb = wrap.clone();
            bomb.kdf = Kdf { m_kib, t, p, salt: bomb.kdf.salt };
            assert_eq!(unwrap(&secret("x"), &bomb).unwrap_err(), VaultError::Kdf { m_kib, t, p });
        }
    }

    #[test]
    fn a_wrap_survives_its_file() {
        let (_, wrap) = wrapped();
        let text = toml::to_string(&wrap).unwrap();
        assert_eq!(toml::from_str::<Wrap>(&text).unwrap(), wrap);
        let short = text.replace("salt = \"", "salt = \"AAAA");
        assert!(toml::from_str::<Wrap>(&short).is_err(), "a salt of another length is refused");
    }

    #[test]
    fn what_is_written_by_default_is_within_what_is_read() {
        let KdfParams { m_kib, t, p } = KdfParams::default();
        assert!(Kdf { m_kib, t, p, salt: [0; 16] }.params().is_ok());
    }
}
