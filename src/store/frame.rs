//! The journal's bytes: a segment's header, a frame, and finding the sound frames among any bytes.
//!
//! Header: `magic[8] version u16 account[16] first_seq u64 crc32c u32`. Frame: `len u32 | seq u64 | kind u8 |
//! sealed[len] | crc32c u32`, the sum over all before it. All numbers little-endian. The sum tells damage
//! cheaply and lets a scan find its footing again behind a bad place; the seal says whose it is and that
//! number and kind are what was written. Numbers in a segment only rise.
//!
//! Nothing here touches a file.

use crate::store::entry::Entry;
use crate::store::error::StoreError;
use crate::vault::{OVERHEAD, Purpose, Sealer, VaultError};

/// The journal's format.
pub(super) const VERSION: u16 = 1;
const MAGIC: [u8; 8] = *b"flyosjnl";
pub(super) const HEADER_BYTES: usize = 8 + 2 + 16 + 8 + 4;
/// `len`, `seq`, `kind`.
const HEAD_BYTES: usize = 4 + 8 + 1;
const CRC_BYTES: usize = 4;
/// The largest frame: an edit of a thousand rows fits; more is a file, not an edit.
pub const FRAME_BYTES_MAX: usize = 256 << 10;
/// How far a frame's number may lie past the one before it. Numbers go up by one; this only keeps chance
/// bytes from being taken for a frame while a scan looks for its footing.
const SEQ_LEAP_MAX: u64 = 1 << 32;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub account: [u8; 16],
    pub first_seq: u64,
}

impl Header {
    pub fn encode(self) -> [u8; HEADER_BYTES] {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.account);
        out.extend_from_slice(&self.first_seq.to_le_bytes());
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&out);
        header
    }

    /// `Ok(None)`: these bytes are no sound header. A sound one of a newer version is an error.
    pub fn decode(bytes: &[u8], what: &str) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let Some((said, crc)) = bytes.split_last_chunk::<CRC_BYTES>() else { return Ok(None) };
        let Some(rest) = said.strip_prefix(&MAGIC) else { return Ok(None) };
        if crc32c::crc32c(said) != u32::from_le_bytes(*crc) {
            return Ok(None);
        }
        let Some((version, rest)) = rest.split_first_chunk::<2>() else { return Ok(None) };
        let version = u16::from_le_bytes(*version);
        if version > VERSION {
            let (found, known) = (u32::from(version), u32::from(VERSION));
            return Err(StoreError::Schema { what: what.to_owned(), found, known });
        }
        let header = rest.split_first_chunk::<16>().and_then(|(account, rest)| {
            let (first_seq, _) = rest.split_first_chunk::<8>()?;
            Some(Self { account: *account, first_seq: u64::from_le_bytes(*first_seq) })
        });
        Ok(header)
    }
}

/// The byte that says which entry a frame holds; it is sealed in as well.
const fn kind_of(entry: &Entry) -> u8 {
    match entry {
        Entry::Edit(_) => 1,
        Entry::Sent { .. } => 2,
        Entry::Ack { .. } => 3,
        Entry::Settled { .. } => 4,
        Entry::Conflict { .. } => 5,
        Entry::Rejected { .. } => 6,
        Entry::Gone { .. } => 7,
        Entry::Discarded { .. } => 8,
        Entry::Unsent { .. } => 9,
        Entry::Rewritten { .. } => 10,
        Entry::Offered { .. } => 11,
        Entry::Clock { .. } => 12,
    }
}

/// The last kind this version knows.
const KIND_MAX: u8 = 12;

fn bound(seq: u64, kind: u8) -> [u8; 9] {
    let mut bound = [kind; 9];
    bound[..8].copy_from_slice(&seq.to_le_bytes());
    bound
}

/// Appends one frame to `out`.
pub(super) fn encode(out: &mut Vec<u8>, seq: u64, entry: &Entry, sealer: &Sealer) -> Result<(), StoreError> {
    let kind = kind_of(entry);
    let plain = serde_json::to_vec(entry).map(zeroize::Zeroizing::new);
    let plain =
        plain.map_err(|error| StoreError::corrupt(format!("an edit could not be written: {error}")))?;
    let bytes = plain.len() + OVERHEAD + HEAD_BYTES + CRC_BYTES;
    let too_large = || StoreError::TooLarge { what: "this edit".to_owned(), bytes, limit: FRAME_BYTES_MAX };
    if bytes > FRAME_BYTES_MAX {
        return Err(too_large());
    }
    let body = sealer.seal(Purpose::Journal, &bound(seq, kind), &plain).map_err(StoreError::Seal)?;
    let len = u32::try_from(body.len()).map_err(|_| too_large())?;
    let start = out.len();
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
    out.push(kind);
    out.extend_from_slice(&body);
    let crc = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
    Ok(())
}

