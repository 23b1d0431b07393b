//! No size of window and no order of keys makes the console fail.

use proptest::prelude::*;

use crate::tui::app::Msg;
use crate::tui::decode::Input;
use crate::tui::keys;
use crate::tui::press::Press;
use crate::tui::testing::{Bench, Fake};
use crate::tui::theme::Theme;

fn presses() -> Vec<Press> {
    let bound = keys::all().iter().flat_map(|binding| binding.keys.iter().copied());
    bound.chain(['x', 'é', '漢', ' '].map(Press::char)).collect()
}

#[derive(Clone, Debug)]
enum Deed {
    Press(Press),
    Paste(String),
    Resize(u16, u16),
    Data(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        20 => prop::sample::select(presses()).prop_map(Deed::Press),
        1 => "\\PC{0,12}".prop_map(Deed::Paste),
        3 => (1_u16..200, 1_u16..60).prop_map(|(width, height)| Deed::Resize(width, height)),
        1 => (0_usize..60).prop_map(Deed::Data),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_fails(
        width in 1_u16..=200, height in 1_u16..=60, ascii: bool, mono: bool, inside: bool,
        deeds in prop::collection::vec(deed(), 1..60),
    ) {
        let theme = Theme { ascii, mono, ..Theme::default() };
        let mut bench = if inside {
            Bench::signed_in_with(width, height, theme, Fake::default())
        } else {
            Bench::new(width, height, theme, Fake::default())
        };
        for deed in deeds {
            match deed {
                Deed::Press(press) => bench.tell(Msg::Input(Input::Press(press))),
                Deed::Paste(text) => bench.tell(Msg::Input(Input::Paste(text))),
                Deed::Resize(width, height) => bench.tell(Msg::Resized(width, height)),
                Deed::Data(kept) => {
                    bench.fake.rows.values_mut().for_each(|rows| rows.truncate(kept));
                    bench.tell(Msg::Service(crate::service::Event::Data));
                }
            }
            drop(bench.buffer());
            drop(bench.buffer_of((width, height)));
        }
    }
}

#[test]
fn every_small_size_draws() {
    for width in 1..=110 {
        for height in 1..=32 {
            let mut bench = Bench::signed_in(width, height);
            for keys in [
                "e",
                "Esc m",
                "Esc ?",
                "Esc a",
                "Esc Del",
                "Esc Enter",
                "Esc 4 Down",
                "0 Down Right",
                "5 / x",
                "Esc C",
                "Esc 3 F2 Right Enter",
                "Esc Esc 1 F2 Enter x",
                "Esc Esc F",
                "Esc o",
                "Esc \"_\" s Enter",
            ] {
                drop(bench.keys(keys).buffer());
            }
        }
    }
}
