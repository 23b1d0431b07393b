//! Who may do what: one table that a commander could read. The server decides by the same table; the
//! console uses it so that nobody is offered what would be refused.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Change, Key, Kind, Op, Record, Refusal, Role, Status, User, World, text_enum};

/// Who acts: taken from the person's `profiles` row, never from what a token says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub user: Uuid,
    pub role: Role,
    pub region: Option<Uuid>,
}

impl Actor {
    /// `None` for who may do nothing: INACTIVE, or without a known role.
    pub fn of(user: &User) -> Option<Self> {
        let role = user.role.filter(|_| user.status == Some(Status::Active))?;
        Some(Self { user: user.id, role, region: user.region_id })
    }
}

text_enum! {
    /// What can be done.
    Deed {
        SeeUsers = "see users",
        SeeRegions = "see regions",
        SeeDrones = "see drones and assignments",
        ManageUsers = "create, change, delete users",
        ManageRegions = "create, change, delete regions",
        ManageDrones = "create, delete drones; change model and region",
        SetStatus = "set a drone's status",
        Assign = "assign, unassign, set operator",
        OwnName = "own full name",
        SeeActivity = "see activity",
    }
}

text_enum! {
    /// How far a role reaches with a deed.
    Reach {
        Nothing = "no",
        Own = "own",
        Region = "own region",
        All = "all",
    }
}

/// Rows: deed; columns: MAIN_HQ, REGIONAL_HQ, OPERATOR. "Own" of users is self; of regions the own one; of
/// drones those operated by or assigned to oneself. Who reaches a region's users reaches self as well.
pub const TABLE: &[(Deed, Reach, Reach, Reach)] = &[
    (Deed::SeeUsers, Reach::All, Reach::Region, Reach::Own),
    (Deed::SeeRegions, Reach::All, Reach::Own, Reach::Own),
    (Deed::SeeDrones, Reach::All, Reach::Region, Reach::Own),
    (Deed::ManageUsers, Reach::All, Reach::Nothing, Reach::Nothing),
    (Deed::ManageRegions, Reach::All, Reach::Nothing, Reach::Nothing),
    (Deed::ManageDrones, Reach::All, Reach::Nothing, Reach::Nothing),
    (Deed::SetStatus, Reach::All, Reach::Region, Reach::Own),
    (Deed::Assign, Reach::All, Reach::Region, Reach::Nothing),
    (Deed::OwnName, Reach::Own, Reach::Own, Reach::Own),
    (Deed::SeeActivity, Reach::All, Reach::Region, Reach::Own),
];

/// How far a role reaches with a deed.
pub fn reach(role: Role, deed: Deed) -> Reach {
    let row = TABLE.iter().find(|row| row.0 == deed);
    row.map_or(Reach::Nothing, |row| match role {
        Role::MainHq => row.1,
        Role::RegionalHq => row.2,
        Role::Operator => row.3,
    })
}

/// The roles that may do a deed at all, for explaining a refusal.
fn who_may(deed: Deed) -> String {
    let may = Role::ALL.iter().filter(|role| reach(**role, deed) != Reach::Nothing);
    may.map(|role| role.as_str()).collect::<Vec<_>>().join(" or ")
}

/// Is the row within the reach? `held` says whether somebody holds a drone, so that a row that is about to
/// be written can be judged as well.
fn within(actor: &Actor, reach: Reach, record: &Record, world: &World) -> bool {
    let own_region = |region: Option<Uuid>| region.is_some() && region == actor.region;
    match (reach, record) {
        (Reach::Nothing, _) => false,
        (Reach::All, _) => true,
        (Reach::Region, Record::User(user)) => own_region(user.region_id) || user.id == actor.user,
        (Reach::Own, Record::User(user)) => user.id == actor.user,
        (Reach::Region | Reach::Own, Record::Region(region)) => own_region(Some(region.id)),
        (Reach::Region, Record::Drone(drone)) => own_region(drone.region_id) || holds(actor, drone, world),
        (Reach::Own, Record::Drone(drone)) => holds(actor, drone, world),
        (Reach::Region, Record::Assignment(row)) => {
            row.user_id == actor.user
                || world.drone(&row.drone_id).is_some_and(|drone| own_region(drone.region_id))
        }
        (Reach::Own, Record::Assignment(row)) => row.user_id == actor.user,
    }
}

fn holds(actor: &Actor, drone: &super::Drone, world: &World) -> bool {
    drone.operator_id == Some(actor.user) || world.assignment(actor.user, &drone.id).is_some()
}

/// May this row be seen?
pub fn may_see(actor: &Actor, world: &World, record: &Record) -> bool {
    let deed = match record.kind() {
        Kind::Region => Deed::SeeRegions,
        Kind::User => Deed::SeeUsers,
        Kind::Drone | Kind::Assignment => Deed::SeeDrones,
    };
    within(actor, reach(actor.role, deed), record, world)
}

