//! Pushes: what becomes of an edit, of a group, of what depends on it, and of what is delivered twice.

#![expect(clippy::panic, reason = "it is how a case fails")]

use flyos::domain::{Change, Fields, Key, Reason, rules};
use flyos::remote::wire::{EFFECTS_MAX, OpKind, OpResult, OpWire, Outcome};
use uuid::Uuid;

use super::*;

on_both! {
    a_second_delivery_gets_the_stored_answer,
    of_eight_deliveries_at_once_one_is_applied,
    an_id_twice_in_one_call_is_one_edit,
    edits_of_one_row_merge_or_clash_by_field,
    a_group_is_in_whole_or_not_at_all,
    a_move_takes_only_what_its_author_knew_of,
    inserts_meet_what_is_there,
    what_is_not_theirs_is_forbidden_and_what_was_theirs_may_be_gone,
    what_would_change_too_many_rows_is_refused_in_words (rows: 10_800),
}

async fn a_second_delivery_gets_the_stored_answer(server: &impl Server) {
    let main = sign_in(server, MAIN).await;
    let key = drone("drone-004");
    let op = update(server, &key, &[("status", "OFFLINE")]).await;
    let [result] = &main.push(std::slice::from_ref(&op)).await[..] else { panic!("one result") };
    assert_eq!((result.replayed, &result.outcome), (false, &Outcome::Applied { v: 2, effects: vec![] }));
    admin_update(server, &key, &[("status", "STANDBY")]).await;
    let [result] = &main.push(std::slice::from_ref(&op)).await[..] else { panic!("one result") };
    assert_eq!((result.replayed, &result.outcome), (true, &Outcome::Applied { v: 2, effects: vec![] }));
    assert_eq!(field(server, &key, "status").await, "STANDBY", "it is not applied a second time");
    // What it depends on is no part of it: after a crash it may be sent without.
    let [result] = &main.push(&[OpWire { deps: vec![Uuid::now_v7()], ..op.clone() }]).await[..] else {
        panic!("one result")
    };
    assert!(result.replayed);
    // The same id for something else, and by somebody else.
    let other = OpWire { set: fields(&[("status", "ACTIVE")]), ..op.clone() };
    assert_eq!(main.edit(other).await, Outcome::IdReused);
    let east = sign_in(server, EAST).await;
    assert_eq!(east.edit(op).await, Outcome::IdReused);
}

async fn of_eight_deliveries_at_once_one_is_applied(server: &impl Server) {
    let main = sign_in(server, MAIN).await;
    let before = row(server, &drone("drone-004")).await.expect("a drone");
    let op = update_of(&before, &[("status", "OFFLINE")]);
    let sent = (0..8).map(|_| main.push(std::slice::from_ref(&op)));
    let results: Vec<_> = futures_util::future::join_all(sent).await.into_iter().flatten().collect();
    assert_eq!(results.iter().filter(|result| !result.replayed).count(), 1, "{results:?}");
    assert!(results.iter().all(|result| result.outcome == Outcome::Applied { v: 2, effects: vec![] }));
}

async fn an_id_twice_in_one_call_is_one_edit(server: &impl Server) {
    let main = sign_in(server, MAIN).await;
    let op = update(server, &drone("drone-004"), &[("status", "OFFLINE")]).await;
    let other = OpWire { set: fields(&[("status", "ACTIVE")]), ..op.clone() };
    let results = main.push(&[op.clone(), op.clone(), other]).await;
    let told: Vec<_> = results.iter().map(|result| (result.replayed, &result.outcome)).collect();
    let applied = Outcome::Applied { v: 2, effects: vec![] };
    assert_eq!(told, [(false, &applied), (true, &applied), (false, &Outcome::IdReused)]);
    assert_eq!(field(server, &drone("drone-004"), "status").await, "OFFLINE");
}

