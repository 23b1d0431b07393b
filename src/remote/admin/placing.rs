//! Sign-in accounts without a profile, and giving them one, through the database.
//!
//! The rule is the database's own (`flyos.place_account`), the same that every new account meets: here it is only asked
//! for, again for those that it did not reach, such as accounts from before the migrations. A look ahead does it and
//! takes it back. Nothing that stands in a profile is written over unless that is asked for; an account whose profile
//! was deleted is nobody's new account.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::database::{Database, DatabaseError, DatabaseFault};
use crate::domain::Role;

/// Accounts that are looked at in one query.
const PAGE: i64 = 500;

/// How accounts and profiles stand to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Accounts, those of deleted profiles and anonymous ones aside.
    pub accounts: u64,
    pub profiles: u64,
    pub with_profile: u64,
    pub missing: u64,
    /// Whole percents, rounded down: 100 is all of them.
    pub percentage: u64,
    pub of_deleted_profiles: u64,
    pub anonymous: u64,
    pub profiles_without_account: u64,
    /// Whether new accounts still get their profile by themselves; `None`: that cannot be seen from here.
    pub automatic: Option<bool>,
}

impl Tally {
    /// What the counts come to.
    #[must_use]
    pub fn percent(mut self) -> Self {
        self.missing = self.accounts.saturating_sub(self.with_profile);
        self.percentage = (self.with_profile * 100).checked_div(self.accounts).unwrap_or(100);
        self
    }
}

/// What becomes of an account without a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It has one: nothing is to be done.
    Linked,
    /// A profile that is there for it.
    Link,
    /// A new one.
    New,
    /// It would write over what stands in the profile.
    Overwrites,
    /// None, and why.
    Left {
        why: Left,
    },
    Failed {
        message: String,
    },
}

/// Why an account gets no profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Left {
    ProfileDeleted,
    Anonymous,
    /// Made for a profile that has another account.
    NamedTaken,
    /// A profile of its address is there; the address is not confirmed.
    NotConfirmed,
    /// A profile of its address is there, and is no OPERATOR's.
    NotOperator,
    /// A profile of its address is there, and has another account.
    Taken,
    /// Several profiles have its address.
    Several,
}

/// One account, and its profile as it is or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    pub account: Uuid,
    pub email: Option<String>,
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The profile, afterwards.
    pub profile: Option<Json>,
    /// What of it was otherwise before: column, old, new.
    pub changes: Vec<(String, Json, Json)>,
}

const ACCOUNTS: &str = "select u.id, u.email::text, p.id as profile, to_jsonb(p) as row, case
        when p.id is not null then ''
        when coalesce(u.is_anonymous, false) then 'anonymous'
        when u.banned_until = flyos.barred_until() then 'deleted'
        when n.named is null then ''
        when not exists (select from public.profiles q where q.id::text = n.named) then 'deleted'
        when exists (select from public.profiles q where q.id::text = n.named and q.auth_user_id is not null) then 'named'
        else '' end as left
    from auth.users u left join public.profiles p on p.auth_user_id = u.id,
        lateral (select lower(u.raw_app_meta_data ->> 'flyos_profile_id') as named) n
    where u.deleted_at is null";

