//! What an account and its profile do, one after the other: addresses, deactivation, deletion, on both sides.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{EAST, EASTERN, INACTIVE, MAIN, OPERATOR1, profile, project, push, run, update, uuid, work};
use crate::pg::{Database, Sql, sqlstate};

/// Until when an account is barred, and how many sessions it has.
async fn standing(db: &Database, account: Uuid) -> (Json, i64) {
    let sql = db.superuser().await;
    let query =
        "select to_jsonb(u.banned_until), (select count(*) from auth.sessions s where s.user_id = u.id)
        from auth.users u where u.id = $1";
    let row = sql.query_one(query, &[&account]).await.expect("the account is there");
    (row.get::<_, Option<Json>>(0).unwrap_or(Json::Null), row.get(1))
}

fn barred() -> Json {
    json!("2999-12-31T00:00:00+00:00")
}

async fn headquarters(db: &Database) -> (Json, Sql) {
    let claims = db.session_of(MAIN).await;
    let sql = db.as_user(&claims).await;
    (claims, sql)
}

fn status(key: &str, was: &str, now: &str) -> Json {
    update("profiles", key, json!({"status": was}), json!({"status": now}))
}

#[tokio::test]
async fn a_new_address_of_an_account_is_its_profiles() {
    let db = project().await;
    let (auth, sql) = (db.connect("supabase_auth_admin").await, db.postgres().await);
    let person = profile(&sql, OPERATOR1).await;
    let move_to = "update auth.users set email = $2, updated_at = now() where id = $1";
    run(&auth, move_to, &[&uuid(&person["auth_user_id"]), &"Michael@unit.mil"]).await;
    assert_eq!(profile(&sql, "michael@unit.mil").await["id"], person["id"]);
    let activity = "select actor_id is null and actor_name = 'supabase_auth_admin' and field = 'email' from public.activity";
    assert_eq!(sql.value(activity).await.expect("one line"), true);
    // Taken by somebody else's profile, or no address as our rules have it: the account has it, the profile does not.
    for address in ["K.Tanaka@flyos.mil", "root@localhost", ""] {
        run(&auth, move_to, &[&uuid(&person["auth_user_id"]), &address]).await;
        assert_eq!(profile(&sql, "michael@unit.mil").await["id"], person["id"], "{address}");
    }
    assert_eq!(auth.notices().len(), 2, "{:?}", auth.notices());

    // Here it is not changed: neither by headquarters nor by the owner.
    let (claims, main) = headquarters(&db).await;
    let pk = person["id"].as_str().expect("a key");
    let edit = update("profiles", pk, json!({"email": "Michael@unit.mil"}), json!({"email": "m@unit.mil"}));
    let answer = push(&main, &claims, Uuid::nil(), Json::Null, &[edit]).await;
    let result = &answer["results"][0];
    assert_eq!((&result["code"], &result["field"]), (&json!("rejected"), &json!("email")), "{answer}");
    let refused = sql
        .execute("update public.profiles set email = 'm@unit.mil' where username = 'operator1'", &[])
        .await;
    assert_eq!(sqlstate(&refused), "23514");
    // Of somebody without an account it is an ordinary column.
    let other = profile(&sql, "k.tanaka@flyos.mil").await;
    let pk = other["id"].as_str().expect("a key");
    let edit = update("profiles", pk, json!({"email": other["email"]}), json!({"email": "kenji@unit.mil"}));
    work(&main, &claims, &[edit]).await;
}