async fn edits_of_one_row_merge_or_clash_by_field(server: &impl Server) {
    let (main, east) = (sign_in(server, MAIN).await, sign_in(server, EAST).await);
    let key = drone("drone-006");
    let (status, model) = (
        update(server, &key, &[("status", "STANDBY")]).await,
        update(server, &key, &[("model", "FlyOS_MQ9")]).await,
    );
    let other = update(server, &key, &[("status", "OFFLINE")]).await;
    let same = update(server, &key, &[("status", "STANDBY"), ("model", "FlyOS_MQ5")]).await;
    assert!(matches!(main.edit(status).await, Outcome::Applied { v: 2, .. }));
    assert!(matches!(main.edit(model).await, Outcome::Applied { v: 3, .. }), "another field");
    let Outcome::Conflict { fields: clashes, v, by, at, .. } = east.edit(other).await else {
        panic!("a conflict")
    };
    let clash = &clashes["status"];
    let texts = [&clash.base, &clash.mine, &clash.theirs].map(|value| value.as_deref().unwrap_or_default());
    assert_eq!((texts, v), (["ACTIVE", "OFFLINE", "STANDBY"], 3));
    assert_eq!(by.as_deref(), Some("MAIN_HQ"), "a commander does not see headquarters' names");
    assert!(at.is_some());
    let Outcome::Conflict { fields: clashes, .. } = main.edit(same).await else { panic!("a conflict") };
    assert_eq!(clashes.keys().collect::<Vec<_>>(), ["model"], "what is already so does not clash");
    let already = op(&key, OpKind::Update, fields(&[("status", "ACTIVE")]), fields(&[("status", "STANDBY")]));
    assert!(matches!(main.edit(already).await, Outcome::Noop { v: 3, .. }));
    // Mine is partly there already and partly new: merged.
    let base = fields(&[("status", "ACTIVE"), ("model", "FlyOS_MQ9")]);
    let both = op(&key, OpKind::Update, base, fields(&[("status", "STANDBY"), ("model", "FlyOS_MQ5")]));
    assert!(matches!(main.edit(both).await, Outcome::Merged { v: 4, .. }));
}

async fn a_group_is_in_whole_or_not_at_all(server: &impl Server) {
    let main = sign_in(server, MAIN).await;
    let user = user_named(server, "j_alvarez").await;
    let group = Some(Uuid::now_v7());
    let in_group = |op| OpWire { group, ..op };
    let assign = in_group(insert(&Key::assignment(user, "drone-012"), &[]));
    let wrong = in_group(
        update(
            server,
            &drone("drone-012"),
            &[("operator_id", &user_named(server, "operator2").await.to_string())],
        )
        .await,
    );
    let after = update(server, &drone("drone-012"), &[("status", "ACTIVE")]).await;
    let unrelated = update(server, &drone("drone-007"), &[("status", "ACTIVE")]).await;
    let depends =
        OpWire { deps: vec![wrong.id], ..update(server, &drone("drone-022"), &[("status", "ACTIVE")]).await };
    let ids = [assign.id, wrong.id, after.id, unrelated.id, depends.id];
    let ops = [assign.clone(), wrong.clone(), after, unrelated, depends];
    let results = main.push(&ops).await;
    assert_eq!(results.iter().map(|result| result.id).collect::<Vec<_>>(), ids, "in the order of the edits");
    let outcomes: Vec<_> = results.into_iter().map(|result| result.outcome).collect();
    assert_eq!(outcomes[0], Outcome::Blocked { op: wrong.id });
    let Outcome::Rejected { reason: Reason::Invalid, field, message } = &outcomes[1] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(field.as_deref(), Some("operator_id"));
    assert!(message.ends_with('.'));
    assert_eq!(outcomes[2], Outcome::Blocked { op: wrong.id }, "a later edit of the row waits");
    assert!(matches!(outcomes[3], Outcome::Applied { .. }), "an unrelated one does not");
    assert_eq!(outcomes[4], Outcome::Blocked { op: wrong.id });
    assert!(row(server, &Key::assignment(user, "drone-012")).await.is_none(), "nothing of the group is in");
    // Mended and sent again: what was blocked was not claimed.
    let right = update(server, &drone("drone-012"), &[("operator_id", &user.to_string())]).await;
    let again = main.push(&[assign, in_group(right)]).await;
    assert!(again.iter().all(|result| matches!(result.outcome, Outcome::Applied { .. }) && !result.replayed));
    // As it was, it fails as it did, from the record.
    let culprit = main.push(&[wrong]).await.swap_remove(0);
    assert!(culprit.replayed && matches!(culprit.outcome, Outcome::Rejected { .. }));
}

