//! Transactions that begin before others and commit after them: what timestamps lose.
//!
//! The rows here are nobody else's, so that no later write of another heals what a cursor lost.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Race;
use super::peer::Peer;
use crate::kit::Rng;
use crate::pg::Sql;

/// How many rows of each kind there are to be late with.
const ROWS: u64 = 200;

/// Without a region, so that only MAIN_HQ sees them, and no writer of a whole region touches them.
pub const SETUP: &str = "
    insert into public.drones (id, model, status)
    select kind || '-' || n, 'FlyOS_MQ5', 'STANDBY'
    from unnest(array['late-old', 'late-gone']) kind, generate_series(1, 200) n;
    insert into public.drones (id, model, status)
    values ('late-pulse', 'FlyOS_MQ5', 'STANDBY'), ('late-span', 'FlyOS_MQ5', 'STANDBY')";

/// Waits until the usual cursor has passed a time.
async fn passed(sql: &Sql, peer: &Mutex<Peer>, begun: &str) -> bool {
    let at = peer.lock().expect("no panic").drones_until();
    let query = "select $1::text::timestamptz > $2::text::timestamptz";
    sql.query_one(query, &[&at, &begun]).await.expect("two times").get(0)
}

pub async fn run(race: Arc<Race>, peer: Arc<Mutex<Peer>>, mut rng: Rng) {
    let late = race.db.postgres().await;
    let other = race.db.postgres().await;
    for round in 0_u64.. {
        if race.over() {
            return;
        }
        let n = round % ROWS + 1;
        let status = if (round / ROWS).is_multiple_of(2) { "ACTIVE" } else { "STANDBY" };
        let write = format!(
            "begin;
            update public.drones set status = '{status}' where id = 'late-old-{n}';
            insert into public.drones (id, model, status) values ('late-new-{n}', 'FlyOS_MQ7', '{status}')
                on conflict (id) do update set status = excluded.status"
        );
        late.batch_execute(&write).await.expect("nobody else writes these");
        let begun: String = late.query_one("select now()::text", &[]).await.expect("a time").get(0);
        // Others begin, write, commit and are seen meanwhile.
        while !race.over() && !passed(&other, &peer, &begun).await {
            let pulse =
                "update public.drones set status = case status when 'ACTIVE' then 'STANDBY' else 'ACTIVE' end
                where id = 'late-pulse'";
            other.batch_execute(pulse).await.expect("nobody else writes it");
            race.count("transactions committed");
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        tokio::time::sleep(Duration::from_millis(rng.below(150))).await;
        late.batch_execute("commit").await.expect("nobody else writes these");
        let delete = format!("delete from public.drones where id = 'late-gone-{n}'");
        other.batch_execute(&delete).await.expect("nobody else writes these");
        race.add("transactions committed", 2);
        race.count("transactions that committed late");
    }
}

/// A transaction with a write in it that stands open while everything else happens. It ends now and then, so that
/// there are times without one, and since nothing that was deleted after it began can be vacuumed.
pub struct Spanning(Sql);

/// How often it is looked whether the race is over.
const LOOK: Duration = Duration::from_millis(20);

impl Spanning {
    /// Before all others begin.
    pub async fn begin(race: &Race) -> Self {
        let this = Self(race.db.postgres().await);
        this.write().await;
        this
    }

    async fn write(&self) {
        let write = "begin;
            update public.drones set status = case status when 'ACTIVE' then 'STANDBY' else 'ACTIVE' end
                where id = 'late-span';
            savepoint undone;
            update public.drones set status = 'OFFLINE' where id = 'late-span';
            rollback to undone";
        self.0.batch_execute(write).await.expect("nobody else writes it");
    }

    /// Open at the end, and for up to a minute at a time.
    pub async fn until_the_end(self, race: Arc<Race>) -> Self {
        let length = race.end.saturating_duration_since(Instant::now());
        let open = (length * 2 / 5).min(Duration::from_secs(60));
        loop {
            let renew = Instant::now() + open;
            while Instant::now() < renew {
                if race.over() {
                    return self;
                }
                tokio::time::sleep(LOOK).await;
            }
            self.commit().await;
            race.count("transactions committed");
            tokio::time::sleep(open / 4).await;
            self.write().await;
        }
    }

    pub async fn commit(&self) {
        self.0.batch_execute("commit").await.expect("nobody else writes it");
    }
}
