//! One cell of a list changed in its place, and what the keys are called while it is.

use std::collections::BTreeMap;

use ratatui::style::Modifier;

use crate::domain::{Fields, Intent, Key, Kind, Role};
use crate::service::{Action, Event, ServiceError};
use crate::tui::app::Msg;
use crate::tui::decode::Decoder;
use crate::tui::keys::{Context, with_own};
use crate::tui::popups::Popup;
use crate::tui::testing::{Bench, Fake, outbox_line, refusal};
use crate::tui::theme::Theme;

fn bench() -> Bench {
    Bench::signed_in(100, 30)
}

/// With room for the names of people.
fn wide() -> Bench {
    Bench::signed_in(120, 40)
}

fn as_role(role: Role) -> Bench {
    Bench::signed_in_with(100, 30, Theme::default(), Fake { role, ..Fake::default() })
}

/// What stands in reversed video among the rows.
fn reversed(bench: &Bench) -> String {
    let (buffer, rows) = (bench.buffer(), bench.app.shape().rows);
    let cells = rows.positions().map(|at| &buffer[at]);
    let cells = cells.filter(|cell| cell.modifier.contains(Modifier::REVERSED));
    cells.map(ratatui::buffer::Cell::symbol).collect::<String>().trim().to_owned()
}

/// The edit that was asked for last: what it sets, and on what it was decided.
fn edit(bench: &Bench) -> (Key, Fields, Fields) {
    match bench.fake.actions.last() {
        Some(Action::Edit { intent: Intent::Update { key, set }, seen, .. }) => {
            (key.clone(), set.clone(), seen.clone())
        }
        other => unreachable!("no edit: {other:?}"),
    }
}

fn set(column: &str, value: &str) -> Fields {
    Fields::from([(column.to_owned(), Some(value.to_owned()))])
}

fn click(bench: &mut Bench, text: &str, nth: usize) {
    let screen = bench.text();
    let (row, line) =
        screen.lines().enumerate().filter(|(_, line)| line.contains(text)).nth(nth).expect(text);
    let at = line.find(text).expect(text);
    let column = line[..at].chars().count() + 1;
    for input in Decoder::default().feed(format!("\x1b[<0;{};{}M", column + 1, row + 1).as_bytes()) {
        bench.tell(Msg::Input(input));
    }
}

#[test]
fn the_cursor_gets_a_column_and_keeps_it_from_row_to_row() {
    let mut bench = bench();
    assert!(reversed(&bench).starts_with("> drone-001"), "a whole row");
    bench.keys("F2");
    assert_eq!((bench.app.context(), reversed(&bench).as_str()), (Context::Cells, "MQ7"), "one that is set");
    bench.keys("Right Right Down Down");
    assert_eq!(reversed(&bench), "Eastern");
    assert_eq!(bench.app.list().key, Some(Key::drone("drone-003")));
    bench.keys("Left Left Left Left Left");
    assert_eq!(reversed(&bench), "drone-003", "the first one");
    bench.keys("End Right Right Right Right Right Right");
    assert_eq!(bench.app.list().key, Some(Key::drone("drone-060")));
    bench.keys("Esc");
    assert!(bench.app.context() == Context::List && reversed(&bench).contains("drone-060"));
    bench.keys("Home F2 1");
    assert_eq!(bench.app.context(), Context::List, "another list begins with rows");
}

#[test]
fn a_text_is_typed_in_its_place_and_judged_beside_it() {
    let mut bench = wide();
    bench.keys("1 F2 Right Enter");
    assert_eq!(bench.app.context(), Context::Cell);
    assert!(
        bench.text().contains("east_hq, Full name   Enter save   Esc leave as it was"),
        "{}",
        bench.text()
    );
    bench.keys("Ctrl+U");
    bench.keys("Enter");
    assert!(bench.text().contains("! Full name is needed"), "{}", bench.text());
    assert!(bench.fake.actions.is_empty(), "what is wrong is not asked for");
    bench.keys("\"Sarah_Mitchell\" Enter");
    let (key, to, seen) = edit(&bench);
    assert_eq!(Some(&key), bench.app.list().key.as_ref());
    assert_eq!((to, seen), (set("full_name", "Sarah Mitchell"), set("full_name", "Col. Sarah Mitchell")));
    assert_eq!(bench.app.context(), Context::Cells, "saved, and on among the cells");
    // Leaving changes nothing.
    let asked = bench.fake.actions.len();
    bench.keys("Down Enter \"x\" Esc");
    assert_eq!((bench.app.context(), bench.fake.actions.len()), (Context::Cells, asked));
}

