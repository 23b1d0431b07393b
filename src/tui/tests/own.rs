//! The own sign-in: what the keys of its popups do.

use secrecy::{ExposeSecret as _, SecretString};

use super::pictures::{enrolling, nobody_is_in, refusal_of};
use crate::service::own::field;
use crate::service::{ErrorKind, Event, FactorView, Link, Own, OwnDone, ServiceError, Shut};
use crate::tui::app::Msg;
use crate::tui::popups::Popup;
use crate::tui::testing::{Bench, Fake};
use crate::tui::theme::Theme;

const SIZES: [(u16, u16); 2] = [(100, 30), (80, 24)];

/// Somebody signed in whose wishes come to that, one after the other.
fn bench((width, height): (u16, u16), theme: Theme, answers: Vec<Result<OwnDone, ServiceError>>) -> Bench {
    let fake = Fake { own_answers: answers.into(), ..Fake::default() };
    Bench::signed_in_with(width, height, theme, fake)
}

fn setting_up(size: (u16, u16), theme: Theme) -> Bench {
    let mut bench = bench(size, theme, Vec::new());
    enrolling(&mut bench.fake);
    bench.keys("A \"factor\" Enter Enter");
    bench
}

#[test]
fn the_secret_can_be_typed_where_the_picture_has_no_room() {
    for (size, theme) in [
        ((80, 24), Theme { ascii: true, mono: true, ..Theme::default() }),
        ((60, 15), Theme::default()),
        ((80, 24), Theme::default()),
    ] {
        let text = setting_up(size, theme).text();
        for group in ["JBSW", "Y3DP", "EHPK", "3PXP"] {
            assert!(text.contains(group), "{size:?}: {text}");
        }
        assert_eq!(text.contains("too small for the picture"), size.1 < 24 || theme.ascii, "{text}");
    }
}

#[test]
fn a_code_is_asked_for_once_and_again_by_hand() {
    let mut bench = bench((80, 24), Theme::default(), Vec::new());
    bench.fake.status.link = Link::SecondFactor;
    bench.tell(Msg::Service(Event::Status));
    bench.tell(Msg::Service(Event::Status));
    assert_eq!(bench.app.popups.len(), 1);
    bench
        .fake
        .own_answers
        .push_back(Err(refusal_of(field::CODE, "Giving the code failed: the code is wrong.")));
    bench.keys("\"123_456\" Enter");
    let given = |bench: &Bench, at: usize| match &bench.fake.owns[at] {
        Own::Code { code } => code.expose_secret().to_owned(),
        other => unreachable!("{other:?}"),
    };
    assert_eq!(given(&bench, 0), "123456", "blanks between the digits are passed over");
    bench.keys("Esc");
    bench.tell(Msg::Service(Event::Status));
    assert!(bench.app.popups.is_empty(), "who put it away is left in peace");
    bench.fake.own_answers.push_back(Ok(OwnDone::CodeTaken));
    bench.keys("A Enter \"654321\" Enter");
    assert_eq!(given(&bench, 1), "654321");
    assert!(bench.app.popups.is_empty());
}

#[test]
fn the_code_is_asked_for_also_where_the_server_was_quicker_than_the_screen() {
    let mut bench = outside((80, 24));
    for _ in 0..2 {
        bench.keys("\"secret\" Enter");
        bench.fake.status.link = Link::SecondFactor;
        bench.tell(Msg::Service(Event::Status));
        assert!(bench.app.popups.is_empty(), "nobody is signed in yet");
        bench.tell(Msg::Service(Event::SignedIn { offline: true, trouble: None }));
        assert_eq!(bench.app.popups.len(), 1);
        bench.tell(Msg::Service(Event::SignedOut { why: None }));
    }
}

#[test]
fn a_password_is_changed() {
    let mut bench = bench((80, 24), Theme::default(), Vec::new());
    bench.keys("A Enter \"now\" Enter \"then_2026\" Enter \"than_2026\" Enter");
    assert!(bench.fake.owns.is_empty(), "what is not typed alike is not sent");
    bench.keys("Ctrl+U \"then_2026\"");
    let nonce = refusal_of(
        field::NONCE,
        "The project wants a code with it: one was mailed to main@flyos.mil just now.",
    );
    bench.fake.own_answers.push_back(Err(nonce));
    bench.keys("Enter");
    bench.fake.own_answers.push_back(Ok(OwnDone::PasswordChanged));
    bench.keys("\"424242\" Enter");
    let Own::ChangePassword { current, new, nonce } = &bench.fake.owns[1] else {
        unreachable!("it was asked")
    };
    assert_eq!((current.expose_secret(), new.expose_secret()), ("now", "then 2026"));
    assert_eq!(nonce.as_ref().map(SecretString::expose_secret), Some("424242"));
    assert!(bench.app.popups.is_empty());
}

