//! One list: its filter, its order, which window of it is shown and which row is selected.
//!
//! Only the visible window is ever asked for. The selection belongs to a row and not to a place: when rows
//! come, go and move, it stays on its row, for which the place is looked up where it left the window.

use jiff::tz::TimeZone;
use ratatui::layout::Rect;

use super::marks::Marks;
use crate::domain::{Key, Kind, Stamp};
use crate::service::{ColumnLook, ListPage, ListQuery, Look, RowView, SORTS_MAX, Status, columns, status};
use crate::tui::layout::Shape;
use crate::tui::texts;
use crate::tui::theme::{Theme, row_mark, row_word};
use crate::tui::widgets::table::{self, Column, Focus, Row};
use crate::tui::widgets::text_field::TextField;
use crate::tui::widgets::{Pen, after, columns as width_of, line, wrap};

/// The state of one list.
#[derive(Clone, Debug)]
pub struct List {
    pub kind: Kind,
    pub filter: TextField,
    /// Is the filter line being typed in?
    pub filtering: bool,
    /// The columns it is sorted by, the first one first, each with whether it descends.
    pub sorts: Vec<(&'static str, bool)>,
    /// How its columns look; see `screens::looks`.
    pub columns: Vec<ColumnLook>,
    /// The place of the first visible row among those that match.
    pub top: usize,
    /// The place of the selected row.
    pub selected: usize,
    /// The selected row, once known.
    pub key: Option<Key>,
    pub page: Option<ListPage>,
    pub marks: Marks,
    /// The column of the cell that keys go to; absent while they go to whole rows.
    pub cell: Option<&'static str>,
    /// The place of `key` has been looked up since the rows changed.
    sought: bool,
}

/// What has to follow a page that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    Nothing,
    /// The window was not where the selection is: ask again.
    AskAgain,
    /// The selected row is not in the window: where is it?
    Seek(Key),
}

