//! What the database's own catalog says: who may reach what, and that the description of the columns is the domain's.

use std::collections::BTreeMap;

use flyos::domain::field::{FieldType, is_harmful};
use flyos::domain::{Kind, rules};
use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::pg;

/// The texts of a query with one column.
async fn texts(db: &pg::Database, query: &str) -> Vec<String> {
    let sql = db.superuser().await;
    let rows = sql.query(query, &[]).await.unwrap_or_else(|error| unreachable!("{query}: {error}"));
    rows.iter().map(|row| row.get(0)).collect()
}

/// Each of these questions must find nothing.
const NOTHING: [(&str, &str); 13] = [
    (
        "a table in public without row-level security",
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
            and not relrowsecurity",
    ),
    (
        "a view in public, which would read past row-level security",
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('v', 'm')",
    ),
    (
        "a table of ours that anon may do anything to",
        "select format('%s: %s', c.oid::regclass, p) from pg_class c,
            unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) p
        where c.relnamespace::regnamespace::text in ('public', 'flyos', 'sync') and c.relkind in ('r', 'p', 'v', 'm')
            and (has_table_privilege('anon', c.oid, p) or (p in ('select', 'insert', 'update', 'references')
                and has_any_column_privilege('anon', c.oid, p)))",
    ),
    (
        "a function of ours that anon may call",
        "select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace::regnamespace::text in ('public', 'flyos', 'sync')
            and has_function_privilege('anon', p.oid, 'execute')",
    ),
    (
        "a function of ours that everybody may call",
        "select p.oid::regprocedure::text from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        where p.pronamespace::regnamespace::text in ('public', 'flyos', 'sync') and a.grantee = 0",
    ),
    (
        "a function that acts as its owner, or is called by triggers, without a search path of its own",
        "select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace::regnamespace::text in ('public', 'flyos', 'sync')
            and (p.prosecdef or p.prorettype = 'trigger'::regtype)
            and not coalesce(p.proconfig, '{}') && array['search_path=', 'search_path=\"\"']",
    ),
    (
        "a function that the API shows without a search path of its own",
        "select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and not coalesce(p.proconfig, '{}') && array['search_path=', 'search_path=\"\"']",
    ),
    (
        "a table of the bookkeeping that somebody signed in may touch",
        "select format('%s: %s', c.oid::regclass, p) from pg_class c,
            unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) p
        where c.relnamespace::regnamespace::text in ('flyos', 'sync') and c.relkind in ('r', 'p', 'v', 'm')
            and has_table_privilege('authenticated', c.oid, p)",
    ),
    (
        "a function that writes past the rules and that somebody signed in may call",
        "select p.oid::regprocedure::text from pg_proc p
        where has_function_privilege('authenticated', p.oid, 'execute') and (p.pronamespace::regnamespace::text, p.proname)
            in (('sync', 'touch'), ('sync', 'tell'), ('sync', 'repair'), ('flyos', 'mend'), ('flyos', 'settle'),
                ('flyos', 'bar_account'), ('flyos', 'keep_main_hq'), ('public', 'note_account_deed'))",
    ),
    (
        "a table that somebody signed in may truncate, or reference",
        "select format('%s: %s', c.oid::regclass, p) from pg_class c, unnest(array['truncate', 'references', 'trigger']) p
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
            and has_table_privilege('authenticated', c.oid, p)",
    ),
    (
        "a column of the server's that somebody signed in may write",
        "select format('%s.%s: %s', f.tbl, f.name, p) from flyos.field f, unnest(array['insert', 'update']) p
        where f.server and has_column_privilege('authenticated', ('public.' || f.tbl)::regclass, f.name, p)
            and not (p = 'insert' and f.name in ('id', 'user_id', 'drone_id')) and not (p = 'update' and f.name = 'id')",
    ),
    (
        "a key that may be updated, for upserts, without a guard that leaves it as it is",
        "select c.oid::regclass::text from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
            and has_any_column_privilege('authenticated', c.oid, 'update') and not exists (select from pg_trigger t
                where t.tgrelid = c.oid and t.tgname = 'flyos_1_guard_key' and t.tgenabled = 'O')",
    ),
    (
        "a policy for more than those signed in",
        "select format('%s: %s', tablename, policyname) from pg_policies
        where schemaname = 'public' and roles <> '{authenticated}'",
    ),
];

