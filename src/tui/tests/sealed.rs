//! The locked console, recovery words, and what else is asked for with a secret.

use secrecy::SecretString;

use super::super::app::Msg;
use super::super::testing::Bench;
use super::pictures::keep_both;
use crate::service::{Done, ErrorKind, Event, Link, ServiceError};

fn locked(bench: &mut Bench, syncing: bool) {
    bench.fake.status = crate::service::Status::locked(3, syncing);
    bench.tell(Msg::Service(Event::Locked { syncing }));
}

/// Nothing of rows, names or addresses: the words of the test's data set.
fn tells_nothing(bench: &Bench) {
    let text = bench.text();
    for word in ["drone-", "m_rodriguez", "Eastern", "MQ7", "flyos.mil", "MAIN_HQ", "training", "typed"] {
        assert!(!text.contains(word), "{word} on the screen:\n{text}");
    }
}

#[test]
fn a_locked_console_shows_nothing_of_anybody() {
    for prepare in ["", "e", "Enter", "s", "m", "/ \"typed\"", "Del", "F1"] {
        let mut bench = Bench::signed_in(100, 30);
        bench.keys(prepare);
        locked(&mut bench, false);
        tells_nothing(&bench);
        // Whatever is pressed, also what is told late.
        bench.keys("e Esc Down Enter F8 3 \"typed\" F1 Esc");
        bench.tell(Msg::Service(Event::Data));
        bench.tell(Msg::Resized(80, 24));
        tells_nothing(&bench);
        assert!(matches!(bench.app.status.link, Link::Idle { .. }));
    }
    keep_both("locked", |bench| locked(bench, false));
    keep_both("locked_syncing_with_a_form", |bench| {
        bench.keys("e \"typed\"");
        locked(bench, true);
        bench.keys("\"secret\" Enter");
        let refused = ServiceError::new(ErrorKind::SignIn, "This is not the password.");
        let submission = bench.confided.last().expect("handed on").0;
        bench.tell(Msg::Done(submission, Err(refused)));
    });
}

#[test]
fn the_password_unlocks_and_the_form_is_there_again() {
    let mut bench = Bench::signed_in(100, 30);
    bench.keys("n \"drone-900\"");
    let before = bench.text();
    locked(&mut bench, false);
    bench.keys("Enter");
    assert!(bench.confided.is_empty(), "nothing was typed yet");
    bench.keys("\"secret\" Enter Enter");
    let confided = bench.confided.clone();
    assert_eq!(confided.len(), 1, "asked once: {confided:?}");
    assert!(confided[0].1.starts_with("Unlock") && !confided[0].1.contains("secret"), "{confided:?}");
    bench.fake.status = super::super::testing::status();
    bench.tell(Msg::Service(Event::SignedIn { offline: true, trouble: None }));
    bench.tell(Msg::Done(confided[0].0, Ok(Done::Unlocked)));
    let body = |text: &str| text.lines().take(27).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(body(&bench.text()), body(&before), "all as it was, what was typed as well");
    // Somebody else who signs in never sees it.
    locked(&mut bench, false);
    bench.keys("\"open_words\" F6");
    assert!(bench.text().contains("open words"), "shown on wish: {}", bench.text());
    bench.keys("Enter");
    assert!(!bench.text().contains("open words"));
    bench.keys("F9");
    bench.tell(Msg::Service(Event::SignedOut { why: None }));
    bench.fake.status = super::super::testing::status();
    bench.tell(Msg::Service(Event::SignedIn { offline: true, trouble: None }));
    assert!(!bench.text().contains("drone-900"), "{}", bench.text());
}

#[test]
fn recovery_words_are_shown_once_and_asked_back() {
    let words = "zoo ".repeat(23) + "vote";
    let show = |bench: &mut Bench| {
        bench.keys("W \"secret\" Enter");
        let submission = bench.confided.last().expect("handed on").0;
        bench.tell(Msg::Done(submission, Ok(Done::WordsMade)));
        bench.tell(Msg::Service(Event::Words(SecretString::from(words.as_str()))));
    };
    keep_both("words", show);
    keep_both("words_asked_back", |bench| {
        show(bench);
        bench.keys("Enter \"zoo_zoo\"");
    });
    keep_both("words_password", |bench| _ = bench.keys("W"));
    // Left at either step they count for nothing.
    for leave in ["Esc", "Enter Esc"] {
        let mut bench = Bench::signed_in(100, 30);
        show(&mut bench);
        bench.keys(leave);
        assert_eq!(bench.confided.last().map(|last| last.1.as_str()), Some("forget"), "{leave}");
        assert!(!bench.text().contains("vote"));
    }
    // A window that has no room for all of them shows none, and says so.
    let mut bench = Bench::signed_in(40, 10);
    show(&mut bench);
    assert!(bench.text().contains("larger") && !bench.text().contains("zoo"), "{}", bench.text());
}

