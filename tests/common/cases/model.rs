//! A case by the domain alone: what a push is to come to, in the order that the protocol gives: the key, the values,
//! what the row is to the person, who may, the three-way merge, the rules.

use flyos::domain::rules::{self, Step};
use flyos::domain::{Actor, Change, Key, Kind, Op, Reason, Refusal, World, merge, policy};
use flyos::remote::wire::OpKind;

use super::{Answer, Case, Edit, Told, foreseen};

/// Answers a case that begins from these rows.
pub fn answer(start: &World, case: &Case) -> Answer {
    let mut world = start.clone();
    administer(&mut world, case, &case.first);
    let seen = world.clone();
    administer(&mut world, case, &case.meanwhile);
    let before = world.clone();
    let edits = case.edits.len();
    let person = world.users().find(|user| *user.email == case.email());
    let person = person.unwrap_or_else(|| panic!("{}: nobody is {}", case.name, case.email()));
    let Some(actor) = Actor::of(person) else {
        let told = vec![Told("must inactive".to_owned()); edits];
        return Answer { told, effects: vec![Vec::new(); edits], after: before.clone(), before };
    };
    let was_seen = |key: &Key| seen.get(key).is_some_and(|row| policy::may_see(&actor, &seen, &row));
    let (told, effects) = push(&mut world, &seen, &was_seen, &actor, &case.edits);
    Answer { told, effects, before, after: world }
}

fn administer(world: &mut World, case: &Case, edits: &[Edit]) {
    for edit in edits {
        let change = edit.change(world);
        let done = rules::carry_out_one(world, None, &change);
        done.unwrap_or_else(|refusal| panic!("{}: the start is refused: {refusal}", case.name));
    }
}

/// The edits of one group: all or nothing. `seen` is what the person looked at when making them; `was_seen` says of a
/// deleted row whether they could see it until then.
pub fn push(
    world: &mut World,
    seen: &World,
    was_seen: &dyn Fn(&Key) -> bool,
    actor: &Actor,
    edits: &[Edit],
) -> (Vec<Told>, Vec<Vec<Key>>) {
    let start = world.clone();
    let (mut told, mut effects) = (Vec::new(), Vec::new());
    let foreseen = foreseen(seen, edits);
    for (n, edit) in edits.iter().enumerate() {
        match one(world, seen, was_seen, actor, edit, foreseen[n].as_deref()) {
            Ok((verdict, step)) => {
                told.push(Told(verdict.to_owned()));
                effects.push(step.map(|step| keys_of(&step)).unwrap_or_default());
            }
            Err(culprit) => {
                *world = start;
                told = vec![Told("blocked".to_owned()); edits.len()];
                told[n] = culprit;
                return (told, vec![Vec::new(); edits.len()]);
            }
        }
    }
    (told, effects)
}

fn keys_of(step: &Step) -> Vec<Key> {
    let mut keys: Vec<Key> = step.effects.iter().map(|change| change.key.clone()).collect();
    keys.retain(|key| *key != step.change.key);
    keys.sort();
    keys.dedup();
    keys
}

fn refused(refusal: &Refusal) -> Told {
    Told::refused(refusal.reason, refusal.field.as_deref())
}

fn one(
    world: &mut World,
    seen: &World,
    was_seen: &dyn Fn(&Key) -> bool,
    actor: &Actor,
    edit: &Edit,
    foreseen: Option<&[String]>,
) -> Result<(&'static str, Option<Step>), Told> {
    let key = Key::parse(edit.kind, &edit.pk).ok_or_else(|| Told::refused(Reason::Invalid, Some("id")))?;
    if edit.k != OpKind::Delete {
        rules::check_values(edit.kind, &edit.set, edit.k == OpKind::Insert)
            .map_err(|refusal| refused(&refusal))?;
    }
    let row = world.get(&key).filter(|row| policy::may_see(actor, world, row));
    let wish = match edit.k {
        OpKind::Insert => Op::Insert { set: edit.set.clone() },
        OpKind::Update => Op::Update { base: edit.base(seen), set: edit.set.clone() },
        OpKind::Delete => Op::Delete { base: edit.base(seen) },
    };
    let wish = Change { key: key.clone(), op: wish };
    if edit.k != OpKind::Insert && !world.has(&key) && was_seen(&key) {
        return if edit.k == OpKind::Delete { Ok(("noop", None)) } else { Err(Told("gone".to_owned())) };
    }
    policy::permit_change(actor, world, &wish).map_err(|refusal| refused(&refusal))?;
    let (change, merged) = match wish.op {
        Op::Insert { ref set } => {
            if world.has(&key) {
                let same = row.is_some_and(|row| set.iter().all(|(name, value)| row.get(name) == *value));
                let field = if edit.kind == Kind::Assignment { "drone_id" } else { "id" };
                return if same {
                    Ok(("noop", None))
                } else {
                    Err(Told::refused(Reason::Unique, Some(field)))
                };
            }
            (wish, false)
        }
        Op::Update { base, set } => {
            let row = row.expect("the policy lets nobody change what is not there");
            let theirs = row.fields();
            let merged = merge::three_way(edit.kind, &base, &set, &theirs);
            if !merged.clashes.is_empty() {
                let names: Vec<_> = merged.clashes.keys().cloned().collect();
                return Err(Told::conflict(&names, &[]));
            }
            let beside =
                base.iter().any(|(name, was)| !set.contains_key(name) && theirs.get(name) != Some(was));
            match Change::update(&row, &merged.apply) {
                Some(change) => (change, merged.moved || beside),
                None => return Ok(("noop", None)),
            }
        }
        Op::Delete { base } => {
            let row = row.expect("the policy lets nobody delete what is not there");
            let mut names: Vec<_> =
                base.iter().filter(|(name, was)| row.get(name) != **was).map(|(n, _)| n).collect();
            names.retain(|name| {
                *name == "assigned_at" || edit.kind.field(name).is_some_and(|field| !field.server)
            });
            if !names.is_empty() {
                let names: Vec<_> = names.into_iter().cloned().collect();
                return Err(Told::conflict(&names, &[]));
            }
            (Change::delete(&row), false)
        }
    };
    let others = foreseen.map(|seen| rules::unforeseen(world, &change, seen)).unwrap_or_default();
    if !others.is_empty() {
        return Err(Told::conflict(&[], &others));
    }
    let step = rules::carry_out_one(world, Some(actor), &change).map_err(|refusal| refused(&refusal))?;
    Ok((if merged { "merged" } else { "applied" }, Some(step)))
}
