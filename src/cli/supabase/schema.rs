//! `sql`, `migrate`, `verify` and `rollback`: the project's schema.

use std::io::Write;

use serde_json::{Value, json};

use super::way::{DatabaseArgs, ask, say_where, somebody};
use crate::cli::out::Out;
use crate::service::setup_project::{
    Difference, Extra, MIGRATIONS, Mended, Migration, Project, ROLLBACK, SEED, Verdict, take_back,
};
use crate::service::{ErrorKind, ServiceError};

/// The word that confirms.
const WORD: &str = "rollback";
const WAITING: &str = "waiting until rows of old are mended (flyos.flaws)";
const TAKEN_BACK: &str = "Make again what you did mean. A policy on the four tables is also set aside in \
                          flyos.found_policy, where none of its name was before, and comes back with flyos supabase \
                          rollback; a right does not.";
/// Objects of one kind that are named; more are counted.
const NAMED_MAX: usize = 50;

/// Prints the migrations, the initial data set or the way back.
pub fn sql(seed: bool, rollback: bool, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let text = if seed {
        SEED.to_owned()
    } else if rollback {
        ROLLBACK.to_owned()
    } else {
        let each = MIGRATIONS.iter().map(|migration| {
            format!("-- {}\nbegin;\n{}\ncommit;\n", migration.full_name(), migration.sql.trim_end())
        });
        each.collect::<Vec<_>>().join("\n")
    };
    if out.is_json() {
        return out.found(json!({ "sql": text }), None);
    }
    out.text(&text)
}

/// Applies what is not applied yet.
pub fn migrate(
    database: &DatabaseArgs,
    dry_run: bool,
    again: bool,
    out: &mut Out<impl Write>,
) -> Result<(), ServiceError> {
    let project = database.open()?;
    say_where(&project, out)?;
    let plan = project.plan()?;
    if !plan.unknown.is_empty() {
        let words = "Applied there and not known to this flyos: {}. They are another program's, or a newer flyos' \
                     (then use that one).";
        out.say(&words.replace("{}", &plan.unknown.join(", ")))?;
    }
    if dry_run {
        for name in &plan.pending {
            out.say(&format!("would apply {name}"))?;
        }
        let words = format!(
            "{} of {} migrations would be applied. Nothing was changed.",
            plan.pending.len(),
            MIGRATIONS.len()
        );
        return out.told(&words, json!({ "applied": [], "pending": plan.pending, "unknown": plan.unknown }));
    }
    if again {
        return migrate_again(&project, out);
    }
    if plan.pending.is_empty() {
        let fields = json!({ "applied": [], "pending": [], "unknown": plan.unknown });
        return out.told("Every migration is applied already. Nothing was changed.", fields);
    }
    let (mut applied, mut warnings, mut broken) = (Vec::new(), Vec::new(), Ok(()));
    project.migrate(&mut |name, notices| {
        applied.push(name.to_owned());
        warnings.extend_from_slice(notices);
        let words = std::iter::once(format!("applied {name}"))
            .chain(notices.iter().map(|notice| format!("  !! {notice}")));
        let words: Vec<String> = words.collect();
        if broken.is_ok() {
            broken = out.say(&words.join("\n"));
        }
    })?;
    broken?;
    let flaws = project.flaws()?;
    ended(applied.len(), warnings.len(), flaws, out)?;
    let fields = json!({ "applied": applied, "pending": [], "unknown": plan.unknown, "warnings": warnings,
        "flaws": flaws });
    out.found(fields, None)
}

