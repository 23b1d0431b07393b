//! The whole picture, from the state. It changes nothing and asks nobody.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::app::App;
use super::keys::{Act, Binding, Context};
use super::layout::{Shape, shape};
use super::places::Place;
use super::popups::{Form, Popup};
use super::screens::{activity, detail, list, sign_in};
use super::texts;
use super::widgets::{Pen, Spot, after, columns, line, state_line, tabs};
use crate::domain::Kind;

impl App {
    pub fn draw(&self, frame: &mut Frame) {
        let area = frame.area();
        let mut pen = Pen::new(frame.buffer_mut(), self.theme, self.hands.keys);
        pen.lay(area, self.theme.plain());
        self.paint(&mut pen, area);
        if let Some(cursor) = pen.cursor {
            frame.set_cursor_position(cursor);
        }
    }

    /// What a click there does: looked up in the picture, which alone knows what stands where.
    pub(super) fn spot(&self, at: (u16, u16)) -> Option<Spot> {
        let area = Rect::new(0, 0, self.size.0, self.size.1);
        let mut buffer = Buffer::empty(area);
        let mut pen = Pen::new(&mut buffer, self.theme, self.hands.keys);
        self.paint(&mut pen, area);
        let there = |(area, _): &&(Rect, Spot)| area.contains(at.into());
        pen.spots.iter().rev().find(there).map(|(_, spot)| *spot)
    }

    pub(super) fn paint(&self, pen: &mut Pen, area: Rect) {
        let shape = shape(area);
        if shape.too_small {
            let room = area.width.saturating_sub(columns(&texts::too_small("")));
            let state = state_line::text(&self.status, self.now, &self.zone, room);
            let told = texts::too_small(&state);
            // Why no key does anything comes first where not all of it has room.
            let fits = columns(&told) <= area.width;
            let told = if fits { told } else { texts::too_small_for(&state) };
            pen.put(shape.state, &told, pen.theme.plain());
            return;
        }
        let body = Rect { height: shape.state.y.saturating_sub(area.y).saturating_sub(1), ..area };
        if let Some(locked) = &self.locked {
            locked.draw(pen, body);
        } else if self.signed_in {
            self.paint_main(pen);
        } else {
            sign_in::draw(pen, body, &self.sign_in);
        }
        for popup in &self.popups {
            // A field below a popup keeps its text, but the cursor belongs to the topmost.
            pen.cursor = None;
            if let Popup::Form(form) = popup
                && form.cell
            {
                self.paint_cell(pen, &shape, form);
                continue;
            }
            popup.draw(pen, shape.over(area));
        }
        self.paint_bottom(pen, area);
    }

    /// A cell that is being changed, in its place; nothing while a list or help lies over it.
    fn paint_cell(&self, pen: &mut Pen, shape: &Shape, form: &Form) {
        if self.context() == Context::Cell {
            let cell = self.list().cell_in(shape.rows).map_or(line(shape.rows, 0), |(_, place)| place);
            let cells = self.list().cells(Rect { y: cell.y, ..line(shape.rows, 0) });
            let cells: Vec<Rect> = cells.into_iter().map(|(_, place)| place).collect();
            form.draw_in(pen, cell, &cells, shape.rows);
        }
    }

    fn paint_main(&self, pen: &mut Pen) {
        let shape = self.shape();
        let name = self.place.title();
        if !shape.compact {
            tabs::draw(pen, shape.tabs, self.place, self.status.account.as_ref());
            pen.rule(shape.rule_top);
            pen.rule(shape.rule_bottom);
        }
        if self.place.kind().is_none() {
            return self.paint_screen(pen);
        }
        if shape.compact {
            let title = format!("[{}]", pen.place(self.place));
            list::draw_title(pen, shape.title, self.list(), &title);
        }
        if self.detail.focused && shape.pane.is_none() {
            detail::draw(pen, shape.body, &self.detail, &self.status, self.now, &self.zone);
            return;
        }
        if !shape.compact {
            list::draw_title(pen, shape.title, self.list(), name);
        }
        list::draw(pen, &shape, self.list(), &self.status, !self.detail.focused, (self.now, &self.zone));
        if let Some(pane) = shape.pane {
            for y in shape.divider.top()..shape.divider.bottom() {
                pen.put(Rect { y, height: 1, ..shape.divider }, pen.theme.divider(), pen.theme.lines());
            }
            detail::draw(pen, pane, &self.detail, &self.status, self.now, &self.zone);
        }
    }

    /// A place that is read line by line: its name, and as many lines as there is room for.
    fn paint_screen(&self, pen: &mut Pen) {
        let (shape, name) = (self.shape(), self.place.title());
        let body = shape.whole;
        if shape.compact {
            let title = format!(" [{}]", pen.place(self.place));
            pen.put(shape.title, &title, pen.theme.strong());
        } else {
            pen.put(after(shape.title, 1), name, pen.theme.strong());
        }
        let skipped = body.height.saturating_sub(self.screen_room());
        let rows = Rect { y: body.y + skipped, height: self.screen_room(), ..body };
        match self.place {
            Place::Sync => self.sync.cursor.draw(pen, rows, &self.sync_lines()),
            Place::Activity => {
                self.activity.cursor.draw(pen, rows, &self.activity_lines());
                self.paint_activity_title(pen, Rect { width: body.width, ..shape.title });
            }
            _ => self.overview.cursor.draw(pen, rows, &self.overview_lines()),
        }
    }

