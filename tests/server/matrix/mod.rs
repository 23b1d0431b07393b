//! Who may do what, tried out: every caller, every kind of row, every column, in every way there is.
//!
//! * `stage` puts people and rows there; `probes` says what is tried and what the domain thinks of it; `asks` are
//!   the ways to ask.
//! * The answers of direct statements are written out as a table and compared with `tests/snapshots/role_matrix.snap`,
//!   which a person reviews when it changes; every other way must give the same answers, and so must
//!   `domain::policy`.

mod asks;
mod probes;
mod stage;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flyos::domain::Change;
use serde_json::json;

use probes::{Block, Cell, Line, Probe, blocks, by_domain, heads};
use stage::{Caller, Stage, stage};

use crate::pg::Sql;

/// How one caller was answered: per probe, in the order of the blocks.
type Answers = Vec<Option<Cell>>;

fn each(blocks: &[Block]) -> impl Iterator<Item = (&Block, &Line, &'static str, Option<&Probe>)> {
    blocks.iter().flat_map(|block| {
        block.lines.iter().flat_map(move |line| {
            let heads = heads(block.kind).into_iter();
            heads.zip(&line.probes).map(move |(head, probe)| (block, line, head, probe.as_ref()))
        })
    })
}

/// The table of one caller, or one line for whoever may do nothing.
fn told(caller: &Caller, blocks: &[Block], answers: &Answers) -> String {
    let mut text = String::new();
    if answers.iter().flatten().all(|cell| *cell == Cell::No) {
        let word = match (caller.word, caller.turned_away) {
            (_, Some(code)) => format!("turned away with {code}"),
            (Some(""), _) => "turned away with 42501".to_owned(),
            (word, _) => format!("told \"{}\"", word.unwrap_or("?")),
        };
        let _infallible = writeln!(text, "  nothing of anything; {word}\n");
        return text;
    }
    let mut answers = answers.iter();
    for block in blocks {
        let heads = heads(block.kind);
        let _infallible = write!(text, "  {:<44}", block.kind.table());
        for head in &heads {
            let _infallible = write!(text, "{head:<width$}", width = head.len().max(4) + 1);
        }
        text = text.trim_end().to_owned() + "\n";
        for line in &block.lines {
            let _infallible = write!(text, "    {:<42}", line.label);
            for head in &heads {
                let cell = Cell::text(answers.next().expect("an answer to each probe").as_ref());
                let _infallible = write!(text, "{cell:<width$}", width = head.len().max(4) + 1);
            }
            text = text.trim_end().to_owned() + "\n";
        }
    }
    text + "\n"
}

/// Says where answers differ from the domain's.
fn differences(
    way: &str,
    stage: &Stage,
    caller: &Caller,
    blocks: &[Block],
    answers: &Answers,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for ((block, line, head, probe), found) in each(blocks).zip(answers) {
        let expected = probe.map(|probe| by_domain(caller.actor.as_ref(), &stage.world, probe));
        // A push has no way to only look.
        if found.is_some() && *found != expected {
            let (found, expected) = (Cell::text(found.as_ref()), Cell::text(expected.as_ref()));
            let (name, table) = (caller.name, block.kind.table());
            wrong.push(format!(
                "{way}: {name}: {table}, {}: {head}: {found}, by the domain {expected}",
                line.label
            ));
        }
    }
    wrong
}

const LEGEND: &str = "Who may do what, as the database answers.

yes   it is done
no    refused, or done to no row
rule  the role allows it, and a rule stands against it
-     there is no such row

";