#[test]
fn a_file_wants_its_passphrase_twice() {
    keep_both("export", |bench| _ = bench.keys("E"));
    let mut bench = Bench::signed_in(100, 30);
    bench.keys("E \"one_phrase_long\" Enter \"another_phrase\" Enter");
    assert!(bench.confided.is_empty() && bench.text().contains("differ"), "{}", bench.text());
    bench.keys("\"one_phrase_long\" Enter");
    let confided = bench.confided.clone();
    assert!(confided[0].1.contains("Export") && !confided[0].1.contains("phrase_long"), "{confided:?}");
    let done = Done::Exported { edits: 3, path: "flyos.sealed".to_owned() };
    bench.tell(Msg::Done(confided[0].0, Ok(done)));
    assert!(bench.text().contains("3 edits are in flyos.sealed, sealed."), "{}", bench.text());
    keep_both("imported", |bench| {
        bench.keys("I \"out.sealed\" Enter \"one_phrase_long\" Enter");
        let submission = bench.confided.last().expect("handed on").0;
        let refused = vec![("drone-001: status ACTIVE to OFFLINE".to_owned(), "It is not yours.".to_owned())];
        let done = Done::Imported { author: "operator1".to_owned(), saved: 2, known: 1, refused };
        bench.tell(Msg::Done(submission, Ok(done)));
    });
}

#[test]
fn erasing_names_what_is_lost_and_wants_its_word() {
    let lines = || (0..6).map(|_| super::super::testing::outbox_line()).collect();
    keep_both("erase", |bench| {
        bench.fake.outbox = lines();
        bench.keys("X");
    });
    let mut bench = Bench::signed_in(100, 30);
    bench.keys("X Enter \"eras\" Enter");
    assert!(bench.fake.actions.is_empty());
    bench.keys("\"e\" Enter");
    assert_eq!(bench.fake.actions, [crate::service::Action::Erase]);
}

#[test]
fn what_is_kept_aside_is_taken_over_by_its_old_password() {
    use crate::service::Aside;
    use crate::tui::testing::ago;
    let aside =
        |minutes, unsent| Aside { name: format!("account.aside-{minutes}"), since: ago(minutes), unsent };
    let kept = || vec![aside(3000, Some(2)), aside(200, None)];
    keep_both("aside", |bench| {
        bench.fake.asides = kept();
        bench.keys("B");
    });
    keep_both("aside_password", |bench| {
        bench.fake.asides = kept();
        bench.keys("B Enter");
    });
    let mut bench = Bench::signed_in(100, 30);
    bench.keys("B");
    assert!(bench.text().contains("Nothing of this account is kept aside"), "{}", bench.text());
    bench.fake.asides = kept();
    bench.keys("B Down Enter \"older_one\" Enter");
    let confided = bench.confided.clone();
    assert!(
        confided[0].1.contains("TakeBack") && confided[0].1.contains("account.aside-200"),
        "{confided:?}"
    );
    assert!(!confided[0].1.contains("older"), "{confided:?}");
}

#[test]
fn headquarters_has_a_machine_erased_by_the_name_of_whose_it_is() {
    use crate::service::{Action, Machine};
    use crate::tui::testing::ago;
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
    let machines = || {
        vec![
            machine(1, "main_admin", 0, false),
            machine(2, "rodriguez", 3, false),
            machine(3, "j_park", 0, true),
        ]
    };
    let list = |bench: &mut Bench| {
        bench.fake.machines = machines();
        bench.keys("U");
    };
    keep_both("machines", list);
    keep_both("machine_erased", |bench| {
        list(bench);
        bench.keys("Down Enter");
    });
    let mut bench = Bench::signed_in(100, 30);
    list(&mut bench);
    // Neither this one nor one that is erased already.
    bench.keys("Enter Down Down Enter");
    assert!(bench.text().contains("People's machines"), "{}", bench.text());
    bench.keys("Up Enter Enter \"rodrigue\" Enter");
    assert_eq!(bench.fake.actions, [Action::Machines]);
    bench.keys("\"z\" Enter");
    let (user, device) = (machines()[1].user, machines()[1].device);
    assert_eq!(bench.fake.actions[1..], [Action::EraseMachine { user, device }]);
    assert!(bench.text().contains("as soon as it reaches the server"), "{}", bench.text());
    // Others look, and are told why not.
    let mut bench = Bench::signed_in(100, 30);
    if let Some(account) = &mut bench.fake.status.account {
        account.role = Some(crate::domain::Role::RegionalHq);
    }
    bench.tell(Msg::Service(Event::Status));
    list(&mut bench);
    bench.keys("Down Enter");
    assert!(bench.text().contains("Only headquarters"), "{}", bench.text());
}
