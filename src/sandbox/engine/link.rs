//! Profiles and sign-in accounts: who is linked to whom, and what a change of the one does to the other.
//!
//! The engine knows accounts by their ids alone. What it wants done to them it says in the commit (`Bar`);
//! `accounts` tells it of accounts that come, change and go. The rule of linking is the product's: a new account
//! gets the profile that the admin API names for it; else, with a confirmed address, the unlinked OPERATOR of
//! that address; else a new profile that may do nothing. Where the address is a profile's that may not be taken
//! like this, the account stays without one: headquarters sees it among the unlinked.

use uuid::Uuid;

use super::{Commit, Engine};
use crate::domain::rules::{self, Step};
use crate::domain::{Change, Fields, Key, Kind, Op, Record, Role, Stamp, Status, User, scope};
use crate::remote::wire::admin::written_uuid;

/// The shortest username, and one that leaves room for a number.
const USERNAME_CHARS: std::ops::RangeInclusive<usize> = 3..=56;

/// What a change of profiles does to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// Its profile is INACTIVE now: no sign-in any more, and every session ends.
    Set(Uuid),
    /// Its profile is gone: the same, and it names that profile from now on, so that it is never taken for a new account.
    Gone { account: Uuid, profile: Uuid },
    /// Its profile is ACTIVE again: the ban that came with the deactivation goes.
    Lift(Uuid),
}

/// An account without a profile, as far as linking looks at it.
#[derive(Clone, Copy, Debug)]
pub struct NewAccount<'a> {
    pub id: Uuid,
    pub email: &'a str,
    pub confirmed: bool,
    /// What the admin API wrote under `flyos_profile_id`.
    pub claim: Option<&'a str>,
}

/// What the steps do to accounts, in order.
pub(super) fn bars(engine: &Engine, steps: &[Step]) -> Vec<Bar> {
    let changes = steps.iter().flat_map(rules::in_order).filter(|change| change.key.kind == Kind::User);
    changes.filter_map(|change| bar(engine, change)).collect()
}

fn bar(engine: &Engine, change: &Change) -> Option<Bar> {
    let id = |text: Option<&str>| text.and_then(|text| Uuid::try_parse(text).ok());
    match &change.op {
        Op::Insert { .. } => None,
        Op::Delete { base } => {
            let account = id(base.get("auth_user_id")?.as_deref())?;
            Some(Bar::Gone { account, profile: change.key.uuid()? })
        }
        Op::Update { base, set } => {
            let account = engine.world.user(change.key.uuid()?)?.auth_user_id?;
            let status =
                |fields: &Fields| fields.get("status").and_then(Option::as_deref).and_then(Status::parse);
            match (status(base), status(set)?) {
                (was, Status::Inactive) if was != Some(Status::Inactive) => Some(Bar::Set(account)),
                (Some(Status::Inactive), Status::Active) => Some(Bar::Lift(account)),
                _ => None,
            }
        }
    }
}

impl Engine {
    /// The profile an account is linked to.
    pub fn profile_of(&self, account: Uuid) -> Option<&User> {
        let profile = self.profiles.get(&account).and_then(|id| self.world.user(*id));
        // A profile that was deleted and made anew under its id is nobody's.
        profile.filter(|user| user.auth_user_id == Some(account))
    }

    /// Gives a new account its profile; `fresh` is the id of the one that may have to be made.
    pub fn link_new(&mut self, account: NewAccount<'_>, fresh: Uuid, now: Stamp) -> Commit {
        if account.claim.is_some() || self.has_email(account.email) {
            return self.link(account, now);
        }
        if !is_address(account.email) {
            return Commit::default();
        }
        let mut user = User::new(fresh);
        user.username = self.free_username(account.email).into();
        user.full_name = user.username.clone();
        user.email = account.email.into();
        (user.role, user.status) = (Some(Role::Operator), Some(Status::Inactive));
        user.auth_user_id = Some(account.id);
        self.write_user(user, now)
    }

