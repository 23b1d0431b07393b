//! What must hold, and who says that it does not.
//!
//! `Ledger` follows every edit that a device called saved: it is in the outbox, or the server took it, or a person let
//! go of it; and what the outbox says of it is what the server said. The other checks compare a device with what the
//! server showed it, and with itself after a restart.

use std::collections::BTreeMap;

use flyos::domain::{Change, Fields, Key, Kind, Op, World, scope};
use flyos::remote::wire::{OpKind, OpResult, OpWire, Outcome};
use flyos::sandbox::engine::{Caller, Engine};
use flyos::store::replica::{Fate, Pending, Replica};
use flyos::store::{Edit, Entry, Seen};

use crate::server::History;
use crate::tally::{Counts, Tally};

/// Something that must hold does not.
#[derive(Clone, Debug)]
pub struct Broken {
    pub oracle: &'static str,
    pub what: String,
}

pub type Check<T = ()> = Result<T, Broken>;

pub fn broken<T>(oracle: &'static str, what: impl Into<String>) -> Check<T> {
    Err(Broken { oracle, what: what.into() })
}

pub fn holds(is_so: bool, oracle: &'static str, what: impl FnOnce() -> String) -> Check {
    if is_so { Ok(()) } else { broken(oracle, what()) }
}

/// What the server ever said of one change.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of its own, and a change may have heard them all"
)]
struct Part {
    /// Under which id it was last made ready for sending. Answers to others are of what is not wanted any more.
    id: Option<uuid::Uuid>,
    taken: bool,
    conflict: bool,
    rejected: bool,
    gone: bool,
}

/// One edit's life.
#[derive(Clone, Debug)]
struct Story {
    edit: Edit,
    /// Its author was told that it is saved.
    told: bool,
    discarded: bool,
    /// Its author let go of it, and the disk may or may not have it.
    perhaps: bool,
    /// How often a person, or a fold, made something else of it.
    decisions: u32,
    parts: Vec<Part>,
    /// Which of the server's histories the versions of its answer are of.
    history: Option<History>,
    /// The rows that followed from it, in the version they had then.
    effects: Vec<Seen>,
}

/// Every edit that may still be heard of, by device and number.
#[derive(Debug)]
pub struct Ledger {
    open: Vec<BTreeMap<u64, Story>>,
    /// Edits that left the outbox. A start that does not find this written down has them in it once more.
    closed: Vec<BTreeMap<u64, Story>>,
    pub counts: Counts,
}

impl Ledger {
    pub fn new(devices: usize) -> Self {
        let none = || vec![BTreeMap::new(); devices];
        Self { open: none(), closed: none(), counts: Counts::default() }
    }

    pub fn saved(&mut self, device: usize, seq: u64, edit: Edit, told: bool) {
        let parts = vec![Part::default(); edit.changes.len()];
        self.open[device].insert(
            seq,
            Story {
                edit,
                told,
                discarded: false,
                perhaps: false,
                decisions: 0,
                parts,
                history: None,
                effects: Vec::new(),
            },
        );
    }

    pub fn discarded(&mut self, device: usize, seq: u64) {
        if let Some(story) = self.open[device].get_mut(&seq) {
            story.discarded = true;
        }
    }

    /// A person let go of an edit, and the disk refused to write it down.
    pub fn perhaps_discarded(&mut self, device: usize, seq: u64) {
        if let Some(story) = self.open[device].get_mut(&seq) {
            story.perhaps = true;
        }
    }

    /// Edits on the disk that nobody was told were saved.
    pub fn found(&mut self, device: usize, entries: &[(u64, Entry)]) {
        for (seq, entry) in entries {
            if let Entry::Edit(edit) = entry
                && !self.open[device].contains_key(seq)
                && !self.closed[device].contains_key(seq)
            {
                self.counts.add(Tally::Returned);
                self.saved(device, *seq, edit.clone(), false);
            }
        }
    }

    /// An edit says something else from now on, and takes the place of others: a decision, or a fold.
    pub fn rewritten(&mut self, device: usize, entries: &[(u64, Entry)]) {
        for (_, entry) in entries {
            if let Entry::Sent { edit, ids } = entry
                && let Some(story) = self.story(device, *edit)
            {
                story.parts.iter_mut().zip(ids).for_each(|(part, id)| part.id = Some(*id));
            }
            let Entry::Rewritten { edit, changes, drops, gone } = entry else { continue };
            self.counts.add(if gone.is_empty() { Tally::Decided } else { Tally::Folded });
            let empty = changes.is_empty().then_some(edit);
            for seq in gone.iter().chain(empty) {
                if let Some(mut story) = self.open[device].remove(seq) {
                    // Another edit says it now; what an older life of the server took is no matter.
                    story.parts.fill(Part::default());
                    self.closed[device].insert(*seq, story);
                }
            }
            if let Some(story) = self.open[device].get_mut(edit) {
                story.edit.changes.clone_from(changes);
                story.edit.drops.clone_from(drops);
                story.parts = vec![Part::default(); changes.len()];
                story.decisions += 1;
            }
        }
    }

