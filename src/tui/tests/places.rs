//! The places beside the lists: where their lines lead.

use std::collections::BTreeMap;

use super::pictures::{held, waiting};
use crate::domain::{Key, Kind};
use crate::service::{Action, Activity, ActivityLine, Event, Link, Traffic};
use crate::tui::app::Msg;
use crate::tui::keys::with_own;
use crate::tui::places::Place;
use crate::tui::popups::Popup;
use crate::tui::testing::{Bench, Fake, activity, ago};
use crate::tui::theme::Theme;

fn bench(width: u16, height: u16) -> Bench {
    let mut fake = Fake::default();
    waiting(&mut fake);
    Bench::signed_in_with(width, height, Theme::default(), fake)
}

#[test]
fn each_place_has_its_digit_and_tab_goes_round() {
    let mut bench = bench(80, 24);
    for (place, digit) in Place::ALL.into_iter().zip(["1", "2", "3", "4", "5", "0"]) {
        bench.keys(digit);
        assert_eq!(bench.app.place, place);
        assert!(bench.text().contains(&format!("[{digit} {}]", place.title())), "{}", bench.text());
    }
    bench.keys("0 Tab");
    assert_eq!(bench.app.place, Place::ALL[0]);
    bench.keys("Shift+Tab");
    assert_eq!(bench.app.place, Place::Overview);
    // No verb reaches a row that is not on the screen.
    bench.keys("Del e s a");
    assert!(bench.app.popups.is_empty() && bench.fake.actions.is_empty());
}

#[test]
fn a_place_stands_after_the_key_that_goes_there() {
    let own = |wishes: &[(&str, &str)]| {
        let wishes = wishes.iter().map(|(name, key)| ((*name).to_owned(), vec![(*key).to_owned()]));
        with_own(&wishes.collect(), &BTreeMap::new()).expect("sound")
    };
    for size in [(120, 40), (80, 24)] {
        let mut bench = bench(size.0, size.1);
        bench.app.hands.keys = own(&[("regions", "x"), ("go-sync", "F11")]);
        let text = bench.text();
        assert!(
            text.contains("1 Users") && text.contains("x Regions") && text.contains("F11 Sync"),
            "{text}"
        );
        assert!(!text.contains("2 Regions") && !text.contains("4 Sync"), "{text}");
        bench.keys("x");
        assert!(bench.text().contains("[x Regions]"), "{}", bench.text());
    }
    let mut small = bench(60, 15);
    small.app.hands.keys = own(&[("drones", "x")]);
    assert!(small.text().contains("[x Drones]"), "{}", small.text());
    // With keys for which there is no room, the places stand alone.
    let names = ["users", "regions", "drones", "go-sync", "go-activity", "go-overview"];
    let keys = ["Ctrl+PgUp", "Ctrl+PgDn", "Ctrl+Home", "Ctrl+End", "Ctrl+Ins", "Ctrl+Del"];
    let mut narrow = bench(80, 24);
    narrow.app.hands.keys = own(&names.into_iter().zip(keys).collect::<Vec<_>>());
    assert!(narrow.text().contains(" Users Regions [Drones] Sync Activity Overview"), "{}", narrow.text());
}

#[test]
fn the_filter_of_the_activity_offers_nothing_to_complete() {
    let mut bench = bench(80, 24);
    assert!(bench.keys("/").text().contains("Tab complete"), "{}", bench.text());
    bench.keys("Esc 5 /");
    assert!(bench.text().contains("Esc clear") && !bench.text().contains("complete"), "{}", bench.text());
}

#[test]
fn an_edit_that_is_held_back_says_so_and_leads_to_the_decision() {
    let mut fake = Fake::default();
    fake.status.disk.held = 2;
    held(&mut fake, 2);
    let mut bench = Bench::signed_in_with(80, 24, Theme::default(), fake);
    bench.keys("Esc 4");
    let text = bench.text();
    assert!(text.contains("Held back  2") && text.contains("drone-001          ?! Held back"), "{text}");
    bench.keys("Down Enter");
    assert!(bench.text().contains("It may have been sent since"), "{}", bench.text());
    bench.keys("Down Enter Down Enter");
    assert_eq!(bench.fake.actions, [Action::SettleHeld { send: true }]);
}

#[test]
fn a_figure_leads_to_its_rows_and_a_region_unfolds() {
    let mut bench = bench(80, 24);
    bench.keys("0 Down Down Down Down Enter");
    assert_eq!((bench.app.place, bench.app.list().filter.text()), (Place::Drones, "status=ACTIVE"));
    bench.keys("0 End Up Up Right");
    assert!(bench.text().contains("▾ Eastern"), "{}", bench.text());
    bench.keys("Down Down Enter");
    assert_eq!(
        (bench.app.place, bench.app.list().filter.text()),
        (Place::Users, "region=Eastern role=OPERATOR")
    );
    bench.keys("0 Left");
    assert!(bench.text().contains("> ▸ Eastern"), "folded from within: {}", bench.text());
}

