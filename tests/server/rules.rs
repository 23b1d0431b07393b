//! The list of rules on PostgreSQL: pushed over HTTP as a console would, and each edit that stands alone as a direct
//! statement too, as any other client of the project could send it.

use std::collections::BTreeMap;

use flyos::domain::{Change, Op, World};
use flyos::remote::wire::{OpKind, PushReply, PushRequest, SCHEMA};
use serde_json::{Value as Json, json};
use tokio_postgres::Error;
use uuid::Uuid;

use crate::cases::{self, Answer, Case, Edit, Told};
use crate::pg::{self, Database, Sql};
use crate::rows::{self, Keep};

/// Who acts in the list.
const PEOPLE: [&str; 8] =
    ["main", "east", "west", "operator1", "operator2", "deputy", "east.ops", "t.weaver"];

struct Bench {
    keep: Keep,
    owner: Sql,
    /// The claims of each person, by address.
    claims: BTreeMap<String, Json>,
    start: World,
}

impl Bench {
    async fn of(db: &Database) -> Self {
        db.seed(0).await;
        let mut claims = BTreeMap::new();
        for person in PEOPLE {
            let email = format!("{person}@flyos.mil");
            let session = db.session_of(&email).await;
            claims.insert(email, session);
        }
        let keep = Keep::of(db).await;
        let start = keep.world().await;
        Self { keep, owner: db.postgres().await, claims, start }
    }

    /// Each change alone: the cascades are the database's.
    async fn administer(&self, world: &mut World, edits: &[Edit]) {
        for edit in edits {
            let change = edit.change(world);
            assert_eq!(rows::write(&self.owner, &change).await.expect("a start that the rules allow"), 1);
            *world = self.keep.world().await;
        }
    }
}

#[tokio::test]
async fn every_rule_holds_on_postgres() {
    let db = pg::database().await;
    let bench = Bench::of(&db).await;
    let front = db.front().await;
    assert_eq!(cases::unstamped(&bench.start), cases::unstamped(&cases::initial()));
    let mut wrong = Vec::new();
    for case in cases::all() {
        let mut world = bench.start.clone();
        bench.administer(&mut world, &case.first).await;
        let seen = world.clone();
        bench.administer(&mut world, &case.meanwhile).await;
        let claims = &bench.claims[&case.email()];
        let uid: Uuid = serde_json::from_value(claims["sub"].clone()).expect("an account");
        let ops = case.ops(&seen);
        let request = PushRequest { uid, device: Uuid::from_u128(7), schema: SCHEMA, report: None, ops };
        let (status, reply) = front.rpc(&pg::mint(claims), "sync_push", &json!(request)).await;
        assert_eq!(status, 200, "{}: {reply}", case.name);
        let reply: PushReply = serde_json::from_value(reply).expect("a reply to a push");
        let (told, effects) = cases::read(&reply, case.edits.len());
        let answer = Answer { told, effects, before: world, after: bench.keep.world().await };
        let faults = case.faults_beside(&answer, &cases::model::answer(&cases::initial(), &case));
        if !faults.is_empty() {
            wrong.push((case.name, faults));
        }
        bench.keep.restore().await;
    }
    cases::report("PostgreSQL", &wrong);
}

/// What a statement that was refused or did nothing comes to; nothing where it is a fault that no rule of ours
/// raised: a column that is not there or not granted, a text that is no id.
fn refusal(done: &Result<u64, Error>) -> Option<Told> {
    let Err(error) = done else { return Some(Told("forbidden".to_owned())) };
    let error = error.as_db_error().expect("the database says why");
    let reason = error.constraint().and_then(|name| name.strip_prefix("flyos_"))?;
    let field = error.column().filter(|column| !column.is_empty());
    Some(Told([Some(reason), field].into_iter().flatten().collect::<Vec<_>>().join(" ")))
}

