//! What is measured without disk, network or screen: the domain's checks, and the dear key derivation.

use std::hint::black_box;
use std::time::Instant;

use flyos::domain::policy::{Deed, permit};
use flyos::domain::{Actor, Drone, DroneStatus, Record, Role, Status, User, World};
use flyos::vault::{self, DataKey, KdfParams};
use uuid::Uuid;

use crate::common::PASSWORD;
use crate::report::{Column, Samples, Target, Unit, float, ms};

/// The users of the World that lookups are tried in.
const USERS: u128 = 10_000;
/// Calls timed together: one alone is shorter than the clock can tell.
const CALLS: u32 = 10_000;
const ROUNDS: usize = 50;
/// The promise: below 1 µs, in ns.
const PERMIT_NS_MAX: f64 = 1_000.0;
/// The promise: below 10 µs, in ns.
const PROFILE_NS_MAX: f64 = 10_000.0;
const KDF_RUNS: usize = 9;

/// The median time of one call, in ns, over rounds of `CALLS`; `call` gets a number that goes round.
fn per_call(mut call: impl FnMut(u128)) -> f64 {
    let mut samples = Samples::default();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for number in 0..CALLS {
            // A stride that visits users in no order, so that caches do not flatter.
            call(u128::from(number) * 7919 % USERS);
        }
        samples.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
    }
    samples.median()
}

fn user_id(number: u128) -> Uuid {
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + number * 0x1_0001)
}

fn world() -> World {
    let regions: Vec<Uuid> = (0..8).map(|number| Uuid::from_u128(number + 1)).collect();
    let mut world = World::default();
    for number in 0..USERS {
        let region = regions.iter().cycle().nth(usize::from((number % 8) as u8)).copied();
        let mut user = User::new(user_id(number));
        user.username = format!("user_{number}").into();
        user.email = format!("user.{number}@flyos.mil").into();
        (user.role, user.status, user.region_id) = (Some(Role::Operator), Some(Status::Active), region);
        let mut drone = Drone::new(&format!("drone-{number:05}"));
        (drone.status, drone.region_id, drone.operator_id) =
            (Some(DroneStatus::Standby), region, Some(user.id));
        world.put(Record::User(user));
        world.put(Record::Drone(drone));
    }
    world
}

/// Policy and lookup.
pub fn domain(column: &mut Column) {
    let world = world();
    let actor = Actor { user: user_id(0), role: Role::RegionalHq, region: Some(Uuid::from_u128(1)) };
    let drones: Vec<Record> = world.drones().cloned().map(Record::Drone).collect();
    let ids: Vec<Uuid> = (0..USERS).map(user_id).collect();
    let place = |number: u128| usize::try_from(number).unwrap_or_default();
    let permitted = per_call(|number| {
        if let Some(drone) = drones.get(place(number / 8 * 8)) {
            drop(black_box(permit(black_box(&actor), Deed::SetStatus, black_box(drone), &world)));
        }
    });
    let refused = per_call(|number| {
        if let Some(drone) = drones.get(place(number / 8 * 8 + 1)) {
            drop(black_box(permit(black_box(&actor), Deed::SetStatus, black_box(drone), &world)));
        }
    });
    let looked_up = per_call(|number| {
        if let Some(id) = ids.get(place(number)) {
            black_box(world.user(black_box(*id)));
        }
    });
    column.put("policy check, permitted (10,000 users)", Unit::Ns, permitted, Target::AtMost(PERMIT_NS_MAX));
    column.put("policy check, refused, with its words", Unit::Ns, refused, Target::AtMost(PERMIT_NS_MAX));
    column.put("profile lookup (10,000 users)", Unit::Ns, looked_up, Target::AtMost(PROFILE_NS_MAX));
}

/// How long the password's key derivation takes here with the parameters of real accounts, in ms (median).
pub fn kdf_ms() -> anyhow::Result<f64> {
    let key = DataKey::random()?;
    let wrap = vault::wrap(&PASSWORD.into(), &key, KdfParams::default())?;
    let mut samples = Samples::default();
    for _ in 0..KDF_RUNS {
        let begun = Instant::now();
        black_box(vault::unwrap(&PASSWORD.into(), &wrap)?);
        samples.push(ms(begun.elapsed()));
    }
    Ok(samples.median())
}

/// The size of the binary that all of this is about.
pub fn binary(column: &mut Column) -> anyhow::Result<()> {
    let bytes = std::fs::metadata(crate::common::FLYOS)?.len();
    column.put("release binary", Unit::Mb, float(bytes) / 1e6, Target::None);
    Ok(())
}
