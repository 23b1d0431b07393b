//! What keys do: messages in, state and actions out.

use super::pictures::held;
use crate::domain::{Intent, Key, Kind, Role, Stamp};
use crate::service::{
    Action, Answer, Decision, ErrorKind, Event, Gap, Holder, InUse, Link, Query, ServiceError, Traffic, Verb,
    VerbState,
};
use crate::tui::app::{Msg, Why};
use crate::tui::decode::Input;
use crate::tui::keys::Context;
use crate::tui::places::Place;
use crate::tui::popups::Popup;
use crate::tui::testing::{Bench, Fake, card, refusal, status, training_setup};
use crate::tui::theme::Theme;

fn bench() -> Bench {
    Bench::signed_in(80, 24)
}

fn toast(bench: &Bench) -> &str {
    bench.app.toast.as_deref().unwrap_or_default()
}

#[test]
fn the_selection_stays_on_its_row() {
    let mut bench = bench();
    bench.keys("Down Down Down");
    assert_eq!(bench.app.list().key, Some(Key::drone("drone-004")));
    bench.fake.rows.get_mut(&Kind::Drone).expect("drones").remove(0);
    bench.tell(Msg::Service(Event::Data));
    assert_eq!(bench.app.list().key, Some(Key::drone("drone-004")));
    assert_eq!(bench.app.list().selected, 2);
    // Turned round it is far below the window, and is followed there.
    bench.keys("O");
    assert_eq!(bench.app.list().key, Some(Key::drone("drone-004")));
    assert_eq!(bench.app.list().selected, 56);
    assert!(bench.text().contains("> drone-004"));
    // Its row goes: the one that took its place is selected.
    bench.fake.rows.get_mut(&Kind::Drone).expect("drones").retain(|row| row.label != "drone-004");
    bench.tell(Msg::Service(Event::Data));
    assert_eq!(bench.app.list().key, Some(Key::drone("drone-003")));
}

#[test]
fn a_late_answer_about_another_row_is_passed_over() {
    let mut bench = bench();
    let verbs = |why_not: Option<&str>| {
        Ok(Answer::Verbs(vec![VerbState { verb: Verb::Edit, why_not: why_not.map(str::to_owned) }]))
    };
    let key = bench.app.list().key.clone();
    bench.tell(Msg::Answer(Why::Verbs(key), verbs(Some("not yours"))));
    // What was asked before a row was selected is answered after it.
    bench.tell(Msg::Answer(Why::Verbs(None), verbs(None)));
    assert_eq!(bench.app.why_not(Verb::Edit).as_deref(), Some("not yours"));
    let another = bench.fake.rows[&Kind::Drone][5].key.clone();
    let shown = bench.app.detail.shown.clone();
    let answer = bench.fake.answer(&Query::Show { key: another.clone() });
    bench.tell(Msg::Answer(Why::Detail(another), Ok(answer)));
    assert_eq!(bench.app.detail.shown, shown);
}

#[test]
fn when_the_lease_ends_nothing_of_a_row_stays_open() {
    let mut bench = bench();
    bench.keys("e");
    assert!(matches!(bench.app.popups.last(), Some(Popup::Form(_))));
    bench.fake.rows.clear();
    bench.fake.status.link = Link::Locked { days: 15 };
    bench.tell(Msg::Service(Event::Data));
    bench.tell(Msg::Service(Event::Status));
    assert!(bench.app.popups.is_empty());
    let text = bench.text();
    assert!(text.contains("LOCKED: no contact for 15 days") && !text.contains("drone-0"), "{text}");
}

#[test]
fn a_new_row_is_the_selected_one() {
    let mut bench = bench();
    bench.keys("Down n \"drone-061\"");
    let mut row = bench.fake.rows[&Kind::Drone].last().cloned().expect("a drone");
    (row.key, row.label) = (Key::drone("drone-061"), "drone-061".to_owned());
    row.cells.insert("id".to_owned(), row.label.clone());
    bench.fake.rows.get_mut(&Kind::Drone).expect("drones").push(row);
    bench.keys("Ctrl+S");
    assert_eq!(bench.app.list().key, Some(Key::drone("drone-061")));
    assert!(bench.text().contains("> drone-061"), "{}", bench.text());
}

#[test]
fn what_may_be_done_is_asked_for_the_row_that_is_selected() {
    let mut bench = bench();
    bench.fake.verbs_asked.borrow_mut().clear();
    bench.keys("1");
    let asked = bench.fake.verbs_asked.borrow().last().cloned().flatten();
    assert_eq!(asked, bench.app.list().key);
    assert!(asked.is_some());
}

