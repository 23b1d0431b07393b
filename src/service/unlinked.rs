//! Sign-in accounts without a profile, for headquarters: how many there are, and what a sync would make of each.
//!
//! The project's function `admin-users` lists them under the person's own pass; the profiles are those that this machine
//! has, which for headquarters are all. Looking is all that can be done from here: the function links no account to a
//! profile, so that takes the database's address or a secret key (`setup_project`). An anonymous account cannot be told
//! from one that just has no address.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::accounts::for_headquarters;
use super::session::Inner;
use super::{Done, ErrorKind, ServiceError, explain};
use crate::domain::{Key, Kind, Record, Stamp};
use crate::remote::admin::placing::{Left, Outcome, Placed, Tally};
use crate::remote::admin::rule;
use crate::remote::wire::admin::{AdminReply, AdminRequest, AuthAccount, PROFILE_CLAIM, UnlinkedAccount};
use crate::session::Keeper;
use crate::store::replica::Replica;

/// How accounts and profiles stand to each other, as headquarters sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountsView {
    pub tally: Tally,
    pub accounts: Vec<Placed>,
}

impl Inner {
    /// Looks at all accounts without a profile, or at those that are named, by id or address.
    pub(super) fn accounts(
        this: &Arc<Self>,
        who: Vec<String>,
        done: impl FnOnce(Result<Done, ServiceError>) + Send + 'static,
    ) {
        let Some(keeper) = this.keeper() else { return done(Err(explain::signed_out())) };
        let inner = Arc::clone(this);
        this.runtime().spawn(async move { done(inner.accounts_seen(&keeper, &who).await) });
    }

    async fn accounts_seen(&self, keeper: &Keeper, who: &[String]) -> Result<Done, ServiceError> {
        self.look(for_headquarters).ok_or_else(explain::signed_out)??;
        let alone = unlinked(keeper).await?;
        let seen = self.look(|replica| seen(replica, &alone, who)).ok_or_else(explain::signed_out)??;
        Ok(Done::Accounts(Box::new(seen)))
    }
}

/// All pages of them.
async fn unlinked(keeper: &Keeper) -> Result<Vec<AuthAccount>, ServiceError> {
    let (mut all, mut page) = (Vec::new(), Some(1));
    while let Some(number) = page {
        let token = keeper.token().await.map_err(|error| explain::not_asked(&error))?;
        let reply =
            keeper.client().admin_users(&token, &AdminRequest::ListUnlinked { page: number }.into()).await;
        let AdminReply::Unlinked { accounts, next, .. } =
            reply.map_err(|error| explain::remote(&error))?.value
        else {
            return Err(explain::another_answer());
        };
        all.extend(accounts.into_iter().map(account));
        page = next;
    }
    Ok(all)
}

/// As the admin API would tell of it, so that it is judged by the same rule.
fn account(unlinked: UnlinkedAccount) -> AuthAccount {
    let UnlinkedAccount { account, made_for, .. } = unlinked;
    AuthAccount {
        id: account.id,
        email: account.email,
        // When it was is not told, only that it was.
        email_confirmed_at: account.confirmed.then(String::new),
        banned_until: account.banned_until.map(Stamp::text),
        last_sign_in_at: account.last_sign_in_at.map(Stamp::text),
        created_at: account.created_at.map(Stamp::text),
        app_metadata: made_for
            .map(|id| (PROFILE_CLAIM.to_owned(), id.to_string().into()))
            .into_iter()
            .collect(),
        is_anonymous: false,
    }
}

fn seen(replica: &Replica, alone: &[AuthAccount], who: &[String]) -> Result<AccountsView, ServiceError> {
    let all: Vec<Placed> = alone.iter().map(|account| placed(replica, account)).collect();
    let tally = tally(replica, &all);
    if who.is_empty() {
        return Ok(AccountsView { tally, accounts: all });
    }
    let accounts = who.iter().map(|who| named(replica, &all, who)).collect::<Result<_, _>>()?;
    Ok(AccountsView { tally, accounts })
}

/// What a sync would make of one.
fn placed(replica: &Replica, account: &AuthAccount) -> Placed {
    let profile = account.made_for().and_then(|id| row(replica, &Key::user(id)));
    if let Some(why) = rule::left(account, account.made_for().is_none() || profile.is_some()) {
        return Placed::left(account, why);
    }
    let view = replica.view();
    let same = |address: &str| -> Vec<Json> {
        view.named(Kind::User, "email", address).filter_map(|key| row(replica, &key)).collect()
    };
    let namesakes = rule::address(account).map(same).unwrap_or_default();
    match rule::meant(account, profile, &namesakes) {
        Err(why) => Placed::left(account, why),
        Ok(Some(row)) => rule::linking(account, row),
        Ok(None) => {
            let free = |name: &String| view.named(Kind::User, "username", name).next().is_none();
            rule::fresh(account, &rule::usernames(account).find(free).unwrap_or_default())
        }
    }
}

/// A profile as the server has it, or as it will once an edit of it is sent.
fn row(replica: &Replica, key: &Key) -> Option<Json> {
    let record = replica.view().get(key).filter(|_| replica.is_known(key))?;
    serde_json::to_value(record.fields()).ok()
}

fn tally(replica: &Replica, alone: &[Placed]) -> Tally {
    let of = |wanted: Left| {
        let left = |placed: &&Placed| placed.outcome == Outcome::Left { why: wanted };
        alone.iter().filter(left).count() as u64
    };
    let known = replica.view().users().filter(|user| replica.is_known(&Key::user(user.id)));
    let (linked, bare): (Vec<_>, Vec<_>) = known.partition(|user| user.auth_user_id.is_some());
    let of_deleted_profiles = of(Left::ProfileDeleted);
    Tally {
        accounts: (linked.len() + alone.len()) as u64 - of_deleted_profiles,
        profiles: (linked.len() + bare.len()) as u64,
        with_profile: linked.len() as u64,
        of_deleted_profiles,
        profiles_without_account: bare.len() as u64,
        ..Tally::default()
    }
    .percent()
}

/// The account that goes by that id or address.
fn named(replica: &Replica, alone: &[Placed], who: &str) -> Result<Placed, ServiceError> {
    let is = |id: Uuid, email: Option<&str>| {
        id.to_string().eq_ignore_ascii_case(who) || email.is_some_and(|email| email.eq_ignore_ascii_case(who))
    };
    if let Some(placed) = alone.iter().find(|placed| is(placed.account, placed.email.as_deref())) {
        return Ok(placed.clone());
    }
    let linked =
        |user: &&crate::domain::User| user.auth_user_id.is_some_and(|account| is(account, Some(&user.email)));
    let user = replica.view().users().find(linked);
    let told = user.and_then(|user| {
        let profile = serde_json::to_value(Record::User(user.clone()).fields()).ok();
        let (account, email) = (user.auth_user_id?, Some(user.email.to_string()));
        Some(Placed { account, email, outcome: Outcome::Linked, profile, changes: Vec::new() })
    });
    told.ok_or_else(|| ServiceError::new(ErrorKind::Refused, rule::no_account(who)))
}
