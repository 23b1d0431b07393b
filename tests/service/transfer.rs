//! Rows out into files and in from them, through the door of a console against a training server.

use std::os::unix::fs::PermissionsExt as _;

use flyos::service::transfer::export::{self, Export, Exported};
use flyos::service::transfer::import::{self, Import, Imported};
use flyos::service::transfer::{Door, Format};
use flyos::service::{Done, Query, ServiceError, StoredQuery};

use super::*;

const MAIN: &str = "main@flyos.mil";

fn through<T>(person: &Person, work: impl FnOnce(&Door<'_>) -> T) -> T {
    let ctx = || person.service.ctx(Front::Test);
    let (ask, act) = (
        |query: Query| person.service.ask(&ctx(), &query),
        |action: Action| person.service.run(&ctx(), action),
    );
    work(&Door { ask: &ask, act: &act })
}

fn all(format: Format) -> Export {
    let (filter, columns) = (String::new(), Vec::new());
    Export {
        kinds: Kind::ALL.to_vec(),
        format,
        filter,
        columns,
        replace: false,
        now: Stamp(1_795_000_000_000_000),
    }
}

fn exported(person: &Person, export: &Export) -> (String, Exported) {
    let mut out = Vec::new();
    let told = through(person, |door| export::to_output(door, export, &mut out, &mut |_| ())).unwrap();
    (String::from_utf8(out).unwrap(), told)
}

fn rows_by_rows() -> Import {
    let (insert_only, together, dry_run) = (false, false, false);
    Import {
        kind: None,
        format: Format::Ndjson,
        insert_only,
        together,
        dry_run,
        reason: Some("moved".to_owned()),
    }
}

fn import(person: &Person, text: &str, how: &Import) -> Result<Imported, ServiceError> {
    through(person, |door| import::import(door, text.as_bytes(), how, &mut |_, _| ()))
}

/// An export without what the server writes, and without what it says of itself.
fn plain(export: &str) -> Vec<String> {
    let rows = export.lines().filter(|line| line.starts_with("{\"kind\""));
    let mut rows: Vec<String> = rows
        .map(|line| {
            let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
            let fields = row.as_object_mut().unwrap();
            for name in ["created_at", "updated_at", "assigned_at", "auth_user_id"] {
                fields.remove(name);
            }
            row.to_string()
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn an_export_taken_into_an_empty_project_is_exported_the_same() {
    let (full, empty) = (Server::start(), Server::start());
    let homes = [home(), home()];
    let from = Person::in_sync(homes[0].path(), &full, MAIN);
    let (text, told) = exported(&from, &all(Format::Ndjson));
    assert_eq!(told.footer.counts.values().sum::<usize>(), 2 + 17 + 32 + 33);
    assert!(told.footer.still);
    assert_eq!(told.header.project, full.url);
    assert!(told.header.as_of.is_some());

    empty.empty();
    let to = Person::in_sync(homes[1].path(), &empty, MAIN);
    // Nothing of a dry run stays.
    let dry = import(&to, &text, &Import { dry_run: true, ..rows_by_rows() }).unwrap();
    assert_eq!((dry.report.wrong.len(), dry.report.saved), (0, 0), "{:?}", dry.report.wrong);
    assert_eq!(to.service.status().waiting, 0);
    let came = import(&to, &text, &rows_by_rows()).unwrap();
    assert_eq!((came.report.wrong.len(), came.report.late.len()), (0, 0), "{:?}", came.report);
    assert_eq!(came.report.new, dry.report.new);
    // The same file once more, as after a break: everything is there.
    let again = import(&to, &text, &rows_by_rows()).unwrap();
    assert_eq!((again.report.same, again.report.saved), (again.report.rows, 0), "{:?}", again.report);
    to.up_to_date();
    assert_eq!(plain(&exported(&to, &all(Format::Ndjson)).0), plain(&text));
    // And on the server.
    let count = |kind| empty.with(move |sandbox| sandbox.with_world(|world| world.keys(kind).len()));
    assert_eq!([Kind::Region, Kind::User, Kind::Drone, Kind::Assignment].map(count), [2, 17, 32, 33]);
    let again = import(
        &to,
        &exported(&from, &all(Format::Json)).0,
        &Import { format: Format::Json, ..rows_by_rows() },
    );
    assert_eq!(again.unwrap().report.saved, 0);
}

#[test]
fn all_or_nothing_is_one_group_or_nothing_at_all() {
    let server = Server::start();
    let home = home();
    let hq = Person::in_sync(home.path(), &server, MAIN);
    let together = Import { kind: Some(Kind::Drone), format: Format::Csv, together: true, ..rows_by_rows() };
    let bad = "id,model,status\nn-1,FlyOS_MQ5,ACTIVE\nn-2,FlyOS_MQ6,ACTIVE\n";
    let told = import(&hq, bad, &together).unwrap();
    assert!(told.why_nothing.unwrap().message.contains("1 row is wrong"));
    assert_eq!(told.report.wrong[0].line, 3);
    let many = (0..1001).map(|n| format!("n-{n},FlyOS_MQ5,ACTIVE\n")).collect::<Vec<_>>().concat();
    let told = import(&hq, &format!("id,model,status\n{many}"), &together).unwrap();
    let why = told.why_nothing.unwrap().message;
    assert!(why.contains("at most 1000 changes") && why.contains("would be 1001"), "{why}");
    assert!(hq.labels(Kind::Drone, "n-").is_empty(), "nothing was changed");
    let good = "id,model,status\nn-1,FlyOS_MQ5,ACTIVE\nn-2,FlyOS_MQ7,ACTIVE\n";
    assert_eq!(import(&hq, good, &together).unwrap().report.saved, 2);
    assert_eq!(
        hq.service.outbox(&hq.service.ctx(Front::Test)).len(),
        1,
        "one edit, for the server one group"
    );
    hq.up_to_date();
    assert_eq!(hq.labels(Kind::Drone, "n-"), ["n-1", "n-2"]);
    // Each for itself: the wrong one is told, the others are in.
    let each = Import { together: false, ..together };
    let told = import(&hq, &bad.replace("n-1", "n-3"), &each).unwrap();
    assert_eq!((told.report.saved, told.report.wrong_rows()), (1, 1));
    assert_eq!(hq.labels(Kind::Drone, "n-3"), ["n-3"]);
}

#[test]
fn the_largest_group_that_is_let_pass_is_one_that_the_journal_takes() {
    let server = Server::start();
    let home = home();
    let hq = Person::in_sync(home.path(), &server, MAIN);
    let together = Import { kind: Some(Kind::User), format: Format::Csv, together: true, ..rows_by_rows() };
    let rows = |count: usize| -> String {
        let name = "Long ".repeat(20);
        let rows = (0..count).map(|n| format!("many{n:04},{name}{n},many{n:04}@flyos.mil,OPERATOR,ACTIVE\n"));
        format!("username,full_name,email,role,status\n{}", rows.collect::<String>())
    };
    let passes = |count: usize| {
        let dry = import(&hq, &rows(count), &Import { dry_run: true, ..together.clone() }).unwrap();
        dry.why_nothing.is_none_or(|why| {
            assert!(why.message.contains("254 KiB"), "{why:?}");
            false
        })
    };
    let (mut few, mut many) = (1, 1000);
    assert!(passes(few) && !passes(many));
    while many - few > 1 {
        let middle = usize::midpoint(few, many);
        *if passes(middle) { &mut few } else { &mut many } = middle;
    }
    let told = import(&hq, &rows(few), &together).unwrap();
    assert_eq!((told.report.saved, hq.service.status().waiting), (few, 1), "{few}");
    hq.up_to_date();
    assert_eq!(hq.labels(Kind::User, "username:many").len(), few);
}

#[test]
fn a_role_takes_in_what_it_may_edit() {
    let server = Server::start();
    let home = home();
    let operator = Person::in_sync(home.path(), &server, "operator1@flyos.mil");
    let csv = Import { kind: Some(Kind::Drone), format: Format::Csv, ..rows_by_rows() };
    let own = operator.labels(Kind::Drone, "").swap_remove(0);
    let text = format!("id,status,model\n{own},MAINTENANCE,\nx-1,ACTIVE,FlyOS_MQ5\n");
    let told = import(&operator, &text.replace(",MAINTENANCE,", ",MAINTENANCE,FlyOS_MQ9"), &csv).unwrap();
    assert_eq!(told.report.wrong_rows(), 2, "the model is headquarters': {:?}", told.report.wrong);
    let told = import(&operator, &format!("id,status\n{own},MAINTENANCE\n"), &csv).unwrap();
    assert_eq!((told.report.changed, told.report.saved), (1, 1));
    operator.up_to_date();
    assert!(server.row(Key::drone(&own)).contains("MAINTENANCE"));
}

#[test]
fn pages_neither_double_nor_lose_rows_and_a_filter_and_columns_choose() {
    let server = Server::start();
    let home = home();
    let hq = Person::in_sync(home.path(), &server, MAIN);
    server.line(false);
    let many = (0..4500).map(|n| format!("p-{n:05},FlyOS_MQ5,STANDBY\n")).collect::<Vec<_>>().concat();
    let csv = Import { kind: Some(Kind::Drone), format: Format::Csv, ..rows_by_rows() };
    assert_eq!(import(&hq, &format!("id,model,status\n{many}"), &csv).unwrap().report.saved, 4500);
    let export = Export {
        kinds: vec![Kind::Drone],
        filter: "id:p-".to_owned(),
        columns: vec!["id".to_owned(), "status".to_owned()],
        ..all(Format::Csv)
    };
    let (text, told) = exported(&hq, &export);
    let wanted = (0..4500).map(|n| format!("p-{n:05},STANDBY\n")).collect::<Vec<_>>().concat();
    assert_eq!(text, format!("id,status\n{wanted}"));
    assert_eq!(told.header.unsent, 4500);
    // A row that is deleted here and not there yet is not among them; one goes between two pages, and none is doubled.
    let page = |after| {
        let query = Query::Stored(StoredQuery { kind: Kind::Drone, filter: "p-".to_owned(), after });
        match hq.service.ask(&hq.service.ctx(Front::Test), &query).unwrap() {
            flyos::service::Answer::Stored(page) => page,
            other => unreachable!("{other:?}"),
        }
    };
    let first = page(None);
    assert_eq!(first.rows.len(), 2000);
    let last = first.next.clone().unwrap();
    hq.edit(Intent::Delete { key: last.clone() }).unwrap();
    let second = page(Some(last));
    assert_eq!(second.rows[0]["id"].as_deref(), Some("p-02000"));
    assert_ne!(second.moment.revision, first.moment.revision);
    let unknown = Export { columns: vec!["weight".to_owned()], ..export };
    let error = through(&hq, |door| export::to_output(door, &unknown, Vec::new(), &mut |_| ())).unwrap_err();
    assert!(error.message.contains("weight"), "{error:?}");
}

#[test]
fn files_are_the_owners_alone_and_are_not_written_over_unasked() {
    let (server, home, out) = (Server::start(), home(), home());
    let hq = Person::in_sync(home.path(), &server, MAIN);
    let to = |path: &std::path::Path, export: &Export| {
        through(&hq, |door| export::to_file(door, export, path, &mut |_| ()))
    };
    let path = out.path().join("all.json");
    to(&path, &all(Format::Json)).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&path).unwrap();
    let error = to(&path, &all(Format::Ndjson)).unwrap_err();
    assert!(error.message.contains("is there already"), "{error:?}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    to(&path, &Export { replace: true, ..all(Format::Ndjson) }).unwrap();
    assert_ne!(std::fs::read(&path).unwrap(), before);
    let tables = out.path().join("tables");
    let told = to(&tables, &all(Format::Csv)).unwrap();
    assert_eq!(told.footer.counts.len(), 4);
    let mut names: Vec<String> = std::fs::read_dir(&tables)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["assignments.csv", "drones.csv", "export.json", "regions.csv", "users.csv"]);
    let mut left: Vec<_> =
        std::fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["all.json", "tables"], "no part is left behind");
}

#[test]
fn a_break_in_the_middle_says_what_is_safe_and_the_next_run_goes_on() {
    let server = Server::start();
    let home = home();
    let hq = Person::in_sync(home.path(), &server, MAIN);
    let text = (0..1200).map(|n| format!("b-{n:04},FlyOS_MQ5,ACTIVE\n")).collect::<Vec<_>>().concat();
    let text = format!("id,model,status\n{text}");
    let csv = Import { kind: Some(Kind::Drone), format: Format::Csv, ..rows_by_rows() };
    let ctx = || hq.service.ctx(Front::Test);
    let left = std::cell::Cell::new(1);
    let (ask, act) = (
        |query: Query| hq.service.ask(&ctx(), &query),
        |action: Action| match left.replace(left.get() - 1) {
            1.. => hq.service.run(&ctx(), action),
            _ => Err(ServiceError::new(ErrorKind::Storage, "The disk is full.")),
        },
    );
    let door = Door { ask: &ask, act: &act };
    let error = import::import(&door, text.as_bytes(), &csv, &mut |_, _| ()).unwrap_err();
    assert!(error.hints.iter().any(|hint| hint.contains("500 of 1200 edits were saved")), "{error:?}");
    let told = import(&hq, &text, &csv).unwrap();
    assert_eq!((told.report.same, told.report.saved), (500, 700));
    let count = hq.service.ask(&ctx(), &Query::Outbox).unwrap();
    assert!(matches!(count, flyos::service::Answer::Outbox(lines) if lines.len() <= 1200));
    assert!(matches!(hq.edit(Intent::Delete { key: Key::drone("b-0000") }), Ok(Done::Saved { .. })));
}

#[test]
fn what_is_refused_only_when_it_is_saved_is_told_as_it_is() {
    let server = Server::start();
    let home = home();
    let hq = Person::in_sync(home.path(), &server, MAIN);
    let ctx = || hq.service.ctx(Front::Test);
    let parts = std::cell::Cell::new(0);
    let (ask, act) = (
        |query: Query| hq.service.ask(&ctx(), &query),
        |action: Action| {
            // Of each part one row goes before it is saved.
            let Action::Bulk { intents, .. } = &action else { unreachable!("{action:?}") };
            let mut updates = intents.iter().filter(|wish| matches!(wish, Intent::Update { .. }));
            hq.edit(Intent::Delete { key: updates.next().unwrap().key() }).unwrap();
            parts.set(parts.get() + 1);
            hq.service.run(&ctx(), action)
        },
    );
    let new = |name: &str| {
        format!(
            "{{\"kind\":\"user\",\"username\":\"{name}\",\"full_name\":\"{name}\",\"email\":\"{name}@flyos.mil\",\
             \"role\":\"OPERATOR\",\"status\":\"INACTIVE\"}}\n"
        )
    };
    let here = "{\"kind\":\"user\",\"username\":\"operator1\",\"status\":\"INACTIVE\"}\n";
    let text = [here, &new("l_one"), &new("l_two")].concat();
    let door = Door { ask: &ask, act: &act };
    let told = import::import(&door, text.as_bytes(), &rows_by_rows(), &mut |_, _| ()).unwrap();
    let report = &told.report;
    assert_eq!((parts.get(), report.saved, report.wrong_rows()), (2, 3, 0));
    assert_eq!(report.late.len(), 1, "nothing of that row was saved: {report:?}");
    assert_eq!(report.unended.len(), 1, "{report:?}");
    assert!(report.unended[0].1.contains("is not there"), "{report:?}");
    let lines = report.lines(false);
    assert!(lines.iter().any(|line| line.contains("not made INACTIVE, which was refused: 1")), "{lines:?}");
}
