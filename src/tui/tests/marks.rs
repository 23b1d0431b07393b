//! Marks, and verbs on all marked rows: the preview, portions, what came of each.

use crate::domain::{Intent, Key, Kind, Role};
use crate::service::{Action, Done, Event, Query, Verb};
use crate::tui::app::{Effect, Msg};
use crate::tui::keys::Context;
use crate::tui::popups::Popup;
use crate::tui::popups::bulk::PORTION;
use crate::tui::testing::{Bench, Fake, refusal};
use crate::tui::theme::Theme;

fn bench() -> Bench {
    Bench::signed_in(100, 30)
}

fn marked(bench: &Bench) -> Vec<String> {
    bench.app.list().marks.keys().into_iter().map(|key| key.pk).collect()
}

fn space(bench: &mut Bench) {
    bench.keys("\"_\"");
}

#[test]
fn marks_belong_to_rows_and_outlive_filter_order_and_news() {
    let mut bench = bench();
    space(&mut bench);
    space(&mut bench);
    assert_eq!(marked(&bench), ["drone-001", "drone-002"]);
    assert_eq!(bench.app.list().key, Some(Key::drone("drone-003")), "it goes on to the next row");
    assert!(bench.text().contains("#  drone-001") && bench.text().contains("2 marked"), "{}", bench.text());
    bench.keys("O / \"drone-02\" Enter");
    assert!(!bench.text().contains("#  drone"), "{}", bench.text());
    assert!(bench.text().contains("2 marked"));
    bench.keys("Esc O");
    bench.fake.rows.get_mut(&Kind::Drone).expect("drones").remove(2);
    bench.tell(Msg::Service(Event::Data));
    bench.keys("Home");
    assert!(
        bench.text().contains("#> drone-001") && bench.text().contains("#  drone-002"),
        "{}",
        bench.text()
    );
    space(&mut bench);
    assert_eq!(marked(&bench), ["drone-002"], "again takes the mark away");
    bench.keys("1");
    assert!(!bench.text().contains("marked"), "each list has its own");
    bench.keys("3 c");
    assert!(marked(&bench).is_empty());
}

#[test]
fn a_range_and_all_that_match_are_marked_also_out_of_sight() {
    let mut bench = bench();
    bench.keys("Down v PgDn PgDn v");
    assert_eq!(marked(&bench).len(), 2 * usize::from(bench.app.shape().rows.height) + 1);
    bench.keys("c v Down Down Esc");
    assert!(marked(&bench).is_empty() && bench.app.list().marks.range.is_none(), "Esc leaves the range");
    bench.keys("/ \"status:maint\" Enter Ctrl+A Esc");
    assert_eq!(marked(&bench).len(), 12);
    bench.keys("i");
    assert_eq!(marked(&bench).len(), 48);
}

#[test]
fn a_verb_on_marked_rows_shows_what_would_come_of_each_before_anything_is_changed() {
    let mut bench = bench();
    for _ in 0..4 {
        space(&mut bench);
    }
    bench.keys("s Down Down Enter");
    let text = bench.text();
    assert!(text.contains("4 rows: 2 will be changed, 1 cannot be done, 1 already so."), "{text}");
    assert!(text.contains("! drone-004") && text.contains("no: It is OFFLINE."), "{text}");
    assert!(matches!(bench.fake.actions.as_slice(), [Action::Rehearse { intents }] if intents.len() == 4));
    // A group is not possible while one is refused; leaving changes nothing.
    assert!(bench.keys("Right").text().contains("not possible, 1 cannot be done"));
    assert!(bench.keys("Enter").text().contains("Nothing was done: all or nothing is not possible"));
    bench.keys("Esc");
    assert_eq!((bench.app.popups.len(), bench.fake.actions.len()), (0, 1));
    assert_eq!(marked(&bench).len(), 4);
    bench.keys("s Down Down Enter Tab \"storm\"");
    bench.fake.refused = vec![("drone-001".to_owned(), "Somebody was quicker.".to_owned())];
    bench.keys("Enter");
    let Some(Action::Bulk { intents, reason, together: false, .. }) = bench.fake.actions.last() else {
        unreachable!("{:?}", bench.fake.actions)
    };
    assert_eq!(intents.len(), 2, "only what can be done is sent");
    assert_eq!(reason.as_deref(), Some("storm"));
    let text = bench.text();
    assert!(
        text.contains("Saved 1 of 4, 1 refused, 1 cannot be done, 1 already so.")
            && text.contains("no: Somebody was quicker."),
        "{text}"
    );
    bench.keys("Enter");
    assert_eq!(marked(&bench), ["drone-001", "drone-004"], "what is not saved stays marked");
}

#[test]
fn deleting_several_wants_their_number_typed() {
    let mut bench = bench();
    space(&mut bench);
    space(&mut bench);
    bench.keys("Del Enter \"delete_1\" Enter");
    assert_eq!(bench.fake.actions.len(), 1, "the rehearsal alone: {:?}", bench.fake.actions);
    assert!(bench.text().contains("Nothing was done: that is not delete 2."), "{}", bench.text());
    bench.keys("Backspace \"2\" Enter");
    let Some(Action::Bulk { intents, .. }) = bench.fake.actions.last() else {
        unreachable!("{:?}", bench.fake.actions)
    };
    assert!(intents.iter().all(|intent| matches!(intent, Intent::Delete { .. })));
}

