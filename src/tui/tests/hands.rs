//! Hands and terminals: own keys, the mouse, copying, read-only sessions, themes on each rung, and what hostile data
//! does to the picture: nothing.

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::layout::{Rect, Size};
use unicode_width::UnicodeWidthStr as _;

use super::budget::Scene;
use crate::domain::{Kind, field::is_harmful};
use crate::service::ladder::Colours;
use crate::tui::app::Msg;
use crate::tui::backend::Frugal;
use crate::tui::decode::Decoder;
use crate::tui::keys::{Context, Keymap, with_own};
use crate::tui::popups::Popup;
use crate::tui::testing::{Bench, Fake};
use crate::tui::theme::{Theme, palette};
use crate::tui::widgets::Pen;

fn theme(name: &str, rung: Colours) -> Theme {
    let palette = palette::load(name, std::path::Path::new("/nonexistent"), rung).expect("a built-in theme");
    Theme { ascii: false, mono: rung == Colours::Mono, palette }
}

fn click(bench: &mut Bench, column: u16, row: u16) {
    let bytes = format!("\x1b[<0;{};{}M", column + 1, row + 1);
    for input in Decoder::default().feed(bytes.as_bytes()) {
        bench.tell(Msg::Input(input));
    }
}

fn wheel(bench: &mut Bench, down: bool) {
    let bytes = format!("\x1b[<{};5;5M", if down { 65 } else { 64 });
    for input in Decoder::default().feed(bytes.as_bytes()) {
        bench.tell(Msg::Input(input));
    }
}

/// Where a text stands on the screen.
fn find(bench: &Bench, text: &str) -> (u16, u16) {
    let screen = bench.text();
    let (row, line) =
        screen.lines().enumerate().find(|(_, line)| line.contains(text)).expect("on the screen");
    let before = line.split(text).next().unwrap_or_default().width();
    (u16::try_from(before).expect("small"), u16::try_from(row).expect("small"))
}

#[test]
fn the_mouse_does_nothing_until_it_is_taken() {
    let mut bench = Bench::signed_in(80, 24);
    let before = bench.text();
    click(&mut bench, 5, 8);
    wheel(&mut bench, true);
    assert_eq!(bench.text(), before);
    bench.keys("M");
    assert!(bench.app.hands.mouse && bench.text().contains("Shift+drag selects"));
    bench.keys("M");
    assert!(!bench.app.hands.mouse);
}

#[test]
fn a_click_selects_opens_turns_tabs_and_does_what_the_footer_says() {
    for (width, height) in [(120, 40), (80, 24), (60, 15)] {
        let mut bench = Bench::signed_in(width, height);
        bench.keys("M");
        let (column, row) = find(&bench, "drone-004");
        click(&mut bench, column, row);
        assert_eq!(bench.app.list().key.as_ref().map(|key| key.pk.as_str()), Some("drone-004"));
        click(&mut bench, column, row);
        assert_eq!(bench.app.context(), Context::Detail, "the selected row is opened");
        bench.keys("Esc");
        wheel(&mut bench, true);
        assert_eq!(bench.app.list().selected, 6);
        wheel(&mut bench, false);
        assert_eq!(bench.app.list().selected, 3);
        click(&mut bench, width - 1, 0);
        if width >= 80 {
            let (column, row) = find(&bench, "1 Users");
            click(&mut bench, column, row);
            assert_eq!(bench.app.list().kind, Kind::User);
            let (column, row) = find(&bench, "e edit");
            click(&mut bench, column, row);
            assert!(matches!(bench.app.popups.last(), Some(Popup::Form(_))));
        } else {
            let (column, row) = find(&bench, "F1 help");
            click(&mut bench, column, row);
            assert!(matches!(bench.app.popups.last(), Some(Popup::Help(_))));
        }
    }
}

#[test]
fn a_click_on_the_menu_selects_its_line() {
    let mut bench = Bench::signed_in(80, 24);
    bench.keys("M m");
    let (column, row) = find(&bench, "status  ");
    click(&mut bench, column, row);
    bench.keys("Enter");
    assert!(bench.text().contains("Status of drone-001"));
}

#[test]
fn own_keys_are_in_footer_menu_and_help() {
    let mut bench = Bench::signed_in(80, 24);
    let wishes =
        [("edit".to_owned(), vec!["F11".to_owned()]), ("help".to_owned(), vec!["Ctrl+G".to_owned()])];
    bench.app.hands.keys = with_own(&wishes.into(), &std::collections::BTreeMap::new()).expect("sound");
    assert!(bench.text().contains("F11 edit") && bench.text().contains("Ctrl+G help"), "{}", bench.text());
    assert!(bench.keys("m").text().contains("edit             F11"));
    assert!(bench.keys("Esc Ctrl+G \"changes_the_fields\"").text().contains("F11"));
    bench.keys("Esc F11");
    assert!(matches!(bench.app.popups.last(), Some(Popup::Form(_))));
}

#[test]
fn a_row_is_copied_in_the_form_that_is_chosen() {
    let mut bench = Bench::signed_in(80, 24);
    bench.keys("y \"json\" Enter");
    let copied: serde_json::Value = serde_json::from_str(&bench.copied[0]).expect("JSON");
    assert_eq!(copied["id"], "drone-001");
    bench.keys("y \"model\" Enter");
    assert_eq!(bench.copied[1], "FlyOS_MQ7");
}

