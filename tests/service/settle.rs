//! What a person decides: cards, undo and redo, several edits at once; and what a restored server is offered again.

#![expect(clippy::panic, reason = "it is how a case fails")]

use super::*;
use flyos::service::{Card, Decision, Done, ServiceError};

fn drone(id: &str) -> Key {
    Key::drone(id)
}

fn run(person: &Person, action: Action) -> Result<Done, ServiceError> {
    person.service.run(&person.service.ctx(Front::Test), action)
}

fn cards(person: &Person) -> Vec<Card> {
    person.service.cards(&person.service.ctx(Front::Test))
}

fn told(done: Result<Done, ServiceError>) -> String {
    match done.unwrap() {
        Done::Undone { summary } | Done::Settled { summary } | Done::Saved { summary, .. } => summary,
        other => panic!("{other:?}"),
    }
}

fn hold(person: &Person) {
    // A push that has begun takes along what is saved until it leaves: the first one, that only tells how we stand.
    person.wait("the first push", |service| service.runs().iter().any(|run| run.what == "sent"));
    run(person, Action::SetTraffic { traffic: Traffic::Held }).unwrap();
    person.wait("it is held", |service| service.status().traffic == Traffic::Held);
}

fn go_on(person: &Person) {
    run(person, Action::SetTraffic { traffic: Traffic::Normal }).unwrap();
    run(person, Action::SyncNow).unwrap();
}

/// Two people of headquarters; the second one's traffic is held.
struct Two {
    server: Server,
    _homes: [tempfile::TempDir; 2],
    one: Person,
    other: Person,
}

impl Two {
    fn start() -> Self {
        let server = Server::start();
        let homes = [home(), home()];
        let one = Person::in_sync(homes[0].path(), &server, "main@flyos.mil");
        let other = Person::in_sync(homes[1].path(), &server, "deputy@flyos.mil");
        hold(&other);
        Self { server, _homes: homes, one, other }
    }

    /// What the second one did meets what the first one did meanwhile.
    fn meet(&self, cards: usize) {
        self.one.up_to_date();
        let before = self.other.service.status().as_of;
        go_on(&self.other);
        // The answer to the push may come before that to the pull, by which it is known what the first one did.
        self.other.wait("cards", |service| {
            let status = service.status();
            status.needs_you == cards && status.sending == 0 && status.as_of > before
        });
    }

    fn truth(&self, key: &Key, field: &str) -> Option<String> {
        let (key, field) = (key.clone(), field.to_owned());
        self.server
            .with(move |sandbox| sandbox.with_world(|world| world.get(&key).and_then(|row| row.get(&field))))
    }
}

#[test]
fn a_conflict_is_settled_with_mine_theirs_or_other_values() {
    let two = Two::start();
    for (id, mine, theirs) in [
        ("drone-001", "STANDBY", "OFFLINE"),
        ("drone-002", "STANDBY", "OFFLINE"),
        ("drone-004", "OFFLINE", "ACTIVE"),
    ] {
        two.other.set(drone(id), "status", mine).unwrap();
        two.one.set(drone(id), "status", theirs).unwrap();
    }
    two.other.set(drone("drone-001"), "status", "MAINTENANCE").unwrap_or_else(|error| panic!("{error}"));
    two.meet(3);
    let all = cards(&two.other);
    let card = |id: &str| all.iter().find(|card| card.line.key == drone(id)).unwrap();
    // Two edits of one row, not sent yet, went out as one: what the person saw first, what they wanted last.
    let first = card("drone-001");
    let [field] = &first.fields[..] else { panic!("{first:?}") };
    assert_eq!([&field.base, &field.mine, &field.theirs], ["ACTIVE", "MAINTENANCE", "OFFLINE"]);
    assert!(
        matches!(&first.line.state, EditState::Conflict { by: Some(by), at: Some(_), .. } if by == "main_admin")
    );
    assert_eq!(first.decisions, [Decision::Mine, Decision::Theirs, Decision::Discard]);
    // A later edit of the row waits for the decision, and follows it.
    two.other.set(drone("drone-001"), "model", "FlyOS_MQ9").unwrap();
    assert_eq!(cards(&two.other)[0].behind, 1);
    let settle = |id: &str, decision| run(&two.other, Action::Settle { edit: card(id).edit, decision });
    let said = told(settle("drone-001", Decision::Mine));
    assert!(said.contains("status MAINTENANCE (was OFFLINE)") && said.contains("sent again"), "{said}");
    told(settle("drone-002", Decision::Theirs));
    let set = [("status".to_owned(), Some("MAINTENANCE".to_owned()))].into();
    told(settle("drone-004", Decision::Set { fields: set }));
    two.other.up_to_date();
    let truth = ["drone-001", "drone-002", "drone-004"].map(|id| two.truth(&drone(id), "status").unwrap());
    assert_eq!(truth, ["MAINTENANCE", "OFFLINE", "MAINTENANCE"]);
    assert_eq!(two.truth(&drone("drone-001"), "model").as_deref(), Some("FlyOS_MQ9"));
    let again = settle("drone-001", Decision::Mine).unwrap_err();
    assert!(again.message.starts_with("There is no edit "), "{again}");
}

