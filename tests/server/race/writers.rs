//! Who writes straight on the tables: as the project's owner, and as MAIN_HQ past the push.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::{Race, edits};
use crate::kit::{EAST, Person, Rng, WEST, user};
use crate::pg::{Sql, sqlstate};

/// More of everything, some of it only to be deleted and made again.
pub const SETUP: &str = "
    insert into public.regions (id, name, area, status) values
        ('0194a3c0-0000-7000-8000-000000000003', 'Northern', 'The race''s', 'ACTIVE'),
        ('0194a3c0-0000-7000-8000-000000000004', 'Southern', 'The race''s', 'ACTIVE');
    insert into public.profiles (id, username, full_name, email, role, region_id, status)
    select ('0194a3d2-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'racer_' || n, 'Racer ' || n,
        'racer' || n || '@flyos.mil', 'OPERATOR', '0194a3c0-0000-7000-8000-000000000001', 'ACTIVE'
    from generate_series(32, 37) n;
    insert into public.drones (id, model, status, region_id)
    select 'race-' || n, 'FlyOS_MQ7', 'ACTIVE', '0194a3c0-0000-7000-8000-000000000001' from generate_series(1, 8) n";

const NORTH: &str = "0194a3c0-0000-7000-8000-000000000003";
const SOUTH: &str = "0194a3c0-0000-7000-8000-000000000004";
const STATUSES: [&str; 4] = ["ACTIVE", "STANDBY", "MAINTENANCE", "OFFLINE"];
/// The puller who is moved between roles and regions.
const WANDERER: u32 = 7;

pub fn status(rng: &mut Rng) -> &'static str {
    rng.pick(&STATUSES)
}

pub fn drone(rng: &mut Rng) -> String {
    if rng.in_hundred(40) {
        format!("race-{}", rng.below(8) + 1)
    } else {
        format!("drone-{:03}", rng.below(32) + 1)
    }
}

pub fn region(rng: &mut Rng) -> Option<&'static str> {
    let region = rng.pick(&[EAST, EAST, EAST, WEST, WEST, NORTH, ""]);
    Some(region).filter(|region| !region.is_empty())
}

/// Somebody who may be moved; the operator who pulls is among them.
pub fn person(rng: &mut Rng) -> String {
    user(match rng.below(10) {
        0..3 => 4,
        3..7 => 9 + u32::try_from(rng.below(9)).expect("small"),
        _ => 32 + u32::try_from(rng.below(6)).expect("small"),
    })
}

fn quoted(value: Option<&str>) -> String {
    value.map_or_else(|| "null".to_owned(), |text| format!("'{text}'"))
}

/// One statement.
fn statement(rng: &mut Rng) -> String {
    let (drone, status, salt) = (drone(rng), status(rng), rng.below(1 << 30));
    match rng.below(100) {
        0..22 => format!("update public.drones set status = '{status}' where id = '{drone}'"),
        22..34 => {
            format!(
                "update public.drones set region_id = {} where id = '{drone}'",
                quoted(region(rng))
            )
        }
        34..42 => {
            format!(
                "update public.profiles set region_id = {} where id = '{}'",
                quoted(region(rng)),
                person(rng)
            )
        }
        42..62 => {
            let who = if rng.in_hundred(30) { format!("p.id = '{}'", user(4)) } else { "true".to_owned() };
            format!(
                "insert into public.user_drone_assignments (user_id, drone_id)
                select p.id, d.id from public.profiles p, public.drones d
                where d.id = '{drone}' and p.status = 'ACTIVE' and {who}
                    and (d.region_id is null or d.region_id = p.region_id)
                order by md5(p.id::text || '{salt}') limit 1 on conflict do nothing"
            )
        }
        62..70 => format!(
            "delete from public.user_drone_assignments a where a.drone_id = '{drone}' and a.user_id =
                (select b.user_id from public.user_drone_assignments b where b.drone_id = '{drone}'
                order by md5(b.user_id::text || '{salt}') limit 1)"
        ),
        70..80 => format!(
            "update public.drones d set operator_id = (select a.user_id from public.user_drone_assignments a
                where a.drone_id = d.id order by md5(a.user_id::text || '{salt}') limit 1) where d.id = '{drone}'"
        ),
        80..83 => format!("update public.drones set operator_id = null where id = '{drone}'"),
        83..87 => format!("delete from public.drones where id = '{drone}'"),
        87..92 => format!(
            "insert into public.drones (id, model, status, region_id)
                values ('{drone}', 'FlyOS_MQ9', '{status}', {})",
            quoted(region(rng))
        ),
        92 => format!("delete from public.profiles where id = '{}'", user(32 + u32::try_from(salt % 6).expect("small"))),
        93..95 => {
            let n = 32 + u32::try_from(salt % 6).expect("small");
            format!(
                "insert into public.profiles (id, username, full_name, email, role, region_id, status)
                values ('{}', 'racer_{n}', 'Racer {n}', 'racer{n}@flyos.mil', 'OPERATOR', {}, 'ACTIVE')",
                user(n),
                quoted(region(rng))
            )
        }
        95 => format!("delete from public.regions where id = '{}'", rng.pick(&[NORTH, SOUTH])),
        96 => {
            let (id, name) = if salt % 2 == 0 { (NORTH, "Northern") } else { (SOUTH, "Southern") };
            format!("insert into public.regions (id, name, area, status) values ('{id}', '{name}', 'Again', 'ACTIVE')")
        }
        97 => {
            let status = rng.pick(&["ACTIVE", "ACTIVE", "INACTIVE"]);
            format!("update public.regions set status = '{status}' where id = '{NORTH}'")
        }
        98 => {
            let status = rng.pick(&["ACTIVE", "INACTIVE"]);
            let n = 32 + u32::try_from(salt % 6).expect("small");
            format!("update public.profiles set status = '{status}' where id = '{}'", user(n))
        }
        _ => format!("update public.drones set status = '{status}' where region_id = '{}'", rng.pick(&[EAST, WEST])),
    }
}