#[tokio::test]
async fn the_database_answers_by_the_table() {
    let stage = stage().await;
    let (mut text, mut wrong) = (LEGEND.to_owned(), Vec::new());
    let mut tables: Vec<(&str, String)> = Vec::new();
    for caller in stage.callers.iter().filter(|caller| caller.turned_away.is_none()) {
        let blocks = blocks(&stage.world, caller);
        let sql = stage.db.as_user(caller.claims.as_ref().unwrap_or(&json!({"role": "anon"}))).await;
        let mut directly = Answers::new();
        for (.., probe) in each(&blocks) {
            directly.push(match probe {
                Some(probe) => Some(asks::directly(&sql, probe).await),
                None => None,
            });
        }
        let pushed = pushed_in_sql(&sql, caller, &blocks).await;
        wrong.extend(differences("directly", &stage, caller, &blocks, &directly));
        wrong.extend(differences("by push", &stage, caller, &blocks, &pushed));
        let table = told(caller, &blocks, &directly);
        let same = tables.iter().find(|(_, other)| *other == table && other.lines().count() > 3);
        let shown = same.map_or(table.clone(), |(name, _)| format!("  as {name}\n\n"));
        let _infallible = write!(text, "{}\n{shown}", caller.name);
        tables.push((caller.name, table));
    }
    assert_eq!(wrong, Vec::<String>::new(), "{}", wrong.join("\n"));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("role_matrix", text));
}

/// Each edit alone; whoever may not work is told so whatever the edits are.
async fn pushed_in_sql(sql: &Sql, caller: &Caller, blocks: &[Block]) -> Answers {
    let changes = || each(blocks).map(|(.., probe)| probe.and_then(Probe::change));
    if caller.actor.is_none() {
        let some: Vec<_> = changes().flatten().take(50).collect();
        let cell = asks::by_push(sql, caller, &some).await.swap_remove(0);
        return changes().map(|change| change.map(|_| cell.clone())).collect();
    }
    let mut answers = Answers::new();
    for change in changes() {
        answers.push(match change {
            Some(change) => asks::by_push(sql, caller, &[change]).await.pop(),
            None => None,
        });
    }
    answers
}

/// The same over HTTP. What was done is taken back each time.
#[tokio::test]
async fn the_api_answers_by_the_table() {
    let stage = stage().await;
    let mut wrong = Vec::new();
    for caller in &stage.callers {
        let blocks = blocks(&stage.world, caller);
        let mut answers = Answers::new();
        for (.., head, probe) in each(&blocks) {
            // Of whoever may do nothing one column stands for all: the database itself was asked for each.
            let tried =
                caller.actor.is_some() || ["see", "create", "status", "full_name", "delete"].contains(&head);
            let Some(probe) = probe.filter(|_| tried) else {
                answers.push(None);
                continue;
            };
            let answer = stage.over_http(caller, probe).await;
            if answer == Cell::Yes && matches!(probe, Probe::Do(_)) {
                stage.keep.restore().await;
            }
            answers.push(Some(answer));
        }
        wrong.extend(differences("over HTTP", &stage, caller, &blocks, &answers));
        let answers = pushed(&stage, caller, &blocks).await;
        wrong.extend(differences("pushed over HTTP", &stage, caller, &blocks, &answers));
    }
    assert_eq!(wrong, Vec::<String>::new(), "{}", wrong.join("\n"));
}

/// Every edit over HTTP: what the domain lets through one by one, the rest many in a call.
async fn pushed(stage: &Stage, caller: &Caller, blocks: &[Block]) -> Answers {
    let mut cells: BTreeMap<usize, Cell> = BTreeMap::new();
    let mut refused: Vec<(usize, &Change)> = Vec::new();
    for (at, (.., probe)) in each(blocks).enumerate() {
        let Some(Probe::Do(change)) = probe else { continue };
        if by_domain(caller.actor.as_ref(), &stage.world, &Probe::Do(change.clone())) == Cell::Yes {
            cells.insert(at, stage.pushed_over_http(caller, &[change]).await.swap_remove(0));
            stage.keep.restore().await;
        } else {
            refused.push((at, change));
        }
    }
    // Of one row at a time: an edit that was refused holds back the later ones of its row.
    while !refused.is_empty() {
        let mut rows = Vec::new();
        let (now, later) = refused.into_iter().partition(|(_, change): &(usize, &Change)| {
            let first = rows.len() < 50 && !rows.contains(&&change.key);
            if first {
                rows.push(&change.key);
            }
            first
        });
        refused = later;
        let now: Vec<(usize, &Change)> = now;
        let changes: Vec<_> = now.iter().map(|(_, change)| *change).collect();
        let answers = stage.pushed_over_http(caller, &changes).await;
        cells.extend(now.iter().map(|(at, _)| *at).zip(answers));
    }
    each(blocks).enumerate().map(|(at, _)| cells.get(&at).cloned()).collect()
}