#[test]
fn a_refusal_is_mended_and_sent_again_and_a_row_that_went_is_made_once_more() {
    let two = Two::start();
    let person = |name: &str, email: &str| {
        let pairs = [
            ("username", name),
            ("full_name", "Some One"),
            ("email", email),
            ("role", "OPERATOR"),
            ("status", "ACTIVE"),
        ];
        pairs.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).into()
    };
    let (first, second) = (Key::user(uuid::Uuid::now_v7()), Key::user(uuid::Uuid::now_v7()));
    two.other.edit(Intent::Create { key: second.clone(), fields: person("twin", "b@flyos.mil") }).unwrap();
    two.other.set(drone("drone-010"), "status", "OFFLINE").unwrap();
    two.one.edit(Intent::Create { key: first, fields: person("twin", "a@flyos.mil") }).unwrap();
    two.one.edit(Intent::Delete { key: drone("drone-010") }).unwrap();
    two.meet(2);
    let all = cards(&two.other);
    assert!(
        matches!(&all[0].line.state, EditState::Refused { field: Some(field), .. } if field == "username")
    );
    assert_eq!(all[1].line.state, EditState::Gone);
    let wanted: Vec<&str> = all[0].wanted.iter().map(|wanted| wanted.name.as_str()).collect();
    assert_eq!(
        wanted,
        ["email", "full_name", "region_id", "role", "status", "username"],
        "all of it can be changed first"
    );
    assert_eq!(all[1].wanted, [], "the row is not there");
    let bad = Decision::Set { fields: [("username".to_owned(), Some("x".to_owned()))].into() };
    assert!(
        run(&two.other, Action::Settle { edit: all[0].edit, decision: bad }).is_err(),
        "it is judged here first"
    );
    let mended = Decision::Set { fields: [("username".to_owned(), Some("twin_2".to_owned()))].into() };
    told(run(&two.other, Action::Settle { edit: all[0].edit, decision: mended }));
    assert_eq!(all[1].decisions, [Decision::CreateAgain, Decision::Discard]);
    told(run(&two.other, Action::Settle { edit: all[1].edit, decision: Decision::CreateAgain }));
    two.other.up_to_date();
    assert_eq!(two.truth(&second, "username").as_deref(), Some("twin_2"));
    assert_eq!(two.truth(&second, "email").as_deref(), Some("b@flyos.mil"));
    assert_eq!(two.truth(&drone("drone-010"), "status").as_deref(), Some("OFFLINE"));
    assert_eq!(two.truth(&drone("drone-010"), "model").as_deref(), Some("FlyOS_MQ5"), "as it was");
}

/// A decision of each sort, with values that could be sent.
fn every_decision(values: &Fields) -> [Decision; 5] {
    let set = Decision::Set { fields: values.clone() };
    [Decision::Mine, Decision::Theirs, set, Decision::CreateAgain, Decision::Discard]
}

/// Which of them a card offers: its decisions, and other values where it tells what was wanted.
fn offers(card: &Card, decision: &Decision) -> bool {
    match decision {
        Decision::Set { .. } => !card.wanted.is_empty(),
        other => card.decisions.contains(other),
    }
}