impl List {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            filter: TextField::default(),
            filtering: false,
            sorts: by_name(kind),
            columns: Vec::new(),
            top: 0,
            selected: 0,
            key: None,
            page: None,
            marks: Marks::default(),
            cell: None,
            sought: false,
        }
    }

    pub fn query(&self, rows: u16) -> ListQuery {
        ListQuery {
            kind: self.kind,
            filter: self.filter.text().trim().to_owned(),
            sort: self.sort_text(),
            descending: false,
            offset: self.top,
            limit: usize::from(rows.max(1)),
        }
    }

    /// The rows may have changed: the selected one is to be found again.
    pub fn stale(&mut self) {
        self.sought = false;
    }

    pub fn matched(&self) -> usize {
        self.page.as_ref().map_or(0, |page| page.matched)
    }

    pub fn row(&self) -> Option<&RowView> {
        let page = self.page.as_ref()?;
        page.rows.get(self.selected.checked_sub(self.top)?)
    }

    /// Takes the answer to `query`.
    pub fn take(&mut self, page: ListPage, rows: u16) -> Next {
        if page.coming {
            self.take_older(page);
            return Next::Nothing;
        }
        let matched = page.matched;
        self.page = Some(page);
        if matched == 0 {
            (self.top, self.selected, self.key) = (0, 0, None);
            return Next::Nothing;
        }
        if let Some(key) = &self.key {
            let at = self.page.iter().flat_map(|page| &page.rows).position(|row| row.key == *key);
            match at {
                Some(at) => {
                    self.selected = self.top + at;
                    return Next::Nothing;
                }
                None if !self.sought => {
                    self.sought = true;
                    return Next::Seek(key.clone());
                }
                None => self.key = None,
            }
        }
        self.selected = self.selected.min(matched - 1);
        if self.show_selected(rows) {
            return Next::AskAgain;
        }
        self.key = self.row().map(|row| row.key.clone());
        Next::Nothing
    }

    /// Takes what there is until the order is made: rows of an older one, or none, and then what is shown stays. What is
    /// selected is what is seen to be.
    fn take_older(&mut self, page: ListPage) {
        match &mut self.page {
            Some(shown) if page.rows.is_empty() => (shown.coming, shown.total) = (true, page.total),
            shown => *shown = Some(page),
        }
        let rows = self.page.iter().flat_map(|page| &page.rows);
        let at = self.key.as_ref().and_then(|key| rows.clone().position(|row| row.key == *key));
        self.selected = at.map_or(self.selected, |at| self.top + at);
        self.key = self.row().map(|row| row.key.clone());
    }

    /// Takes where the selected row is now; true when the window has to be asked for again.
    pub fn found(&mut self, place: Option<usize>, rows: u16) -> bool {
        match place {
            Some(place) => self.selected = place,
            None => self.key = None,
        }
        self.selected = self.selected.min(self.matched().saturating_sub(1));
        let moved = self.show_selected(rows);
        if !moved && place.is_none() {
            self.key = self.row().map(|row| row.key.clone());
        }
        moved
    }

    /// Moves the window so that the selection is in it; true when it moved.
    pub fn show_selected(&mut self, rows: u16) -> bool {
        let (rows, before) = (usize::from(rows.max(1)), self.top);
        self.top = self.top.min(self.selected).max((self.selected + 1).saturating_sub(rows));
        // No empty lines below while there are rows above.
        self.top = self.top.min(self.matched().saturating_sub(rows));
        self.top != before
    }

    /// Selects the row so many places on; true when the window has to be asked for again.
    pub fn step(&mut self, by: isize, rows: u16) -> bool {
        let last = self.matched().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
        let moved = self.show_selected(rows);
        self.key = if moved { None } else { self.row().map(|row| row.key.clone()) };
        moved
    }

    /// The cells that there is room for in that line.
    pub fn cells(&self, line: Rect) -> Vec<(Column, Rect)> {
        let columns = super::shown_columns(self.kind, &self.columns);
        let spans = table::spans(&columns, line).into_iter();
        spans.filter_map(|(at, place)| Some((*columns.get(at)?, place))).collect()
    }

    /// The cell that keys go to, in its place among the rows; the first one while there is no room for it.
    pub fn cell_in(&self, rows: Rect) -> Option<(Column, Rect)> {
        let name = self.cell?;
        let y = u16::try_from(self.selected.saturating_sub(self.top)).unwrap_or(u16::MAX);
        let cells = self.cells(line(rows, y.min(rows.height.saturating_sub(1))));
        let at = cells.iter().position(|(column, _)| column.name == name).unwrap_or(0);
        cells.get(at).copied()
    }

    /// To the top, keeping the selected row if it is still there.
    pub fn restart(&mut self) {
        (self.top, self.selected, self.sought) = (0, 0, false);
    }

    /// Its order as a query says it.
    fn sort_text(&self) -> String {
        let each = self.sorts.iter().map(|(name, down)| format!("{}{name}", if *down { "-" } else { "" }));
        each.collect::<Vec<_>>().join(",")
    }

    /// Its order and columns, to be kept.
    pub fn look(&self) -> Look {
        Look { sort: self.sort_text(), columns: self.columns.clone() }
    }

    /// Takes an order and columns that were kept; what is not known is passed over.
    pub fn wear(&mut self, look: &Look) {
        let sorts = look.sort.split(',').filter_map(|word| {
            let (down, name) = word.strip_prefix('-').map_or((false, word), |name| (true, name));
            let known = columns(self.kind).iter().find(|column| **column == name)?;
            Some((*known, down))
        });
        self.sorts = sorts.take(SORTS_MAX).collect();
        if self.sorts.is_empty() {
            self.sorts = by_name(self.kind);
        }
        self.columns.clone_from(&look.columns);
        self.restart();
    }
}

/// As a list comes: by the rows' names.
fn by_name(kind: Kind) -> Vec<(&'static str, bool)> {
    columns(kind).first().map(|name| (*name, false)).into_iter().collect()
}