    /// At a quiet point: whatever got in once is known to the server, also to one that was restored since.
    pub fn is_known(&self, device: usize, engine: &Engine) -> Check {
        for (seq, story) in &self.closed[device] {
            let taken = story.parts.iter().all(|part| part.taken) && !story.discarded && !story.perhaps;
            for part in story.parts.iter().filter(|_| taken) {
                let known = part.id.is_some_and(|id| engine.claim(id).is_some());
                holds(known, "what got in once is not forgotten", || {
                    format!("device {device}: edit {seq} under {:?}: {:?}", part.id, story.edit)
                })?;
            }
        }
        Ok(())
    }

    /// The edit, whether or not it left the outbox: a restored server is asked about it once more.
    fn story(&mut self, device: usize, seq: u64) -> Option<&mut Story> {
        let open = self.open[device].get_mut(&seq);
        open.or_else(|| self.closed[device].get_mut(&seq))
    }

    /// Is this the edit as it is meant now? After a decision it is sent under other ids.
    pub fn is_wanted(&self, device: usize, op: &OpWire) -> bool {
        let (seq, place) = place_of(op);
        let story = self.open[device].get(&seq).or_else(|| self.closed[device].get(&seq));
        story.and_then(|story| story.parts.get(place)).is_some_and(|part| part.id == Some(op.id))
    }

    /// How often something else was made of the edit.
    pub fn decisions(&self, device: usize, op: &OpWire) -> u32 {
        let seq = place_of(op).0;
        let story = self.open[device].get(&seq).or_else(|| self.closed[device].get(&seq));
        story.map_or(0, |story| story.decisions)
    }

    /// The server's answer to one operation, whether or not it arrives.
    pub fn answered(&mut self, device: usize, op: &OpWire, result: &OpResult, engine: &Engine) {
        if !self.is_wanted(device, op) {
            return;
        }
        let (seq, place) = place_of(op);
        let Some(story) = self.story(device, seq) else { return };
        if !result.replayed {
            let history = Some((engine.epoch(), engine.min_xid()));
            if story.history != history {
                (story.history, story.effects) = (history, Vec::new());
            }
            if let Outcome::Applied { effects, .. } | Outcome::Merged { effects, .. } = &result.outcome {
                let keys = effects.iter().filter_map(|(kind, pk)| Key::parse(*kind, pk));
                let versions = keys.filter_map(|key| Some(Seen { v: engine.state(&key)?.ver, key }));
                story.effects.extend(versions);
            }
        }
        let Some(part) = story.parts.get_mut(place) else { return };
        match &result.outcome {
            Outcome::Applied { .. } | Outcome::Merged { .. } | Outcome::Noop { .. } => part.taken = true,
            Outcome::Conflict { .. } => part.conflict = true,
            Outcome::Rejected { .. } => part.rejected = true,
            Outcome::Gone => part.gone = true,
            Outcome::Blocked { .. } | Outcome::Retry { .. } | Outcome::IdReused => {}
        }
    }

    /// What followed from the edit, where it was answered in that history.
    pub fn effects(&self, device: usize, seq: u64, history: History) -> Option<&[Seen]> {
        let story = self.open[device].get(&seq).filter(|story| story.history == Some(history));
        story.map(|story| story.effects.as_slice())
    }

    /// Holds the outbox of a device against what is known of its edits; closes those that are done with.
    pub fn reconcile(&mut self, device: usize, replica: &Replica) -> Check {
        const LOST: &str = "no saved edit is lost";
        for pending in replica.outbox() {
            if let Some(story) = self.closed[device].remove(&pending.seq) {
                self.open[device].insert(pending.seq, story);
            }
        }
        let mut done = Vec::new();
        for (seq, story) in &self.open[device] {
            let taken = story.parts.iter().all(|part| part.taken);
            let Some(pending) = replica.pending(*seq) else {
                let excused = taken || story.discarded || story.perhaps || !story.told;
                holds(excused, LOST, || {
                    format!("device {device}: edit {seq} is not in the outbox: {:?}", story.edit)
                })?;
                done.push((*seq, taken && !story.discarded));
                continue;
            };
            holds(!story.discarded, "what a person let go of stays away", || {
                format!("device {device}: edit {seq}")
            })?;
            holds(pending.edit == story.edit, LOST, || {
                format!("device {device}: edit {seq} was {:?} and is {:?}", story.edit, pending.edit)
            })?;
            let part = |change: usize| story.parts.get(change).cloned().unwrap_or_default();
            let justified = match &pending.fate {
                Fate::Waiting | Fate::Sent => true,
                Fate::Acked { .. } => taken,
                Fate::Conflict { change, .. } => part(*change).conflict,
                Fate::Rejected { change, .. } => part(*change).rejected,
                Fate::Gone { change } => part(*change).gone,
            };
            holds(justified, "an edit's fate is what the server said", || {
                format!("device {device}: edit {seq} is {:?}; {:?}", pending.fate, story.parts)
            })?;
        }
        for (seq, settled) in done {
            if settled {
                self.counts.add(Tally::Settled);
            }
            if let Some(story) = self.open[device].remove(&seq) {
                self.closed[device].insert(seq, story);
            }
        }
        let unknown = replica.outbox().find(|pending| !self.open[device].contains_key(&pending.seq));
        holds(unknown.is_none(), LOST, || format!("device {device}: {unknown:?} is nobody's"))
    }
}

