//! Who pulls: three roles that stay, one person who is moved about and put out, and one who loads anew at times.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::Race;
use crate::kit::{Came, Copy, Person, Rng, truth};
use crate::pg::Sql;

/// So few that every bulk write takes several pages.
const PAGE: i32 = 7;

pub struct Puller {
    email: &'static str,
    person: Person,
    copy: Copy,
    rng: Rng,
    /// Loses its cursor at times.
    forgets: bool,
    /// How long it rests after a page, at most, in milliseconds.
    rests: u64,
}

type Run = Pin<Box<dyn Future<Output = Puller> + Send>>;

pub async fn all(race: &Arc<Race>, rng: &mut Rng) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (email, forgets, rests) in [
        ("main@flyos.mil", false, 0),
        ("east@flyos.mil", false, 80),
        ("operator1@flyos.mil", false, 10),
        ("east.ops@flyos.mil", false, 5),
        ("west@flyos.mil", true, 20),
    ] {
        let person = Person::new(&race.db, email).await;
        let puller = Puller { email, person, copy: Copy::default(), rng: rng.fork(), forgets, rests };
        runs.push(Box::pin(puller.run(Arc::clone(race))));
    }
    runs
}

impl Puller {
    async fn run(mut self, race: Arc<Race>) -> Self {
        let (mut forgets, mut compares) = (40, 20);
        for turn in 0_u64.. {
            if race.over() {
                break;
            }
            if self.forgets && turn >= forgets && !self.copy.cursor.is_null() {
                forgets = turn + 100 + self.rng.below(400);
                // As a cursor of a server that was restored since.
                self.copy.cursor["epoch"] = json!(Uuid::new_v4());
                race.count("cursors thrown away");
            }
            if turn >= compares {
                compares = turn + 20 + self.rng.below(80);
                self.compare(&race).await;
            }
            let drained = self.step(&race).await;
            let rest = self.rng.below(1 + if drained { 12 } else { 0 } + self.rests);
            tokio::time::sleep(Duration::from_millis(rest)).await;
        }
        self
    }

    /// One call; whether there is nothing more.
    async fn step(&mut self, race: &Race) -> bool {
        match self.copy.pull(&self.person.sql, PAGE).await {
            Ok(Came::Page { more }) => !more,
            Ok(Came::Scope | Came::Resync(_)) => false,
            Ok(Came::Must(word)) => {
                race.count("words for who may not work");
                // Whoever was put out keeps nothing, and signs in again later.
                self.copy.forget();
                if word == "signed_out" {
                    self.person = Person::new(&race.db, self.email).await;
                }
                true
            }
            Err(error) => {
                race.wrong(format!("{}: a pull failed: {error:?}", self.email));
                true
            }
        }
    }

    /// Drains inside one snapshot: the copy must be what that snapshot shows, whatever the others do.
    async fn compare(&mut self, race: &Race) {
        let sql = &self.person.sql;
        sql.batch_execute("begin isolation level repeatable read").await.expect("a transaction");
        loop {
            match self.copy.pull(sql, PAGE).await {
                Ok(Came::Page { more: false }) => break,
                Ok(Came::Must(_)) => {
                    sql.batch_execute("rollback").await.expect("it ends");
                    return;
                }
                Ok(_) => {}
                Err(error) => {
                    race.wrong(format!("{}: a pull failed: {error:?}", self.email));
                    sql.batch_execute("rollback").await.expect("it ends");
                    return;
                }
            }
        }
        let found = truth::differences(&self.copy, sql).await;
        sql.batch_execute("rollback").await.expect("it ends");
        race.count("snapshots compared");
        if !found.is_empty() {
            race.wrong(format!("{} in a snapshot: {found:?}", self.email));
        }
    }

    /// Nobody writes any more: drains, and must hold the truth.
    pub async fn finish(&mut self, race: &Race, owner: &Sql) {
        // Whoever was put out is let in again.
        let back = "update public.profiles set status = 'ACTIVE' where email = $1 and status <> 'ACTIVE'";
        owner.execute(back, &[&self.email]).await.expect("the superuser may");
        self.person = Person::new(&race.db, self.email).await;
        self.copy.drain(&self.person.sql, PAGE).await.expect("it drains");
        let found = truth::differences(&self.copy, &self.person.sql).await;
        let old = truth::old_versions(&self.copy, owner).await;
        for words in found.into_iter().chain(old) {
            race.wrong(format!("{} at the end: {words}", self.email));
        }
        let counts = self.copy.counts;
        race.add("pages", counts.pages);
        race.add("changes in pages", counts.changes);
        race.add("rows that came again", counts.again);
        race.add("cursors over transactions in progress", counts.straddling);
        race.add("changes of scope", counts.scope_changes);
        race.add("loads anew", counts.resyncs);
        race.add(&format!("rows held by {}", self.email), self.copy.rows.len() as u64);
    }
}
