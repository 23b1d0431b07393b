//! The first MAIN_HQ: an account that can sign in and its profile, both or neither, in one transaction of the database.
//!
//! Refused where an active MAIN_HQ has an account already: that one makes all others, in the console. The password leaves
//! this machine as its bcrypt hash alone, which is what the sign-in server keeps. An account or a profile of that address
//! that is there already is taken as it is, and its password stays.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::remote::admin::database::{Database, DatabaseError, DatabaseFault};
use crate::remote::wire::admin::{AdminRefusal, AdminRequest, PROFILE_CLAIM, Password};

/// As the sign-in server hashes: 2^10 rounds.
const BCRYPT_COST: u32 = 10;

/// Who is to be the first.
#[derive(Clone, Debug)]
pub struct FirstUser {
    pub email: String,
    /// Made of the address where there is none.
    pub username: Option<String>,
    pub full_name: Option<String>,
    /// `None` where an account of that address is there already.
    pub password: Option<SecretString>,
}

impl FirstUser {
    /// The rules of a new password, before anything is sent.
    pub fn check(&self) -> Result<(), AdminRefusal> {
        let Some(password) = &self.password else { return Ok(()) };
        AdminRequest::Create { profile: Uuid::nil(), password: Password::new(password.clone()) }.check()
    }
}

/// What is there of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstPlan {
    pub account: Option<Uuid>,
    pub profile: Option<Uuid>,
}

/// How it came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstHow {
    Made,
    /// It was there already.
    Taken,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FirstDone {
    pub email: String,
    pub username: String,
    pub account: FirstHow,
    pub profile: FirstHow,
}

const DOING: &str = "The first MAIN_HQ was not made";

/// Whoever may sign in as MAIN_HQ already, then those who could, had they an account.
const HEADQUARTERS: &str = "select username, email, auth_user_id is not null from public.profiles
    where role = 'MAIN_HQ' and status = 'ACTIVE' order by auth_user_id is null, created_at, id";

const FIND: &str =
    "select (select u.id from auth.users u where lower(u.email) = lower($1) and u.deleted_at is null
        and not u.is_sso_user order by u.created_at limit 1),
    (select p.id from public.profiles p where lower(p.email) = lower($1) order by p.created_at limit 1)";

const PROFILE: &str = "insert into public.profiles (id, username, full_name, email, role, status)
    select $1, u.name, coalesce($2, u.name), $3, 'MAIN_HQ', 'ACTIVE'
    from (select coalesce($4, flyos.free_username($3)) as name) u";

/// Every column without which the sign-in server stumbles over the row.
const ACCOUNT: &str = "insert into auth.users (instance_id, id, aud, role, email, encrypted_password,
        email_confirmed_at, confirmation_token, recovery_token, email_change_token_new, email_change,
        raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
    values ('00000000-0000-0000-0000-000000000000', $1, 'authenticated', 'authenticated', $2, $3, now(), '', '', '',
        '', $4, '{\"email_verified\":true}', now(), now())";

const IDENTITY: &str = "insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at,
        created_at, updated_at)
    values ($1::uuid::text, $1, jsonb_build_object('sub', $1::uuid::text, 'email', $2::text, 'email_verified', true),
        'email', now(), now(), now())";

const PROMOTE: &str = "update public.profiles set role = 'MAIN_HQ', status = 'ACTIVE', region_id = null,
        auth_user_id = coalesce(auth_user_id, $2) where id = $1";

const LINKED: &str = "select username from public.profiles
    where id = $1 and auth_user_id = $2 and role = 'MAIN_HQ' and status = 'ACTIVE'";

impl Database {
    /// What of that address is there; refused where a MAIN_HQ is there already.
    pub async fn first_plan(&self, email: &str) -> Result<FirstPlan, DatabaseError> {
        if !self.is_set_up().await? {
            return Err(DatabaseError::new(
                DatabaseFault::Refused,
                "FlyOS Console is not set up in this database yet. Nothing was changed.",
            )
            .hint("Run flyos supabase migrate first."));
        }
        let failed = |error| DatabaseError::sql(DOING, &error);
        for row in self.client.query(HEADQUARTERS, &[]).await.map_err(failed)? {
            let (name, address) = (row.get::<_, Option<String>>(0), row.get::<_, Option<String>>(1));
            let (name, address) = (name.unwrap_or_default(), address.unwrap_or_default());
            let same = address.to_lowercase() == email.to_lowercase();
            if row.get(2) {
                let message = format!("{name} is an active MAIN_HQ with an account. Nothing was changed.");
                return Err(DatabaseError::new(DatabaseFault::Refused, message)
                    .hint("Sign in to the console as that one: it makes all others."));
            } else if !same {
                let message = format!(
                    "{name} ({address}) is an active MAIN_HQ already, without an account. Nothing was changed."
                );
                return Err(DatabaseError::new(DatabaseFault::Refused, message)
                    .hint(format!("To give that one an account, say --email {address}.")));
            }
        }
        let row = self.client.query_one(FIND, &[&email]).await.map_err(failed)?;
        Ok(FirstPlan { account: row.get(0), profile: row.get(1) })
    }

