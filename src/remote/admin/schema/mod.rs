//! The project's schema: made by the migrations that this program carries, held against what they make, taken out again.
//!
//! * `migrations`: the files of `config/supabase`, which are applied, and applying the others
//! * `catalog`: every object of ours in a database, by name and definition, and how it differs from what it must be
//! * `again`: everything applied once more and every object made what it must be; `mend`: by which statements
//! * `first`: the first MAIN_HQ, without whom nobody could make anybody

mod again;
mod catalog;
mod first;
mod mend;
mod migrations;

pub use again::{Left, Mended};
pub use catalog::{Catalog, Changed, Difference, Extra, Standing, expected};
pub use first::{FirstDone, FirstHow, FirstPlan, FirstUser};
pub use migrations::{MIGRATIONS, Migration, Plan, ROLLBACK, SEED};

/// How to take back by hand what opens wider than it must be: a statement.
pub fn take_back(object: &str) -> Option<String> {
    mend::take_back(object)
}