    /// How old it is, and the filter line.
    fn paint_activity_title(&self, pen: &mut Pen, area: Rect) {
        let note = activity::note(&self.activity.shown, &self.status, self.now, &self.zone);
        let area = Rect { width: area.width.saturating_sub(1), ..area };
        pen.put_right(after(area, 16), &note, pen.theme.faint());
        if self.activity.filtering || !self.activity.filter.is_empty() {
            let line = Rect { width: area.width.saturating_sub(columns(&note) + 18), ..after(area, 16) };
            let used = pen.put(line, "/ ", pen.theme.strong());
            self.activity.filter.draw(pen, after(line, used), self.activity.filtering);
        }
    }

    /// The footer and the state line. In a compact window there is no footer, and a message for the person
    /// stands in the first line: the state is never hidden.
    fn paint_bottom(&self, pen: &mut Pen, area: Rect) {
        let shape = shape(area);
        let help = self.hands.keys.bindings(self.context()).find(|binding| binding.act == Act::Help);
        let key = help.map_or_else(|| "F1".to_owned(), Binding::last_key_text);
        let hint = format!(" {key} help ");
        let beside = if shape.compact { columns(&hint) } else { 0 };
        let state = Rect { width: shape.state.width.saturating_sub(beside), ..shape.state };
        state_line::draw(pen, state, &self.status, self.now, &self.zone);
        if shape.compact {
            pen.spots.push((after(shape.state, state.width), Spot::Act(Act::Help)));
            pen.put_right(shape.state, &hint, pen.theme.plain());
        }
        let message = if shape.compact { Rect { height: area.height.min(1), ..area } } else { shape.footer };
        if let Some(toast) = &self.toast {
            pen.put(message, &" ".repeat(usize::from(message.width)), pen.theme.plain());
            pen.put(after(message, 1), toast, pen.theme.strong());
        } else if !shape.compact {
            self.paint_footer(pen, message);
        }
    }

    /// What can be done now, the most important first, as far as it fits. A verb that is not open to me
    /// stands in brackets; pressing it, or the menu, says why.
    fn paint_footer(&self, pen: &mut Pen, area: Rect) {
        let context = self.context();
        let mut bindings: Vec<&Binding> = self
            .hands
            .keys
            .bindings(context)
            .filter(|binding| binding.rank > 0 && self.is_offered(context, binding.act))
            .collect();
        let closed = |binding: &Binding| {
            super::acts::verb_of(binding.act).is_some_and(|verb| self.why_not(verb).is_some())
        };
        let width = |binding: &Binding| {
            let brackets = if closed(binding) { 2 } else { 0 };
            columns(&binding.key_text()) + 1 + columns(self.title_of(binding)) + brackets
        };
        let marks = self.list().marks.len();
        let mut area = area;
        if context == Context::List && marks > 0 {
            let text = format!("  {} ", texts::marked(marks));
            pen.put_right(area, &text, pen.theme.strong());
            area.width = area.width.saturating_sub(columns(&text));
        }
        let mut rest = after(area, 1);
        // What is closed has what room the others leave.
        bindings.sort_by_key(|binding| (closed(binding), binding.rank));
        let mut room = rest.width;
        bindings.retain(|binding| {
            let left = room.checked_sub(width(binding));
            room = left.map_or(room, |left| left.saturating_sub(2));
            left.is_some()
        });
        bindings.sort_by_key(|binding| binding.rank);
        for binding in bindings {
            let (key, title) = (binding.key_text(), self.title_of(binding));
            let used = if closed(binding) {
                pen.put(rest, &format!("({key} {title})"), pen.theme.faint())
            } else {
                pen.put_all(
                    rest,
                    &[(&key, pen.theme.key()), (" ", pen.theme.plain()), (title, pen.theme.plain())],
                )
            };
            pen.spots.push((Rect { width: used, ..rest }, Spot::Act(binding.act)));
            rest = after(rest, used + 2);
        }
    }

    /// Does this make sense now at all?
    fn is_offered(&self, context: Context, act: Act) -> bool {
        let screen = &self.sign_in;
        let list = self.list();
        match (context, act) {
            (context, Act::Accept | Act::Leave) if context.tells_its_ends() => false,
            (Context::Confirm, Act::Accept) => match self.popups.last() {
                Some(Popup::Confirm(confirm)) => confirm.typed.is_none() || confirm.is_yes(),
                _ => true,
            },
            // The activity is looked through for words alone: there is nothing to complete.
            (Context::Filter, Act::Complete) => self.place != Place::Activity,
            (Context::List, Act::Leave) => !list.filter.text().is_empty(),
            (Context::List, Act::Accept | Act::Mark | Act::Cells) => list.key.is_some(),
            (_, Act::Assign | Act::Unassign) => list.kind != Kind::Region,
            (_, Act::TrainingLine) => self.status.training_line.is_some(),
            (_, Act::Back) => !self.detail.trail.is_empty() || !self.ways.is_empty(),
            (_, Act::Forward) => !self.detail.ahead.is_empty(),
            (Context::SignIn, Act::Leave) => screen.waiting.is_some() || screen.error.is_some(),
            (Context::SignIn, act) if screen.waiting.is_some() => act == Act::Quit,
            (Context::SignIn, Act::OtherProject) => screen.setup.projects.len() > 1,
            (Context::SignIn, Act::OtherAccount) => {
                screen.setup.training.is_some() || screen.setup.known.len() > 1
            }
            (Context::AddProject, Act::Leave) => !screen.setup.projects.is_empty(),
            _ => true,
        }
    }

    /// A binding's title; that of the training line says what the key will do.
    pub(super) fn title_of(&self, binding: &Binding) -> &'static str {
        match (binding.act, self.status.training_line) {
            (Act::TrainingLine, Some(true)) => "line off",
            (Act::TrainingLine, Some(false)) => "line on",
            (Act::Leave, _) if self.context() == Context::SignIn && self.sign_in.waiting.is_none() => {
                "put away"
            }
            _ => binding.title,
        }
    }
}
