//! The rules when two write at once, on real connections.
//!
//! Each test lets two transactions meet in the worst way, one having written and not yet committed, both ways round;
//! afterwards the console's own rules must hold, and the sync protocol's books must be what they would be had the
//! two come one after the other. Which of them is refused is part of the test where only one outcome is right.

mod hammer;

use serde_json::json;

use crate::kit::Ground;
use crate::kit::ground::Met;

const ASSIGN: &str = "insert into public.user_drone_assignments (user_id, drone_id) values ('$a', 'd')";
const ASSIGN_N: &str = "insert into public.user_drone_assignments (user_id, drone_id) values ('$a', 'n')";
const UNASSIGN: &str = "delete from public.user_drone_assignments where user_id = '$a' and drone_id = 'd'";
const OPERATE: &str = "update public.drones set operator_id = '$a' where id = 'd'";
const USER_MOVES: &str = "update public.profiles set region_id = '$W' where id = '$a'";
const DRONE_MOVES: &str = "update public.drones set region_id = '$W' where id = 'd'";
const REGION_GOES: &str = "delete from public.regions where id = '$E'";

fn states(met: &[Met; 2]) -> [(&str, &str); 2] {
    met.each_ref().map(|met| (met.first.as_str(), met.second.as_str()))
}

#[tokio::test]
async fn an_assignment_beside_a_move_of_its_user() {
    let mut ground = Ground::new().await;
    let met = ground.both_ways("", ASSIGN, USER_MOVES).await;
    // Assigned first, it goes with the move; moved first, the user does not fit any more.
    assert_eq!(states(&met), [("", ""), ("", "23514")]);
    let met = ground.both_ways("", ASSIGN_N, USER_MOVES).await;
    assert_eq!(states(&met), [("", ""), ("", "")], "what has no region is kept");
}

#[tokio::test]
async fn an_assignment_beside_a_move_of_its_drone() {
    let mut ground = Ground::new().await;
    let met = ground.both_ways("", ASSIGN, DRONE_MOVES).await;
    assert_eq!(states(&met), [("", ""), ("", "23514")]);
    let comes = "update public.drones set region_id = '$W' where id = 'n'";
    let met = ground.both_ways("", ASSIGN_N, comes).await;
    assert_eq!(states(&met), [("", ""), ("", "23514")], "a drone that gets its first region");
    assert_eq!(ground.value("select count(*) from public.user_drone_assignments").await, 0);
}

#[tokio::test]
async fn a_user_and_a_drone_move_at_once() {
    let mut ground = Ground::new().await;
    let met = ground.both_ways(ASSIGN, USER_MOVES, DRONE_MOVES).await;
    assert_eq!(states(&met), [("", ""), ("", "")]);
    // Each alone keeps the assignment: the user since the drone is nowhere, the drone since the user is in its region.
    let comes = "update public.drones set region_id = '$E' where id = 'n'";
    let met = ground.both_ways(ASSIGN_N, USER_MOVES, comes).await;
    assert_eq!(states(&met), [("", ""), ("", "")]);
    assert_eq!(ground.value("select count(*) from public.user_drone_assignments").await, 0);
}

#[tokio::test]
async fn an_operator_is_set_beside_what_takes_the_assignment() {
    let mut ground = Ground::new().await;
    for takes in [
        UNASSIGN,
        USER_MOVES,
        DRONE_MOVES,
        "delete from public.profiles where id = '$a'",
        "delete from public.drones where id = 'd'",
    ] {
        let [set_first, taken_first] = ground.both_ways(ASSIGN, OPERATE, takes).await;
        assert_eq!((set_first.first.as_str(), set_first.second.as_str()), ("", ""), "{takes}");
        assert_eq!(taken_first.first, "", "{takes}");
        // A drone that is gone is no row to update.
        let refused = !takes.contains("public.drones where");
        assert_eq!(!taken_first.second.is_empty(), refused, "{takes}: {taken_first:?}");
    }
}

#[tokio::test]
async fn two_assignments_of_one_drone_at_once() {
    let mut ground = Ground::new().await;
    let other = "insert into public.user_drone_assignments (user_id, drone_id) values ('$b', 'd')";
    let met = ground.both_ways("", ASSIGN, other).await;
    assert_eq!(states(&met), [("", ""), ("", "")]);
    let scopes = ground.value("select scopes from sync.row_state where tbl = 'drones' and pk = 'd'").await;
    let both = ["r:$E", "u:$a", "u:$b"].map(crate::kit::ground::sql);
    assert_eq!(scopes, json!(both), "both see it");
    // One comes while the other goes.
    let met = ground.both_ways(ASSIGN, UNASSIGN, other).await;
    assert_eq!(states(&met), [("", ""), ("", "")]);
    // The same one twice.
    let met = ground.both_ways("", ASSIGN, ASSIGN).await;
    assert_eq!(states(&met), [("", "23505"), ("", "23505")]);
}

#[tokio::test]
async fn a_region_is_deleted_beside_what_comes_into_it() {
    let mut ground = Ground::new().await;
    for (more, comes, refused) in [
        // Without its region the drone takes anybody.
        ("", ASSIGN, ""),
        (
            "",
            "insert into public.drones (id, model, status, region_id) values ('x', 'FlyOS_MQ5', 'ACTIVE', '$E')",
            "23503",
        ),
        ("", "update public.drones set region_id = '$E' where id = 'n'", "23503"),
        (
            "update public.profiles set region_id = null where id = '$a'",
            "update public.profiles set region_id = '$E' where id = '$a'",
            "23503",
        ),
        (
            "",
            "insert into public.profiles (id, username, full_name, email, role, region_id, status)
            values (gen_random_uuid(), 'new', 'New', 'new@flyos.mil', 'OPERATOR', '$E', 'ACTIVE')",
            "23503",
        ),
        // What leaves it meanwhile has left.
        ("", DRONE_MOVES, ""),
        ("", USER_MOVES, ""),
    ] {
        let met = ground.both_ways(more, comes, REGION_GOES).await;
        assert_eq!(states(&met), [("", ""), ("", refused)], "{comes}");
    }
}