/// Drones for two portions and some.
fn many() -> Bench {
    let mut bench = bench();
    let rows = bench.fake.rows.get_mut(&Kind::Drone).expect("drones");
    let model = rows[0].clone();
    *rows = (0..2 * PORTION + 7)
        .map(|n| {
            let mut row = model.clone();
            row.label = format!("d-{n:05}");
            row.key = Key::drone(&row.label);
            row.cells.insert("id".to_owned(), row.label.clone());
            row
        })
        .collect();
    bench.tell(Msg::Service(Event::Data));
    bench
}

/// Begins to make changes to all of them, and hears nothing of what comes of the first portion; its submission.
fn begun(bench: &mut Bench) -> u64 {
    bench.keys("Ctrl+A s Enter");
    let press = Msg::Input(crate::tui::decode::Input::Press(crate::tui::testing::parse("Enter")));
    let effects = bench.app.update(press);
    let Some(Effect::Submit(submission, Action::Bulk { .. })) = effects.first() else {
        unreachable!("{effects:?}")
    };
    let submission = *submission;
    for effect in effects {
        if let Effect::Submit(_, Action::KeepTaste { taste }) = effect {
            bench.fake.taste = taste;
        }
    }
    submission
}

fn portion() -> Done {
    Done::Bulk { saved: PORTION, refused: Vec::new() }
}

#[test]
fn many_go_in_portions_and_stop_when_asked() {
    let mut bench = many();
    bench.keys("Ctrl+A s Enter");
    assert!(matches!(bench.app.popups.last(), Some(Popup::Bulk(_))));
    bench.keys("Enter");
    let portions = bench.fake.actions.iter().filter_map(|action| match action {
        Action::Bulk { intents, .. } => Some(intents.len()),
        _ => None,
    });
    assert_eq!(portions.collect::<Vec<_>>(), [PORTION, PORTION, 7]);
    let deeds = bench.fake.actions.iter().filter_map(|action| match action {
        Action::Bulk { deed, .. } => Some(*deed),
        _ => None,
    });
    assert!(deeds.collect::<Vec<_>>().iter().all(Option::is_some), "undone as one");
    assert!(bench.text().contains("Saved 1007 of 1007."), "{}", bench.text());
    bench.keys("Enter");
    assert!(marked(&bench).is_empty() && bench.app.context() == Context::List);
    // Esc while a portion is under way: the ones after it are not made.
    let submission = begun(&mut bench);
    bench.keys("Esc");
    assert!(bench.text().contains("Stopping"), "{}", bench.text());
    bench.tell(Msg::Done(submission, Ok(portion())));
    assert!(bench.text().contains("Saved 500 of 1007, 507 not made."), "{}", bench.text());
    bench.keys("Esc");
    assert_eq!(marked(&bench).len(), 507);
}

#[test]
fn changes_that_the_lock_comes_upon_stop_and_are_listed_for_who_unlocks() {
    let mut bench = many();
    let submission = begun(&mut bench);
    bench.tell(Msg::Service(Event::Locked { syncing: true }));
    assert!(!bench.text().contains("d-000"), "{}", bench.text());
    let before = bench.fake.actions.len();
    bench.tell(Msg::Done(submission, Ok(portion())));
    assert_eq!(bench.fake.actions.len(), before, "no more is made while nobody is there");
    bench.tell(Msg::Service(Event::Unlocked));
    let text = bench.text();
    assert!(text.contains("Saved 500 of 1007, 507 not made."), "{text}");
    assert!(
        text.contains("  d-00500") && !text.contains("  d-00499"),
        "what was not made stands first: {text}"
    );
    assert!(bench.fake.taste.unfinished.is_none(), "it was told");
    bench.keys("Esc");
    assert!(bench.app.popups.is_empty());
    assert_eq!(marked(&bench).len(), 507);
}

#[test]
fn changes_that_the_end_of_the_console_cuts_short_are_told_and_marked_the_next_time() {
    let mut bench = many();
    let submission = begun(&mut bench);
    // One portion is told as saved; the next one is not answered any more.
    let effects = bench.app.update(Msg::Done(submission, Ok(portion())));
    let kept = effects.into_iter().find_map(|effect| match effect {
        Effect::Submit(_, Action::KeepTaste { taste }) => Some(taste),
        _ => None,
    });
    let taste = kept.expect("it is kept before it is made");
    let rows = std::mem::take(&mut bench.fake.rows);
    let fake = Fake { rows, taste, ..Fake::default() };
    let mut bench = Bench::signed_in_with(100, 30, Theme::default(), fake);
    let text = bench.text();
    for expected in ["Not finished", "500 of 1007 are saved.", "The other 507 drones are marked."] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert_eq!((marked(&bench).len(), bench.fake.taste.unfinished.is_none()), (507, true));
    assert!(bench.app.list().marks.has(&Key::drone("d-00500")));
    assert!(!bench.app.list().marks.has(&Key::drone("d-00499")));
    bench.keys("Esc");
    assert!(bench.app.popups.is_empty());
}

