//! Who is there, and which rows: for every caller a row of each kind, in the own region, in another, in none.

use flyos::domain::{Actor, Change, Fields, Key, Op, World};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::pg::{self, Database, Front, Sql};
use crate::rows::{self, Keep};

/// Somebody who calls.
pub struct Caller {
    pub name: &'static str,
    /// What the token says; nothing for the publishable key alone.
    pub claims: Option<Json>,
    /// Whose rows are looked at: the caller's own, or of who has none those of somebody else.
    pub rows_of: Key,
    /// As the domain knows them; nobody may do anything who is not known.
    pub actor: Option<Actor>,
    /// The word of the sync functions for who may not work.
    pub word: Option<&'static str>,
    /// A token that the API takes for nothing: its answer.
    pub turned_away: Option<&'static str>,
    pub bearer: String,
}

pub struct Stage {
    pub db: Database,
    pub front: Front,
    pub keep: Keep,
    pub world: World,
    pub callers: Vec<Caller>,
}

pub fn fields(pairs: &[(&str, Option<&str>)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
}

pub fn user(world: &World, name: &str) -> Key {
    let row = world.users().find(|user| *user.username == *name);
    Key::user(row.unwrap_or_else(|| unreachable!("there is no {name}")).id)
}

pub fn region(world: &World, name: &str) -> Uuid {
    world.regions().find(|region| *region.name == *name).expect("a region of the initial set").id
}

/// A drone that some people hold, the first of them its operator. Written under the rules.
async fn drone(owner: &Sql, id: &str, region: Option<Uuid>, holders: &[Uuid]) {
    let key = Key::drone(id);
    let region = region.map(|id| id.to_string());
    let set = fields(&[
        ("model", Some("FlyOS_MQ5")),
        ("status", Some("STANDBY")),
        ("region_id", region.as_deref()),
    ]);
    let mut changes = vec![Change::insert(key.clone(), set)];
    changes.extend(holders.iter().map(|user| Change::insert(Key::assignment(*user, id), Fields::new())));
    let post = fields(&[("operator_id", Some(&holders[0].to_string()))]);
    changes.push(Change { key, op: Op::Update { base: Fields::new(), set: post } });
    for change in changes {
        rows::write(owner, &change).await.unwrap_or_else(|error| unreachable!("{id}: {error:?}"));
    }
}

/// An account with a profile of this standing.
async fn person(db: &Database, owner: &Sql, name: &str, role: &str, region: Option<Uuid>) -> Uuid {
    let account = db.account(&format!("{name}@flyos.mil")).await;
    let update = "update public.profiles set username = $2, role = $3, region_id = $4, status = 'ACTIVE'
        where auth_user_id = $1 returning id";
    let row = owner.query_one(update, &[&account, &name, &role, &region]).await;
    row.expect("a new account gets a profile").get(0)
}

/// Puts everybody and everything there.
pub async fn stage() -> Stage {
    let db = pg::database().await;
    db.seed(0).await;
    let owner = db.postgres().await;
    let world = rows::world(&owner).await;
    let (east, west) = (region(&world, "Eastern"), region(&world, "Western"));
    let id = |name: &str| user(&world, name).uuid().expect("a user's key");

    owner
        .execute("update public.profiles set region_id = $1 where username = 'deputy_admin'", &[&east])
        .await
        .expect("headquarters may be in a region");
    person(&db, &owner, "lost_hq", "REGIONAL_HQ", None).await;
    person(&db, &owner, "careful", "MAIN_HQ", Some(east)).await;
    for (name, role) in [("was_main", "MAIN_HQ"), ("was_hq", "REGIONAL_HQ"), ("was_operator", "OPERATOR")] {
        person(&db, &owner, name, role, Some(east)).await;
    }
    let stray = db.account("stray@flyos.mil").await;

    let world = rows::world(&owner).await;
    for name in
        ["deputy_admin", "east_hq", "operator1", "lost_hq", "careful", "was_main", "was_hq", "was_operator"]
    {
        let me = user(&world, name).uuid().expect("a user's key");
        let mate = id(if name == "lost_hq" { "h_brandt" } else { "m_petrov" });
        if name != "lost_hq" {
            drone(&owner, &format!("{name}-operated"), Some(east), &[me, mate]).await;
            drone(&owner, &format!("{name}-assigned"), Some(east), &[mate, me]).await;
        }
        drone(&owner, &format!("{name}-operated-free"), None, &[me, mate]).await;
        drone(&owner, &format!("{name}-assigned-free"), None, &[mate, me]).await;
    }
    drone(&owner, "others-east", Some(east), &[id("a_lindqvist"), id("d_okafor")]).await;
    drone(&owner, "others-west", Some(west), &[id("k_tanaka"), id("s_morgan")]).await;
    drone(&owner, "others-free", None, &[id("h_brandt"), id("n_fraser")]).await;
    owner.close().await;

    // What no rule lets happen any more, as old data may be: past the triggers.
    let platform = db.superuser().await;
    platform
        .batch_execute(&format!(
            "set session_replication_role = replica;
            update public.profiles set status = 'INACTIVE' where username like 'was\\_%';
            delete from public.profiles where auth_user_id = '{stray}';
            insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
            select gen_random_uuid(), auth_user_id, 'totp', 'verified', now(), now() from public.profiles
            where username = 'careful';"
        ))
        .await
        .expect("the platform's owner may");
    platform.close().await;
    let callers = callers(&db, stray).await;
    let (front, keep) = (db.front().await, Keep::of(&db).await);
    let world = keep.world().await;
    Stage { db, front, keep, world, callers }
}

async fn callers(db: &Database, stray: Uuid) -> Vec<Caller> {
    let sql = db.superuser().await;
    let world = rows::world(&sql).await;
    let known = |name: &'static str, username: &str, claims: Json| {
        let key = user(&world, username);
        let actor = world.user(key.uuid().expect("a user's key")).and_then(Actor::of);
        let bearer = pg::mint(&claims);
        Caller { name, claims: Some(claims), rows_of: key, actor, word: None, turned_away: None, bearer }
    };
    let nobody = |caller: Caller, word: &'static str| Caller { actor: None, word: Some(word), ..caller };
    let turned_away = |caller: Caller, code: &'static str| Caller { turned_away: Some(code), ..caller };

    let mut forged = db.session_of("operator1@flyos.mil").await;
    let boast = json!({"role": "MAIN_HQ", "flyos_role": "MAIN_HQ", "status": "ACTIVE", "is_admin": true});
    forged["user_metadata"] = boast.clone();
    forged["user_role"] = boast["role"].clone();
    let mut with_factor = db.session_of("careful@flyos.mil").await;
    let without_factor = with_factor.clone();
    with_factor["aal"] = json!("aal2");
    let ended = db.session_of("deputy@flyos.mil").await;
    let end = format!(
        "delete from auth.sessions where id = '{}'",
        ended["session_id"].as_str().expect("a session")
    );
    sql.batch_execute(&end).await.expect("the platform's owner may");
    let deputy = db.session_of("deputy@flyos.mil").await;
    let mut borrowed = deputy.clone();
    borrowed["session_id"] = db.session_of("east@flyos.mil").await["session_id"].clone();
    let mut sessionless = deputy.clone();
    sessionless.as_object_mut().expect("claims").remove("session_id");
    let mut expired = deputy.clone();
    expired["exp"] = json!(pg::now_s() - 60);
    let foreign = pg::forge(&deputy);

    let anon = Caller {
        claims: None,
        bearer: String::new(),
        ..nobody(known("the publishable key alone", "east_hq", json!({"role": "anon"})), "")
    };
    vec![
        known("MAIN_HQ, in Eastern", "deputy_admin", deputy.clone()),
        known("REGIONAL_HQ, of Eastern", "east_hq", db.session_of("east@flyos.mil").await),
        known("OPERATOR, in Eastern", "operator1", db.session_of("operator1@flyos.mil").await),
        known("REGIONAL_HQ, without a region", "lost_hq", db.session_of("lost_hq@flyos.mil").await),
        known("OPERATOR who calls themselves MAIN_HQ in user_metadata", "operator1", forged),
        known("MAIN_HQ with a second factor, given", "careful", with_factor),
        nobody(known("MAIN_HQ with a second factor, not given", "careful", without_factor), "aal2"),
        nobody(known("MAIN_HQ, INACTIVE", "was_main", db.session_of("was_main@flyos.mil").await), "inactive"),
        nobody(known("REGIONAL_HQ, INACTIVE", "was_hq", db.session_of("was_hq@flyos.mil").await), "inactive"),
        nobody(
            known("OPERATOR, INACTIVE", "was_operator", db.session_of("was_operator@flyos.mil").await),
            "inactive",
        ),
        nobody(known("an account without a profile", "east_hq", db.session(stray).await), "no_profile"),
        nobody(known("MAIN_HQ whose session was ended", "deputy_admin", ended), "signed_out"),
        nobody(known("MAIN_HQ with somebody else's session", "deputy_admin", borrowed), "signed_out"),
        nobody(known("MAIN_HQ without a session in the token", "deputy_admin", sessionless), "signed_out"),
        anon,
        turned_away(nobody(known("MAIN_HQ, token expired", "deputy_admin", expired), ""), "PGRST303"),
        turned_away(
            Caller {
                bearer: foreign,
                ..nobody(known("MAIN_HQ, token of another's key", "deputy_admin", deputy), "")
            },
            "PGRST301",
        ),
    ]
}