#[tokio::test]
async fn nothing_is_open_that_should_be_closed() {
    let db = pg::database().await;
    for (what, query) in NOTHING {
        assert_eq!(texts(&db, query).await, [""; 0], "there is {what}");
    }
    // The questions find something where there is something.
    db.migrate(
        "create table public.open (id int); grant select on public.open to anon;
        create view public.pane as select 1 as one;
        create function public.loud() returns int language sql security definer as 'select 1';
        grant execute on function public.loud() to public;",
    )
    .await
    .expect("made");
    let mut found = 0;
    for (_, query) in NOTHING {
        found += usize::from(!texts(&db, query).await.is_empty());
    }
    assert_eq!(found, 7, "seven of the questions are about these");
}

#[tokio::test]
async fn the_bookkeeping_is_not_there_for_the_api() {
    let db = pg::database().await;
    db.seed(0).await;
    let front = db.front().await;
    let main = front.sign_in("main@flyos.mil").await;
    for schema in ["sync", "flyos", "auth", "realtime", "extensions", "pg_catalog", "information_schema"] {
        let get = front.request(Method::GET, "/rest/v1/meta?select=*").header("Accept-Profile", schema);
        let post = front
            .request(Method::POST, "/rest/v1/rpc/repair")
            .header("Content-Profile", schema)
            .header("Accept-Profile", schema)
            .json(&json!({}));
        for request in [get, post] {
            for request in [request.try_clone().expect("no stream").bearer_auth(&main.token), request] {
                let answer = request.send().await.expect("an answer");
                let (status, body) =
                    (answer.status().as_u16(), answer.json::<Json>().await.expect("an error"));
                assert_eq!((status, &body["code"]), (406, &json!("PGRST106")), "{schema}: {body}");
            }
        }
    }
    // Nor under another name: a table and a function of those schemas are not found in ours.
    for (table, code) in [
        ("row_state", "PGRST205"),
        ("field", "PGRST205"),
        ("sync.meta", "PGRST205"),
        ("device_key", "PGRST205"),
    ] {
        let (status, body) = front.get(&main.token, &format!("{table}?select=*")).await;
        assert_eq!((status, &body["code"]), (404, &json!(code)), "{table}: {body}");
    }
    for function in ["repair", "settle", "my_scopes", "touch", "caller", "refuse", "device_key_gone"] {
        let (status, body) = front.rpc(&main.token, function, &json!({})).await;
        assert_eq!((status, &body["code"]), (404, &json!("PGRST202")), "{function}: {body}");
    }
    for table in ["regions", "profiles", "drones", "user_drone_assignments", "activity"] {
        let (status, body) = front.get("", &format!("{table}?select=*")).await;
        assert_eq!((status, &body["code"]), (401, &json!("42501")), "{table}: {body}");
    }
    for (function, body) in [
        ("sync_pull", json!({"cursor": null, "limit_rows": 1, "limit_bytes": 1, "schema": 1})),
        ("sync_push", json!({"uid": main.uid, "device": main.uid, "schema": 1, "report": null, "ops": []})),
        ("sync_digest", json!({"tables": []})),
        ("activity_page", json!({})),
        ("sync_devices", json!({})),
        ("admin_caller", json!({})),
        ("admin_linked", json!({"accounts": []})),
        ("admin_sign_out", json!({"account": main.uid})),
        ("device_key", json!({"device": main.uid, "offered": ""})),
        ("erase_device", json!({"user_id": main.uid, "device": main.uid})),
        (
            "note_account_deed",
            json!({"op": main.uid, "actor": main.uid, "profile": main.uid, "deed": "ban", "reason": null}),
        ),
    ] {
        let (status, body) = front.rpc("", function, &body).await;
        assert_eq!((status, &body["code"]), (401, &json!("42501")), "{function}: {body}");
    }
}

/// The columns as the domain describes them, as the SQL's table would.
fn described() -> BTreeMap<String, Json> {
    let mut all = BTreeMap::new();
    for kind in Kind::ALL {
        for (at, field) in kind.fields().iter().enumerate() {
            let (ty, length, choices) = match field.ty {
                FieldType::Text { min, max, .. } => ("text", Some((min, max)), None),
                FieldType::Choice(texts) => ("choice", None, Some(texts)),
                FieldType::Ref(_) | FieldType::Uuid => ("uuid", None, None),
                FieldType::Time => ("time", None, None),
            };
            // Of a reference the words are made from what it refers to.
            let hint = match field.ty {
                FieldType::Ref(kind) if !field.server => format!("is the id of a {kind}"),
                _ => field.hint.to_owned(),
            };
            let row = json!({
                "ord": at + 1, "title": field.title, "type": ty, "required": field.required, "server": field.server,
                "is_unique": field.unique, "unit": field.unit, "min_length": length.map(|length| length.0),
                "max_length": length.map(|length| length.1), "choices": choices, "hint": hint,
            });
            all.insert(format!("{}.{}", kind.table(), field.name), row);
        }
    }
    all
}

