//! What follows from one edit is weighed, and too much refused: the database weighs as the domain does, and holds
//! direct statements to the bound too. Edits are tried in `twins::push`.

use flyos::domain::{Change, Fields, Kind, rules};
use uuid::Uuid;

use crate::kit::{EAST, WEST};
use crate::pg::{self, Sql, sqlstate};
use crate::rows;

async fn weight(sql: &Sql, change: &Change, region: Option<Uuid>) -> i64 {
    let goes = change.set().is_none();
    let query = "select flyos.weight($1, $2, $3, $4)";
    let row = sql.query_one(query, &[&change.key.kind.table(), &change.key.pk, &goes, &region]).await;
    row.expect("it weighs").get(0)
}

#[tokio::test]
async fn the_database_weighs_as_the_domain_does() {
    let db = pg::database().await;
    db.seed(0).await;
    let owner = db.superuser().await;
    let bound = owner.value("select flyos.cascade_max()").await.expect("a number");
    assert_eq!(bound, rules::CASCADE_ROWS_MAX);
    let bound = owner.value("select sync.effects_max()").await.expect("a number");
    assert_eq!(bound, flyos::remote::wire::EFFECTS_MAX);
    // What breaks no rule of ours and would be left out by a shortcut: somebody without a region who holds many.
    let held = "insert into public.user_drone_assignments (user_id, drone_id)
        select p.id, d.id from public.profiles p, public.drones d
        where p.username = 'h_brandt' and d.region_id is null on conflict do nothing";
    owner.batch_execute(held).await.expect("assignments");
    let world = rows::world(&owner).await;
    let mut heaviest = 0;
    for kind in [Kind::Region, Kind::User, Kind::Drone] {
        for key in world.keys(kind) {
            let record = world.get(&key).expect("a row");
            let going = Change::delete(&record);
            let weighed = rules::weight(&world, &going);
            assert_eq!(
                weight(&owner, &going, None).await,
                i64::try_from(weighed).expect("few"),
                "{key} goes"
            );
            heaviest = heaviest.max(weighed);
            for region in [Some(EAST), Some(WEST), None].into_iter().filter(|_| kind != Kind::Region) {
                let set = Fields::from([("region_id".to_owned(), region.map(str::to_owned))]);
                let Some(moving) = Change::update(&record, &set) else { continue };
                let region = region.map(|id| id.parse().expect("an id"));
                let weighed = rules::weight(&world, &moving);
                let by_sql = weight(&owner, &moving, region).await;
                assert_eq!(by_sql, i64::try_from(weighed).expect("few"), "{key} moves to {region:?}");
            }
        }
    }
    assert!(heaviest > 30, "a region has members: {heaviest}");
}

#[tokio::test]
async fn statements_of_the_api_are_held_to_the_bound_and_the_owners_are_not() {
    let db = pg::database().await;
    db.seed(0).await;
    let owner = db.superuser().await;
    let made = "set session_replication_role = replica;
        insert into public.regions (id, name, area, status)
            select ('0194a3c0-0000-7000-8000-0000000000a' || n)::uuid, 'Full ' || n, 'A', 'ACTIVE' from generate_series(1, 3) n;
        insert into public.drones (id, model, status, region_id)
            select 'full-' || n, 'FlyOS_MQ5', 'STANDBY', ('0194a3c0-0000-7000-8000-0000000000a' || (1 + n % 3))::uuid
            from generate_series(1, 7503) n;
        set session_replication_role = origin;
        select sync.repair()";
    owner.batch_execute(made).await.expect("the platform's owner may");
    let main = db.as_user(&db.session_of("main@flyos.mil").await).await;
    // Each of them alone would do; one statement is one transaction, with one time limit.
    let all = "delete from public.regions where name like 'Full %'";
    let refused = main.execute(all, &[]).await;
    let error = refused.as_ref().err().and_then(tokio_postgres::Error::as_db_error).expect("a refusal");
    assert_eq!(error.constraint(), Some("flyos_invalid"));
    assert!(error.message().starts_with("5002 users, drones and assignments would change"), "{error}");
    let one = "delete from public.regions where name = 'Full 1'";
    assert_eq!(main.execute(one, &[]).await.expect("one of them goes"), 1);
    let rest = owner.execute("update public.drones set region_id = null where id = 'full-1'", &[]).await;
    assert_eq!(rest.expect("the owner may"), 1);
    let admin = db.postgres().await;
    admin.batch_execute("begin").await.expect("a transaction");
    assert_eq!(sqlstate(&admin.batch_execute(all).await), "");
    let again = "insert into public.regions (id, name, area, status) values (gen_random_uuid(), 'Full 4', 'A', 'ACTIVE');
        update public.drones set region_id = (select id from public.regions where name = 'Full 4');
        delete from public.regions where name = 'Full 4'; commit";
    assert_eq!(sqlstate(&admin.batch_execute(again).await), "", "seven thousand at once");
}
