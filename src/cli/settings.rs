//! `flyos config`: what is configured, where the file is, and whether it can be used.

use std::io::Write;

use clap::Subcommand;
use serde_json::json;

use super::door::Place;
use super::out::Out;
use super::rows::table;
use crate::service::{Config, ServiceError};

#[derive(Clone, Debug, Subcommand)]
pub enum Settings {
    /// Show the projects and the settings that hold; of keys nothing
    #[command(after_help = "Example: flyos config show --json")]
    Show,
    /// Tell where the file is and where data is kept
    #[command(after_help = "Example: flyos config path")]
    Path,
    /// Say whether the file can be used; exit code 6 where it cannot
    #[command(after_help = "Example: flyos config check")]
    Check,
}

impl Settings {
    pub(super) fn run(&self, place: &Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let (folders, config) = (&place.settings.folders, &place.settings.config);
        let path = Config::path(folders);
        match self {
            Self::Show => show(config, out),
            Self::Path if out.is_json() => out.value(&json!({
                "success": true, "config": path, "data": folders.data, "state": folders.state,
            })),
            Self::Path => out.text(&format!("{}\n", path.display())),
            Self::Check => {
                // A file that cannot be used ended this before it began.
                config
                    .views()
                    .iter()
                    .try_for_each(|view| crate::service::wipe::project(config, Some(&view.name)).map(drop))?;
                let count = config.views().len();
                let projects = if count == 1 { "1 project".to_owned() } else { format!("{count} projects") };
                out.told(&format!("{}: usable, {projects}.", path.display()), json!({ "projects": count }))
            }
        }
    }
}

fn show(config: &Config, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let views = config.views();
    let (lease, lock, grace) = config.effective();
    if out.is_json() {
        return out.value(&json!({
            "success": true, "projects": views, "defaultProject": config.default_project,
            "accounts": config.accounts().iter().map(|(project, email)| json!({ "project": project, "email": email })).collect::<Vec<_>>(),
            "leaseDays": lease, "lockMinutes": lock, "graceDays": grace, "syncWhileLocked": config.sync_while_locked,
        }));
    }
    let mut lines: Vec<Vec<String>> =
        views.into_iter().map(|view| vec!["project".to_owned(), view.name, view.url]).collect();
    lines.extend(
        config.accounts().into_iter().map(|(project, email)| vec!["account".to_owned(), project, email]),
    );
    for (name, value) in [
        ("lease_days", lease.to_string()),
        ("lock_minutes", lock.to_string()),
        ("grace_days", grace.to_string()),
        ("sync_while_locked", config.sync_while_locked.to_string()),
    ] {
        lines.push(vec![name.to_owned(), value]);
    }
    out.text(&table(&lines, None))
}
