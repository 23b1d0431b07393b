//! `migrate --again`: everything that verifying knows is made what it must be, in one transaction.
//!
//! * First what stands in the way of the migrations: functions and views of another form, columns and keys that are
//!   gone. Then every migration once more. Then, object by object, what they leave: each by its own statement, and one
//!   that fails takes nothing else with it.
//! * What cannot be put back is named, with what stands in the way and what to do. Where the migrations themselves cannot
//!   run, nothing at all is changed.
//! * An owner's own objects are left alone, and nothing is dropped that somebody else built upon; but for what the
//!   migrations themselves close: policies on the four tables that are not ours, and rights on them of the API's roles.
//!   Those are taken back, as they were when the project was set up, and each is told with what it was. They are not put
//!   up again: the migrations do the same by whatever way they are applied, and a table that is open without need is
//!   worse than a policy to be made once more. Such a policy is set aside and comes back with the way back; a right is
//!   given again by hand. What else opens wider than it must be is for a person to take back.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::catalog::{Catalog, Difference, Extra, Standing, expected};
use super::mend;
use super::migrations::{LOCK_WAIT, MIGRATIONS};
use crate::remote::admin::database::{Database, DatabaseError, DatabaseFault, plain};

const DOING: &str = "Nothing was changed, since not all of it could be";
/// Rows that stand in the way are named up to this many.
const ROWS_MAX: i64 = 5;

/// What was mended, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mended {
    /// Objects that were missing.
    pub put_back: Vec<String>,
    /// Objects that were otherwise than they must be.
    pub made_anew: Vec<String>,
    /// What somebody else had put there and is gone, with what it was.
    pub taken_back: Vec<Extra>,
    pub left: Vec<Left>,
    /// What the database told meanwhile.
    pub warnings: Vec<String>,
}

/// An object that is not as it must be still.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    pub object: String,
    /// What stands in the way, and what to do: sentences.
    pub why: String,
}

type Failures = BTreeMap<String, Error>;

impl Database {
    /// Applies every migration once more and makes every object what it must be; whole, or nothing of it.
    pub async fn migrate_again(&self) -> Result<Mended, DatabaseError> {
        self.fit_for_setup().await?;
        self.alone().await?;
        drop(self.notices());
        self.run(
            DOING,
            &format!(
                "reset all; begin; {LOCK_WAIT}; set local client_min_messages = warning; set local \
                                  statement_timeout = 0"
            ),
        )
        .await?;
        match self.all_again().await {
            Ok(mended) => {
                self.run(DOING, "commit").await?;
                // Supabase reloads its API by itself; another PostgREST may not.
                self.run("Telling the API", "notify pgrst, 'reload schema'").await?;
                Ok(mended)
            }
            Err(error) => {
                // On a broken line there is nothing to roll back.
                let _gone = self.run(DOING, "rollback").await;
                Err(error)
            }
        }
    }

    async fn all_again(&self) -> Result<Mended, DatabaseError> {
        self.make_history().await?;
        let must = expected();
        let before = self.differs(&must, &self.standing(&self.objects().await?).await?).await?;
        self.clear(&must, &before).await?;
        for migration in MIGRATIONS {
            self.record(&format!("{DOING}: migration {}", migration.full_name()), migration).await?;
        }
        self.run(DOING, "set constraints all immediate").await?;
        if before.missing.iter().any(|object| tells_versions(object)) {
            // Versions begin anew, so consoles must load everything anew.
            self.run(DOING, "update sync.meta set epoch = gen_random_uuid()").await?;
        }
        let standing = self.standing(&self.objects().await?).await?;
        let failures = self.restore(&must, &standing, |_, _| true).await?;
        self.run(DOING, "set constraints all immediate").await?;
        let is = self.objects().await?;
        let after = Difference::between(&must, &is, &standing);
        let mut mended = Mended { taken_back: gone(&before, &after, &is), ..Mended::default() };
        let still: BTreeSet<&String> = bad(&after).collect();
        mended.put_back.extend(before.missing.iter().filter(|object| !still.contains(object)).cloned());
        let changed = before.changed.into_iter().map(|found| found.object);
        mended.made_anew.extend(changed.filter(|object| !still.contains(object)));
        // An index of a constraint is told with it.
        let told_with = |object: &str| {
            object.strip_prefix("index ").is_some_and(|name| still.contains(&format!("constraint {name}")))
        };
        for object in bad(&after).filter(|object| !told_with(object)) {
            let why = self.why(object, &must, failures.get(object)).await?;
            mended.left.push(Left { object: object.clone(), why });
        }
        mended.warnings = self.notices();
        Ok(mended)
    }

