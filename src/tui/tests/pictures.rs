//! The pictures: every screen and popup, each told in all its forms by `matrix`. Read them when they change.

use secrecy::SecretString;

use super::matrix::{SIZES, Scene, scene};
use crate::domain::{Key, Role, Stamp};
use crate::service::own::field;
use crate::service::{
    ActivityLine, Aside, Card, Done, EditState, Enrolling, ErrorKind, Event, FactorView, Gap, Holder, InUse,
    Link, Machine, OutboxLine, OwnDone, ServiceError, Setup, Shut, Status, Whois,
};
use crate::tui::app::Msg;
use crate::tui::keys::Context;
use crate::tui::popups::Popup;
use crate::tui::testing::{Bench, Fake, NOW, activity, ago, card, outbox_line, refusal, training_setup};
use crate::tui::theme::Theme;

const LISTS: &[Scene] = &[
    scene("drones", ""),
    scene("drones_moved", "Down Down"),
    scene("drones_end", "End"),
    scene("users", "1 Down"),
    scene("regions", "2"),
    scene("filter_typing", "/ \"status:maint\""),
    scene("filter_kept", "/ \"status:maint\" Enter Down"),
    scene("filter_nothing", "/ \"zzz\" Enter"),
    scene("filter_problem", "/ \"color:red\""),
    scene("sorted", "o \"status\" Enter b \"region\" Enter"),
    scene("columns", "C Down Enter Down PgDn Right"),
    scene("views", "/ \"status:maint\" Enter F \"workshop\" Enter f"),
    scene("keep_view", "F \"work\""),
    scene("marks", "\"_\" \"_\" \"_\" \"_\""),
    scene("detail_changed", "Down Down Enter"),
    scene("detail_conflict", "Down Down Down Down Down Down Enter"),
    scene("history", "Down Down Enter End").with(waiting).then(|bench| {
        let line = ActivityLine { key: Key::drone("drone-003"), ..activity().lines[1].clone() };
        bench.fake.activity.lines.push(line);
        bench.tell(Msg::Service(Event::Data));
        bench.keys("End");
    }),
    scene("detail_jumped", "Enter Down Down Down Enter"),
];

const PLACES: &[Scene] = &[
    scene("overview", "0").with(waiting),
    scene("overview_unfolded", "0 Down Down Down Down Down Down Down Down Down Down Right Down")
        .with(waiting),
    scene("sync", "4").with(waiting),
    scene("sync_edit", "4 Down Enter").with(waiting),
    scene("activity", "5 Down").with(waiting),
    scene("activity_filter", "5 / \"status\"").with(waiting),
    scene("loud", "").with(|fake| fake.status.link = Link::SignInAgain),
    scene("training", "").with(|fake| fake.status.training_line = Some(false)),
    scene("read_only", "m \"undo\"").with(|fake| fake.status.read_only = true),
];

const FORMS: &[Scene] = &[
    scene("form_new_drone", "n \"drone-0\""),
    scene("form_new_user_wrong", "1 n \"a\""),
    scene("form_new_region", "2 n"),
    scene("form_edit", "e Right Up"),
    scene("form_edit_follows", "e Down Down Enter Down Enter"),
    scene("form_several", "\"_\" \"_\" \"_\" \"_\" e Up Down Right"),
    scene("form_refused", "1 n \"main\" Tab \"Ada_Lind\" Tab \"a@b.mil\"").then(|bench| {
        bench.fake.refusal = Some(refusal(Some("username"), "Username main is taken."));
        bench.keys("Ctrl+S");
    }),
];

const CELLS: &[Scene] = &[
    scene("cells", "F2 Right"),
    scene("cell_text", "1 F2 Down Enter"),
    scene("cell_wrong", "1 F2 End Enter Ctrl+U \"a\""),
    scene("cell_list", "F2 Enter"),
    // In the smallest window there is no room for the model.
    scene("cell_follows", "F2 Right").then(|bench| {
        let region = if bench.app.size.0 < 80 { "" } else { "Right" };
        bench.keys(region).keys("Enter Down Enter");
    }),
];