#[test]
fn only_the_window_is_asked_for() {
    let mut bench = bench();
    bench.keys("End");
    let page = bench.app.list().page.as_ref().expect("a page");
    assert_eq!(page.rows.len(), usize::from(bench.app.shape().rows.height));
    assert_eq!(bench.app.list().key, Some(Key::drone("drone-060")));
    assert!(bench.text().contains("> drone-060"));
}

#[test]
fn a_form_closes_only_when_it_is_saved() {
    let mut bench = bench();
    bench.fake.refusal = Some(refusal(Some("id"), "Id drone-9 is taken."));
    bench.keys("n \"drone-9\" Ctrl+S");
    assert_eq!(bench.app.context(), Context::Form);
    assert!(bench.text().contains("Id drone-9 is taken."));
    assert!(bench.text().contains("drone-9"));
    bench.keys("\"0\" F2");
    assert_eq!(bench.app.context(), Context::List);
    assert!(toast(&bench).starts_with("Saved: drone-90"), "{}", toast(&bench));
    let Some(Action::Edit { intent: Intent::Create { key, fields }, .. }) = bench.fake.actions.last() else {
        unreachable!("{:?}", bench.fake.actions)
    };
    assert_eq!(*key, Key::drone("drone-90"));
    assert_eq!(fields.get("status"), Some(&Some("STANDBY".to_owned())));
    bench.keys("Up");
    assert_eq!(toast(&bench), "", "a success goes with the next key");
}

#[test]
fn what_is_wrong_is_said_before_it_is_sent() {
    let mut bench = bench();
    bench.keys("1 n \"a_b\"");
    assert!(bench.text().contains("Username is 3 to 64"), "while typing");
    bench.keys("Ctrl+S");
    assert!(bench.fake.actions.is_empty());
    assert!(bench.text().contains("Full name is needed."));
}

#[test]
fn an_edit_sends_what_changed_and_the_reason() {
    let mut bench = bench();
    // Model, status, region, operator, why.
    bench.keys("e Down Right Down Down Down \"engine\" Down Enter");
    let Some(Action::Edit { intent: Intent::Update { key, set }, reason, .. }) = bench.fake.actions.last()
    else {
        unreachable!("{:?}", bench.fake.actions)
    };
    assert_eq!(*key, Key::drone("drone-001"));
    assert_eq!(set.keys().collect::<Vec<_>>(), ["status"]);
    assert_eq!(reason.as_deref(), Some("engine"));
}

#[test]
fn a_status_is_set_from_its_list() {
    let mut bench = bench();
    bench.keys("s \"maint\" Enter");
    assert!(matches!(
        bench.fake.actions.last(),
        Some(Action::Edit { intent: Intent::Update { set, .. }, .. })
            if set.get("status") == Some(&Some("MAINTENANCE".to_owned()))
    ));
}

#[test]
fn assigning_goes_both_ways() {
    let mut bench = bench();
    bench.keys("a \"p_rodman\"");
    // The name has an underscore, which the harness types as a blank: both words are found.
    bench.keys("Enter");
    assert!(
        matches!(bench.fake.actions.last(), Some(Action::Edit { intent: Intent::Assign { drone, .. }, .. }) if drone == "drone-001")
    );
    bench.keys("1 Down u \"drone-003\" Enter");
    assert!(
        matches!(bench.fake.actions.last(), Some(Action::Edit { intent: Intent::Unassign { drone, .. }, .. }) if drone == "drone-003")
    );
}

#[test]
fn what_cannot_be_chosen_is_not() {
    let mut bench = bench();
    bench.keys("a \"rodin\" Enter");
    assert!(bench.fake.actions.is_empty());
    assert!(bench.text().contains("l_rodin is not in Eastern."));
}

#[test]
fn deleting_a_region_wants_its_name() {
    let mut bench = bench();
    bench.keys("2 Del Enter");
    assert!(bench.fake.actions.is_empty());
    bench.keys("\"Easter\" Enter");
    assert!(bench.fake.actions.is_empty(), "not the whole name");
    bench.keys("\"n\" Enter");
    assert!(matches!(bench.fake.actions.last(), Some(Action::Edit { intent: Intent::Delete { .. }, .. })));
}

