//! Nothing is done unseen, and nothing typed is dropped without a word.

use crate::domain::Kind;
use crate::service::{Action, Card, Event, Kept, RunView};
use crate::tui::app::Msg;
use crate::tui::testing::{Bench, Fake, ago, card};
use crate::tui::theme::Theme;

fn bench() -> Bench {
    Bench::signed_in(80, 24)
}

#[test]
fn a_window_that_shows_nothing_takes_no_keys_but_those_that_lead_out() {
    let mut bench = Bench::signed_in(20, 5);
    bench.keys("s Down Enter n \"drone-900\" Ctrl+S Del");
    assert!(bench.fake.actions.is_empty() && bench.app.popups.is_empty(), "{:?}", bench.fake.actions);
    assert!(bench.text().starts_with("window too small"), "{}", bench.text());
    bench.tell(Msg::Resized(80, 24));
    bench.keys("s Down Enter");
    assert!(matches!(bench.fake.actions.last(), Some(Action::Edit { .. })), "{:?}", bench.fake.actions);
    bench.tell(Msg::Resized(20, 5));
    bench.keys("Ctrl+Q");
    assert!(bench.left, "a way out there is");
}

#[test]
fn what_was_typed_into_a_form_is_dropped_by_a_second_esc_alone() {
    let mut bench = bench();
    bench.keys("e Esc");
    assert!(bench.app.popups.is_empty(), "nothing was changed");
    bench.keys("n \"drone-900\" Esc");
    assert!(bench.text().contains("Esc once more drops it"), "{}", bench.text());
    // Going on takes the question back.
    bench.keys("\"1\" Esc");
    assert!(bench.text().contains("drone-9001"), "{}", bench.text());
    bench.keys("Esc");
    assert!(bench.app.popups.is_empty());
    bench.keys("n Esc");
    assert!(bench.app.popups.is_empty(), "what a new row begins with was not typed");
}

#[test]
fn a_wrong_word_is_told() {
    let mut bench = bench();
    bench.keys("2 Del \"West\" Enter");
    assert!(bench.text().contains("Nothing was done: that is not Eastern."), "{}", bench.text());
    assert!(bench.fake.actions.is_empty());
}

#[test]
fn a_view_is_replaced_by_a_second_enter_alone() {
    let mut bench = bench();
    bench.keys("/ \"status:act\" Enter F Ctrl+U \"mine\" Enter");
    assert_eq!(bench.fake.taste.views[0].filter, "status:act");
    bench.keys("Esc F Ctrl+U \"mine\" Enter");
    assert!(bench.text().contains("There is a view mine"), "{}", bench.text());
    assert_eq!(bench.fake.taste.views[0].filter, "status:act");
    bench.keys("Enter");
    assert_eq!(bench.fake.taste.views[0].filter, "");
}

#[test]
fn a_run_is_read_in_full() {
    let came =
        "renewing the session failed: the server says that the token was used already, by another machine";
    let run = RunView {
        at: ago(3),
        what: "session".to_owned(),
        came: came.to_owned(),
        took_ms: 812,
        bytes: 400,
        failed: true,
        up: 0,
        rows: 0,
        edits: 0,
        verdict: None,
    };
    let mut bench =
        Bench::signed_in_with(80, 24, Theme::default(), Fake { runs: vec![run], ..Fake::default() });
    bench.keys("4");
    assert!(!bench.text().contains("another machine"), "its line is too short for it");
    bench.keys("End Enter");
    assert!(bench.text().contains("another machine"), "{}", bench.text());
}

#[test]
fn the_cursor_of_the_details_stays_on_its_line() {
    let mut bench = bench();
    bench.keys("Enter");
    let under = |bench: &Bench| bench.app.under_detail_cursor().and_then(|line| line.jump);
    let before = under(&bench);
    assert!(before.is_some(), "on the first thing to go to");
    let row = &mut bench.fake.rows.get_mut(&Kind::Drone).expect("drones")[0];
    row.alert = Some("Its operator is INACTIVE.".to_owned());
    bench.tell(Msg::Service(Event::Data));
    assert!(bench.text().contains("Its operator is INACTIVE."), "{}", bench.text());
    assert_eq!(under(&bench), before);
}

#[test]
fn a_decision_that_deletes_says_so_and_what_else_it_does() {
    let kept = Kept {
        what: "delete drone-004".to_owned(),
        follows: vec!["Its 2 assignments go with it.".to_owned()],
        deletes: true,
    };
    let mut bench = bench();
    bench.fake.cards = vec![Card { kept: Some(kept), ..card() }];
    bench.keys("!");
    let text = bench.text();
    assert!(text.contains("Delete it all the same delete drone-004"), "{text}");
    assert!(text.contains("If you keep yours: Its 2 assignments go with it."), "{text}");
    assert!(!text.contains("Keep mine"), "{text}");
}

/// The drone that moves takes its operator away.
#[test]
fn several_rows_tell_what_follows_from_each() {
    let mut bench = bench();
    bench.fake.follows = vec!["m_rodriguez is in Eastern and loses drone-001.".to_owned()];
    bench.keys("\"_\" \"_\" s Down Down Enter");
    let text = bench.text();
    assert!(text.contains("m_rodriguez is in Eastern and loses drone-001."), "{text}");
    bench.keys("Enter");
    let text = bench.text();
    assert!(text.contains("saved: ") && text.contains("m_rodriguez is in Eastern and loses"), "{text}");
    assert!(text.contains("Saved 2 of 2.") && !text.contains("Enter do it"), "{text}");
}