#[test]
fn an_edit_on_its_way_is_opened_tried_again_or_decided() {
    let mut bench = bench(80, 24);
    bench.keys("4 Enter");
    assert!(
        matches!(bench.app.popups.last(), Some(Popup::Picker(picker)) if picker.title.contains("Conflict"))
    );
    bench.keys("Esc Down Enter Down Enter");
    assert_eq!(bench.fake.actions, [Action::Retry { edit: 9 }]);
    bench.keys("Enter Enter");
    assert_eq!(bench.app.detail.key, Some(Key::drone("drone-003")));
}

#[test]
fn the_line_is_held_verified_and_loaded_anew_by_keys() {
    let mut bench = bench(80, 24);
    let now_is = |bench: &mut Bench, traffic| {
        bench.fake.status.traffic = traffic;
        bench.tell(Msg::Service(Event::Status));
    };
    bench.keys("4 P");
    now_is(&mut bench, Traffic::Held);
    let text = bench.text();
    assert!(text.contains("HELD: nothing goes out") && text.contains("Line held"), "{text}");
    bench.keys("P");
    // Who was sparing with the line stays so.
    now_is(&mut bench, Traffic::Sparing);
    bench.keys("P");
    now_is(&mut bench, Traffic::Held);
    // Locked meanwhile, it tells of no line.
    let online = std::mem::replace(&mut bench.fake.status.link, Link::Idle { syncing: false });
    now_is(&mut bench, Traffic::Normal);
    bench.fake.status.link = online;
    now_is(&mut bench, Traffic::Held);
    bench.keys("P V H R r");
    let set = |traffic| Action::SetTraffic { traffic };
    let wanted = [
        set(Traffic::Held),
        set(Traffic::Normal),
        set(Traffic::Held),
        set(Traffic::Sparing),
        Action::Verify,
        Action::Verify,
        Action::Reload,
        Action::SyncNow,
    ];
    assert_eq!(bench.fake.actions, wanted);
}

#[test]
fn an_opened_row_tells_its_history_the_own_unsent_first() {
    let mut bench = bench(100, 34);
    bench.keys("3 / \"drone-017\" Enter");
    assert!(!bench.text().contains("History"), "it is not read while the cursor merely passes");
    bench.keys("Enter");
    let text = bench.text();
    for expected in ["History", "as of 11:16, offline", "east_hq", "operator m_rodriguez", "\"inspection\""] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!bench.keys("Esc").text().contains("History"));
    bench
        .fake
        .activity
        .lines
        .push(ActivityLine { key: Key::drone("drone-003"), ..activity().lines[1].clone() });
    bench.keys("Esc / \"drone-003\" Enter Enter");
    let text = bench.text();
    let at = |words: &str| text.find(words).expect(words);
    assert!(at("you, not sent") < at("east_hq") && at("\"left engine\"") < at("east_hq"), "{text}");
    for (width, height) in super::matrix::SIZES {
        let mut bench = self::bench(width, height);
        bench
            .fake
            .activity
            .lines
            .push(ActivityLine { key: Key::drone("drone-003"), ..activity().lines[1].clone() });
        let text = bench.keys("3 Down Down Enter End").text();
        assert!(text.contains("operator m_rodriguez (was -)"), "its last line is reached: {text}");
    }
}

#[test]
fn a_history_that_is_not_here_yet_says_so() {
    let mut bench = bench(80, 24);
    bench.fake.status.link = Link::Online;
    bench.fake.activity = Activity { asking: true, ..Activity::default() };
    assert!(bench.keys("3 Enter End").text().contains("reading"), "{}", bench.text());
    bench.fake.activity = Activity::default();
    bench.tell(Msg::Service(Event::Data));
    assert!(bench.keys("End").text().contains("it comes from the server"), "{}", bench.text());
    bench.fake.activity.trouble = Some("The server is not answering.".to_owned());
    bench.tell(Msg::Service(Event::Data));
    assert!(bench.keys("End").text().contains("The server is not answering."), "{}", bench.text());
    bench.fake.activity = Activity { as_of: Some(ago(1)), ..Activity::default() };
    bench.tell(Msg::Service(Event::Data));
    assert!(bench.keys("End").text().contains("Nothing was done yet"), "{}", bench.text());
}

