//! Digests of what a caller may see, so that a copy that went wrong is found.

use super::{Caller, Engine};
use crate::domain::digest::{self, Digests};
use crate::domain::{Kind, policy, scope};

impl Engine {
    pub fn digest(&self, caller: &Caller, tables: &[Kind]) -> Digests {
        let seen = self.states.iter().filter(|(key, state)| {
            let may_see = |record| policy::may_see(&caller.actor, &self.world, &record);
            !state.deleted
                && scope::meet(&caller.scopes, &state.scopes)
                && self.world.get(key).is_some_and(may_see)
        });
        digest::digest(tables, seen.map(|(key, state)| (key, state.ver)))
    }
}