#[test]
fn what_was_typed_stays_where_it_is_refused() {
    let mut bench = bench();
    bench.keys("1 F2 Enter \"2\"");
    bench.fake.refusal = Some(refusal(Some("username"), "Username east_hq2 is taken."));
    bench.keys("Enter");
    assert_eq!(bench.app.context(), Context::Cell);
    assert!(bench.text().contains("! Username east_hq2 is taken."), "{}", bench.text());
    // A refusal that is about another column is told here as well.
    bench.fake.refusal = Some(refusal(Some("email"), "E-mail is another's."));
    bench.keys("Enter");
    assert!(bench.text().contains("E-mail is another's.") && bench.text().contains("east_hq2"));
    bench.keys("Backspace \"3\" Enter");
    assert_eq!(edit(&bench).1, set("username", "east_hq3"));
}

#[test]
fn what_is_chosen_is_saved_at_once_but_for_what_changes_more() {
    let mut bench = bench();
    bench.keys("F2 Right Enter");
    assert!(matches!(bench.app.popups.last(), Some(Popup::Picker(_))));
    bench.keys("Esc");
    assert_eq!((bench.app.context(), bench.fake.actions.len()), (Context::Cells, 0), "nothing was chosen");
    bench.keys("Enter \"OFF\" Enter");
    assert_eq!(edit(&bench), (Key::drone("drone-001"), set("status", "OFFLINE"), set("status", "STANDBY")));
    assert_eq!(bench.app.context(), Context::Cells);
    // The region takes the operator away: that is told first.
    bench.keys("Right Enter \"West\" Enter");
    assert_eq!((bench.app.context(), bench.fake.actions.len()), (Context::Cell, 1));
    assert!(bench.text().contains("will be unassigned"), "{}", bench.text());
    bench.keys("Esc");
    assert_eq!((bench.app.context(), bench.fake.actions.len()), (Context::Cells, 1), "thought better of");
    bench.keys("Enter \"West\" Enter Enter");
    assert_eq!(bench.fake.actions.len(), 2);
    let (_, to, seen) = edit(&bench);
    assert_eq!(to.keys().collect::<Vec<_>>(), ["region_id"]);
    assert_eq!(seen.keys().collect::<Vec<_>>(), ["operator_id", "region_id"], "of its unit as well");
}

#[test]
fn what_is_not_mine_or_not_set_by_hand_says_so() {
    let mut bench = as_role(Role::Operator);
    bench.keys("F2 Enter");
    assert_eq!(bench.app.toast.as_deref(), Some("To change this needs the role MAIN_HQ."));
    assert_eq!(bench.app.context(), Context::Cells);
    bench.keys("Right Enter \"OFF\" Enter");
    assert_eq!(edit(&bench).1, set("status", "OFFLINE"), "the own drone's status is open");
    bench.keys("1 F2 Enter");
    assert_eq!(bench.app.toast.as_deref(), Some("To do this needs the role MAIN_HQ."));
    for column in ["Left Left", "Right Right Right Right Right Right Right"] {
        let mut bench = self::bench();
        bench.keys(&format!("F2 {column} Enter"));
        let told = bench.app.toast.clone().unwrap_or_default();
        assert!(told.contains("is not set by hand"), "{told}");
        assert!(bench.fake.actions.is_empty() && bench.app.popups.is_empty());
    }
}

#[test]
fn marks_are_left_alone_and_the_menu_reaches_cells_without_a_letter() {
    let mut bench = bench();
    bench.keys("\"_\" \"_\" F10 \"cells\" Enter Right Enter \"OFF\" Enter");
    assert_eq!(edit(&bench).0, Key::drone("drone-003"), "this row, not the marked ones");
    assert_eq!(bench.app.list().marks.len(), 2);
}

#[test]
fn a_click_goes_to_a_cell_and_a_second_one_changes_it() {
    let mut bench = bench();
    bench.keys("M F2");
    click(&mut bench, "Western", 1);
    assert_eq!((reversed(&bench).as_str(), bench.app.popups.len()), ("Western", 0));
    assert_eq!(bench.app.list().key, Some(Key::drone("drone-012")));
    // The details stand beside the list, and have the word too now.
    click(&mut bench, "Western", 2);
    assert_eq!(bench.app.context(), Context::Picker, "{}", bench.text());
}

