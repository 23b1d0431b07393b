//! Leaving a form: what was typed is dropped by a second Esc alone. A cell that is changed in its place is one value, and
//! is left at once.

use super::Form;
use crate::service::{ErrorKind, ServiceError};
use crate::tui::texts;

impl Form {
    /// May it be put away? Where something would be lost, it says so first.
    pub fn may_be_left(&mut self) -> bool {
        let told = self.error.as_ref().is_some_and(|error| error.message == texts::FORM_LEFT);
        if self.cell || told || !self.has_news() {
            return true;
        }
        self.error = Some(ServiceError::new(ErrorKind::Usage, texts::FORM_LEFT));
        false
    }

    /// Was anything typed or chosen? What a new row begins with was not.
    fn has_news(&self) -> bool {
        let began_with_row = !self.new && self.many.is_empty();
        self.fields.iter().any(|field| field.touched || began_with_row && field.is_changed())
    }
}