#[test]
fn a_group_that_is_refused_changes_nothing_and_says_so() {
    let mut bench = bench();
    space(&mut bench);
    bench.keys("s Enter Right");
    bench.fake.refusal = Some(refusal(None, "1 of 1 cannot be done, so nothing was changed."));
    bench.keys("Enter");
    assert!(matches!(bench.fake.actions.last(), Some(Action::Bulk { together: true, .. })));
    assert!(bench.text().contains("nothing was changed."), "{}", bench.text());
    assert_eq!(marked(&bench).len(), 1);
}

#[test]
fn a_read_only_session_and_rows_that_stay_ask_for_nothing() {
    let mut bench = bench();
    space(&mut bench);
    space(&mut bench);
    for row in bench.fake.rows.get_mut(&Kind::Drone).expect("drones") {
        row.cells.insert("status".to_owned(), "OFFLINE".to_owned());
    }
    bench.keys("Del");
    let text = bench.text();
    assert!(text.contains("2 rows: none would change.") && !text.contains("delete 2:"), "{text}");
    bench.keys("Esc");
    bench.app.status.read_only = true;
    for key in ["s", "e", "Del"] {
        bench.keys(key);
        assert!(
            bench.app.popups.is_empty() && bench.text().contains("read-only session"),
            "{}",
            bench.text()
        );
    }
}

#[test]
fn a_form_for_several_rows_sets_what_was_touched_and_nothing_else() {
    let mut bench = bench();
    space(&mut bench);
    space(&mut bench);
    bench.keys("e");
    assert!(
        bench.text().contains("Edit 2 drones") && bench.text().contains("(as it is)"),
        "{}",
        bench.text()
    );
    bench.keys("Ctrl+S");
    assert!(bench.fake.actions.is_empty(), "nothing was touched");
    bench.keys("Down Down Enter Down Enter Ctrl+S");
    let Some(Action::Rehearse { intents }) = bench.fake.actions.last() else {
        unreachable!("{:?}", bench.fake.actions)
    };
    assert_eq!(intents.len(), 2);
    for intent in intents {
        let Intent::Update { set, .. } = intent else { unreachable!("{intent:?}") };
        assert_eq!(set.keys().collect::<Vec<_>>(), ["region_id"]);
    }
    bench.keys("Esc");
    assert_eq!(bench.app.context(), Context::Form, "back to the form");
    bench.keys("Ctrl+S Enter Enter");
    assert_eq!(bench.app.context(), Context::List, "once it is made the form goes too");
}

#[test]
fn of_several_rows_a_form_offers_what_the_role_may_change_and_says_why_not() {
    let mut bench = Bench::signed_in_with(100, 30, Theme::default(), Fake::of(Role::RegionalHq));
    space(&mut bench);
    space(&mut bench);
    bench.keys("e");
    let text = bench.text();
    assert!(text.contains("> Status        (as it is)"), "the first that is open has the focus: {text}");
    assert!(
        bench.keys("Up Right").text().contains("To change this needs the role MAIN_HQ."),
        "{}",
        bench.text()
    );
    bench.keys("Ctrl+S");
    assert!(bench.fake.actions.is_empty(), "nothing could be touched: {:?}", bench.fake.actions);
    bench.keys("Down Right Ctrl+S");
    let Some(Action::Rehearse { intents }) = bench.fake.actions.last() else {
        unreachable!("{:?}", bench.fake.actions)
    };
    for intent in intents {
        let Intent::Update { set, .. } = intent else { unreachable!("{intent:?}") };
        assert_eq!(set.keys().collect::<Vec<_>>(), ["status"]);
    }
}

#[test]
fn of_several_rows_a_choice_is_asked_of_just_these() {
    let mut bench = bench();
    space(&mut bench);
    space(&mut bench);
    let press = Msg::Input(crate::tui::decode::Input::Press(crate::tui::testing::parse("u")));
    let effects = bench.app.update(press);
    let asked = effects.into_iter().find_map(|effect| match effect {
        Effect::Ask(_, Query::ChoicesFor { verb, keys }) => Some((verb, keys)),
        _ => None,
    });
    let keys = ["drone-001", "drone-002"].map(Key::drone).to_vec();
    assert_eq!(asked, Some((Verb::Unassign, keys)));
}

#[test]
fn one_row_is_asked_for_as_ever_and_a_detail_is_about_its_row() {
    let mut bench = bench();
    space(&mut bench);
    bench.keys("Enter s");
    assert!(bench.text().contains("Status of drone-002"), "{}", bench.text());
    bench.keys("Esc Esc");
    assert_eq!(bench.app.why_not(Verb::Delete), None);
    bench.keys("a \"rodman\" Enter");
    assert!(matches!(bench.app.popups.last(), Some(Popup::Bulk(_))), "{}", bench.text());
}
