//! What the sign-in screen needs to know before anybody is signed in.

use serde::{Deserialize, Serialize};

/// What the sign-in screen needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    pub projects: Vec<ProjectView>,
    /// Addresses that have signed in on this machine, per project name, latest first.
    pub known: Vec<(String, String)>,
    /// In training: the accounts to try, and their password.
    pub training: Option<TrainingHint>,
    /// What was wrong with the configuration file, if anything.
    pub problem: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectView {
    pub name: String,
    pub url: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingHint {
    /// Address, and who that is.
    pub accounts: Vec<(String, String)>,
    pub password: String,
}
