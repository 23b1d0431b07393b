//! What is left of an account's file and its copy where neither can be read as a whole.
//!
//! Each way to the key is sealed by itself: one that is whole opens whatever happened around it, and one that is not
//! opens nothing. So they are looked for piece by piece, each line and each way by itself, the file's before the copy's,
//! and a piece is taken where the file can be read with it. What is lacking is as in a new file: an address finds it
//! again, and the server says whose it is, at a sign-in with a line.

use toml::{Table, Value};

/// Pieces that are looked at in one file, which has some 20: damage cannot make this slow.
const PIECES_MAX: usize = 64;
const WAYS: &str = "wraps";
const VERSION: &str = "version";

/// Puts the pieces of damaged files into a new one. `None`: there is no way to the key among them, or they are of a newer
/// version than `known`, whose form is not guessed at.
pub(super) fn gather(
    files: &[&[u8]],
    new: Table,
    known: u32,
    is_readable: impl Fn(&Table) -> bool,
) -> Option<Table> {
    let pieces: Vec<Table> = files.iter().flat_map(|bytes| pieces(bytes)).collect();
    let version = pieces.iter().filter_map(|piece| piece.get(VERSION)?.as_integer()).min();
    if version.is_some_and(|version| version > known.into()) {
        return None;
    }
    let mut whole = new;
    let (mut taken, mut ways) = (vec![VERSION.to_owned()], Vec::<Value>::new());
    for (name, value) in pieces.into_iter().flatten() {
        let (value, found) = match value {
            Value::Array(found) if name == WAYS => {
                let new = found.into_iter().filter(|way| !ways.contains(way));
                let all: Vec<Value> = ways.iter().cloned().chain(new).collect();
                (Value::Array(all.clone()), Some(all))
            }
            _ if name == WAYS || taken.contains(&name) => continue,
            value => (value, None),
        };
        let mut tried = whole.clone();
        tried.insert(name.clone(), value);
        if is_readable(&tried) {
            whole = tried;
            match found {
                Some(found) => ways = found,
                None => taken.push(name),
            }
        }
    }
    (!ways.is_empty()).then_some(whole)
}

/// The lines before the ways, and the ways: whichever can be read.
fn pieces(bytes: &[u8]) -> Vec<Table> {
    let text = String::from_utf8_lossy(bytes);
    let head = format!("[[{WAYS}]]");
    let mut parts = text.split(&head);
    let lines = parts.next().unwrap_or_default().lines().take_while(|line| !line.starts_with('['));
    let lines = lines.filter_map(|line| toml::from_str(line).ok());
    let ways = parts.filter_map(|part| toml::from_str(&format!("{head}{part}")).ok());
    lines.chain(ways).take(PIECES_MAX).collect()
}
