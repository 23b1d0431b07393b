//! How lists look, views, and the palette.

use crate::domain::{Key, Kind};
use crate::service::{ColumnLook, Event, Found, Look, Taste};
use crate::tui::app::Msg;
use crate::tui::popups::Popup;
use crate::tui::testing::{Bench, Fake};
use crate::tui::theme::Theme;

fn bench() -> Bench {
    Bench::signed_in(100, 30)
}

fn header(bench: &Bench) -> String {
    let text = bench.text();
    text.lines().nth(usize::from(bench.app.shape().header.y)).unwrap_or_default().to_owned()
}

fn with(taste: Taste) -> Bench {
    Bench::signed_in_with(100, 30, Theme::default(), Fake { taste, ..Fake::default() })
}

#[test]
fn several_columns_sort_and_the_header_says_in_which_order() {
    let mut bench = bench();
    bench.keys("o \"status\" Enter b \"region\" Enter");
    assert!(header(&bench).contains("STATUS↑1") && header(&bench).contains("REGION↑2"), "{}", header(&bench));
    bench.keys("b \"region\" Enter");
    assert!(header(&bench).contains("REGION↓2"), "again turns it round: {}", header(&bench));
    let order = &bench.app.list().sorts;
    assert_eq!(*order, [("status", false), ("region", true)]);
    bench.keys("o \"id\" Enter");
    assert!(header(&bench).contains("ID↑ ") && !header(&bench).contains('1'), "{}", header(&bench));
    bench.keys("o \"id\" Enter");
    assert!(header(&bench).contains("ID↓"), "{}", header(&bench));
}

#[test]
fn columns_are_hidden_moved_sized_and_kept() {
    let mut bench = bench();
    // Model is hidden, Status moved after Region and made wider; the name neither goes nor moves.
    bench.keys("C Enter PgDn Down Enter Down PgDn Right Right Esc");
    let line = header(&bench);
    assert!(!line.contains("MODEL") && line.find("REGION") < line.find("STATUS"), "{line}");
    let kept = &bench.fake.taste.lists[&Kind::Drone].columns;
    assert!(!kept[0].hidden && kept[0].name == "id", "{kept:?}");
    assert!(kept.iter().any(|look| look.name == "status" && look.width == Some(15)), "{kept:?}");
    // The next session begins so.
    let again = with(bench.fake.taste.clone());
    assert_eq!(header(&again), line);
    bench.keys("C Del Esc");
    assert!(header(&bench).contains("MODEL"));
}

#[test]
fn what_was_kept_of_columns_nobody_knows_does_no_harm() {
    let look = |name: &str| ColumnLook { name: name.to_owned(), hidden: true, width: Some(12) };
    let columns = vec![look("color"), look("id"), look("model"), look("model")];
    let lists = [(Kind::Drone, Look { sort: "color,-status".to_owned(), columns })].into();
    let bench = with(Taste { lists, ..Taste::default() });
    assert!(header(&bench).contains("ID") && header(&bench).contains("STATUS↓"), "{}", bench.text());
}

#[test]
fn a_view_has_a_name_and_the_list_opens_with_the_last_one() {
    let mut bench = bench();
    bench.keys("f");
    assert!(bench.app.popups.is_empty(), "there is none yet");
    bench.keys("/ \"status:maint\" Enter O F \"workshop\" Enter");
    assert_eq!(bench.fake.taste.views.len(), 1);
    bench.keys("Esc f \"comes\" Enter");
    assert_eq!(bench.app.list().matched(), 60);
    bench.keys("f \"work\" Enter");
    assert_eq!((bench.app.list().matched(), bench.app.list().filter.text()), (12, "status:maint"));
    let again = with(bench.fake.taste.clone());
    assert_eq!((again.app.list().matched(), again.app.list().sorts.clone()), (12, vec![("id", true)]));
    bench.keys("Ctrl+F Enter");
    assert!(bench.fake.taste.views.is_empty() && bench.fake.taste.opens.is_empty());
    assert_eq!(bench.app.list().matched(), 12, "the list stays as it is");
}