#[test]
fn deleting_a_drone_stands_on_no() {
    let mut bench = bench();
    bench.keys("D Enter");
    assert!(bench.fake.actions.is_empty() && bench.app.popups.is_empty());
    bench.keys("D Right Enter");
    assert_eq!(bench.fake.actions.len(), 1);
}

#[test]
fn what_the_role_may_not_is_said_when_pressed() {
    let fake = Fake { role: Role::Operator, ..Fake::default() };
    let mut bench = Bench::signed_in_with(200, 24, Theme::default(), fake);
    bench.keys("n");
    assert_eq!(toast(&bench), "To do this needs the role MAIN_HQ.");
    assert!(bench.app.popups.is_empty());
    assert!(bench.keys("Up").text().contains("(n new)"), "a footer with room for it has it in brackets");
}

#[test]
fn related_things_lead_on_and_back() {
    let mut bench = bench();
    bench.keys("Enter Down Down Down Enter");
    assert_eq!(bench.app.detail.key.as_ref().map(|key| key.kind), Some(Kind::User));
    assert_eq!(bench.app.place, Place::Users);
    bench.keys("Backspace");
    assert_eq!(bench.app.detail.key, Some(Key::drone("drone-001")));
    bench.keys("Esc");
    assert_eq!(bench.app.context(), Context::List);
    assert_eq!(bench.app.list().key, Some(Key::drone("drone-001")));
}

#[test]
fn a_paste_is_text_or_nothing() {
    let mut bench = bench();
    bench.tell(Msg::Input(Input::Paste("Dq\n".to_owned())));
    assert!(bench.app.popups.is_empty() && !bench.left);
    assert!(toast(&bench).contains("dropped"));
    bench.keys("/");
    bench.tell(Msg::Input(Input::Paste("drone-01\n".to_owned())));
    assert_eq!(bench.app.list().filter.text(), "drone-01");
    assert!(bench.app.list().filtering, "a line break submits nothing");
    assert_eq!(bench.app.list().matched(), 10);
    bench.keys("Esc");
    assert_eq!(bench.app.list().matched(), 60);
}

#[test]
fn leaving_asks_only_where_text_would_be_lost() {
    let mut bench = bench();
    bench.keys("e Ctrl+Q");
    assert!(!bench.left);
    assert!(bench.text().contains("3 edits wait; they are saved here"), "{}", bench.text());
    bench.keys("Esc Esc q");
    assert!(bench.left);
}

#[test]
fn ctrl_c_twice_leaves_from_anywhere() {
    for keys in ["", "e", "?", "/", "m"] {
        let mut bench = bench();
        bench.keys(keys).keys("Ctrl+C");
        assert!(!bench.left && toast(&bench).contains("again"));
        bench.keys("Ctrl+C");
        assert!(bench.left, "from {keys}");
    }
    let mut bench = bench();
    bench.keys("Ctrl+C Up Ctrl+C");
    assert!(!bench.left, "only in a row");
}

#[test]
fn an_error_stays_until_it_is_put_away() {
    let mut bench = bench();
    bench.fake.refusal = Some(ServiceError::new(ErrorKind::Server, "The server is on fire."));
    bench.keys("r Up Down x");
    assert!(bench.text().contains("on fire"));
    assert!(!bench.keys("Esc").text().contains("on fire"));
}

#[test]
fn a_popup_that_saves_takes_no_second_save_and_may_be_left() {
    let mut bench = bench();
    bench.keys("e");
    let effects = bench.app.update(Msg::Input(Input::Press(crate::tui::testing::parse("Ctrl+S"))));
    assert_eq!(effects.len(), 1);
    assert!(bench.app.update(Msg::Input(Input::Press(crate::tui::testing::parse("Ctrl+S")))).is_empty());
    bench.keys("Esc");
    let submission = bench.app.submitted;
    bench.tell(Msg::Done(submission, Err(refusal(None, "No."))));
    assert!(matches!(bench.app.popups.last(), Some(Popup::Message(_))), "told even so");
}

#[test]
fn the_training_line_goes_and_comes() {
    let mut fake = Fake::default();
    fake.status.training_line = Some(true);
    let mut bench = Bench::signed_in_with(100, 30, Theme::default(), fake);
    assert!(bench.text().contains("F8 line off"));
    bench.keys("F8");
    assert_eq!(bench.fake.actions.last(), Some(&Action::TrainingLine { up: false }));
}