async fn a_move_takes_only_what_its_author_knew_of(server: &impl Server) {
    let (main, east) = (sign_in(server, MAIN).await, sign_in(server, EAST).await);
    let western = region_named(server, "Western").await.to_string();
    let pair = Key::assignment(user_named(server, "j_alvarez").await, "drone-012");
    let knowing = |op, drops: &[&Key]| OpWire {
        id: Uuid::now_v7(),
        drops: Some(drops.iter().map(|key| key.pk.clone()).collect()),
        ..op
    };
    let away = update(server, &drone("drone-012"), &[("region_id", &western)]).await;
    assert!(matches!(east.edit(insert(&pair, &[])).await, Outcome::Applied { .. }), "made meanwhile");
    let told = main.edit(knowing(away.clone(), &[])).await;
    let Outcome::Conflict { fields, drops, v, by, at } = told else { panic!("{told:?}") };
    assert_eq!((fields.len(), drops, v), (0, vec![pair.pk.clone()], 2));
    assert_eq!((by.as_deref(), at.is_some()), (Some("east_hq"), true), "who made the assignment, and when");
    assert!(row(server, &pair).await.is_some());
    let gone = knowing(delete(server, &drone("drone-012")).await, &[]);
    assert!(matches!(main.edit(gone).await, Outcome::Conflict { .. }), "nor does a deletion");
    let (user, drone_gone) = (Key::user(pair.pair().expect("a pair").0), Key::drone("drone-010"));
    let other = Key::assignment(user.uuid().expect("a user"), "drone-010");
    let third = Key::assignment(user.uuid().expect("a user"), "drone-011");
    let leaves = update(server, &user, &[("region_id", &western)]).await;
    let told = main.edit(knowing(leaves.clone(), &[&other, &third])).await;
    assert!(matches!(told, Outcome::Conflict { drops, .. } if drops == [pair.pk.clone()]));
    // What is made and taken in one group was known; so is what is named.
    let group = Some(Uuid::now_v7());
    let post = OpWire { group, ..insert(&Key::assignment(user.uuid().expect("a user"), "drone-007"), &[]) };
    let moved = update(server, &drone("drone-007"), &[("region_id", &western)]).await;
    let moved =
        OpWire { group, ..knowing(moved, &[&Key::assignment(user.uuid().expect("a user"), "drone-007")]) };
    let told = main.push(&[post, moved]).await;
    assert!(told.iter().all(|result| matches!(result.outcome, Outcome::Applied { .. })), "{told:?}");
    let told = main.edit(knowing(away, &[&pair, &other])).await;
    assert!(matches!(&told, Outcome::Applied { effects, .. } if effects.len() == 1), "{told:?}");
    // An edit that says nothing of it takes whatever is there.
    assert!(matches!(main.edit(leaves).await, Outcome::Applied { effects, .. } if effects.len() == 3));
    assert!(matches!(main.edit(delete(server, &drone_gone).await).await, Outcome::Applied { .. }));
}

async fn inserts_meet_what_is_there(server: &impl Server) {
    let (main, east) = (sign_in(server, MAIN).await, sign_in(server, EAST).await);
    let set = [("model", "FlyOS_MQ5"), ("status", "STANDBY")];
    let rejected = |outcome| match outcome {
        Outcome::Rejected { reason, field, .. } => (reason, field.unwrap_or_default()),
        other => panic!("{other:?}"),
    };
    assert!(matches!(main.edit(insert(&drone("drone-900"), &set)).await, Outcome::Applied { v: 1, .. }));
    assert_ne!(field(server, &drone("drone-900"), "created_at").await, "", "stamped by the server");
    assert!(matches!(main.edit(insert(&drone("drone-900"), &set)).await, Outcome::Noop { v: 1, .. }));
    let differs = insert(&drone("drone-900"), &[("model", "FlyOS_MQ7"), ("status", "STANDBY")]);
    assert_eq!(rejected(main.edit(differs).await), (Reason::Unique, "id".to_owned()));
    assert_eq!(
        rejected(main.edit(insert(&drone("DRONE-900"), &set)).await),
        (Reason::Unique, "id".to_owned())
    );
    let user = Key::user(Uuid::now_v7());
    let person = [
        ("username", "EAST_HQ"),
        ("full_name", "A Double"),
        ("email", "double@flyos.mil"),
        ("role", "OPERATOR"),
        ("status", "ACTIVE"),
    ];
    assert_eq!(rejected(main.edit(insert(&user, &person)).await), (Reason::Unique, "username".to_owned()));
    let server_owned = insert(
        &drone("drone-901"),
        &[("model", "FlyOS_MQ5"), ("status", "ACTIVE"), ("created_at", "2020-01-01T00:00:00+00:00")],
    );
    assert_eq!(rejected(main.edit(server_owned).await), (Reason::Invalid, "created_at".to_owned()));
    let nowhere = insert(
        &drone("drone-902"),
        &[("model", "FlyOS_MQ5"), ("status", "ACTIVE"), ("region_id", &Uuid::now_v7().to_string())],
    );
    assert_eq!(rejected(main.edit(nowhere).await), (Reason::Reference, "region_id".to_owned()));
    assert_eq!(rejected(east.edit(insert(&drone("drone-903"), &set)).await).0, Reason::Forbidden);
}