const CHOICES: &[Scene] = &[
    scene("picker_status", "s"),
    scene("picker_assign", "a \"rod\""),
    scene("picker_assign_not_possible", "a Down Down Down"),
    scene("picker_unassign", "u"),
    scene("picker_sort", "o"),
    scene("copy", "y"),
    scene("traffic", "t"),
    scene("confirm_delete_region", "2 Del \"Eas\""),
    scene("confirm_delete_drone", "Del"),
    scene("confirm_quit", "e Ctrl+Q"),
    scene("confirm_sign_out", "F9"),
    scene("confirm_initial_data", "").with(|fake| fake.rows.clear()).then(|bench| {
        bench.fake.status.empty = true;
        bench.tell(Msg::Service(Event::Status));
    }),
    scene("menu", "m"),
    scene("palette", "m \"rod\""),
    scene("help", "?"),
    scene("help_search", "? \"filter\""),
    scene("this_terminal", "").then(|bench| {
        bench.app.hands.terminal =
            ["256 colours (TERM is xterm-256color)", "theme dark"].map(str::to_owned).into();
        bench.keys("T");
    }),
];

const MANY: &[Scene] = &[
    scene("bulk", "\"_\" \"_\" \"_\" \"_\" s Down Down Enter"),
    scene("bulk_delete", "\"_\" \"_\" \"_\" \"_\" Del \"delete\""),
    scene("bulk_done", "\"_\" \"_\" \"_\" \"_\" s Down Down Enter Enter"),
];

const DECISIONS: &[Scene] = &[
    scene("decide_which", "!").with(cards),
    scene("decide", "! Down Enter").with(cards),
    scene("decide_column", "! Down Enter Down Down Enter").with(cards),
    scene("held", "").with(|fake| held(fake, 2)),
    scene("held_many", "").with(|fake| held(fake, 30)),
    scene("held_sync", "Esc 4 Down").with(|fake| held(fake, 2)),
    scene("held_put_away", "Esc").with(|fake| (fake.status.disk.lost, fake.status.disk.held) = (3, 2)),
    scene("lost", "!").with(|fake| {
        fake.status.disk.lost = 4;
        let (after, before) = (Some(ago(200)), Some(ago(190)));
        fake.lost = vec![
            Gap { first: 3, last: 5, after, before, arrived: 1 },
            Gap { first: 9, last: 9, after: before, before: None, arrived: 0 },
        ];
    }),
];

const SAID: &[Scene] = &[
    scene("message", "r").with(on_fire),
    scene("messages", "r Esc s Enter M l").with(on_fire),
    scene("account_of_another", "1 p"),
    scene("account_password", "1 p Enter \"secret99\" Tab \"secret9\" Enter Enter"),
    scene("account_address", "1 p \"address\" Enter"),
    scene("account_invite", "1 p \"invite\" Enter \"new_operator\""),
    scene("account_ban", "1 p \"bar\" Enter \"left_the_unit\" Right"),
    scene("machines", "U").with(machines),
    scene("machine_erased", "U Down Enter").with(machines),
];

const OWN: &[Scene] = &[
    scene("account", "A"),
    scene("enrol", "A \"factor\" Enter Enter").with(enrolling),
    scene("enrol_wrong_code", "A \"factor\" Enter Enter \"123456\" Enter").with(|fake| {
        enrolling(fake);
        fake.own_answers
            .push_back(Err(refusal_of(field::CODE, "Giving the code failed: the code is wrong.")));
    }),
    scene("code_wrong", "\"123_456\" Enter").with(|fake| {
        fake.status.link = Link::SecondFactor;
        fake.own_answers
            .push_back(Err(refusal_of(field::CODE, "Giving the code failed: the code is wrong.")));
    }),
    scene("password_not_alike", "A Enter \"now\" Enter \"then_2026\" Enter \"than_2026\" Enter"),
    scene("password_nonce", "A Enter \"now\" Enter \"then_2026\" Enter \"then_2026\" Enter").with(|fake| {
        let words = "The project wants a code with it: one was mailed to main@flyos.mil just now.";
        fake.own_answers.push_back(Err(refusal_of(field::NONCE, words)));
    }),
    scene("sign_out_everywhere", "A \"everywhere\" Enter"),
    scene("factors", "A \"factor\" Enter").with(factors),
    scene("factor_away", "A \"factor\" Enter Enter").with(factors),
];