/// Number of the edit, and which of its changes.
fn place_of(op: &OpWire) -> (u64, usize) {
    (op.seq >> 10, usize::try_from(op.seq & 1023).unwrap_or_default())
}

/// Which rows at which versions a caller was shown, when the server had no more for them.
pub type Shown = BTreeMap<Key, u64>;

/// What the server shows a caller now.
pub fn shown(engine: &Engine, caller: &Caller) -> Shown {
    let live = engine.states().filter(|(_, state)| !state.deleted);
    let seen = live.filter(|(_, state)| scope::meet(&caller.scopes, &state.scopes));
    seen.map(|(key, state)| (key.clone(), state.ver)).collect()
}

/// Do the scopes say the same as the policy?
pub fn scopes_are_the_policy(engine: &Engine, caller: &Caller, shown: &Shown) -> Check {
    for kind in Kind::ALL {
        for key in engine.world().keys(kind) {
            let Some(record) = engine.world().get(&key) else { continue };
            let may = flyos::domain::policy::may_see(&caller.actor, engine.world(), &record);
            holds(may == shown.contains_key(&key), "scopes say what the policy says", || {
                format!("{key} for {:?}: policy {may}", caller.actor)
            })?;
        }
    }
    Ok(())
}

/// After a drained pull a device has what it was shown, and nothing else.
pub fn has_what_was_shown(device: usize, replica: &Replica, shown: &Shown) -> Check {
    const EQUAL: &str = "after a drained pull a device has what the server shows it";
    let mut count = 0;
    for (key, v, scopes) in replica.versions() {
        count += 1;
        let there = shown.get(&key);
        holds(there.is_some(), "no row outside the scopes after a drained pull", || {
            format!("device {device} holds {key} at {v} with {scopes:?}")
        })?;
        holds(there == Some(&v), EQUAL, || format!("device {device}: {key} at {v}, shown at {there:?}"))?;
    }
    holds(count == shown.len(), EQUAL, || {
        let lacks: Vec<_> = shown.keys().filter(|key| !replica.is_known(key)).collect();
        format!("device {device} lacks {lacks:?}")
    })
}

/// Every base row meets these scopes.
pub fn is_within(device: usize, replica: &Replica, now: &[String]) -> Check {
    let outside = replica.versions().find(|(_, _, scopes)| !scope::meet(now, scopes));
    holds(outside.is_none(), "narrower scopes hold at once", || {
        format!("device {device} of {now:?} holds {outside:?}")
    })
}

/// At a quiet point: contents, versions and scopes are the server's.
pub fn equals_the_server(device: usize, replica: &Replica, engine: &Engine, caller: &Caller) -> Check {
    const EQUAL: &str = "after quiet a device equals the server";
    let mut theirs = World::default();
    for (key, row) in replica.base_rows() {
        let Some(row) = row else { continue };
        let truth = engine.world().get(&key);
        holds(truth.as_ref() == Some(&row.row), EQUAL, || {
            format!("device {device}: {key} is {:?}, and on the server {truth:?}", row.row)
        })?;
        let state = engine.state(&key).map(|state| state.scopes.clone()).unwrap_or_default();
        let all = caller.scopes.iter().any(|scope| scope == "*");
        let mine = |scope: &&String| all || caller.scopes.contains(scope);
        let (here, there): (Vec<_>, Vec<_>) =
            (row.scopes.iter().filter(mine).collect(), state.iter().filter(mine).collect());
        holds(all || here == there, EQUAL, || {
            format!("device {device}: {key} has scopes {here:?}, {there:?}")
        })?;
        if let Some(record) = truth {
            theirs.put(record);
        }
    }
    let bare = replica.outbox().all(|pending| pending.touched.is_empty());
    holds(!bare || *replica.view() == theirs, "without edits, what is seen is the server's", || {
        format!("device {device}: {:?}", replica.view())
    })
}

