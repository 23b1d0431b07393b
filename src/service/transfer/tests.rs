//! What is written is read back to the letter, whatever texts there are; what files hold that nobody of us wrote; and
//! what it takes to take rows in.

use proptest::prelude::*;
use uuid::Uuid;

use super::cells::{cell_of, value_of};
use super::import::read_from;
use super::plan::{Plan, plan};
use super::reader::{BYTES_MAX, Row, read};
use super::writer::Writer;
use super::{Format, Header, VERSION};
use crate::domain::{
    Actor, Drone, DroneModel, DroneStatus, Fields, Intent, Key, Kind, Record, Region, Role, Stamp, Status,
    User, World,
};
use crate::service::ErrorKind;

const AT: Stamp = Stamp(1_795_000_000_000_000);

fn header() -> Header {
    Header {
        version: VERSION,
        project: "https://flyos.example".to_owned(),
        as_of: Some(AT),
        made_at: AT,
        unsent: 2,
        filter: String::new(),
    }
}

fn written(format: Format, kind: Kind, rows: &[Fields]) -> Vec<u8> {
    let mut writer = Writer::begin(Vec::new(), format, (Some(kind), Vec::new()), &header()).unwrap();
    for row in rows {
        writer.row(kind, row).unwrap();
    }
    writer.end().unwrap().0
}

fn a_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[=+\\-@\t\r\n'\", ;＝＠]{1,5}[a-z=\"\n]{0,5}",
        "['\"\u{feff},]{0,3}[\\PC]{1,12}",
        "[一-龥ぁ-んé]{1,9}",
        any::<String>().prop_filter("nothing is null", |text| !text.is_empty()),
    ]
}

