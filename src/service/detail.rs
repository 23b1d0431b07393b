//! One row with everything that belongs to it, and what may be done with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cells::{self, value_text};
use super::{Choice, OutboxLine, RowView, Verb, VerbState, list, words};
use crate::domain::{Actor, Deed, FieldType, Fields, Key, Kind, Record, User, World, policy, rules};
use crate::store::replica::Replica;

/// One row with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    pub row: RowView,
    pub lines: Vec<DetailLine>,
    pub related: Vec<Related>,
    pub alerts: Vec<String>,
    /// Unsent, refused and conflicting edits of this row, newest first.
    pub edits: Vec<OutboxLine>,
    /// The stored values, to fill a form with.
    pub fields: Fields,
    /// The fields I may not change, with the reason.
    pub locked: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailLine {
    pub title: String,
    pub text: String,
    /// What the server has, where an unsent edit changes it.
    pub was: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    pub title: String,
    pub items: Vec<(Key, String)>,
}

/// Related rows shown, at most: a region may have thousands.
const RELATED_MAX: usize = 200;
/// Choices offered, at most.
const CHOICES_MAX: usize = 5000;

pub(super) fn show(replica: &Replica, actor: Option<&Actor>, key: &Key) -> Option<Detail> {
    let world = replica.view();
    let row = list::row_view(replica, key)?;
    let record = world.get(key).or_else(|| replica.ghost(key))?;
    let base = replica.base_row(key).filter(|_| row.mark.is_some());
    let lines = key.kind.fields().iter().filter(|field| field.name != "id" && field.name != "auth_user_id");
    let lines = lines.map(|field| {
        let now = record.get(field.name);
        let was = base.as_ref().map(|base| base.get(field.name)).filter(|was| *was != now);
        DetailLine {
            title: field.title.to_owned(),
            text: value_text(world, field.name, &now),
            was: was.map(|was| value_text(world, field.name, &was)),
        }
    });
    Some(Detail {
        lines: lines.collect(),
        related: related(world, &record),
        alerts: cells::alerts(world, &record),
        edits: replica.edits_of(key).map(|pending| words::outbox_line(replica, pending)).collect(),
        fields: record.fields(),
        locked: locked(world, actor, &record),
        row,
    })
}

/// The fields I may not change, with the reason.
pub(super) fn locked(world: &World, actor: Option<&Actor>, record: &Record) -> BTreeMap<String, String> {
    let fields = record.kind().fields().iter().filter(|field| !field.server);
    let locked = fields
        .filter_map(|field| Some((field.name.to_owned(), why_locked(world, actor, record, field.name)?)));
    locked.collect()
}

/// Why I may not change that field.
pub(super) fn why_locked(
    world: &World,
    actor: Option<&Actor>,
    record: &Record,
    field: &str,
) -> Option<String> {
    let Some(actor) = actor else { return Some(NOBODY.to_owned()) };
    let deed = policy::deed_of_column(actor, &record.key(), field);
    let refusal = policy::permit(actor, deed, record, world).err();
    refusal.or_else(|| rules::locked(record, field)).map(|refusal| refusal.message)
}

fn related(world: &World, record: &Record) -> Vec<Related> {
    let users = |ids: Vec<Uuid>| -> Vec<(Key, String)> {
        let label = |id| (Key::user(id), cells::user_name(world, Some(id)));
        ids.into_iter().take(RELATED_MAX).map(label).collect()
    };
    let drones = |ids: Vec<&str>| -> Vec<(Key, String)> {
        ids.into_iter().take(RELATED_MAX).map(|id| (Key::drone(id), id.to_owned())).collect()
    };
    let region = |id: Option<Uuid>| -> Vec<(Key, String)> {
        id.into_iter().map(|id| (Key::region(id), cells::region_name(world, Some(id)))).collect()
    };
    let related = |title: &str, items: Vec<(Key, String)>| Related { title: title.to_owned(), items };
    let all = match record {
        Record::User(user) => vec![
            related("Drones", drones(world.held(user.id).collect())),
            related("Region", region(user.region_id)),
        ],
        Record::Region(row) => vec![
            related("Users", users(world.users_of(row.id).collect())),
            related("Drones", drones(world.drones_of(row.id).collect())),
        ],
        Record::Drone(drone) => vec![
            related("Assigned", users(world.holders(&drone.id).collect())),
            related("Region", region(drone.region_id)),
        ],
        Record::Assignment(row) => {
            vec![related("User", users(vec![row.user_id])), related("Drone", drones(vec![&row.drone_id]))]
        }
    };
    all.into_iter().filter(|related| !related.items.is_empty()).collect()
}

