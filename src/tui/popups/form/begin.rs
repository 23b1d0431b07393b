//! How a form for rows that are there begins: with one row as it is, for several rows, or with what an edit set that was
//! not taken.

use std::collections::BTreeMap;

use super::field::cell_of;
use super::{Entry, Form, FormField};
use crate::domain::{Field, FieldType, Key, Kind};
use crate::service::{Card, Detail};
use crate::tui::popups::REASON;
use crate::tui::texts::{self, AS_IT_IS};

impl Form {
    /// A form for a row as it is.
    pub fn edit(detail: &Detail) -> Self {
        let key = detail.row.key.clone();
        let columns = key.kind.fields().iter().filter(|field| !field.server);
        let mut fields: Vec<FormField> = columns
            .map(|field| {
                let before = detail.fields.get(field.name).cloned().flatten();
                let label = match field.ty {
                    FieldType::Ref(_) => detail.row.cells.get(cell_of(field.name)).cloned(),
                    _ => None,
                };
                let locked = detail.locked.get(field.name).cloned();
                FormField { locked, ..FormField::column(field, before, label) }
            })
            .collect();
        // The first field that is mine to change has the focus.
        let at = fields.iter().position(|field| field.locked.is_none()).unwrap_or(0);
        fields.push(FormField::text(REASON, "Why", texts::WHY_HINT));
        let title = format!("Edit {}", detail.row.label);
        Self { new: false, title, fields, at, ..Self::create(key.kind, key) }
    }

    /// A form for several rows, of which only what is touched is changed; what must be unique is not in it. `locked`: the
    /// fields that are mine to change in none of them. Where that is all of them, why.
    pub fn several(kind: Kind, many: Vec<Key>, locked: &BTreeMap<String, String>) -> Result<Self, String> {
        let columns = kind.fields().iter().filter(|field| !field.server && !field.unique);
        let column = |field: &'static Field| match locked.get(field.name) {
            None => FormField::column(field, None, Some(format!("({AS_IT_IS})"))),
            // What is closed stands in brackets already.
            Some(why) => FormField {
                entry: Entry::Choice { value: None, label: AS_IT_IS.to_owned() },
                locked: Some(why.clone()),
                ..FormField::column(field, None, None)
            },
        };
        let mut fields: Vec<_> = columns.map(column).collect();
        // The first field that is mine to change has the focus.
        let Some(at) = fields.iter().position(|field| field.locked.is_none()) else {
            return Err(fields.into_iter().find_map(|field| field.locked).unwrap_or_default());
        };
        fields.push(FormField::text(REASON, "Why", texts::WHY_HINT));
        let title = format!("Edit {}", texts::rows(many.len(), kind));
        let key = many.first().cloned().unwrap_or_else(|| Key::drone(""));
        Ok(Self { new: false, fields, title, many, at, ..Self::create(kind, key) })
    }

    /// A form for what an edit set that was not taken.
    pub fn mend(card: &Card) -> Self {
        let key = card.line.key.clone();
        let columns = card.wanted.iter().filter_map(|wanted| {
            let field = key.kind.field(&wanted.name)?;
            Some(FormField::column(field, wanted.value.clone(), Some(wanted.text.clone())))
        });
        let (fields, title) = (columns.collect(), format!("{}: send again", card.line.label));
        // Judged as a new row is: all of it, since what was wrong may be wrong together.
        Self { fields, title, mends: Some(card.edit), ..Self::create(key.kind, key) }
    }
}
