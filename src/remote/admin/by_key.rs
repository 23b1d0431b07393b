//! Giving accounts their profiles, and making the first MAIN_HQ, by the project's secret key: what `placing` and
//! `schema::first` do in the database, where nobody has its password.
//!
//! The server's rule is asked for by naming the profile in `app_metadata`: writing that is what links the two there. What
//! the server would decide by itself is decided here by the same words of the product's rule; a test holds the two ways
//! together. Several requests make one step, so each is looked at when it is done.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::direct::{DirectAdmin, Done, USERS, Users, escaped, refused};
use super::placing::{Left, Outcome, Placed, Tally};
use super::rule;
use super::schema::{FirstDone, FirstHow, FirstUser};
use crate::domain::{Role, Status};
use crate::remote::error::RemoteError;
use crate::remote::wire::admin::{
    AdminCode, AdminRefusal, AdminRequest, AuthAccount, PAGE_ACCOUNTS, PAGES_MAX, PROFILE_CLAIM, Password,
};

/// Profiles of one page: the server gives no more at once.
const PAGE_PROFILES: usize = 1000;

impl DirectAdmin {
    /// How accounts and profiles stand to each other.
    pub async fn tally(&self) -> Done<Tally> {
        let mut tally = Tally::default();
        let mut after = Uuid::nil();
        loop {
            let query = format!("id=gt.{after}&order=id&limit={PAGE_PROFILES}");
            let page = self.rows(&query).await?;
            tally.profiles += page.len() as u64;
            tally.profiles_without_account +=
                page.iter().filter(|row| row["auth_user_id"].is_null()).count() as u64;
            match page.last().and_then(id_of) {
                Some(last) if page.len() == PAGE_PROFILES => after = last,
                _ => break,
            }
        }
        self.each_account(&mut |account, linked, there| match (linked, rule::left(account, there)) {
            (true, _) => (tally.accounts, tally.with_profile) = (tally.accounts + 1, tally.with_profile + 1),
            (false, Some(Left::ProfileDeleted)) => tally.of_deleted_profiles += 1,
            (false, Some(Left::Anonymous)) => tally.anonymous += 1,
            (false, _) => tally.accounts += 1,
        })
        .await?;
        Ok(tally.percent())
    }

    /// Gives each account without a profile the one that is there for it, or a new one; `keep` false: a look ahead.
    pub async fn place_all(&self, keep: bool, overwrite: bool, told: &mut dyn FnMut(Placed)) -> Done<()> {
        let mut open = Vec::new();
        self.each_account(&mut |account, linked, there| {
            if !linked {
                open.push((account.clone(), rule::left(account, there)));
            }
        })
        .await?;
        for (account, left) in open {
            let placed = match left {
                Some(why) => Placed::left(&account, why),
                None => match self.place(&account, keep, overwrite).await {
                    Ok(placed) => placed,
                    Err(error) if error.is_offline() => return Err(error),
                    Err(error) => Placed::bare(&account, Outcome::Failed { message: error.message }),
                },
            };
            told(placed);
        }
        Ok(())
    }

    /// Every account: itself, whether it has a profile, whether the profile it names is there.
    async fn each_account(&self, told: &mut dyn FnMut(&AuthAccount, bool, bool)) -> Done<()> {
        for page in 1..=PAGES_MAX {
            let path = format!("{USERS}?page={page}&per_page={PAGE_ACCOUNTS}");
            let all = self.ask::<Users>(Method::GET, &path, None).await?.value.users;
            let linked = self.linked(all.iter().map(|account| account.id).collect()).await?;
            let alone = all.iter().filter(|account| !linked.contains_key(&account.id));
            let claims: Vec<String> =
                alone.filter_map(AuthAccount::made_for).map(|id| id.to_string()).collect();
            let mut there = BTreeMap::new();
            if !claims.is_empty() {
                let rows = self.rows(&format!("id=in.({})", claims.join(","))).await?;
                there.extend(rows.into_iter().filter_map(|row| Some((id_of(&row)?, row))));
            }
            for account in &all {
                let named = account.made_for().is_none_or(|id| there.contains_key(&id));
                told(account, linked.contains_key(&account.id), named);
            }
            if all.len() < PAGE_ACCOUNTS {
                break;
            }
        }
        Ok(())
    }