#[test]
fn a_read_only_session_says_so_and_offers_no_change() {
    for (width, height) in [(100, 30), (80, 24), (60, 15)] {
        let mut fake = Fake::default();
        fake.status.read_only = true;
        let mut bench = Bench::signed_in_with(width, height, Theme::default(), fake);
        assert!(bench.text().ends_with("READ-ONLY") || width < 80, "{}", bench.text());
        assert!(bench.text().contains("READ-ONLY"));
        for keys in ["z", "Z", "W", "X", "I"] {
            bench.keys(keys);
            assert!(bench.text().contains("read-only session") && bench.app.popups.is_empty(), "{keys}");
        }
        assert!(bench.fake.actions.is_empty());
        bench.keys("m \"undo\"");
        assert!(bench.text().contains("(undo)") && bench.text().contains("read-only session"));
    }
}

/// Each theme on each rung keeps to its budget, and sends no code of a rung above.
#[test]
fn every_theme_is_cheap_and_keeps_to_its_rung() {
    for (name, _) in palette::names() {
        for rung in Colours::ALL {
            let bench = Bench::signed_in_with(80, 24, theme(name, rung), Fake::default());
            let mut scene = Scene::with(bench, rung != Colours::Mono);
            let first = scene.taken();
            let costs: Vec<usize> = (0..12).map(|_| scene.after("Down").0).collect();
            let bytes = format!("{first}{}", scene.taken());
            assert!(first.len() <= 7000, "{name} {rung:?}: {}", first.len());
            assert!(costs.iter().all(|cost| *cost <= 250), "{name} {rung:?}: {costs:?}");
            let has = |code: &str| bytes.contains(code);
            let (all, indexed) = (has("8;2;"), has("8;5;"));
            assert!(!all || rung == Colours::True, "{name} {rung:?}");
            assert_eq!(indexed, matches!(rung, Colours::True | Colours::Indexed), "{name} {rung:?}");
            let shade = name == "deuteranopia" && rung == Colours::True;
            assert!(!shade || has("38;2;86;180;233"), "what is none of the 256 is told in full");
            let painted = ["\x1b[40m", ";40m", "48;5;16", "48;2;0;0;0"].iter().any(|code| has(code));
            assert_eq!(painted, name == "high-contrast" && rung != Colours::Mono, "{name} {rung:?}");
            assert_eq!(scene.draw(), (0, 0), "nothing new writes nothing");
        }
    }
}

/// Characters that have moved cursors, hidden text or shifted rows somewhere.
fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "\u{1b}[2J",
        "\u{1b}]0;x\u{7}",
        "\u{9b}31m",
        "\r\n",
        "\t",
        "\u{8}",
        "\u{7f}",
        "\0",
        "\u{202e}",
        "\u{2066}",
        "\u{200d}",
        "\u{fe0f}",
        "\u{200b}",
        "\u{feff}",
        "❤\u{fe0f}",
        "👩\u{200d}🚀",
        "👍🏽",
        "🇺🇦",
        "漢字",
        "e\u{301}",
        "a\u{300}\u{301}\u{302}\u{303}",
        "ﷺ",
        "لا",
        "\u{1100}\u{1161}\u{11a8}",
        "नि",
        "x",
        " ",
        "ß",
        "\u{e0041}",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the data, it stays within its columns, and what stands beside it stays where it is: on a terminal of
    /// its own mind about widths as well, for after such a cell the place is told anew.
    #[test]
    fn hostile_data_moves_nothing(text in hostile(), width in 0_u16..30, ascii: bool) {
        let theme = Theme { ascii, ..Theme::default() };
        let fitted = theme.fit(&text, usize::from(width));
        prop_assert!(fitted.width() <= usize::from(width), "{fitted:?}");
        prop_assert!(!fitted.chars().any(is_harmful), "{fitted:?}");
        prop_assert!(!ascii || fitted.is_ascii());

        let line = super::budget::Line::default();
        let backend = Frugal::new(line.clone(), true, || Ok(Size { width: 40, height: 3 }));
        let mut terminal = Terminal::new(backend).expect("a terminal");
        let drawn = terminal.draw(|frame| {
            let mut pen = Pen::new(frame.buffer_mut(), theme, Keymap::default());
            pen.put(Rect::new(2, 1, width, 1), &text, theme.plain());
            pen.put(Rect::new(32, 1, 4, 1), "|end", theme.plain());
            pen.put(Rect::new(0, 2, 5, 1), "below", theme.plain());
        });
        drop(drawn);
        let bytes = line.take();
        let mut parser = vt100::Parser::new(3, 40, 0);
        parser.process(bytes.as_bytes());
        let rows: Vec<String> = parser.screen().rows(32, 8).collect();
        prop_assert_eq!(&rows[1], "|end", "{:?}", bytes);
        let below: Vec<String> = parser.screen().rows(0, 40).collect();
        prop_assert_eq!(&below[2], "below");
        prop_assert_eq!(&below[0], "");
    }
}
