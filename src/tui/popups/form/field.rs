//! One field of a form: what it holds, what it held, and what is wrong with it.

use crate::domain::{FieldType, Kind, Value, drone};
use crate::tui::popups::{REASON, reason_fault};
use crate::tui::widgets::text_field::TextField;

/// What a field holds while it is edited.
#[derive(Clone, Debug)]
pub enum Entry {
    Text(TextField),
    /// Chosen from a list: what is stored, and how it is called.
    Choice {
        value: Value,
        label: String,
    },
}

#[derive(Clone, Debug)]
pub struct FormField {
    pub name: &'static str,
    pub title: &'static str,
    pub hint: &'static str,
    pub entry: Entry,
    pub(super) before: Value,
    /// Somebody set it here.
    pub(super) touched: bool,
    pub error: Option<String>,
    /// Why it is not mine to change.
    pub locked: Option<String>,
}

impl FormField {
    pub(super) fn column(field: &'static crate::domain::Field, before: Value, label: Option<String>) -> Self {
        let entry = match field.ty {
            FieldType::Choice(_) | FieldType::Ref(_) => {
                let label = label.or_else(|| before.clone()).unwrap_or_else(|| "-".to_owned());
                Entry::Choice { value: before.clone(), label }
            }
            _ => Entry::Text(TextField::new(before.as_deref().unwrap_or_default())),
        };
        Self {
            name: field.name,
            title: field.title,
            hint: field.hint,
            entry,
            before,
            touched: false,
            error: None,
            locked: None,
        }
    }

    pub(super) fn text(name: &'static str, title: &'static str, hint: &'static str) -> Self {
        Self {
            name,
            title,
            hint,
            entry: Entry::Text(TextField::default()),
            before: None,
            touched: false,
            error: None,
            locked: None,
        }
    }

    pub(super) fn raw(&self) -> Value {
        match &self.entry {
            Entry::Text(field) => Some(field.text().trim().to_owned()).filter(|text| !text.is_empty()),
            Entry::Choice { value, .. } => value.clone(),
        }
    }

    /// The value as it will be stored, or what would be right.
    pub(super) fn accept(&self, kind: Kind) -> Result<Value, String> {
        let raw = self.raw();
        match (kind, self.name) {
            (Kind::Drone, "id") => match raw {
                Some(id) if drone::id_is_sound(&id) => Ok(Some(id)),
                _ => Err(format!("Id {}.", self.hint)),
            },
            (_, REASON) => reason_fault(raw.as_deref().unwrap_or_default()).map_or(Ok(raw), Err),
            _ => kind
                .field(self.name)
                .map_or(Ok(raw.clone()), |field| field.accept(&raw).map_err(|refusal| refusal.message)),
        }
    }

    /// Takes what it became meanwhile for what it was: as it is shown, too, unless somebody has set it here.
    pub(super) fn became(&mut self, now: &serde_json::Value) {
        let Some((value, text)) = now.get(self.name).and_then(|now| Some((now.get(0)?, now.get(1)?))) else {
            return;
        };
        let (value, text) = (value.as_str().map(str::to_owned), text.as_str().unwrap_or_default());
        if !self.is_changed() {
            match &mut self.entry {
                Entry::Choice { value: shown, label } => {
                    let text = if text.is_empty() { "-" } else { text };
                    (*shown, *label) = (value.clone(), text.to_owned());
                }
                Entry::Text(field) => field.set(value.as_deref().unwrap_or_default()),
            }
        }
        self.before = value;
    }

    pub(super) fn is_changed(&self) -> bool {
        self.raw() != self.before
    }
}

/// The fixed texts of a column that is one of few.
pub(super) fn choices_of(kind: Kind, name: &str) -> Option<&'static [&'static str]> {
    match kind.field(name)?.ty {
        FieldType::Choice(texts) => Some(texts),
        _ => None,
    }
}

/// The name of the cell that tells a reference in words.
pub(super) fn cell_of(column: &str) -> &str {
    column.strip_suffix("_id").unwrap_or(column)
}