#[tokio::test]
async fn whoever_is_inactive_takes_nobody_who_comes_at_the_same_time() {
    let mut ground = Ground::new().await;
    let region = "update public.regions set status = 'INACTIVE' where id = '$E'";
    let person = "update public.profiles set status = 'INACTIVE' where id = '$a'";
    for (more, comes, shuts) in [
        ("", ASSIGN, region),
        ("", ASSIGN, person),
        ("", ASSIGN_N, person),
        (ASSIGN, OPERATE, person),
        ("", "update public.drones set region_id = '$E' where id = 'n'", region),
        (
            "",
            "update public.profiles set region_id = '$W' where id = '$a'",
            "update public.regions set status = 'INACTIVE' where id = '$W'",
        ),
        (
            "",
            "insert into public.drones (id, model, status, region_id) values ('x', 'FlyOS_MQ5', 'ACTIVE', '$E')",
            region,
        ),
    ] {
        let met = ground.both_ways(more, comes, shuts).await;
        assert_eq!(states(&met), [("", ""), ("", "23514")], "{comes} beside {shuts}");
        assert!(met[1].waited, "it could not know before the other had decided: {comes}");
    }
}

#[tokio::test]
async fn of_two_main_hq_who_put_each_other_out_one_stays() {
    let mut ground = Ground::new().await;
    let ways = [
        "update public.profiles set role = 'OPERATOR' where id = '$X'",
        "update public.profiles set status = 'INACTIVE' where id = '$X'",
        "delete from public.profiles where id = '$X'",
    ];
    for one in ways {
        for other in ways {
            let (one, other) = (one.replace("$X", "$M"), other.replace("$X", "$O"));
            ground.lay("").await;
            let met = ground.meet(&one, &other).await;
            assert_eq!((met.first.as_str(), met.second.as_str()), ("", "23514"), "{one} beside {other}");
        }
    }
    // What was taken back does not count.
    ground.lay("").await;
    let taken_back =
        "savepoint s; update public.profiles set role = 'OPERATOR' where id = '$M'; rollback to s";
    let met = ground.meet(taken_back, "delete from public.profiles where id = '$O'").await;
    assert_eq!((met.first.as_str(), met.second.as_str()), ("", ""));
    ground.lay("").await;
    let all = "update public.profiles set role = 'OPERATOR' where role = 'MAIN_HQ'";
    let met = ground.meet(all, all).await;
    assert_eq!((met.first.as_str(), met.second.as_str()), ("23514", "23514"), "nor may one statement");
}

#[tokio::test]
async fn of_one_name_in_two_cases_one_is_taken() {
    let mut ground = Ground::new().await;
    let user = |name: &str, email: &str| {
        format!(
            "insert into public.profiles (id, username, full_name, email, role, status)
                values (gen_random_uuid(), '{name}', 'N', '{email}', 'OPERATOR', 'ACTIVE')"
        )
    };
    let drone = |id: &str| {
        format!("insert into public.drones (id, model, status) values ('{id}', 'FlyOS_MQ5', 'ACTIVE')")
    };
    let region = |name: &str| {
        format!(
            "insert into public.regions (id, name, area, status) values (gen_random_uuid(), '{name}', 'x', 'ACTIVE')"
        )
    };
    for (one, other) in [
        (user("Same", "1@flyos.mil"), user("sAME", "2@flyos.mil")),
        (user("same", "1@flyos.mil"), user("same", "2@flyos.mil")),
        (user("one", "Same@flyos.mil"), user("two", "same@FLYOS.mil")),
        (drone("Drone-X"), drone("drone-x")),
        (drone("drone-x"), drone("drone-x")),
        (region("Middle"), region("mIDDLE")),
        (
            user("anna2", "1@flyos.mil"),
            "update public.profiles set username = 'ANNA2' where id = '$b'".to_owned(),
        ),
        (region("West2"), "update public.regions set name = 'west2' where id = '$E'".to_owned()),
    ] {
        let met = ground.both_ways("", &one, &other).await;
        assert_eq!(states(&met), [("", "23505"), ("", "23505")], "{one} beside {other}");
    }
}

#[tokio::test]
async fn a_row_is_made_anew_beside_its_end() {
    let mut ground = Ground::new().await;
    let (ends, again) = (
        "delete from public.drones where id = 'd'",
        "insert into public.drones (id, model, status, region_id) values ('d', 'FlyOS_MQ9', 'OFFLINE', '$W')",
    );
    let met = ground.both_ways(ASSIGN, ends, again).await;
    assert_eq!(states(&met), [("", ""), ("23505", "")]);
    let person = "update public.user_drone_assignments set assigned_at = assigned_at where drone_id = 'd'";
    let met = ground.both_ways(ASSIGN, ends, UNASSIGN).await;
    assert_eq!(states(&met), [("", ""), ("", "")]);
    let met = ground.both_ways(ASSIGN, ends, person).await;
    assert_eq!(states(&met), [("", ""), ("", "")]);
    // Gone and back in one transaction, while somebody is given it.
    let anew = format!("{ends}; {}", again.replace("$W", "$E"));
    let met = ground.both_ways("", &anew, ASSIGN).await;
    assert_eq!(states(&met)[1], ("", ""));
    assert!(met[0].second.is_empty() || met[0].second == "23503", "{met:?}");
}
