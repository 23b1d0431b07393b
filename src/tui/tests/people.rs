//! Sign-in accounts of others on the screen, and the messages that stay.

use crate::domain::Role;
use crate::service::{Event, Link};
use crate::tui::app::Msg;
use crate::tui::keys::Context;
use crate::tui::popups::Popup;
use crate::tui::testing::{Bench, Fake, refusal};
use crate::tui::theme::Theme;

fn bench() -> Bench {
    let mut bench = Bench::signed_in(80, 24);
    bench.keys("1");
    bench
}

#[test]
fn a_password_for_another_is_typed_twice_and_never_shown() {
    let mut bench = bench();
    bench.keys("p Enter \"secret99\" Tab \"secret98\" Enter Enter");
    assert!(bench.text().contains("not the same") && bench.fake.administered.is_empty());
    bench.keys("Backspace \"9\"");
    assert!(!bench.text().contains("secret"));
    bench.fake.refusal = Some(refusal(Some("new"), "The password is too weak."));
    bench.keys("Enter Enter");
    assert!(bench.text().contains("too weak"));
    bench.keys("Up \"longer-than-that\" Tab Ctrl+U \"longer-than-that\" Enter Enter");
    assert_eq!(bench.fake.administered.len(), 2, "{}", bench.text());
    assert!(bench.fake.administered.iter().all(|wish| wish.contains("Create") && !wish.contains("secret")));
    assert_eq!(
        (bench.app.context(), bench.app.toast.as_deref()),
        (Context::List, Some("done by the server"))
    );
}

#[test]
fn deeds_that_end_sessions_are_asked_about() {
    let mut bench = bench();
    bench.keys("p \"bar\" Enter Enter");
    assert!(bench.fake.administered.is_empty(), "the answer stands on no");
    bench.keys("p \"bar\" Enter Right Enter");
    bench.keys("p \"out\" Enter Right Enter");
    bench.keys(
        "p \"invite\" Enter Enter p \"Lift_the\" Enter Enter p \"address\" Enter \"a@b.mil\" Enter Enter",
    );
    let deeds = bench.fake.administered.join(" ");
    for deed in ["Ban", "SignOut", "Invite", "Unban", "SetEmail(\"a@b.mil\")"] {
        assert!(deeds.contains(deed), "{deed}: {deeds}");
    }
}

#[test]
fn a_reason_goes_with_every_deed() {
    let mut bench = bench();
    bench.keys("p \"bar\" Enter \"left_the_unit\" Right Enter");
    bench.keys("p \"out\" Enter Right Enter");
    bench.keys("p \"address\" Enter \"a@b.mil\" Enter \"married\" Enter");
    bench.keys("p Enter \"secret99\" Tab \"secret99\" Tab \"new_operator\" Enter");
    bench.keys("p \"invite\" Enter \"joined\" Enter");
    bench.keys("p \"Lift_the\" Enter \"came_back\" Enter");
    let deeds: Vec<_> = bench
        .fake
        .administered
        .iter()
        .zip([
            ("Ban", "reason: Some(\"left the unit\")"),
            ("SignOut", "reason: None"),
            ("SetEmail", "reason: Some(\"married\")"),
            ("Create", "reason: Some(\"new operator\")"),
            ("Invite", "reason: Some(\"joined\")"),
            ("Unban", "reason: Some(\"came back\")"),
        ])
        .collect();
    assert_eq!(deeds.len(), 6, "{}", bench.text());
    for (wish, (deed, reason)) in deeds {
        assert!(wish.contains(deed) && wish.contains(reason), "{deed}: {wish}");
    }
    // One that is too long is told beside its line, before anything is sent.
    bench.keys(&format!("p \"address\" Enter \"a@b.mil\" Enter \"{}\" Enter", "x".repeat(201)));
    assert!(bench.text().contains("At most 200 characters fit."), "{}", bench.text());
    assert_eq!(bench.fake.administered.len(), 6);
}

/// Ctrl+S and F2 send from any line what Enter sends from the last one, and say what is missing.
#[test]
fn the_key_that_saves_sends_what_asks_for_a_password_too() {
    for key in ["Ctrl+S", "F2"] {
        let mut bench = bench();
        bench.keys(&format!("p Enter \"secret99\" {key}"));
        assert!(bench.fake.administered.is_empty() && bench.text().contains(crate::tui::texts::MISSING));
        bench.keys(&format!("\"secret99\" {key}"));
        assert_eq!(bench.fake.administered.len(), 1, "{key}: {}", bench.text());
        bench.keys(&format!("W \"secret\" {key}"));
        assert_eq!(bench.confided.len(), 1, "{key}: {}", bench.text());
    }
    let mut bench = bench();
    bench.tell(Msg::Service(Event::Locked { syncing: true }));
    bench.keys("\"secret\" Ctrl+S");
    assert_eq!(bench.confided.len(), 1);
    let mut bench = Bench::new(80, 24, Theme::default(), Fake::default());
    bench.keys("\"secret\" Ctrl+S");
    assert!(bench.app.sign_in.waiting.is_some() || bench.app.signed_in, "{}", bench.text());
}

#[test]
fn accounts_are_headquarters_own() {
    let mut fake = Fake { role: Role::RegionalHq, ..Fake::default() };
    fake.status.account.as_mut().expect("an account").role = Some(Role::RegionalHq);
    let mut bench = Bench::signed_in_with(80, 24, Theme::default(), fake);
    bench.keys("1 p");
    assert!(bench.app.popups.is_empty() && bench.text().contains("MAIN_HQ alone"));
    let mut bench = Bench::signed_in(80, 24);
    bench.keys("p");
    assert!(bench.app.popups.is_empty(), "a drone signs in nowhere");
}

#[test]
fn what_was_said_can_be_read_again_until_it_is_put_away() {
    let mut bench = Bench::signed_in(80, 24);
    bench.fake.refusal = Some(refusal(None, "The server is on fire.").hint("Call somebody."));
    bench.keys("r Esc s Enter Down Up l");
    assert!(bench.text().contains("on fire") && bench.text().contains("Saved"), "{}", bench.text());
    bench.keys("\"fire\" Enter");
    assert!(matches!(bench.app.popups.last(), Some(Popup::Message(_))));
    assert!(bench.text().contains("Call somebody."));
    bench.keys("y");
    let copied = bench.copied.last().map(String::as_str).unwrap_or_default();
    assert!(copied.ends_with("The server is on fire.\nCall somebody."), "{copied:?}");
    bench.keys("Esc l \"put\" Enter l");
    assert!(bench.app.popups.is_empty() && bench.text().contains("Nothing was said yet"));
    // They are of the session, and go with it.
    bench.fake.refusal = Some(refusal(None, "Drone drone-001 is gone."));
    bench.keys("r Esc");
    bench.tell(Msg::Service(Event::Locked { syncing: true }));
    bench.tell(Msg::Service(Event::Unlocked));
    bench.keys("l");
    assert!(!bench.text().contains("drone-001 is gone"), "{}", bench.text());
    assert_ne!(bench.app.status.link, Link::SignedOut);
}
