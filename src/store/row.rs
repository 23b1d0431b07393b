//! A cached row as bytes, before it is sealed.
//!
//! `kind u8 | v u64 | pk | n scopes | n (column, value?)`, texts with their length before them. A hundred
//! thousand rows are read at every start, and this reads some three times faster than JSON would. The cache
//! is rebuilt rather than migrated, so `SCHEMA` is all the care that a change of this format needs.

use crate::domain::{Fields, Key, Kind};

/// A row as the server gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CachedRow {
    /// The server's version of the row.
    pub v: u64,
    pub scopes: Vec<String>,
    pub row: Fields,
}

/// A null value's length.
const NULL: u32 = u32::MAX;

fn kind_byte(kind: Kind) -> u8 {
    match kind {
        Kind::Region => 1,
        Kind::User => 2,
        Kind::Drone => 3,
        Kind::Assignment => 4,
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    // A count past this would be gigabytes of row; cut short it fails to decode rather than lie.
    out.extend_from_slice(&u32::try_from(count).unwrap_or(NULL - 1).to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn encode(key: &Key, row: &CachedRow) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.push(kind_byte(key.kind));
    out.extend_from_slice(&row.v.to_le_bytes());
    put_text(&mut out, &key.pk);
    put_count(&mut out, row.scopes.len());
    row.scopes.iter().for_each(|scope| put_text(&mut out, scope));
    put_count(&mut out, row.row.len());
    for (name, value) in &row.row {
        put_text(&mut out, name);
        match value {
            Some(text) => put_text(&mut out, text),
            None => out.extend_from_slice(&NULL.to_le_bytes()),
        }
    }
    out
}

/// `None` for bytes that `encode` did not make.
pub(super) fn decode(bytes: &[u8]) -> Option<(Key, CachedRow)> {
    let mut from = Reader(bytes);
    let byte = from.array::<1>()?[0];
    let kind = Kind::ALL.into_iter().find(|kind| kind_byte(*kind) == byte)?;
    let v = u64::from_le_bytes(from.array()?);
    let pk = from.text()??;
    let scopes = (0..from.count()?).map(|_| from.text().flatten()).collect::<Option<_>>()?;
    let row = (0..from.count()?).map(|_| Some((from.text()??, from.text()?))).collect::<Option<_>>()?;
    from.0.is_empty().then_some((Key { kind, pk }, CachedRow { v, scopes, row }))
}

/// Takes from the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn count(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// `Some(None)` is null.
    #[expect(clippy::option_option, reason = "no text, null and a text are three answers")]
    fn text(&mut self) -> Option<Option<String>> {
        let len = self.count()?;
        if len == NULL {
            return Some(None);
        }
        let (taken, rest) = self.0.split_at_checked(usize::try_from(len).ok()?)?;
        self.0 = rest;
        String::from_utf8(taken.to_vec()).ok().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_survive_and_no_bytes_panic(
            pk in ".{0,20}", v: u64, scopes in prop::collection::vec(".{0,9}", 0..4),
            row in prop::collection::btree_map("[a-z]{1,9}", prop::option::of(".{0,20}"), 0..9),
            cut in 0_usize..200, noise in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let key = Key { kind: Kind::Drone, pk };
            let row = CachedRow { v, scopes, row };
            let bytes = encode(&key, &row);
            prop_assert_eq!(decode(&bytes), Some((key, row)));
            prop_assert_eq!(decode(&bytes[..cut.min(bytes.len() - 1)]), None);
            let _whatever = decode(&noise);
        }
    }
}
