//! The SQL that makes one object what it must be, from its name and its definition in the catalog.
//!
//! What the migrations make anew by themselves (schemas, tables, views, types, functions) is not here. Pure: text in,
//! text out. Every statement may fail where rows or somebody else's objects stand in the way; whoever runs it says so.

use super::catalog::Catalog;

/// Tables whose rows are made again from others, or come again: where a column of theirs is gone that cannot be empty,
/// they are emptied. Consoles then load everything anew.
const MADE_OF_OTHERS: [&str; 5] =
    ["flyos.field", "sync.row_state", "sync.scope_exit", "sync.telling", "sync.device"];

/// In which order kinds are mended: later ones stand on earlier ones.
const ORDER: [&str; 9] =
    ["table", "column", "constraint", "index", "trigger", "policy", "grant", "function", "schema"];

/// What an object is, and its name: `column` and `public.drones.id`.
pub(super) fn parts(object: &str) -> (&str, &str) {
    object.split_once(' ').unwrap_or((object, ""))
}

/// Where an object stands in the order of mending; references come after what they refer to.
pub(super) fn rank(object: &str, must: &str) -> (usize, bool) {
    let (kind, _) = parts(object);
    (ORDER.iter().position(|known| *known == kind).unwrap_or(ORDER.len()), must.starts_with("FOREIGN KEY"))
}

/// The statements that make an object what it must be; `None` where only the migrations do.
pub(super) fn statements(object: &str, must: &Catalog, is: &Catalog) -> Option<String> {
    let definition = must.get(object)?;
    let here = is.get(object).map(String::as_str);
    let (kind, name) = parts(object);
    match kind {
        "table" => row_security(name, definition, here?),
        "column" => column(name, definition, here, must),
        "constraint" => constraint(name, definition, is),
        "index" if must.contains_key(&format!("constraint {name}")) => {
            constraint(name, must.get(&format!("constraint {name}"))?, is)
        }
        "index" => {
            let (table, index) = split(name)?;
            let (schema, _) = table.split_once('.')?;
            Some(format!("drop index if exists {schema}.{}; {definition}", quoted(index)))
        }
        "trigger" => {
            let (table, trigger) = split(name)?;
            // The sign-in server's table is not ours: triggers on it come and go with their functions.
            (table != "auth.users")
                .then(|| format!("drop trigger if exists {} on {table}; {definition}", quoted(trigger)))
        }
        "policy" => policy(name, definition),
        "grant" => grant(name, definition, must),
        _ => None,
    }
}

/// How to take back by hand what opens wider than it must be.
pub(super) fn take_back(object: &str) -> Option<String> {
    let (kind, name) = parts(object);
    match kind {
        "policy" => split(name).map(|(table, policy)| format!("drop policy {} on {table};", quoted(policy))),
        "function" => Some(format!("drop routine {name};")),
        "grant" => {
            let (what, whom) = name.rsplit_once(" to ")?;
            Some(format!("{};", revoke(what, whom, &Catalog::new())))
        }
        _ => None,
    }
}

/// Takes a constraint down.
pub(super) fn dropped(object: &str) -> Option<String> {
    let (table, constraint) = split(parts(object).1)?;
    Some(format!("alter table {table} drop constraint {}", quoted(constraint)))
}

/// The function that a trigger calls: `flyos.account_moved()`.
pub(super) fn function_of(trigger: &str) -> Option<&str> {
    trigger.rsplit_once(" EXECUTE FUNCTION ").map(|(_, function)| function)
}

/// `table`, `view` or `type`: what the column's table is.
pub(super) fn table_kind<'a>(object: &str, must: &'a Catalog) -> Option<&'a str> {
    let (table, _) = split(parts(object).1)?;
    must.get(&format!("table {table}"))?.split(',').next()
}

/// The table of an object: `public.drones` of `column public.drones.id`.
pub(super) fn table_of(object: &str) -> Option<&str> {
    split(parts(object).1).map(|(table, _)| table)
}

/// `public.drones.id` as `public.drones` and `id`.
fn split(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('.').filter(|(table, _)| table.contains('.'))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn row_security(table: &str, must: &str, is: &str) -> Option<String> {
    if must.split(", ").next() != is.split(", ").next() {
        return None;
    }
    let switch = |word: &str, on: &str, off: &str| {
        let now = if must.contains(word) { on } else { off };
        (must.contains(word) != is.contains(word))
            .then(|| format!("alter table {table} {now} row level security"))
    };
    let each = [switch("row-level security", "enable", "disable"), switch("its owner", "force", "no force")];
    Some(each.into_iter().flatten().collect::<Vec<_>>().join("; "))
}

/// A column's definition in its parts, as `catalog.sql` puts them together.
#[derive(Default)]
struct Column<'a> {
    ty: &'a str,
    not_null: bool,
    default: Option<&'a str>,
    identity: Option<&'a str>,
    collate: Option<&'a str>,
}

