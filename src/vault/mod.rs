//! Keys and sealing: nothing about an account leaves memory in the clear.
//!
//! One random key per account (`DataKey`) seals everything that is kept on disk, by way of a key of its own
//! for each purpose (`Sealer`). The data key itself lies beside the data only wrapped (`Wrap`): by the
//! password through a function that is slow on purpose, and by recovery words (`words`) or a key of the server's
//! where there are any. There is no stored hash of the password: a wrong password shows by the wrap not opening.
//! `keyring` has the kernel keep that key for a while, on wish. `parcel` seals under a passphrase of its own what is to be opened elsewhere.
//!
//! This room knows bytes and purposes. It must not know of files, rows, or who is signed in.

pub mod key;
pub mod keyring;
pub mod parcel;
pub mod process;
pub mod sealer;
pub mod text;
pub mod words;
pub mod wrap;

pub use key::DataKey;
pub use sealer::{OVERHEAD, Purpose, Sealer};
pub use wrap::{KdfParams, Wrap, WrapBy, unwrap, wrap};

/// Why something could not be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The wrap does not open: another password, or the wrap was damaged (the two cannot be told apart).
    #[error("the password does not open this account's key")]
    WrongPassword,
    /// Sealed by another key than the one at hand; the bytes may be sound.
    #[error("this was sealed with another key")]
    OtherKey,
    /// The right key, but the bytes, or what they are bound to, are not those that were sealed.
    #[error("the sealed bytes were changed, or belong somewhere else")]
    Broken,
    /// Too short, or a format that this version does not know.
    #[error("these bytes are no envelope that this version can read")]
    Malformed,
    /// A file asks for a key derivation outside the bounds of this program.
    #[error("the key derivation asked for (m={m_kib} KiB, t={t}, p={p}) is out of bounds")]
    Kdf { m_kib: u32, t: u32, p: u32 },
    /// The system gave no random numbers.
    #[error("the system gave no random numbers")]
    Random,
}

/// Fills an array with random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| VaultError::Random)?;
    Ok(bytes)
}
