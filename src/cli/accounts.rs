//! `flyos accounts`: sign-in accounts and their profiles, for whoever runs the project. New accounts get their profiles
//! by themselves; this is for those that did not, and for whoever watches that nobody is without.
//!
//! Exit code 0: all is well; 13: `status` found accounts without a profile, or `sync` could not do all of it.

use std::fmt::Write as _;
use std::io::Write;

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::supabase::DatabaseArgs;
use super::supabase::way::{Way, WayArgs, say, say_json, say_where};
use crate::domain::Role;
use crate::service::setup_project::{Left, Outcome, Placed, Tally};
use crate::service::{ErrorKind, Folders, ServiceError};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Give accounts without a profile theirs; what stands in a profile stays as it is
    Sync {
        #[command(flatten)]
        way: WayArgs,
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Name each account, also those that get none
        #[arg(long)]
        verbose: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Also link where the account's address is written over the profile's
        #[arg(long)]
        overwrite: bool,
    },
    /// How many accounts and profiles there are, and how many accounts are without one
    Status {
        #[command(flatten)]
        way: WayArgs,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make the profile of one account, by its id or address
    CreateProfile {
        account: String,
        #[command(flatten)]
        database: DatabaseArgs,
        #[arg(long, value_enum, ignore_case = true)]
        role: Option<RoleArg>,
        /// The profile may do nothing until somebody sets it ACTIVE
        #[arg(long)]
        inactive: bool,
    },
    /// What a sync keeps and changes, account by account. Changes nothing
    PreservationReport {
        /// Ids or addresses; without any: all accounts without a profile
        accounts: Vec<String>,
        #[command(flatten)]
        database: DatabaseArgs,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// A role, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleArg {
    #[value(name = "MAIN_HQ")]
    MainHq,
    #[value(name = "REGIONAL_HQ")]
    RegionalHq,
    #[value(name = "OPERATOR")]
    Operator,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::MainHq => Self::MainHq,
            RoleArg::RegionalHq => Self::RegionalHq,
            RoleArg::Operator => Self::Operator,
        }
    }
}

/// Carries a command out.
pub fn run(
    command: &Command,
    folders: &Folders,
    project: Option<String>,
    out: &mut impl Write,
) -> Result<(), ServiceError> {
    match command {
        Command::Sync { way, dry_run, verbose, json, overwrite } => {
            let say = match (json, verbose) {
                (true, _) => Say::Json,
                (false, true) => Say::Each,
                (false, false) => Say::Sums,
            };
            let how = How { dry_run: *dry_run, overwrite: *overwrite, say };
            sync(&way.open(folders, project)?, how, out)
        }
        Command::Status { way, json } => status(&way.open(folders, project)?, *json, out),
        Command::CreateProfile { account, database, role, inactive } => {
            let project = database.open()?;
            say_where(&project, out)?;
            let placed = project.create_profile(account, role.map(Role::from), *inactive)?;
            let made =
                if placed.outcome == Outcome::Link { "is linked now to" } else { "has the new profile" };
            let (name, role, status) = (placed.name(), placed.text("role"), placed.text("status"));
            say(out, &format!("{account} {made} {name} ({role}, {status})."))
        }
        Command::PreservationReport { accounts, database, json } => {
            let project = database.open()?;
            let mut all = Vec::new();
            if accounts.is_empty() {
                project.place_all(false, true, &mut |placed| all.push(placed))?;
            } else {
                all = project.preview(accounts)?;
            }
            report(&all, *json, out)
        }
    }
}

#[derive(Clone, Copy)]
struct How {
    dry_run: bool,
    overwrite: bool,
    say: Say,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Say {
    /// What needs somebody, and how many of each.
    Sums,
    /// Each account.
    Each,
    Json,
}

/// What a sync came to.
#[derive(Default)]
struct Sums {
    linked: u64,
    made: u64,
    overwrites: u64,
    of_deleted_profiles: u64,
    left: u64,
    failed: u64,
}

impl Sums {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Linked => {}
            Outcome::Link => self.linked += 1,
            Outcome::New => self.made += 1,
            Outcome::Overwrites => self.overwrites += 1,
            Outcome::Left { why: Left::ProfileDeleted } => self.of_deleted_profiles += 1,
            Outcome::Left { .. } => self.left += 1,
            Outcome::Failed { .. } => self.failed += 1,
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({"linked": self.linked, "made": self.made, "overwrites": self.overwrites,
            "of_deleted_profiles": self.of_deleted_profiles, "left": self.left, "failed": self.failed})
    }
}

fn sync(way: &Way, how: How, out: &mut impl Write) -> Result<(), ServiceError> {
    let (mut sums, mut all, mut broken) = (Sums::default(), Vec::new(), Ok(()));
    let as_json = how.say == Say::Json;
    if !as_json {
        say_way(way, out)?;
    }
    let mut told = |placed: Placed| {
        sums.add(&placed.outcome);
        // Those of deleted profiles are listed apart, at the end.
        let apart = placed.outcome == Outcome::Left { why: Left::ProfileDeleted };
        let quiet = matches!(placed.outcome, Outcome::Link | Outcome::New) && how.say != Say::Each;
        if as_json || apart {
            all.push(placed);
        } else if !quiet && broken.is_ok() {
            broken = say(out, &line(&placed, how.dry_run));
        }
    };
    match way {
        Way::Database(project) => project.place_all(!how.dry_run, how.overwrite, &mut told)?,
        Way::Key(keyed) => keyed.place_all(!how.dry_run, how.overwrite, &mut told)?,
    }
    broken?;
    if as_json {
        let mut told = sums.json();
        told["dry_run"] = how.dry_run.into();
        told["accounts"] = serde_json::to_value(&all).unwrap_or_default();
        say_json(out, &told)?;
    } else {
        tell(&sums, &all, how, out)?;
    }
    match sums.failed {
        0 => Ok(()),
        failed => Err(ServiceError::new(
            ErrorKind::Attention,
            format!("{failed} accounts could not be given a profile."),
        )
        .answered()
        .hint("What was done for the others stays. Say it with --verbose to see each.")),
    }
}

