//! No size of window makes the console fail.

use crate::tui::testing::Bench;

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