pub(super) const NOBODY: &str = "Your account is not (or not yet) known to be ACTIVE here.";

/// The verbs of a kind, or of one of its rows, each with the reason where it is closed to me.
pub(super) fn verbs(
    replica: &Replica,
    actor: Option<&Actor>,
    kind: Kind,
    key: Option<&Key>,
) -> Vec<VerbState> {
    let world = replica.view();
    let manage = match kind {
        Kind::Region => Deed::ManageRegions,
        Kind::User => Deed::ManageUsers,
        Kind::Drone | Kind::Assignment => Deed::ManageDrones,
    };
    let record = key.and_then(|key| world.get(key));
    let permit = |deed: Deed| -> Option<String> {
        let Some(actor) = actor else { return Some(NOBODY.to_owned()) };
        match (key, &record) {
            (Some(_), Some(record)) => policy::permit(actor, deed, record, world).err().map(|r| r.message),
            (Some(_), None) => Some("The row is deleted (not yet sent).".to_owned()),
            (None, _) => policy::permit_any(actor, deed).err().map(|r| r.message),
        }
    };
    let anew = actor
        .map_or(Some(NOBODY.to_owned()), |actor| policy::permit_any(actor, manage).err().map(|r| r.message));
    let state = |verb: Verb, why_not: Option<String>| VerbState { verb, why_not };
    let edit = match (actor, kind) {
        // Who may not manage users may still change the own name; drones can be edited by who sets status.
        (Some(actor), Kind::User) if policy::permit_any(actor, manage).is_err() => permit(Deed::OwnName),
        (_, Kind::Drone) => permit(manage).and(permit(Deed::SetStatus)),
        _ => permit(manage),
    };
    let mut verbs = vec![state(Verb::Create, anew), state(Verb::Edit, edit)];
    match kind {
        Kind::Drone => {
            verbs.push(state(Verb::SetStatus, permit(Deed::SetStatus)));
            verbs.push(state(Verb::Assign, permit(Deed::Assign)));
            let held = record.as_ref().is_none_or(|record| world.holders(record.label()).next().is_some());
            let nothing = (!held).then(|| "Nobody is assigned to it.".to_owned());
            verbs.push(state(Verb::Unassign, permit(Deed::Assign).or(nothing)));
        }
        Kind::User => {
            verbs.push(state(Verb::SetStatus, permit(manage)));
            let assign = actor.map_or(Some(NOBODY.to_owned()), |actor| {
                policy::permit_any(actor, Deed::Assign).err().map(|r| r.message)
            });
            verbs.push(state(Verb::Assign, assign.clone()));
            let holds = key.and_then(Key::uuid).is_none_or(|user| world.held(user).next().is_some());
            verbs.push(state(
                Verb::Unassign,
                assign.or((!holds).then(|| "No drone is assigned to them.".to_owned())),
            ));
        }
        Kind::Region => {
            verbs.push(state(Verb::SetStatus, permit(manage)));
            for verb in [Verb::Assign, Verb::Unassign] {
                verbs.push(state(verb, Some("Drones are assigned to users, not to regions.".to_owned())));
            }
        }
        Kind::Assignment => {}
    }
    verbs.push(state(Verb::Delete, permit(manage)));
    verbs
}