/// What stands at one place of a segment.
enum At {
    /// A sound frame of so many bytes.
    Frame { seq: u64, entry: Box<Entry>, bytes: usize },
    /// Not a frame.
    Nothing,
}

/// Looks for a frame at the start of `bytes`, numbered above `floor`.
fn read(bytes: &[u8], floor: u64, sealer: &Sealer) -> Result<At, StoreError> {
    let Some((seq, kind, body, bytes)) = split(bytes, floor) else { return Ok(At::Nothing) };
    let what = || format!("entry {seq} of the journal");
    let plain = match sealer.open(Purpose::Journal, &bound(seq, kind), body) {
        Ok(plain) => plain,
        // Whole, but another key's: nothing may be cut for that.
        Err(error @ VaultError::OtherKey) => return Err(StoreError::opening(what(), &error)),
        Err(_) => return Ok(At::Nothing),
    };
    if kind > KIND_MAX {
        let (found, known) = (u32::from(kind), u32::from(KIND_MAX));
        return Err(StoreError::Schema { what: what(), found, known });
    }
    // Sealed by us and yet not readable: a fault of a version, never of the disk. Nothing may be cut for it.
    let entry = serde_json::from_slice(&plain)
        .map_err(|_| StoreError::corrupt(format!("{} was written by a version that differs", what())))?;
    Ok(At::Frame { seq, entry, bytes })
}

/// The parts of a frame whose length, number and sum make sense: (seq, kind, sealed, bytes in all).
fn split(bytes: &[u8], floor: u64) -> Option<(u64, u8, &[u8], usize)> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let (kind, rest) = rest.split_first()?;
    let (len, seq) = (usize::try_from(u32::from_le_bytes(*len)).ok()?, u64::from_le_bytes(*seq));
    let fits = (OVERHEAD..=FRAME_BYTES_MAX - HEAD_BYTES - CRC_BYTES).contains(&len);
    if !fits || seq <= floor || seq - floor > SEQ_LEAP_MAX {
        return None;
    }
    let sealed = rest.get(..len)?;
    let crc = rest.get(len..)?.first_chunk::<CRC_BYTES>()?;
    let said = bytes.get(..HEAD_BYTES + len)?;
    (crc32c::crc32c(said) == u32::from_le_bytes(*crc)).then_some((seq, *kind, sealed, said.len() + CRC_BYTES))
}

/// What a segment holds; `T` is what was read of each frame.
#[derive(Debug)]
pub(super) struct Scan<T = Entry> {
    pub header: Option<Header>,
    pub entries: Vec<(u64, T)>,
    /// The places of the sound frames, in order.
    pub frames: Vec<std::ops::Range<usize>>,
    /// The places that are neither header nor frame.
    pub bad: Vec<std::ops::Range<usize>>,
}

/// Finds every sound frame, whatever the bytes. Errors are those for which nothing
/// may be touched: another account, another key, a newer version.
pub(super) fn scan(bytes: &[u8], sealer: &Sealer, what: &str) -> Result<Scan, StoreError> {
    let header = Header::decode(bytes, what)?;
    if header.is_some_and(|header| header.account != sealer.account()) {
        return Err(StoreError::Key { what: what.to_owned() });
    }
    walk(bytes, header, |rest, floor| match read(rest, floor, sealer)? {
        At::Frame { seq, entry, bytes } => Ok(Some((seq, *entry, bytes))),
        At::Nothing => Ok(None),
    })
}

/// The same without the key: what the sums alone say. A header or a frame may still turn out to be another's.
pub(super) fn survey(bytes: &[u8], what: &str) -> Result<Scan<()>, StoreError> {
    let header = Header::decode(bytes, what)?;
    walk(bytes, header, |rest, floor| Ok(split(rest, floor).map(|(seq, _, _, bytes)| (seq, (), bytes))))
}