impl<'a> Column<'a> {
    fn of(definition: &'a str) -> Self {
        let mut found = Self::default();
        let mut rest = definition;
        if let Some((before, collate)) = rest.rsplit_once(" collate ") {
            (rest, found.collate) = (before, Some(collate));
        }
        for (word, always) in [(" identity always", "always"), (" identity", "by default")] {
            if let Some(before) = rest.strip_suffix(word) {
                (rest, found.identity) = (before, Some(always));
                break;
            }
        }
        if let Some((before, default)) = rest.split_once(" default ") {
            (rest, found.default) = (before, Some(default));
        }
        if let Some(before) = rest.strip_suffix(" not null") {
            (rest, found.not_null) = (before, true);
        }
        found.ty = rest;
        found
    }

    fn full_type(&self) -> String {
        self.collate.map_or_else(|| self.ty.to_owned(), |name| format!("{} collate {name}", self.ty))
    }
}

fn column(name: &str, must: &str, is: Option<&str>, all: &Catalog) -> Option<String> {
    let (table, column) = split(name)?;
    let kind = all.get(&format!("table {table}"))?.split(',').next()?;
    let (must, column) = (Column::of(must), quoted(column));
    match (kind, is) {
        ("table", None) => {
            let mut words = format!("alter table {table} add column {column} {}", must.full_type());
            if let Some(default) = must.default {
                words = format!("{words} default {default}");
            }
            if let Some(when) = must.identity {
                words = format!("{words} generated {when} as identity");
            }
            if must.not_null {
                words.push_str(" not null");
            }
            let lost = must.not_null && must.default.is_none() && must.identity.is_none();
            let empty = lost && MADE_OF_OTHERS.contains(&table);
            Some(if empty { format!("delete from {table}; {words}") } else { words })
        }
        ("table", Some(is)) => Some(altered(table, &column, &must, &Column::of(is))),
        // A place in a row that others fill by its order: only the whole type can be made again.
        ("type", Some(_)) => Some(format!("alter type {table} alter attribute {column} type {}", must.ty)),
        _ => None,
    }
}

fn altered(table: &str, column: &str, must: &Column<'_>, is: &Column<'_>) -> String {
    let mut steps = Vec::new();
    let mut step = |words: String| steps.push(format!("alter table {table} alter {column} {words}"));
    if is.identity.is_some() && must.identity != is.identity {
        step("drop identity".to_owned());
    }
    let typed = must.full_type() != is.full_type();
    if is.default.is_some() && (typed || must.default.is_none()) {
        step("drop default".to_owned());
    }
    if typed {
        step(format!("type {} using {column}::{}", must.full_type(), must.ty));
    }
    if let Some(default) = must.default {
        step(format!("set default {default}"));
    }
    match (must.not_null, is.not_null) {
        (true, false) => step("set not null".to_owned()),
        (false, true) => step("drop not null".to_owned()),
        _ => {}
    }
    if let (Some(when), true) = (must.identity, must.identity != is.identity) {
        step(format!("add generated {when} as identity"));
        let plain = column.trim_matches('"');
        steps.push(format!(
            "select setval(pg_get_serial_sequence('{table}', '{plain}'), coalesce(max({column}), 0) + 1, false) from {table}"
        ));
    }
    steps.join("; ")
}

fn constraint(name: &str, must: &str, is: &Catalog) -> Option<String> {
    let (table, constraint) = split(name)?;
    let (schema, _) = table.split_once('.')?;
    let constraint = quoted(constraint);
    let index = is.contains_key(&format!("index {name}")) && !is.contains_key(&format!("constraint {name}"));
    let in_its_place = if index { format!("drop index {schema}.{constraint}; ") } else { String::new() };
    Some(format!(
        "{in_its_place}alter table {table} drop constraint if exists {constraint}; alter table {table} add constraint \
         {constraint} {must}"
    ))
}

/// `select to authenticated using … with check …`, as `catalog.sql` writes it.
fn policy(name: &str, must: &str) -> Option<String> {
    let (table, policy) = split(name)?;
    let (command, rest) = must.split_once(' ')?;
    let (kind, rest) =
        rest.strip_prefix("restrictive ").map_or(("permissive", rest), |rest| ("restrictive", rest));
    let rest = rest.strip_prefix("to ")?;
    let (rest, check) =
        rest.split_once(" with check ").map_or((rest, None), |(rest, check)| (rest, Some(check)));
    let (roles, using) =
        rest.split_once(" using ").map_or((rest, None), |(roles, using)| (roles, Some(using)));
    let policy = quoted(policy);
    let mut words = format!(
        "drop policy if exists {policy} on {table}; create policy {policy} on {table} as {kind} for \
                             {command} to {roles}"
    );
    for (word, expression) in [("using", using), ("with check", check)] {
        if let Some(expression) = expression {
            words = format!("{words} {word} ({expression})");
        }
    }
    Some(words)
}