#[test]
fn a_decision_is_one_answer_or_one_for_each_column() {
    let start = || {
        let fake = Fake { cards: vec![card()], ..Fake::default() };
        Bench::signed_in_with(100, 30, Theme::default(), fake)
    };
    let mut bench = start();
    bench.keys("! Enter");
    let settled = |decision| Some(Action::Settle { edit: 7, decision });
    assert_eq!(bench.fake.actions.last().cloned(), settled(Decision::Mine));
    assert!(bench.app.popups.is_empty() && bench.text().contains("done"));
    let mut bench = start();
    bench.keys("! Down Down Enter Enter Down Enter");
    let fields = [("model", "FlyOS_MQ7"), ("status", "OFFLINE")];
    let fields = fields.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).into();
    assert_eq!(bench.fake.actions.last().cloned(), settled(Decision::Set { fields }));
    let mut bench = start();
    bench.fake.refusal = Some(refusal(Some("username"), "Username x is too short."));
    bench.keys("! End Down Down Down Down Enter");
    assert_eq!(bench.fake.actions.last().cloned(), settled(Decision::Discard));
    assert!(bench.text().contains("too short"), "a refusal stays beside the answers");
    // With other values: all that the edit sets, in a form; what is refused again stays beside its field.
    let mut bench = start();
    bench.keys("! Down Down Down Enter");
    assert!(bench.text().contains("drone-004: send again"), "{}", bench.text());
    bench.fake.refusal = Some(refusal(Some("status"), "Not that one."));
    bench.keys("Down Right Ctrl+S");
    let fields = [("model", "FlyOS_MQ7"), ("status", "MAINTENANCE")];
    let fields = fields.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).into();
    assert_eq!(bench.fake.actions.last().cloned(), settled(Decision::Set { fields }));
    assert!(bench.text().contains("Not that one."));
    bench.fake.refusal = None;
    bench.keys("Ctrl+S");
    assert!(bench.app.popups.is_empty() && bench.text().contains("done"));
    let mut bench = Bench::signed_in(100, 30);
    bench.keys("!");
    assert!(bench.app.popups.is_empty() && bench.text().contains("Nothing needs a decision"));
}

#[test]
fn an_empty_project_is_offered_the_initial_data_once() {
    let mut fake = Fake::default();
    fake.status.empty = true;
    let mut bench = Bench::signed_in_with(100, 30, Theme::default(), fake);
    bench.tell(Msg::Service(Event::Status));
    assert!(bench.text().contains("This project is empty"), "{}", bench.text());
    bench.keys("Enter");
    bench.tell(Msg::Service(Event::Status));
    assert!(bench.app.popups.is_empty() && bench.fake.actions.is_empty(), "no is an answer");
    let mut fake = Fake::default();
    fake.status.empty = true;
    let mut bench = Bench::signed_in_with(100, 30, Theme::default(), fake);
    bench.tell(Msg::Service(Event::Status));
    bench.keys("Tab Enter");
    assert_eq!(bench.fake.actions, [Action::LoadInitial]);
}

#[test]
fn undo_redo_and_the_use_of_the_line_are_asked_for() {
    let mut bench = Bench::signed_in(100, 30);
    bench.keys("z Z");
    assert_eq!(bench.fake.actions, [Action::Undo, Action::Redo]);
    bench.keys("t Down Down Enter");
    assert_eq!(bench.fake.actions.last(), Some(&Action::SetTraffic { traffic: Traffic::Held }));
    assert!(bench.app.popups.is_empty());
}

#[test]
fn signing_in_takes_address_and_password() {
    let mut bench = Bench::new(80, 24, Theme::default(), Fake::default());
    bench.keys("Enter");
    assert!(bench.signed_in_as.is_empty(), "without a password nothing starts");
    bench.keys("F2 \"secret\" Enter");
    assert_eq!(bench.signed_in_as, [("field".to_owned(), "west@flyos.mil".to_owned())]);
    assert!(bench.app.sign_in.password.is_empty(), "the password is not kept");
    bench.keys("Esc");
    assert!(bench.app.sign_in.waiting.is_none());
    bench.tell(Msg::Service(Event::SignedIn { offline: false, trouble: None }));
    assert_eq!(bench.app.context(), Context::List);
    bench.tell(Msg::Service(Event::SignedOut { why: Some("Your session ended.".to_owned()) }));
    assert!(bench.text().contains("Your session ended."));
    assert!(bench.app.list().page.is_none(), "nothing of the session is left");
}

