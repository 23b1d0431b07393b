//! `flyos accounts`: sign-in accounts and their profiles, for whoever runs the project. New accounts get their profiles
//! by themselves; this is for those that did not, and for whoever watches that nobody is without.
//!
//! The project is reached by its database or its secret key; without either headquarters can look, as who is signed in,
//! and no more.
//!
//! Exit code 0: all is well; 13: `status` found accounts without a profile, or `sync` could not do all of it.

use std::fmt::Write as _;
use std::io::Write;

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::door::{Door, Place};
use super::out::Out;
use super::supabase::DatabaseArgs;
use super::supabase::way::{Way, WayArgs, say_way, say_where};
use crate::domain::Role;
use crate::service::setup_project::{Left, Outcome, Placed, Tally, no_database, no_way};
use crate::service::{AccountsView, Action, Done, ErrorKind, ServiceError, log};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Give accounts without a profile theirs; what stands in a profile stays as it is
    #[command(
        after_help = "Examples:\n  flyos accounts sync --dry-run\n  flyos accounts sync --database-url-file database"
    )]
    Sync {
        #[command(flatten)]
        way: WayArgs,
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Name each account, also those that get none
        #[arg(long)]
        verbose: bool,
        /// Also link where the account's address is written over the profile's
        #[arg(long)]
        overwrite: bool,
    },
    /// How many accounts and profiles there are, and how many accounts are without one
    #[command(after_help = "Example: flyos accounts status --email main@flyos.mil --json")]
    Status {
        #[command(flatten)]
        way: WayArgs,
    },
    /// Make the profile of one account, by its id or address
    #[command(
        after_help = "Example: flyos accounts create-profile ann@unit.mil --role REGIONAL_HQ --database-url-file database"
    )]
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
    #[command(after_help = "Example: flyos accounts preservation-report ann@unit.mil")]
    PreservationReport {
        /// Ids or addresses; without any: all accounts without a profile
        accounts: Vec<String>,
        #[command(flatten)]
        database: DatabaseArgs,
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
pub fn run(command: &Command, place: Place, to: &mut impl Write) -> Result<(), ServiceError> {
    let out = &mut Out::new(place.access.json, to);
    match command {
        Command::Sync { way, dry_run, verbose, overwrite } => {
            let how = How { dry_run: *dry_run, overwrite: *overwrite, verbose: *verbose };
            let reach = match given(way, &place)? {
                Some(way) => Reach::Way(way),
                None if *dry_run => Reach::Session(session(place)?),
                None => return Err(looks_only(no_way())),
            };
            sync(&reach, how, out)
        }
        Command::Status { way } => match given(way, &place)? {
            Some(way) => {
                say_way(&way, out)?;
                let tally = match &way {
                    Way::Database(project) => project.tally()?,
                    Way::Key(keyed) => keyed.tally()?,
                };
                status(&tally, out)
            }
            None => status(&seen(&session(place)?, &[])?.tally, out),
        },
        Command::CreateProfile { account, database, role, inactive } => {
            let project = database.given()?.ok_or_else(|| looks_only(no_database()))?;
            say_where(&project, out)?;
            let placed = project.create_profile(account, role.map(Role::from), *inactive)?;
            let made =
                if placed.outcome == Outcome::Link { "is linked now to" } else { "has the new profile" };
            let (name, role, status) = (placed.name(), placed.text("role"), placed.text("status"));
            out.told(&format!("{account} {made} {name} ({role}, {status})."), json!({ "account": placed }))
        }
        Command::PreservationReport { accounts, database } => {
            let all = match database.given()? {
                Some(project) if accounts.is_empty() => {
                    let mut all = Vec::new();
                    project.place_all(false, true, &mut |placed| all.push(placed))?;
                    all
                }
                Some(project) => project.preview(accounts)?,
                None => overwritten(seen(&session(place)?, accounts)?.accounts),
            };
            report(&all, out)
        }
    }
}

/// How the accounts are reached.
enum Reach {
    Way(Way),
    Session(Door),
}

fn given(way: &WayArgs, place: &Place) -> Result<Option<Way>, ServiceError> {
    way.open(&place.settings.config, place.access.project.clone())
}

/// As who is signed in, where no other way was given.
fn session(place: Place) -> Result<Door, ServiceError> {
    log::to(&place.settings.folders.state);
    let named = place.access.email.is_some();
    Door::open(place).map_err(|error| match error.kind {
        ErrorKind::Usage if !named => no_way()
            .hint("Or look as MAIN_HQ: beside an open console, after flyos unlock, or with --email ADDRESS."),
        _ => error,
    })
}

/// What would have to be done cannot be done as who is signed in.
fn looks_only(error: ServiceError) -> ServiceError {
    error.hint(
        "MAIN_HQ without either of them can look (flyos accounts status, sync --dry-run, preservation-report): the \
         project's function admin-users lists accounts without a profile, and links none.",
    )
}

/// How it stands, and those accounts or all without a profile.
fn seen(door: &Door, who: &[String]) -> Result<AccountsView, ServiceError> {
    match door.act(Action::Accounts { who: who.to_vec() })? {
        Done::Accounts(view) => Ok(*view),
        _ => Err(ServiceError::new(ErrorKind::Usage, "The answer is not understood.")),
    }
}

/// As it would be where an account's address may be written over its profile's.
fn overwritten(mut all: Vec<Placed>) -> Vec<Placed> {
    for placed in &mut all {
        if placed.outcome == Outcome::Overwrites {
            placed.outcome = Outcome::Link;
        }
    }
    all
}

#[derive(Clone, Copy)]
struct How {
    dry_run: bool,
    overwrite: bool,
    /// Each account is named, not only those that need somebody.
    verbose: bool,
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

fn sync(reach: &Reach, how: How, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let (mut sums, mut all, mut broken) = (Sums::default(), Vec::new(), Ok(()));
    if let Reach::Way(way) = reach {
        say_way(way, out)?;
    }
    let mut told = |placed: Placed| {
        sums.add(&placed.outcome);
        // Those of deleted profiles are listed apart, at the end.
        let apart = placed.outcome == Outcome::Left { why: Left::ProfileDeleted };
        let quiet = matches!(placed.outcome, Outcome::Link | Outcome::New) && !how.verbose;
        if !apart && !quiet && broken.is_ok() {
            broken = out.say(&line(&placed, how.dry_run));
        }
        all.push(placed);
    };
    match reach {
        Reach::Way(Way::Database(project)) => project.place_all(!how.dry_run, how.overwrite, &mut told)?,
        Reach::Way(Way::Key(keyed)) => keyed.place_all(!how.dry_run, how.overwrite, &mut told)?,
        Reach::Session(door) => {
            let accounts = seen(door, &[])?.accounts;
            if how.overwrite { overwritten(accounts) } else { accounts }.into_iter().for_each(&mut told);
        }
    }
    broken?;
    tell(&sums, &all, how, out)?;
    let mut fields = sums.json();
    fields["dry_run"] = how.dry_run.into();
    fields["accounts"] = serde_json::to_value(&all).unwrap_or_default();
    let failed = (sums.failed > 0).then(|| {
        let words = format!("{} accounts could not be given a profile.", sums.failed);
        ServiceError::new(ErrorKind::Attention, words)
            .hint("What was done for the others stays. Say it with --verbose to see each.")
    });
    out.found(fields, failed)
}

fn tell(sums: &Sums, all: &[Placed], how: How, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    if sums.of_deleted_profiles > 0 {
        let count = many(sums.of_deleted_profiles);
        out.say(&format!("{count} belonged to profiles that were deleted, and get none:"))?;
        let mut deleted =
            all.iter().filter(|placed| placed.outcome == Outcome::Left { why: Left::ProfileDeleted });
        deleted.try_for_each(|placed| out.say(&format!("  {}", who(placed))))?;
    }
    let (would, nothing) = if how.dry_run { ("would be ", " Nothing was changed.") } else { ("", "") };
    let words = format!(
        "{would}linked: {}, {would}made: {}, left alone: {}, failed: {}.{nothing}",
        sums.linked,
        sums.made,
        sums.left + sums.overwrites,
        sums.failed
    );
    out.say(&words)?;
    if sums.overwrites > 0 {
        out.say("Where an account's address would be written over its profile's: --overwrite does that.")?;
    }
    if sums.made > 0 {
        out.say("New profiles are OPERATOR and INACTIVE: headquarters sets them ACTIVE in the console.")?;
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

fn status(tally: &Tally, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    out.say(&as_text(tally))?;
    let attention = |words: String| ServiceError::new(ErrorKind::Attention, words);
    let trouble = match (tally.automatic, tally.missing) {
        (Some(false), _) => Some(
            attention(
                "New accounts do not get their profiles by themselves: a trigger on auth.users is missing or switched off."
                    .to_owned(),
            )
            .hint("Run flyos supabase verify to see which, then flyos supabase migrate --again."),
        ),
        (_, 0) => None,
        (_, missing) => Some(
            attention(format!("{} without a profile.", many(missing)))
                .hint("Run flyos accounts sync --dry-run to see what would become of each."),
        ),
    };
    out.found(serde_json::to_value(tally).unwrap_or_default(), trouble)
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

fn report(all: &[Placed], out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    for placed in all {
        out.say(&line(placed, true))?;
        if matches!(placed.outcome, Outcome::Link | Outcome::Linked) {
            let kept = ["role", "status", "full_name", "email"]
                .map(|column| format!("{column} {}", placed.text(column)))
                .join(", ");
            let changes = changes(placed);
            let changes = if changes.is_empty() { "nothing".to_owned() } else { changes };
            let only = if placed.outcome == Outcome::Link && !placed.changes.is_empty() {
                "\n    A plain sync leaves it alone, since that writes over the profile: sync --overwrite does it."
            } else {
                ""
            };
            out.say(&format!("    keeps: {kept}\n    changes: {changes}{only}"))?;
        }
    }
    out.say(&format!("{} looked at. Nothing was changed.", many(all.len() as u64)))?;
    out.found(json!({ "accounts": all, "totalCount": all.len() }), None)
}