proptest! {
    #[test]
    fn a_cell_is_harmless_and_comes_back(text in a_text()) {
        let cell = cell_of(Some(&text));
        prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']), "{cell:?}");
        prop_assert_eq!(value_of(&cell), Some(text));
    }

    #[test]
    fn rows_come_back_to_the_letter_in_every_form(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        rows in prop::collection::vec(prop::collection::vec(prop::option::of(a_text()), 10), 0..6),
    ) {
        let fields = |texts: Vec<Option<String>>| -> Fields {
            kind.fields().iter().map(|field| field.name.to_owned()).zip(texts).collect()
        };
        let rows: Vec<Fields> = rows.into_iter().map(fields).collect();
        for format in [Format::Csv, Format::Json, Format::Ndjson] {
            let bytes = written(format, kind, &rows);
            let table = read(&bytes, format, Some(kind)).unwrap();
            let found: Vec<Fields> = table.rows.into_iter().map(|row| row.cells).collect();
            prop_assert_eq!(&found, &rows);
            prop_assert_eq!(table.wrong, vec![]);
            prop_assert_eq!(table.header.is_some(), format != Format::Csv);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\":,a-z\n]{0,80}") {
        for format in [Format::Csv, Format::Json, Format::Ndjson] {
            let _whatever = (read(&bytes, format, Some(Kind::Drone)), read(text.as_bytes(), format, None));
        }
    }
}

#[test]
fn a_file_that_is_wrong_as_a_whole_is_told_so() {
    let whole =
        String::from_utf8(written(Format::Ndjson, Kind::Drone, &[Fields::new(), Fields::new()])).unwrap();
    let cut: String = whole.lines().take(3).collect::<Vec<_>>().join("\n");
    let lacking: Vec<&str> =
        whole.lines().enumerate().filter(|(nth, _)| *nth != 1).map(|(_, line)| line).collect();
    let lacking = lacking.join("\n");
    let newer = whole.replace("\"flyos_export\":1", "\"flyos_export\":2");
    let bad: &[(&[u8], Format, Option<Kind>, &str)] = &[
        (b"\xff\xfei\0d\0", Format::Csv, Some(Kind::Drone), "UTF-16"),
        (b"id\ndrone-1\ndrone-\xe9\n", Format::Csv, Some(Kind::Drone), "Line 3 is not UTF-8"),
        (b"id,weight\n", Format::Csv, Some(Kind::Drone), "no column of drones: weight"),
        (b"id;model\n", Format::Csv, Some(Kind::Drone), "id;model"),
        (b"id,model,id\n", Format::Csv, Some(Kind::Drone), "column id twice"),
        (b"id\n", Format::Csv, None, "--kind"),
        (cut.as_bytes(), Format::Ndjson, None, "cut"),
        (lacking.as_bytes(), Format::Ndjson, None, "cut"),
        (newer.as_bytes(), Format::Ndjson, None, "newer"),
        (b"{\"rows\":7}", Format::Json, None, "no JSON, or none of this shape"),
        (b"{\"rows\":[]}", Format::Json, None, "flyos_export"),
    ];
    for (bytes, format, kind, told) in bad {
        let error = read(bytes, *format, *kind).unwrap_err();
        assert!(error.message.contains(told), "{told}: {error:?}");
    }
    let hints = read(b"id;model\n", Format::Csv, Some(Kind::Drone)).unwrap_err().hints;
    assert!(hints.iter().any(|hint| hint.contains("parted by commas")), "{hints:?}");
}

/// Every beginning of a file, where its end is missing.
#[test]
fn a_file_that_was_cut_is_refused_wherever_that_is_seen() {
    let row = Fields::from([("model".to_owned(), Some("a \"é\"\n\u{1}".to_owned()))]);
    let json = written(Format::Json, Kind::Drone, &[row.clone(), row]);
    for end in 1..json.trim_ascii_end().len() {
        let told = read(&json[..end], Format::Json, Some(Kind::Drone)).unwrap_err();
        assert_eq!(told.kind, ErrorKind::Storage, "{end}: {told:?}");
        assert!(told.message.contains("cut") && told.message.contains("Nothing was changed"), "{told:?}");
    }
    let kind = Some(Kind::Region);
    let cut = [
        ("name,area\nTrunc,\"The area that was cut in the mid", "line 2,"),
        ("name,area\nNorth,\"two\nlines\"\nTrunc,\"", "line 4,"),
        ("name,area\nTrunc,\"it said \"\"no", "line 2,"),
        ("name,area\r\nTrunc,\"a\",\"b\r\n", "line 2,"),
        ("\u{feff}\"name", "line 1,"),
    ];
    for (text, line) in cut {
        let told = read(text.as_bytes(), Format::Csv, kind).unwrap_err();
        assert_eq!(told.kind, ErrorKind::Storage, "{text}: {told:?}");
        assert!(told.message.contains(line), "{text}: {told:?}");
    }
    let told = read("name,area\nNorth,fjé".as_bytes().strip_suffix(b"\xa9").unwrap(), Format::Csv, kind);
    assert_eq!(told.unwrap_err().kind, ErrorKind::Storage);
    // A quote elsewhere is one like any other sign.
    let whole = [
        "name,area\nNorth,5\" wide",
        "name,area\nNorth, \"fjord",
        "name,area\nNorth,\"fjord\"",
        "name,area\nNorth,\"fjord\"s \"end",
        "name,area\nNorth,\"\"",
        "name,area\nNorth,\"\"\"\"\r\n",
    ];
    for text in whole {
        assert_eq!(read(text.as_bytes(), Format::Csv, kind).unwrap().rows.len(), 1, "{text}");
    }
}

proptest! {
    /// As the reader sees it: what is open at the end goes on with whatever is put there.
    #[test]
    fn a_quote_is_open_where_the_reader_would_read_on(text in "[\"\"\"a, \r\n]{0,14}") {
        let text = format!("name\n{text}");
        let cells = |text: &str| -> Vec<String> {
            let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text.as_bytes());
            reader.records().flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()).collect()
        };
        let open = cells(&format!("{text},x\n")).iter().all(|cell| cell != "x");
        let told = read(text.as_bytes(), Format::Csv, Some(Kind::Region));
        prop_assert_eq!(told.is_err_and(|error| error.kind == ErrorKind::Storage), open, "{:?}", text);
    }
}