/// The drones a user can be given: those that fit first.
fn drones_for(world: &World, user: &User) -> Vec<Choice> {
    let mut choices: Vec<Choice> = world
        .drones()
        .map(|drone| {
            let region = cells::region_name(world, drone.region_id);
            let operator = cells::user_name(world, drone.operator_id);
            let why_not = if world.assignment(user.id, &drone.id).is_some() {
                Some("already assigned".to_owned())
            } else if !user.is_active() {
                Some(format!("{} is INACTIVE", user.username))
            } else if drone.region_id.is_some() && drone.region_id != user.region_id {
                Some("another region: not possible".to_owned())
            } else {
                None
            };
            let dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
            let note = format!("{}  {}", dash(region), dash(operator));
            Choice { value: Some(drone.id.to_string()), label: drone.id.to_string(), note, why_not }
        })
        .collect();
    choices.sort_by(|a, b| (a.why_not.is_some(), &a.label).cmp(&(b.why_not.is_some(), &b.label)));
    choices.truncate(CHOICES_MAX);
    choices
}

/// What a field can be set to. `drone_id` of an assignment: the drones that the user `key` can be given. For an operator, who fits comes first and who does not says why.
pub(super) fn choices(replica: &Replica, kind: Kind, field: &str, key: Option<&Key>) -> Vec<Choice> {
    let world = replica.view();
    let Some(described) = kind.field(field) else { return Vec::new() };
    if (kind, field) == (Kind::Assignment, "drone_id") {
        let user = key.and_then(Key::uuid).and_then(|id| world.user(id));
        return user.map_or_else(Vec::new, |user| drones_for(world, user));
    }
    let mut choices: Vec<Choice> = match described.ty {
        FieldType::Choice(texts) => texts.iter().map(|text| plain(text)).collect(),
        FieldType::Ref(Kind::Region) => world.regions().map(region_choice).collect(),
        FieldType::Ref(Kind::User) => {
            let drone = key.and_then(|key| world.drone(&key.pk));
            people(world, &drone.map(|drone| drone.region_id).into_iter().collect())
        }
        _ => Vec::new(),
    };
    let me = replica.who().map(|who| Key::user(who.user));
    if kind == Kind::User && matches!(field, "status" | "role") && key.is_some() && key == me.as_ref() {
        // One slip here and nobody of this console could take it back.
        let own = key.and_then(|key| world.get(key)).and_then(|record| record.get(field));
        for choice in choices.iter_mut().filter(|choice| choice.value != own) {
            choice.why_not = Some("this is you: another headquarters user must do it".to_owned());
        }
    }
    if !matches!(described.ty, FieldType::Choice(_)) {
        fitting_first(&mut choices);
    }
    if !described.required {
        choices
            .insert(0, Choice { value: None, label: "-".to_owned(), note: "none".to_owned(), why_not: None });
    }
    choices
}

fn plain(text: &str) -> Choice {
    Choice { value: Some(text.to_owned()), label: text.to_owned(), note: String::new(), why_not: None }
}

fn region_choice(region: &crate::domain::Region) -> Choice {
    Choice {
        value: Some(region.id.to_string()),
        label: region.name.to_string(),
        note: region.area.to_string(),
        why_not: (!region.is_active()).then(|| "INACTIVE, takes no new members".to_owned()),
    }
}

/// Everybody, as who gets a drone that is in one of these regions; where none is said, it may be in any.
pub(super) fn people(world: &World, regions: &BTreeSet<Option<Uuid>>) -> Vec<Choice> {
    world.users().map(|user| user_choice(world, user, regions)).collect()
}

/// Who or what can be chosen comes first, by name; no more than a list takes.
pub(super) fn fitting_first(choices: &mut Vec<Choice>) {
    choices.sort_by_cached_key(|choice| (choice.why_not.is_some(), choice.label.to_lowercase()));
    choices.truncate(CHOICES_MAX);
}

fn user_choice(world: &World, user: &User, regions: &BTreeSet<Option<Uuid>>) -> Choice {
    let held = world.held(user.id).count();
    let region = cells::region_name(world, user.region_id);
    // A drone without a region goes to anybody.
    let fits = regions.is_empty() || regions.contains(&None) || regions.contains(&user.region_id);
    let why_not = if !user.is_active() {
        Some("INACTIVE".to_owned())
    } else if !fits {
        Some("another region: not possible".to_owned())
    } else {
        None
    };
    Choice {
        value: Some(user.id.to_string()),
        label: user.username.to_string(),
        note: format!("{}  {}", if region.is_empty() { "-" } else { &region }, words::plural(held, "drone")),
        why_not,
    }
}
