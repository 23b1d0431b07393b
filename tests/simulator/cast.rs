//! Who and what there is: a small world, so that much meets, and people who want things by their role.
//!
//! Most wishes are what the role allows; some are not, and are to be refused on the device. A `poison` is written to the
//! journal all the same, as an older console or a stale role would: the server refuses it for good.

use flyos::domain::{
    Actor, Assignment, Drone, DroneModel, DroneStatus, Fields, Intent, Key, Kind, Record, Region, Role,
    Stamp, Status, User, World,
};
use uuid::Uuid;

use crate::dice::Dice;

pub const REGIONS: u128 = 3;
/// People with an account come first; the others are only talked about.
pub const PEOPLE: u128 = 11;
pub const ACCOUNTS: u128 = 8;
const DRONES: u64 = 16;

pub fn region(n: u128) -> Uuid {
    Uuid::from_u128(0x1000 + n % REGIONS)
}

pub fn person(n: u128) -> Uuid {
    Uuid::from_u128(0x2000 + n % PEOPLE)
}

/// The sign-in account of a person.
pub fn account(n: u128) -> Uuid {
    Uuid::from_u128(0x3000 + n)
}

pub fn drone(n: u64) -> String {
    format!("drone-{:02}", n % DRONES)
}

/// The role and the region a person begins with.
pub fn home(n: u128) -> (Role, Option<Uuid>) {
    match n {
        0 | 1 => (Role::MainHq, None),
        2 | 3 => (Role::RegionalHq, Some(region(n))),
        _ => (Role::Operator, Some(region(n))),
    }
}

/// The rows a server starts with.
pub fn world() -> World {
    let mut world = World::default();
    for n in 0..REGIONS {
        let mut row = Region::new(region(n));
        row.name = format!("Region {n}").into();
        row.area = "Coast".into();
        row.status = Some(Status::Active);
        world.put(Record::Region(row));
    }
    for n in 0..PEOPLE {
        world.put(Record::User(user(n)));
    }
    for n in 0..DRONES - 3 {
        let mut row = Drone::new(&drone(n));
        row.model = DroneModel::ALL.first().copied();
        row.status = Some(DroneStatus::Standby);
        row.region_id = (n % 5 != 4).then(|| region(u128::from(n)));
        let holder = (0..PEOPLE).map(|p| user(p + u128::from(n))).find(|user| {
            user.role == Some(Role::Operator) && (row.region_id.is_none() || user.region_id == row.region_id)
        });
        if let Some(holder) = holder.filter(|_| n % 3 != 2) {
            let mut held = Assignment::new(holder.id, &row.id);
            held.assigned_at = Some(Stamp(1_700_000_000_000_000));
            world.put(Record::Assignment(held));
            row.operator_id = Some(holder.id);
        }
        world.put(Record::Drone(row));
    }
    world
}

pub fn user(n: u128) -> User {
    let n = n % PEOPLE;
    let (role, region) = home(n);
    let mut user = User::new(person(n));
    user.username = format!("user_{n}").into();
    user.full_name = "Somebody".into();
    user.email = format!("user{n}@flyos.mil").into();
    (user.role, user.region_id, user.status) = (Some(role), region, Some(Status::Active));
    user.auth_user_id = (n < ACCOUNTS).then(|| account(n));
    user
}