/// Is a direct statement the same as the edit? It has no base to be compared, and a key is its column's matter.
fn is_plain(case: &Case) -> bool {
    let [edit] = &case.edits[..] else { return false };
    let told = case.comes_to[0].0.as_str();
    // To the database an id is the same in large letters.
    let other_form = |text: &String| Uuid::try_parse(text).is_ok_and(|id| id.to_string() != *text);
    if edit.set.values().flatten().any(other_form) {
        return false;
    }
    let by_base = told.starts_with("conflict") || ["noop", "gone", "merged"].contains(&told);
    !by_base
        && told != "invalid id"
        && !(told.starts_with("unique") && told.ends_with("id") && edit.k == OpKind::Insert)
}

#[tokio::test]
async fn every_rule_holds_for_direct_statements() {
    let db = pg::database().await;
    let bench = Bench::of(&db).await;
    let mut people = BTreeMap::new();
    for (email, claims) in &bench.claims {
        people.insert(email.clone(), db.as_user(claims).await);
    }
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for case in cases::all().into_iter().filter(is_plain) {
        let mut world = bench.start.clone();
        bench.administer(&mut world, &case.first).await;
        bench.administer(&mut world, &case.meanwhile).await;
        let edit = &case.edits[0];
        let op = match edit.k {
            OpKind::Insert => Op::Insert { set: edit.set.clone() },
            OpKind::Update => Op::Update { base: edit.base(&world), set: edit.set.clone() },
            OpKind::Delete => Op::Delete { base: edit.base(&world) },
        };
        let done = rows::write(&people[&case.email()], &Change { key: edit.key(), op }).await;
        let after = bench.keep.world().await;
        let told = &case.comes_to[0];
        let mut faults = Vec::new();
        if told.is_in() {
            let answer = Answer { told: vec![told.clone()], effects: vec![], before: world, after };
            faults = case.faults(&answer);
        } else if cases::unstamped(&world) != cases::unstamped(&after) {
            faults.push(format!("is {told}, and yet it was done: {done:?}"));
        } else if let Some(found) = refusal(&done) {
            // Who may do nothing is told so by row-level security; and who may not is told that first.
            let forbidden = Told("forbidden".to_owned());
            if found != forbidden && found != *told {
                faults.push(format!("comes to {found}, and not to {told}"));
            }
            if found == forbidden && told.0.starts_with("invalid") && case.who == "main" {
                faults.push(format!("is forbidden, and not {told}"));
            }
        }
        if !faults.is_empty() {
            wrong.push((case.name, faults));
        }
        tried += 1;
        bench.keep.restore().await;
    }
    assert!(tried > 150, "only {tried} were tried");
    cases::report("direct statements", &wrong);
}

/// What the report is about may be gone by the end of the call.
#[tokio::test]
async fn who_deletes_themselves_is_answered() {
    let db = pg::database().await;
    let bench = Bench::of(&db).await;
    let front = db.front().await;
    for k in ["delete", "retire"] {
        let case =
            cases::all().into_iter().find(|case| case.name.starts_with("One of two deletes themselves"));
        let mut case = case.expect("such a case");
        if k == "retire" {
            case.edits[0].k = OpKind::Update;
            case.edits[0].set = [("status".to_owned(), Some("INACTIVE".to_owned()))].into();
        }
        let claims = &bench.claims[&case.email()];
        let body = json!({
            "uid": claims["sub"], "device": Uuid::from_u128(7), "schema": SCHEMA,
            "report": {"waiting": 1, "oldest_s": 2, "needs_you": 0, "version": "0.1.0"},
            "ops": case.ops(&bench.start),
        });
        let (status, reply) = front.rpc(&pg::mint(claims), "sync_push", &body).await;
        assert_eq!((status, &reply["results"][0]["code"]), (200, &json!("applied")), "{k}: {reply}");
        let (_, again) = front.rpc(&pg::mint(claims), "sync_push", &body).await;
        let word = if k == "delete" { "no_profile" } else { "inactive" };
        assert_eq!(again, json!({"must": word}), "{k}");
        bench.keep.restore().await;
    }
}
