//! A parcel: bytes sealed under a passphrase of their own, for taking them to another machine in a file.
//!
//! `FLYOSBOX` | version u16 LE | length of the label u32 LE | label (JSON) | envelope | crc32c u32 LE. The label stands in
//! the clear and is covered by the seal: when it was made, how many things are in it, and how dear a guess is. It says
//! nothing of whose they are. The key comes of the passphrase alone, by the same slow function as a password's; no key of
//! an account is in it or needed for it.
//!
//! The sum tells a file that was cut or bent on its way from a wrong passphrase, which the seal alone cannot. The file
//! comes from outside: every length is held within bounds before memory is asked for.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::wrap::Kdf;
use super::{KdfParams, VaultError, sealer};
use crate::domain::Stamp;

const MAGIC: &[u8; 8] = b"FLYOSBOX";
/// The format that is written, and the newest that is read.
pub const VERSION: u16 = 1;
/// Magic, version, length of the label.
const HEAD_BYTES: usize = 8 + 2 + 4;
const CRC_BYTES: usize = 4;
/// A label takes some 200 bytes.
const LABEL_BYTES_MAX: usize = 4096;
/// The largest parcel: more than any outbox comes to.
pub const BYTES_MAX: usize = 64 << 20;
/// The key seals nothing but this one thing, so it needs no number.
const KEY_ID: u32 = 0;

/// What stands on a parcel in the clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    pub made_at: Stamp,
    /// How many things are in it.
    pub count: usize,
    kdf: Kdf,
}

/// Why a parcel does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParcelError {
    #[error("this is no sealed export of FlyOS Console")]
    NotOne,
    #[error("it has format {found}, made by a newer version; this one knows up to {VERSION}")]
    Newer { found: u16 },
    #[error("the file was cut or changed on its way")]
    Damaged,
    #[error("the passphrase is not the one it was sealed with")]
    WrongPassphrase,
    #[error("{0}")]
    Vault(#[from] VaultError),
}

/// Seals `plain`, which holds `count` things, under a passphrase.
pub fn seal(
    plain: &[u8],
    (made_at, count): (Stamp, usize),
    passphrase: &SecretString,
    params: KdfParams,
) -> Result<Vec<u8>, VaultError> {
    let label = Label { made_at, count, kdf: Kdf::new(params)? };
    let text = serde_json::to_vec(&label).map_err(|_| VaultError::Malformed)?;
    let length = u32::try_from(text.len()).map_err(|_| VaultError::Malformed)?;
    let mut out = Vec::with_capacity(HEAD_BYTES + text.len() + plain.len() + 64);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&text);
    let cipher = label.kdf.stretch(passphrase)?;
    let sealed = sealer::seal(&cipher, KEY_ID, &out, plain)?;
    out.extend_from_slice(&sealed);
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    Ok(out)
}

/// Opens what `seal` made.
pub fn open(bytes: &[u8], passphrase: &SecretString) -> Result<(Label, Zeroizing<Vec<u8>>), ParcelError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(ParcelError::NotOne)?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or(ParcelError::Damaged)?;
    match u16::from_le_bytes(*version) {
        VERSION => {}
        found => return Err(ParcelError::Newer { found }),
    }
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(ParcelError::Damaged)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| ParcelError::Damaged)?;
    let (rest, crc) = rest.split_last_chunk::<CRC_BYTES>().ok_or(ParcelError::Damaged)?;
    let said = bytes.get(..bytes.len() - CRC_BYTES).ok_or(ParcelError::Damaged)?;
    if length > LABEL_BYTES_MAX || crc32c::crc32c(said) != u32::from_le_bytes(*crc) {
        return Err(ParcelError::Damaged);
    }
    let (text, sealed) = rest.split_at_checked(length).ok_or(ParcelError::Damaged)?;
    let bound = bytes.get(..HEAD_BYTES + length).ok_or(ParcelError::Damaged)?;
    let label: Label = serde_json::from_slice(text).map_err(|_| ParcelError::Damaged)?;
    let cipher = label.kdf.stretch(passphrase)?;
    match sealer::open(&cipher, KEY_ID, bound, sealed) {
        Ok(plain) => Ok((label, plain)),
        Err(VaultError::Broken) => Err(ParcelError::WrongPassphrase),
        Err(_) => Err(ParcelError::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Stamp = Stamp(1_795_000_000_000_000);

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    fn parcel() -> Vec<u8> {
        seal(b"some edits", (AT, 3), &secret("pass phrase"), KdfParams::cheap()).unwrap()
    }

    #[test]
    fn it_opens_with_its_passphrase_alone_and_says_nothing_of_what_is_in_it() {
        let bytes = parcel();
        let (label, plain) = open(&bytes, &secret("pass phrase")).unwrap();
        assert_eq!((label.made_at, label.count, plain.as_slice()), (AT, 3, &b"some edits"[..]));
        assert_eq!(open(&bytes, &secret("pass phrases")).unwrap_err(), ParcelError::WrongPassphrase);
        assert!(!bytes.windows(4).any(|window| window == b"edit"), "sealed");
        assert_ne!(parcel(), bytes, "salt and nonce are drawn anew");
    }

    #[test]
    fn every_flip_and_every_cut_is_refused() {
        let bytes = parcel();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&bad, &secret("pass phrase")).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(open(&bytes[..length], &secret("pass phrase")).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_label_that_was_changed_by_somebody_who_mended_the_sum_is_refused() {
        let mut bytes = parcel();
        let at = bytes.windows(9).position(|window| window == b"\"count\":3").unwrap() + 8;
        bytes[at] = b'9';
        let said = bytes.len() - CRC_BYTES;
        let crc = crc32c::crc32c(&bytes[..said]);
        bytes[said..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(open(&bytes, &secret("pass phrase")).unwrap_err(), ParcelError::WrongPassphrase);
    }

    #[test]
    fn what_is_none_and_what_is_newer_are_told_apart() {
        assert_eq!(open(b"", &secret("x")).unwrap_err(), ParcelError::NotOne);
        assert_eq!(open(b"{\"edit\":1}", &secret("x")).unwrap_err(), ParcelError::NotOne);
        let mut newer = parcel();
        newer[8] = 2;
        assert_eq!(open(&newer, &secret("x")).unwrap_err(), ParcelError::Newer { found: 2 });
        let mut greedy = parcel();
        greedy[10..14].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(open(&greedy, &secret("x")).unwrap_err(), ParcelError::Damaged);
    }
}