#[test]
fn what_a_card_does_not_offer_is_refused_and_the_edit_is_as_it_was() {
    let two = Two::start();
    let value = |name: &str, text: &str| Fields::from([(name.to_owned(), Some(text.to_owned()))]);
    let user = |name: &str| {
        let (server, name) = (&two.server, name.to_owned());
        let id = server.with(move |sandbox| {
            sandbox.with_world(|world| world.users().find(|user| *user.username == *name).unwrap().id)
        });
        Key::user(id)
    };
    // A conflict; a deletion in conflict; a change that is refused; a creation that is refused; a row that is gone.
    two.other.set(drone("drone-001"), "status", "STANDBY").unwrap();
    two.one.set(drone("drone-001"), "status", "OFFLINE").unwrap();
    two.other.edit(Intent::Delete { key: drone("drone-004") }).unwrap();
    two.one.set(drone("drone-004"), "status", "OFFLINE").unwrap();
    two.other.set(user("d_okafor"), "email", "taken@flyos.mil").unwrap();
    two.one.set(user("a_lindqvist"), "email", "taken@flyos.mil").unwrap();
    let model = value("model", "FlyOS_MQ7");
    let fields: Fields = model.into_iter().chain(value("status", "STANDBY")).collect();
    let create = || Intent::Create { key: drone("drone-900"), fields: fields.clone() };
    two.other.edit(create()).unwrap();
    two.one.edit(create()).unwrap();
    two.one.set(drone("drone-900"), "status", "OFFLINE").unwrap();
    two.other.set(drone("drone-010"), "status", "OFFLINE").unwrap();
    two.one.edit(Intent::Delete { key: drone("drone-010") }).unwrap();
    two.meet(5);
    two.other.wait("the row is gone", |_| two.other.field(&drone("drone-010"), "id").is_none());
    let values = [
        value("status", "MAINTENANCE"),
        value("status", "MAINTENANCE"),
        value("email", "free@flyos.mil"),
        value("status", "MAINTENANCE"),
        value("status", "MAINTENANCE"),
    ];
    let before = cards(&two.other);
    let offered = before
        .iter()
        .zip(&values)
        .map(|(card, values)| every_decision(values).each_ref().map(|decision| offers(card, decision)));
    let [yes, no] = [true, false];
    assert_eq!(
        offered.collect::<Vec<_>>(),
        [
            // mine, theirs, set, create again, discard
            [yes, yes, yes, no, yes],
            [yes, yes, no, no, yes],
            [yes, no, yes, no, yes],
            [yes, no, yes, no, yes],
            [no, no, no, yes, yes],
        ]
    );
    for (card, values) in before.iter().zip(&values) {
        for decision in every_decision(values).into_iter().filter(|decision| !offers(card, decision)) {
            let refused = run(&two.other, Action::Settle { edit: card.edit, decision: decision.clone() });
            let refused = refused.expect_err(&format!("{decision:?} of {card:?}"));
            let named = format!("Edit {} ({}: {})", card.edit, card.line.label, card.line.what);
            assert!(refused.message.starts_with(&named), "{refused:?}");
            assert!(refused.message.ends_with("Nothing was changed; the edit is kept."), "{refused:?}");
            assert!(refused.hints[0].starts_with("Open to it: "), "{refused:?}");
            assert!(refused.hints[0].ends_with("discard it."), "{refused:?}");
        }
        let nothing = Decision::Set { fields: Fields::new() };
        assert!(run(&two.other, Action::Settle { edit: card.edit, decision: nothing }).is_err());
    }
    assert_eq!(cards(&two.other), before, "nothing was changed");
    // And what is offered is done.
    let again = [Decision::Mine, Decision::Mine, every_decision(&values[2])[2].clone(), Decision::Discard];
    for (card, decision) in before.iter().zip(again.into_iter().chain([Decision::CreateAgain])) {
        told(run(&two.other, Action::Settle { edit: card.edit, decision }));
    }
    two.other.up_to_date();
    assert_eq!(cards(&two.other), []);
    assert_eq!(two.truth(&drone("drone-001"), "status").as_deref(), Some("STANDBY"));
    assert_eq!(two.truth(&drone("drone-004"), "id"), None);
    assert_eq!(two.truth(&user("d_okafor"), "email").as_deref(), Some("free@flyos.mil"));
    assert_eq!(two.truth(&drone("drone-010"), "status").as_deref(), Some("OFFLINE"));
}