#[tokio::test]
async fn columns_are_described_alike() {
    let db = pg::database().await;
    let rows = db.superuser().await.rows("select * from flyos.field").await.expect("the columns");
    let mut found = BTreeMap::new();
    for mut row in rows {
        let row = row.as_object_mut().expect("an object");
        // A pattern is the same as the domain's by what it takes: see below.
        row.remove("pattern");
        let text = |value: Option<Json>| value.and_then(|value| value.as_str().map(str::to_owned));
        let name = (text(row.remove("tbl")), text(row.remove("name")));
        let (Some(table), Some(name)) = name else { unreachable!("a key is never null") };
        found.insert(format!("{table}.{name}"), Json::Object(row.clone()));
    }
    assert_eq!(found.keys().collect::<Vec<_>>(), described().keys().collect::<Vec<_>>());
    for (name, row) in described() {
        assert_eq!(found[&name], row, "{name}");
    }
    // They are the columns of the tables, but for two of the document's that nobody reads.
    let columns = "select format('%s.%s', c.relname, a.attname) from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'activity' and a.attnum > 0
            and not a.attisdropped order by 1";
    let mut columns = texts(&db, columns).await;
    columns.retain(|name| {
        !["user_drone_assignments.created_at", "user_drone_assignments.updated_at"].contains(&name.as_str())
    });
    let mut names: Vec<_> = found.into_keys().collect();
    names.sort();
    columns.sort();
    assert_eq!(columns, names);
}

/// Texts that try a value's rule from all sides.
fn tries() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\u{3000}",
        "a",
        "ab",
        "abc",
        "a_b-c.d",
        "A B",
        " ab ",
        "ab\n",
        "x@y",
        "x@y.z",
        "@y.z",
        "x@.z",
        "x@y.",
        "x@y..z",
        "x@y@z.a",
        "x y@z.de",
        "x\u{a0}y@z.de",
        "ACTIVE",
        "active",
        "INACTIVE",
        "OPERATOR",
        "FlyOS_MQ5",
        "STANDBY",
        "na\u{ef}ve",
        "\u{130}zmir",
        "\u{1f681}",
        "a\u{200b}b",
        "a\u{202e}b",
        "a\u{fe0f}b",
        "a\u{e0041}b",
        "a\u{7f}b",
        "a\u{85}b",
        "a\u{ad}b",
        "a\u{2028}b",
        "\u{2028}ab",
        "a\u{3164}b",
        "a\u{180e}b",
        "a\u{301}b",
        "a\\b",
        "a'b\"c",
        "a%b",
        "null",
        "[]",
        "0194a3c0-0000-7000-8000-000000000001",
        "0194A3C0-0000-7000-8000-000000000001",
        "{0194a3c0-0000-7000-8000-000000000001}",
        "0194a3c0000070008000000000000001",
        "2025-01-01",
        "drone-001",
    ]
    .map(str::to_owned)
    .into();
    for length in [1, 2, 3, 4, 5, 63, 64, 65, 79, 80, 81, 119, 120, 121, 200, 249, 250, 254, 255, 300] {
        for unit in ["x", "\u{e9}", "\u{10330}"] {
            texts.push(unit.repeat(length));
            texts.push(format!("{}@y.z", unit.repeat(length)));
        }
    }
    // A generator of its own, so that a failure comes again.
    let alphabet: Vec<char> = "abZ09_.-@ \t\u{a0}\u{e9}\u{200d}\u{1f681}\u{5b59}".chars().collect();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("it is small")
    };
    for _ in 0..600 {
        let length = 1 + next(9);
        texts.push((0..length).map(|_| alphabet[next(alphabet.len())]).collect());
    }
    texts
}