#[test]
fn to_take_over_is_a_choice_that_stands_on_no() {
    let holder = Holder { pid: 7, since: Stamp(0), tty: None, from: None, host: None };
    let in_use =
        || Msg::Service(Event::InUse(Box::new(InUse { holder: holder.clone(), whois: Err(String::new()) })));
    let mut bench = Bench::new(80, 24, Theme::default(), Fake::default());
    for (keys, answers) in
        [("Enter", &[false][..]), ("Esc", &[false, false]), ("Right Enter", &[false, false, true])]
    {
        bench.keys("\"secret\" Enter");
        bench.tell(in_use());
        bench.keys(keys);
        assert_eq!(bench.taken_over, answers, "{keys}");
        assert_eq!(bench.app.sign_in.waiting.is_some(), answers.ends_with(&[true]));
    }
    bench.tell(Msg::Service(Event::TakingOver("Asking it".to_owned())));
    assert!(bench.text().contains("Asking it"));
    bench.tell(Msg::Service(Event::SignedIn { offline: true, trouble: None }));
    assert!(bench.text().contains("Taken over."));

    // Who stopped waiting is not asked, and the password is not kept for it.
    let mut bench = Bench::new(80, 24, Theme::default(), Fake::default());
    bench.keys("\"secret\" Enter Esc");
    bench.tell(in_use());
    assert_eq!((bench.app.popups.len(), bench.taken_over), (0, vec![false]));
}

#[test]
fn edits_that_are_held_back_are_asked_about_and_stay_unless_somebody_says_so() {
    let settled = |bench: &Bench| match bench.fake.actions.last() {
        Some(Action::SettleHeld { send }) => Some(*send),
        _ => None,
    };
    for (keys, answer) in
        [("Enter", None), ("Esc", None), ("Down Enter", Some(true)), ("Down Down Enter", Some(false))]
    {
        let mut fake = Fake::default();
        held(&mut fake, 2);
        let mut bench = Bench::signed_in_with(80, 24, Theme::default(), fake);
        assert!(bench.text().contains("2 edits are held back"), "{}", bench.text());
        assert!(bench.text().contains("drone-002: status MAINTENANCE"), "{}", bench.text());
        bench.keys(keys);
        assert_eq!(settled(&bench), answer, "{keys}");
        // Asked once, and again on the key for what needs a person.
        bench.tell(Msg::Service(Event::Status));
        assert!(bench.app.popups.is_empty(), "{keys}");
        bench.fake.cards.clear();
        bench.keys("!");
        assert_eq!(bench.app.popups.len(), 1, "{keys}");
    }
}

#[test]
fn as_many_of_the_edits_held_back_are_named_as_there_is_room_for() {
    for (size, edits, named, more) in [
        ((80, 24), 8, 8, None),
        ((80, 24), 30, 7, Some("and 23 more")),
        ((60, 15), 2, 2, None),
        ((60, 15), 3, 1, Some("and 2 more")),
    ] {
        let mut fake = Fake::default();
        held(&mut fake, edits);
        let bench = Bench::signed_in_with(size.0, size.1, Theme::default(), fake);
        let text = bench.text();
        assert_eq!(text.matches(": status MAINTENANCE").count(), named, "{edits} at {size:?}\n{text}");
        assert_eq!(text.lines().find(|line| line.contains(" more")).is_some(), more.is_some(), "{text}");
        assert!(more.is_none_or(|more| text.contains(more)), "{text}");
    }
}

#[test]
fn in_training_enter_is_enough() {
    let fake = Fake { setup: training_setup(), status: status(), ..Fake::default() };
    let mut bench = Bench::new(80, 24, Theme::default(), fake);
    bench.keys("Down Enter");
    assert_eq!(bench.signed_in_as, [("training".to_owned(), "east@flyos.mil".to_owned())]);
}

#[test]
fn the_first_project_is_asked_for() {
    let fake = Fake { setup: crate::service::Setup::default(), ..Fake::default() };
    let mut bench = Bench::new(80, 24, Theme::default(), fake);
    assert_eq!(bench.app.context(), Context::AddProject);
    bench.fake.setup = crate::tui::testing::setup();
    bench.keys("\"field\" Enter \"https://abc.supabase.co\" Enter \"sb_key\" Enter");
    assert!(matches!(bench.fake.actions.last(), Some(Action::AddProject { name, .. }) if name == "field"));
    assert_eq!(bench.app.context(), Context::SignIn);
}