/// Applies everything once more, tells what was mended and what was not, and looks at all of it.
fn migrate_again(project: &Project, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let Mended { put_back, made_anew, taken_back, left, warnings } = project.migrate_again()?;
    let verdict = project.verify()?;
    list(out, "put back", "+", put_back.iter().cloned())?;
    list(out, "made anew", "~", made_anew.iter().cloned())?;
    list(out, "taken back, since it is none of ours", "!!", taken_back.iter().map(described))?;
    if !taken_back.is_empty() {
        out.say(TAKEN_BACK)?;
    }
    list(out, "the database told", "!!", warnings.iter().cloned())?;
    list(out, "not mended", "!!", left.iter().map(|left| format!("{}\n       {}", left.object, left.why)))?;
    let back = |extra: &Extra| match take_back(&extra.object) {
        Some(sql) => format!("{}\n       to take it back: {sql}", extra.object),
        None => extra.object.clone(),
    };
    list(out, "open wider than they must be", "!!", verdict.difference.wider.iter().map(back))?;
    out.say(&format!("{} migrations were applied once more, in one transaction.", MIGRATIONS.len()))?;
    if verdict.sound {
        out.say(&format!("All {} objects are as they must be.", verdict.difference.there))?;
    }
    list(out, WAITING, "-", verdict.difference.waiting.iter().cloned())?;
    flaws_told(verdict.flaws, out)?;
    let applied: Vec<String> = MIGRATIONS.iter().map(Migration::full_name).collect();
    let fields = json!({ "applied": applied, "putBack": put_back, "madeAnew": made_anew, "takenBack": taken_back, "left": left,
        "warnings": warnings, "flaws": verdict.flaws, "waiting": verdict.difference.waiting,
        "wider": verdict.difference.wider, "pending": verdict.migrations.pending,
        "unknown": verdict.migrations.unknown });
    let trouble = counted(&verdict).map(|message| {
        ServiceError::new(ErrorKind::Attention, format!("{message} Everything else was mended."))
            .hint("Each is named above, with what to do.")
    });
    out.found(fields, trouble)
}

fn ended(done: usize, warned: usize, flaws: i64, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let many = if done == 1 { "1 migration was".to_owned() } else { format!("{done} migrations were") };
    out.say(&format!("{many} applied. The project is set up."))?;
    if warned > 0 {
        out.say("Read the lines marked !! above: the database told them.")?;
    }
    flaws_told(flaws, out)?;
    out.say("Next: flyos supabase init makes the first MAIN_HQ, flyos supabase verify looks at all of it.")
}

fn flaws_told(flaws: i64, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    if flaws == 0 {
        return Ok(());
    }
    let many = if flaws == 1 {
        "1 value of rows that were there before breaks".to_owned()
    } else {
        format!("{flaws} values of rows that were there before break")
    };
    out.say(&format!(
        "{many} a rule. Nothing of them was deleted: select * from flyos.flaws; lists them, the console mends them, \
         select * from flyos.settle(); then adds what waits."
    ))
}

/// Looks at everything; an error where something is not as it must be.
pub fn verify(database: &DatabaseArgs, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let project = database.open()?;
    let verdict = project.verify()?;
    say_where(&project, out)?;
    tell(&verdict, out)?;
    out.found(serde_json::to_value(&verdict).unwrap_or(Value::Null), trouble(&verdict))
}

/// How many objects are not as they must be, in words; `None` where all are.
fn counted(verdict: &Verdict) -> Option<String> {
    let Difference { missing, changed, wider, .. } = &verdict.difference;
    let counts = [missing.len(), changed.len(), wider.len()];
    (!verdict.sound).then(|| {
        format!("{} missing, {} changed, {} open wider than they must be.", counts[0], counts[1], counts[2])
    })
}

/// What is not as it must be, and what to do.
fn trouble(verdict: &Verdict) -> Option<ServiceError> {
    let Difference { missing, changed, wider, .. } = &verdict.difference;
    let error = ServiceError::new(ErrorKind::Attention, counted(verdict)?);
    if !verdict.migrations.pending.is_empty() {
        return Some(error.hint("Run flyos supabase migrate: migrations are not applied yet."));
    }
    let error = if missing.is_empty() && changed.is_empty() {
        error
    } else {
        error.hint("Run flyos supabase migrate --again: it makes anew what is missing or changed.")
    };
    Some(if wider.is_empty() {
        error
    } else {
        error.hint(
            "Take back what opens wider, if you did not mean it: drop the policy, revoke the right. What it is of the four \
             tables flyos supabase migrate --again takes back too, and names.",
        )
    })
}