const SEALED: &[Scene] = &[
    scene("locked", "").then(|bench| locked(bench, false)),
    scene("locked_syncing_with_a_form", "e \"typed\"").then(|bench| {
        locked(bench, true);
        bench.keys("\"secret\" Enter");
        let wrong = ServiceError::new(ErrorKind::SignIn, "This is not the password.");
        let submission = bench.confided.last().map_or(0, |last| last.0);
        bench.tell(Msg::Done(submission, Err(wrong)));
    }),
    scene("words_password", "W"),
    scene("words", "W \"secret\" Enter").then(words),
    scene("words_asked_back", "W \"secret\" Enter").then(|bench| {
        words(bench);
        bench.keys("Enter \"zoo_zoo\"");
    }),
    scene("words_taken_away", "Ctrl+W"),
    scene("export", "E"),
    scene("import", "I"),
    scene("imported", "I \"out.sealed\" Enter \"one_phrase_long\" Enter").then(|bench| {
        let submission = bench.confided.last().map_or(0, |last| last.0);
        let refused = vec![("drone-001: status ACTIVE to OFFLINE".to_owned(), "It is not yours.".to_owned())];
        let done = Done::Imported { author: "operator1".to_owned(), saved: 2, known: 1, refused };
        bench.tell(Msg::Done(submission, Ok(done)));
    }),
    scene("erase", "X").with(|fake| fake.outbox = (0..6).map(|_| outbox_line()).collect()),
    scene("aside", "B").with(asides),
    scene("aside_password", "B Enter").with(asides),
];

const OUTSIDE: &[Scene] = &[
    scene("sign_in_known", "\"secret\"").with(nobody_is_in).signed_out(),
    scene("sign_in_training", "Down Down").with(in_training).signed_out(),
    scene("sign_in_first_project", "\"field\" Enter \"https://abc\"").with(no_project).signed_out(),
    scene("sign_in_waits", "\"secret\" Enter").with(nobody_is_in).signed_out(),
    scene("sign_in_no_password", "Enter").with(nobody_is_in).signed_out(),
    scene("sign_in_no_address", "Up Ctrl+U Enter").with(nobody_is_in).signed_out(),
    scene("sign_in_failed", "\"secret\" Enter").with(nobody_is_in).signed_out().then(|bench| {
        let error = ServiceError::new(ErrorKind::SignIn, "The password of east@flyos.mil is wrong.")
            .hint("Type it again; after several wrong ones the server makes you wait.");
        bench.tell(Msg::Service(Event::SignInFailed(error)));
    }),
    scene("in_use", "\"secret\" Enter").with(nobody_is_in).signed_out().then(|bench| {
        let holder = holder();
        let last_key = Stamp(NOW.0 - 25 * 60_000_000);
        let whois = Ok(Whois { holder: holder.clone(), last_key, unsent: 2, locked: false, command: false });
        bench.tell(Msg::Service(Event::InUse(Box::new(InUse { holder, whois }))));
    }),
    scene("in_use_by_command", "\"secret\" Enter").with(nobody_is_in).signed_out().then(|bench| {
        let holder = Holder { tty: None, from: None, ..holder() };
        let whois = Whois { holder: holder.clone(), last_key: NOW, unsent: 1, locked: false, command: true };
        bench.tell(Msg::Service(Event::InUse(Box::new(InUse { holder, whois: Ok(whois) }))));
    }),
    scene("in_use_silent", "\"secret\" Enter").with(nobody_is_in).signed_out().then(|bench| {
        silent(bench);
        bench.keys("Right");
    }),
    scene("taking_over", "\"secret\" Enter").with(nobody_is_in).signed_out().then(|bench| {
        silent(bench);
        bench.keys("Right Enter");
        for step in [
            "Asking the console on pts/3 on ground-1, over SSH from 10.20.0.7 to leave …",
            "It does not let go.",
        ] {
            bench.tell(Msg::Service(Event::TakingOver(step.to_owned())));
        }
    }),
    scene("no_password", "F5").with(nobody_is_in).signed_out(),
    scene("redeem", "F5").with(nobody_is_in).signed_out().then(mailed),
    scene("redeem_second", "F5").with(nobody_is_in).signed_out().then(|bench| {
        mailed(bench);
        let wrong = refusal_of(field::SECOND, "This account needs its second factor here.");
        bench.fake.own_answers.push_back(Err(wrong));
        bench.keys("\"222333\" Enter \"then_2026\" Enter \"then_2026\" Enter");
    }),
    scene("changed_elsewhere", "\"secret\" Enter").with(nobody_is_in).signed_out().then(|bench| {
        older(bench, Shut::OlderPassword, None);
    }),
    scene("old_password_wrong", "\"secret\" Enter").with(nobody_is_in).signed_out().then(|bench| {
        older(bench, Shut::OlderPassword, None);
        bench.keys("Enter \"older\" Enter");
        let wrong =
            ServiceError::new(ErrorKind::SignIn, "This password does not open what this machine has either.");
        older(bench, Shut::OlderPassword, Some(wrong));
    }),
    scene("set_aside", "\"secret\" Enter").with(nobody_is_in).signed_out().then(|bench| {
        older(bench, Shut::OlderPassword, None);
        bench.keys("Down Enter");
    }),
    scene("damaged_wrap", "\"secret\" Enter").with(nobody_is_in).signed_out().then(|bench| {
        older(bench, Shut::Damaged, None);
    }),
    scene("damaged_keys", "\"secret\" Enter").with(nobody_is_in).signed_out().then(|bench| {
        older(bench, Shut::Unreadable, None);
    }),
];