/// The deed that writing this column of an existing row is.
pub fn deed_of_column(actor: &Actor, key: &Key, column: &str) -> Deed {
    match (key.kind, column) {
        (Kind::User, "full_name") if reach(actor.role, Deed::ManageUsers) == Reach::Nothing => Deed::OwnName,
        (Kind::User, _) => Deed::ManageUsers,
        (Kind::Region, _) => Deed::ManageRegions,
        (Kind::Drone, "status") => Deed::SetStatus,
        (Kind::Drone, "operator_id") | (Kind::Assignment, _) => Deed::Assign,
        (Kind::Drone, _) => Deed::ManageDrones,
    }
}

/// May this deed be done to this row? The refusal says who may.
pub fn permit(actor: &Actor, deed: Deed, record: &Record, world: &World) -> Result<(), Refusal> {
    let reach = reach(actor.role, deed);
    // Changing belongs to the region or to the holder, never to a drone one merely sees: a commander who
    // holds a drone of another region may set its status no further than the region reaches.
    let reached = match (deed, reach, record) {
        (Deed::SetStatus | Deed::Assign, Reach::Region, Record::Drone(drone)) => {
            drone.region_id.is_some() && drone.region_id == actor.region
        }
        (Deed::Assign, Reach::Region, Record::Assignment(row)) => {
            drone_in_region(actor, world, record)
                && world.user(row.user_id).is_some_and(|user| user.region_id == actor.region)
        }
        _ => within(actor, reach, record, world),
    };
    if reached {
        return Ok(());
    }
    Err(Refusal::forbidden(match reach {
        Reach::Nothing => format!("To {deed} needs the role {}.", who_may(deed)),
        Reach::Own if deed == Deed::OwnName => "Only one's own name may be changed.".to_owned(),
        Reach::Own => format!("{} is not among your own.", record.label()),
        Reach::Region if drone_in_region(actor, world, record) => {
            "The user is not in your region.".to_owned()
        }
        Reach::Region | Reach::All => format!("{} is not in your region.", record.label()),
    }))
}

/// Is this an assignment of a drone of the actor's region?
fn drone_in_region(actor: &Actor, world: &World, record: &Record) -> bool {
    let Record::Assignment(row) = record else { return false };
    actor.region.is_some() && world.drone(&row.drone_id).is_some_and(|drone| drone.region_id == actor.region)
}

/// May the role do this deed to anything at all? For menus, before a row is chosen.
pub fn permit_any(actor: &Actor, deed: Deed) -> Result<(), Refusal> {
    match reach(actor.role, deed) {
        Reach::Nothing => Err(Refusal::forbidden(format!("To {deed} needs the role {}.", who_may(deed)))),
        _ => Ok(()),
    }
}

/// May this change be made, judged on the row as it is before (or, for an insert, as it would be)?
pub fn permit_change(actor: &Actor, world: &World, change: &Change) -> Result<(), Refusal> {
    let refuse = || Refusal::forbidden(format!("The {} is not there, or not yours to see.", change.key));
    match &change.op {
        Op::Insert { set } => {
            let record = Record::from_fields(&change.key, set).ok_or_else(refuse)?;
            let deed = match change.key.kind {
                Kind::Region => Deed::ManageRegions,
                Kind::User => Deed::ManageUsers,
                Kind::Drone => Deed::ManageDrones,
                Kind::Assignment => Deed::Assign,
            };
            permit(actor, deed, &record, world)
        }
        Op::Update { set, .. } => {
            let record =
                world.get(&change.key).filter(|row| may_see(actor, world, row)).ok_or_else(refuse)?;
            for column in set.keys() {
                permit(actor, deed_of_column(actor, &change.key, column), &record, world)?;
                if column == "operator_id" {
                    permit_operator(actor, world, set.get(column).cloned().flatten().as_deref())?;
                }
            }
            Ok(())
        }
        Op::Delete { .. } => {
            let record =
                world.get(&change.key).filter(|row| may_see(actor, world, row)).ok_or_else(refuse)?;
            let deed = match change.key.kind {
                Kind::Region => Deed::ManageRegions,
                Kind::User => Deed::ManageUsers,
                Kind::Drone => Deed::ManageDrones,
                Kind::Assignment => {
                    // Taking a drone away needs the drone to be in reach; the user may have left the region.
                    let drone = change.key.pair().and_then(|(_, id)| world.get(&Key::drone(id)));
                    return permit(actor, Deed::Assign, &drone.ok_or_else(refuse)?, world);
                }
            };
            permit(actor, deed, &record, world)
        }
    }
}

/// A new operator too must be within the region of a commander who only reaches the region.
fn permit_operator(actor: &Actor, world: &World, operator: Option<&str>) -> Result<(), Refusal> {
    let Some(id) = operator.and_then(|text| Uuid::try_parse(text).ok()) else { return Ok(()) };
    if reach(actor.role, Deed::Assign) != Reach::Region {
        return Ok(());
    }
    let fits = world.user(id).is_some_and(|user| user.region_id.is_some() && user.region_id == actor.region);
    if fits { Ok(()) } else { Err(Refusal::forbidden("The new operator is not in your region.")) }
}
