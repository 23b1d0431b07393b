//! What becomes of an account without a profile, where the database's own rule (`flyos.place_account`) cannot be asked:
//! decided here by the same words of the product's rule, from the rows that may be meant. Pure; a test holds it against
//! the database.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::placing::{Left, Outcome, Placed};
use crate::domain::{Role, Status};
use crate::remote::wire::admin::AuthAccount;

/// Names that are tried for a new profile before somebody has to choose one.
const NAMES_MAX: usize = 50;
/// The day until which the account of a profile that went is barred: no ban by hand ends then.
const BARRED_UNTIL: &str = "2999-12-31";

/// Why an account without a profile gets none whatever profiles there are; `there`: the one it names is.
pub fn left(account: &AuthAccount, there: bool) -> Option<Left> {
    let barred = account.banned_until.as_deref().is_some_and(|until| until.starts_with(BARRED_UNTIL));
    if account.is_anonymous {
        Some(Left::Anonymous)
    } else if barred || !there {
        Some(Left::ProfileDeleted)
    } else {
        None
    }
}

/// The address of an account that has one.
pub fn address(account: &AuthAccount) -> Option<&str> {
    account.email.as_deref().filter(|email| !email.is_empty())
}

/// The profile that an account is to be linked to; `None`: a new one. `named`: the profile that the account names;
/// `namesakes`: those of its address.
pub fn meant(account: &AuthAccount, named: Option<Json>, namesakes: &[Json]) -> Result<Option<Json>, Left> {
    if account.made_for().is_some() {
        return match named {
            Some(row) if row["auth_user_id"].is_null() => Ok(Some(row)),
            _ => Err(Left::NamedTaken),
        };
    }
    match namesakes {
        [] => Ok(None),
        [row] if !row["auth_user_id"].is_null() => Err(Left::Taken),
        [row] if row["role"] != Role::Operator.as_str() => Err(Left::NotOperator),
        [_] if account.email_confirmed_at.is_none() => Err(Left::NotConfirmed),
        [row] => Ok(Some(row.clone())),
        _ => Err(Left::Several),
    }
}

/// The link, and what it would write over.
pub fn linking(account: &AuthAccount, mut row: Json) -> Placed {
    // A profile that an account names gets that account's address.
    let email = address(account).filter(|_| account.made_for().is_some());
    let email = email.filter(|email| row["email"] != *email);
    let changes = email.map(|email| ("email".to_owned(), row["email"].clone(), Json::from(email)));
    let outcome = if changes.is_some() { Outcome::Overwrites } else { Outcome::Link };
    if let Some((column, _, now)) = &changes {
        row[column] = now.clone();
    }
    Placed { profile: Some(row), changes: changes.into_iter().collect(), ..Placed::bare(account, outcome) }
}

/// The new profile of an account, of that name.
pub fn fresh(account: &AuthAccount, username: &str) -> Placed {
    let row = json!({"id": Uuid::now_v7(), "username": username, "full_name": username,
        "email": address_of_new(account), "role": Role::Operator, "status": Status::Inactive});
    Placed { profile: Some(row), ..Placed::bare(account, Outcome::New) }
}

fn address_of_new(account: &AuthAccount) -> String {
    address(account).map_or_else(|| format!("{}@account.invalid", account.id), str::to_owned)
}

/// Usernames for an account's new profile, to be tried in their order.
pub fn usernames(account: &AuthAccount) -> impl Iterator<Item = String> {
    let base = username_of(&address_of_new(account));
    let last = format!("{base}_{}", Uuid::new_v4().simple()).chars().take(64).collect();
    let numbered = (1..=NAMES_MAX).map(move |n| if n == 1 { base.clone() } else { format!("{base}_{n}") });
    numbered.chain(std::iter::once(last))
}

/// A username from an address, as the database makes one.
fn username_of(address: &str) -> String {
    let local = address.split('@').next().unwrap_or_default();
    let name: String =
        local.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(56).collect();
    if name.chars().count() < 3 { format!("{name}_user") } else { name }
}

/// Nobody signs in by that id or address.
pub fn no_account(who: &str) -> String {
    format!("There is no sign-in account {who}. Nothing was changed.")
}

impl Placed {
    pub(super) fn bare(account: &AuthAccount, outcome: Outcome) -> Self {
        let (account, email) = (account.id, account.email.clone());
        Self { account, email, outcome, profile: None, changes: Vec::new() }
    }

    /// An account that gets none.
    pub fn left(account: &AuthAccount, why: Left) -> Self {
        Self::bare(account, Outcome::Left { why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::wire::admin::PROFILE_CLAIM;

    fn account(email: &str, named: Option<Uuid>) -> AuthAccount {
        let claim = named.map(|id| (PROFILE_CLAIM.to_owned(), Json::from(id.to_string())));
        let (email, confirmed) = (Some(email.to_owned()), Some("2026-01-01T00:00:00Z".to_owned()));
        let app_metadata = claim.into_iter().collect();
        AuthAccount { email, email_confirmed_at: confirmed, app_metadata, ..AuthAccount::default() }
    }

    #[test]
    fn what_a_link_writes_over_is_told_with_the_row_as_it_would_be() {
        let row = json!({"email": "carl@unit.mil", "role": "OPERATOR", "auth_user_id": null});
        let named = linking(&account("new@unit.mil", Some(Uuid::nil())), row.clone());
        assert_eq!((&named.outcome, named.text("email")), (&Outcome::Overwrites, "new@unit.mil"));
        assert_eq!(named.changes, [("email".to_owned(), "carl@unit.mil".into(), "new@unit.mil".into())]);
        let same = linking(&account("CARL@unit.mil", None), row);
        assert_eq!((&same.outcome, same.text("email")), (&Outcome::Link, "carl@unit.mil"));
    }

    #[test]
    fn a_profile_is_meant_by_the_products_rule() {
        let row = |role: &str, linked: bool| json!({"role": role, "auth_user_id": linked.then(|| Uuid::nil().to_string())});
        let confirmed = account("ann@unit.mil", None);
        let early = AuthAccount { email_confirmed_at: None, ..confirmed.clone() };
        let named = account("ann@unit.mil", Some(Uuid::nil()));
        let operator = row("OPERATOR", false);
        assert_eq!(meant(&confirmed, None, &[]), Ok(None));
        assert_eq!(meant(&confirmed, None, std::slice::from_ref(&operator)), Ok(Some(operator.clone())));
        assert_eq!(meant(&early, None, std::slice::from_ref(&operator)), Err(Left::NotConfirmed));
        assert_eq!(meant(&confirmed, None, &[row("MAIN_HQ", false)]), Err(Left::NotOperator));
        assert_eq!(meant(&confirmed, None, &[row("OPERATOR", true)]), Err(Left::Taken));
        assert_eq!(meant(&confirmed, None, &[operator.clone(), operator]), Err(Left::Several));
        assert_eq!(meant(&named, Some(row("MAIN_HQ", false)), &[]), Ok(Some(row("MAIN_HQ", false))));
        assert_eq!(meant(&named, Some(row("MAIN_HQ", true)), &[]), Err(Left::NamedTaken));
    }

    #[test]
    fn names_are_tried_until_one_is_free() {
        let names: Vec<String> = usernames(&account("j.b@unit.mil", None)).take(2).collect();
        assert_eq!(names, ["j_b", "j_b_2"]);
        assert!(usernames(&AuthAccount::default()).last().is_some_and(|name| name.len() > 40));
    }
}
