//! Which columns a list has, in which order and how wide; the list below changes at once.

use ratatui::layout::Rect;

use crate::domain::Kind;
use crate::service::ColumnLook;
use crate::service::taste::COLUMN_WIDTH_MAX;
use crate::tui::keys::{Act, Context};
use crate::tui::screens;
use crate::tui::widgets::{Pen, after, centred, line, scroll};

const WIDTH: u16 = 62;
const WIDTH_STEP: u16 = 1;

#[derive(Clone, Debug)]
pub struct Columns {
    kind: Kind,
    pub looks: Vec<ColumnLook>,
    at: usize,
}

impl Columns {
    pub fn new(kind: Kind, looks: Vec<ColumnLook>) -> Self {
        Self { kind, looks, at: 0 }
    }

    /// Does what the key says; the first column is the row's name, which stays.
    pub fn act(&mut self, act: Act) {
        let last = self.looks.len().saturating_sub(1);
        let at = self.at;
        let described = self.looks.get(at).and_then(|look| screens::column(self.kind, &look.name));
        let Some(look) = self.looks.get_mut(at) else { return };
        match act {
            Act::Up => self.at = at.saturating_sub(1),
            Act::Down => self.at = (at + 1).min(last),
            Act::Accept if at > 0 => look.hidden = !look.hidden,
            Act::FieldNext | Act::FieldPrevious => {
                let now = look.width.or(described.map(|column| column.width_min)).unwrap_or(1);
                let wanted =
                    if act == Act::FieldNext { now + WIDTH_STEP } else { now.saturating_sub(WIDTH_STEP) };
                look.width = Some(wanted.clamp(1, COLUMN_WIDTH_MAX));
            }
            Act::PageUp if at > 1 => {
                self.looks.swap(at, at - 1);
                self.at = at - 1;
            }
            Act::PageDown if at > 0 && at < last => {
                self.looks.swap(at, at + 1);
                self.at = at + 1;
            }
            Act::Reset => self.looks = screens::looks(self.kind, &[]),
            _ => {}
        }
    }

    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        let height = u16::try_from(self.looks.len()).unwrap_or(u16::MAX).saturating_add(5);
        let inside =
            pen.frame(centred(area, WIDTH.min(area.width), height), &format!("Columns of {}s", self.kind));
        let room = inside.height.saturating_sub(3);
        let first = scroll(self.at, self.looks.len(), usize::from(room));
        for ((at, look), y) in self.looks.iter().enumerate().skip(first).zip(0..room) {
            let area = line(inside, y);
            let title = screens::column(self.kind, &look.name).map_or(&*look.name, |column| column.title);
            let sign = if look.hidden { "[ ]" } else { "[x]" };
            let width =
                look.width.map_or_else(|| "as there is room".to_owned(), |width| format!("{width} wide"));
            pen.put(area, if at == self.at { ">" } else { "" }, pen.theme.plain());
            let style = if look.hidden { pen.theme.faint() } else { pen.theme.plain() };
            pen.put(after(area, 2), &format!("{sign} {title}"), style);
            pen.put(after(area, 24), &width, pen.theme.faint());
            if at == self.at {
                pen.lay(area, pen.theme.selected());
            }
        }
        let below = inside.height.saturating_sub(2);
        let (width, place): (&[Act], &[Act]) =
            (&[Act::FieldPrevious, Act::FieldNext], &[Act::PageUp, Act::PageDown]);
        let first = [(&[Act::Accept][..], "show or hide"), (width, "width"), (place, "move")];
        let second = [(&[Act::Reset][..], "as it comes"), (&[Act::Leave], "close; it is kept")];
        for (acts, y) in [(&first[..], below), (&second, below + 1)] {
            let hint = pen.hint(Context::Columns, acts);
            pen.put(line(inside, y), &hint, pen.theme.faint());
        }
    }
}
