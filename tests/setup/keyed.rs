//! The way by the project's secret key: the same outcomes as the database's own.
//!
//! `/rest/v1` is the real front. Of the sign-in server's admin API there is what these commands ask for, each call as the
//! sign-in server would do it, in its schema and under its role.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, put};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::accounts::{expected, outcomes, people, project, tally_of};
use crate::pg::{self, Database, Front, Sql};
use crate::program::{Home, Told, private};

/// A project with its admin API.
struct Served {
    url: String,
    key: String,
    _front: std::sync::Arc<Front>,
    server: tokio::task::JoinHandle<()>,
}

struct Shared {
    sql: Sql,
    rest: String,
    http: reqwest::Client,
}

type Known = State<std::sync::Arc<Shared>>;

const USER: &str =
    "select jsonb_build_object('id', u.id, 'email', u.email, 'email_confirmed_at', u.email_confirmed_at,
    'banned_until', u.banned_until, 'app_metadata', u.raw_app_meta_data, 'is_anonymous', u.is_anonymous)
    from auth.users u";

impl Served {
    async fn start(db: &Database) -> Self {
        let front = std::sync::Arc::new(db.front().await);
        let shared = std::sync::Arc::new(Shared {
            sql: db.connect("supabase_auth_admin").await,
            rest: front.url().to_owned(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        });
        let router = Router::new()
            .route("/auth/v1/admin/users", get(list).post(create))
            .route("/auth/v1/admin/users/{id}", put(change))
            .route("/rest/v1/{*rest}", any(pass_on))
            .with_state(shared);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, key: front.secret_key(), _front: front, server }
    }

    async fn run(&self, home: &Home, words: &[&str]) -> Told {
        let key = [("SUPABASE_URL", &*self.url), ("SUPABASE_SERVICE_ROLE_KEY", &*self.key)];
        let told = home.run_with(words, &key).await;
        assert!(!told.out.contains(&self.key) && !told.err.contains(&self.key), "{told:?}");
        told
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(serde::Deserialize)]
struct Paging {
    page: i64,
    per_page: i64,
}

async fn list(State(shared): Known, Query(paging): Query<Paging>) -> Response {
    let page = format!(
        "select coalesce(jsonb_agg(x.u), '[]') from ({USER} order by u.created_at, u.id limit {} offset {}) x (u)",
        paging.per_page,
        (paging.page - 1) * paging.per_page
    );
    let users: Json = shared.sql.query_one(&page, &[]).await.unwrap().get(0);
    axum::Json(json!({"users": users, "aud": "authenticated"})).into_response()
}

async fn change(State(shared): Known, Path(id): Path<Uuid>, axum::Json(body): axum::Json<Json>) -> Response {
    let write =
        "update auth.users set raw_app_meta_data = coalesce(raw_app_meta_data, '{}') || $2 where id = $1";
    shared.sql.execute(write, &[&id, &body["app_metadata"]]).await.unwrap();
    one(&shared, id).await
}

async fn create(State(shared): Known, axum::Json(body): axum::Json<Json>) -> Response {
    let id = Uuid::new_v4();
    let email = body["email"].as_str().unwrap().to_owned();
    let born = "insert into auth.users (instance_id, id, aud, role, email, email_confirmed_at, confirmation_token,
            recovery_token, email_change_token_new, email_change, raw_app_meta_data, raw_user_meta_data, created_at,
            updated_at)
        values ('00000000-0000-0000-0000-000000000000', $1, 'authenticated', 'authenticated', $2, now(), '', '', '', '',
            $3, '{}', now(), now())";
    shared.sql.execute(born, &[&id, &email, &body["app_metadata"]]).await.unwrap();
    one(&shared, id).await
}

async fn one(shared: &Shared, id: Uuid) -> Response {
    let found = shared.sql.query_one(&format!("{USER} where u.id = $1"), &[&id]).await.unwrap();
    axum::Json(found.get::<_, Json>(0)).into_response()
}