#[test]
fn a_row_that_is_wrong_is_told_with_its_line_and_the_others_are_read() {
    let text = "\u{feff}id,model\nd-1,FlyOS_MQ5\nd-2\n\"d\n3\",x\nd-4,\"say \"\"hi\"\"\"\n";
    let table = read(text.as_bytes(), Format::Csv, Some(Kind::Drone)).unwrap();
    assert_eq!(table.wrong.iter().map(|wrong| wrong.line).collect::<Vec<_>>(), [3]);
    let lines: Vec<(usize, &str)> =
        table.rows.iter().map(|row| (row.line, row.cells["id"].as_deref().unwrap())).collect();
    assert_eq!(lines, [(2, "d-1"), (4, "d\n3"), (6, "d-4")]);
    assert_eq!(table.rows[2].cells["model"].as_deref(), Some("say \"hi\""));

    let text = "[\n{\"kind\":\"drone\",\"id\":\"a\"},\n{\"kind\":\"boat\"},\n\n{\"id\":\"b\"},{\"kind\":\"drones\",\"id\":7},\n\
                {\"kind\":\"drones\",\"weight\":\"1\"}, 5]";
    let table = read(text.as_bytes(), Format::Json, None).unwrap();
    assert_eq!(table.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2]);
    let wrong: Vec<(usize, Option<&str>)> =
        table.wrong.iter().map(|wrong| (wrong.line, wrong.column.as_deref())).collect();
    assert_eq!(wrong, [(3, Some("kind")), (5, None), (5, Some("id")), (6, Some("weight")), (6, None)]);

    let lines = "{\"id\":\"a\"}\n\nnonsense\n{\"kind\":\"user\"}\n";
    let table = read(lines.as_bytes(), Format::Ndjson, Some(Kind::Drone)).unwrap();
    assert_eq!(table.rows.len(), 1);
    assert_eq!(table.wrong.iter().map(|wrong| wrong.line).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn columns_go_by_either_spelling_and_what_an_answer_tells_beside_them_is_passed_over() {
    let text = "[{\"id\":\"a\",\"regionId\":\"East\",\"operator_id\":null,\"assignedUsers\":[],\"region\":{\"id\":\"1\"},\
                \"needs_you\":false,\"unsent\":\"new\"},\n\
                {\"id\":\"b\",\"region\":\"East\"},\n\
                {\"id\":\"c\",\"regionId\":\"East\",\"region_id\":\"West\"},\n\
                {\"id\":\"d\",\"unsent\":\"deleted\"}]";
    let table = read(text.as_bytes(), Format::Json, Some(Kind::Drone)).unwrap();
    let names: Vec<&str> = table.rows[0].cells.keys().map(String::as_str).collect();
    assert_eq!((table.rows.len(), names), (1, vec!["id", "operator_id", "region_id"]));
    assert_eq!(Vec::from_iter(table.beside), ["assignedUsers", "needsYou", "region", "unsent"]);
    // A text was meant for a column, and one of the two spellings would be lost.
    let wrong: Vec<(usize, &str)> =
        table.wrong.iter().map(|wrong| (wrong.line, wrong.column.as_deref().unwrap_or("-"))).collect();
    assert!(matches!(wrong[..], [(2, "region"), (3, "region_id" | "regionId"), (4, "unsent")]), "{wrong:?}");
    assert!(table.wrong[1].why.contains("twice"), "{:?}", table.wrong);

    let table = read(b"fullName,region_id\nAnn,East\n", Format::Csv, Some(Kind::User)).unwrap();
    assert_eq!(table.rows[0].cells["full_name"].as_deref(), Some("Ann"));
    let told = read(b"regionId,region_id\n", Format::Csv, Some(Kind::User)).unwrap_err();
    assert!(told.message.contains("column region_id twice"), "{told:?}");
    let told = read(b"id,region\n", Format::Csv, Some(Kind::Drone)).unwrap_err();
    assert!(
        told.message.contains("no column of drones: region"),
        "nothing of a table is passed over: {told:?}"
    );
}

#[test]
fn a_new_row_has_what_a_command_would_give_it() {
    let (mut world, _) = world();
    let text = "{\"kind\":\"region\",\"name\":\"North\",\"area\":\"fjord\"}\n\
                {\"kind\":\"user\",\"username\":\"cat\",\"full_name\":\"Cat\",\"email\":\"cat@x.mil\",\"role\":\"OPERATOR\"}\n\
                {\"kind\":\"drone\",\"id\":\"d-2\",\"model\":\"FlyOS_MQ5\"}\n\
                {\"kind\":\"drone\",\"id\":\"d-3\",\"model\":\"FlyOS_MQ5\",\"status\":null}\n\
                {\"kind\":\"drone\",\"id\":\"d-1\",\"model\":\"FlyOS_MQ5\"}\n";
    let found = planned(&mut world, None, text);
    assert_eq!((found.report.new, found.report.same), (3, 1));
    let wrong: Vec<(usize, Option<&str>)> =
        found.report.wrong.iter().map(|wrong| (wrong.line, wrong.column.as_deref())).collect();
    assert_eq!(wrong, [(4, Some("status"))], "what is said to be nothing is not filled in");
    let region = world.named(Kind::Region, "name", "North").next().unwrap().uuid().unwrap();
    assert_eq!(world.region(region).unwrap().status, Some(Status::Active));
    let cat = world.named(Kind::User, "username", "cat").next().unwrap().uuid().unwrap();
    assert_eq!(world.user(cat).unwrap().status, Some(Status::Active));
    assert_eq!(world.drone("d-2").unwrap().status, Some(DroneStatus::Standby));
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let error = read_from(std::io::repeat(b'a'), "drones.csv").unwrap_err();
    assert!(error.message.contains("drones.csv is larger than 100 MiB"), "{error:?}");
    assert_eq!(read_from(&b"id\n"[..], "x").unwrap(), b"id\n");
    assert_eq!(BYTES_MAX, 104_857_600);
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// East with `ann`, who is headquarters, and `bob`; West without anybody.
fn world() -> (World, Actor) {
    let mut world = World::default();
    for (n, name) in [(1, "East"), (2, "West")] {
        let mut region = Region::new(id(n));
        (region.name, region.area, region.status) = (name.into(), "coast".into(), Some(Status::Active));
        world.put(Record::Region(region));
    }
    for (n, name, role) in [(11, "ann", Role::MainHq), (12, "bob", Role::Operator)] {
        let mut user = User::new(id(n));
        (user.username, user.full_name, user.email) =
            (name.into(), name.into(), format!("{name}@x.mil").into());
        (user.role, user.status, user.region_id) = (Some(role), Some(Status::Active), Some(id(1)));
        world.put(Record::User(user));
    }
    let mut drone = Drone::new("d-1");
    (drone.model, drone.status) = (Some(DroneModel::Mq5), Some(DroneStatus::Active));
    drone.region_id = Some(id(1));
    world.put(Record::Drone(drone));
    (world, Actor { user: id(11), role: Role::MainHq, region: None })
}

fn planned(world: &mut World, kind: Option<Kind>, text: &str) -> Plan {
    let actor = Actor { user: id(11), role: Role::MainHq, region: None };
    let format = if text.starts_with('{') { Format::Ndjson } else { Format::Csv };
    plan(world, &actor, read(text.as_bytes(), format, kind).unwrap(), Vec::new(), false)
}

#[test]
fn rows_are_told_apart_as_new_changed_and_the_same() {
    let (mut world, _) = world();
    let text = "id,model,status,region_id,operator_id,created_at\n\
                d-1,FlyOS_MQ5,STANDBY,East,bob,2026-01-01T00:00:00Z\n\
                d-2,FlyOS_MQ7,ACTIVE,west,,\n\
                d-3,FlyOS_MQ7,ACTIVE,00000000-0000-0000-0000-000000000001,ann,\n";
    let found = planned(&mut world, Some(Kind::Drone), text);
    assert_eq!((found.report.new, found.report.changed, found.report.same), (2, 1, 0));
    assert_eq!(found.report.wrong, vec![]);
    assert_eq!(found.report.passed_over.iter().copied().collect::<Vec<_>>(), ["created_at"]);
    assert_eq!(world.drone("d-1").unwrap().operator_id, Some(id(12)));
    assert!(world.assignment(id(12), "d-1").is_some(), "naming an operator assigns");
    assert_eq!(world.drone("d-2").unwrap().region_id, Some(id(2)), "a name in any case");
    // The same file once more: nothing is left to do, as after a break.
    let again = planned(&mut world, Some(Kind::Drone), text);
    assert_eq!((again.report.same, again.intents.len()), (3, 0));
}

#[test]
fn each_fault_is_told_with_line_column_and_what_would_be_right() {
    let (mut world, _) = world();
    let text = "id,username,full_name,email,role,region_id,status\n\
                ,cat,Cat,cat@x.mil,PILOT,,ACTIVE\n\
                ,do,,nowhere,OPERATOR,,ACTIVE\n\
                ,eve,Eve,bob@x.mil,OPERATOR,,ACTIVE\n\
                ,fay,Fay,fay@x.mil,OPERATOR,North,ACTIVE\n\
                x7,gus,Gus,gus@x.mil,OPERATOR,,ACTIVE\n\
                ,bob,Bob,bob@x.mil,OPERATOR,East,ACTIVE\n\
                ,BOB,Bob,bob@x.mil,OPERATOR,East,ACTIVE\n";
    let found = planned(&mut world, Some(Kind::User), text);
    let wrong: Vec<(usize, &str)> =
        found.report.wrong.iter().map(|wrong| (wrong.line, wrong.column.as_deref().unwrap_or("-"))).collect();
    let expected = [
        (2, "role"),
        (3, "email"),
        (3, "full_name"),
        (3, "username"),
        (4, "email"),
        (5, "region_id"),
        (6, "id"),
        (8, "-"),
    ];
    assert_eq!(wrong, expected, "{:?}", found.report.wrong);
    let told = found.report.wrong[0].to_string();
    assert!(told.contains("line 2, column role") && told.contains("is one of MAIN_HQ"), "{told}");
    assert!(found.report.wrong[7].why.contains("stands in line 7 already"), "{:?}", found.report.wrong[7]);
    assert_eq!((found.report.changed, found.report.wrong_rows()), (1, 6));
}

#[test]
fn what_is_inactive_in_the_file_still_gets_its_members_and_drones() {
    let (mut world, _) = world();
    let text = "{\"kind\":\"assignment\",\"user_id\":\"cat\",\"drone_id\":\"d-9\"}\n\
                {\"kind\":\"drone\",\"id\":\"d-9\",\"model\":\"FlyOS_MQ9\",\"status\":\"OFFLINE\",\"region_id\":\"North\",\"operator_id\":\"cat\"}\n\
                {\"kind\":\"user\",\"username\":\"cat\",\"full_name\":\"Cat\",\"email\":\"cat@x.mil\",\"role\":\"OPERATOR\",\"region_id\":\"North\",\"status\":\"INACTIVE\"}\n\
                {\"kind\":\"region\",\"name\":\"North\",\"area\":\"fjord\",\"status\":\"INACTIVE\"}\n";
    let found = planned(&mut world, None, text);
    assert_eq!(found.report.wrong, vec![]);
    assert_eq!(found.report.new, 4);
    let cat = world.named(Kind::User, "username", "cat").next().unwrap().uuid().unwrap();
    assert_eq!(world.user(cat).unwrap().status, Some(Status::Inactive));
    assert_eq!(world.drone("d-9").unwrap().operator_id, Some(cat));
    let again = planned(&mut world, None, text);
    assert_eq!((again.report.same, again.intents.len()), (4, 0), "{:?}", again.report);
}

#[test]
fn ids_of_another_project_mean_the_rows_of_the_same_names() {
    let (mut world, _) = world();
    let (other, strange) = (id(90), id(91));
    let text = format!(
        "{{\"kind\":\"user\",\"id\":\"{other}\",\"username\":\"bob\",\"full_name\":\"Bob\",\"email\":\"bob@x.mil\",\"role\":\"OPERATOR\",\"region_id\":\"East\",\"status\":\"ACTIVE\"}}\n\
         {{\"kind\":\"user\",\"id\":\"{strange}\",\"username\":\"ann\",\"full_name\":\"Ann\",\"email\":\"other@x.mil\",\"role\":\"OPERATOR\",\"status\":\"ACTIVE\"}}\n\
         {{\"kind\":\"drone\",\"id\":\"d-1\",\"operator_id\":\"{other}\"}}\n"
    );
    let found = planned(&mut world, None, &text);
    assert_eq!(found.report.by_name, 1);
    assert_eq!(world.drone("d-1").unwrap().operator_id, Some(id(12)), "the id here");
    assert!(world.user(other).is_none());
    let wrong = &found.report.wrong;
    assert_eq!((wrong.len(), wrong[0].line), (1, 2), "half the names are another's: {wrong:?}");
    assert!(wrong[0].why.contains("ann is taken"), "{wrong:?}");
}

#[test]
fn what_is_here_stays_where_rows_are_only_to_be_added() {
    let (mut world, actor) = world();
    let text = "id,model,status\nd-1,FlyOS_MQ9,ACTIVE\nd-2,FlyOS_MQ9,ACTIVE\n";
    let found = plan(
        &mut world,
        &actor,
        read(text.as_bytes(), Format::Csv, Some(Kind::Drone)).unwrap(),
        Vec::new(),
        true,
    );
    assert_eq!((found.report.new, found.report.left), (1, 1));
    assert_eq!(world.drone("d-1").unwrap().model, Some(DroneModel::Mq5));
}

#[test]
fn a_drone_that_moves_gets_the_operator_of_the_file() {
    let (mut world, _) = world();
    planned(&mut world, Some(Kind::Drone), "id,operator_id\nd-1,bob\n");
    let text = "{\"kind\":\"user\",\"username\":\"bob\",\"region_id\":\"West\"}\n\
                {\"kind\":\"drone\",\"id\":\"d-1\",\"region_id\":\"West\",\"operator_id\":\"bob\"}\n";
    let found = planned(&mut world, None, text);
    assert_eq!(found.report.wrong, vec![]);
    assert_eq!(world.drone("d-1").unwrap().operator_id, Some(id(12)));
    // He stays where he is, and is not dropped without a word.
    let before = world.clone();
    let text = "id,region_id,model,operator_id\nd-1,East,FlyOS_MQ9,bob\n";
    let found = planned(&mut world, Some(Kind::Drone), text);
    assert_eq!(faults(&found), [(2, "operator_id")]);
    assert_eq!((found.intents.len(), found.report.changed), (0, 0));
    assert!(world == before);
    assert!(found.report.wrong[0].why.contains("bob is not in East"), "{:?}", found.report.wrong);
}

/// Lines and columns of what is wrong.
fn faults(found: &Plan) -> Vec<(usize, &str)> {
    found.report.wrong.iter().map(|wrong| (wrong.line, wrong.column.as_deref().unwrap_or("-"))).collect()
}

#[test]
fn nothing_of_a_row_is_taken_in_whose_operator_is_refused() {
    let (mut world, _) = world();
    let before = world.clone();
    let text = "id,model,region_id,operator_id\nd-2,FlyOS_MQ5,West,bob\nd-1,FlyOS_MQ9,West,bob\n";
    let found = planned(&mut world, Some(Kind::Drone), text);
    assert_eq!(faults(&found), [(2, "operator_id"), (3, "operator_id")]);
    assert_eq!((found.report.new, found.report.changed, found.changes, found.bytes), (0, 0, 0, 0));
    assert_eq!(found.intents, vec![]);
    assert!(world == before, "what comes after is judged without it");

    // What builds on it falls with it; what does not is taken in, with a user of the same file.
    let text = "{\"kind\":\"user\",\"username\":\"cat\",\"full_name\":\"Cat\",\"email\":\"cat@x.mil\",\"role\":\"OPERATOR\",\"region_id\":\"West\"}\n\
                {\"kind\":\"drone\",\"id\":\"d-2\",\"model\":\"FlyOS_MQ5\",\"region_id\":\"West\",\"operator_id\":\"bob\"}\n\
                {\"kind\":\"drone\",\"id\":\"d-3\",\"model\":\"FlyOS_MQ5\",\"region_id\":\"West\",\"operator_id\":\"cat\"}\n\
                {\"kind\":\"assignment\",\"user_id\":\"cat\",\"drone_id\":\"d-2\"}\n\
                {\"kind\":\"assignment\",\"user_id\":\"cat\",\"drone_id\":\"d-3\"}\n";
    let found = planned(&mut world, None, text);
    assert_eq!(faults(&found), [(2, "operator_id"), (4, "drone_id")]);
    assert_eq!((found.report.new, found.report.same, found.intents.len()), (3, 0, 2), "{:?}", found.report);
    let again = planned(&mut world, None, text);
    assert_eq!((again.report.same, again.intents.len()), (3, 0));
}

#[test]
fn nothing_of_a_row_is_taken_in_that_may_not_become_inactive() {
    let (mut world, _) = world();
    let before = world.clone();
    let text = "username,full_name,status\nann,Ann Other,INACTIVE\nbob,Bob,\n";
    let found = planned(&mut world, Some(Kind::User), text);
    assert_eq!(faults(&found), [(2, "status"), (3, "status")]);
    assert!(found.intents.is_empty() && world == before);
    // Who is ACTIVE only until the end is no MAIN_HQ that remains.
    let text = "username,full_name,email,role,status\n\
                cat,Cat,cat@x.mil,MAIN_HQ,INACTIVE\n\
                dan,Dan,dan@x.mil,MAIN_HQ,INACTIVE\n\
                ann,Ann Other,ann@x.mil,OPERATOR,ACTIVE\n";
    let found = planned(&mut world, Some(Kind::User), text);
    assert_eq!(faults(&found), [(4, "role")]);
    assert_eq!((found.report.new, found.intents.len(), found.ends, found.changes), (2, 4, 2, 4));
    assert_eq!((world.main_hq_active_count(), &*world.user(id(11)).unwrap().full_name), (1, "ann"));
    assert_eq!(found.report.unended, vec![]);
}

#[test]
fn an_operator_may_not_take_in_what_headquarters_may() {
    let (mut world, _) = world();
    let actor = Actor { user: id(12), role: Role::Operator, region: Some(id(1)) };
    let table = read(b"id,model,status\nd-5,FlyOS_MQ9,ACTIVE\n", Format::Csv, Some(Kind::Drone)).unwrap();
    let found = plan(&mut world, &actor, table, Vec::new(), false);
    assert!(found.report.wrong[0].why.contains("MAIN_HQ"), "{:?}", found.report.wrong);
    assert_eq!(found.intents, Vec::<Intent>::new());
}

#[test]
fn an_old_value_that_breaks_a_rule_may_stay() {
    let (mut world, actor) = world();
    let mut record = world.get(&Key::drone("d-1")).unwrap();
    record.put("status", &Some("BROKEN".to_owned()));
    world.put(record);
    let row = |status: &str| {
        let cells = Fields::from([
            ("id".to_owned(), Some("d-1".to_owned())),
            ("status".to_owned(), Some(status.to_owned())),
            ("model".to_owned(), Some("FlyOS_MQ9".to_owned())),
        ]);
        super::reader::Table { rows: vec![Row { line: 1, kind: Kind::Drone, cells }], ..Default::default() }
    };
    assert_eq!(plan(&mut world, &actor, row("BROKEN"), Vec::new(), false).report.wrong, vec![]);
    assert_eq!(plan(&mut world, &actor, row("WORSE"), Vec::new(), false).report.wrong.len(), 1);
}