#[test]
fn an_edit_that_needs_a_decision_is_not_sent_by_itself_and_one_that_is_not_there_is_named() {
    let two = Two::start();
    two.other.set(drone("drone-001"), "status", "STANDBY").unwrap();
    two.one.set(drone("drone-001"), "status", "OFFLINE").unwrap();
    two.meet(1);
    two.other.set(drone("drone-001"), "model", "FlyOS_MQ9").unwrap();
    let edit = cards(&two.other)[0].edit;
    let retry = |edit| run(&two.other, Action::Retry { edit });
    let refused = retry(edit).unwrap_err();
    assert!(
        refused.message.contains("(drone-001: status STANDBY (was ACTIVE)) needs a decision"),
        "{refused:?}"
    );
    assert!(refused.hints[0].starts_with("Open to it: send it again (mine), "), "{refused:?}");
    let behind = two.other.service.outbox(&two.other.service.ctx(Front::Test))[0].edit;
    assert!(retry(behind).unwrap_err().message.contains("waits behind an edit"));
    let missing = "There is no edit 999 ";
    assert!(retry(999).unwrap_err().message.starts_with(missing));
    let ctx = two.other.service.ctx(Front::Test);
    assert!(two.other.service.export(&ctx, &[edit, 999]).unwrap_err().message.starts_with(missing));
    assert_eq!(two.other.service.export(&ctx, &[edit]).unwrap().lines().count(), 1);
    let discard = Action::Settle { edit: 999, decision: Decision::Discard };
    assert!(run(&two.other, discard).unwrap_err().message.starts_with(missing));
    let waits = run(&two.other, Action::Settle { edit: behind, decision: Decision::Discard }).unwrap_err();
    assert!(waits.message.contains("needs no decision"), "{waits:?}");
}

#[test]
fn a_move_that_would_take_what_others_made_is_asked_about() {
    let two = Two::start();
    let western = two.one.service.choices(&two.one.service.ctx(Front::Test), Kind::Drone, "region_id", None);
    let western = western.into_iter().find(|choice| choice.label == "Western").unwrap().value.unwrap();
    let user = two.server.with(|sandbox| {
        sandbox.with_world(|world| world.users().find(|user| *user.username == *"a_lindqvist").unwrap().id)
    });
    two.other.set(drone("drone-007"), "region_id", &western).unwrap();
    // Assigned, and not made the operator: the drone's own row is as it was.
    two.one.edit(Intent::Assign { drone: "drone-007".into(), user }).unwrap();
    two.one.edit(Intent::SetOperator { drone: "drone-007".into(), user: None }).unwrap();
    two.meet(1);
    let card = cards(&two.other).swap_remove(0);
    let EditState::Conflict { drops, by, .. } = &card.line.state else { panic!("{card:?}") };
    assert_eq!(
        (&drops[..], by.as_deref()),
        (&["a_lindqvist / drone-007".to_owned()][..], Some("main_admin"))
    );
    assert_eq!(two.truth(&Key::assignment(user, "drone-007"), "drone_id").as_deref(), Some("drone-007"));
    told(run(&two.other, Action::Settle { edit: card.edit, decision: Decision::Mine }));
    two.other.up_to_date();
    assert_eq!(two.truth(&drone("drone-007"), "region_id"), Some(western), "decided in the knowledge of it");
    assert_eq!(two.truth(&Key::assignment(user, "drone-007"), "drone_id"), None);
}

#[test]
fn decisions_and_what_waits_behind_them_survive_a_restart() {
    let server = Server::start();
    let homes = [home(), home()];
    let one = Person::in_sync(homes[0].path(), &server, "main@flyos.mil");
    let two = Person::in_sync(homes[1].path(), &server, "deputy@flyos.mil");
    hold(&two);
    two.set(drone("drone-001"), "status", "STANDBY").unwrap();
    one.set(drone("drone-001"), "status", "OFFLINE").unwrap();
    one.up_to_date();
    go_on(&two);
    two.wait("a card", |service| service.status().needs_you == 1);
    hold(&two);
    two.set(drone("drone-001"), "model", "FlyOS_MQ9").unwrap();
    let edit = cards(&two)[0].edit;
    let lines = two.service.export(&two.service.ctx(Front::Test), &[edit]).unwrap();
    let exported: serde_json::Value = serde_json::from_str(lines.trim()).unwrap();
    assert_eq!(exported["state"]["fields"]["status"]["theirs"], "OFFLINE");
    told(run(&two, Action::Settle { edit, decision: Decision::Mine }));
    assert_eq!(two.service.status().waiting, 2);
    drop(two);
    let two = Person::at(homes[1].path(), &server);
    assert_eq!(two.sign_in("deputy@flyos.mil", PASSWORD), Ok(true));
    two.up_to_date();
    let row = server.row(drone("drone-001"));
    assert!(row.contains("STANDBY") && row.contains("FlyOS_MQ9"), "{row}");
}