#[test]
fn a_view_wants_a_name_and_what_cannot_be_read_is_told() {
    let mut bench = bench();
    bench.keys("F Enter");
    assert!(matches!(bench.app.popups.last(), Some(Popup::Prompt(_))), "nothing was typed");
    let long = "x".repeat(41);
    bench.keys(&format!("\"{long}\" Enter"));
    assert!(bench.text().contains("1 to 40 characters"), "{}", bench.text());
    let fake = Fake { taste_problem: Some("It could not be read.".to_owned()), ..Fake::default() };
    let mut bench = Bench::new(100, 30, Theme::default(), fake);
    bench.tell(Msg::Service(Event::SignedIn { offline: true, trouble: None }));
    assert!(bench.text().contains("It could not be read."));
}

#[test]
fn the_palette_finds_actions_by_letters_and_rows_by_name() {
    let mut bench = bench();
    bench.keys("m \"srtby\"");
    assert!(bench.text().contains("then sort by"), "{}", bench.text());
    bench.keys("Esc m \"drone-017\" Enter");
    assert_eq!(bench.app.detail.key, Some(Key::drone("drone-017")));
    assert!(bench.app.detail.focused);
    bench.keys("Esc m \"rodin\" Enter");
    assert_eq!((bench.app.list().kind, bench.app.subject_label()), (Kind::User, "l_rodin".to_owned()));
    // What was done from here last stands first.
    bench.keys("Esc m \"reverse\" Enter m");
    let Some(Popup::Menu(menu)) = bench.app.popups.last() else { unreachable!() };
    assert_eq!(menu.selected().map(|entry| entry.title.as_str()), Some("reverse order"));
}

#[test]
fn back_and_forward_go_over_what_was_open() {
    let mut bench = bench();
    bench.keys("Enter Down Down Down Enter");
    let user = bench.app.detail.key.clone();
    bench.keys("[");
    assert_eq!(bench.app.detail.key, Some(Key::drone("drone-001")));
    bench.keys("]");
    assert_eq!(bench.app.detail.key, user);
    bench.keys("[ ] [");
    assert_eq!(bench.app.detail.key, Some(Key::drone("drone-001")));
    bench.keys("Esc ]");
    assert!(bench.app.toast.as_deref().is_some_and(|toast| toast.contains("forward")));
}

#[test]
fn what_is_shown_stays_until_the_order_of_very_many_rows_is_made() {
    let mut bench = bench();
    bench.keys("Down Down");
    let before = bench.app.list().key.clone();
    assert_eq!(before, Some(Key::drone("drone-003")));
    bench.fake.coming = true;
    bench.keys("/ \"status:standby\" Enter");
    let text = bench.text();
    assert!(text.contains("looking through 500,000") && text.contains("drone-003"), "{text}");
    // What is selected is what is seen to be: the row that a key would act on.
    assert_eq!(bench.app.list().key, before);
    assert_eq!(bench.app.list().row().map(|row| row.key.clone()), before);
    bench.keys("Down");
    assert_eq!(bench.app.list().row().map(|row| &row.key), bench.app.list().key.as_ref());
    // The order is there.
    bench.fake.coming = false;
    bench.tell(Msg::Service(Event::Data));
    let text = bench.text();
    assert!(!text.contains("looking through") && text.contains(" of "), "{text}");
    assert!(
        bench
            .app
            .list()
            .page
            .as_ref()
            .is_some_and(|page| page.rows.iter().all(|row| row.cells["status"] == "STANDBY"))
    );
    // A list that was not shown yet has nothing to show.
    bench.fake.coming = true;
    bench.keys("1");
    assert!(bench.text().contains("Loading the list."), "{}", bench.text());
    assert!(!bench.text().contains("There is no user"), "{}", bench.text());
}

#[test]
fn what_a_long_search_finds_is_taken_only_for_what_is_typed_by_then() {
    let mut bench = bench();
    bench.keys("m \"drone-01\"");
    let found = |id: &str| {
        let found = Found { key: Key::drone(id), label: id.to_owned(), note: "drone".to_owned() };
        Event::Found("drone-01".to_owned(), vec![found])
    };
    bench.tell(Msg::Service(found("drone-0101")));
    assert!(bench.text().contains("drone-0101"), "{}", bench.text());
    bench.keys("\"9\"");
    bench.tell(Msg::Service(found("drone-0102")));
    assert!(!bench.text().contains("drone-0102"), "{}", bench.text());
    bench.keys("Esc");
    bench.tell(Msg::Service(found("drone-0103")));
    assert!(!bench.text().contains("drone-0103"), "{}", bench.text());
}