/// Memory is what a start would make of the same disk.
pub fn equals_restart(device: usize, live: &Replica, read: &Replica) -> Check {
    const SAME: &str = "memory is what a restart reads";
    holds(live.view() == read.view(), SAME, || {
        format!("device {device}: the views differ\nlive {:?}\nread {:?}", live.view(), read.view())
    })?;
    let fate = |pending: &Pending| match &pending.fate {
        Fate::Acked { v, .. } => Fate::Acked { v: v.clone(), pulls: 0 },
        other => other.clone(),
    };
    let numbers = |replica: &Replica| replica.outbox().map(|pending| pending.seq).collect::<Vec<_>>();
    holds(numbers(live) == numbers(read), SAME, || {
        format!("device {device}: the outboxes differ: {:?} and {:?}", numbers(live), numbers(read))
    })?;
    for (a, b) in live.outbox().zip(read.outbox()) {
        let same = (&a.edit, &a.ids, a.blocked, &a.touched) == (&b.edit, &b.ids, b.blocked, &b.touched)
            && fate(a) == fate(b);
        holds(same, SAME, || format!("device {device}: an edit differs\nlive {a:?}\nread {b:?}"))?;
    }
    Ok(())
}

/// Does an edit need the row of an earlier one, or a row that it makes?
fn needs(later: &Edit, earlier: &Edit) -> bool {
    let names = |change: &Change, pk: &str| {
        change.set().is_some_and(|set| set.values().flatten().any(|value| value == pk))
            || change.key.pair().is_some() && change.key.pk.split(':').any(|half| half == pk)
    };
    earlier.changes.iter().any(|before| {
        later.changes.iter().any(|change| {
            change.key == before.key
                || matches!(before.op, Op::Insert { .. }) && names(change, &before.key.pk)
        })
    })
}

/// A push says what its edits said, in order, and runs ahead of none that they build on.
pub fn push_is_sound(device: usize, replica: &Replica, sent: &[Pending], ops: &[OpWire]) -> Check {
    const ORDER: &str = "an edit goes out after what it builds on, never past what needs a person";
    let mut ops = ops.iter();
    for pending in sent {
        let unsent = replica.outbox().take_while(|it| it.seq < pending.seq && it.fate.is_unsent());
        let unsent = unsent.filter(|it| needs(&pending.edit, &it.edit));
        let forerunners: Vec<_> = unsent.flat_map(|it| it.ids.iter().copied()).collect();
        for (change, id) in pending.edit.changes.iter().zip(&pending.ids) {
            let Some(op) = ops.next() else { return broken(ORDER, "an operation is missing") };
            holds(
                forerunners.iter().all(|id| op.deps.contains(id)),
                "an edit names what it builds on",
                || format!("device {device}: {op:?} lacks one of {forerunners:?}"),
            )?;
            let takes = pending.edit.drops.is_some()
                && matches!(op.t, Kind::User | Kind::Drone)
                && (op.k == OpKind::Delete || op.k == OpKind::Update && op.set.contains_key("region_id"));
            holds(!takes || op.drops.is_some(), "an edit names the assignments that go with it", || {
                format!("device {device}: {op:?}")
            })?;
            let same = op.id == *id
                && op.pk == change.key.pk
                && op.set == change.set().cloned().unwrap_or_default()
                && bases_agree(change, op);
            holds(same, "what is sent is what was saved", || {
                format!("device {device}: {op:?} of {change:?}")
            })?;
        }
        for earlier in replica.outbox().take_while(|other| other.seq < pending.seq) {
            let along = sent.iter().any(|other| other.seq == earlier.seq);
            let open = earlier.fate.needs_you() || (earlier.fate.is_unsent() && !along);
            holds(!open || !needs(&pending.edit, &earlier.edit), ORDER, || {
                format!("device {device}: {} before {} ({:?})", pending.seq, earlier.seq, earlier.fate)
            })?;
        }
    }
    Ok(())
}

fn bases_agree(change: &Change, op: &OpWire) -> bool {
    let (Op::Update { base, .. } | Op::Delete { base }) = &change.op else { return op.base.is_empty() };
    let own = |name: &String| change.key.kind.field(name).is_some_and(|field| !field.server);
    let lacks = base.keys().any(|name| own(name) && !op.base.contains_key(name));
    !lacks && op.base.iter().all(|(name, value)| base.get(name) == Some(value))
}

/// The values a field had before an operation took it, where that is known.
pub fn overwrote(op: &OpWire, before: &Fields) -> Check {
    for (name, wanted) in &op.set {
        let (was, now) = (op.base.get(name).cloned().flatten(), before.get(name).cloned().flatten());
        holds(now == was || now == *wanted, "nothing is overwritten that its author did not see", || {
            format!("{} {}: {name} was {now:?}, seen as {was:?}, set to {wanted:?}", op.t, op.pk)
        })?;
    }
    Ok(())
}
