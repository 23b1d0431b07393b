//! Rows as answers: JSON with the stored columns by their names and the computed ones beside them, and tables.

use serde_json::{Map, Value, json};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::domain::{Fields, Kind, Stamp, field};
use crate::service::{Mark, RowData, columns, status};

/// The name of a list of them, as in `drones`.
pub fn plural(kind: Kind) -> String {
    format!("{}s", kind.noun())
}

/// A row of a list as JSON: of a region how many users and drones it has, and not each of them.
pub fn as_listed(data: &RowData) -> Value {
    let mut row = as_json(data);
    if let (Kind::Region, Some(row)) = (data.row.key.kind, row.as_object_mut()) {
        row.retain(|name, _| name != "users" && name != "drones");
    }
    row
}

/// One row as JSON. Stored times are in UTC already.
pub fn as_json(data: &RowData) -> Value {
    let mut row = fields(&data.fields);
    let lists = |rows: &[Fields]| rows.iter().map(|one| Value::Object(fields(one))).collect::<Vec<_>>();
    let one = |row: &Option<Fields>| row.as_ref().map(|row| Value::Object(fields(row)));
    let computed = match data.row.key.kind {
        Kind::User => json!({
            "region": one(&data.region),
            "assigned_drones": data.drones.iter().filter_map(|drone| drone.get("id")).collect::<Vec<_>>(),
            "drone_count": data.drone_count,
        }),
        Kind::Region => json!({
            "user_count": data.user_count, "drone_count": data.drone_count,
            "users": lists(&data.users), "drones": lists(&data.drones),
        }),
        Kind::Drone | Kind::Assignment => json!({
            "region": one(&data.region), "operator": one(&data.operator), "assigned_users": lists(&data.users),
        }),
    };
    let state = json!({ "unsent": data.row.mark, "needs_you": data.row.needs_you, "alert": data.row.alert });
    for more in [computed, state] {
        let Value::Object(more) = more else { continue };
        row.extend(more);
    }
    Value::Object(row)
}

fn fields(fields: &Fields) -> Map<String, Value> {
    fields.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
}

/// A list as people read it.
pub fn as_table(kind: Kind, rows: &[RowData], now: Stamp, width: Option<usize>) -> String {
    let names = columns(kind);
    let head: Vec<String> =
        std::iter::once(String::new()).chain(names.iter().map(|name| name.to_uppercase())).collect();
    let body = rows.iter().map(|data| {
        let cells = names.iter().map(|name| match *name {
            "changed" => data.row.changed.map(|at| age(at, now)).unwrap_or_default(),
            name => data.row.cells.get(name).cloned().unwrap_or_default(),
        });
        std::iter::once(mark(data)).chain(cells).collect()
    });
    table(&std::iter::once(head).chain(body).collect::<Vec<_>>(), width)
}

fn age(at: Stamp, now: Stamp) -> String {
    status::age(at, now, &jiff::tz::TimeZone::system())
}

/// As beside a row on the screen.
fn mark(data: &RowData) -> String {
    let unsent = match data.row.mark {
        Some(Mark::New) => "+",
        Some(Mark::Changed) => "~",
        Some(Mark::Deleted) => "-",
        None => "",
    };
    if data.row.needs_you { "?!".to_owned() } else { unsent.to_owned() }
}

/// Columns as wide as their widest cell; an empty one is left out. On a terminal lines are cut at its width.
pub fn table(lines: &[Vec<String>], width: Option<usize>) -> String {
    let clean: Vec<Vec<String>> =
        lines.iter().map(|line| line.iter().map(|cell| plain(cell)).collect()).collect();
    let count = clean.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|place| {
            clean.iter().filter_map(|line| line.get(place)).map(|cell| cell.width()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in &clean {
        let mut told = String::new();
        for (cell, width) in line.iter().zip(&widths).filter(|(_, width)| **width > 0) {
            told += cell;
            told += &" ".repeat(width - cell.width() + 2);
        }
        let told = told.trim_end();
        text += &width.map_or_else(|| told.to_owned(), |width| cut(told, width));
        text.push('\n');
    }
    text
}

fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= width
    };
    let kept: String = text.chars().take_while(fits).collect();
    format!("{kept}…")
}

/// Without what a terminal would act on.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if field::is_harmful(c) { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_by_what_a_terminal_shows_and_cut_only_there() {
        let line = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        let lines =
            [line(["", "ID", "名前", ""]), line(["", "d-1", "x", ""]), line(["", "drone\u{1b}[2J", "", ""])];
        assert_eq!(table(&lines, None), "ID         名前\nd-1        x\ndrone?[2J\n");
        assert_eq!(
            table(&lines, Some(6)),
            "ID    …\nd-1   …\ndrone…\n".replace("    …", "   …").replace("1   …", "1  …")
        );
        assert_eq!(cut("名前", 3), "名…");
    }
}