async fn what_is_not_theirs_is_forbidden_and_what_was_theirs_may_be_gone(server: &impl Server) {
    let (main, east) = (sign_in(server, MAIN).await, sign_in(server, EAST).await);
    let forbidden = |outcome| matches!(outcome, Outcome::Rejected { reason: Reason::Forbidden, .. });
    let western = update(server, &drone("drone-020"), &[("status", "OFFLINE")]).await;
    assert!(forbidden(east.edit(western.clone()).await), "of another region");
    let eastern = update(server, &drone("drone-009"), &[("status", "OFFLINE")]).await;
    let deletion = delete(server, &drone("drone-009")).await;
    assert!(forbidden(east.edit(update(server, &drone("drone-009"), &[("model", "FlyOS_MQ5")]).await).await));
    for id in ["drone-009", "drone-020"] {
        assert!(matches!(main.edit(delete(server, &drone(id)).await).await, Outcome::Applied { .. }));
    }
    assert_eq!(east.edit(eastern).await, Outcome::Gone);
    let western = OpWire { id: Uuid::now_v7(), ..western };
    assert!(forbidden(east.edit(western).await), "nobody learns of what they could not see");
    let nowhere = op(&drone("drone-999"), OpKind::Update, Fields::new(), fields(&[("status", "ACTIVE")]));
    assert!(forbidden(main.edit(nowhere).await), "there never was one");
    assert!(matches!(main.edit(deletion).await, Outcome::Noop { .. }), "gone already");
}

/// A device that comes back after a long time asks for answers that were given long ago.
#[tokio::test]
async fn old_answers_are_still_answers() {
    let server = Postgres::start(0).await;
    let (main, east) = (sign_in(&server, MAIN).await, sign_in(&server, EAST).await);
    let stale = update(&server, &drone("drone-001"), &[("status", "STANDBY")]).await;
    let gone = update(&server, &drone("drone-009"), &[("status", "OFFLINE")]).await;
    let first = update(&server, &drone("drone-001"), &[("status", "OFFLINE")]).await;
    main.push(&[first, delete(&server, &drone("drone-009")).await]).await;
    let holder = Key::assignment(user_named(&server, "d_okafor").await, "drone-006");
    let ops = [
        stale,
        gone,
        delete(&server, &holder).await,
        update(&server, &drone("drone-020"), &[("status", "OFFLINE")]).await,
        op(&drone("drone-004"), OpKind::Update, Fields::new(), fields(&[("status", "STANDBY")])),
    ];
    let before = east.push(&ops).await;
    server.run("update sync.applied_op set at = now() - interval '31 days'").await;
    assert_eq!(east.push(&[]).await, [], "every push forgets a little");
    assert_eq!(server.value("select count(*) from sync.applied_op where result is null").await, 4);
    for (old, now) in before.into_iter().zip(east.push(&ops).await) {
        assert!(now.replayed, "{now:?}");
        match (&old.outcome, &now.outcome) {
            // What followed from it came with a pull long ago.
            (Outcome::Applied { v, .. }, Outcome::Applied { v: now, effects }) => {
                assert_eq!((v, effects.len()), (now, 0));
            }
            (old, now) => assert_eq!(old, now),
        }
    }
}

