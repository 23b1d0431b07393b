//! Where things are kept, and which projects there are: folders, the configuration file, the environment.
//!
//! The file is `config.toml` in the configuration folder:
//!
//! ```toml
//! default_project = "field"
//! lease_days = 14                 # 1 to 365; optional
//! lock_minutes = 15               # 0 to 1440, 0: never; optional
//! sync_while_locked = false       # optional
//! grace_days = 7                  # 0 to 30; optional
//! read_only = false               # optional
//! [screen]                        # how the console shows itself; optional, as is each line
//! colors = "256"
//! theme = "light"
//! [keys]                          # other presses for an action, by its name in `flyos keys`; optional
//! edit = ["e", "F4"]
//! [projects.field]
//! url = "https://abc.supabase.co"
//! key = "sb_publishable_…"
//! accounts = ["east@flyos.mil"]   # offered on the sign-in screen; optional
//! ```
//!
//! A project in the environment (`SUPABASE_URL` or `NEXT_PUBLIC_SUPABASE_URL`, with
//! `SUPABASE_PUBLISHABLE_KEY` or `SUPABASE_ANON_KEY`) comes first. A publishable key is no secret, yet the file
//! is 0600 like everything the console writes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ladder::Colours;
use super::{ErrorKind, ProjectView, ServiceError};

/// The largest configuration file that is read, in bytes.
const CONFIG_BYTES_MAX: u64 = 256 * 1024;
const LEASE_DAYS: std::ops::RangeInclusive<u16> = 1..=365;
/// A day at most: who wants it longer means never.
const LOCK_MINUTES: std::ops::RangeInclusive<u16> = 0..=1440;
const GRACE_DAYS: std::ops::RangeInclusive<u16> = 0..=30;
/// The name of the project that the environment describes.
pub const FROM_ENVIRONMENT: &str = "environment";

/// The folders of one installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    pub config: PathBuf,
    pub data: PathBuf,
    pub state: PathBuf,
}

impl Folders {
    /// `FLYOS_HOME` moves all of them; else the ones of the desktop standard.
    pub fn find(home: Option<PathBuf>) -> Result<Self, ServiceError> {
        if let Some(home) = home.filter(|home| !home.as_os_str().is_empty()) {
            return Ok(Self::under(&home));
        }
        let dirs = directories::ProjectDirs::from("", "", "flyos").ok_or_else(|| {
            ServiceError::new(ErrorKind::Configuration, "There is no home folder to keep data in.")
                .hint("Set HOME, or FLYOS_HOME to a folder of your own.")
        })?;
        let state = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).to_path_buf();
        Ok(Self { config: dirs.config_dir().into(), data: dirs.data_local_dir().into(), state })
    }

    pub fn under(home: &Path) -> Self {
        Self { config: home.join("config"), data: home.join("data"), state: home.join("state") }
    }
}

/// One Supabase project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectConfig {
    pub url: String,
    pub key: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
}

/// The configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_project: Option<String>,
    /// Without a word of the server for longer than so many days, nothing can be read until it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_days: Option<u16>,
    /// Without a key pressed for so many minutes, the console is locked; 0: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_minutes: Option<u16>,
    /// A locked console syncs on, with the account's key in memory.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sync_while_locked: bool,
    /// What this machine has of an account is erased so many days after the server said that it is dismissed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_days: Option<u16>,
    /// Nothing is changed in sessions of this machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    #[serde(default, skip_serializing_if = "ScreenConfig::is_default")]
    pub screen: ScreenConfig,
    /// Presses by the name of the action.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, Vec<String>>,
    /// The line of the file in which each of those names stands.
    #[serde(skip)]
    pub key_lines: BTreeMap<String, usize>,
    #[serde(default)]
    pub projects: BTreeMap<String, ProjectConfig>,
}

