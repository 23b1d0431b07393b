//! Who did what, read from the server while somebody looks; the figures of the overview; and what others did meanwhile.

use flyos::domain::{Fields, Intent, Key, Kind};
use flyos::service::{
    Action, Activity, ActivityLine, Answer, Done, Front, ListQuery, Overview, Query, Service,
};

use super::Server;
use super::door::{PASSWORD, Person, home};

fn ask(service: &Service, query: &Query) -> Answer {
    service.ask(&service.ctx(Front::Test), query).unwrap()
}

fn activity(service: &Service) -> Activity {
    match ask(service, &Query::Activity) {
        Answer::Activity(activity) => activity,
        other => unreachable!("{other:?}"),
    }
}

fn overview(service: &Service) -> Overview {
    match ask(service, &Query::Overview) {
        Answer::Overview(Some(overview)) => overview,
        other => unreachable!("{other:?}"),
    }
}

fn found(service: &Service, kind: Kind, filter: &str) -> usize {
    let filter = filter.to_owned();
    let query = ListQuery { kind, filter, sort: "id".to_owned(), descending: false, offset: 0, limit: 1 };
    service.list(&service.ctx(Front::Test), &query).matched
}

#[test]
fn what_others_did_is_read_while_somebody_looks_and_own_edits_stand_on_top() {
    let server = Server::start();
    let homes = [home(), home()];
    let hq = Person::at(homes[0].path(), &server).synced("main@flyos.mil");
    let east = Person::at(homes[1].path(), &server).synced("east@flyos.mil");
    let drone = Key::drone(&east.labels(Kind::Drone, "status=ACTIVE")[0]);
    let set = Fields::from([("status".to_owned(), Some("MAINTENANCE".to_owned()))]);
    let intent = Intent::Update { key: drone.clone(), set };
    let reason = Some("left engine".to_owned());
    let action = Action::Edit { intent, reason, seen: Fields::new() };
    east.service.run(&east.service.ctx(Front::Test), action).unwrap();
    east.up_to_date();
    let machine = match hq.service.run(&hq.service.ctx(Front::Test), Action::Machines).unwrap() {
        Done::Machines(machines) => {
            machines.into_iter().find(|machine| machine.username == "east_hq").unwrap()
        }
        other => unreachable!("{other:?}"),
    };
    let machine = format!("machine {}", machine.short());
    hq.wait("the edit's line", |service| {
        activity(service).lines.iter().any(|line| {
            line.who == "east_hq"
                && line.from.as_ref() == Some(&machine)
                && line.key == drone
                && line.what == "status MAINTENANCE (was ACTIVE)"
                && line.reason.as_deref() == Some("left engine")
        })
    });
    // The row's own history is the same, and ends.
    hq.wait("the row's history", |service| match ask(service, &Query::History { key: drone.clone() }) {
        Answer::History(history) => history.as_of.is_some() && history.lines.len() == 1 && !history.more,
        other => unreachable!("{other:?}"),
    });
    hq.wait("the edit", |_| hq.field(&drone, "status").as_deref() == Some("MAINTENANCE"));
    // Without a line what was read stays, with its age, and one's own edit stands on top as unsent.
    server.line(false);
    hq.set(drone.clone(), "status", "OFFLINE").unwrap();
    let told = activity(&hq.service);
    assert_eq!((told.lines[0].id, told.lines[0].who.as_str()), (None, "you"));
    assert_eq!(told.lines[0].from.as_deref(), Some("this machine"));
    assert!(told.as_of.is_some() && told.lines.iter().any(|line| line.who == "east_hq"));
    server.line(true);
    hq.service.run(&hq.service.ctx(Front::Test), Action::SyncNow).unwrap();
    hq.wait("the own edit's line of the server", |service| {
        let told = activity(service);
        let of_server = |line: &ActivityLine| line.id.is_some() && line.who == "main_admin";
        told.lines.first().is_some_and(|line| of_server(line) && line.from.as_deref() == Some("this machine"))
    });
    // Nobody else's session has it.
    hq.service.run(&hq.service.ctx(Front::Test), Action::SignOut).unwrap();
    assert_eq!(activity(&hq.service), Activity::default());
}

#[test]
fn pages_go_back_to_the_first_line() {
    let server = Server::start();
    let home = home();
    let hq = Person::at(home.path(), &server).synced("main@flyos.mil");
    let drones = hq.labels(Kind::Drone, "");
    for turn in 0..8 {
        let status = if turn % 2 == 0 { "OFFLINE" } else { "STANDBY" };
        let intents = drones.iter().map(|id| Intent::Update {
            key: Key::drone(id),
            set: Fields::from([("status".to_owned(), Some(status.to_owned()))]),
        });
        let action = Action::Bulk { intents: intents.collect(), reason: None, together: false, deed: None };
        hq.service.run(&hq.service.ctx(Front::Test), action).unwrap();
        hq.up_to_date();
    }
    hq.wait("the newest page", |service| activity(service).as_of.is_some_and(|_| !activity(service).asking));
    let mut before = 0;
    while activity(&hq.service).more {
        let now = activity(&hq.service).lines.len();
        assert!(now > before, "a page brings something");
        before = now;
        hq.service.run(&hq.service.ctx(Front::Test), Action::MoreActivity).unwrap();
        hq.wait("the next page", |service| !activity(service).asking);
    }
    let lines = activity(&hq.service).lines;
    let ids: Vec<i64> = lines.iter().filter_map(|line| line.id).collect();
    assert!(ids.len() >= 7 * drones.len() && ids.len() > 200, "{}", ids.len());
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1] + 1), "no line twice and none left out");
}

#[test]
fn every_figure_of_the_overview_finds_its_rows_for_each_role() {
    let server = Server::start();
    for email in ["main@flyos.mil", "east@flyos.mil", "operator1@flyos.mil"] {
        let home = home();
        let person = Person::in_sync(home.path(), &server, email);
        let overview = overview(&person.service);
        let groups = overview.groups.iter();
        let figures: Vec<_> = groups.flat_map(|group| &group.figures).collect();
        assert!(figures.len() > 3, "{email}: {overview:#?}");
        for figure in figures.iter().flat_map(|figure| std::iter::once(*figure).chain(&figure.inside)) {
            let rows = found(&person.service, figure.kind, &figure.filter);
            assert_eq!(rows, figure.count, "{email}: {} by {}", figure.word, figure.filter);
        }
    }
}

#[test]
fn what_others_changed_since_the_last_visit_is_counted_and_found() {
    let server = Server::start();
    let homes = [home(), home()];
    let east = Person::in_sync(homes[0].path(), &server, "east@flyos.mil");
    assert_eq!(overview(&east.service).since, None, "on the first visit nothing is news");
    let drones = east.labels(Kind::Drone, "");
    drop(east);
    let hq = Person::at(homes[1].path(), &server).synced("main@flyos.mil");
    for id in &drones[..2] {
        let other = if hq.field(&Key::drone(id), "status").as_deref() == Some("OFFLINE") {
            "STANDBY"
        } else {
            "OFFLINE"
        };
        hq.set(Key::drone(id), "status", other).unwrap();
    }
    hq.up_to_date();
    let east = Person::at(homes[0].path(), &server);
    east.sign_in("east@flyos.mil", PASSWORD).unwrap();
    east.wait("the news", |service| found(service, Kind::Drone, "changed:since") == 2);
    let overview = overview(&east.service);
    assert!(overview.since.is_some());
    assert_eq!(
        (overview.groups[0].title.as_str(), overview.groups[0].figures[0].count),
        ("Since you were here", 2)
    );
}