#[test]
fn the_selection_is_seen_without_colour() {
    let theme = Theme { mono: true, ascii: false, ..Theme::default() };
    let bench = Bench::signed_in_with(80, 24, theme, Fake::default());
    let buffer = bench.buffer();
    let reversed = |y| (0..80).all(|x| buffer[(x, y)].modifier.contains(ratatui::style::Modifier::REVERSED));
    let rows: Vec<u16> = (0..23).filter(|y| reversed(*y)).collect();
    assert_eq!(rows, [bench.app.shape().rows.y]);
    assert!(bench.text().lines().nth(usize::from(rows[0])).is_some_and(|line| line.starts_with(" > ")));
    assert!(buffer.content.iter().all(|cell| cell.fg == ratatui::style::Color::Reset));
}

#[test]
fn data_reaches_the_screen_clean() {
    let mut fake = Fake::default();
    let rows = fake.rows.get_mut(&Kind::User).expect("users");
    rows[0].cells.insert("full_name".to_owned(), "Eve\u{1b}[2J\u{202e}live".to_owned());
    let mut bench = Bench::signed_in_with(120, 30, Theme::default(), fake);
    bench.keys("1");
    assert!(bench.text().contains("Eve·[2J·live"), "{}", bench.text());
}

#[test]
fn what_is_lost_is_told_until_somebody_has_seen_it() {
    let mut bench = bench();
    bench.fake.status.disk.lost = 4;
    bench.fake.lost = vec![Gap { first: 3, last: 5, after: None, before: None, arrived: 1 }];
    bench.tell(Msg::Service(Event::Status));
    bench.keys("! Enter");
    assert!(bench.fake.actions.is_empty(), "the answer that stands changes nothing");
    bench.keys("! Down Enter");
    assert_eq!(bench.fake.actions, [Action::AcknowledgeLost]);
}

#[test]
fn why_something_is_not_possible_is_said_in_full_however_narrow_it_is() {
    let why = "To change who operates a drone needs the role MAIN_HQ or REGIONAL_HQ of its region.";
    for width in [60, 120] {
        let mut bench = Bench::signed_in(width, 15);
        bench.app.verbs.iter_mut().for_each(|verb| verb.why_not = Some(why.to_owned()));
        bench.keys("a");
        let text = bench.text().split(['│', '\n']).map(str::trim).collect::<Vec<_>>().join(" ");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(why), "{text}");
        assert_eq!(bench.app.popups.len(), usize::from(width == 60));
    }
}

#[test]
fn what_a_row_has_is_read_in_full_in_its_details() {
    use crate::tui::widgets::{columns, wrap_all};
    let text = "a.lindqvist-of-the-eastern-seaboard@flyos.mil 東京都千代田区丸の内 e\u{301}e\u{301}e\u{301}";
    for width in 2..60 {
        let lines = wrap_all(text, width);
        assert!(lines.iter().all(|line| columns(line) <= width && !line.starts_with('\u{301}')), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""), "{width}");
    }
    assert_eq!(wrap_all("東", 1), ["東"]);
    let mut bench = Bench::signed_in(60, 24);
    for row in bench.fake.rows.get_mut(&Kind::User).expect("users") {
        row.cells.insert(
            "email".to_owned(),
            "somebody.with.a.long.name@a-unit-of-many-words.flyos.mil".to_owned(),
        );
    }
    bench.keys("1 Enter");
    let whole: String = bench.text().chars().filter(|c| !c.is_whitespace()).collect();
    assert!(whole.contains("somebody.with.a.long.name@a-unit-of-many-words.flyos.mil"), "{}", bench.text());
}

#[test]
fn what_is_not_sent_is_marked_in_its_row_by_a_sign_and_a_word() {
    use crate::service::Mark;
    let mut bench = Bench::signed_in(80, 24);
    let rows = bench.fake.rows.get_mut(&Kind::Drone).expect("drones");
    let marks =
        [(Some(Mark::New), false), (Some(Mark::Changed), false), (Some(Mark::Deleted), false), (None, true)];
    for (row, (mark, needs_you)) in rows.iter_mut().zip(marks) {
        (row.mark, row.needs_you) = (mark, needs_you);
    }
    bench.tell(Msg::Service(Event::Data));
    let text = bench.text();
    for told in ["new +", "unsent ~", "deleted -", "needs you ?!"] {
        assert!(text.contains(told), "{told}: {text}");
    }
}
