//! The direct path's part about accounts that belong to no profile: which they are, and deleting one.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::direct::{DirectAdmin, Done, LINKED, USERS, Users, refused};
use crate::domain::Stamp;
use crate::remote::wire::admin::{
    AdminRefusal, AdminReply, AuthAccount, LinkedReply, LinkedRequest, PAGE_ACCOUNTS, UnlinkedAccount,
    WhyUnlinked,
};

impl DirectAdmin {
    pub(super) async fn delete_unlinked(&self, id: Uuid) -> Done<AdminReply> {
        let account = self.account(id).await?.ok_or_else(|| refused(&AdminRefusal::no_such_account(id)))?;
        match self.linked(vec![id]).await?.get(&id) {
            Some(profile) => Err(refused(&AdminRefusal::linked(*profile))),
            None => self.delete(&account, None).await,
        }
    }

    pub(super) async fn linked(&self, accounts: Vec<Uuid>) -> Done<BTreeMap<Uuid, Uuid>> {
        if accounts.is_empty() {
            return Ok(BTreeMap::new());
        }
        let body = json!(LinkedRequest { accounts });
        match self.ask(Method::POST, LINKED, Some(&body)).await?.value {
            LinkedReply::Linked { linked } => Ok(linked),
            LinkedReply::Must(_) => Err(refused(&AdminRefusal::bad_key())),
        }
    }

    pub(super) async fn list_unlinked(&self, page: u32) -> Done<AdminReply> {
        // Both are always said: without them newer servers page by a cursor.
        let path = format!("{USERS}?page={page}&per_page={PAGE_ACCOUNTS}");
        let reply = self.ask::<Users>(Method::GET, &path, None).await?;
        let (all, now) = (reply.value.users, reply.server_date.unwrap_or(Stamp(0)));
        let linked = self.linked(all.iter().map(|account| account.id).collect()).await?;
        let next = (all.len() == PAGE_ACCOUNTS).then_some(page + 1);
        let alone: Vec<_> = all.into_iter().filter(|account| !linked.contains_key(&account.id)).collect();
        let claims: BTreeSet<String> =
            alone.iter().filter_map(AuthAccount::made_for).map(|id| id.to_string()).collect();
        let mut there = BTreeSet::new();
        if !claims.is_empty() {
            let list = claims.into_iter().collect::<Vec<_>>().join(",");
            there.extend(self.profiles(&format!("id=in.({list})")).await?.into_iter().map(|user| user.id));
        }
        let shown = alone.into_iter().map(|account| {
            let made_for = account.made_for();
            let why = match made_for {
                None => WhyUnlinked::NoProfile,
                Some(id) if there.contains(&id) => WhyUnlinked::NotLinked,
                Some(_) => WhyUnlinked::ProfileDeleted,
            };
            UnlinkedAccount { account: account.shown(None, now), made_for, why }
        });
        Ok(AdminReply::unlinked(shown.collect(), next))
    }
}
