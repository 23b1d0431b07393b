//! The two servers side by side, begun anew for each sequence: the training server is started afresh, the database
//! is put back as it was (a new one for each would take ten times as long).

use std::collections::BTreeMap;

use flyos::domain::scope;
use flyos::domain::{Key, Kind, World, rules};

use super::plan::PEOPLE;
use crate::rows::Keep;
use crate::twins::{Person, Postgres, Server, Training, sign_in};

/// The rows that PostgreSQL has a state of: whether they are deleted, and their scopes.
const STATES: &str =
    "select coalesce(jsonb_agg(jsonb_build_object('t', s.tbl, 'pk', s.pk, 'deleted', s.deleted,
    'scopes', to_jsonb(s.scopes))), '[]') from sync.row_state s";

/// Our SQL with everybody signed in.
pub struct Stage {
    pub postgres: Postgres,
    keep: Keep,
    people: Vec<Person>,
}

impl Stage {
    pub async fn start() -> Self {
        let postgres = Postgres::start(0).await;
        let people = signed_in(&postgres).await;
        let keep = Keep::of(&postgres.database).await;
        Self { postgres, keep, people }
    }

    /// Both servers as they are before a sequence, with the people on each.
    pub async fn begin(&self) -> (Training, [Vec<Person>; 2]) {
        self.keep.restore().await;
        let training = Training::start(0).await;
        let people = signed_in(&training).await;
        (training, [people, self.people.clone()])
    }

    /// What must be true of the database whatever was done to it.
    pub async fn is_sound(&self, world: &World) -> Result<(), String> {
        let broken = rules::broken(world);
        if !broken.is_empty() {
            return Err(format!("PostgreSQL breaks a rule: {broken:?}"));
        }
        let states = self.postgres.value(STATES).await;
        let mut held: BTreeMap<Key, Vec<String>> = BTreeMap::new();
        for state in states.as_array().expect("a list").iter().filter(|state| state["deleted"] == false) {
            let kind = Kind::from_table(state["t"].as_str().expect("a table")).expect("one of ours");
            let key = Key { kind, pk: state["pk"].as_str().expect("a key").to_owned() };
            held.insert(key, serde_json::from_value(state["scopes"].clone()).expect("texts"));
        }
        for key in Kind::ALL.iter().flat_map(|kind| world.keys(*kind)) {
            let record = world.get(&key).expect("a row of its key");
            let scopes = held.remove(&key);
            let wanted = scope::of_row(world, &record);
            if scopes.as_ref() != Some(&wanted) {
                return Err(format!("PostgreSQL books {scopes:?} for {key}, and not {wanted:?}"));
            }
        }
        if held.is_empty() {
            Ok(())
        } else {
            Err(format!("PostgreSQL books rows that are not there: {held:?}"))
        }
    }
}

async fn signed_in(server: &impl Server) -> Vec<Person> {
    let mut people = Vec::new();
    for email in PEOPLE {
        people.push(sign_in(server, email).await);
    }
    people
}
