//! Every object of ours in a database, by kind, name and definition, held against what the migrations make.
//!
//! What must be there stands in `assets/schema.json`, which a test writes from a database that the migrations made. What
//! an owner keeps in the four tables beside it is theirs, and only noted; what opens them wider than it must be is not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::remote::admin::database::{Database, DatabaseError};

const QUERY: &str = include_str!("catalog.sql");
const EXPECTED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/schema.json"));

const LOOKING: &str = "Looking at the database's objects";

/// Objects as `kind name`, with their definitions.
pub type Catalog = BTreeMap<String, String>;

/// What the migrations make.
pub fn expected() -> Catalog {
    // Ours, and read by a test.
    serde_json::from_str(EXPECTED).unwrap_or_default()
}

/// An object that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    pub object: String,
    pub must: String,
    pub is: String,
}

/// An object that is not among ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Extra {
    pub object: String,
    pub is: String,
}

/// How a database differs from what it must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// How many objects are as they must be.
    pub there: usize,
    pub missing: Vec<String>,
    /// Constraints that wait until old rows are mended (`flyos.flaws`).
    pub waiting: Vec<String>,
    pub changed: Vec<Changed>,
    /// What opens tables or functions wider than they must be.
    pub wider: Vec<Extra>,
    /// What the owner keeps beside, or had before us: no trouble.
    pub own: Vec<Extra>,
}

/// What is needed to judge a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Tables that were there before us.
    pub taken_over: BTreeSet<String>,
    /// Constraints that rows of old break.
    pub broken: BTreeSet<String>,
}

impl Difference {
    pub fn is_sound(&self) -> bool {
        self.missing.is_empty() && self.changed.is_empty() && self.wider.is_empty()
    }

    /// What of `is` is not as in `must`.
    pub fn between(must: &Catalog, is: &Catalog, standing: &Standing) -> Self {
        let mut found = Self::default();
        for (object, definition) in must {
            match is.get(object) {
                Some(here) if here == definition => found.there += 1,
                Some(here) => found.changed(standing, object, definition, here),
                None if standing.waits(object) => found.waiting.push(object.clone()),
                None => found.missing.push(object.clone()),
            }
        }
        let names: BTreeSet<&str> = must.keys().filter_map(|object| function_name(object)).collect();
        for (object, definition) in is.iter().filter(|(object, _)| !must.contains_key(*object)) {
            let extra = Extra { object: object.clone(), is: definition.clone() };
            match object.split(' ').next().unwrap_or_default() {
                // A second function of a name makes calls of both ambiguous; others in `public` are none of ours.
                "function" | "grant" if is_foreign(object, &names) => {}
                "policy" | "grant" => found.wider.push(extra),
                "function" if object.starts_with("function public.") => found.wider.push(extra),
                _ => found.own.push(extra),
            }
        }
        found
    }

    fn changed(&mut self, standing: &Standing, object: &str, must: &str, is: &str) {
        if standing.waits(object) {
            return self.waiting.push(object.to_owned());
        }
        let own = ["column ", "constraint ", "index "].iter().any(|kind| object.starts_with(kind))
            && standing.taken_over.iter().any(|table| of_table(object, table));
        if own {
            self.own.push(Extra { object: object.to_owned(), is: is.to_owned() });
        } else {
            let (must, is) = (must.to_owned(), is.to_owned());
            self.changed.push(Changed { object: object.to_owned(), must, is });
        }
    }
}

impl Standing {
    fn waits(&self, object: &str) -> bool {
        let rule = object.rsplit('.').next().unwrap_or_default();
        self.broken.contains(rule)
    }
}

/// `column public.drones.id` is of the table `drones`.
fn of_table(object: &str, table: &str) -> bool {
    object.split_once(" public.").is_some_and(|(_, name)| name.split('.').next() == Some(table))
}

/// `public.sync_pull` of `function public.sync_pull(jsonb)` and of `grant public.sync_pull(jsonb) to authenticated`.
fn function_name(object: &str) -> Option<&str> {
    let (_, rest) = object.split_once(' ')?;
    rest.split_once('(').map(|(name, _)| name)
}

/// A function of somebody else's in `public`, or a right on one.
fn is_foreign(object: &str, ours: &BTreeSet<&str>) -> bool {
    function_name(object).is_some_and(|name| name.starts_with("public.") && !ours.contains(name))
}

impl Database {
    /// Every object of ours, and what stands among them.
    pub async fn catalog(&self) -> Result<Catalog, DatabaseError> {
        self.looking(self.objects()).await
    }

