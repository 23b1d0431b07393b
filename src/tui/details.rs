//! What keys do in the details of a row, and where the cursor stands in them: on the first thing to go to when a row is
//! opened, and on the same line when its values or its history come anew.

use super::app::{App, Effects};
use super::keys::Act;
use super::screens::detail;

impl App {
    pub(super) fn detail_act(&mut self, act: Act) -> Effects {
        let lines = self.detail_lines();
        let last = lines.len().saturating_sub(1);
        let page = isize::try_from(self.shape().rows.height.max(1)).unwrap_or(1);
        let at = self.detail.at.min(last);
        self.detail.at = match act {
            Act::Up => detail::step(&lines, at, -1),
            Act::Down => detail::step(&lines, at, 1),
            Act::PageUp => detail::step(&lines, at, -page),
            Act::PageDown => detail::step(&lines, at, page),
            Act::First => 0,
            Act::Last => last,
            Act::Leave => return self.leave_detail(),
            Act::Accept => {
                let Some(to) = lines.get(at).and_then(|line| line.jump.clone()) else { return Vec::new() };
                if let Some(from) = self.detail.key.clone() {
                    self.detail.leave_trail(from);
                }
                return self.open(to);
            }
            _ => at,
        };
        Vec::new()
    }

    pub(super) fn leave_detail(&mut self) -> Effects {
        (self.detail.focused, self.detail.history) = (false, None);
        self.detail.trail.clear();
        self.ways.retain(|way| !way.to_row);
        self.detail.ahead.clear();
        self.ask_subject()
    }

    /// The lines of the detail. Their number does not depend on the width but where texts wrap.
    fn detail_lines(&self) -> Vec<detail::Line> {
        let shape = self.shape();
        let width = detail::text_width(shape.pane.unwrap_or(shape.body));
        detail::lines(self.theme, &self.detail, &self.status, self.now, &self.zone, width)
    }

    /// Puts the cursor of a freshly opened detail on the first thing to go to, unless what matters most would be out of
    /// sight for it.
    pub(super) fn settle_detail(&mut self) {
        let lines = self.detail_lines();
        let shape = self.shape();
        let in_sight = detail::lines_in_sight(shape.pane.unwrap_or(shape.body));
        let first = lines.iter().position(|line| line.jump.is_some());
        self.detail.at = first.filter(|at| at + 1 < in_sight).unwrap_or(0);
    }

    /// The line that Enter would follow.
    pub(super) fn under_detail_cursor(&self) -> Option<detail::Line> {
        self.detail_lines().into_iter().nth(self.detail.at)
    }

    /// Keeps the cursor on that line, wherever it stands now.
    pub(super) fn keep_detail_cursor(&mut self, under: Option<&detail::Line>) {
        let lines = self.detail_lines();
        let same = |line: &detail::Line| under.is_some_and(|under| under == line);
        // Of lines that read alike, such as empty ones, the one at its place is meant.
        if !lines.get(self.detail.at).is_some_and(same) {
            self.detail.at = lines.iter().position(same).unwrap_or(self.detail.at);
        }
    }
}
