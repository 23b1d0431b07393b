//! The pictures: what a person sees after some keys. Read them when they change.

use crate::domain::{Role, Stamp};
use crate::service::{Card, ErrorKind, Event, Holder, InUse, ServiceError, Setup, Whois};
use crate::tui::app::Msg;
use crate::tui::testing::{Bench, Fake, NOW, ago, card, refusal, training_setup};
use crate::tui::theme::Theme;

const SIZES: [(u16, u16); 2] = [(100, 30), (80, 24)];

pub(super) fn keep(name: &str, bench: &Bench) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/snapshots/tui");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let (width, height) = bench.app.size;
    settings.bind(|| insta::assert_snapshot!(format!("{name}_{width}x{height}"), bench.screen()));
}

/// The picture after some keys, at both sizes, starting on the list of drones.
fn after(name: &str, keys: &str) {
    for (width, height) in SIZES {
        keep(name, Bench::signed_in(width, height).keys(keys));
    }
}

/// The picture after that, at both sizes, starting on the list of drones.
pub fn keep_both(name: &str, then: impl Fn(&mut Bench)) {
    for (width, height) in SIZES {
        let mut bench = Bench::signed_in(width, height);
        then(&mut bench);
        keep(name, &bench);
    }
}

fn sign_in(setup: &Setup, name: &str, then: impl Fn(&mut Bench)) {
    for (width, height) in SIZES {
        let mut fake = Fake { setup: setup.clone(), ..Fake::default() };
        fake.status.link = crate::service::Link::SignedOut;
        fake.status.as_of = None;
        (fake.status.waiting, fake.status.needs_you) = (0, 0);
        let mut bench = Bench::new(width, height, Theme::default(), fake);
        then(&mut bench);
        keep(name, &bench);
    }
}

#[test]
fn sign_in_known() {
    sign_in(&crate::tui::testing::setup(), "sign_in_known", |bench| {
        bench.keys("\"secret\"");
    });
}

#[test]
fn sign_in_training() {
    sign_in(&training_setup(), "sign_in_training", |bench| {
        bench.keys("Down Down");
    });
}

#[test]
fn sign_in_first_project() {
    sign_in(&Setup::default(), "sign_in_first_project", |bench| {
        bench.keys("\"field\" Enter \"https://abc\"");
    });
}

#[test]
fn sign_in_waits() {
    sign_in(&crate::tui::testing::setup(), "sign_in_waits", |bench| {
        bench.keys("\"secret\" Enter");
    });
}

#[test]
fn sign_in_failed() {
    sign_in(&crate::tui::testing::setup(), "sign_in_failed", |bench| {
        bench.keys("\"secret\" Enter");
        let error = ServiceError::new(ErrorKind::SignIn, "The password of east@flyos.mil is wrong.")
            .hint("Type it again; after several wrong ones the server makes you wait.");
        bench.tell(Msg::Service(Event::SignInFailed(error)));
    });
}

#[test]
fn an_account_that_is_open_elsewhere() {
    let holder = Holder {
        pid: 4711,
        since: Stamp(NOW.0 - 3 * 3_600_000_000),
        tty: Some("pts/3".to_owned()),
        from: Some("10.20.0.7".to_owned()),
        host: Some("ground-1".to_owned()),
    };
    let last_key = Stamp(NOW.0 - 25 * 60_000_000);
    let whois = Ok(Whois { holder: holder.clone(), last_key, unsent: 2, locked: false, command: false });
    let other = InUse { holder, whois };
    sign_in(&crate::tui::testing::setup(), "in_use", |bench| {
        bench.keys("\"secret\" Enter");
        bench.tell(Msg::Service(Event::InUse(Box::new(other.clone()))));
    });
    let why = "It does not answer now, so it hangs or is suspended.".to_owned();
    let silent = InUse { whois: Err(why), ..other.clone() };
    sign_in(&crate::tui::testing::setup(), "in_use_silent", |bench| {
        bench.keys("\"secret\" Enter");
        bench.tell(Msg::Service(Event::InUse(Box::new(silent.clone()))));
        bench.keys("Right");
    });
    sign_in(&crate::tui::testing::setup(), "taking_over", |bench| {
        bench.keys("\"secret\" Enter");
        bench.tell(Msg::Service(Event::InUse(Box::new(silent.clone()))));
        bench.keys("Right Enter");
        for step in [
            "Asking the console on pts/3 on ground-1, over SSH from 10.20.0.7 to leave …",
            "It does not let go.",
        ] {
            bench.tell(Msg::Service(Event::TakingOver(step.to_owned())));
        }
    });
}

#[test]
fn lists() {
    after("drones", "Down Down");
    after("users", "1 Down");
    after("regions", "2");
    after("drones_end", "End");
}

#[test]
fn filters() {
    after("filter_typing", "/ \"status:maint\"");
    after("filter_kept", "/ \"status:maint\" Enter Down");
    after("filter_nothing", "/ \"zzz\" Enter");
}

#[test]
fn details() {
    after("detail_changed", "Down Down Enter");
    after("detail_conflict", "Down Down Down Down Down Down Enter");
    after("detail_jumped", "Enter Down Down Down Enter");
}

#[test]
fn forms() {
    after("form_new_drone", "n \"drone-0\"");
    after("form_new_user_wrong", "1 n \"a\"");
    after("form_edit", "e");
    after("form_edit_follows", "e Down Down Enter Down Enter");
}