/// An edit that waits and one that needs somebody.
pub(super) fn waiting(fake: &mut Fake) {
    let (key, label) = (Key::drone("drone-003"), "drone-003".to_owned());
    let what = "status MAINTENANCE (was ACTIVE)".to_owned();
    let waits = OutboxLine { edit: 9, key, label, what, state: EditState::Waiting, at: ago(134) };
    fake.outbox = vec![outbox_line(), waits];
    fake.cards = vec![Card { edit: 1, ..card() }];
}

/// So many edits that are held back, beside one that waits and one that needs somebody.
pub(super) fn held(fake: &mut Fake, edits: u64) {
    waiting(fake);
    fake.status.disk.held = usize::try_from(edits).unwrap_or(0);
    let line = |n: u64| {
        let label = format!("drone-{n:03}");
        let what = "status MAINTENANCE (was ACTIVE), region Western (was Eastern)".to_owned();
        OutboxLine {
            edit: 20 + n,
            key: Key::drone(&label),
            label,
            what,
            state: EditState::Held,
            at: ago(200),
        }
    };
    fake.outbox.extend((1..=edits).map(line));
}

fn cards(fake: &mut Fake) {
    fake.cards = vec![card(), Card { edit: 8, ..card() }];
}

fn on_fire(fake: &mut Fake) {
    fake.refusal = Some(refusal(None, "The server does not answer.").hint("What is saved here is safe."));
}

pub(super) fn machines(fake: &mut Fake) {
    let machine = |n: u128, username: &str, waiting, erased| Machine {
        user: uuid::Uuid::from_u128(n),
        username: username.to_owned(),
        device: uuid::Uuid::from_u128(n << 100),
        heard: ago(i64::try_from(n).unwrap_or(0) * 70),
        waiting,
        needs_you: 0,
        version: "0.1.0".to_owned(),
        erased,
        here: n == 1,
    };
    fake.machines = vec![
        machine(1, "main_admin", 0, false),
        machine(2, "rodriguez", 3, false),
        machine(3, "j_park", 0, true),
    ];
}

pub(super) fn refusal_of(name: &str, words: &str) -> ServiceError {
    ServiceError { field: Some(name.to_owned()), ..ServiceError::new(ErrorKind::Refused, words) }
}

pub(super) fn enrolling(fake: &mut Fake) {
    const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    fake.own_answers.push_back(Ok(OwnDone::Factors(Vec::new())));
    fake.own_answers.push_back(Ok(OwnDone::Enrolling(Box::new(Enrolling {
        factor: "7c0c8f0e".to_owned(),
        secret: SecretString::from(SECRET),
        uri: SecretString::from(format!("otpauth://totp/FlyOS:main@flyos.mil?secret={SECRET}")),
    }))));
}

fn factors(fake: &mut Fake) {
    let factors = vec![FactorView { id: "f1".to_owned(), name: "console 2026-11-21 13:30".to_owned() }];
    fake.own_answers.push_back(Ok(OwnDone::Factors(factors)));
}

fn locked(bench: &mut Bench, syncing: bool) {
    bench.fake.status = Status::locked(3, syncing);
    bench.tell(Msg::Service(Event::Locked { syncing }));
}

fn words(bench: &mut Bench) {
    let submission = bench.confided.last().map_or(0, |last| last.0);
    bench.tell(Msg::Done(submission, Ok(Done::WordsMade)));
    bench.tell(Msg::Service(Event::Words(SecretString::from("zoo ".repeat(23) + "vote"))));
}

pub(super) fn asides(fake: &mut Fake) {
    let aside =
        |minutes, unsent| Aside { name: format!("account.aside-{minutes}"), since: ago(minutes), unsent };
    fake.asides = vec![aside(3000, Some(2)), aside(200, None)];
}

/// Nobody is signed in, and nothing is known of the line.
pub(super) fn nobody_is_in(fake: &mut Fake) {
    fake.status.link = Link::SignedOut;
    fake.status.as_of = None;
    (fake.status.waiting, fake.status.needs_you) = (0, 0);
}

