//! Bars and sparklines, of text: eighths of a column where the terminal has them, whole columns of `#` where not. A
//! figure always stands beside them.

use crate::service::RunView;
use crate::tui::theme::Theme;

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
const LEVELS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const LEVELS_ASCII: [&str; 8] = ["_", ".", ".", ":", ":", "|", "|", "#"];

/// A share of a whole as a bar; whatever there is of something is seen.
pub fn bar(theme: Theme, count: usize, total: usize, width: u16) -> String {
    let width = usize::from(width);
    if count == 0 || total == 0 || width == 0 {
        return String::new();
    }
    let eighths = (count.min(total) * width * 8 / total).max(1);
    if theme.ascii {
        return "#".repeat(eighths.div_ceil(8));
    }
    let rest = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    format!("{}{rest}", "█".repeat(eighths / 8))
}

/// How much the last runs brought, oldest first; one that failed is a cross.
pub fn runs(theme: Theme, runs: &[RunView], width: usize) -> String {
    let last = || runs.iter().take(width);
    let weight = |run: &RunView| run.rows + run.edits;
    let most = last().map(weight).max().unwrap_or(0).max(1);
    let level = |run: &RunView| {
        if run.failed {
            return if theme.ascii { "x" } else { "×" };
        }
        // By the size of the number: a first load beside single edits would else be all there is to see.
        let of = |count: usize| (count + 1).ilog2();
        let at = (of(weight(run)) * 7).checked_div(of(most)).unwrap_or(0) as usize;
        let levels = if theme.ascii { LEVELS_ASCII } else { LEVELS };
        levels.get(at).copied().unwrap_or_default()
    };
    last().map(level).rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Stamp;

    #[test]
    fn a_bar_tells_the_share_and_never_hides_one() {
        let (plain, ascii) = (Theme::default(), Theme { ascii: true, mono: true, ..Theme::default() });
        assert_eq!(bar(plain, 1, 2, 4), "██");
        assert_eq!(bar(plain, 1, 1000, 10), "▏");
        assert_eq!(bar(ascii, 1, 1000, 10), "#");
        assert_eq!(bar(plain, 5, 4, 4), "████");
        assert_eq!((bar(plain, 0, 4, 4), bar(plain, 0, 0, 4)), (String::new(), String::new()));
    }

    #[test]
    fn runs_are_told_oldest_first_and_failures_stand_out() {
        let run = |rows, failed| RunView {
            at: Stamp(0),
            what: String::new(),
            came: String::new(),
            took_ms: 0,
            bytes: 0,
            failed,
            up: 0,
            rows,
            edits: 0,
            verdict: None,
        };
        let some = [run(0, true), run(1, false), run(5000, false), run(0, false)];
        assert_eq!(runs(Theme::default(), &some, 10), "▁█▁×");
        assert_eq!(runs(Theme { ascii: true, mono: true, ..Theme::default() }, &some, 3), "#_x");
    }
}