/// An object that is none of ours, with what it is.
fn described(extra: &Extra) -> String {
    match extra.is.as_str() {
        "" => extra.object.clone(),
        is => format!("{}: {is}", extra.object),
    }
}

fn tell(verdict: &Verdict, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let Difference { there, missing, waiting, changed, wider, own } = &verdict.difference;
    if missing.iter().any(|object| object == "table flyos.found") {
        return out.say("FlyOS Console is not set up in this database.");
    }
    out.say(&format!("as they must be: {there} objects"))?;
    list(out, "missing", "!!", missing.iter().cloned())?;
    let changes =
        changed.iter().map(|x| format!("{}\n       must: {}\n       is:   {}", x.object, x.must, x.is));
    list(out, "changed", "!!", changes)?;
    list(out, "open wider than they must be", "!!", wider.iter().map(described))?;
    list(out, WAITING, "-", waiting.iter().cloned())?;
    list(out, "your own, beside ours", "-", own.iter().map(described))?;
    let plan = &verdict.migrations;
    list(out, "migrations not noted as applied", "-", plan.pending.iter().cloned())?;
    list(out, "migrations of others", "-", plan.unknown.iter().cloned())?;
    if verdict.flaws > 0 {
        out.say(&format!(
            "{} values of rows of old break a rule: select * from flyos.flaws;",
            verdict.flaws
        ))?;
    }
    Ok(())
}

fn list(
    out: &mut Out<impl Write>,
    title: &str,
    mark: &str,
    items: impl Iterator<Item = String>,
) -> Result<(), ServiceError> {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        return Ok(());
    }
    out.say(&format!("{title}: {}", items.len()))?;
    items.iter().take(NAMED_MAX).try_for_each(|item| out.say(&format!("  {mark:<2} {item}")))?;
    match items.len().saturating_sub(NAMED_MAX) {
        0 => Ok(()),
        more => out.say(&format!("  … and {more} more (--json has all)")),
    }
}

/// Takes everything out, after asking.
pub fn rollback(database: &DatabaseArgs, yes: bool, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let project = database.open()?;
    say_where(&project, out)?;
    if !project.is_set_up()? {
        return Err(ServiceError::new(
            ErrorKind::Refused,
            "FlyOS Console is not set up in this database. Nothing was changed.",
        ));
    }
    if !yes {
        if !somebody() || out.is_json() {
            return Err(ServiceError::new(
                ErrorKind::Usage,
                "There is nobody to confirm it. Nothing was changed.",
            )
            .hint("Say --yes if it is to be taken out."));
        }
        out.say(&consequences())?;
        out.say("Let the consoles send their edits first. Make a backup first.")?;
        if ask(&format!("Type {WORD} to go on: "))? != WORD {
            return out.say("Nothing was changed.");
        }
    }
    let warnings = project.roll_back()?;
    for notice in &warnings {
        out.say(&format!("  !! {notice}"))?;
    }
    out.told(
        "FlyOS Console was taken out of this database. Rows and sign-in accounts are there as before.",
        json!({ "warnings": warnings }),
    )
}

/// What stays, what goes and what comes back, as `rollback.sql` says it at its beginning.
fn consequences() -> String {
    let told = ROLLBACK.lines().skip_while(|line| *line != "-- What stays");
    let told = told.map_while(|line| line.strip_prefix("--"));
    told.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_and_goes_is_told_before_anything_is_taken_out() {
        let told = consequences();
        for part in ["What stays", "What goes", "What comes back", "Sign-in accounts"] {
            assert!(told.contains(part), "{part}");
        }
        assert!(!told.contains("statement_timeout"));
    }

    #[test]
    fn the_sql_has_every_migration_in_a_transaction_of_its_own() {
        let mut text = Vec::new();
        sql(false, false, &mut Out::new(false, &mut text)).expect("printed");
        let text = String::from_utf8(text).expect("text");
        assert_eq!(text.matches("\nbegin;\n").count(), MIGRATIONS.len());
        assert_eq!(text.matches("\ncommit;\n").count(), MIGRATIONS.len());
    }
}