/// How the console shows itself, where the person wishes it otherwise than the terminal says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colors: Option<Colours>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ascii: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
    /// Clicks and the wheel are taken from the start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mouse: bool,
    /// Lines alone, without a drawn screen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
}

impl ScreenConfig {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The lines in which the names of the table `keys` stand.
fn key_lines(text: &str) -> BTreeMap<String, usize> {
    #[derive(Default, Deserialize)]
    struct Only {
        #[serde(default)]
        keys: BTreeMap<toml::Spanned<String>, toml::Value>,
    }
    let only: Only = toml::from_str(text).unwrap_or_default();
    only.keys.into_keys().map(|name| (name.get_ref().clone(), line_of(text, name.span().start))).collect()
}

/// The number of the line in which a byte of the text stands.
fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

/// The variables that name a project, as the environment has them.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub url: Option<String>,
    pub key: Option<String>,
}

impl Environment {
    pub fn read() -> Self {
        let first =
            |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
        Self {
            url: first(&["SUPABASE_URL", "NEXT_PUBLIC_SUPABASE_URL"]),
            key: first(&["SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY", "NEXT_PUBLIC_SUPABASE_ANON_KEY"]),
        }
    }
}

impl Config {
    pub fn path(folders: &Folders) -> PathBuf {
        folders.config.join("config.toml")
    }