/// What is no rule of ours may pass: it leaves no record, and the same edit is taken later.
#[tokio::test]
async fn a_fault_of_the_database_is_to_be_tried_again() {
    let server = Postgres::start(0).await;
    let main = sign_in(&server, MAIN).await;
    server
        .run(
            "create function public.out_of_order() returns trigger language plpgsql as
                $$ begin raise exception 'disk on fire' using errcode = '58030'; end $$;
            create trigger out_of_order before update on public.drones
                for each row when (new.status = 'OFFLINE') execute function public.out_of_order()",
        )
        .await;
    let first = update(&server, &drone("drone-001"), &[("status", "OFFLINE")]).await;
    let group = Some(Uuid::now_v7());
    let grouped = OpWire { group, ..update(&server, &drone("drone-002"), &[("status", "STANDBY")]).await };
    let with_it = OpWire { group, ..update(&server, &drone("drone-003"), &[("status", "OFFLINE")]).await };
    let other = update(&server, &drone("drone-004"), &[("status", "MAINTENANCE")]).await;
    let ops = [first, grouped, with_it, other];
    let outcomes =
        |results: Vec<OpResult>| results.into_iter().map(|r| (r.replayed, r.outcome)).collect::<Vec<_>>();
    let told = outcomes(main.push(&ops).await);
    let retry = (false, Outcome::Retry { after_ms: Some(500) });
    assert_eq!((&told[0], &told[2]), (&retry, &retry));
    assert_eq!(told[1].1, Outcome::Blocked { op: ops[2].id });
    assert!(matches!(told[3].1, Outcome::Applied { .. }), "an unrelated one is in: {told:?}");
    assert_eq!(server.value("select count(*) from sync.applied_op").await, 1, "only that one is claimed");
    server.run("drop trigger out_of_order on public.drones").await;
    let told = outcomes(main.push(&ops).await);
    assert!(told.iter().all(|(_, outcome)| matches!(outcome, Outcome::Applied { .. })), "{told:?}");
    assert_eq!(told.iter().map(|(replayed, _)| *replayed).collect::<Vec<_>>(), [false, false, false, true]);
}

/// Deletes drones of a region that nobody holds until the region's going changes so many rows.
async fn lighten(server: &impl Server, region: &Key, weight: usize) {
    let world = server.world().await;
    let going = Change::delete(&world.get(region).expect("a region"));
    let spare: Vec<Change> = world
        .drones_of(region.uuid().expect("an id"))
        .filter(|id| world.holders(id).next().is_none())
        .take(rules::weight(&world, &going).checked_sub(weight).expect("more than that"))
        .map(|id| Change::delete(&world.get(&Key::drone(id)).expect("a drone")))
        .collect();
    server.admin(&spare).await;
    assert_eq!(rules::weight(&server.world().await, &going), weight);
}

async fn what_would_change_too_many_rows_is_refused_in_words(server: &impl Server) {
    let main = sign_in(server, MAIN).await;
    let [eastern, western] =
        [region_named(server, "Eastern").await, region_named(server, "Western").await].map(Key::region);
    let refused = |n: usize| Outcome::Rejected {
        reason: Reason::Invalid,
        field: None,
        message: format!(
            "{n} users, drones and assignments would change with this, and at most 5000 can at once: \
             move or unassign some of them first, in parts."
        ),
    };
    lighten(server, &eastern, 5001).await;
    assert_eq!(main.edit(delete(server, &eastern).await).await, refused(5001));
    lighten(server, &eastern, 5000).await;
    // The edits of a group are weighed together: two people hold drone-030.
    let group = Some(Uuid::now_v7());
    let both = [delete(server, &drone("drone-030")).await, delete(server, &eastern).await];
    let both = both.map(|op| OpWire { group, ..op });
    let told: Vec<_> = main.push(&both).await.into_iter().map(|result| result.outcome).collect();
    assert_eq!(told, [Outcome::Blocked { op: both[1].id }, refused(5002)]);
    let Outcome::Applied { effects, .. } = main.edit(delete(server, &eastern).await).await else {
        panic!("so many are not too many")
    };
    assert_eq!(effects.len(), EFFECTS_MAX, "of five thousand rows some are told");
    assert!(effects.windows(2).all(|pair| pair[0] < pair[1]), "in order, none twice");
    // Whoever writes SQL, or administers the training server, has no such bound.
    let world = server.world().await;
    let going = Change::delete(&world.get(&western).expect("a region"));
    assert!(rules::weight(&world, &going) > rules::CASCADE_ROWS_MAX);
    server.admin(&[going]).await;
    assert_eq!(rules::broken(&server.world().await), Vec::<String>::new());
}