/// Moves the wanderer, or puts them out, or lets them in again.
fn wander(rng: &mut Rng) -> String {
    let role = rng.pick(&["REGIONAL_HQ", "REGIONAL_HQ", "OPERATOR", "OPERATOR", "MAIN_HQ"]);
    let status = if rng.in_hundred(15) { "INACTIVE" } else { "ACTIVE" };
    let region = quoted(Some(rng.pick(&[EAST, EAST, WEST])));
    let id = user(WANDERER);
    format!(
        "update public.profiles set role = '{role}', status = '{status}', region_id = {region} where id = '{id}'"
    )
}

/// Every writer but the late one.
pub async fn all(race: &Arc<Race>, rng: &mut Rng) -> Vec<JoinHandle<()>> {
    let mut writers = Vec::new();
    for wanders in [false, false, false, true] {
        let sql = race.db.postgres().await;
        writers.push(tokio::spawn(write(Arc::clone(race), sql, rng.fork(), wanders)));
    }
    let by_hand = Person::new(&race.db, "deputy@flyos.mil").await;
    writers.push(tokio::spawn(write(Arc::clone(race), by_hand.sql, rng.fork(), false)));
    for email in ["main@flyos.mil", "east@flyos.mil", "operator1@flyos.mil"] {
        let person = Person::new(&race.db, email).await;
        writers.push(tokio::spawn(edits::push(Arc::clone(race), person, email, rng.fork())));
    }
    writers
}

async fn write(race: Arc<Race>, sql: Sql, mut rng: Rng, wanders: bool) {
    while !race.over() {
        if wanders && rng.in_hundred(15) {
            note(&race, sqlstate(&sql.batch_execute(&wander(&mut rng)).await), true);
        } else {
            transaction(&race, &sql, &mut rng).await;
        }
        tokio::time::sleep(Duration::from_millis(rng.below(4))).await;
    }
}

/// One to four statements, some taken back to a savepoint, the whole at times; at times it stands open for long.
async fn transaction(race: &Race, sql: &Sql, rng: &mut Rng) {
    sql.batch_execute("begin").await.expect("a transaction begins");
    let long = rng.in_hundred(6);
    for n in 0..=rng.below(4) {
        let undone = rng.in_hundred(15);
        let mut text = statement(rng);
        if undone {
            text = format!("savepoint undone; {text}; rollback to undone; release undone");
        }
        let done = sql.batch_execute(&text).await;
        let state = sqlstate(&done);
        if !state.is_empty() {
            note(race, state, false);
            sql.batch_execute("rollback").await.expect("it ends");
            return;
        }
        if undone {
            race.count("savepoints rolled back");
        }
        if long && n == 0 {
            race.count("long transactions");
            tokio::time::sleep(Duration::from_millis(50 + rng.below(300))).await;
        }
    }
    let keep = !rng.in_hundred(12);
    sql.batch_execute(if keep { "commit" } else { "rollback" }).await.expect("it ends");
    note(race, "", keep);
}

fn note(race: &Race, state: &str, kept: bool) {
    match (state, kept) {
        ("", true) => race.count("transactions committed"),
        ("", false) => race.count("transactions rolled back"),
        // Our rules and keys; a deadlock between transactions that lock in any order.
        ("23505" | "23503" | "23514" | "42501" | "40P01", _) => {
            race.count("transactions rolled back");
            race.count(&format!("refused with {state}"));
        }
        (state, _) => race.wrong(format!("a statement was refused with {state}")),
    }
}