#[tokio::test]
async fn deactivating_bars_and_reactivating_lifts() {
    let db = project().await;
    let sql = db.postgres().await;
    let person = profile(&sql, OPERATOR1).await;
    let (key, account) = (person["id"].as_str().expect("a key"), uuid(&person["auth_user_id"]));
    let own = db.session(account).await;
    db.session(account).await;
    let other = db.session_of(EAST).await;
    assert_eq!(standing(&db, account).await, (Json::Null, 2));
    let (claims, main) = headquarters(&db).await;

    work(&main, &claims, &[status(key, "ACTIVE", "INACTIVE")]).await;
    assert_eq!(standing(&db, account).await, (barred(), 0));
    assert_eq!(standing(&db, uuid(&other["sub"])).await, (Json::Null, 1), "nobody else");
    let pull = "select public.sync_pull(null, 1, 1, 1) -> 'must'";
    assert_eq!(
        db.as_user(&own).await.value(pull).await.expect("an answer"),
        "inactive",
        "the token is still good"
    );
    work(&main, &claims, &[status(key, "INACTIVE", "ACTIVE")]).await;
    assert_eq!(standing(&db, account).await, (Json::Null, 0));
    assert_eq!(
        db.as_user(&own).await.value(pull).await.expect("an answer"),
        "signed_out",
        "that session is over"
    );

    // A ban by hand is not ours to lift, however long; one that has run out is none.
    let ban = "update auth.users set banned_until = now() + $2::text::interval where id = $1";
    for (length, barred_by_us) in [("1 hour", false), ("876000 hours", false), ("-1 hour", true)] {
        run(&db.superuser().await, ban, &[&account, &length]).await;
        let (by_hand, _) = standing(&db, account).await;
        work(&main, &claims, &[status(key, "ACTIVE", "INACTIVE")]).await;
        assert_eq!(
            standing(&db, account).await.0,
            if barred_by_us { barred() } else { by_hand.clone() },
            "{length}"
        );
        work(&main, &claims, &[status(key, "INACTIVE", "ACTIVE")]).await;
        assert_eq!(
            standing(&db, account).await.0,
            if barred_by_us { Json::Null } else { by_hand },
            "{length}"
        );
    }
    // What is no change of status bars nobody.
    let was = profile(&sql, INACTIVE).await;
    let rename = update(
        "profiles",
        was["id"].as_str().expect("a key"),
        json!({"full_name": was["full_name"]}),
        json!({"full_name": "T."}),
    );
    let before = standing(&db, uuid(&was["auth_user_id"])).await;
    work(&main, &claims, &[rename]).await;
    assert_eq!(standing(&db, uuid(&was["auth_user_id"])).await, before);
    // An edit that is taken back bars nobody either.
    sql.batch_execute(
        "begin; update public.profiles set status = 'INACTIVE' where username = 'east_ops'; rollback",
    )
    .await
    .expect("the owner may");
    let ops = profile(&sql, "east.ops@flyos.mil").await;
    assert_eq!(standing(&db, uuid(&ops["auth_user_id"])).await.0, Json::Null);
}

#[tokio::test]
async fn deleting_a_profile_bars_its_account_for_good() {
    let db = project().await;
    let sql = db.postgres().await;
    let person = profile(&sql, OPERATOR1).await;
    let (key, account) = (person["id"].as_str().expect("a key").to_owned(), uuid(&person["auth_user_id"]));
    let own = db.session(account).await;
    let (claims, main) = headquarters(&db).await;
    let seen = ["username", "full_name", "email", "role", "region_id", "status"]
        .map(|name| (name, person[name].clone()));
    let delete = json!({"id": Uuid::now_v7(), "seq": 1, "group": null, "t": "profiles", "pk": key, "k": "delete",
        "base": std::collections::BTreeMap::from(seen.clone()), "set": {}, "deps": []});
    work(&main, &claims, &[delete]).await;
    assert_eq!(standing(&db, account).await, (barred(), 0));
    let mark =
        "select raw_app_meta_data ->> 'flyos_profile_id' from auth.users where email = 'operator1@flyos.mil'";
    let superuser = db.superuser().await;
    assert_eq!(superuser.value(mark).await.expect("one"), key);
    let pull = "select public.sync_pull(null, 1, 1, 1) -> 'must'";
    assert_eq!(db.as_user(&own).await.value(pull).await.expect("an answer"), "no_profile");
    // Neither another profile of that address nor that one made anew brings it back.
    for id in [Uuid::now_v7().to_string(), key] {
        let insert = json!({"id": Uuid::now_v7(), "seq": 1, "group": null, "t": "profiles", "pk": id, "k": "insert",
            "base": {}, "set": std::collections::BTreeMap::from(seen.clone()), "deps": []});
        work(&main, &claims, &[insert]).await;
        run(
            &db.connect("supabase_auth_admin").await,
            "update auth.users set email_confirmed_at = now(), email = email where id = $1",
            &[&account],
        )
        .await;
        assert_eq!(profile(&sql, OPERATOR1).await["auth_user_id"], Json::Null);
        assert_eq!(standing(&db, account).await.0, barred());
        run(&sql, "delete from public.profiles where username = 'operator1'", &[]).await;
    }
}