    /// Makes the first MAIN_HQ.
    pub async fn make_first(&self, user: &FirstUser) -> Result<FirstDone, DatabaseError> {
        user.check().map_err(|refusal| DatabaseError::new(DatabaseFault::Refused, refusal.message))?;
        self.alone().await?;
        let plan = self.first_plan(&user.email).await?;
        self.run(DOING, "begin").await?;
        let done = match self.make(user, &plan).await {
            Ok(done) => self.run(DOING, "commit").await.map(|()| done),
            Err(error) => Err(error),
        };
        if done.is_err() {
            // On a broken line there is nothing to roll back.
            let _gone = self.run(DOING, "rollback").await;
        }
        done
    }

    async fn make(&self, user: &FirstUser, plan: &FirstPlan) -> Result<FirstDone, DatabaseError> {
        let failed = |error| DatabaseError::sql(DOING, &error);
        let email = user.email.to_lowercase();
        let (profile, account) =
            (plan.profile.unwrap_or_else(Uuid::now_v7), plan.account.unwrap_or_else(Uuid::new_v4));
        if plan.profile.is_none() && plan.account.is_none() {
            let with: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
                &[&profile, &user.full_name, &email, &user.username];
            self.client.execute(PROFILE, with).await.map_err(failed)?;
        }
        if plan.account.is_none() {
            let hash = hash(user.password.as_ref())?;
            let claims = json!({"provider": "email", "providers": ["email"], PROFILE_CLAIM: profile});
            self.client
                .execute(ACCOUNT, &[&account, &email, &hash.expose_secret(), &claims])
                .await
                .map_err(failed)?;
            self.client.execute(IDENTITY, &[&account, &email]).await.map_err(failed)?;
        }
        // The account finds its profile when the transaction ends: it ends here, so that it can be looked at.
        self.run(DOING, "set constraints all immediate").await?;
        let profile = match plan.profile {
            None if plan.account.is_some() => self.profile_of(account).await?,
            _ => profile,
        };
        self.client.execute(PROMOTE, &[&profile, &account]).await.map_err(failed)?;
        let username: Option<String> = self.value(DOING, LINKED, &[&profile, &account]).await?;
        let username = username.ok_or_else(|| {
            DatabaseError::new(
                DatabaseFault::Refused,
                "The profile of that address belongs to another account. Nothing was changed.",
            )
            .hint("Choose another address, or run flyos accounts status to see who belongs to whom.")
        })?;
        let how = |there: bool| if there { FirstHow::Taken } else { FirstHow::Made };
        let profile = how(plan.profile.is_some() || plan.account.is_some());
        Ok(FirstDone { email, username, account: how(plan.account.is_some()), profile })
    }

    /// The profile that an account has, or now gets by the linking rule.
    async fn profile_of(&self, account: Uuid) -> Result<Uuid, DatabaseError> {
        let placed = "select coalesce((select id from public.profiles where auth_user_id = $1),
            flyos.place_account($1, true))";
        let found = self.value(DOING, placed, &[&account]).await?;
        found.ok_or_else(|| {
            DatabaseError::new(
                DatabaseFault::Refused,
                "An account of that address is there and may have no profile: it is barred, or was another's. Nothing \
                 was changed.",
            )
            .hint("Delete that account in the dashboard, or choose another address.")
        })
    }
}

fn hash(password: Option<&SecretString>) -> Result<SecretString, DatabaseError> {
    let refuse = |message: &str| DatabaseError::new(DatabaseFault::Refused, message.to_owned());
    let password = password.ok_or_else(|| refuse("A new account needs a password. Nothing was changed."))?;
    let parts =
        bcrypt::non_truncating_hash_with_result(password.expose_secret(), BCRYPT_COST).map_err(|_| {
            refuse("The password cannot be kept as it is: at most 72 bytes. Nothing was changed.")
        })?;
    // As the sign-in server writes it; it reads other spellings of the version too.
    Ok(SecretString::from(parts.format_for_version(bcrypt::Version::TwoA)))
}