    async fn rows(&self, query: &str) -> Done<Vec<Json>> {
        Ok(self.ask(Method::GET, &format!("/rest/v1/profiles?select=*&{query}"), None).await?.value)
    }

    async fn row(&self, id: Uuid) -> Done<Option<Json>> {
        Ok(self.rows(&format!("id=eq.{id}")).await?.into_iter().next())
    }

    /// Rows whose text is the same but for case.
    async fn same(&self, column: &str, text: &str) -> Done<Vec<Json>> {
        let pattern: String = text
            .chars()
            .flat_map(|c| match c {
                '_' | '%' | '\\' => vec!['\\', c],
                c => vec![c],
            })
            .collect();
        let rows = self.rows(&format!("{column}=ilike.{}", escaped(&pattern))).await?;
        let same =
            |row: &Json| row[column].as_str().is_some_and(|it| it.to_lowercase() == text.to_lowercase());
        Ok(rows.into_iter().filter(same).collect())
    }

    /// One account that belongs to nobody yet.
    async fn place(&self, account: &AuthAccount, keep: bool, overwrite: bool) -> Done<Placed> {
        let (named, namesakes) = match (account.made_for(), rule::address(account)) {
            (Some(named), _) => (self.row(named).await?, Vec::new()),
            (None, Some(address)) => (None, self.same("email", address).await?),
            (None, None) => (None, Vec::new()),
        };
        match rule::meant(account, named, &namesakes) {
            Err(why) => Ok(Placed::left(account, why)),
            Ok(Some(row)) => self.link(account, row, keep, overwrite).await,
            Ok(None) => self.give_new(account, keep).await,
        }
    }

    async fn link(&self, account: &AuthAccount, row: Json, keep: bool, overwrite: bool) -> Done<Placed> {
        let Some(id) = id_of(&row) else { return Ok(Placed::left(account, Left::Taken)) };
        let mut placed = rule::linking(account, row);
        if placed.outcome == Outcome::Overwrites && !overwrite {
            return Ok(placed);
        }
        placed.outcome = Outcome::Link;
        if keep {
            self.name(account.id, account.made_for()).await?;
            placed.profile = self.row(id).await?;
            if !belongs(placed.profile.as_ref(), account.id) {
                placed.outcome = Outcome::Failed { message: "The server did not link the two.".to_owned() };
            }
        }
        Ok(placed)
    }

    async fn give_new(&self, account: &AuthAccount, keep: bool) -> Done<Placed> {
        let mut placed = rule::fresh(account, &self.free_username(account).await?);
        if let Some(row) = placed.profile.take_if(|_| keep) {
            placed.profile = Some(self.insert_for(account.id, &row).await?);
        }
        Ok(placed)
    }

    /// A new profile, linked to that account, or none.
    async fn insert_for(&self, account: Uuid, row: &Json) -> Done<Json> {
        let id = id_of(row).unwrap_or_default();
        self.tell(Method::POST, "/rest/v1/profiles", Some(row)).await?;
        let linked = match self.name(account, Some(id)).await {
            Ok(()) => self.row(id).await,
            Err(error) => Err(error),
        };
        match linked {
            Ok(Some(row)) if belongs(Some(&row), account) => Ok(row),
            other => {
                self.remove_profile(id).await;
                Err(other.err().unwrap_or_else(|| refused(&AdminRefusal::not_made(&id.to_string()))))
            }
        }
    }

    /// Best effort: a profile without account that stays is shown as such in the console.
    async fn remove_profile(&self, id: Uuid) {
        drop(
            self.tell(Method::DELETE, &format!("/rest/v1/profiles?id=eq.{id}&auth_user_id=is.null"), None)
                .await,
        );
    }

