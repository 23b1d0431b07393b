//! Taking in what pulls bring: pages, notices, narrower scopes, whole new generations.

use std::collections::BTreeSet;

use super::overlay::rows_of;
use super::{Fate, Pulled, Replica};
use crate::domain::{Key, Record, scope};
use crate::store::cache::{CachedRow, Meta};
use crate::store::entry::Seen;

/// What a page came to.
#[derive(Debug, Default)]
pub struct Taken {
    /// What the cache has to write.
    pub writes: Vec<(Key, Option<CachedRow>)>,
    /// Edits that left the outbox; the journal has to say so, some time.
    pub settled: Vec<u64>,
}

impl Replica {
    /// A pull begins at its first page; its number is given back with each page.
    pub fn begin_pull(&mut self) -> u64 {
        self.pulls_begun += 1;
        self.pulls_begun
    }

    /// The server asked for everything anew: what is shown stays until the new generation is in.
    pub fn begin_generation(&mut self) {
        self.loading = Some(BTreeSet::new());
        self.meta.cursor = None;
        self.meta.reloading = true;
    }

    /// Takes in one page. Versions decide: an older row than ours is passed over, an equal one only brings its
    /// scopes. `drained`: the number of the pull whose last page it was.
    pub fn take_page(&mut self, page: Vec<Pulled>, meta: Meta, drained: Option<u64>) -> Taken {
        let Meta { applied_seq, settled, back, .. } = std::mem::take(&mut self.meta);
        self.meta = Meta {
            applied_seq,
            settled,
            back,
            reloading: self.loading.is_some() && drained.is_none(),
            ..meta
        };
        if page.is_empty() && self.loading.is_none() && self.settled(drained).is_empty() {
            return Taken::default();
        }
        // A reload may take any row away; else only what the page is about is laid on anew.
        let part = self.loading.is_none().then(|| {
            let settled = self.settled(drained);
            let settled = settled.iter().filter_map(|seq| self.outbox.get(seq)).flat_map(rows_of);
            let part = self.part(page.iter().map(|pulled| &pulled.key).chain(settled).cloned());
            self.take_off_part(&part);
            part
        });
        if part.is_none() {
            self.take_off();
        }
        let mut writes = Vec::with_capacity(page.len());
        for pulled in page {
            writes.extend(self.take_row(pulled));
        }
        if drained.is_some()
            && let Some(kept) = self.loading.take()
        {
            let left: Vec<Key> =
                self.base.iter(&self.view).map(|(key, ..)| key).filter(|key| !kept.contains(key)).collect();
            let left = left.into_iter().filter(|_| !crate::bugs::bug("reload_keeps_rows"));
            writes.extend(left.map(|key| self.drop_base(key)));
        }
        // What the base has now leaves the overlay at once, so that nothing flickers.
        let settled = self.settled(drained);
        for seq in &settled {
            self.leave(*seq);
        }
        self.meta.settled.extend(&settled);
        self.meta.back.retain(|edit| !settled.contains(edit));
        match part {
            Some(part) => self.relay_part(&part),
            None => self.relay(),
        }
        Taken { writes, settled }
    }

    fn take_row(&mut self, pulled: Pulled) -> Option<(Key, Option<CachedRow>)> {
        let Pulled { key, v, row, deleted } = pulled;
        let Some((fields, scopes)) = row else {
            // A notice older than what we hold is about an earlier life of the row.
            self.version(&key).filter(|ours| *ours <= v)?;
            if deleted && self.about.contains_key(&key) {
                self.gone.extend(self.view.get(&key).map(|row| (key.clone(), row)));
            }
            return Some(self.drop_base(key));
        };
        // After a resync versions of two generations are not compared.
        let fresh = self.loading.as_mut().is_some_and(|kept| kept.insert(key.clone()));
        if !fresh
            && let Some((ours, by)) = self.base.get(&self.view, &key)
            && (ours > v || (ours == v && *by == *scopes))
        {
            return None;
        }
        let record = Record::from_fields(&key, &fields)?;
        self.show(record.clone());
        self.base.insert(&self.view, &key, v, &scopes);
        Some((key, Some(CachedRow { v, scopes, row: record })))
    }

    /// The server let me in no further: whoever I was here, I may do nothing until a page says otherwise.
    pub fn shut(&mut self) {
        self.meta.shut = !crate::bugs::bug("shut_ignored");
        self.gone.clear();
    }

    fn drop_base(&mut self, key: Key) -> (Key, Option<CachedRow>) {
        self.hide(&key);
        self.base.remove(&key);
        (key, None)
    }

    /// My scopes became these: rows that none of them meets go at once.
    pub fn narrow(&mut self, now: &[String], meta: Meta) -> Vec<(Key, Option<CachedRow>)> {
        self.gone.clear();
        self.take_off();
        let gone: Vec<Key> = self
            .base
            .iter(&self.view)
            .filter(|(_, _, by)| !scope::meet(now, by) && !crate::bugs::bug("narrow_keeps_rows"))
            .map(|(key, ..)| key)
            .collect();
        let writes = gone.into_iter().map(|key| self.drop_base(key)).collect();
        let Meta { applied_seq, settled, back, reloading, .. } = std::mem::take(&mut self.meta);
        // Who I am now comes with the next page; until then nobody edits by an older role.
        self.meta = Meta { applied_seq, settled, back, reloading, who: None, ..meta };
        self.relay();
        writes
    }

    /// Acknowledged edits whose result the base now has.
    fn settled(&self, drained: Option<u64>) -> Vec<u64> {
        let done = self.outbox.values().filter(|pending| match &pending.fate {
            Fate::Acked { v, pulls } => {
                drained.is_some_and(|number| number > *pulls || crate::bugs::bug("any_pull_settles"))
                    || self.has(v)
            }
            _ => false,
        });
        done.map(|pending| pending.seq).collect()
    }

    fn has(&self, seen: &[Seen]) -> bool {
        seen.iter().all(|seen| self.version(&seen.key).is_some_and(|v| v >= seen.v))
    }

    /// The journal says of these, up to its entry `seq`, that they left the outbox.
    pub fn settled_by(&mut self, seq: u64, settled: &BTreeSet<u64>) {
        self.meta.applied_seq = self.meta.applied_seq.max(seq);
        self.meta.settled.retain(|edit| !settled.contains(edit));
    }
}