#[test]
fn undo_takes_back_what_is_unsent_and_answers_what_was_sent() {
    let two = Two::start();
    let key = drone("drone-001");
    let status = || two.other.field(&key, "status").unwrap();
    assert!(run(&two.other, Action::Undo).unwrap_err().message.contains("nothing to undo"));
    two.other.set(key.clone(), "status", "STANDBY").unwrap();
    two.other.edit(Intent::Delete { key: drone("drone-008") }).unwrap();
    let said = told(run(&two.other, Action::Undo));
    assert!(said.starts_with("Taken back, it was not sent yet"), "{said}");
    assert!(two.other.field(&drone("drone-008"), "operator_id").is_some());
    let said = told(run(&two.other, Action::Undo));
    assert!(said.contains("drone-001"), "{said}");
    assert_eq!(
        (status().as_str(), two.other.service.status().waiting),
        ("ACTIVE", 0),
        "as if it had never been"
    );
    assert!(told(run(&two.other, Action::Redo)).starts_with("Done again"), "the status");
    assert_eq!(status(), "STANDBY");
    told(run(&two.other, Action::Redo));
    go_on(&two.other);
    two.other.up_to_date();
    assert_eq!(two.truth(&drone("drone-008"), "id"), None);
    // Sent: the opposite is a new edit, the assignments and the operator come back with the drone.
    let before = two.server.with(|sandbox| sandbox.with_world(|world| world.holders("drone-008").count()));
    assert_eq!(before, 0);
    let said = told(run(&two.other, Action::Undo));
    assert!(said.starts_with("It was sent already, so its opposite was saved"), "{said}");
    two.other.up_to_date();
    let after = two.server.with(|sandbox| sandbox.with_world(|world| world.holders("drone-008").count()));
    assert_eq!(after, 3);
    assert!(two.truth(&drone("drone-008"), "operator_id").is_some());
    told(run(&two.other, Action::Redo));
    two.other.up_to_date();
    assert_eq!(two.truth(&drone("drone-008"), "id"), None);
    told(run(&two.other, Action::Undo));
    // What somebody changed since is left alone.
    two.other.up_to_date();
    two.one.set(key.clone(), "status", "OFFLINE").unwrap();
    two.other.wait("the other's edit", |_| two.other.field(&key, "status").as_deref() == Some("OFFLINE"));
    let refused = run(&two.other, Action::Undo).unwrap_err();
    assert!(refused.message.contains("was changed since"), "{refused}");
    assert_eq!(two.truth(&key, "status").as_deref(), Some("OFFLINE"));
}

#[test]
fn undoing_a_deletion_says_that_the_account_stays_barred() {
    let two = Two::start();
    let user = Key::user(two.server.with(|sandbox| {
        sandbox
            .with_world(|world| world.users().find(|user| &*user.email == "operator1@flyos.mil").unwrap().id)
    }));
    go_on(&two.other);
    two.other.edit(Intent::Delete { key: user.clone() }).unwrap();
    two.other.up_to_date();
    let said = told(run(&two.other, Action::Undo));
    assert!(said.contains("stays barred"), "{said}");
    two.other.up_to_date();
    assert!(two.truth(&user, "username").is_some(), "the profile is there again");
    // Of one that never could sign in there is nothing to say.
    two.other.edit(Intent::Delete { key: drone("drone-008") }).unwrap();
    two.other.up_to_date();
    let said = told(run(&two.other, Action::Undo));
    assert!(!said.contains("barred"), "{said}");
}

/// A card tells what keeping it would do, in names: also to what others made since.
#[test]
fn a_card_tells_what_keeping_it_would_come_to() {
    let two = Two::start();
    let (drone, gone) = (drone("drone-007"), drone("drone-010"));
    let western = Some("0194a3c0-0000-7000-8000-000000000002".to_owned());
    let user = two.server.with(|sandbox| {
        sandbox.with_world(|world| world.users().find(|user| *user.username == *"a_lindqvist").unwrap().id)
    });
    two.other
        .edit(Intent::Update { key: drone.clone(), set: [("region_id".to_owned(), western)].into() })
        .unwrap();
    two.other.edit(Intent::Delete { key: gone.clone() }).unwrap();
    two.one.edit(Intent::SetOperator { drone: "drone-007".into(), user: Some(user) }).unwrap();
    two.one.set(gone.clone(), "status", "MAINTENANCE").unwrap();
    two.meet(2);
    let all = cards(&two.other);
    let card = |key: &Key| all.iter().find(|card| card.line.key == *key).unwrap();
    let moved = card(&drone);
    let kept = moved.kept.as_ref().unwrap();
    assert!(
        kept.follows.iter().any(|said| said.contains("a_lindqvist") && said.contains("loses drone-007")),
        "{moved:?}"
    );
    let EditState::Conflict { told, .. } = &moved.line.state else { panic!("{moved:?}") };
    assert!(told.iter().all(|said| !said.contains("0194a3c0")), "{told:?}");
    assert!(!kept.deletes && kept.what.contains("region Western"), "{kept:?}");
    let kept = card(&gone).kept.as_ref().unwrap();
    assert!(kept.deletes && kept.what.contains("delete"), "{kept:?}");
}

