//! New recovery words: shown here, once, and nowhere else.

use ratatui::layout::Rect;
use secrecy::{ExposeSecret as _, SecretString};

use crate::tui::keys::{Act, Context};
use crate::tui::texts;
use crate::tui::widgets::{Pen, after, centred, line, wrap};

#[derive(Clone, Debug)]
pub struct Words(pub SecretString);

const WIDTH: u16 = 70;
/// A number, the longest word, and a gap.
const COLUMN: u16 = 14;

impl Words {
    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        let width = WIDTH.min(area.width);
        let inner = width.saturating_sub(4);
        let words: Vec<&str> = self.0.expose_secret().split(' ').collect();
        let columns = usize::from((inner / COLUMN).max(1));
        let rows = words.len().div_ceil(columns);
        let about = wrap(texts::WORDS_SHOWN, inner);
        let height = u16::try_from(rows + about.len() + 5).unwrap_or(u16::MAX);
        let inside = pen.frame(centred(area, width, height), texts::WORDS_TITLE);
        // Half of them would be worse than none.
        if usize::from(inside.height) < rows + 1 {
            pen.put(line(inside, 0), texts::WORDS_NO_ROOM, pen.theme.error());
            return;
        }
        for (nth, word) in words.iter().enumerate() {
            let (column, row) = (nth / rows, nth % rows);
            let place = line(inside, u16::try_from(row).unwrap_or(u16::MAX));
            let place = after(place, COLUMN * u16::try_from(column).unwrap_or(u16::MAX));
            pen.put(place, &format!("{:>2} {word}", nth + 1), pen.theme.strong());
        }
        let below = u16::try_from(rows + 1).unwrap_or(u16::MAX);
        let room = inside.height.saturating_sub(below + 1);
        pen.put_lines(Rect { y: inside.y + below, height: room, ..inside }, &about, pen.theme.plain());
        let acts = [(&[Act::Accept][..], "they are written down"), (&[Act::Leave], "make none")];
        let hint = pen.hint(Context::Words, &acts);
        pen.put(line(inside, inside.height.saturating_sub(1)), &hint, pen.theme.faint());
    }
}