#[test]
fn sessions_are_ended_after_asking() {
    let mut bench = bench((80, 24), Theme::default(), Vec::new());
    bench.keys("A \"everywhere\" Enter");
    bench.keys("Enter");
    assert!(bench.fake.owns.is_empty(), "the answer that stands there is no");
    bench.fake.own_answers.push_back(Ok(OwnDone::SignedOutEverywhere));
    bench.keys("A \"everywhere\" Enter Right Enter");
    bench.fake.own_answers.push_back(Err(ServiceError::new(ErrorKind::Offline, "No line.")));
    bench.keys("A \"others\" Enter Right Enter");
    assert!(matches!(bench.fake.owns[..], [Own::SignOutEverywhere, Own::SignOutOthers]));
    assert!(matches!(bench.app.popups.last(), Some(Popup::Confirm(confirm)) if confirm.error.is_some()));
    let factors = vec![FactorView { id: "f1".to_owned(), name: "console 2026-11-21 13:30".to_owned() }];
    bench.fake.own_answers.push_back(Ok(OwnDone::Factors(factors)));
    bench.keys("Esc A \"factor\" Enter");
    bench.keys("Enter");
    bench.fake.own_answers.push_back(Ok(OwnDone::Unenrolled));
    bench.keys("Right Enter");
    assert!(matches!(&bench.fake.owns[3], Own::Unenrol { factor } if factor == "f1"));
}

fn outside((width, height): (u16, u16)) -> Bench {
    let mut fake = Fake::default();
    nobody_is_in(&mut fake);
    Bench::new(width, height, Theme::default(), fake)
}

#[test]
fn what_is_missing_is_told_beside_its_field() {
    for size in SIZES {
        let mut bench = outside(size);
        bench.keys("Enter");
        bench.keys("Up Ctrl+U Enter");
        bench.keys("\"x\"");
        assert!(!bench.text().contains("is needed"), "typing puts it away");
        assert!(bench.signed_in_as.is_empty());
    }
}

#[test]
fn a_forgotten_password_is_set_anew() {
    let mut bench = outside((80, 24));
    bench.keys("F5");
    bench.fake.own_answers.push_back(Ok(OwnDone::CodeMailed { told: None }));
    bench.keys("Enter");
    assert!(bench.text().contains("east@flyos.mil"), "the address that stood there");
    bench.keys("Enter");
    bench
        .fake
        .own_answers
        .push_back(Err(refusal_of(field::SECOND, "This account needs its second factor here.")));
    bench.keys("\"222333\" Enter \"then_2026\" Enter \"then_2026\" Enter");
    bench.fake.own_answers.push_back(Ok(OwnDone::PasswordSet));
    bench.keys("\"777888\" Enter");
    let Own::Redeem(redeem) = &bench.fake.owns[2] else { unreachable!("it was asked") };
    assert_eq!((redeem.email.as_str(), redeem.invited), ("east@flyos.mil", false));
    assert_eq!(redeem.code.expose_secret(), "222333");
    assert_eq!(redeem.second.as_ref().map(SecretString::expose_secret), Some("777888"));
    assert_eq!(bench.app.sign_in.waiting.as_deref(), Some("east@flyos.mil"), "signing in goes on by itself");
}

#[test]
fn what_is_sealed_with_an_older_password_is_asked_about() {
    for size in SIZES {
        let mut bench = outside(size);
        let asks = |wrong: Option<ServiceError>| {
            Msg::Service(Event::OlderPassword { why: Shut::OlderPassword, unsent: Some(3), wrong })
        };
        bench.keys("\"secret\" Enter");
        bench.tell(asks(None));
        bench.keys("Enter \"older\" Enter");
        assert_eq!(bench.old_given, [Some("older".to_owned())]);
        let wrong =
            ServiceError::new(ErrorKind::SignIn, "This password does not open what this machine has either.");
        bench.tell(asks(Some(wrong)));
        bench.keys("Esc Down Enter");
        bench.keys("Enter");
        assert_eq!(bench.old_given.len(), 1, "the answer that stands there is no");
        bench.keys("Enter Right Enter");
        assert_eq!(bench.old_given[1], None);
        bench.tell(asks(None));
        bench.keys("Esc");
        assert_eq!(bench.taken_over, [false], "left as it is");
        assert!(bench.text().contains("Nothing was changed or deleted."));
        // Who stopped waiting is not asked.
        bench.tell(asks(None));
        assert!(bench.app.popups.is_empty());
    }
}
