//! Calls that are wrong in themselves: each gets an error whose code names the fault, the same on both servers, and
//! nothing of it is applied, claimed or kept.
//!
//! The arguments that are uuids and numbers are read by PostgREST, with PostgreSQL's own codes (22P02, 22003); what
//! is JSON to the database is judged by our SQL, with PT400 for a wrong shape and PT413 for too much.

use flyos::domain::{Fields, Kind};
use flyos::remote::wire::{OpKind, OpWire, Outcome, PushReply};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::*;

on_both! {
    wrong_calls_name_their_fault_and_leave_nothing,
    wrong_calls_of_who_may_not_work_get_the_word,
    no_body_is_too_large_to_be_refused,
}

/// What is posted: a body as it is, or an argument of a sound call put elsewise (null takes it away).
enum Body {
    Raw(&'static [u8]),
    Put(&'static str, Json),
    Without(&'static str),
    /// The one edit of a sound push with a key put elsewise.
    Op(&'static str, Json),
    OpWithout(&'static str),
    Ops(Vec<OpWire>),
}

type Case = (&'static str, Body, u16, &'static str);

fn plain(pk: &str) -> OpWire {
    op(&drone(pk), OpKind::Delete, Fields::new(), Fields::new())
}

fn many(count: usize, group: impl Fn(usize) -> Option<Uuid>) -> Vec<OpWire> {
    (0..count).map(|n| OpWire { group: group(n), ..plain(&format!("d{n}")) }).collect()
}

fn shapes() -> Vec<Case> {
    use Body::Raw;
    let mut cases = Vec::new();
    for function in ["sync_pull", "sync_push", "sync_digest"] {
        cases.extend([
            (function, Raw(b"{"), 400, "PGRST102"),
            (function, Raw(b"nonsense"), 400, "PGRST102"),
            (function, Raw(b"{\"a\": \xff}"), 400, "PGRST102"),
            (function, Raw(b"{} {}"), 400, "PGRST102"),
            (function, Raw(b""), 404, "PGRST202"),
            (function, Raw(b"{}"), 404, "PGRST202"),
            (function, Body::Put("extra", json!(1)), 404, "PGRST202"),
        ]);
    }
    cases.extend([("sync_all", Raw(b"{}"), 404, "PGRST202"), ("epoch", Raw(b"{}"), 404, "PGRST202")]);
    for (function, arguments) in [
        ("sync_pull", &["cursor", "limit_rows", "limit_bytes", "schema"][..]),
        ("sync_push", &["uid", "device", "schema", "report", "ops"]),
        ("sync_digest", &["tables"]),
    ] {
        cases.extend(arguments.iter().map(|name| (function, Body::Without(name), 404, "PGRST202")));
    }
    cases
}

fn pulls() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in ["limit_rows", "limit_bytes"] {
        for (value, code) in [
            (json!(0), "PT400"),
            (json!(-1), "PT400"),
            (json!(-2_147_483_648_i64), "PT400"),
            (json!(2_147_483_648_i64), "22003"),
            (json!("many"), "22P02"),
            (json!(1.5), "22P02"),
            (json!({}), "22P02"),
            (json!([]), "22P02"),
            (json!(true), "22P02"),
        ] {
            cases.push(("sync_pull", Body::Put(name, value), 400, code));
        }
    }
    for (value, code) in
        [(json!("one"), "22P02"), (json!(99_999_999_999_i64), "22003"), (json!([1]), "22P02")]
    {
        cases.push(("sync_pull", Body::Put("schema", value.clone()), 400, code));
        cases.push(("sync_push", Body::Put("schema", value), 400, code));
    }
    for value in [
        json!("drones"),
        json!(null),
        json!({}),
        json!([5]),
        json!([null]),
        json!([["drones"]]),
        json!(["planes"]),
        json!(["drones", "pg_class"]),
        json!(["drones", "drones", "drones", "drones", "drones"]),
        json!(["\"; drop table drones"]),
    ] {
        cases.push(("sync_digest", Body::Put("tables", value), 400, "PT400"));
    }
    cases
}

fn pushes() -> Vec<Case> {
    let mut cases = vec![
        ("sync_push", Body::Put("uid", json!(Uuid::now_v7())), 409, "PT409"),
        ("sync_push", Body::Put("uid", json!("somebody")), 400, "22P02"),
        ("sync_push", Body::Put("uid", json!(7)), 400, "22P02"),
        ("sync_push", Body::Put("device", json!("laptop")), 400, "22P02"),
        ("sync_push", Body::Put("device", json!({})), 400, "22P02"),
    ];
    let sound = json!({"waiting": 1, "oldest_s": 2, "needs_you": 3, "version": "1.0"});
    let report = |name: &str, value: Json| {
        let mut report = sound.clone();
        report[name] = value;
        report
    };
    for value in [
        json!("fine"),
        json!([]),
        json!({}),
        json!(5),
        report("waiting", json!(-1)),
        report("waiting", json!("1")),
        report("waiting", json!(1.5)),
        report("oldest_s", json!(10_000_000_000_i64)),
        report("needs_you", json!(null)),
        report("version", json!("")),
        report("version", json!(5)),
        report("version", json!("x".repeat(65))),
    ] {
        cases.push(("sync_push", Body::Put("report", value), 400, "PT400"));
    }
    for value in
        [json!("x"), json!({}), json!(null), json!(5), json!([5]), json!(["x"]), json!([null]), json!([[]])]
    {
        cases.push(("sync_push", Body::Put("ops", value), 400, "PT400"));
    }
    cases
}

fn ops() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for name in ["id", "seq", "t", "pk", "k", "base", "set", "deps"] {
        cases.push(("sync_push", Body::OpWithout(name), 400, "PT400"));
        cases.push(("sync_push", Body::Op(name, json!(null)), 400, "PT400"));
        cases.push(("sync_push", Body::Op(name, json!(true)), 400, "PT400"));
    }
    let fields: serde_json::Map<String, Json> = (0..65).map(|n| (format!("f{n}"), json!("x"))).collect();
    for (name, value) in [
        ("id", json!("7")),
        ("id", json!(7)),
        ("id", json!("0194a3d2-0000-7000-8000-00000000000g")),
        ("id", json!("{0194a3d2-0000-7000-8000-000000000001}")),
        ("seq", json!(-1)),
        ("seq", json!(1.5)),
        ("seq", json!("1")),
        ("seq", json!(1e40)),
        ("group", json!("all")),
        ("group", json!(1)),
        ("group", json!({})),
        ("t", json!("planes")),
        ("t", json!("sync.row_state")),
        ("t", json!("DRONES")),
        ("t", json!(5)),
        ("pk", json!(1)),
        ("pk", json!(["drone-001"])),
        ("pk", json!("x".repeat(601))),
        ("k", json!("upsert")),
        ("k", json!("UPDATE")),
        ("base", json!([])),
        ("base", json!("ACTIVE")),
        ("base", json!({"status": 5})),
        ("base", json!({"status": {"a": "b"}})),
        ("base", Json::Object(fields.clone())),
        ("set", json!([["status", "OFFLINE"]])),
        ("set", json!({"status": true})),
        ("set", json!({"status": ["OFFLINE"]})),
        ("set", Json::Object(fields)),
        ("deps", json!({})),
        ("deps", json!("x")),
        ("deps", json!([5])),
        ("deps", json!(["x"])),
        ("deps", json!([null])),
        ("drops", json!({})),
        ("drops", json!("x")),
        ("drops", json!([5])),
        ("drops", json!([null])),
        ("drops", json!(["x".repeat(601)])),
        ("drops", json!((0..1001).map(|n| format!("{n}")).collect::<Vec<_>>())),
        ("deps", json!((0..1001).map(|_| Uuid::now_v7()).collect::<Vec<_>>())),
        ("reason", json!(5)),
        ("reason", json!("x".repeat(201))),
        ("reason", json!("\u{1b}]52;c;ZXZpbA==\u{7}")),
    ] {
        cases.push(("sync_push", Body::Op(name, value), 400, "PT400"));
    }
    let (one, apart) = (Some(Uuid::now_v7()), Some(Uuid::now_v7()));
    let long = |name: &str| insert(&drone("d"), &[(name, &"x".repeat(1 << 20))]);
    for (ops, status, code) in [
        (many(51, |_| None), 413, "PT413"),
        (many(10_000, |_| None), 413, "PT413"),
        (many(1001, |_| one), 413, "PT413"),
        (vec![long("model")], 413, "PT413"),
        (vec![long("colour")], 413, "PT413"),
        (many(3, |n| if n == 1 { None } else { apart }), 400, "PT400"),
    ] {
        cases.push(("sync_push", Body::Ops(ops), status, code));
    }
    // A NUL has no place in PostgreSQL's texts: the call is refused before our SQL sees it.
    for (name, value) in [
        ("pk", json!("drone\u{0}")),
        ("set", json!({"status": "OFF\u{0}LINE"})),
        ("set", json!({"sta\u{0}tus": "OFFLINE"})),
        ("base", json!({"status": "\u{0}"})),
    ] {
        cases.push(("sync_push", Body::Op(name, value), 400, "22P05"));
    }
    cases.push(("sync_digest", Body::Put("tables", json!(["\u{0}"])), 400, "22P05"));
    cases.push(("sync_pull", Body::Put("cursor", json!({"epoch": "\u{0}"})), 400, "22P05"));
    cases
}

/// A sound call of each function, as this person would make it.
fn sound(function: &str, person: &Person, ops: &[OpWire]) -> Json {
    match function {
        "sync_pull" => json!({"cursor": null, "limit_rows": 5, "limit_bytes": 100_000, "schema": 1}),
        "sync_push" => person.push_body(ops),
        "sync_digest" => json!({"tables": ["drones"]}),
        _ => json!({}),
    }
}

impl Body {
    fn bytes(&self, function: &str, person: &Person, ops: &[OpWire]) -> Vec<u8> {
        let mut body = sound(function, person, ops);
        let take = |json: &mut Json, name: &str| drop(json.as_object_mut().expect("an object").remove(name));
        match self {
            Self::Raw(bytes) => return bytes.to_vec(),
            Self::Put(name, value) => body[name] = value.clone(),
            Self::Without(name) => take(&mut body, name),
            Self::Op(name, value) => body["ops"][0][name] = value.clone(),
            Self::OpWithout(name) => take(&mut body["ops"][0], name),
            Self::Ops(ops) => body["ops"] = json!(ops),
        }
        serde_json::to_vec(&body).expect("JSON")
    }
}

async fn told(person: &Person, function: &str, bytes: Vec<u8>) -> (u16, String) {
    let request = person.request(function).header("content-type", "application/json").body(bytes);
    let reply = request.send().await.expect("an answer");
    let status = reply.status().as_u16();
    let body = reply.text().await.expect("a whole answer");
    let code =
        serde_json::from_str::<Json>(&body).ok().and_then(|json| json["code"].as_str().map(str::to_owned));
    (status, code.unwrap_or(body))
}

/// The sums over everything: any version that moved would show.
async fn sums(person: &Person) -> Json {
    person.rpc("sync_digest", &json!({"tables": Kind::ALL})).await.json().await.expect("sums")
}

async fn wrong_calls_name_their_fault_and_leave_nothing(server: &impl Server) {
    let main = sign_in(server, MAIN).await;
    let (before, truth) = (sums(&main).await, server.world().await);
    let one = update(server, &drone("drone-001"), &[("status", "OFFLINE")]).await;
    let mut wrong = Vec::new();
    for (function, body, status, code) in [shapes(), pulls(), pushes(), ops()].concat_all() {
        let bytes = body.bytes(function, &main, std::slice::from_ref(&one));
        let shown: String = String::from_utf8_lossy(&bytes).chars().take(300).collect();
        let got = told(&main, function, bytes).await;
        if (got.0, got.1.as_str()) != (status, code) {
            wrong.push(format!("{function} {shown}\n    {got:?} and not {status} {code}"));
        }
    }
    assert!(wrong.is_empty(), "{} are answered otherwise:\n{}", wrong.len(), wrong.join("\n"));
    assert!(server.world().await == truth, "nothing was written");
    assert_eq!(sums(&main).await, before, "no version moved");
    // None of them claimed the edit's id, and it is taken now.
    let result = main.push(&[one]).await.swap_remove(0);
    assert!(!result.replayed && matches!(result.outcome, Outcome::Applied { v: 2, .. }), "{result:?}");
}

trait ConcatAll {
    fn concat_all(self) -> Vec<Case>;
}

impl<const N: usize> ConcatAll for [Vec<Case>; N] {
    fn concat_all(self) -> Vec<Case> {
        self.into_iter().flatten().collect()
    }
}

/// Nulls in place of scalars: PostgREST hands them on, the server of these tests does not, so SQL is asked itself.
#[tokio::test]
async fn nulls_are_no_scalars() {
    let server = Postgres::start(0).await;
    let main = sign_in(&server, MAIN).await;
    let sql = server.database.as_user(&server.database.session(main.uid).await).await;
    let uid = main.uid;
    for (call, code) in [
        ("sync_pull(null, null, 1000, 1)".to_owned(), "PT400"),
        ("sync_pull(null, 5, null, 1)".to_owned(), "PT400"),
        ("sync_push(null, gen_random_uuid(), 1, null, '[]')".to_owned(), "PT409"),
        (format!("sync_push('{uid}', null, 1, null, '[]')"), "PT400"),
        (format!("sync_push('{uid}', gen_random_uuid(), 1, null, null)"), "PT400"),
        ("sync_digest(null)".to_owned(), "PT400"),
    ] {
        assert_eq!(crate::pg::sqlstate(&sql.value(&format!("select {call}")).await), code, "{call}");
    }
    for call in [
        "sync_pull(null, 5, 1000, null)".to_owned(),
        format!("sync_push('{uid}', gen_random_uuid(), null, null, '[]')"),
    ] {
        assert_eq!(
            sql.value(&format!("select {call}")).await.expect("a word"),
            json!({"must": "schema_old"})
        );
    }

    let server = Training::start(0).await;
    let main = sign_in(&server, MAIN).await;
    for (function, name, status, code) in [
        ("sync_pull", "limit_rows", 400, "PT400"),
        ("sync_pull", "limit_bytes", 400, "PT400"),
        ("sync_push", "uid", 409, "PT409"),
        ("sync_push", "device", 400, "PT400"),
        ("sync_push", "ops", 400, "PT400"),
        ("sync_digest", "tables", 400, "PT400"),
        ("sync_pull", "schema", 200, r#"{"must":"schema_old"}"#),
        ("sync_push", "schema", 200, r#"{"must":"schema_old"}"#),
    ] {
        let got = told(&main, function, Body::Put(name, Json::Null).bytes(function, &main, &[])).await;
        assert_eq!((got.0, got.1.as_str()), (status, code), "{function} {name}");
    }
}

/// Whose edits they are comes first, then who calls; only then is looked at what was sent.
async fn wrong_calls_of_who_may_not_work_get_the_word(server: &impl Server) {
    let inactive = sign_in(server, INACTIVE).await;
    let word = json!({"must": "inactive"});
    for (name, value) in
        [("ops", json!("x")), ("ops", json!([5])), ("report", json!(5)), ("schema", json!(0))]
    {
        let mut body = inactive.push_body(&[]);
        body[name] = value;
        let reply = inactive.rpc("sync_push", &body).await;
        assert_eq!(reply.json::<Json>().await.expect("a word"), word, "{body}");
    }
    for (name, value) in [("cursor", json!(5)), ("limit_rows", json!(0)), ("schema", json!(9))] {
        let mut body = sound("sync_pull", &inactive, &[]);
        body[name] = value;
        let reply = inactive.rpc("sync_pull", &body).await;
        assert_eq!(reply.json::<Json>().await.expect("a word"), word, "{body}");
    }
    let reply = inactive.rpc("sync_digest", &json!({"tables": 5})).await;
    assert_eq!(reply.json::<Json>().await.expect("a word"), word);
    let main = sign_in(server, MAIN).await;
    let old = json!({"cursor": 5, "limit_rows": 0, "limit_bytes": 0, "schema": 0});
    let reply = main.rpc("sync_pull", &old).await;
    assert_eq!(reply.json::<Json>().await.expect("a word"), json!({"must": "schema_old"}));
}

async fn no_body_is_too_large_to_be_refused(server: &impl Server) {
    let main = sign_in(server, MAIN).await;
    let truth = server.world().await;
    let long = insert(&drone("d"), &[("model", &"x".repeat(10 << 20))]);
    let body = main.push_body(&[long]);
    // The server may hang up while the body is still on its way, and hangs up after: nobody else is to use that line.
    let alone = Person { http: client(), ..main.clone() };
    match alone.try_rpc("sync_push", &body).await {
        Err(error) => assert!(error.is_request() || error.is_body(), "{error:?}"),
        Ok(reply) => assert_eq!(reply.status(), 413),
    }
    assert!(server.world().await == truth);
    assert!(matches!(main.push_reply(&[]).await, PushReply::Results { .. }), "it goes on");
}

#[tokio::test]
async fn nothing_is_kept_of_a_wrong_call() {
    let server = Postgres::start(0).await;
    let main = sign_in(&server, MAIN).await;
    let one = update(&server, &drone("drone-001"), &[("status", "OFFLINE")]).await;
    let kept = "select jsonb_build_object('states', (select jsonb_agg(to_jsonb(s) order by s.tbl, s.pk) from sync.row_state s),
        'exits', (select count(*) from sync.scope_exit), 'claims', (select count(*) from sync.applied_op),
        'devices', (select count(*) from sync.device), 'activity', (select count(*) from public.activity),
        'telling', (select count(*) from sync.telling))";
    let before = server.value(kept).await;
    for (function, body, ..) in [pushes(), ops()].concat_all() {
        told(&main, function, body.bytes(function, &main, std::slice::from_ref(&one))).await;
    }
    // A report that is wrong stands behind edits that are right: they are undone with it.
    let mut body = main.push_body(&[one]);
    body["report"] = json!({"waiting": -1});
    assert_eq!(code_of(main.rpc("sync_push", &body).await).await, (400, "PT400".to_owned()));
    assert_eq!(server.value(kept).await, before);
}
