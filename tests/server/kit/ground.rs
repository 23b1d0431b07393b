//! A small ground on which two transactions meet: three regions, two MAIN_HQ, two operators, two drones.
//!
//! `E`, `W`, `N` are regions; `M` and `O` are MAIN_HQ; `a` and `b` are operators of `E`; drone `d` is in `E`, drone
//! `n` nowhere. Statements name them as `$E`, `$a` and so on.

use super::lanes::Lane;
use super::truth;
use crate::pg::{self, Database, Sql};

const NAMES: [(&str, &str); 7] = [
    ("$E", "0194a3c0-0000-7000-8000-00000000000e"),
    ("$W", "0194a3c0-0000-7000-8000-00000000000f"),
    ("$N", "0194a3c0-0000-7000-8000-000000000010"),
    ("$M", "0194a3d2-0000-7000-8000-000000000100"),
    ("$O", "0194a3d2-0000-7000-8000-000000000101"),
    ("$a", "0194a3d2-0000-7000-8000-00000000010a"),
    ("$b", "0194a3d2-0000-7000-8000-00000000010b"),
];

const CLEAN: &str = "
    set session_replication_role = replica;
    truncate public.regions, public.profiles, public.drones, public.user_drone_assignments, sync.row_state,
        sync.scope_exit, sync.device, sync.applied_op;
    set session_replication_role = origin;
    insert into public.regions (id, name, area, status) values
        ('$E', 'East', 'Here', 'ACTIVE'), ('$W', 'West', 'There', 'ACTIVE'), ('$N', 'North', 'Up', 'ACTIVE');
    insert into public.profiles (id, username, full_name, email, role, region_id, status) values
        ('$M', 'main', 'Main', 'main@flyos.mil', 'MAIN_HQ', null, 'ACTIVE'),
        ('$O', 'other', 'Other', 'other@flyos.mil', 'MAIN_HQ', null, 'ACTIVE'),
        ('$a', 'anna', 'Anna', 'anna@flyos.mil', 'OPERATOR', '$E', 'ACTIVE'),
        ('$b', 'ben', 'Ben', 'ben@flyos.mil', 'OPERATOR', '$E', 'ACTIVE');
    insert into public.drones (id, model, status, region_id) values
        ('d', 'FlyOS_MQ5', 'ACTIVE', '$E'), ('n', 'FlyOS_MQ5', 'ACTIVE', null)";

/// A statement with the names put in.
pub fn sql(text: &str) -> String {
    NAMES.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
}

pub struct Ground {
    pub db: Database,
    pub owner: Sql,
    lanes: [Lane; 2],
}

/// How two transactions went that met: the SQLSTATE of each, "" where it was committed, and whether the second
/// had to wait for the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    pub first: String,
    pub second: String,
    pub waited: bool,
}

impl Ground {
    pub async fn new() -> Self {
        let db = pg::database().await;
        let owner = db.superuser().await;
        let quick = format!("alter database {} set deadlock_timeout = '20ms'", db.name());
        owner.batch_execute(&quick).await.expect("the superuser may");
        let lanes = [Lane::owner(&db).await, Lane::owner(&db).await];
        Self { db, owner, lanes }
    }

    /// The rows as they are described above, and what a test adds to them.
    pub async fn lay(&self, more: &str) {
        for text in [CLEAN, more] {
            if let Err(error) = self.owner.batch_execute(&sql(text)).await {
                panic!("{text}: {error:?}");
            }
        }
    }

    /// Nothing is broken, and the books are right.
    pub async fn holds(&self, when: &str) {
        assert_eq!(truth::faults(&self.owner).await, Vec::<String>::new(), "{when}");
    }

    /// One writes and does not commit; the other writes; the one commits, the other goes on. Everything must hold.
    pub async fn meet(&mut self, first: &str, second: &str) -> Met {
        let [one, other] = &mut self.lanes;
        one.must("begin").await;
        other.must("begin").await;
        // The other's transaction is the older one: it has its id before anything happens.
        other.must("select pg_current_xact_id()").await;
        let first_state = one.run(&sql(first)).await;
        let waited = other.hangs(&sql(second)).await;
        one.close(&first_state).await;
        let (second_state, _) = other.end().await;
        other.close(&second_state).await;
        let met = Met { first: first_state, second: second_state, waited };
        self.holds(&format!("{first} beside {second}: {met:?}")).await;
        met
    }

    /// Both ways round, from the same rows: the SQLSTATEs of the two, first when `a` was first.
    pub async fn both_ways(&mut self, more: &str, a: &str, b: &str) -> [Met; 2] {
        self.lay(more).await;
        let one = self.meet(a, b).await;
        self.lay(more).await;
        [one, self.meet(b, a).await]
    }

    /// One value, from a query with names.
    pub async fn value(&self, query: &str) -> serde_json::Value {
        self.owner.value(&sql(query)).await.expect("a query")
    }
}