#[test]
fn another_row_or_place_by_the_time_the_answer_comes_opens_nothing() {
    let mut bench = bench();
    bench.keys("F2");
    let shown = bench.fake.answer(&crate::service::Query::Show { key: Key::drone("drone-009") });
    bench.tell(Msg::Answer(crate::tui::app::Why::Cell("model"), Ok(shown)));
    assert!(bench.app.popups.is_empty());
}

#[test]
fn what_was_typed_comes_back_as_a_form_after_the_lock() {
    let mut bench = wide();
    bench.keys("1 F2 Right Enter Ctrl+U \"Ada\"");
    bench.tell(Msg::Service(Event::Locked { syncing: true }));
    assert!(!bench.text().contains("Ada"), "{}", bench.text());
    bench.tell(Msg::Service(Event::Unlocked));
    assert_eq!(bench.app.context(), Context::Form);
    assert!(bench.text().contains("Ada") && bench.text().contains("Username"), "{}", bench.text());
}

#[test]
fn rows_that_move_under_it_do_not_take_it_along() {
    let mut bench = wide();
    bench.keys("1 F2 Right Enter Ctrl+U \"Ada\"");
    let key = bench.app.list().key.clone().expect("a row");
    bench.fake.rows.get_mut(&Kind::User).expect("users").remove(0);
    bench.tell(Msg::Service(Event::Data));
    assert!(bench.text().contains("east_hq, Full name"), "it says whose it is: {}", bench.text());
    bench.keys("Enter");
    assert_eq!(edit(&bench).0, key);
}

#[test]
fn hints_tell_the_persons_own_keys() {
    let wishes = [
        ("save".to_owned(), vec!["F11".to_owned()]),
        ("page-up".to_owned(), vec!["Ctrl+P".to_owned()]),
        ("export".to_owned(), vec!["Ctrl+E".to_owned()]),
        ("mark-range".to_owned(), vec!["Ctrl+R".to_owned()]),
    ];
    let mut bench = bench();
    bench.app.hands.keys = with_own(&wishes.into(), &BTreeMap::new()).expect("sound");
    assert!(bench.keys("e").text().contains("F11 save"), "{}", bench.text());
    assert!(bench.keys("Esc C").text().contains("Ctrl+P PgDn move"), "{}", bench.text());
    assert!(bench.keys("Esc F1").text().contains("Ctrl+P PgDn scroll"), "{}", bench.text());
    bench.keys("Esc Ctrl+R");
    assert!(bench.app.toast.as_deref().is_some_and(|told| told.contains("Ctrl+R or Space")));
    bench.fake.outbox = vec![outbox_line()];
    assert!(bench.keys("Esc X").text().contains("Ctrl+E exports"), "{}", bench.text());
    bench.keys("Esc 1 F2 Enter");
    assert!(bench.text().contains("F11 save") && !bench.text().contains("Ctrl+S"), "{}", bench.text());
}

#[test]
fn a_form_goes_on_where_somebody_changed_what_it_is_about() {
    let mut bench = as_role(Role::MainHq);
    bench.keys("e Down Right");
    assert!(!bench.text().contains("FlyOS_MQ9"), "{}", bench.text());
    let now = serde_json::json!({ "status": ["OFFLINE", "OFFLINE"], "model": ["FlyOS_MQ9", "FlyOS_MQ9"] });
    let refusal = refusal(Some("status"), "Status became OFFLINE meanwhile.");
    bench.fake.refusal =
        Some(ServiceError { beside: Some(Box::new(serde_json::json!({ "now": now }))), ..refusal });
    bench.keys("Ctrl+S");
    let (_, mine, seen) = edit(&bench);
    assert_ne!(seen, set("status", "OFFLINE"));
    let text = bench.text();
    assert!(text.contains("Status became OFFLINE meanwhile. Save once more"), "{text}");
    assert!(text.contains("FlyOS_MQ9"), "what nobody set here is shown as it is by now: {text}");
    bench.fake.refusal = None;
    bench.keys("Ctrl+S");
    let (_, again, seen) = edit(&bench);
    assert_eq!((again, seen), (mine, set("status", "OFFLINE")));
}