    async fn differs(&self, must: &Catalog, standing: &Standing) -> Result<Difference, DatabaseError> {
        Ok(Difference::between(must, &self.objects().await?, standing))
    }

    /// Takes out of the way what the migrations would stumble over.
    async fn clear(&self, must: &Catalog, before: &Difference) -> Result<(), DatabaseError> {
        let is = self.objects().await?;
        if !is.contains_key("table flyos.found") {
            return Ok(());
        }
        // A view is made anew whole: one with other columns could not be replaced. Nothing of ours stands on them.
        let mut drops: Vec<String> = vec!["drop view flyos.flaws".into(), "drop view flyos.reference".into()];
        for object in bad(before) {
            let (kind, name) = mend::parts(object);
            let table = mend::table_of(object).unwrap_or_default();
            match kind {
                "function" => {
                    let of_its_name =
                        |other: &&String| same_function(other, object) && !must.contains_key(*other);
                    let others = is.keys().filter(of_its_name).map(|other| mend::parts(other).1);
                    drops.extend(others.chain([name]).map(|name| format!("drop routine {name}")));
                }
                "trigger" if table == "auth.users" && is.contains_key(object) => {
                    let function = must.get(object).and_then(|definition| mend::function_of(definition));
                    drops.extend(function.map(|function| format!("drop function {function} cascade")));
                }
                // Made by a migration, where its text is written otherwise than the catalog writes it.
                "constraint" if must.get(object).is_some_and(|is| is.starts_with("CHECK")) => {
                    drops.extend(mend::dropped(object));
                }
                "column" if table.starts_with("flyos.") && !is.contains_key(object) => {
                    drops.push(emptied(table));
                }
                _ => {}
            }
        }
        for sql in drops {
            // Where it cannot be dropped, or is not there, it stays for the migrations to judge.
            let _kept = self.attempt(&sql).await?;
        }
        let standing = self.standing(&self.objects().await?).await?;
        let early = |object: &str, is: &Catalog| {
            let there =
                mend::table_of(object).is_some_and(|table| is.contains_key(&format!("table {table}")));
            let key =
                must.get(object).is_some_and(|is| is.starts_with("PRIMARY KEY") || is.starts_with("UNIQUE"));
            there && (object.starts_with("column ") || key)
        };
        let failures = self.restore(must, &standing, early).await?;
        let is = self.objects().await?;
        let of_a_type = |object: &&String| {
            mend::table_kind(object, must) == Some("type")
                && mend::table_of(object).is_some_and(|table| is.contains_key(&format!("table {table}")))
        };
        let now = Difference::between(must, &is, &standing);
        let stuck = failures.keys().find(|object| object.starts_with("column "));
        let Some(object) = stuck.or_else(|| bad(&now).find(of_a_type)) else { return Ok(()) };
        let why = self.why(object, must, failures.get(object)).await?;
        Err(DatabaseError::new(DatabaseFault::Refused, format!("{DOING}: {object}: {why}")))
    }

    /// Mends what is missing or changed, until no more of it goes; what failed, with why.
    async fn restore(
        &self,
        must: &Catalog,
        standing: &Standing,
        wanted: impl Fn(&str, &Catalog) -> bool,
    ) -> Result<Failures, DatabaseError> {
        let (mut failures, mut last) = (Failures::new(), usize::MAX);
        loop {
            let is = self.objects().await?;
            let found = Difference::between(must, &is, standing);
            let mut todo: Vec<(&String, String)> = bad(&found)
                .filter(|object| wanted(object, &is))
                .filter_map(|object| Some((object, mend::statements(object, must, &is)?)))
                .collect();
            if todo.is_empty() || todo.len() >= last {
                failures.retain(|object, _| todo.iter().any(|(left, _)| *left == object));
                return Ok(failures);
            }
            last = todo.len();
            failures.clear();
            todo.sort_by_key(|(object, _)| mend::rank(object, must.get(*object).map_or("", String::as_str)));
            for (object, sql) in todo {
                if let Some(error) = self.attempt(&sql).await? {
                    failures.insert(object.clone(), error);
                }
            }
        }
    }

    /// Runs statements, or leaves everything as before them: then what the database said.
    async fn attempt(&self, sql: &str) -> Result<Option<Error>, DatabaseError> {
        self.run(DOING, "savepoint flyos_mend").await?;
        let (after, failed) = match self.client.batch_execute(sql).await {
            Ok(()) => ("release savepoint flyos_mend", None),
            Err(error) if error.as_db_error().is_none() => return Err(DatabaseError::sql(DOING, &error)),
            Err(error) => ("rollback to savepoint flyos_mend; release savepoint flyos_mend", Some(error)),
        };
        self.run(DOING, after).await?;
        Ok(failed)
    }

