//! Benchmarks of the server side: our SQL on a real PostgreSQL, through HTTP where a console would come that way.
//!
//! Nothing is asserted about time. The cluster is the tests' own, with `fsync` off: what is measured is our SQL and the
//! way to it, not the disk. Client, HTTP server and database share the machine. `README.md` beside this file says how
//! to read the table.

#[path = "../common/pg/mod.rs"]
mod pg;

#[expect(dead_code, reason = "the other bench uses the rest")]
mod machine;
#[expect(dead_code, reason = "the other bench uses the rest")]
mod report;

use std::time::Instant;

use flyos::remote::wire::{
    OpKind, OpWire, Outcome, PULL_BYTES_MAX, PULL_ROWS_MAX, Page, PullReply, PullRequest, PushReply,
    PushRequest, SCHEMA,
};
use flyos::remote::{Client, Project};
use report::{Column, Samples, Target, Unit, float, ms};
use secrecy::SecretString;
use serde_json::Value as Json;
use uuid::Uuid;

/// Rows of the server unless told otherwise.
const ROWS: usize = 100_000;
/// Edits pushed by each connection.
const EDITS: usize = 1000;
/// Edits of one call: single edits are groups of their own, and a call takes fifty.
const BATCH: usize = 50;
/// Writes by SQL, for the cost of the triggers.
const WRITES: u32 = 5000;

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let rows = match (words.next().as_deref(), words.next()) {
        (None, _) => ROWS,
        (Some("--rows"), Some(number)) => number.parse()?,
        _ => anyhow::bail!("there is `--rows N`"),
    };
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let machine = machine::describe(&std::env::temp_dir());
    let column = runtime.block_on(measure(rows))?;
    print(&machine, &report::table(&[column]), begun.elapsed().as_secs());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn print(machine: &str, table: &str, seconds: u64) {
    println!("machine: {machine}\n\n{table}\n(!) not met. Measured in {seconds} s.");
}

#[expect(clippy::print_stderr, reason = "minutes pass; whoever waits is told what is going on")]
fn tell(what: &str) {
    eprintln!("... {what}");
}

/// Somebody with a connection of their own.
struct Person {
    client: Client,
    uid: Uuid,
    token: SecretString,
}

impl Person {
    async fn new(front: &pg::Front, email: &str) -> anyhow::Result<Self> {
        let project = Project::new(front.url(), &front.publishable_key())?;
        let session = front.sign_in(email).await;
        Ok(Self {
            client: Client::new(project, "bench")?,
            uid: session.uid,
            token: SecretString::from(session.token),
        })
    }

    async fn page(&self, cursor: Option<Json>) -> anyhow::Result<Page> {
        let request =
            PullRequest { cursor, limit_rows: PULL_ROWS_MAX, limit_bytes: PULL_BYTES_MAX, schema: SCHEMA };
        match self.client.sync_pull(&self.token, &request).await?.value {
            PullReply::Page(page) => Ok(*page),
            other => anyhow::bail!("no page but {other:?}"),
        }
    }

    /// Everything from a cursor on: how many rows, how many pages, and where that ends.
    async fn drain(&self, mut cursor: Option<Json>) -> anyhow::Result<(usize, usize, Json)> {
        let (mut rows, mut pages) = (0, 0);
        loop {
            let page = self.page(cursor).await?;
            rows += page.changes.len();
            pages += 1;
            if !page.more {
                return Ok((rows, pages, page.cursor));
            }
            cursor = Some(page.cursor);
        }
    }

    async fn push(&self, ops: Vec<OpWire>) -> anyhow::Result<()> {
        let request =
            PushRequest { uid: self.uid, device: Uuid::new_v4(), schema: SCHEMA, report: None, ops };
        let PushReply::Results { results, .. } = self.client.sync_push(&self.token, &request).await?.value
        else {
            anyhow::bail!("the push got a word");
        };
        let bad = results.iter().find(|result| !matches!(result.outcome, Outcome::Applied { .. }));
        anyhow::ensure!(bad.is_none(), "an edit did not get in: {bad:?}");
        Ok(())
    }
}

/// Edits of the status of as many drones, from one status to another.
fn edits(drones: &[String], from: &str, to: &str) -> Vec<OpWire> {
    let fields = |text: &str| [("status".to_owned(), Some(text.to_owned()))].into_iter().collect();
    let ops = drones.iter().zip(1..).map(|(drone, seq)| OpWire {
        id: Uuid::now_v7(),
        seq,
        group: None,
        t: flyos::domain::Kind::Drone,
        pk: drone.clone(),
        k: OpKind::Update,
        base: fields(from),
        set: fields(to),
        deps: Vec::new(),
        drops: None,
        reason: None,
    });
    ops.collect()
}

async fn measure(rows: usize) -> anyhow::Result<Column> {
    let mut column = Column::new(format!("{rows} rows"));
    tell("a cluster, and its rows");
    let begun = Instant::now();
    let db = pg::database().await;
    column.ms("a private cluster with our migrations", ms(begun.elapsed()), Target::AtMost(5000.0));
    db.seed(rows).await;
    let owner = db.superuser().await;
    let front = db.front().await;
    let (total, per_row) = row_state(&owner).await?;
    column.put("row_state with its indexes, per row", Unit::Bytes, per_row, Target::None);

    tell("pulls");
    let main = Person::new(&front, "main@flyos.mil").await?;
    pulls(&mut column, &main, &front).await?;
    tell("pushes");
    owner.batch_execute("update public.drones set status = 'ACTIVE'").await?;
    pushes(&mut column, &front, &owner).await?;
    tell("triggers");
    triggers(&mut column, &owner, &main).await?;

    let (now, per_row) = row_state(&owner).await?;
    let what = "row_state per row after the writes above, not vacuumed";
    column.put(what, Unit::Bytes, per_row, Target::None);
    owner.batch_execute("vacuum full sync.row_state").await?;
    let (after, per_row) = row_state(&owner).await?;
    column.put("the same after a full vacuum", Unit::Bytes, per_row, Target::None);
    anyhow::ensure!(now >= total && after >= total, "row_state has a row per row");
    Ok(column)
}