    /// How this database differs from what the migrations make.
    pub async fn verify(&self) -> Result<Difference, DatabaseError> {
        self.looking(async {
            let is = self.objects().await?;
            Ok(Difference::between(&expected(), &is, &self.standing(&is).await?))
        })
        .await
    }

    /// Looks within a transaction that can change nothing.
    async fn looking<T>(
        &self,
        look: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        self.run(LOOKING, "begin read only").await?;
        let found = look.await;
        self.run(LOOKING, "rollback").await?;
        found
    }

    /// The same, in the transaction of whoever asks.
    pub(super) async fn objects(&self) -> Result<Catalog, DatabaseError> {
        self.run(LOOKING, "set local search_path = ''").await?;
        let failed = |error| DatabaseError::sql(LOOKING, &error);
        let rows = self.client.query(QUERY, &[]).await.map_err(failed)?;
        self.run(LOOKING, "set local search_path to default").await?;
        let mut all = Catalog::new();
        for row in rows {
            let text = |at| row.try_get::<usize, &str>(at).map_err(failed);
            all.insert(format!("{} {}", text(0)?, text(1)?), text(2)?.to_owned());
        }
        Ok(all)
    }

    /// What was there before us, and what rows of old break. Where the views that say it are damaged, that is told among
    /// the objects, and nothing is known of it.
    pub(super) async fn standing(&self, is: &Catalog) -> Result<Standing, DatabaseError> {
        let doing = "Looking at what was there before";
        let mut standing = Standing::default();
        if is.contains_key("table flyos.found") {
            let tables = "select array_agg(tbl) from flyos.found where existed";
            standing.taken_over.extend(self.list(doing, tables).await?);
        }
        if is.contains_key("table flyos.flaws") {
            // A doubled name stands in two indexes until it is mended.
            let rules = "select array_agg(rule) from (select distinct rule from flyos.flaws where rule is not null) x";
            standing.broken.extend(self.list(doing, rules).await?);
        }
        Ok(standing)
    }

    /// The texts of a query; none where the database cannot answer it.
    async fn list(&self, doing: &str, sql: &str) -> Result<Vec<String>, DatabaseError> {
        self.run(doing, "savepoint flyos_look").await?;
        let found = self.value::<Vec<String>>(doing, sql, &[]).await;
        self.run(doing, "rollback to savepoint flyos_look; release savepoint flyos_look").await?;
        Ok(found.unwrap_or_default().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(objects: &[(&str, &str)]) -> Catalog {
        objects.iter().map(|(object, is)| ((*object).to_owned(), (*is).to_owned())).collect()
    }

    #[test]
    fn each_difference_is_of_its_kind() {
        let must = catalog(&[
            ("column public.drones.id", "text"),
            ("constraint public.drones.drones_id_check", "CHECK (x)"),
            ("function public.sync_pull(jsonb)", "1"),
            ("policy public.drones.flyos_see", "select"),
            ("trigger auth.users.flyos_account_moved", "x"),
        ]);
        let is = catalog(&[
            ("column public.drones.id", "text not null"),
            ("column public.drones.shoe", "integer"),
            ("function public.sync_pull(jsonb)", "2"),
            ("function public.sync_pull(text)", "3"),
            ("function public.theirs()", "4"),
            ("grant public.theirs() to anon", "execute"),
            ("grant public.drones to anon", "select"),
            ("policy public.drones.flyos_see", "select"),
            ("policy public.drones.open", "all to public"),
        ]);
        let objects = |found: &[Extra]| found.iter().map(|x| x.object.clone()).collect::<Vec<_>>();
        let found = Difference::between(&must, &is, &Standing::default());
        assert_eq!(found.there, 1);
        assert_eq!(
            found.missing,
            ["constraint public.drones.drones_id_check", "trigger auth.users.flyos_account_moved"]
        );
        let changed: Vec<_> = found.changed.iter().map(|x| x.object.as_str()).collect();
        assert_eq!(changed, ["column public.drones.id", "function public.sync_pull(jsonb)"]);
        assert_eq!(
            objects(&found.wider),
            ["function public.sync_pull(text)", "grant public.drones to anon", "policy public.drones.open"]
        );
        assert_eq!(objects(&found.own), ["column public.drones.shoe"]);
        assert!(!found.is_sound());

        // In a table that was there before, its columns are the owner's; what old rows break waits.
        let standing = Standing {
            taken_over: ["drones".to_owned()].into(),
            broken: ["drones_id_check".to_owned()].into(),
        };
        let found = Difference::between(&must, &is, &standing);
        assert_eq!(found.waiting, ["constraint public.drones.drones_id_check"]);
        assert_eq!(objects(&found.own), ["column public.drones.id", "column public.drones.shoe"]);
    }
}
