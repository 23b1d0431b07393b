//! Who is in a database: accounts, their sessions, and the initial rows.
//!
//! Accounts and sessions are written as GoTrue would, as `supabase_auth_admin`. The initial rows are put in as a
//! restored backup would be, with triggers off, so that they are the training server's to the letter; then
//! `sync.repair` books them.

use flyos::domain::{Fields, Kind, World};
use flyos::sandbox::{Options, Sandbox};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::database::Database;
use super::sql::{Sql, told};
use super::token::now_s;

const INITIAL: &str = include_str!("../../../assets/initial.json");

const ACCOUNT: &str = "
with born as (
  insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
    confirmation_token, recovery_token, email_change_token_new, email_change, raw_app_meta_data,
    raw_user_meta_data, created_at, updated_at)
  select '00000000-0000-0000-0000-000000000000', id, 'authenticated', 'authenticated', email,
    '$2a$10$............................................................', created_at, '', '', '', '',
    '{\"provider\":\"email\",\"providers\":[\"email\"]}', '{\"email_verified\":true}', created_at, created_at
  from jsonb_to_recordset($1) as account (id uuid, email text, created_at timestamptz)
  returning id, email, created_at
)
insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
select id::text, id, jsonb_build_object('sub', id, 'email', email, 'email_verified', true), 'email',
  created_at, created_at
from born";

/// A refusal here is a fault of the test's database; it says which.
async fn must(sql: &Sql, statement: &str, with: &Json) {
    if let Err(error) = sql.execute(statement, &[with]).await {
        panic!("{}\n{statement}", told(&error, statement));
    }
}

impl Database {
    /// Puts the training server's accounts and rows here, with the same ids; filled up to about `rows` rows as
    /// `Options::rows` does, 0 for the initial ones alone.
    pub async fn seed(&self, rows: usize) {
        let initial: Json = serde_json::from_str(INITIAL).expect("the initial rows are JSON");
        let sandbox = Sandbox::start(Options { rows, ..Options::default() }).await.expect("a free port");
        self.put(&initial["accounts"], &sandbox.with_world(World::clone)).await;
        sandbox.shutdown().await;
    }

    /// Puts accounts (`id`, `email`, `created_at`) and rows here, past the rules, and books the rows.
    pub async fn put(&self, accounts: &Json, world: &World) {
        let owner = self.superuser().await;
        owner
            .batch_execute("set session_replication_role = replica")
            .await
            .expect("the platform's owner may");
        must(&owner, ACCOUNT, accounts).await;
        for kind in [Kind::Region, Kind::User, Kind::Drone, Kind::Assignment] {
            let keys = world.keys(kind).into_iter();
            let rows: Vec<Fields> = keys.filter_map(|key| world.get(&key)).map(|row| row.fields()).collect();
            let Some(first) = rows.first() else { continue };
            let columns = first.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let table = format!("public.{}", kind.table());
            let insert = format!(
                "insert into {table} ({columns}) select {columns} from jsonb_populate_recordset(null::{table}, $1)"
            );
            must(&owner, &insert, &json!(rows)).await;
        }
        let book = "set session_replication_role = origin; analyze;
            do $$ begin if to_regprocedure('sync.repair()') is not null then perform sync.repair(); end if; end $$";
        if let Err(error) = owner.batch_execute(book).await {
            panic!("{}", told(&error, book));
        }
        owner.close().await;
    }

    /// A new account with a confirmed e-mail address, without a profile. Its password fits nothing: give it a
    /// session.
    pub async fn account(&self, email: &str) -> Uuid {
        let id = Uuid::new_v4();
        let auth = self.connect("supabase_auth_admin").await;
        must(&auth, ACCOUNT, &json!([{"id": id, "email": email, "created_at": "2025-06-01T00:00:00Z"}]))
            .await;
        auth.close().await;
        id
    }

    /// Begins a session for an account; gives the claims that its access token would carry, good for an hour. For
    /// `as_user`, or, changed at will, for `mint` and `forge`.
    pub async fn session(&self, account: Uuid) -> Json {
        let session = Uuid::new_v4();
        let auth = self.connect("supabase_auth_admin").await;
        let begin = "insert into auth.sessions (id, user_id, aal, created_at, updated_at)
            select ($1::jsonb ->> 'id')::uuid, ($1 ->> 'user')::uuid, 'aal1', now(), now()";
        must(&auth, begin, &json!({"id": session, "user": account})).await;
        let email = auth.query_one("select email from auth.users where id = $1", &[&account]).await;
        let email: Option<String> = email.expect("the account exists").get(0);
        auth.close().await;
        json!({
            "iss": "https://example.supabase.co/auth/v1", "aud": "authenticated", "role": "authenticated",
            "sub": account, "session_id": session, "aal": "aal1", "email": email, "phone": "",
            "iat": now_s(), "exp": now_s() + 3600, "is_anonymous": false,
            "amr": [{"method": "password", "timestamp": now_s()}],
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {"email_verified": true},
        })
    }

    /// A session for one of the seeded accounts.
    pub async fn session_of(&self, email: &str) -> Json {
        let auth = self.connect("supabase_auth_admin").await;
        let account = auth.query_one("select id from auth.users where email = $1", &[&email]).await;
        let account = account.unwrap_or_else(|_| panic!("{email} is among the accounts"));
        auth.close().await;
        self.session(account.get(0)).await
    }
}