#[test]
fn a_bulk_action_is_undone_and_done_again_as_one() {
    let two = Two::start();
    let ids = ["drone-001", "drone-002", "drone-004", "drone-006"];
    let statuses = || ids.map(|id| two.other.field(&drone(id), "status").unwrap());
    let truths = || ids.map(|id| two.truth(&drone(id), "status").unwrap());
    let intents = |ids: &[&str]| -> Vec<Intent> {
        let set = || [("status".to_owned(), Some("OFFLINE".to_owned()))].into();
        ids.iter().map(|id| Intent::Update { key: drone(id), set: set() }).collect()
    };
    let before = statuses();
    assert!(!before.contains(&"OFFLINE".to_owned()), "{before:?}");
    // Two portions of one deed, and before them an edit of its own.
    two.other.set(drone("drone-008"), "model", "FlyOS_MQ5").unwrap();
    let deed = Some(uuid::Uuid::now_v7());
    for part in ids.chunks(2) {
        let action = Action::Bulk { intents: intents(part), reason: None, together: false, deed };
        run(&two.other, action).unwrap();
    }
    assert_eq!(two.other.service.status().waiting, 5);
    let said = told(run(&two.other, Action::Undo));
    assert!(said.starts_with("Undone: 4 edits, such as drone-001"), "{said}");
    assert_eq!(
        (statuses(), two.other.service.status().waiting),
        (before.clone(), 1),
        "all four, and no more"
    );
    let said = told(run(&two.other, Action::Redo));
    assert!(said.starts_with("Done again: 4 edits"), "{said}");
    assert_eq!(statuses(), ["OFFLINE"; 4].map(str::to_owned));
    // Sent, and one of them changed by somebody else since: that one is left alone.
    go_on(&two.other);
    two.other.up_to_date();
    assert_eq!(truths(), ["OFFLINE"; 4].map(str::to_owned));
    let seen = |person: &Person, status: &str| {
        person.wait(status, |_| person.field(&drone("drone-002"), "status").as_deref() == Some(status));
    };
    seen(&two.one, "OFFLINE");
    two.one.set(drone("drone-002"), "status", "MAINTENANCE").unwrap();
    seen(&two.other, "MAINTENANCE");
    let said = told(run(&two.other, Action::Undo));
    for expected in
        ["Undone: 3 edits", "3 were sent already", "1 is left as it is", "drone-002 was changed since"]
    {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    two.other.up_to_date();
    let [first, _, third, fourth] = before.clone();
    assert_eq!(truths(), [first, "MAINTENANCE".to_owned(), third, fourth]);
    let said = told(run(&two.other, Action::Redo));
    assert!(said.starts_with("Done again: 3 edits"), "{said}");
    two.other.up_to_date();
    assert_eq!(truths(), ["OFFLINE", "MAINTENANCE", "OFFLINE", "OFFLINE"].map(str::to_owned));
    // Once more, and then what was done before it.
    told(run(&two.other, Action::Undo));
    let said = told(run(&two.other, Action::Undo));
    assert!(said.contains("drone-008"), "{said}");
}

#[test]
fn several_edits_are_one_group_or_each_for_itself() {
    let two = Two::start();
    let status = |id: &str, to: &str| Intent::Update {
        key: drone(id),
        set: [("status".to_owned(), Some(to.to_owned()))].into(),
    };
    let wrong = || Intent::Delete { key: drone("drone-999") };
    let bulk = |intents, together| {
        run(&two.other, Action::Bulk { intents, reason: Some("storm".into()), together, deed: None })
    };
    // What follows for others is told of each: who loses a drone that moves.
    let away = Intent::Update {
        key: drone("drone-008"),
        set: [("region_id".to_owned(), Some("0194a3c0-0000-7000-8000-000000000002".to_owned()))].into(),
    };
    let Ok(Done::Rehearsed { rows }) = run(&two.other, Action::Rehearse { intents: vec![away] }) else {
        panic!("rehearsed")
    };
    let lose = rows[0].follows.iter().filter(|said| said.contains("loses drone-008")).count();
    assert_eq!(lose, 3, "{rows:?}");
    // What each would come to is told before, judged one after the other, and changes nothing.
    let intents = vec![status("drone-001", "STANDBY"), wrong(), status("drone-001", "STANDBY")];
    let Ok(Done::Rehearsed { rows }) = run(&two.other, Action::Rehearse { intents }) else {
        panic!("rehearsed")
    };
    let foreseen: Vec<_> = rows.iter().map(|row| (row.what.as_str(), row.why_not.is_some())).collect();
    assert_eq!(foreseen, [("status STANDBY (was ACTIVE)", false), ("", true), ("", false)]);
    assert_eq!((rows[0].label.as_str(), two.other.service.status().waiting), ("drone-001", 0));
    let refused = bulk(vec![status("drone-001", "STANDBY"), wrong()], true).unwrap_err();
    assert!(refused.message.contains("1 of 2") && refused.hints[0].contains("drone-999"), "{refused:?}");
    assert_eq!(two.other.service.status().waiting, 0, "of a group all or nothing");
    let Ok(Done::Bulk { saved, refused }) =
        bulk(vec![status("drone-001", "STANDBY"), wrong(), status("drone-002", "STANDBY")], false)
    else {
        panic!("each for itself")
    };
    assert_eq!((saved, refused.len(), two.other.service.status().waiting), (2, 1, 2));
    let Ok(Done::Bulk { saved: 2, .. }) =
        bulk(vec![status("drone-004", "OFFLINE"), status("drone-006", "OFFLINE")], true)
    else {
        panic!("together")
    };
    assert_eq!(two.other.service.status().waiting, 3);
    // Somebody else's change of one of them: the group is not applied at all, the others are.
    two.one.set(drone("drone-006"), "status", "MAINTENANCE").unwrap();
    two.meet(1);
    let truth = ["drone-001", "drone-002", "drone-004"].map(|id| two.truth(&drone(id), "status").unwrap());
    assert_eq!(truth, ["STANDBY", "STANDBY", "STANDBY"]);
    told(run(&two.other, Action::Settle { edit: cards(&two.other)[0].edit, decision: Decision::Mine }));
    two.other.up_to_date();
    assert_eq!(two.truth(&drone("drone-004"), "status").as_deref(), Some("OFFLINE"));
}

#[test]
fn a_restored_server_is_offered_what_it_forgot_and_nothing_twice() {
    let server = Server::start();
    let home = home();
    let hq = Person::in_sync(home.path(), &server, "main@flyos.mil");
    hq.set(drone("drone-001"), "status", "STANDBY").unwrap();
    hq.up_to_date();
    let moment = server.with(Sandbox::keep);
    hq.set(drone("drone-002"), "status", "OFFLINE").unwrap();
    hq.up_to_date();
    hq.set(drone("drone-001"), "status", "MAINTENANCE").unwrap();
    hq.up_to_date();
    server.with(move |sandbox| sandbox.restore(&moment));
    let forgotten = server.row(drone("drone-002"));
    assert!(!forgotten.contains("OFFLINE"), "{forgotten}");
    run(&hq, Action::SyncNow).unwrap();
    hq.wait("what was forgotten", |_| server.row(drone("drone-001")).contains("MAINTENANCE"));
    hq.up_to_date();
    assert!(server.row(drone("drone-002")).contains("OFFLINE"));
    assert_eq!(hq.field(&drone("drone-001"), "status").as_deref(), Some("MAINTENANCE"));
    let version = server.with(|sandbox| sandbox.version(&drone("drone-001")));
    assert_eq!(version, Some(3), "the first edit was known still, and not applied again");
}

/// What came of something in the background.
fn hears(person: &Person, words: &str) -> String {
    loop {
        match person.events.recv_timeout(PATIENCE).expect("it is told") {
            Event::Told(told) if told.contains(words) => return told,
            _ => {}
        }
    }
}

#[test]
fn rows_are_compared_with_the_servers_and_mended_and_the_line_keeps_its_books() {
    let server = Server::start();
    let home = home();
    let hq = Person::polling(home.path(), &server, 600_000).synced("main@flyos.mil");
    run(&hq, Action::Verify).unwrap();
    let told = hears(&hq, "Verified: all");
    assert!(told.contains("as the server has them"), "{told}");
    // A row that was written past the books: no pull ever tells of it.
    server.with(|sandbox| sandbox.write_past_the_books(&drone("drone-001"), "status", "OFFLINE"));
    run(&hq, Action::SyncNow).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(hq.field(&drone("drone-001"), "status").as_deref(), Some("ACTIVE"));
    hq.set(drone("drone-002"), "status", "STANDBY").unwrap();
    run(&hq, Action::Verify).unwrap();
    let told = hears(&hq, "loaded anew");
    assert!(told.contains("differed from the server's in 1 place"), "{told}");
    hq.wait("it is mended", |_| hq.field(&drone("drone-001"), "status").as_deref() == Some("OFFLINE"));
    hq.up_to_date();
    run(&hq, Action::Reload).unwrap();
    hears(&hq, "Verified: all");
    let runs = hq.service.runs();
    assert!(runs.iter().any(|run| run.what == "verified"), "{runs:?}");
    assert!(
        runs.iter().any(|run| run.what == "sent" && run.came == "1 edit answered" && run.bytes > 1000),
        "{runs:?}"
    );
    // A run may end between the two questions.
    hq.wait("each byte is told with a run", |service| {
        service.runs().iter().map(|run| run.bytes).sum::<u64>() == service.status().bytes
    });
    server.line(false);
    run(&hq, Action::SyncNow).unwrap();
    hq.wait("a failed run", |service| {
        service.runs().iter().any(|run| run.failed && run.came.contains("no line"))
    });
}

#[test]
fn an_empty_project_is_offered_the_initial_data_set() {
    let server = Server::start();
    let home = home();
    server.empty();
    let hq = Person::in_sync(home.path(), &server, "main@flyos.mil");
    assert!(hq.service.status().empty);
    told(run(&hq, Action::LoadInitial));
    hq.up_to_date();
    assert!(!hq.service.status().empty);
    let count = |kind| server.with(move |sandbox| sandbox.with_world(|world| world.keys(kind).len()));
    assert_eq!([Kind::Region, Kind::User, Kind::Drone, Kind::Assignment].map(count), [2, 17, 32, 33]);
    let flown = server.row(drone("drone-008"));
    assert!(flown.contains("operator_id\": Some"), "{flown}");
    assert!(server.row(drone("drone-014")).contains("operator_id\": Some"), "also of who is INACTIVE");
    let again = run(&hq, Action::LoadInitial).unwrap_err();
    assert!(again.message.contains("without regions and drones"), "{again}");
    told(run(&hq, Action::Undo));
    hq.up_to_date();
    assert_eq!([Kind::Region, Kind::User, Kind::Drone, Kind::Assignment].map(count), [0, 1, 0, 0]);
}

/// More bytes than a segment of the journal has room for: they are saved in several writes, and still are one deed.
#[test]
fn very_many_edits_with_long_reasons_are_saved_and_taken_back() {
    let two = Two::start();
    let person = &two.other;
    let drone = |n: usize| Intent::Create {
        key: Key::drone(&format!("d-{n:062}")),
        fields: Kind::Drone.with_presets([("model".to_owned(), Some("FlyOS_MQ9".to_owned()))].into()),
    };
    let (intents, reason) = ((0..9_000).map(drone).collect(), Some("r".repeat(200)));
    let saved = run(person, Action::Bulk { intents, reason, together: false, deed: None });
    assert!(matches!(&saved, Ok(Done::Bulk { saved: 9_000, refused }) if refused.is_empty()), "{saved:?}");
    assert_eq!(person.service.status().waiting, 9_000);
    run(person, Action::Undo).unwrap();
    assert_eq!(person.service.status().waiting, 0);
}

#[test]
fn a_change_of_what_is_otherwise_by_now_is_refused_and_told_what_it_is() {
    let (server, home) = (Server::start(), home());
    let person = Person::in_sync(home.path(), &server, "main@flyos.mil");
    person.set(drone("drone-001"), "status", "MAINTENANCE").unwrap();
    let fields = |status: &str| Fields::from([("status".to_owned(), Some(status.to_owned()))]);
    let intent = Intent::Update { key: drone("drone-001"), set: fields("OFFLINE") };
    let edit = |seen: &str| Action::Edit { intent: intent.clone(), reason: None, seen: fields(seen) };
    let error = run(&person, edit("ACTIVE")).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("status"), "{error:?}");
    assert_eq!(error.beside.unwrap()["now"]["status"], serde_json::json!(["MAINTENANCE", "MAINTENANCE"]));
    run(&person, edit("MAINTENANCE")).unwrap();
}