#[tokio::test]
async fn values_are_judged_alike() {
    let db = pg::database().await;
    let sql = db.superuser().await;
    let query = "select flyos.flaw_of(f, x.t) from flyos.field f, jsonb_array_elements_text($3) with ordinality x (t, n)
        where f.tbl = $1 and f.name = $2 order by n";
    let texts = tries();
    let mut judged = 0;
    for kind in Kind::ALL {
        for field in kind.fields().iter().filter(|field| !field.server) {
            let rows = sql.query(query, &[&kind.table(), &field.name, &json!(texts)]).await.expect("judged");
            for (text, row) in texts.iter().zip(rows) {
                let set = [(field.name.to_owned(), Some(text.clone()))].into();
                let by_domain = rules::check_values(kind, &set, false).err();
                let by_sql: Option<String> = row.get(0);
                assert_eq!(by_sql.is_some(), by_domain.is_some(), "{} {text:?}: {by_sql:?}", field.name);
                judged += 1;
            }
            let null: Option<String> = sql
                .query_one(
                    "select flyos.flaw_of(f, null) from flyos.field f where f.tbl = $1 and f.name = $2",
                    &[&kind.table(), &field.name],
                )
                .await
                .expect("judged")
                .get(0);
            assert_eq!(null.is_some(), field.required, "{} of nothing", field.name);
        }
    }
    assert!(judged > 5_000, "{judged}");
    // A drone's id is the server's column, and yet chosen by people.
    let rows = sql.query(query, &[&"drones", &"id", &json!(texts)]).await.expect("judged");
    for (text, row) in texts.iter().zip(rows) {
        let by_sql: Option<String> = row.get(0);
        assert_eq!(by_sql.is_none(), flyos::domain::drone::id_is_sound(text), "id {text:?}: {by_sql:?}");
    }
}

/// The constraints say the same without any trigger: they are what holds when two write at once.
#[tokio::test]
async fn constraints_hold_alone() {
    let db = pg::database().await;
    db.seed(0).await;
    let sql = db.superuser().await;
    sql.batch_execute(
        "set session_replication_role = replica;
        create function pg_temp.takes(tbl text, name text, value text) returns boolean language plpgsql as $$
        begin
            execute format('update public.%1$I set %2$I = $1 where ctid = (select min(ctid) from public.%1$I)', tbl, name)
                using value;
            raise exception 'take it back';
        exception when check_violation then return false;
            -- Some of the texts are names of the initial rows.
            when unique_violation or raise_exception then return true;
        end
        $$;",
    )
    .await
    .expect("made");
    let query = "select f.tbl || '.' || f.name || ' ' || coalesce(quote_literal(x.t), 'null')
        from flyos.field f, (select jsonb_array_elements_text($1) as t union all select null) x
        where f.type in ('text', 'choice') and (not f.server or f.tbl = 'drones' and f.name = 'id')
            and not (x.t is null and f.name = 'id')
            and pg_temp.takes(f.tbl, f.name, x.t) <> (flyos.flaw_of(f, x.t) is null)";
    let rows = sql.query(query, &[&json!(tries())]).await.expect("asked");
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>(), [""; 0]);
    for (table, column, one, other) in [
        ("regions", "name", "\u{c9}toile", "\u{e9}TOILE"),
        ("profiles", "username", "walker", "WALKER"),
        ("profiles", "email", "andr\u{e9}@x.y", "ANDR\u{c9}@x.y"),
        ("drones", "id", "walker", "WALKER"),
    ] {
        let twins = format!(
            "with two as (select id, row_number() over (order by id) as n from public.{table} limit 2)
            update public.{table} t set {column} = case n when 1 then $1 else $2 end from two where two.id = t.id"
        );
        let done = sql.execute(&twins, &[&one, &other]).await;
        assert_eq!(pg::sqlstate(&done), "23505", "{table}.{column}");
    }
}

#[tokio::test]
async fn characters_are_judged_alike() {
    let db = pg::database().await;
    let sql = db.superuser().await;
    let query =
        "select c from generate_series(1, 1114111) c where c not between 55296 and 57343 and chr(c) ~ ";
    let of = async |pattern: &str| -> Vec<i32> {
        let rows = sql.query(&format!("{query} {pattern}"), &[]).await.expect("judged");
        rows.iter().map(|row| row.get(0)).collect()
    };
    let chars = |holds: fn(char) -> bool| -> Vec<i32> {
        ('\u{1}'..=char::MAX)
            .filter(|c| holds(*c))
            .map(|c| i32::try_from(u32::from(c)).expect("it fits"))
            .collect()
    };
    assert_eq!(of("flyos.harmful()").await, chars(is_harmful));
    assert_eq!(of("flyos.blank()").await, chars(char::is_whitespace));
    // Case: Latin, Greek, Cyrillic, Armenian, Georgian and what is made of them. Newer scripts depend on the version
    // of Unicode that a server was built with.
    let rows = sql.query(
        "select c, lower(chr(c) collate \"und-x-icu\") from generate_series(1, 8191) c where c not between 1536 and 7679",
        &[],
    );
    for row in rows.await.expect("lowered") {
        let (code, lower): (i32, String) = (row.get(0), row.get(1));
        let c = char::from_u32(code.unsigned_abs()).expect("a character");
        assert_eq!(lower, c.to_lowercase().to_string(), "U+{code:04X}");
    }
}