    /// Why an object is not as it must be, and what to do.
    async fn why(
        &self,
        object: &str,
        must: &Catalog,
        failed: Option<&Error>,
    ) -> Result<String, DatabaseError> {
        let (kind, name) = mend::parts(object);
        let once_more = "then once more: flyos supabase migrate --again";
        let Some(told) = failed.and_then(Error::as_db_error) else {
            let whole = match (kind, mend::table_kind(object, must)) {
                ("column", Some("type")) => mend::table_of(object).map(|table| format!("type {table}")),
                ("column", Some("view")) => mend::table_of(object).map(|table| format!("view {table}")),
                ("function", _) => Some(format!("routine {name}")),
                ("trigger", _) => must
                    .get(object)
                    .and_then(|definition| mend::function_of(definition))
                    .map(|function| format!("function {function}")),
                _ => None,
            };
            return Ok(match whole {
                Some(whole) => format!(
                    "It can only be made anew as a whole, and something else hangs on it. Look at what does, say \"drop \
                     {whole} cascade;\" in the SQL editor, {once_more}."
                ),
                None => format!("Something else is there under its name. Rename or drop that, {once_more}."),
            });
        };
        let said = plain(told.message());
        let rows = match told.code() {
            &SqlState::UNIQUE_VIOLATION | &SqlState::FOREIGN_KEY_VIOLATION => told.detail().map(plain),
            &SqlState::CHECK_VIOLATION => self.breaking(object, must).await?,
            &SqlState::NOT_NULL_VIOLATION => {
                let column = mend::parts(object).1;
                return Ok(format!(
                    "{said}: what stood there is lost, and rows need it. Put {} back from a backup; or add {column} \
                     yourself, give every row a value, {once_more}.",
                    mend::table_of(object).unwrap_or(column)
                ));
            }
            &SqlState::INSUFFICIENT_PRIVILEGE => {
                return Ok(format!("{said}. Sign in as the role that owns it, {once_more}."));
            }
            _ => return Ok(format!("{said}. Take away what stands in its way, {once_more}.")),
        };
        let rows = rows.map_or_else(String::new, |rows| format!(" ({rows})"));
        Ok(format!("Rows of today break it{rows}: {said}. Change or delete those rows, {once_more}."))
    }

    /// The keys of the first rows that break a check.
    async fn breaking(&self, object: &str, must: &Catalog) -> Result<Option<String>, DatabaseError> {
        let (Some(table), Some(check)) = (
            mend::table_of(object),
            must.get(object).and_then(|definition| definition.strip_prefix("CHECK ")),
        ) else {
            return Ok(None);
        };
        let query = format!(
            "select string_agg(key, ', ') from (select coalesce(to_jsonb(t) ->> 'id', to_jsonb(t) ->> 'pk',
                to_jsonb(t) ->> 'device', to_jsonb(t)::text) as key
            from {table} t where not ({check}) order by 1 limit {ROWS_MAX}) x"
        );
        let keys = self.value::<String>("Looking for the rows", &query, &[]).await?;
        Ok(keys.map(|keys| plain(&keys)))
    }
}

/// Names of what is not as it must be.
fn bad(found: &Difference) -> impl Iterator<Item = &String> {
    found.missing.iter().chain(found.changed.iter().map(|changed| &changed.object))
}

/// What was not ours before and is not there any more: what opened wider as it was, all else by its name.
fn gone(before: &Difference, after: &Difference, is: &Catalog) -> Vec<Extra> {
    let wider = before.wider.iter().filter(|extra| !after.wider.contains(extra));
    let own = before.own.iter().filter(|extra| !is.contains_key(&extra.object));
    wider.chain(own).cloned().collect()
}

/// Without these no console knows which rows it has.
fn tells_versions(object: &str) -> bool {
    let table = object.strip_prefix("table ").or_else(|| mend::table_of(object)).unwrap_or_default();
    let whole = object.starts_with("table ") || object.starts_with("column ");
    whole && ["sync.row_state", "sync.scope_exit"].contains(&table)
}

/// Two forms of one function: `function flyos.link(address text)` and `function flyos.link(a text)`.
fn same_function(one: &str, other: &str) -> bool {
    let name = |object: &str| object.split_once('(').map(|(name, _)| name.to_owned());
    one.starts_with("function ") && name(one) == name(other)
}

/// Drops a table of `flyos` that lacks a column, where it is empty or filled anew by the migrations: put back, the
/// column would not stand in its place.
fn emptied(table: &str) -> String {
    let empty = if table == "flyos.exempt" { format!("delete from {table};") } else { String::new() };
    format!("{empty} do $$ begin if not exists (select from {table}) then drop table {table}; end if; end $$")
}