    /// Reads the file; one that is not there is an empty one.
    pub fn read(folders: &Folders) -> Result<Self, ServiceError> {
        let path = Self::path(folders);
        let wrong = |what: String| {
            ServiceError::new(ErrorKind::Configuration, format!("{} cannot be used: {what}", path.display()))
                .hint("Mend the file, or move it away to begin with an empty one. No data is touched.")
        };
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(wrong(error.to_string())),
            Ok(meta) if meta.len() > CONFIG_BYTES_MAX => {
                return Err(wrong("it is larger than 256 KiB.".to_owned()));
            }
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map(|span| format!("line {}: ", line_of(&text, span.start)));
            wrong(format!("{}{}.", line.unwrap_or_default(), error.message()))
        })?;
        config.key_lines = key_lines(&text);
        for (name, value, bounds) in [
            ("lease_days", config.lease_days, LEASE_DAYS),
            ("lock_minutes", config.lock_minutes, LOCK_MINUTES),
            ("grace_days", config.grace_days, GRACE_DAYS),
        ] {
            if value.is_some_and(|value| !bounds.contains(&value)) {
                return Err(wrong(format!("{name} is {} to {}.", bounds.start(), bounds.end())));
            }
        }
        Ok(config)
    }

    /// Writes the file whole: beside it, then in its place.
    pub fn write(&self, folders: &Folders) -> Result<(), ServiceError> {
        let path = Self::path(folders);
        let wrong = |error: std::io::Error| {
            ServiceError::new(ErrorKind::Storage, format!("{} cannot be written: {error}.", path.display()))
                .hint("The project is used now, but not remembered.")
        };
        let text = toml::to_string(self).map_err(|error| wrong(std::io::Error::other(error)))?;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folders.config).map_err(wrong)?;
        let beside = path.with_extension("toml.new");
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .map_err(wrong)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(wrong)?;
        std::fs::rename(&beside, &path).map_err(wrong)
    }

    /// Takes in the environment's project, as the first choice.
    #[must_use]
    pub fn with_environment(mut self, environment: Environment) -> Self {
        if let Environment { url: Some(url), key: Some(key) } = environment {
            self.projects
                .insert(FROM_ENVIRONMENT.to_owned(), ProjectConfig { url, key, accounts: Vec::new() });
            self.default_project = Some(FROM_ENVIRONMENT.to_owned());
        }
        self
    }

    /// Days of the lease, minutes until the lock, and days of grace that hold.
    pub fn effective(&self) -> (u16, u16, u16) {
        (
            self.lease_days.unwrap_or(super::lease::DAYS),
            self.lock_minutes.unwrap_or(super::lock::MINUTES),
            self.grace_days.unwrap_or(super::erase::GRACE_DAYS),
        )
    }

    /// The projects, the default one first.
    pub fn views(&self) -> Vec<ProjectView> {
        let mut names: Vec<&String> = self.projects.keys().collect();
        names.sort_by_key(|name| (Some(*name) != self.default_project.as_ref(), (*name).clone()));
        let view = |name: &String| {
            self.projects
                .get(name)
                .map(|project| ProjectView { name: name.clone(), url: project.url.clone() })
        };
        names.into_iter().filter_map(view).collect()
    }

    /// What is wrong with each project's address or key; `None`: it can be used.
    pub fn problem(&self, name: &str) -> Option<String> {
        let project = self.projects.get(name)?;
        crate::remote::Project::new(&project.url, &project.key).err().map(|problem| problem.to_string())
    }

    /// Addresses the file offers, with their project.
    pub fn accounts(&self) -> Vec<(String, String)> {
        let each = self.projects.iter();
        each.flat_map(|(name, project)| {
            project.accounts.iter().map(move |email| (name.clone(), email.clone()))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_file_survives_and_the_environment_comes_first() {
        let home = tempfile::tempdir().unwrap();
        let folders = Folders::under(home.path());
        assert_eq!(Config::read(&folders), Ok(Config::default()));
        let project = ProjectConfig {
            url: "https://abc.supabase.co".into(),
            key: "sb_publishable_x".into(),
            accounts: vec![],
        };
        let config = Config { projects: [("field".to_owned(), project)].into(), ..Config::default() };
        config.write(&folders).unwrap();
        assert_eq!(Config::read(&folders), Ok(config.clone()));
        let environment = Environment { url: Some("http://127.0.0.1:1".into()), key: Some("k".into()) };
        let views = config.with_environment(environment).views();
        assert_eq!(views.iter().map(|view| view.name.as_str()).collect::<Vec<_>>(), ["environment", "field"]);
        assert_eq!(std::fs::metadata(Config::path(&folders)).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_screen_and_the_keys_are_read_with_their_lines() {
        let home = tempfile::tempdir().unwrap();
        let folders = Folders::under(home.path());
        std::fs::create_dir_all(&folders.config).unwrap();
        let text = "read_only = true\n[screen]\ncolors = \"16\"\nmouse = true\n\n[keys]\n# mine\nedit = [\"e\"]\n\"sync-now\" = [\"F5\"]\n";
        std::fs::write(Config::path(&folders), text).unwrap();
        let config = Config::read(&folders).unwrap();
        assert!(config.read_only && config.screen.mouse);
        assert_eq!(config.screen.colors, Some(Colours::Sixteen));
        assert_eq!(config.keys["edit"], ["e"]);
        assert_eq!((config.key_lines["edit"], config.key_lines["sync-now"]), (8, 9));
        config.write(&folders).unwrap();
        let again = Config::read(&folders).unwrap();
        assert_eq!((again.keys, again.screen), (config.keys, config.screen), "what is written can be read");
    }

    #[test]
    fn a_broken_file_is_named() {
        let home = tempfile::tempdir().unwrap();
        let folders = Folders::under(home.path());
        std::fs::create_dir_all(&folders.config).unwrap();
        std::fs::write(Config::path(&folders), "projects = 7").unwrap();
        let error = Config::read(&folders).unwrap_err();
        assert!(error.message.contains("config.toml"), "{error:?}");
        assert_eq!(error.kind, ErrorKind::Configuration);
        for (text, line) in [("lease_days = 14\n[projects.a\n", 2), ("\n\nlease_dayz = 14\n", 3)] {
            std::fs::write(Config::path(&folders), text).unwrap();
            let error = Config::read(&folders).unwrap_err();
            assert!(error.message.contains(&format!("cannot be used: line {line}: ")), "{error:?}");
        }
    }
}