fn in_training(fake: &mut Fake) {
    nobody_is_in(fake);
    fake.setup = training_setup();
}

fn no_project(fake: &mut Fake) {
    nobody_is_in(fake);
    fake.setup = Setup::default();
}

fn holder() -> Holder {
    Holder {
        pid: 4711,
        since: Stamp(NOW.0 - 3 * 3_600_000_000),
        tty: Some("pts/3".to_owned()),
        from: Some("10.20.0.7".to_owned()),
        host: Some("ground-1".to_owned()),
    }
}

fn silent(bench: &mut Bench) {
    let whois = Err("It does not answer now, so it hangs or is suspended.".to_owned());
    bench.tell(Msg::Service(Event::InUse(Box::new(InUse { holder: holder(), whois }))));
}

fn mailed(bench: &mut Bench) {
    bench.fake.own_answers.push_back(Ok(OwnDone::CodeMailed { told: None }));
    bench.keys("Enter Enter");
}

fn older(bench: &mut Bench, why: Shut, wrong: Option<ServiceError>) {
    bench.tell(Msg::Service(Event::OlderPassword { why, unsent: Some(3), wrong }));
}

fn keep(scenes: &[Scene]) {
    scenes.iter().for_each(Scene::keep);
}

#[test]
fn lists_and_details() {
    keep(LISTS);
}

#[test]
fn places_beside_the_lists() {
    keep(PLACES);
}

#[test]
fn forms() {
    keep(FORMS);
}

#[test]
fn cells_in_their_place() {
    keep(CELLS);
}

#[test]
fn choices_confirmations_menu_and_help() {
    keep(CHOICES);
}

#[test]
fn several_rows_at_once() {
    keep(MANY);
}

#[test]
fn decisions() {
    keep(DECISIONS);
}

#[test]
fn what_is_said_and_others_accounts() {
    keep(SAID);
}

#[test]
fn the_own_sign_in() {
    keep(OWN);
}

#[test]
fn what_is_sealed() {
    keep(SEALED);
}

#[test]
fn signing_in() {
    keep(OUTSIDE);
}

/// Too small for a screen, and just not.
#[test]
fn very_small() {
    for (width, height) in [(40, 10), (39, 9), (12, 3), (1, 1)] {
        for theme in [Theme::default(), Theme { ascii: true, mono: true, ..Theme::default() }] {
            let mut bench = Bench::signed_in_with(width, height, theme, Fake::default());
            for keys in ["Down", "Enter", "e", "Esc ?"] {
                bench.keys(keys);
                drop(super::matrix::sound(&bench, &format!("{keys} at {width}x{height}")));
                assert!(width == 1 || !bench.text().is_empty(), "{keys} at {width}x{height}");
            }
        }
    }
}

/// Nothing that can be seen lacks a picture: a place or popup that is new is missed here.
#[test]
fn every_place_and_popup_has_a_picture() {
    let groups = [LISTS, PLACES, FORMS, CELLS, CHOICES, MANY, DECISIONS, SAID, OWN, SEALED, OUTSIDE];
    let (mut contexts, mut popups) = (Vec::new(), std::collections::BTreeSet::new());
    let mut names = std::collections::BTreeSet::new();
    for scene in groups.into_iter().flatten() {
        assert!(names.insert(scene.name), "{} is there twice", scene.name);
        let bench = scene.play(Role::MainHq, SIZES[1], Theme::default());
        contexts.push(bench.app.context());
        popups.extend(bench.app.popups.last().map(kind_of));
    }
    let missed: Vec<Context> =
        Context::ALL.into_iter().filter(|context| !contexts.contains(context)).collect();
    assert_eq!(missed, []);
    // As many as `kind_of` knows, and it knows all.
    assert_eq!(popups.len(), KINDS, "{popups:?}");
}

const KINDS: usize = 11;

const fn kind_of(popup: &Popup) -> &'static str {
    match popup {
        Popup::Ask(_) => "ask",
        Popup::Bulk(_) => "bulk",
        Popup::Columns(_) => "columns",
        Popup::Form(_) => "form",
        Popup::Picker(_) => "picker",
        Popup::Confirm(_) => "confirm",
        Popup::Menu(_) => "menu",
        Popup::Help(_) => "help",
        Popup::Message(_) => "message",
        Popup::Prompt(_) => "prompt",
        Popup::Words(_) => "words",
    }
}
