//! Copying: what of a row can be taken, and the codes by which a terminal is asked to put a text on its clipboard
//! (OSC 52), through tmux and GNU screen where one of them stands between. The text is plain: whoever pastes it into a
//! shell gets no control characters, and a spreadsheet no formula.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::field::harmless;
use crate::service::ladder::Surroundings;
use crate::service::{RowView, columns};

/// The longest text that goes to a clipboard, in bytes of base64: many terminals keep 75,000 for the whole code.
const BASE64_BYTES_MAX: usize = 74_994;
/// What GNU screen passes on in one piece, in bytes; it cuts longer strings off.
const SCREEN_PIECE_BYTES: usize = 240;
/// What of a text a list shows, in characters.
const SHORT_CHARS: usize = 40;

/// What can be taken of a row: the whole of it in three forms, then each of its values. How it is called, the text, and
/// what a list shows of that.
pub fn ways(row: &RowView) -> Vec<(String, String, String)> {
    let names = columns(row.key.kind);
    let value = |name: &str| match name {
        "changed" => row.changed.map(crate::domain::Stamp::text).unwrap_or_default(),
        _ => harmless(row.cells.get(name).map_or("", String::as_str)).into_owned(),
    };
    let cells: Vec<(&str, String)> = names.iter().map(|name| (*name, value(name))).collect();
    let filled = || cells.iter().filter(|(_, text)| !text.is_empty());
    let text: Vec<String> = filled().map(|(name, text)| format!("{name}: {text}")).collect();
    let object: serde_json::Map<String, serde_json::Value> =
        cells.iter().map(|(name, text)| ((*name).to_owned(), text.clone().into())).collect();
    let values: Vec<String> = cells.iter().map(|(_, text)| csv_cell(text)).collect();
    let whole = [
        ("the row as text", text.join("\n")),
        ("the row as JSON", serde_json::Value::Object(object).to_string()),
        ("the row as CSV", format!("{}\n{}", names.join(","), values.join(","))),
    ];
    let whole = whole.into_iter().map(|(label, text)| (label.to_owned(), text, String::new()));
    let single = filled().map(|(name, text)| ((*name).to_owned(), text.clone(), short(text)));
    whole.chain(single).collect()
}

/// A cell that no spreadsheet takes for a formula.
fn csv_cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) || formula {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// The beginning of a text.
fn short(text: &str) -> String {
    let cut: String = text.chars().take(SHORT_CHARS).collect();
    if cut.len() < text.len() { format!("{cut} …") } else { cut }
}

/// The bytes that put a text on the clipboard; `None`: it is too long for that.
pub fn clipboard(text: &str, around: &Surroundings) -> Option<Vec<u8>> {
    let text = STANDARD.encode(text);
    if text.len() > BASE64_BYTES_MAX {
        return None;
    }
    let code = format!("\x1b]52;c;{text}\x07");
    if around.in_tmux() {
        // tmux takes the code itself where it may set the clipboard, and hands it on where it may pass codes through.
        let through = code.replace('\x1b', "\x1b\x1b");
        return Some(format!("{code}\x1bPtmux;{through}\x1b\\").into_bytes());
    } else if around.in_screen() {
        // Within, the code ends with a bell: it holds no end of a string, at which screen would stop.
        let pieces = code.as_bytes().chunks(SCREEN_PIECE_BYTES);
        return Some(pieces.flat_map(|piece| [b"\x1bP", piece, b"\x1b\\"].concat()).collect());
    }
    Some(code.into_bytes())
}

/// Writes a text into a new file of that folder, for its owner alone; its path.
pub fn into_file(text: &str, folder: &Path) -> io::Result<String> {
    let path = folder.join(format!("copy-{}.txt", uuid::Uuid::now_v7()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes())?;
    Ok(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Key, Stamp};
    use crate::service::ladder::Between;

    fn row(id: &str) -> RowView {
        let cells = [("id", id), ("model", "FlyOS_MQ5"), ("region", "North, \"East\"")];
        RowView {
            key: Key::drone(id),
            label: id.to_owned(),
            cells: cells.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
            changed: Some(Stamp(0)),
            mark: None,
            needs_you: false,
            alert: None,
        }
    }

    #[test]
    fn a_row_is_taken_as_text_as_json_as_csv_or_by_value() {
        let ways = ways(&row("=1+1\u{1b}"));
        let way = |label: &str| {
            ways.iter().find(|way| way.0 == label).map(|way| way.1.as_str()).unwrap_or_default()
        };
        assert!(way("the row as text").starts_with("id: =1+1.\nmodel: FlyOS_MQ5\nregion: North"));
        let json: serde_json::Value = serde_json::from_str(way("the row as JSON")).expect("JSON");
        assert_eq!((&json["id"], &json["operator"]), (&"=1+1.".into(), &"".into()));
        let csv = way("the row as CSV");
        assert!(
            csv.ends_with("\n\"'=1+1.\",FlyOS_MQ5,,\"North, \"\"East\"\"\",,1970-01-01T00:00:00+00:00"),
            "{csv}"
        );
        assert_eq!(way("model"), "FlyOS_MQ5");
        assert!(ways.iter().all(|way| way.0 != "operator"), "what is empty is not offered by itself");
    }

    #[test]
    fn the_code_reaches_the_terminal_through_what_stands_between() {
        let plain = Surroundings::default();
        assert_eq!(clipboard("hi", &plain).expect("short"), b"\x1b]52;c;aGk=\x07");
        let tmux = Surroundings { between: Some(Between::Tmux), ..plain.clone() };
        let expected = b"\x1b]52;c;aGk=\x07\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\";
        assert_eq!(clipboard("hi", &tmux).expect("short"), expected);
        let screen = Surroundings { between: Some(Between::Screen), ..plain.clone() };
        let bytes = clipboard(&"x".repeat(600), &screen).expect("short");
        let text = String::from_utf8(bytes).expect("text");
        let pieces: Vec<&str> = text.split("\x1b\\").filter(|piece| !piece.is_empty()).collect();
        assert!(
            pieces.len() > 3 && pieces.iter().all(|piece| piece.starts_with("\x1bP") && piece.len() <= 242)
        );
        let joined: String = pieces.iter().filter_map(|piece| piece.strip_prefix("\x1bP")).collect();
        assert_eq!(joined.as_bytes(), clipboard(&"x".repeat(600), &plain).expect("short"));
    }

    #[test]
    fn too_long_goes_into_a_file_of_ones_own() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().expect("a folder");
        let path = into_file("text", home.path()).expect("written");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "text");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert!(into_file("text", &home.path().join("none")).is_err());
    }

    #[test]
    fn too_long_is_not_sent() {
        let plain = Surroundings::default();
        assert!(clipboard(&"x".repeat(56_244), &plain).is_some());
        assert!(clipboard(&"x".repeat(56_247), &plain).is_none());
    }
}
