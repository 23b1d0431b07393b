//! What is offered for several rows at once: what is possible for one of them at least, by the rules of one row.

use flyos::domain::{Fields, Intent, Key, Kind};
use flyos::service::{Answer, Choice, ErrorKind, Front, ListQuery, Query, ServiceError, Verb};

use super::Server;
use super::door::{Person, home};

fn drones(ids: &[&str]) -> Vec<Key> {
    ids.iter().map(|id| Key::drone(id)).collect()
}

fn choices(person: &Person, verb: Verb, ids: &[&str]) -> Result<Vec<Choice>, ServiceError> {
    let ctx = person.service.ctx(Front::Test);
    match person.service.ask(&ctx, &Query::ChoicesFor { verb, keys: drones(ids) })? {
        Answer::Choices(choices) => Ok(choices),
        other => unreachable!("{other:?}"),
    }
}

fn locked(person: &Person, keys: Vec<Key>) -> Vec<String> {
    match person.service.ask(&person.service.ctx(Front::Test), &Query::Locked { keys }).unwrap() {
        Answer::Locked(locked) => locked.into_keys().collect(),
        other => unreachable!("{other:?}"),
    }
}

fn user(person: &Person, name: &str) -> Key {
    let query = Query::Row { kind: Kind::User, name: name.to_owned() };
    match person.service.ask(&person.service.ctx(Front::Test), &query).unwrap() {
        Answer::Row(Some(row)) => row.row.key,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn only_those_it_is_possible_for_are_offered_for_several_rows() {
    let (server, home) = (Server::start(), home());
    let main = Person::in_sync(home.path(), &server, "main@flyos.mil");
    // Of two drones and one that nobody has.
    let told: Vec<(String, String)> =
        choices(&main, Verb::Unassign, &["drone-001", "drone-002", "drone-007"])
            .unwrap()
            .into_iter()
            .map(|choice| (choice.label, choice.note))
            .collect();
    let has = |name: &str, count: usize| (name.to_owned(), format!("has {count} of them"));
    assert_eq!(told, [has("d_okafor", 1), has("operator1", 2)]);
    let nobody = choices(&main, Verb::Unassign, &["drone-007", "drone-012"]).unwrap_err();
    assert_eq!(nobody.message, "Nobody is assigned to any of them.");

    let why_not = |ids: &[&str], name: &str| {
        let choices = choices(&main, Verb::Assign, ids).unwrap();
        choices.into_iter().find(|choice| choice.label == name).unwrap().why_not
    };
    let elsewhere = Some("another region: not possible".to_owned());
    assert_eq!(why_not(&["drone-001", "drone-002"], "operator1"), None);
    assert_eq!(why_not(&["drone-001", "drone-002"], "k_tanaka"), elsewhere);
    assert_eq!(why_not(&["drone-001", "drone-002"], "t_weaver").as_deref(), Some("INACTIVE"));
    assert_eq!(why_not(&["drone-001", "drone-015"], "k_tanaka"), None, "one of them is in that region");
    assert_eq!(why_not(&["drone-001", "drone-015"], "h_brandt"), elsewhere);
    assert_eq!(why_not(&["drone-001", "drone-028"], "k_tanaka"), None, "one of them is in no region");
    // Of one row it is what that row's own list says.
    let (kind, field) = (Kind::Drone, "operator_id".to_owned());
    let one = Query::Choices { kind, field, key: Some(Key::drone("drone-001")) };
    let one = main.service.ask(&main.service.ctx(Front::Test), &one).unwrap();
    assert_eq!(one, Answer::Choices(choices(&main, Verb::Assign, &["drone-001"]).unwrap()));
    assert_eq!(choices(&main, Verb::SetStatus, &["drone-001", "drone-002"]).unwrap().len(), 4);
}

#[test]
fn what_is_open_to_me_for_none_of_the_rows_is_closed() {
    let (server, home) = (Server::start(), home());
    let operator = Person::in_sync(home.path(), &server, "operator1@flyos.mil");
    let own = ["drone-001", "drone-002"];
    let refused = choices(&operator, Verb::Assign, &own).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Denied);
    assert!(refused.message.contains("needs the role"), "{refused:?}");
    assert_eq!(choices(&operator, Verb::SetStatus, &own).unwrap().len(), 4);
    assert_eq!(locked(&operator, drones(&own)), ["model", "operator_id", "region_id"]);
    drop(operator);

    let east = Person::in_sync(home.path(), &server, "east@flyos.mil");
    let locked_users = |names: &[&str]| locked(&east, names.iter().map(|name| user(&east, name)).collect());
    assert!(locked_users(&["operator1", "d_okafor"]).contains(&"full_name".to_owned()));
    let with_me = locked_users(&["operator1", "east_hq"]);
    assert!(
        !with_me.contains(&"full_name".to_owned()) && with_me.contains(&"role".to_owned()),
        "{with_me:?}"
    );
    drop(east);

    let main = Person::in_sync(home.path(), &server, "main@flyos.mil");
    assert!(locked(&main, drones(&own)).is_empty());
}

#[test]
fn what_follows_a_move_names_the_place_of_what_stays() {
    let (server, home) = (Server::start(), home());
    let main = Person::in_sync(home.path(), &server, "main@flyos.mil");
    let western = main.service.list(&main.service.ctx(Front::Test), &regions()).rows;
    let western = western.iter().find(|row| row.label == "Western").unwrap().key.pk.clone();
    let follows = |key: Key| {
        let set = Fields::from([("region_id".to_owned(), Some(western.clone()))]);
        let query = Query::Consequences { intent: Intent::Update { key, set } };
        match main.service.ask(&main.service.ctx(Front::Test), &query).unwrap() {
            Answer::Consequences(follows) => follows,
            other => unreachable!("{other:?}"),
        }
    };
    let moved = follows(user(&main, "d_okafor"));
    assert!(!moved.is_empty());
    for told in moved {
        assert!(told.ends_with(" is in Eastern and is no longer assigned to d_okafor."), "{told}");
    }
    let moved = follows(Key::drone("drone-001"));
    assert!(moved.contains(&"operator1 is in Eastern and loses drone-001.".to_owned()), "{moved:?}");
}

fn regions() -> ListQuery {
    let sort = "name".to_owned();
    ListQuery { kind: Kind::Region, filter: String::new(), sort, descending: false, offset: 0, limit: 10 }
}