/// How many rows `sync.row_state` has, and what one takes on disk.
async fn row_state(owner: &pg::Sql) -> anyhow::Result<(i64, f64)> {
    let sizes = "select count(*), pg_total_relation_size('sync.row_state') from sync.row_state";
    let row = owner.query_one(sizes, &[]).await?;
    let (count, bytes): (i64, i64) = (row.get(0), row.get(1));
    Ok((count, float(u64::try_from(bytes)?) / float(u64::try_from(count)?)))
}

async fn pulls(column: &mut Column, main: &Person, front: &pg::Front) -> anyhow::Result<()> {
    let mut rates = Samples::default();
    let mut place = Json::Null;
    for _ in 0..3 {
        let begun = Instant::now();
        let (rows, _, cursor) = main.drain(None).await?;
        rates.push(float(rows as u64) / begun.elapsed().as_secs_f64());
        place = cursor;
    }
    let at_least = Target::AtLeast(25_000.0);
    column.put("full pull, MAIN_HQ, through HTTP", Unit::PerSecond, rates.median(), at_least);
    let mut empty = Samples::default();
    for _ in 0..200 {
        let begun = Instant::now();
        main.page(Some(place.clone())).await?;
        empty.push_ms(begun.elapsed());
    }
    column.ms("empty pull, p50", empty.median(), Target::None);
    column.ms("empty pull, p99 of 200", empty.percentile(99), Target::None);
    let east = Person::new(front, "east@flyos.mil").await?;
    let begun = Instant::now();
    let (rows, ..) = east.drain(None).await?;
    let rate = float(rows as u64) / begun.elapsed().as_secs_f64();
    column.put("full pull, REGIONAL_HQ", Unit::PerSecond, rate, Target::None);
    let operator = Person::new(front, "operator1@flyos.mil").await?;
    let begun = Instant::now();
    operator.drain(None).await?;
    column.ms("full pull of an OPERATOR with a few drones", ms(begun.elapsed()), Target::None);
    Ok(())
}

async fn pushes(column: &mut Column, front: &pg::Front, owner: &pg::Sql) -> anyhow::Result<()> {
    let names = "select id from public.drones order by md5(id) limit $1";
    for (connections, target) in
        [(1, Target::AtLeast(800.0)), (2, Target::None), (4, Target::AtLeast(1500.0))]
    {
        let wanted = i64::try_from(connections * EDITS)?;
        let drones: Vec<String> =
            owner.query(names, &[&wanted]).await?.iter().map(|row| row.get(0)).collect();
        let mut rates = Samples::default();
        for (from, to) in [("ACTIVE", "STANDBY"), ("STANDBY", "OFFLINE"), ("OFFLINE", "ACTIVE")] {
            let mut people = Vec::new();
            for part in drones.chunks(EDITS) {
                let batches: Vec<_> = part.chunks(BATCH).map(|some| edits(some, from, to)).collect();
                people.push((Person::new(front, "main@flyos.mil").await?, batches));
            }
            let begun = Instant::now();
            let tasks: Vec<_> = people
                .into_iter()
                .map(|(person, batches)| {
                    tokio::spawn(async move {
                        for batch in batches {
                            person.push(batch).await?;
                        }
                        anyhow::Ok(())
                    })
                })
                .collect();
            for task in tasks {
                task.await??;
            }
            rates.push(float(drones.len() as u64) / begun.elapsed().as_secs_f64());
        }
        let what = format!("push of single edits, {connections} at once, {BATCH} a call");
        column.put(&what, Unit::PerSecond, rates.median(), target);
    }
    Ok(())
}

/// What a write costs with and without our triggers, and what one statement over all drones does to a reader.
async fn triggers(column: &mut Column, owner: &pg::Sql, main: &Person) -> anyhow::Result<()> {
    let loop_of = |status: &str| {
        format!(
            "do $$ declare d text; begin
               for d in select id from public.drones order by id limit {WRITES} loop
                 update public.drones set status = '{status}' where id = d;
               end loop; end $$"
        )
    };
    let each = |begun: Instant| ms(begun.elapsed()) / f64::from(WRITES);
    owner.batch_execute("set session_replication_role = replica").await?;
    let begun = Instant::now();
    owner.batch_execute(&loop_of("STANDBY")).await?;
    column.ms("one UPDATE by SQL, without triggers", each(begun), Target::None);
    owner.batch_execute("set session_replication_role = origin").await?;
    let begun = Instant::now();
    owner.batch_execute(&loop_of("OFFLINE")).await?;
    column.ms("one UPDATE by SQL, with triggers", each(begun), Target::None);

    let (.., place) = main.drain(None).await?;
    let begun = Instant::now();
    let updated = owner.execute("update public.drones set status = 'MAINTENANCE'", &[]).await?;
    let took = begun.elapsed();
    column.ms(&format!("one UPDATE of all {updated} drones, with triggers"), ms(took), Target::None);
    let begun = Instant::now();
    let (rows, ..) = main.drain(Some(place)).await?;
    anyhow::ensure!(rows as u64 == updated, "{rows} rows came of {updated}");
    let rate = float(updated) / begun.elapsed().as_secs_f64();
    column.put("pull of that one transaction", Unit::PerSecond, rate, Target::None);
    Ok(())
}