    /// Says to the sign-in server which profile the account is for, or that it is for none in particular. Either way the
    /// database hears of it, and links the account by its own rule.
    async fn name(&self, account: Uuid, profile: Option<Uuid>) -> Done<()> {
        let body = json!({"app_metadata": {PROFILE_CLAIM: profile}});
        self.tell(Method::PUT, &format!("{USERS}/{account}"), Some(&body)).await
    }

    async fn free_username(&self, account: &AuthAccount) -> Done<String> {
        let mut last = String::new();
        for name in rule::usernames(account) {
            if self.same("username", &name).await?.is_empty() {
                return Ok(name);
            }
            last = name;
        }
        Ok(last)
    }

    /// Makes the first MAIN_HQ: a profile, then its account. Refused where one is there already.
    pub async fn make_first(&self, user: &FirstUser) -> Done<FirstDone> {
        let taken = self.headless(&user.email).await?;
        let Some(password) = user.password.clone().map(Password::new) else {
            return Err(refuse(AdminCode::Invalid, "A new account needs a password. Nothing was changed."));
        };
        let profile = taken.unwrap_or_else(Uuid::now_v7);
        let create = AdminRequest::Create { profile, password };
        create.check().map_err(|refusal| refused(&refusal))?;
        if taken.is_none() {
            self.insert_first(profile, user).await?;
        }
        // Setting up is no deed on somebody's account: it leaves no line.
        if let Err(error) = self.carry_out(&create).await {
            if taken.is_none() {
                self.remove_profile(profile).await;
            }
            return Err(error);
        }
        let row = self.row(profile).await?.unwrap_or_default();
        let username = row["username"].as_str().unwrap_or_default().to_owned();
        let profile = if taken.is_some() { FirstHow::Taken } else { FirstHow::Made };
        Ok(FirstDone { email: user.email.to_lowercase(), username, account: FirstHow::Made, profile })
    }

    /// The active MAIN_HQ of that address, who has no account yet; refused where another one is there.
    async fn headless(&self, email: &str) -> Done<Option<Uuid>> {
        let there = self.rows("role=eq.MAIN_HQ&status=eq.ACTIVE&order=auth_user_id&limit=100").await?;
        for row in &there {
            let text = |name: &str| row[name].as_str().unwrap_or_default();
            let name = text("username");
            if !row["auth_user_id"].is_null() {
                let words = format!("{name} is an active MAIN_HQ with an account. Nothing was changed.");
                return Err(refuse(AdminCode::Already, &words));
            } else if text("email").to_lowercase() != email.to_lowercase() {
                let words = format!(
                    "{name} ({}) is an active MAIN_HQ already, without an account: say --email with that address to \
                     give it one. Nothing was changed.",
                    text("email")
                );
                return Err(refuse(AdminCode::Already, &words));
            }
        }
        let first = there.first().and_then(id_of);
        if first.is_none() && !self.same("email", email).await?.is_empty() {
            let words =
                format!("A profile of {email} is there and is no active MAIN_HQ. Nothing was changed.");
            return Err(refuse(AdminCode::EmailTaken, &words));
        }
        Ok(first)
    }

    async fn insert_first(&self, id: Uuid, user: &FirstUser) -> Done<()> {
        let username = if let Some(name) = &user.username {
            name.clone()
        } else {
            let email = Some(user.email.clone());
            self.free_username(&AuthAccount { email, ..AuthAccount::default() }).await?
        };
        let full_name = user.full_name.as_ref().unwrap_or(&username);
        let row = json!({"id": id, "username": username, "full_name": full_name,
            "email": user.email.to_lowercase(), "role": Role::MainHq, "status": Status::Active});
        self.tell(Method::POST, "/rest/v1/profiles", Some(&row)).await
    }
}

fn refuse(code: AdminCode, words: &str) -> RemoteError {
    refused(&AdminRefusal::of(code, words))
}

fn id_of(row: &Json) -> Option<Uuid> {
    row["id"].as_str()?.parse().ok()
}

fn belongs(row: Option<&Json>, account: Uuid) -> bool {
    row.is_some_and(|row| row["auth_user_id"] == account.to_string())
}