const NAMESAKES: &str = "select q.role, q.auth_user_id is not null, u.email_confirmed_at is not null
    from auth.users u join public.profiles q
        on lower(q.email collate \"und-x-icu\") = lower(u.email::text collate \"und-x-icu\")
    where u.id = $1 limit 2";

/// The profiles that the rule may link to an account, by their ids.
const BEFORE: &str = "select jsonb_object_agg(q.id, to_jsonb(q)) from auth.users u join public.profiles q
        on q.id::text = lower(u.raw_app_meta_data ->> 'flyos_profile_id')
        or lower(q.email collate \"und-x-icu\") = lower(u.email::text collate \"und-x-icu\")
    where u.id = $1";

const DOING: &str = "Looking at the accounts";

impl Database {
    /// How accounts and profiles stand to each other.
    pub async fn tally(&self) -> Result<Tally, DatabaseError> {
        self.demand_set_up().await?;
        let query = format!(
            "select count(*) filter (where a.left not in ('deleted', 'anonymous')),
                count(*) filter (where a.profile is not null), count(*) filter (where a.left = 'deleted'),
                count(*) filter (where a.left = 'anonymous'), (select count(*) from public.profiles),
                (select count(*) from public.profiles where auth_user_id is null),
                (select count(*) = 2 from pg_trigger t where t.tgrelid = 'auth.users'::regclass and t.tgenabled = 'O'
                    and t.tgname in ('flyos_account_written', 'flyos_account_moved'))
            from ({ACCOUNTS}) a"
        );
        let row = self.client.query_one(&query, &[]).await;
        let row = row.map_err(|error| DatabaseError::sql(DOING, &error))?;
        let count = |at: usize| u64::try_from(row.get::<_, i64>(at)).unwrap_or_default();
        Ok(Tally {
            accounts: count(0),
            with_profile: count(1),
            of_deleted_profiles: count(2),
            anonymous: count(3),
            profiles: count(4),
            profiles_without_account: count(5),
            automatic: Some(row.get(6)),
            ..Tally::default()
        }
        .percent())
    }

    /// Gives each account without a profile the one that is there for it, or a new one; `keep` false: a look ahead.
    pub async fn place_all(
        &self,
        keep: bool,
        overwrite: bool,
        told: &mut dyn FnMut(Placed),
    ) -> Result<(), DatabaseError> {
        self.demand_set_up().await?;
        if keep {
            self.alone().await?;
        } else {
            self.run(DOING, "begin").await?;
        }
        let mut after = Uuid::nil();
        let query = format!("{ACCOUNTS} and p.id is null and u.id > $1 order by u.id limit {PAGE}");
        loop {
            let page = self.client.query(&query, &[&after]).await;
            let page = page.map_err(|error| DatabaseError::sql(DOING, &error))?;
            let Some(last) = page.last() else { break };
            after = last.get(0);
            for row in &page {
                told(self.one(row, keep, overwrite).await?);
            }
        }
        if keep { Ok(()) } else { self.run(DOING, "rollback").await }
    }

    /// The same look ahead at accounts by their ids or addresses, those with a profile too.
    pub async fn preview(&self, who: &[String]) -> Result<Vec<Placed>, DatabaseError> {
        self.demand_set_up().await?;
        self.run(DOING, "begin").await?;
        let mut all = Vec::with_capacity(who.len());
        for one in who {
            let row = self.account_row(one).await?;
            all.push(self.one(&row, false, true).await?);
        }
        self.run(DOING, "rollback").await?;
        Ok(all)
    }

    /// Gives one account, by its id or address, a new profile of that role; one that is there for it is linked as it is.
    pub async fn create_profile(
        &self,
        who: &str,
        role: Option<Role>,
        inactive: bool,
    ) -> Result<Placed, DatabaseError> {
        self.demand_set_up().await?;
        self.alone().await?;
        let doing = "No profile was made";
        self.run(doing, "begin").await?;
        let done = self.created(who, role, inactive).await;
        self.run(doing, if done.is_ok() { "commit" } else { "rollback" }).await?;
        done
    }

    async fn created(&self, who: &str, role: Option<Role>, inactive: bool) -> Result<Placed, DatabaseError> {
        let refuse = |message: String| Err(DatabaseError::new(DatabaseFault::Refused, message));
        let row = self.account_row(who).await?;
        let mut placed = self.place_within(&row).await?;
        match &placed.outcome {
            Outcome::New => {}
            Outcome::Link if role.is_none() && !inactive && placed.changes.is_empty() => return Ok(placed),
            Outcome::Link => {
                return refuse(format!(
                    "{who} belongs to a profile that is there already ({}), which stays as it is. Nothing was changed.",
                    placed.name()
                ))
                .map_err(|error| error.hint("Say it without --role and --inactive to link the two; change the profile in the console."));
            }
            Outcome::Linked => {
                return refuse(format!(
                    "{who} has a profile already: {}. Nothing was changed.",
                    placed.name()
                ));
            }
            Outcome::Left { why } => {
                return refuse(format!("{who} gets no profile: {}. Nothing was changed.", why.words()));
            }
            Outcome::Overwrites | Outcome::Failed { .. } => return refuse("No profile was made.".to_owned()),
        }
        let update = "update public.profiles p set role = $2, status = $3 where p.auth_user_id = $1 returning to_jsonb(p)";
        let status = if inactive { "INACTIVE" } else { "ACTIVE" };
        let role = role.unwrap_or(Role::Operator).as_str();
        placed.profile =
            self.value("No profile was made", update, &[&placed.account, &role, &status]).await?;
        Ok(placed)
    }

    async fn demand_set_up(&self) -> Result<(), DatabaseError> {
        if self.is_set_up().await? {
            return Ok(());
        }
        Err(DatabaseError::new(DatabaseFault::Refused, "FlyOS Console is not set up in this database.")
            .hint("Run flyos supabase migrate first."))
    }

    async fn account_row(&self, who: &str) -> Result<tokio_postgres::Row, DatabaseError> {
        let query =
            format!("{ACCOUNTS} and (u.id::text = lower($1) or lower(u.email::text) = lower($1)) limit 1");
        let row = self.client.query_opt(&query, &[&who]).await;
        row.map_err(|error| DatabaseError::sql(DOING, &error))?
            .ok_or_else(|| DatabaseError::new(DatabaseFault::Refused, super::rule::no_account(who)))
    }

    /// One account, in a transaction of its own, or within the one of a look ahead.
    async fn one(
        &self,
        row: &tokio_postgres::Row,
        keep: bool,
        overwrite: bool,
    ) -> Result<Placed, DatabaseError> {
        self.run(DOING, if keep { "begin" } else { "savepoint one" }).await?;
        let mut placed = match self.place_within(row).await {
            Err(error) if error.fault == DatabaseFault::Offline => return Err(error),
            Err(error) => Placed::of(row, Outcome::Failed { message: error.message }),
            Ok(placed) => placed,
        };
        let mut good = matches!(placed.outcome, Outcome::Link | Outcome::New);
        if good && !placed.changes.is_empty() && !overwrite {
            (placed.outcome, good) = (Outcome::Overwrites, false);
        }
        let end = match (keep, good) {
            (true, true) => "commit",
            (true, false) => "rollback",
            // What was placed stays in sight of those that come after, until the look is over.
            (false, true) => "release one",
            (false, false) => "rollback to one; release one",
        };
        match self.run(DOING, end).await {
            Ok(()) => Ok(placed),
            Err(error) if error.fault == DatabaseFault::Offline => Err(error),
            Err(error) => Ok(Placed::of(row, Outcome::Failed { message: error.message })),
        }
    }

    async fn place_within(&self, row: &tokio_postgres::Row) -> Result<Placed, DatabaseError> {
        let account: Uuid = row.get(0);
        if row.get::<_, Option<Uuid>>(2).is_some() {
            return Ok(Placed { profile: row.get(3), ..Placed::of(row, Outcome::Linked) });
        }
        match row.get::<_, &str>(4) {
            "deleted" => return Ok(Placed::of(row, Outcome::Left { why: Left::ProfileDeleted })),
            "anonymous" => return Ok(Placed::of(row, Outcome::Left { why: Left::Anonymous })),
            "named" => return Ok(Placed::of(row, Outcome::Left { why: Left::NamedTaken })),
            _ => {}
        }
        let namesakes = self.client.query(NAMESAKES, &[&account]).await;
        let namesakes = namesakes.map_err(|error| DatabaseError::sql(DOING, &error))?;
        // What stands in the profiles that may be meant, before the rule touches one.
        let before: Option<Json> = self.value(DOING, BEFORE, &[&account]).await?;
        let placed: Option<Uuid> =
            self.value(DOING, "select flyos.place_account($1, true)", &[&account]).await?;
        let Some(profile) = placed else {
            return Ok(Placed::of(row, Outcome::Left { why: why(&namesakes) }));
        };
        let after = "select to_jsonb(p) from public.profiles p where p.id = $1";
        let after: Json = self.value(DOING, after, &[&profile]).await?.unwrap_or_default();
        let before = before.as_ref().and_then(|all| all.get(profile.to_string()));
        let outcome = if before.is_some() { Outcome::Link } else { Outcome::New };
        let changes = before.map(|before| changes(before, &after)).unwrap_or_default();
        Ok(Placed { profile: Some(after), changes, ..Placed::of(row, outcome) })
    }
}

fn why(namesakes: &[tokio_postgres::Row]) -> Left {
    match namesakes {
        [one] if one.get(1) => Left::Taken,
        [one] if one.get::<_, Option<&str>>(0) != Some(Role::Operator.as_str()) => Left::NotOperator,
        [_] => Left::NotConfirmed,
        [_, _, ..] => Left::Several,
        [] => Left::NamedTaken,
    }
}

/// What of a profile is otherwise now, but for the link itself and the time.
fn changes(before: &Json, after: &Json) -> Vec<(String, Json, Json)> {
    let none = Map::new();
    let before = before.as_object().unwrap_or(&none);
    let columns = before.iter().filter(|(name, _)| !matches!(name.as_str(), "auth_user_id" | "updated_at"));
    columns
        .filter_map(|(name, was)| {
            let now = after.get(name).cloned().unwrap_or_default();
            (now != *was).then(|| (name.clone(), was.clone(), now))
        })
        .collect()
}

impl Placed {
    fn of(row: &tokio_postgres::Row, outcome: Outcome) -> Self {
        Self { account: row.get(0), email: row.get(1), outcome, profile: None, changes: Vec::new() }
    }

    /// The profile's username.
    pub fn name(&self) -> &str {
        self.text("username")
    }

    /// A column of the profile; "" where it has none.
    pub fn text(&self, column: &str) -> &str {
        self.profile.as_ref().and_then(|row| row[column].as_str()).unwrap_or_default()
    }
}

impl Left {
    pub const fn words(self) -> &'static str {
        match self {
            Self::ProfileDeleted => "its profile was deleted",
            Self::Anonymous => "it is anonymous",
            Self::NamedTaken => "it was made for a profile that has another account",
            Self::NotConfirmed => "a profile has its address, which is not confirmed",
            Self::NotOperator => "a profile has its address, and is no OPERATOR's",
            Self::Taken => "a profile has its address, and has another account",
            Self::Several => "several profiles have its address",
        }
    }

    /// What whoever runs the project may do about it.
    pub const fn todo(self) -> Option<&'static str> {
        match self {
            Self::ProfileDeleted => Some("Delete the account where nobody needs it any more."),
            Self::Anonymous => None,
            Self::NamedTaken | Self::Taken => Some("Delete one of the two accounts."),
            Self::NotConfirmed => Some("Once its owner has confirmed the address, it is linked by itself."),
            Self::NotOperator => Some("If it is that person's, say in SQL: select flyos.link('ADDRESS');"),
            Self::Several => Some("Give all but one of those profiles another address."),
        }
    }
}