pub fn fields(pairs: &[(&str, Option<&str>)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
}

fn some_person(dice: &mut Dice) -> Uuid {
    person(u128::from(dice.roll()))
}

fn some_region(dice: &mut Dice) -> Uuid {
    region(u128::from(dice.roll()))
}

/// A drone that is seen, mostly; else any.
fn some_drone(dice: &mut Dice, view: &World) -> String {
    let seen = view.count(Kind::Drone);
    if seen == 0 || dice.one_in(12) {
        return drone(dice.roll());
    }
    let at = dice.place(seen);
    view.drones().nth(at).map(|row| row.id.to_string()).unwrap_or_default()
}

/// Somebody who fits the drone, mostly.
fn somebody_for(dice: &mut Dice, view: &World, drone: &str) -> Uuid {
    let home = view.drone(drone).and_then(|row| row.region_id);
    let fits: Vec<Uuid> = match home {
        Some(region) => view.users_of(region).collect(),
        None => view.users().map(|user| user.id).collect(),
    };
    if fits.is_empty() || dice.one_in(10) { some_person(dice) } else { *dice.pick(&fits) }
}

fn status_of_drone(dice: &mut Dice, view: &World) -> Intent {
    let status = dice.pick(DroneStatus::TEXTS);
    Intent::Update { key: Key::drone(&some_drone(dice, view)), set: fields(&[("status", Some(status))]) }
}

fn own_name(dice: &mut Dice, actor: &Actor) -> Intent {
    let name = dice.pick(&["Ann", "Bo", "Cy", "Di"]);
    Intent::Update { key: Key::user(actor.user), set: fields(&[("full_name", Some(name))]) }
}

fn posting(dice: &mut Dice, view: &World) -> Intent {
    let drone = some_drone(dice, view);
    let user = somebody_for(dice, view, &drone);
    let holders: Vec<Uuid> = view.holders(&drone).collect();
    match dice.below(5) {
        0 | 1 => Intent::Assign { drone, user },
        2 if !holders.is_empty() => Intent::Unassign { user: *dice.pick(&holders), drone },
        3 => Intent::SetOperator { drone, user: None },
        _ => Intent::SetOperator { drone, user: Some(user) },
    }
}

/// A new row under a key of the small world: often the key or a name is there already.
fn creation(dice: &mut Dice) -> Intent {
    let status = dice.pick(&["ACTIVE", "ACTIVE", "ACTIVE", "INACTIVE"]);
    let n = dice.roll();
    match dice.below(8) {
        0 => {
            let name = format!("Region {}", n % 4);
            let set = fields(&[("name", Some(&name)), ("area", Some("Hills")), ("status", Some(status))]);
            Intent::Create { key: Key::region(some_region(dice)), fields: set }
        }
        1 | 2 => {
            let fresh = ACCOUNTS + u128::from(n) % (PEOPLE - ACCOUNTS);
            let (name, mail) = (format!("user_{}", n % 14), format!("user{}@flyos.mil", n % 14));
            let home = some_region(dice).to_string();
            let set = fields(&[
                ("username", Some(&name)),
                ("full_name", Some("New")),
                ("email", Some(&mail)),
                ("role", Some("OPERATOR")),
                ("region_id", Some(&home).filter(|_| !n.is_multiple_of(4)).map(String::as_str)),
                ("status", Some(status)),
            ]);
            Intent::Create { key: Key::user(person(fresh)), fields: set }
        }
        _ => {
            let home = some_region(dice).to_string();
            let holder = some_person(dice).to_string();
            let mut set = fields(&[
                ("model", Some(*dice.pick(DroneModel::TEXTS))),
                ("status", Some("STANDBY")),
                ("region_id", Some(&home).filter(|_| !n.is_multiple_of(3)).map(String::as_str)),
            ]);
            if n.is_multiple_of(5) {
                set.insert("operator_id".to_owned(), Some(holder));
            }
            Intent::Create { key: Key::drone(&drone(n)), fields: set }
        }
    }
}

fn move_of(dice: &mut Dice, view: &World) -> Intent {
    let to = if dice.one_in(5) { None } else { Some(some_region(dice).to_string()) };
    let set = fields(&[("region_id", to.as_deref())]);
    let key = if dice.one_in(2) { Key::drone(&some_drone(dice, view)) } else { Key::user(some_person(dice)) };
    Intent::Update { key, set }
}

fn deletion(dice: &mut Dice, view: &World) -> Intent {
    let key = match dice.below(12) {
        0 => Key::region(some_region(dice)),
        1..=3 => Key::user(person(ACCOUNTS + u128::from(dice.roll()) % (PEOPLE - ACCOUNTS))),
        4 => Key::user(some_person(dice)),
        _ => Key::drone(&some_drone(dice, view)),
    };
    Intent::Delete { key }
}

/// What only headquarters may: columns of users, regions and drones.
fn columns(dice: &mut Dice) -> Intent {
    match dice.below(9) {
        0 => {
            let name = format!("user_{}", dice.below(14));
            Intent::Update { key: Key::user(some_person(dice)), set: fields(&[("username", Some(&name))]) }
        }
        1 => {
            let name = format!("Region {}", dice.below(4));
            Intent::Update { key: Key::region(some_region(dice)), set: fields(&[("name", Some(&name))]) }
        }
        2 => {
            let status = dice.pick(&["ACTIVE", "ACTIVE", "INACTIVE"]);
            Intent::Update { key: Key::region(some_region(dice)), set: fields(&[("status", Some(status))]) }
        }
        3 => {
            let name = dice.pick(&["Eve", "Flo", "Gil"]);
            Intent::Update { key: Key::user(some_person(dice)), set: fields(&[("full_name", Some(name))]) }
        }
        _ => {
            let (model, status) = (dice.pick(DroneModel::TEXTS), dice.pick(&DroneStatus::TEXTS[..2]));
            // Few drones, so that two people often want the same of one.
            let key = Key::drone(&drone(dice.below(5)));
            Intent::Update { key, set: fields(&[("model", Some(model)), ("status", Some(status))]) }
        }
    }
}

/// What no role makes right: often a name that is taken, or a row that is not there.
pub fn poison(dice: &mut Dice, view: &World, actor: &Actor) -> Intent {
    if dice.one_in(2) { creation(dice) } else { wish(dice, view, actor, Role::MainHq) }
}

/// What somebody of that role wants.
pub fn wish(dice: &mut Dice, view: &World, actor: &Actor, role: Role) -> Intent {
    let weights: &[u64] = match role {
        Role::Operator => &[12, 4, 0, 0, 0, 0, 0],
        Role::RegionalHq => &[6, 2, 8, 0, 0, 0, 0],
        Role::MainHq => &[5, 1, 8, 6, 10, 3, 18],
    };
    match dice.weigh(weights) {
        0 => status_of_drone(dice, view),
        1 => own_name(dice, actor),
        2 => posting(dice, view),
        3 => creation(dice),
        4 => move_of(dice, view),
        5 => deletion(dice, view),
        _ => columns(dice),
    }
}

/// Several drones at once.
pub fn bulk(dice: &mut Dice, view: &World) -> Vec<Intent> {
    let status = dice.pick(DroneStatus::TEXTS);
    let mut drones: Vec<String> = (0..dice.between(2, 6)).map(|_| some_drone(dice, view)).collect();
    drones.sort();
    drones.dedup();
    let update =
        |id: String| Intent::Update { key: Key::drone(&id), set: fields(&[("status", Some(status))]) };
    drones.into_iter().map(update).collect()
}

/// What the administrator does to the rows themselves.
pub fn reform(dice: &mut Dice, truth: &World) -> (crate::tally::Tally, Intent) {
    use crate::tally::Tally;
    let n = u128::from(dice.roll()) % ACCOUNTS;
    let (key, (role, region)) = (Key::user(person(n)), home(n));
    match dice.weigh(&[6, 4, 6, 4, 3, 5, 3]) {
        0 => (Tally::AdminMove, move_of(dice, truth)),
        1 => {
            let back = region.filter(|_| dice.one_in(2)).map(|id| id.to_string());
            let to = back.unwrap_or_else(|| some_region(dice).to_string());
            (Tally::AdminMove, Intent::Update { key, set: fields(&[("region_id", Some(&to))]) })
        }
        2 => {
            let other = if n < 2 || dice.one_in(6) { Role::MainHq } else { *dice.pick(Role::ALL) };
            let to = if dice.one_in(2) { role } else { other };
            (Tally::AdminRole, Intent::Update { key, set: fields(&[("role", Some(to.as_str()))]) })
        }
        3 => {
            let asleep: Vec<Uuid> =
                truth.users().filter(|user| !user.is_active()).map(|user| user.id).collect();
            let wake = !asleep.is_empty() && !dice.one_in(3);
            let (key, to) = if wake { (Key::user(*dice.pick(&asleep)), "ACTIVE") } else { (key, "INACTIVE") };
            (Tally::AdminStatus, Intent::Update { key, set: fields(&[("status", Some(to))]) })
        }
        4 => (Tally::AdminOther, creation(dice)),
        5 => (Tally::AdminOther, posting(dice, truth)),
        _ => (Tally::AdminOther, deletion(dice, truth)),
    }
}