async fn pass_on(
    State(shared): Known,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut request = shared.http.request(method, format!("{}{uri}", shared.rest)).body(body);
    for name in ["apikey", "authorization", "content-type", "accept"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    (status, [("content-type", "application/json")], answer.bytes().await.unwrap()).into_response()
}

#[tokio::test]
async fn the_key_finds_and_does_what_the_database_would() {
    let db = project().await;
    let (home, served) = (Home::new(&db), Served::start(&db).await);
    let mut tally = tally_of(&home.run(&["accounts", "status", "--json"]).await.json());
    // Triggers cannot be seen from outside.
    tally["automatic"] = Json::Null;
    let told = served.run(&home, &["accounts", "status", "--json"]).await;
    assert_eq!((told.code, tally_of(&told.json())), (13, tally));

    let before = people(&db).await;
    let ahead = served.run(&home, &["accounts", "sync", "--dry-run", "--json"]).await.well().json();
    assert_eq!(outcomes(&ahead), expected());
    assert_eq!(people(&db).await, before);
    let done = served.run(&home, &["accounts", "sync", "--json"]).await.well().json();
    assert_eq!(outcomes(&done), expected());
    assert_eq!(
        (&done["linked"], &done["made"], &done["failed"]),
        (&json!(1), &json!(2), &json!(0)),
        "{done:#}"
    );
    let after = people(&db).await;
    for (name, row) in before.as_object().unwrap() {
        assert_eq!(&after[name], row, "what stood in a profile stays");
    }
    for name in ["new", "ann2"] {
        assert_eq!((&after[name]["role"], &after[name]["status"]), (&json!("OPERATOR"), &json!("INACTIVE")));
    }
    served
        .run(&home, &["accounts", "sync"])
        .await
        .well()
        .says("linked: 0, made: 0, left alone: 4, failed: 0.");
    served.run(&home, &["accounts", "sync", "--overwrite"]).await.well().says("linked: 1");
    assert_eq!(people(&db).await["carl"]["email"], "carl.new@unit.mil");
}

#[tokio::test]
async fn the_key_makes_the_first_main_hq() {
    let db = pg::database().await;
    let (home, served) = (Home::new(&db), Served::start(&db).await);
    let password = private(home.path("password"), "correct horse 7\n");
    let init = ["supabase", "init", "--password-file", password.to_str().unwrap(), "--email"];
    let run = async |email: &str| served.run(&home, &[&init[..], &[email]].concat()).await;
    run("hq@unit.mil").await.well().says("hq_user (MAIN_HQ, ACTIVE) signs in with hq@unit.mil now.");
    let linked = "select count(*) from public.profiles p join auth.users u on u.id = p.auth_user_id
        where p.role = 'MAIN_HQ' and p.status = 'ACTIVE' and u.email = 'hq@unit.mil'";
    assert_eq!(db.postgres().await.value(linked).await.unwrap(), 1);
    let told = run("other@unit.mil").await;
    assert_eq!(told.code, 4, "{told:?}");
    told.says("hq_user is an active MAIN_HQ with an account. Nothing was changed.");
}

#[tokio::test]
async fn a_key_that_may_not_is_told() {
    let db = pg::database().await;
    let served = Served::start(&db).await;
    let home = Home::new(&db);
    let publishable =
        [("SUPABASE_URL", &*served.url), ("SUPABASE_SECRET_KEY", "sb_publishable_abcdefghijklmnop")];
    let told = home.run_with(&["accounts", "status"], &publishable).await;
    assert_eq!(told.code, 6, "{told:?}");
    told.says("publishable key, which may not do this");
    let other = [("SUPABASE_URL", &*served.url), ("SUPABASE_SECRET_KEY", "sb_secret_of_another_project_x")];
    let told = home.run_with(&["accounts", "status"], &other).await;
    assert_eq!(told.code, 6, "{told:?}");
    told.says("secret key");
}

#[tokio::test]
async fn the_doctor_sees_from_outside_what_is_not_set_up_or_stands_open() {
    let look = async |db: &Database| -> Vec<(String, String)> {
        let front = db.front().await;
        let url = front.url().to_owned();
        let key = front.publishable_key();
        let environment = [("SUPABASE_URL", &*url), ("SUPABASE_PUBLISHABLE_KEY", &*key), ("TERM", "xterm")];
        let told = Home::new(db).run_with(&["doctor", "--json"], &environment).await.json();
        let all = told["findings"].as_array().unwrap().iter();
        let about = all.filter(|finding| finding["about"] == "database of environment");
        let text = |finding: &Json, name: &str| finding[name].as_str().unwrap().to_owned();
        about.map(|finding| (text(finding, "health"), text(finding, "text"))).collect()
    };
    let of = |health: &str, words: &str| (health.to_owned(), words.to_owned());
    let sound = "It has the functions that this flyos calls, and lets nobody in without signing in.";
    assert_eq!(look(&pg::database().await).await, [of("sound", sound)]);

    let hurt = pg::database().await;
    let open = "drop function public.device_key(uuid, text); grant select on public.drones to anon";
    hurt.superuser().await.batch_execute(open).await.unwrap();
    let missing = of("attention", "Its API does not know device_key: migrations are not applied.");
    let opened = of("attention", "Whoever has the publishable key gets at drones.");
    assert_eq!(look(&hurt).await, [missing, opened]);
}