#[test]
fn the_cursor_stays_on_its_edit_while_others_go() {
    let mut bench = bench(80, 24);
    bench.keys("4 Down");
    bench.fake.outbox.remove(0);
    bench.tell(Msg::Service(Event::Data));
    assert!(bench.text().contains("> drone-003"), "{}", bench.text());
}

#[test]
fn nothing_of_an_account_stays_when_its_session_ends() {
    let mut bench = bench(80, 24);
    bench.keys("0 4 5");
    bench.tell(Msg::Service(Event::Locked { syncing: true }));
    assert!(
        bench.app.overview.shown.is_none()
            && bench.app.sync.outbox.is_empty()
            && bench.app.sync.runs.is_empty()
    );
}

#[test]
fn the_rows_of_a_figure_are_those_it_counts() {
    // In the bench the list finds what the filter says; the service's own test holds the counts together.
    let mut bench = bench(80, 24);
    bench.keys("0 Enter");
    assert_eq!(bench.app.popups.len(), 1, "what needs somebody is decided on at once");
    assert_eq!(Place::of(Kind::Assignment), None);
}

#[test]
fn the_activity_is_filtered_leads_to_rows_and_reads_further_back() {
    let mut bench = bench(80, 24);
    bench.keys("5 / \"inspection\"");
    let text = bench.text();
    assert!(
        text.contains("STANDBY") && !text.contains("m_rodriguez") && !text.contains("drone-003"),
        "{text}"
    );
    bench.keys("Enter Enter");
    assert_eq!(bench.app.detail.key, Some(Key::drone("drone-017")));
    bench.keys("5 Esc End Enter");
    assert_eq!(bench.fake.actions, [Action::MoreActivity]);
    bench.fake.activity = Activity::default();
    bench.tell(Msg::Service(Event::Data));
    assert!(bench.text().contains("not been read yet"), "{}", bench.text());
}

#[test]
fn what_is_asked_of_the_server_is_said_as_it_is_with_a_line_and_without() {
    let mut bench = bench(100, 30);
    for (link, verify, reload) in [
        (Link::Online, "Comparing all rows with the server's", "Loading all rows anew"),
        (
            Link::Offline { since: bench.app.now, why: "no route".to_owned() },
            "There is no line now. Rows are compared once there is.",
            "There is no line now. Rows are loaded anew once there is.",
        ),
    ] {
        bench.fake.status.link = link;
        bench.tell(Msg::Service(Event::Status));
        for (key, words) in [("V", verify), ("R", reload)] {
            bench.keys(key);
            assert!(bench.text().contains(words), "{words}: {}", bench.text());
        }
    }
}

#[test]
fn before_everything_was_received_no_list_says_that_there_is_nothing() {
    let mut bench = bench(100, 30);
    bench.fake.rows.insert(Kind::Region, Vec::new());
    (bench.fake.status.as_of, bench.fake.status.link) = (None, Link::Loading { done: 1, total: 9 });
    bench.tell(Msg::Service(Event::Status));
    bench.keys("2");
    assert!(bench.text().contains("No region is here yet: rows are still being loaded."), "{}", bench.text());
    bench.keys("0");
    assert!(bench.text().contains("Not everything was received yet"), "{}", bench.text());
    bench.fake.status.traffic = Traffic::Held;
    bench.tell(Msg::Service(Event::Status));
    bench.keys("2");
    assert!(bench.text().contains("the line is held before everything"), "{}", bench.text());
}

#[test]
fn back_leads_to_where_a_jump_began_and_a_list_is_as_it_was() {
    let mut bench = bench(120, 40);
    bench.keys("3 / \"status:active\" Enter Down");
    let key = bench.app.list().key.clone();
    bench.keys("0 Down Down Down Down Enter");
    assert_eq!(bench.app.place, Place::Drones);
    assert_ne!(bench.app.list().filter.text(), "status:active", "{}", bench.text());
    bench.keys("Esc Enter [");
    assert_eq!(
        (bench.app.place, bench.app.detail.focused),
        (Place::Drones, false),
        "the row is closed first"
    );
    bench.keys("[");
    assert_eq!(bench.app.place, Place::Overview, "{}", bench.text());
    bench.keys("3");
    assert_eq!((bench.app.list().filter.text(), &bench.app.list().key), ("status:active", &key));
    bench.keys("[");
    assert!(bench.text().contains("nothing to go back to"), "who goes by themselves leaves no way");

    bench.keys("5 Enter");
    assert!(bench.app.detail.focused, "{}", bench.text());
    bench.keys("[");
    assert_eq!((bench.app.place, bench.app.detail.focused), (Place::Activity, false));
}