#[test]
fn a_refused_form_stays() {
    for (width, height) in SIZES {
        let mut bench = Bench::signed_in(width, height);
        bench.keys("1 n \"main\" Tab \"Ada_Lind\" Tab \"a@b.mil\"");
        bench.fake.refusal = Some(refusal(Some("username"), "Username main is taken."));
        bench.keys("Ctrl+S");
        keep("form_refused", &bench);
    }
}

#[test]
fn pickers() {
    after("picker_status", "s");
    after("picker_assign", "a \"rod\"");
    after("picker_assign_not_possible", "a Down Down Down");
    after("picker_unassign", "u");
    after("picker_sort", "o");
}

#[test]
fn confirmations() {
    after("confirm_delete_region", "2 Del \"Eas\"");
    after("confirm_delete_drone", "Del");
    after("confirm_quit", "e Ctrl+Q");
    after("confirm_sign_out", "F9");
}

#[test]
fn marks_and_several_rows() {
    let marked = "\"_\" \"_\" \"_\" \"_\"";
    after("marks", marked);
    after("bulk", &format!("{marked} s Down Down Enter"));
    after("bulk_delete", &format!("{marked} Del \"delete\""));
    after("bulk_done", &format!("{marked} s Down Down Enter Enter"));
    after("form_several", &format!("{marked} e Down Right"));
}

#[test]
fn how_a_list_looks() {
    after("sorted", "o \"status\" Enter b \"region\" Enter");
    after("columns", "C Down Enter Down PgDn Right");
    after("palette", "m \"rod\"");
    after("views", "/ \"status:maint\" Enter F \"workshop\" Enter f");
    after("filter_problem", "/ \"color:red\"");
}

#[test]
fn menu_and_help() {
    after("menu", "m");
    after("help", "?");
    after("help_search", "? \"filter\"");
}

#[test]
fn what_the_role_may_not_is_told() {
    for (width, height) in SIZES {
        let fake = Fake { role: Role::Operator, ..Fake::default() };
        let mut bench = Bench::signed_in_with(width, height, Theme::default(), fake);
        bench.keys("n");
        keep("role_toast", &bench);
        bench.keys("m");
        keep("role_menu", &bench);
        bench.keys("Esc e Right Up");
        keep("role_form", &bench);
    }
}

#[test]
fn what_needs_somebody_is_decided_in_words() {
    for (width, height) in SIZES {
        let other = Card { edit: 8, ..card() };
        let fake = Fake { cards: vec![card(), other], ..Fake::default() };
        let mut bench = Bench::signed_in_with(width, height, Theme::default(), fake);
        bench.keys("!");
        keep("decide_which", &bench);
        bench.keys("Down Enter");
        keep("decide", &bench);
        bench.keys("Down Down Enter");
        keep("decide_column", &bench);
        bench.keys("Esc t");
        keep("traffic", &bench);
    }
}

#[test]
fn an_error_stays() {
    for (width, height) in SIZES {
        let mut bench = Bench::signed_in(width, height);
        bench.fake.refusal =
            Some(refusal(None, "The server does not answer.").hint("What is saved here is safe."));
        bench.keys("r");
        keep("message", &bench);
    }
}

#[test]
fn in_training_the_line_can_be_taken_away() {
    for (width, height) in SIZES {
        let mut fake = Fake::default();
        fake.status.training_line = Some(false);
        keep("training", &Bench::signed_in_with(width, height, Theme::default(), fake));
    }
}

#[test]
fn what_needs_somebody_is_loud() {
    let mut fake = Fake::default();
    fake.status.link = crate::service::Link::SignInAgain;
    keep("loud", &Bench::signed_in_with(80, 24, Theme::default(), fake));
}

#[test]
fn what_is_wrong_with_the_files_stays_in_sight_and_old_edits_are_asked_about() {
    for (width, height) in SIZES {
        let mut fake = Fake::default();
        fake.status.disk = crate::service::DiskState { full: false, lost: 3, held: 2 };
        let mut bench = Bench::signed_in_with(width, height, Theme::default(), fake);
        keep("held", &bench);
        keep("held_put_away", bench.keys("Esc"));
    }
}

#[test]
fn what_is_lost_is_told_until_somebody_has_seen_it() {
    use crate::service::{Action, DiskState, Gap};
    for (width, height) in SIZES {
        let mut fake = Fake::default();
        fake.status.disk = DiskState { full: false, lost: 4, held: 0 };
        let (after, before) = (Some(ago(200)), Some(ago(190)));
        fake.lost = vec![
            Gap { first: 3, last: 5, after, before, arrived: 1 },
            Gap { first: 9, last: 9, after: before, before: None, arrived: 0 },
        ];
        let mut bench = Bench::signed_in_with(width, height, Theme::default(), fake);
        keep("lost", bench.keys("!"));
        bench.keys("Enter");
        assert!(bench.fake.actions.is_empty(), "the answer that stands changes nothing");
        bench.keys("! Down Enter");
        assert_eq!(bench.fake.actions, [Action::AcknowledgeLost]);
    }
}

#[test]
fn small_and_plain() {
    for (width, height) in [(60, 15), (40, 10), (39, 9)] {
        keep("small", Bench::signed_in(width, height).keys("Down"));
    }
    keep("small_detail", Bench::signed_in(60, 15).keys("Enter"));
    keep("small_form", Bench::signed_in(60, 15).keys("e"));
    let theme = Theme { ascii: true, mono: true, ..Theme::default() };
    keep("ascii", Bench::signed_in_with(80, 24, theme, Fake::default()).keys("Down"));
    let fake = Fake { setup: training_setup(), ..Fake::default() };
    keep("small_sign_in", &Bench::new(60, 15, theme, fake));
}