#[tokio::test]
async fn an_account_that_goes_leaves_its_profile_behind() {
    let db = project().await;
    let (auth, sql) = (db.connect("supabase_auth_admin").await, db.postgres().await);
    let gone = profile(&sql, OPERATOR1).await;
    run(&auth, "delete from auth.users where id = $1", &[&uuid(&gone["auth_user_id"])]).await;
    let now = profile(&sql, OPERATOR1).await;
    assert_eq!(
        (&now["auth_user_id"], &now["status"], &now["id"]),
        (&Json::Null, &json!("ACTIVE"), &gone["id"])
    );
    let drones =
        "select count(*) from public.drones where operator_id = '0194a3d2-0000-7000-8000-000000000004'";
    assert_eq!(sql.value(drones).await.expect("a number"), 3, "it flies what it flew");
    // The sign-in server can also keep the row, with everything in it scrambled.
    let soft = profile(&sql, EAST).await;
    let scramble =
        "update auth.users set deleted_at = now(), email = '9f86d081884c7d659a2feaa0c55ad015', phone = null
        where id = $1";
    run(&auth, scramble, &[&uuid(&soft["auth_user_id"])]).await;
    let now = profile(&sql, EAST).await;
    assert_eq!((&now["auth_user_id"], &now["region_id"]), (&Json::Null, &json!(EASTERN)));
    assert_eq!(auth.notices(), Vec::<String>::new());
    // Their consoles are told of the change like of any other.
    let told = "select count(*) from sync.row_state where tbl = 'profiles' and ver = 2";
    assert_eq!(sql.value(told).await.expect("a number"), 2);
    // The next account of the address is linked: an OPERATOR's.
    let next = db.account(OPERATOR1).await;
    assert_eq!(profile(&sql, OPERATOR1).await["auth_user_id"], next.to_string());
    let next = db.account(EAST).await;
    assert_eq!(profile(&sql, EAST).await["auth_user_id"], Json::Null, "{next} is not taken for a commander");
}

#[tokio::test]
async fn nobody_links_or_bars_by_hand_through_the_api() {
    let db = project().await;
    let (_, main) = headquarters(&db).await;
    let claims = db.session_of(OPERATOR1).await;
    let operator = db.as_user(&claims).await;
    let mine = "update public.profiles set auth_user_id = auth.uid() where username = 'main_admin'";
    for who in [&main, &operator] {
        for statement in [
            mine,
            "insert into public.profiles (id, username, full_name, email, role, status, auth_user_id)
                values (gen_random_uuid(), 'me_too', 'Me', 'me@unit.mil', 'OPERATOR', 'ACTIVE', auth.uid())",
            "update auth.users set banned_until = null",
            "delete from auth.sessions",
            "select flyos.place_account(auth.uid(), true)",
            "select flyos.bar_account(auth.uid(), false)",
            "select flyos.link('main@flyos.mil')",
            "select flyos.copy_address(auth.uid(), 'x@unit.mil')",
            "select flyos.settle()",
            "select flyos.mend()",
            "select sync.repair()",
        ] {
            assert_eq!(sqlstate(&who.execute(statement, &[]).await), "42501", "{statement}");
        }
    }
}
