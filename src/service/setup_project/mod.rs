//! Setting a project up and looking after its accounts, for whoever runs it: the database by its address, or the
//! project's admin API by a secret key. No console, no session and no account of this machine is part of it.
//!
//! * `access`: which of the two ways, and what it takes; secrets come from files, the environment or the terminal
//! * `Project` is the database's way, `Keyed` the key's; both answer with plain values

mod access;
mod keyed;

use tokio::runtime::Runtime;

pub use access::{Access, Address, Chosen, choose, database_address, no_database, no_way};
pub use keyed::Keyed;

use super::{ErrorKind, ServiceError};
use crate::domain::Role;
pub use crate::remote::admin::database::Line;
use crate::remote::admin::database::{Database, DatabaseError, DatabaseFault};
pub use crate::remote::admin::placing::{Left, Outcome, Placed, Tally};
pub use crate::remote::admin::schema::{
    Difference, Extra, FirstDone, FirstHow, FirstPlan, FirstUser, MIGRATIONS, Mended, Migration, Plan,
    ROLLBACK, SEED, take_back,
};

/// A project's database, open.
pub struct Project {
    runtime: Runtime,
    database: Database,
}

/// How a database is, all in all.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    pub sound: bool,
    #[serde(flatten)]
    pub difference: Difference,
    pub migrations: Plan,
    /// Values of old rows that break a rule.
    pub flaws: i64,
}

/// What failed at the database, for the person.
fn told(error: DatabaseError) -> ServiceError {
    let kind = match error.fault {
        DatabaseFault::Address => ErrorKind::Usage,
        DatabaseFault::Offline => ErrorKind::Offline,
        DatabaseFault::Trust => ErrorKind::Configuration,
        DatabaseFault::SignIn => ErrorKind::SignIn,
        DatabaseFault::Denied => ErrorKind::Denied,
        DatabaseFault::Busy => ErrorKind::Locked,
        DatabaseFault::Refused => ErrorKind::Refused,
        DatabaseFault::Server => ErrorKind::Server,
    };
    ServiceError { hints: error.hints, ..ServiceError::new(kind, error.message) }
}

fn runtime() -> Result<Runtime, ServiceError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        ServiceError::new(ErrorKind::Storage, format!("The system does not let this program work: {error}."))
    })
}

impl Project {
    /// Signs in to the database.
    pub fn open(address: &Address) -> Result<Self, ServiceError> {
        let runtime = runtime()?;
        let database = runtime.block_on(Database::open(&address.0)).map_err(told)?;
        Ok(Self { runtime, database })
    }

    /// Host, database and role.
    pub fn place(&self) -> &str {
        self.database.place()
    }

    /// What is known of the line.
    pub const fn line(&self) -> &Line {
        self.database.line()
    }

    /// Which migrations are applied; refused where the database is none of a Supabase project.
    pub fn plan(&self) -> Result<Plan, ServiceError> {
        self.ask(async {
            self.database.fit_for_setup().await?;
            self.database.plan().await
        })
    }

    /// Applies what is not applied yet.
    pub fn migrate(&self, told: &mut dyn FnMut(&str, &[String])) -> Result<Plan, ServiceError> {
        self.ask(self.database.migrate(&mut |migration, notices| {
            told(&migration.full_name(), &notices);
        }))
    }

    /// Applies everything once more and mends every object, whole or not at all.
    pub fn migrate_again(&self) -> Result<Mended, ServiceError> {
        self.ask(self.database.migrate_again())
    }

    /// How the database is, object by object.
    pub fn verify(&self) -> Result<Verdict, ServiceError> {
        self.ask(async {
            self.database.is_supabase().await?;
            let (difference, migrations) = (self.database.verify().await?, self.database.plan().await?);
            let there = self.database.is_set_up().await?;
            // Where the view is damaged, that is told among the objects.
            let flaws = if there { self.database.flaws().await.unwrap_or_default() } else { 0 };
            let sound = difference.is_sound();
            Ok(Verdict { sound, difference, migrations, flaws })
        })
    }

    pub fn is_set_up(&self) -> Result<bool, ServiceError> {
        self.ask(self.database.is_set_up())
    }

    /// How many values of old rows break a rule.
    pub fn flaws(&self) -> Result<i64, ServiceError> {
        self.ask(self.database.flaws())
    }

    /// Takes everything of FlyOS Console out; what the database told.
    pub fn roll_back(&self) -> Result<Vec<String>, ServiceError> {
        self.ask(self.database.roll_back())
    }

    /// What of an address is there; refused where a MAIN_HQ can sign in already.
    pub fn first_plan(&self, email: &str) -> Result<FirstPlan, ServiceError> {
        self.ask(self.database.first_plan(email))
    }

    pub fn make_first(&self, user: &FirstUser) -> Result<FirstDone, ServiceError> {
        self.ask(self.database.make_first(user))
    }

    /// Puts the initial data set in.
    pub fn fill(&self) -> Result<(), ServiceError> {
        self.ask(self.database.fill())
    }

    /// How accounts and profiles stand to each other.
    pub fn tally(&self) -> Result<Tally, ServiceError> {
        self.ask(self.database.tally())
    }

    /// Gives accounts without a profile theirs; `keep` false: only looks what would become of each.
    pub fn place_all(
        &self,
        keep: bool,
        overwrite: bool,
        told: &mut dyn FnMut(Placed),
    ) -> Result<(), ServiceError> {
        self.ask(self.database.place_all(keep, overwrite, told))
    }

    /// What would become of these accounts, by ids or addresses.
    pub fn preview(&self, who: &[String]) -> Result<Vec<Placed>, ServiceError> {
        self.ask(self.database.preview(who))
    }

    pub fn create_profile(
        &self,
        who: &str,
        role: Option<Role>,
        inactive: bool,
    ) -> Result<Placed, ServiceError> {
        self.ask(self.database.create_profile(who, role, inactive))
    }

    fn ask<T>(&self, work: impl Future<Output = Result<T, DatabaseError>>) -> Result<T, ServiceError> {
        self.runtime.block_on(work).map_err(told)
    }
}
