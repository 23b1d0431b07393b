//! Cached rows as bytes, before they are sealed: pages of them, so that a million rows are some thirty thousand values.
//!
//! A row is `v u64 | kind u8 | key | n scopes | cells`, the cells in the order of the kind's columns and typed, so
//! that a start makes records of them and no texts. Columns that are not ours are not kept. The cache is rebuilt rather
//! than migrated, so `SCHEMA` is all the care that a change of this format, or of the columns, needs.

use uuid::Uuid;

use crate::domain::{Cell, Key, Kind, Record, Stamp};

/// A row as the server gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedRow {
    /// The server's version of the row.
    pub v: u64,
    pub scopes: Vec<String>,
    pub row: Record,
}

const NULL: u8 = 0;
const TEXT: u8 = 1;
const UUID: u8 = 2;
const TIME: u8 = 3;

fn kind_byte(kind: Kind) -> u8 {
    match kind {
        Kind::Region => 1,
        Kind::User => 2,
        Kind::Drone => 3,
        Kind::Assignment => 4,
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    // A length past this would be gigabytes of text; cut short it fails to decode rather than lie.
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_cell(out: &mut Vec<u8>, cell: Cell<'_>) {
    match cell {
        Cell::Null => out.push(NULL),
        Cell::Text(text) => {
            out.push(TEXT);
            put_text(out, text);
        }
        Cell::Uuid(id) => {
            out.push(UUID);
            out.extend_from_slice(id.as_bytes());
        }
        Cell::Time(at) => {
            out.push(TIME);
            out.extend_from_slice(&at.0.to_le_bytes());
        }
    }
}

/// Adds a row to a page.
pub(super) fn encode(out: &mut Vec<u8>, row: &CachedRow) {
    out.extend_from_slice(&row.v.to_le_bytes());
    out.push(kind_byte(row.row.kind()));
    match &row.row {
        Record::Region(region) => out.extend_from_slice(region.id.as_bytes()),
        Record::User(user) => out.extend_from_slice(user.id.as_bytes()),
        Record::Drone(drone) => put_text(out, &drone.id),
        Record::Assignment(row) => {
            out.extend_from_slice(row.user_id.as_bytes());
            put_text(out, &row.drone_id);
        }
    }
    out.push(u8::try_from(row.scopes.len()).unwrap_or(u8::MAX));
    row.scopes.iter().take(usize::from(u8::MAX)).for_each(|scope| put_text(out, scope));
    for field in row.row.kind().fields() {
        put_cell(out, row.row.cell(field.name));
    }
}

/// The rows of a page; `None` for bytes that `encode` did not make.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<CachedRow>> {
    let mut from = Reader(bytes);
    let mut rows = Vec::new();
    while !from.0.is_empty() {
        rows.push(from.row()?);
    }
    Some(rows)
}

/// Takes from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn uuid(&mut self) -> Option<Uuid> {
        self.array().map(Uuid::from_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(u32::from_le_bytes(self.array()?)).ok()?;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(taken).ok()
    }

    fn cell(&mut self) -> Option<Cell<'a>> {
        Some(match self.array()? {
            [NULL] => Cell::Null,
            [TEXT] => Cell::Text(self.text()?),
            [UUID] => Cell::Uuid(self.uuid()?),
            [TIME] => Cell::Time(Stamp(i64::from_le_bytes(self.array()?))),
            _ => return None,
        })
    }

    fn row(&mut self) -> Option<CachedRow> {
        let v = u64::from_le_bytes(self.array()?);
        let [byte] = self.array()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind_byte(*kind) == byte)?;
        let key = match kind {
            Kind::Region => Key::region(self.uuid()?),
            Kind::User => Key::user(self.uuid()?),
            Kind::Drone => Key::drone(self.text()?),
            Kind::Assignment => Key::assignment(self.uuid()?, self.text()?),
        };
        let [scopes] = self.array()?;
        let scopes = (0..scopes).map(|_| self.text().map(str::to_owned)).collect::<Option<_>>()?;
        let mut row = Record::new(&key)?;
        for field in kind.fields() {
            row.put_cell(field.name, self.cell()?);
        }
        Some(CachedRow { v, scopes, row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Drone, DroneModel};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_survive_and_no_bytes_panic(
            ids in prop::collection::vec("[a-z]{1,20}", 1..4), v: u64, at: i32,
            scopes in prop::collection::vec(".{0,9}", 0..4), operator: Option<u128>, odd in "[a-z]{1,9}",
            cut in 0_usize..400, noise in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let rows: Vec<CachedRow> = ids.iter().map(|id| {
                let mut drone = Drone::new(id);
                drone.model = Some(DroneModel::Mq9);
                drone.operator_id = operator.map(Uuid::from_u128);
                drone.updated_at = Some(Stamp(i64::from(at)));
                let mut row = Record::Drone(drone);
                // What no column of its type can hold is kept as it came.
                row.put("status", &Some(odd.clone()));
                CachedRow { v, scopes: scopes.clone(), row }
            }).collect();
            let mut bytes = Vec::new();
            for row in &rows {
                encode(&mut bytes, row);
            }
            prop_assert_eq!(decode(&bytes), Some(rows.clone()));
            let cut = cut.min(bytes.len() - 1);
            prop_assert!(decode(&bytes[..cut]).is_none_or(|fewer| rows.starts_with(&fewer) && fewer.len() < rows.len()));
            let _whatever = decode(&noise);
        }
    }
}