/// Without the guards of the columns row-level security still keeps every row that nobody of that role may touch at
/// all. (Then the rules speak before it does: a refusal of theirs is one too.)
#[tokio::test]
async fn row_level_security_alone_keeps_the_rows() {
    let stage = stage().await;
    let platform = stage.db.superuser().await;
    let off = ["regions", "profiles", "drones", "user_drone_assignments"]
        .map(|table| format!("alter table public.{table} disable trigger flyos_1_guard_insert;"));
    let off = off.concat()
        + "alter table public.profiles disable trigger flyos_1_guard;
        alter table public.drones disable trigger flyos_1_guard;";
    platform.batch_execute(&off).await.expect("the platform's owner may");
    let (mut wrong, mut closed) = (Vec::new(), 0);
    for caller in stage.callers.iter().filter(|caller| caller.actor.is_some()) {
        let sql = stage.db.as_user(caller.claims.as_ref().expect("a token")).await;
        for block in blocks(&stage.world, caller) {
            for line in &block.lines {
                let cells: Vec<_> = heads(block.kind).into_iter().zip(&line.probes).collect();
                let by_domain = |probe: &Probe| by_domain(caller.actor.as_ref(), &stage.world, probe);
                let is_column = |head: &str| !["see", "create", "delete"].contains(&head);
                let mut columns = cells.iter().filter(|(head, _)| is_column(head));
                let open = columns
                    .any(|(_, probe)| probe.as_ref().is_some_and(|probe| by_domain(probe) == Cell::Yes));
                for (head, probe) in cells {
                    let Some(probe) = probe.as_ref().filter(|_| !(open && is_column(head))) else { continue };
                    if by_domain(probe) == Cell::No {
                        closed += 1;
                        if asks::directly(&sql, probe).await == Cell::Yes {
                            wrong.push(format!(
                                "{}: {}, {}: {head}",
                                caller.name,
                                block.kind.table(),
                                line.label
                            ));
                        }
                    }
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(closed > 300, "{closed}");
}

/// What the server writes is not taken with a new row either, from anybody.
#[tokio::test]
async fn nobody_brings_what_the_server_writes() {
    let stage = stage().await;
    // Whoever may do nothing was refused without such a column already.
    for caller in stage.callers.iter().filter(|caller| caller.actor.is_some()) {
        let blocks = blocks(&stage.world, caller);
        let sql = stage.db.as_user(caller.claims.as_ref().expect("a token")).await;
        for (block, line, head, probe) in each(&blocks) {
            let Some(change) = probe.and_then(Probe::change).filter(|_| head == "create") else { continue };
            let is_key = |name: &str| ["id", "user_id", "drone_id"].contains(&name);
            for field in block.kind.fields().iter().filter(|field| field.server && !is_key(field.name)) {
                let mut change = change.clone();
                if let flyos::domain::Op::Insert { set } = &mut change.op {
                    let text = if field.name == "auth_user_id" {
                        "5f0e1c2a-7b41-4c1d-9a53-000000000001"
                    } else {
                        "2020-01-01T00:00:00+00:00"
                    };
                    set.insert(field.name.to_owned(), Some(text.to_owned()));
                }
                let what = format!("{}: {}, {}: {}", caller.name, block.kind.table(), line.label, field.name);
                let probe = Probe::Do(change.clone());
                assert_eq!(asks::directly(&sql, &probe).await, Cell::No, "{what}");
                assert_eq!(asks::by_push(&sql, caller, &[&change]).await, [Cell::No], "{what}, pushed");
            }
        }
    }
}