/// A cell as the list shows it.
fn cell(theme: Theme, row: &RowView, column: &str, now: Stamp, zone: &TimeZone) -> String {
    let text = row.cells.get(column).map_or("-", String::as_str);
    match column {
        // Of what is not sent yet that is said, in the place of when the server had it changed last.
        "changed" => row_word(row.mark, row.needs_you).map_or_else(
            || row.changed.map(|at| status::age(at, now, zone)).unwrap_or_default(),
            str::to_owned,
        ),
        "status" => table::status_cell(theme, text),
        "model" => text.strip_prefix("FlyOS_").unwrap_or(text).to_owned(),
        _ => text.to_owned(),
    }
}

/// Draws the list; `focused`: keys go to it.
pub fn draw(
    pen: &mut Pen,
    shape: &Shape,
    list: &List,
    status: &Status,
    focused: bool,
    (now, zone): (Stamp, &TimeZone),
) {
    let described = &super::shown_columns(list.kind, &list.columns);
    let Some(page) = &list.page else {
        pen.put(after(shape.rows, 3), texts::LIST_COMING, pen.theme.plain());
        return;
    };
    table::draw_header(pen, shape.header, described, &list.sorts);
    if page.rows.is_empty() && page.coming {
        pen.put(after(shape.rows, 3), texts::LIST_COMING, pen.theme.plain());
        return;
    }
    if page.matched == 0 {
        let area = after(shape.rows, 3);
        let style = if page.problem.is_some() { pen.theme.warning() } else { pen.theme.plain() };
        pen.put_lines(area, &wrap(&pen.theme.clean(&nothing(list, page, status)), area.width), style);
        return;
    }
    let rows: Vec<Row> = page
        .rows
        .iter()
        .enumerate()
        .map(|(at, row)| Row {
            cells: described.iter().map(|column| cell(pen.theme, row, column.name, now, zone)).collect(),
            mark: row_mark(row.mark, row.needs_you),
            marked: list.marks.has(&row.key) || list.marks.in_range(list.top + at, list.selected),
            selected: list.top + at == list.selected,
        })
        .collect();
    let focus = match (focused, list.cell_in(shape.rows)) {
        (false, _) => Focus::Elsewhere,
        (true, None) => Focus::Row,
        (true, Some((column, _))) => Focus::Cell(column.name),
    };
    table::draw_rows(pen, shape.rows, described, &rows, focus);
}

fn nothing(list: &List, page: &ListPage, status: &Status) -> String {
    if let Some(problem) = &page.problem {
        return problem.clone();
    }
    let noun = list.kind.noun();
    match page.total {
        0 if status.as_of.is_none() => texts::not_loaded(list.kind, status),
        0 => format!("There is no {noun} you may see."),
        total => format!("None of {} {noun}s matches. Esc clears the filter.", thousands(total)),
    }
}

fn thousands(count: usize) -> String {
    status::thousands(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Draws the line above the list: what it is, how many, the filter. Returns nothing but the cursor in `pen`.
pub fn draw_title(pen: &mut Pen, area: Rect, list: &List, name: &str) {
    let count = match &list.page {
        Some(page) if page.coming => texts::looking_through(&thousands(page.total)),
        Some(page) if page.matched == page.total => thousands(page.total),
        Some(page) => format!("{} of {}", thousands(page.matched), thousands(page.total)),
        None => String::new(),
    };
    let mut used = pen.put_all(area, &[(" ", pen.theme.plain()), (name, pen.theme.strong())]);
    used += pen.put(after(area, used), &format!("  {count}"), pen.theme.plain());
    if !list.marks.is_empty() {
        used += pen.put(after(area, used), &format!("  #{}", list.marks.len()), pen.theme.strong());
    }
    if !list.filtering && list.filter.is_empty() {
        return;
    }
    used += pen.put(after(area, used), "   / ", pen.theme.strong());
    let rest = after(area, used);
    let text_width = width_of(&pen.theme.clean(list.filter.text())) + 2;
    let room = if list.filtering { rest.width } else { text_width.min(rest.width) };
    list.filter.draw(pen, Rect { width: room, ..rest }, list.filtering);
}
