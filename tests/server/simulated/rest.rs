//! Quiet points of PostgreSQL: what its tables say, read into the training server's shapes, and what must hold that only
//! the database can tell.

use std::collections::BTreeMap;

use flyos::domain::{Key, Kind, Stamp, digest, rules};
use flyos::remote::wire::{DigestReply, OpKind, OpResult, Outcome};
use flyos::sandbox::engine::{Claim, Engine, RowState};
use uuid::Uuid;

use crate::device::Device;
use crate::kit::truth;
use crate::oracle::{self, Check, holds};
use crate::pg::Sql;
use crate::rows;
use crate::server::Server;

use super::calls;
use super::stats::STATS;

/// All rows with their versions and scopes, and the moment of that, in one snapshot.
pub async fn read(owner: &Sql) -> (Engine, i64) {
    owner.batch_execute("begin isolation level repeatable read").await.expect("a transaction");
    let world = rows::world(owner).await;
    let meta = "select sync.epoch(), (select min_xid::text::bigint from sync.meta), sim.moment()";
    let meta = owner.query_one(meta, &[]).await.expect("the superuser may");
    let states = "select tbl::text, pk::text, ver, xid::text::bigint, deleted, scopes from sync.row_state";
    let states = owner.query(states, &[]).await.expect("the superuser may");
    owner.batch_execute("commit").await.expect("it ends");
    let number = |number: i64| u64::try_from(number).expect("it counts up");
    let mut engine = Engine::empty(meta.get(0), 1);
    engine.resume_at(1, number(meta.get(1)));
    for row in &states {
        let (table, pk): (String, String) = (row.get(0), row.get(1));
        let key = Key::parse(Kind::from_table(&table).expect("one of ours"), &pk).expect("a key");
        let state = RowState {
            ver: number(row.get(2)),
            xid: number(row.get(3)),
            deleted: row.get(4),
            scopes: row.get(5),
            by: None,
            at: None,
        };
        let record = world.get(&key);
        engine.restore_row(key, state, record);
    }
    engine.link_profiles();
    (engine, meta.get(2))
}

impl Server {
    /// At a quiet point: the books and the rules, what each person is shown, and the edits that got in.
    pub fn at_rest(&mut self, devices: &[Device]) -> Check {
        self.look();
        let runtime = self.runtime.clone();
        let wrong = runtime.block_on(truth::faults(&self.owner));
        holds(wrong.is_empty(), "the rules of the rows and the books hold", || format!("{wrong:?}"))?;
        let wrong = rules::broken(self.engine.world());
        holds(wrong.is_empty(), "the rules of the rows hold", || format!("{wrong:?}"))?;
        for claim in
            runtime.block_on(self.owner.query("select op_id from sync.applied_op", &[])).expect("read")
        {
            let id: Uuid = claim.get(0);
            let result = OpResult { id, replayed: false, outcome: Outcome::Gone };
            let (uid, device) = (Uuid::nil(), Uuid::nil());
            self.engine.restore_claim(id, Claim { hash: String::new(), uid, device, result, at: Stamp(0) });
        }
        for device in devices {
            self.shows_what_it_should(device)?;
        }
        self.each_got_in_once()?;
        self.nothing_was_overwritten()
    }

    /// Row-level security, the scopes, the policy, and the device say the same; so do the digests.
    fn shows_what_it_should(&self, device: &Device) -> Check {
        let Ok(caller) = self.engine.caller(device.uid) else { return Ok(()) };
        let asked = self.runtime.block_on(self.calls.ask(device.uid));
        let (shown, sums) = (calls::versions(&asked.0), calls::read::<DigestReply>(&asked.1));
        let replica = device.replica();
        oracle::has_what_was_shown(device.number, &replica, &shown)?;
        holds(
            shown == oracle::shown(&self.engine, &caller),
            "scopes say what row-level security says",
            || format!("{:?}: {shown:?}", caller.actor),
        )?;
        oracle::scopes_are_the_policy(&self.engine, &caller, &shown)?;
        let DigestReply::Tables(theirs) = sums else {
            return oracle::broken("a digest is answered", asked.1);
        };
        let found = digest::differing(&replica.digest(), &theirs);
        STATS.add("devices equal to PostgreSQL at a quiet point");
        holds(found.is_empty(), "the digests agree where the rows do", || {
            format!("device {}: {found:?}", device.number)
        })
    }

    /// Of all operations that say the same part of the same edit, one got in at most, whoever heard of it.
    fn each_got_in_once(&self) -> Check {
        let taken = "select op_id from sync.applied_op where code in ('applied', 'merged')";
        let taken = self.runtime.block_on(self.owner.query(taken, &[])).expect("the superuser may");
        let mut times: BTreeMap<(usize, u64), Vec<Uuid>> = BTreeMap::new();
        for row in &taken {
            let id: Uuid = row.get(0);
            // An id that two devices used is left out: which of them got in is not said.
            if let Some([(device, op)]) = self.sent.get(&id).map(Vec::as_slice) {
                times.entry((*device, op.seq)).or_default().push(id);
            }
        }
        let twice = times.iter().find(|(_, ids)| ids.len() > 1);
        holds(twice.is_none(), "an edit is carried out once", || format!("{twice:?}"))
    }

    /// The activity says what each column was when an edit took it: what its author had seen.
    fn nothing_was_overwritten(&mut self) -> Check {
        let lines = "select id, op_id, tbl, pk, field, old from public.activity
            where id > $1 and kind = 'update' and op_id is not null order by id";
        let lines = self.runtime.block_on(self.owner.query(lines, &[&self.looked_at]));
        for line in &lines.expect("the superuser may") {
            self.looked_at = line.get(0);
            let id: Uuid = line.get(1);
            let [tbl, pk, field]: [String; 3] = [line.get(2), line.get(3), line.get(4)];
            let old: Option<String> = line.get(5);
            let sent = self.sent.get(&id).map_or(&[][..], Vec::as_slice).iter().map(|(_, op)| op);
            let mut about = sent
                .filter(|op| op.t.table() == tbl && op.pk == pk && op.set.contains_key(&field))
                .peekable();
            if about.peek().is_none() {
                continue;
            }
            STATS.add("columns held against what their author had seen");
            let seen =
                about.any(|op| op.k != OpKind::Update || op.base.get(&field).cloned().flatten() == old);
            holds(seen, "nothing is overwritten that its author did not see", || {
                format!("{id}: {tbl} {pk}: {field} was {old:?}; {:?}", self.sent.get(&id))
            })?;
        }
        Ok(())
    }
}
