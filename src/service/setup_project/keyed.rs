//! The way by the project's secret key: its web address and its admin API.

use tokio::runtime::Runtime;

use super::{FirstDone, FirstUser, Placed, Tally, runtime};
use crate::remote::RemoteError;
use crate::remote::admin::{AdminKey, DirectAdmin};
use crate::service::{ErrorKind, ServiceError, explain};

/// A project, by its secret key.
pub struct Keyed {
    runtime: Runtime,
    admin: DirectAdmin,
    url: String,
}

impl Keyed {
    pub(super) fn open(url: &str, key: AdminKey) -> Result<Self, ServiceError> {
        let admin = DirectAdmin::new(url, key, env!("CARGO_PKG_VERSION"));
        let admin =
            admin.map_err(|problem| ServiceError::new(ErrorKind::Configuration, problem.to_string()))?;
        Ok(Self { runtime: runtime()?, admin, url: url.to_owned() })
    }

    /// The project's web address.
    pub fn place(&self) -> &str {
        &self.url
    }

    /// How accounts and profiles stand to each other.
    pub fn tally(&self) -> Result<Tally, ServiceError> {
        self.ask(self.admin.tally())
    }

    /// Gives accounts without a profile theirs; `keep` false: only looks what would become of each.
    pub fn place_all(
        &self,
        keep: bool,
        overwrite: bool,
        told: &mut dyn FnMut(Placed),
    ) -> Result<(), ServiceError> {
        self.ask(self.admin.place_all(keep, overwrite, told))
    }

    pub fn make_first(&self, user: &FirstUser) -> Result<FirstDone, ServiceError> {
        self.ask(self.admin.make_first(user))
    }

    fn ask<T>(&self, work: impl Future<Output = Result<T, RemoteError>>) -> Result<T, ServiceError> {
        self.runtime.block_on(work).map_err(|error| explain::remote(&error))
    }
}