fn say_way(way: &Way, out: &mut impl Write) -> Result<(), ServiceError> {
    match way {
        Way::Database(project) => say_where(project, out),
        Way::Key(keyed) => say(out, &format!("Project: {} (by its secret key)", keyed.place())),
    }
}

fn tell(sums: &Sums, deleted: &[Placed], how: How, out: &mut impl Write) -> Result<(), ServiceError> {
    if !deleted.is_empty() {
        let words =
            format!("{} belonged to profiles that were deleted, and get none:", many(deleted.len() as u64));
        say(out, &words)?;
        deleted.iter().try_for_each(|placed| say(out, &format!("  {}", who(placed))))?;
    }
    let (would, nothing) = if how.dry_run { ("would be ", " Nothing was changed.") } else { ("", "") };
    let words = format!(
        "{would}linked: {}, {would}made: {}, left alone: {}, failed: {}.{nothing}",
        sums.linked,
        sums.made,
        sums.left + sums.overwrites,
        sums.failed
    );
    say(out, &words)?;
    if sums.overwrites > 0 {
        say(out, "Where an account's address would be written over its profile's: --overwrite does that.")?;
    }
    if sums.made > 0 {
        say(out, "New profiles are OPERATOR and INACTIVE: headquarters sets them ACTIVE in the console.")?;
    }
    Ok(())
}

fn many(n: u64) -> String {
    if n == 1 { "1 account".to_owned() } else { format!("{n} accounts") }
}

fn who(placed: &Placed) -> String {
    placed.email.clone().filter(|email| !email.is_empty()).unwrap_or_else(|| placed.account.to_string())
}

/// One account in a line.
fn line(placed: &Placed, ahead: bool) -> String {
    let (who, name) = (who(placed), placed.name());
    let would = if ahead { "would be " } else { "" };
    let told = match &placed.outcome {
        Outcome::Linked => format!("has {name}; stays as it is"),
        Outcome::Link => format!("{would}linked to {name}, which was there"),
        Outcome::New => format!("{would}given a new profile, {name}"),
        Outcome::Overwrites => format!("left alone: linking it to {name} changes {}", changes(placed)),
        Outcome::Left { why } => {
            let todo = why.todo().map(|todo| format!(" {todo}")).unwrap_or_default();
            format!("left alone: {}.{todo}", why.words())
        }
        Outcome::Failed { message } => format!("failed: {message}"),
    };
    format!("  {who}: {told}")
}

fn changes(placed: &Placed) -> String {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let each =
        placed.changes.iter().map(|(name, was, now)| format!("{name} from {} to {}", text(was), text(now)));
    each.collect::<Vec<_>>().join(", ")
}

fn status(way: &Way, json: bool, out: &mut impl Write) -> Result<(), ServiceError> {
    let tally = match way {
        Way::Database(project) => project.tally()?,
        Way::Key(keyed) => keyed.tally()?,
    };
    if json {
        say_json(out, &serde_json::to_value(&tally).unwrap_or_default())?;
    } else {
        say_way(way, out)?;
        say(out, &as_text(&tally))?;
    }
    if tally.automatic == Some(false) {
        return Err(ServiceError::new(
            ErrorKind::Attention,
            "New accounts do not get their profiles by themselves: a trigger on auth.users is missing or switched off.",
        )
        .answered()
        .hint("Run flyos supabase verify to see which, then flyos supabase migrate --again."));
    }
    match tally.missing {
        0 => Ok(()),
        missing => {
            Err(ServiceError::new(ErrorKind::Attention, format!("{} without a profile.", many(missing)))
                .answered()
                .hint("Run flyos accounts sync --dry-run to see what would become of each."))
        }
    }
}

fn as_text(tally: &Tally) -> String {
    let mut text = format!(
        "accounts: {}\nprofiles: {}\nwith a profile: {} ({} %)\nmissing: {}\nprofiles without an account: {}",
        tally.accounts,
        tally.profiles,
        tally.with_profile,
        tally.percentage,
        tally.missing,
        tally.profiles_without_account
    );
    if tally.of_deleted_profiles > 0 {
        let _written =
            write!(text, "\nof deleted profiles, not counted above: {}", tally.of_deleted_profiles);
    }
    if tally.anonymous > 0 {
        let _written = write!(text, "\nanonymous, not counted above: {}", tally.anonymous);
    }
    text
}

fn report(all: &[Placed], json: bool, out: &mut impl Write) -> Result<(), ServiceError> {
    if json {
        return say_json(out, &json!({"accounts": all}));
    }
    for placed in all {
        say(out, &line(placed, true))?;
        if matches!(placed.outcome, Outcome::Link | Outcome::Linked) {
            let kept = ["role", "status", "full_name", "email"]
                .map(|column| format!("{column} {}", placed.text(column)))
                .join(", ");
            let changes = changes(placed);
            let changes = if changes.is_empty() { "nothing".to_owned() } else { changes };
            say(out, &format!("    keeps: {kept}\n    changes: {changes}"))?;
        }
    }
    say(out, &format!("{} looked at. Nothing was changed.", many(all.len() as u64)))
}
