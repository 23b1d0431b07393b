//! Digests: per table and bucket of keys, how many rows a caller may see and the xor of their hashes, so
//! that a copy that went wrong is found and only the differing buckets are loaded again.
//!
//! The bucket is the first byte of sha256(key); a row's hash the first eight bytes of
//! sha256(key, 0x1f, version), read as a signed number. Buckets without rows are left out.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::{Caller, Engine};
use crate::domain::{Key, Kind, policy, scope};
use crate::remote::wire::Digests;

impl Engine {
    pub fn digest(&self, caller: &Caller, tables: &[Kind]) -> Digests {
        tables.iter().map(|kind| (*kind, self.digest_table(caller, *kind))).collect()
    }

    fn digest_table(&self, caller: &Caller, kind: Kind) -> BTreeMap<String, (u64, String)> {
        let mut buckets: BTreeMap<u8, (u64, i64)> = BTreeMap::new();
        let rows =
            self.states.range(Key { kind, pk: String::new() }..).take_while(|(key, _)| key.kind == kind);
        for (key, state) in rows {
            if state.deleted || !scope::meet(&caller.scopes, &state.scopes) {
                continue;
            }
            if self.world.get(key).is_some_and(|record| policy::may_see(&caller.actor, &self.world, &record))
            {
                let bucket = buckets.entry(bucket_of(&key.pk)).or_default();
                bucket.0 += 1;
                bucket.1 ^= hash_of(&key.pk, state.ver);
            }
        }
        let texts = buckets
            .into_iter()
            .map(|(bucket, (count, hash))| (bucket.to_string(), (count, hash.to_string())));
        texts.collect()
    }
}

fn bucket_of(pk: &str) -> u8 {
    Sha256::digest(pk.as_bytes())[0]
}

fn hash_of(pk: &str, ver: u64) -> i64 {
    let hash = Sha256::new().chain_update(pk).chain_update([0x1f]).chain_update(ver.to_string()).finalize();
    hash.iter().take(8).fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte))
}
