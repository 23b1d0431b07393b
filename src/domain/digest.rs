//! Digests of rows: per table and bucket of keys, how many there are and the xor of their hashes. Two copies that are
//! alike have the same digest, however they came to be; one that went wrong is found, and where.
//!
//! The bucket is the first byte of sha256(key); a row's hash the first eight bytes of sha256(key, 0x1f, version), read
//! as a signed number. Buckets without rows are left out.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{Key, Kind};

/// Per table, per bucket (0 to 255, in text): how many rows and the xor of their hashes, in decimal.
pub type Digests = BTreeMap<Kind, BTreeMap<String, (u64, String)>>;

/// The digest of some rows, by key and version. Every table is in it, also those without rows.
pub fn digest(
    tables: &[Kind],
    rows: impl IntoIterator<Item = (impl std::borrow::Borrow<Key>, u64)>,
) -> Digests {
    let mut buckets: BTreeMap<Kind, BTreeMap<u8, (u64, i64)>> =
        tables.iter().map(|kind| (*kind, BTreeMap::new())).collect();
    for (key, version) in rows {
        let key = key.borrow();
        if let Some(table) = buckets.get_mut(&key.kind) {
            let bucket = table.entry(bucket_of(&key.pk)).or_default();
            bucket.0 += 1;
            bucket.1 ^= hash_of(&key.pk, version);
        }
    }
    let text = |(bucket, (count, hash)): (u8, (u64, i64))| (bucket.to_string(), (count, hash.to_string()));
    buckets.into_iter().map(|(kind, table)| (kind, table.into_iter().map(text).collect())).collect()
}

/// How many buckets of each table differ; a table that only one of them has is passed over.
pub fn differing(ours: &Digests, theirs: &Digests) -> BTreeMap<Kind, usize> {
    let mut found = BTreeMap::new();
    for (kind, mine) in ours {
        let Some(other) = theirs.get(kind) else { continue };
        let names: std::collections::BTreeSet<&String> = mine.keys().chain(other.keys()).collect();
        let count = names.into_iter().filter(|name| mine.get(*name) != other.get(*name)).count();
        if count > 0 {
            found.insert(*kind, count);
        }
    }
    found
}

fn bucket_of(pk: &str) -> u8 {
    Sha256::digest(pk.as_bytes())[0]
}

fn hash_of(pk: &str, version: u64) -> i64 {
    let hash =
        Sha256::new().chain_update(pk).chain_update([0x1f]).chain_update(version.to_string()).finalize();
    hash.iter().take(8).fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_found_by_its_bucket() {
        let keys: Vec<Key> = (0..500).map(|n| Key::drone(&format!("drone-{n}"))).collect();
        let of = |rows: Vec<(&Key, u64)>| digest(&[Kind::Drone, Kind::User], rows);
        let all = of(keys.iter().map(|key| (key, 3)).collect());
        assert_eq!(all, of(keys.iter().rev().map(|key| (key, 3)).collect()), "whatever the order");
        assert_eq!(differing(&all, &all), BTreeMap::new());
        let one = [(Kind::Drone, 1)].into();
        assert_eq!(
            differing(&all, &of(keys.iter().skip(1).map(|key| (key, 3)).collect())),
            one,
            "a row less"
        );
        let version = |key: &Key| if key.pk == "drone-7" { 4 } else { 3 };
        assert_eq!(
            differing(&all, &of(keys.iter().map(|key| (key, version(key))).collect())),
            one,
            "a version"
        );
        let user = Key::user(uuid::Uuid::from_u128(1));
        let more = of(keys.iter().map(|key| (key, 3)).chain([(&user, 1)]).collect());
        assert_eq!(differing(&all, &more), [(Kind::User, 1)].into());
    }
}