/// `public.drones to anon` with `insert, select`.
fn grant(name: &str, must: &str, all: &Catalog) -> Option<String> {
    let (what, whom) = name.rsplit_once(" to ")?;
    let on = target(what, all);
    let rights: Vec<String> = must.split(", ").map(|right| right_on(right, what)).collect();
    Some(format!("{}; grant {} on {on} to {whom}", revoke(what, whom, all), rights.join(", ")))
}

fn revoke(what: &str, whom: &str, all: &Catalog) -> String {
    format!("revoke {} on {} from {whom}", right_on("all", what), target(what, all))
}

/// What a right is on: a schema, a function, a sequence, a table (also where it is on one of its columns).
fn target(what: &str, all: &Catalog) -> String {
    if what.starts_with("schema ") {
        return what.to_owned();
    } else if what.contains('(') {
        return format!("routine {what}");
    }
    let table = split(what).map_or(what, |(table, _)| table);
    let sequence = all.get(&format!("table {table}")).is_some_and(|kind| kind == "sequence");
    format!("{} {table}", if sequence { "sequence" } else { "table" })
}

/// `select`, or `select ("id")` where it is a column's.
fn right_on(right: &str, what: &str) -> String {
    match split(what) {
        Some((_, column)) if !what.contains('(') => format!("{right} ({})", quoted(column)),
        _ => right.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalog::expected;
    use super::*;

    #[test]
    fn of_every_object_it_is_known_who_makes_it() {
        let must = expected();
        for object in must.keys() {
            let by_migrations = matches!(parts(object).0, "schema" | "table" | "function")
                || (parts(object).0 == "column" && table_kind(object, &must) != Some("table"))
                || object.starts_with("trigger auth.users.");
            let sql = statements(object, &must, &Catalog::new());
            assert_eq!(sql.is_none(), by_migrations, "{object}: {sql:?}");
        }
    }

    #[test]
    fn statements_are_as_postgresql_takes_them() {
        let mut must = expected();
        must.insert(
            "policy public.drones.x".into(),
            "all restrictive to a, b using f(x) with check (true)".into(),
        );
        must.insert("column sync.x.y".into(), "bigint not null default 1 collate \"C\"".into());
        must.insert("table sync.x".into(), "table".into());
        let is = Catalog::new();
        for (object, sql) in [
            (
                "column public.activity.id",
                "alter table public.activity add column \"id\" bigint generated always as identity not null",
            ),
            (
                "column sync.x.y",
                "alter table sync.x add column \"y\" bigint collate \"C\" default 1 not null",
            ),
            (
                "column sync.row_state.ver",
                "delete from sync.row_state; alter table sync.row_state add column \"ver\" bigint not null",
            ),
            (
                "policy public.drones.x",
                "drop policy if exists \"x\" on public.drones; create policy \"x\" on public.drones as \
              restrictive for all to a, b using (f(x)) with check ((true))",
            ),
            (
                "grant schema flyos to authenticated",
                "revoke all on schema flyos from authenticated; grant usage on schema \
              flyos to authenticated",
            ),
            (
                "grant flyos.my_role() to authenticated",
                "revoke all on routine flyos.my_role() from authenticated; grant \
              execute on routine flyos.my_role() to authenticated",
            ),
            (
                "grant public.drones.created_at to authenticated",
                "revoke all (\"created_at\") on table public.drones from \
              authenticated; grant select (\"created_at\") on table public.drones to authenticated",
            ),
        ] {
            assert_eq!(statements(object, &must, &is).as_deref(), Some(sql), "{object}");
        }
        let is: Catalog =
            [("column public.drones.region_id".into(), "text not null default 'x'::text".into())].into();
        assert_eq!(
            statements("column public.drones.region_id", &must, &is).unwrap(),
            "alter table public.drones alter \"region_id\" drop default; alter table public.drones alter \"region_id\" \
             type uuid using \"region_id\"::uuid; alter table public.drones alter \"region_id\" drop not null"
        );
    }

    #[test]
    fn what_opens_wider_is_taken_back_by_hand() {
        for (object, sql) in [
            ("policy public.drones.mine", "drop policy \"mine\" on public.drones;"),
            ("grant public.drones to anon", "revoke all on table public.drones from anon;"),
            (
                "function public.admin_linked(accounts text)",
                "drop routine public.admin_linked(accounts text);",
            ),
        ] {
            assert_eq!(take_back(object).as_deref(), Some(sql));
        }
    }
}