/// Goes through the bytes; `frame` reads one that begins there and is numbered above the floor: its number, what it
/// says, how long it is.
fn walk<T>(
    bytes: &[u8],
    header: Option<Header>,
    frame: impl Fn(&[u8], u64) -> Result<Option<(u64, T, usize)>, StoreError>,
) -> Result<Scan<T>, StoreError> {
    let mut found = Scan { header, entries: Vec::new(), frames: Vec::new(), bad: Vec::new() };
    // Without a sound header the frames may still stand behind it, or right at the start.
    let mut at = if header.is_some() { HEADER_BYTES } else { 0 };
    let mut floor = header.map_or(0, |header| header.first_seq.saturating_sub(1));
    let mut bad_from = None;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some((seq, said, bytes)) = frame(rest, floor)? {
            found.bad.extend(bad_from.take().map(|from| from..at));
            found.entries.push((seq, said));
            found.frames.push(at..at + bytes);
            floor = seq;
            at += bytes;
        } else {
            bad_from.get_or_insert(at);
            at += 1;
        }
    }
    found.bad.extend(bad_from.map(|from| from..bytes.len()));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::DataKey;
    use proptest::prelude::*;

    fn sealer(key: u8, account: u8) -> Sealer {
        Sealer::new(&DataKey::from_bytes([key; 32]), [account; 16])
    }

    /// A segment of four short frames, and where each ends.
    fn segment() -> (Vec<u8>, Vec<usize>) {
        let mut bytes = Header { account: [2; 16], first_seq: 5 }.encode().to_vec();
        let mut ends = Vec::new();
        for seq in 5..9 {
            encode(&mut bytes, seq, &Entry::Settled { edit: seq }, &sealer(1, 2)).unwrap();
            ends.push(bytes.len());
        }
        (bytes, ends)
    }

    fn seqs(bytes: &[u8]) -> Vec<u64> {
        let found = scan(bytes, &sealer(1, 2), "a segment").unwrap();
        // Every byte is accounted for, once.
        let head = if found.header.is_some() { HEADER_BYTES } else { 0 };
        let told: usize = found.frames.iter().chain(&found.bad).map(ExactSizeIterator::len).sum();
        assert_eq!(head + told, bytes.len());
        found.entries.into_iter().map(|(seq, _)| seq).collect()
    }

    #[test]
    fn every_cut_keeps_every_whole_frame() {
        let (bytes, ends) = segment();
        for len in 0..=bytes.len() {
            let whole = (5..9).zip(&ends).filter(|(_, end)| **end <= len).map(|(seq, _)| seq);
            assert_eq!(seqs(&bytes[..len]), whole.collect::<Vec<_>>(), "cut to {len}");
        }
    }

    #[test]
    fn every_flip_costs_no_other_frame() {
        let (bytes, ends) = segment();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let hit = ends.iter().position(|end| bit / 8 < *end).unwrap() as u64 + 5;
            let left = (5..9).filter(|seq| bit / 8 < HEADER_BYTES || *seq != hit);
            assert_eq!(seqs(&bad), left.collect::<Vec<_>>(), "bit {bit}");
        }
    }

    #[test]
    fn another_key_or_account_or_a_newer_format_is_told_and_not_taken_for_damage() {
        let (bytes, _) = segment();
        for other in [sealer(9, 2), sealer(1, 3)] {
            assert!(matches!(scan(&bytes, &other, "a segment"), Err(StoreError::Key { .. })));
        }
        let mut newer = bytes;
        newer[8] = 2;
        let crc = crc32c::crc32c(&newer[..HEADER_BYTES - 4]);
        newer[HEADER_BYTES - 4..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
        let told = scan(&newer, &sealer(1, 2), "a segment");
        assert!(matches!(told, Err(StoreError::Schema { found: 2, known: 1, .. })));
    }

    #[test]
    fn a_frame_does_not_pass_for_another_number() {
        let mut bytes = Vec::new();
        encode(&mut bytes, 5, &Entry::Settled { edit: 5 }, &sealer(1, 2)).unwrap();
        bytes[4] = 6;
        let said = bytes.len() - 4;
        let crc = crc32c::crc32c(&bytes[..said]);
        bytes[said..].copy_from_slice(&crc.to_le_bytes());
        assert!(seqs(&bytes).is_empty(), "the sum is right, the seal is not");
    }

    #[test]
    fn an_edit_too_large_for_a_frame_is_refused() {
        let entry = |len| Entry::Rejected {
            edit: 1,
            change: 0,
            reason: crate::domain::Reason::Invalid,
            field: None,
            message: "x".repeat(len),
        };
        let mut out = Vec::new();
        assert!(encode(&mut out, 1, &entry(FRAME_BYTES_MAX - 1000), &sealer(1, 2)).is_ok());
        assert_eq!(seqs(&out), [1], "and what is just small enough is read");
        let len = out.len();
        let told = encode(&mut out, 2, &entry(FRAME_BYTES_MAX), &sealer(1, 2));
        assert!(matches!(told, Err(StoreError::TooLarge { limit: FRAME_BYTES_MAX, .. })));
        assert_eq!(out.len(), len, "nothing of it was put down");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(noise in prop::collection::vec(any::<u8>(), 0..400), at in 0_usize..400) {
            let _whatever = scan(&noise, &sealer(1, 2), "noise");
            // Noise put into a sound segment costs at most the frame it lands in.
            let (mut bytes, ends) = segment();
            let at = at % bytes.len();
            bytes.splice(at..at, noise.iter().copied());
            let left = seqs(&bytes);
            let before = ends.iter().filter(|end| **end <= at).count();
            prop_assert!(left.len() >= ends.len() - 1, "{} left", left.len());
            prop_assert!((5..5 + before as u64).all(|seq| left.contains(&seq)));
        }
    }
}
