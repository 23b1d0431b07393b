//! Who writes by `sync_push`: each reads what it sees, and pushes edits with that as their base. Some pushes are
//! delivered twice, as a gateway does.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{Race, writers};
use crate::kit::{Person, Rng, ops};
use crate::pg::sqlstate;

/// What a code is counted as.
fn name(result: &Json) -> &'static str {
    match (result["replayed"].as_bool(), result["code"].as_str().unwrap_or_default()) {
        (Some(true), _) => "edits replayed",
        (_, "applied") => "edits applied",
        (_, "merged") => "edits merged",
        (_, "noop") => "edits that were so already",
        (_, "conflict") => "edits in conflict",
        (_, "rejected") => "edits rejected",
        (_, "gone") => "edits of rows that were gone",
        (_, "blocked") => "edits blocked",
        (_, "retry") => "edits to be sent again",
        _ => "edits with no code",
    }
}

pub async fn push(race: Arc<Race>, person: Person, email: &'static str, mut rng: Rng) {
    while !race.over() {
        let mut list = Vec::new();
        for _ in 0..=rng.below(5) {
            list.extend(edit(&person, email, &mut rng).await);
        }
        if rng.in_hundred(20) {
            list = ops::group(&list);
        }
        let first = deliver(&race, &person, &list).await;
        if rng.in_hundred(12)
            && let (Some(first), Some(again)) = (first, deliver(&race, &person, &list).await)
        {
            for (before, now) in first.iter().zip(&again) {
                let settled = !matches!(before["code"].as_str(), Some("retry" | "blocked"));
                let mut expected = before.clone();
                expected["replayed"] = json!(true);
                if settled && *now != expected {
                    race.wrong(format!("a second delivery of {before} was answered {now}"));
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(rng.below(6))).await;
    }
}

async fn deliver(race: &Race, person: &Person, list: &[Json]) -> Option<Vec<Json>> {
    race.count("pushes");
    let done = person.push(list).await;
    match done {
        Ok(results) => {
            for (result, op) in results.iter().zip(list) {
                race.count(name(result));
                if name(result) == "edits with no code" || result["id"] != op["id"] {
                    race.wrong(format!("{op} was answered {result}"));
                }
            }
            race.count("transactions committed");
            Some(results)
        }
        Err(error) => {
            let state = sqlstate(&Err::<(), _>(error)).to_owned();
            race.wrong(format!("a push failed with {state}"));
            None
        }
    }
}

async fn seen(person: &Person, query: &str) -> Option<Json> {
    let row = person.sql.query_opt(query, &[]).await.expect("the tables can be read");
    row.map(|row| row.get(0))
}

async fn edit(person: &Person, email: &str, rng: &mut Rng) -> Option<Json> {
    let main = email.starts_with("main");
    let drone = writers::drone(rng);
    let row = seen(person, &format!("select to_jsonb(d) from public.drones d where d.id = '{drone}'")).await;
    let Some(row) = row else {
        let set = json!({"model": "FlyOS_MQ5", "status": "STANDBY", "region_id": writers::region(rng)});
        return main.then(|| ops::insert("drones", &drone, &set));
    };
    let changed = |name: &str, value: Json| {
        ops::update("drones", &drone, &json!({ name: row[name] }), &json!({ name: value }))
    };
    let salt = rng.below(1 << 30);
    let holder = format!(
        "select to_jsonb(a.user_id) from public.user_drone_assignments a where a.drone_id = '{drone}'
            order by md5(a.user_id::text || '{salt}') limit 1"
    );
    Some(match rng.below(100) {
        0..30 => changed("status", json!(writers::status(rng))),
        30..45 if main => changed("region_id", json!(writers::region(rng))),
        45..50 => {
            let id = writers::person(rng);
            let query = format!("select to_jsonb(p) from public.profiles p where p.id = '{id}'");
            let base = json!({"region_id": seen(person, &query).await?["region_id"]});
            ops::update("profiles", &id, &base, &json!({"region_id": writers::region(rng)}))
        }
        50..68 => {
            let fits = format!(
                "select to_jsonb(p.id) from public.profiles p where p.region_id is not distinct from {}
                    order by md5(p.id::text || '{salt}') limit 1",
                row["region_id"].as_str().map_or_else(|| "null".to_owned(), |id| format!("'{id}'"))
            );
            ops::assign(seen(person, &fits).await?.as_str()?, &drone)
        }
        68..78 => ops::unassign(seen(person, &holder).await?.as_str()?, &drone),
        78..90 => changed("operator_id", seen(person, &holder).await.unwrap_or(Json::Null)),
        90..94 => ops::delete("drones", &drone),
        _ => {
            let own =
                seen(person, "select to_jsonb(p) from public.profiles p where p.auth_user_id = auth.uid()");
            let own = own.await?;
            let name = format!("Racer {salt}");
            let pk = own["id"].as_str()?;
            ops::update("profiles", pk, &json!({"full_name": own["full_name"]}), &json!({"full_name": name}))
        }
    })
}