    /// Links an account to the profile that is there for it, if one is. One that it names gets its address, where nobody
    /// else has it.
    pub fn link(&mut self, account: NewAccount<'_>, now: Stamp) -> Commit {
        if self.profile_of(account.id).is_some() {
            return Commit::default();
        }
        let found = if let Some(claim) = account.claim {
            let named = written_uuid(claim).and_then(|id| self.world.user(id));
            named.filter(|user| user.auth_user_id.is_none())
        } else {
            let keys: Vec<_> = self.world.named(Kind::User, "email", account.email).collect();
            let one = if let [key] = &keys[..] { key.uuid() } else { None };
            one.and_then(|id| self.world.user(id)).filter(|user| {
                account.confirmed && user.auth_user_id.is_none() && user.role == Some(Role::Operator)
            })
        };
        let Some(mut user) = found.cloned() else { return Commit::default() };
        user.auth_user_id = Some(account.id);
        if account.claim.is_some() && self.takes_address(user.id, account.email) {
            user.email = account.email.into();
        }
        self.write_user(user, now)
    }

    /// An account is gone: its profile stays, without one.
    pub fn unlink(&mut self, account: Uuid, now: Stamp) -> Commit {
        let Some(mut user) = self.profile_of(account).cloned() else { return Commit::default() };
        user.auth_user_id = None;
        self.profiles.remove(&account);
        self.write_user(user, now)
    }

    /// Whether no other profile has an address.
    pub fn email_is_free(&self, email: &str, profile: Uuid) -> bool {
        let own = Key::user(profile);
        self.world.named(Kind::User, "email", email).all(|key| key == own)
    }

    /// An account has a new address, and so has its profile, where that can have it.
    pub fn copy_email(&mut self, account: Uuid, email: &str, now: Stamp) -> Commit {
        match self.profile_of(account).filter(|user| *user.email != *email).cloned() {
            Some(mut user) if self.takes_address(user.id, email) => {
                user.email = email.into();
                self.write_user(user, now)
            }
            _ => Commit::default(),
        }
    }

    /// Is that an address, and nobody else's?
    fn takes_address(&self, profile: Uuid, email: &str) -> bool {
        is_address(email) && self.email_is_free(email, profile)
    }

    fn has_email(&self, email: &str) -> bool {
        self.world.named(Kind::User, "email", email).next().is_some()
    }

    fn free_username(&self, email: &str) -> String {
        let local = email.split('@').next().unwrap_or_default();
        let sound = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut name: String = local.chars().take(*USERNAME_CHARS.end()).map(sound).collect();
        if name.len() < *USERNAME_CHARS.start() {
            name.push_str("_user");
        }
        let free = |name: &str| self.world.named(Kind::User, "username", name).next().is_none();
        if free(&name) {
            return name;
        }
        // One of more numbers than there are users is free.
        let last = self.world.count(Kind::User) + 2;
        (2..=last).map(|number| format!("{name}_{number}")).find(|name| free(name)).unwrap_or(name)
    }

    /// Writes a profile as the server itself does: a transaction of its own, by nobody.
    fn write_user(&mut self, user: User, now: Stamp) -> Commit {
        let mut commit = self.begin();
        let key = Key::user(user.id);
        if let Some(account) = user.auth_user_id {
            self.profiles.insert(account, user.id);
        }
        let created = !self.world.has(&key);
        let mut record = Record::User(user);
        rules::stamp(&mut record, created, now);
        self.world.put(record);
        for dependent in scope::dependents(&self.world, &key) {
            let writer = (dependent == key).then_some((None, now));
            self.settle(&mut commit, dependent, writer);
        }
        self.finish(&mut commit);
        commit
    }
}

