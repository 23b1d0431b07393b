//! The locked console, recovery words, and what else is asked for with a secret.

use secrecy::SecretString;

use super::super::app::Msg;
use super::super::testing::Bench;
use super::pictures::{asides, machines};
use crate::service::{Done, Event, Link};

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
    let mut bench = Bench::signed_in(100, 30);
    bench.keys("E \"one_phrase_long\" Enter \"another_phrase\" Enter");
    assert!(bench.confided.is_empty() && bench.text().contains("differ"), "{}", bench.text());
    bench.keys("\"one_phrase_long\" Enter");
    let confided = bench.confided.clone();
    assert!(confided[0].1.contains("Export") && !confided[0].1.contains("phrase_long"), "{confided:?}");
    let done = Done::Exported { edits: 3, path: "flyos.sealed".to_owned() };
    bench.tell(Msg::Done(confided[0].0, Ok(done)));
    assert!(bench.text().contains("3 edits are in flyos.sealed, sealed."), "{}", bench.text());
}

#[test]
fn erasing_names_what_is_lost_and_wants_its_word() {
    let mut bench = Bench::signed_in(100, 30);
    bench.keys("X Enter \"eras\" Enter");
    assert!(bench.fake.actions.is_empty());
    bench.keys("\"e\" Enter");
    assert_eq!(bench.fake.actions, [crate::service::Action::Erase]);
}

#[test]
fn what_is_kept_aside_is_taken_over_by_its_old_password() {
    let mut bench = Bench::signed_in(100, 30);
    bench.keys("B");
    assert!(bench.text().contains("Nothing of this account is kept aside"), "{}", bench.text());
    asides(&mut bench.fake);
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
    use crate::service::Action;
    let list = |bench: &mut Bench| {
        machines(&mut bench.fake);
        bench.keys("U");
    };
    let mut bench = Bench::signed_in(100, 30);
    list(&mut bench);
    // Neither this one nor one that is erased already.
    bench.keys("Enter Down Down Enter");
    assert!(bench.text().contains("People's machines"), "{}", bench.text());
    bench.keys("Up Enter Enter \"rodrigue\" Enter");
    assert_eq!(bench.fake.actions, [Action::Machines]);
    bench.keys("\"z\" Enter");
    let (user, device) = (bench.fake.machines[1].user, bench.fake.machines[1].device);
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