/// Does the rule of the column take it as it is?
fn is_address(email: &str) -> bool {
    let set = Fields::from([("email".to_owned(), Some(email.to_owned()))]);
    rules::check_values(Kind::User, &set, false).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::World;

    const NOW: Stamp = Stamp(1_760_000_000_000_000);

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn user(number: u128, role: Role, account: Option<Uuid>) -> Record {
        let mut user = User::new(id(number));
        user.username = format!("user_{number}").into();
        user.email = format!("User{number}@flyos.mil").into();
        (user.role, user.status, user.auth_user_id) = (Some(role), Some(Status::Active), account);
        Record::User(user)
    }

    /// 1 is headquarters and linked, 2 headquarters and not, 3 an unlinked operator.
    fn engine() -> Engine {
        let mut world = World::default();
        for record in
            [user(1, Role::MainHq, Some(id(101))), user(2, Role::MainHq, None), user(3, Role::Operator, None)]
        {
            world.put(record);
        }
        Engine::new(id(0xe), world)
    }

    fn link(claim: Option<&str>, email: &str, confirmed: bool) -> (Engine, Commit) {
        let mut engine = engine();
        let account = NewAccount { id: id(200), email, confirmed, claim };
        let commit = engine.link_new(account, id(300), NOW);
        assert_eq!(rules::broken(engine.world()), Vec::<String>::new());
        (engine, commit)
    }

    fn linked(claim: Option<&str>, email: &str, confirmed: bool) -> Option<Uuid> {
        link(claim, email, confirmed).0.profile_of(id(200)).map(|user| user.id)
    }

    #[test]
    fn an_account_gets_the_profile_that_is_meant_for_it_and_no_other() {
        let two = id(2).to_string();
        assert_eq!(linked(Some(&two), "whoever@x.y", false), Some(id(2)), "the admin API says so");
        assert_eq!(linked(Some(&id(1).to_string()), "x@y.z", true), None, "it has one");
        assert_eq!(linked(Some(&id(9).to_string()), "x@y.z", true), None, "it is not there");
        assert_eq!(linked(Some("nonsense"), "user3@flyos.mil", true), None);
        assert_eq!(
            linked(Some(&id(2).simple().to_string()), "x@y.z", true),
            None,
            "no uuid as SQL writes it"
        );
        assert_eq!(linked(None, "root@localhost", true), None, "no address that a profile could have");
        assert_eq!(linked(None, "user3@flyos.mil", true), Some(id(3)));
        assert_eq!(linked(None, "user3@flyos.mil", false), None, "anybody can claim an address");
        assert_eq!(linked(None, "user2@flyos.mil", true), None, "headquarters is not taken like this");
        assert_eq!(linked(None, "user1@flyos.mil", true), None);
    }

    #[test]
    fn a_profile_that_an_account_names_gets_its_address_where_it_is_free() {
        let address = |email: &str| {
            let (engine, _) = link(Some(&id(2).to_string()), email, true);
            engine.profile_of(id(200)).map(|user| user.email.to_string())
        };
        assert_eq!(address("new@x.y").as_deref(), Some("new@x.y"));
        assert_eq!(address("user3@flyos.mil").as_deref(), Some("User2@flyos.mil"), "another has it");
        assert_eq!(address("root@localhost").as_deref(), Some("User2@flyos.mil"), "it is none");
        let (engine, _) = link(None, "user3@flyos.mil", true);
        assert_eq!(engine.profile_of(id(200)).map(|user| &*user.email), Some("User3@flyos.mil"));
    }

    #[test]
    fn an_account_of_nobody_gets_a_profile_that_may_do_nothing() {
        let (engine, commit) = link(None, "u@x.y", true);
        let made = engine.profile_of(id(200)).expect("made").clone();
        assert_eq!(
            (made.role, made.status, made.region_id),
            (Some(Role::Operator), Some(Status::Inactive), None)
        );
        assert_eq!((&*made.username, &*made.email), ("u_user", "u@x.y"));
        assert!(commit.keys.contains(&Key::user(made.id)));
        assert!(Record::User(made).flaws().is_empty());
        let (engine, _) = link(None, "user_1@x.y", true);
        assert_eq!(engine.profile_of(id(200)).map(|user| &*user.username), Some("user_1_2"));
    }

    #[test]
    fn deactivating_and_deleting_bar_the_account() {
        let mut engine = engine();
        engine.link(NewAccount { id: id(203), email: "user3@flyos.mil", confirmed: true, claim: None }, NOW);
        let mut set = |status: &str| {
            let record = engine.world().get(&Key::user(id(3))).expect("a row");
            let fields = [("status".to_owned(), Some(status.to_owned()))].into();
            let change = Change::update(&record, &fields).expect("a change");
            engine.admin(&[change], NOW).expect("allowed").bars
        };
        assert_eq!(set("INACTIVE"), [Bar::Set(id(203))]);
        assert_eq!(set("ACTIVE"), [Bar::Lift(id(203))]);
        let record = engine.world().get(&Key::user(id(3))).expect("a row");
        let commit = engine.admin(&[Change::delete(&record)], NOW).expect("allowed");
        assert_eq!(commit.bars, [Bar::Gone { account: id(203), profile: id(3) }]);
        // A profile under the same id is another one: the account does not come back with it.
        let mut again = record.fields();
        again.retain(|name, _| !["id", "auth_user_id", "created_at", "updated_at"].contains(&name.as_str()));
        again.insert("full_name".to_owned(), Some("Somebody".to_owned()));
        engine.admin(&[Change::insert(record.key(), again)], NOW).expect("allowed");
        assert_eq!(engine.profile_of(id(203)).map(|user| user.id), None);
        assert!(engine.caller(id(203)).is_err());
    }
}
