//! `flyos config`: what is configured, where the file is, and whether it can be used.

use std::io::Write;

use clap::Subcommand;
use serde_json::json;

use super::door::Place;
use super::out::Out;
use super::rows::table;
use crate::service::config::FROM_ENVIRONMENT;
use crate::service::{Config, ErrorKind, ServiceError};

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
            Self::Check => check(config, &path.display().to_string(), out),
        }
    }
}

/// What is wrong with each project; where it stands is its file or the environment.
fn check(config: &Config, file: &str, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let views = config.views();
    let each: Vec<(String, Option<String>)> =
        views.into_iter().map(|view| (view.name.clone(), config.problem(&view.name))).collect();
    let told =
        each.iter().map(|(name, problem)| json!({ "name": name, "problem": problem })).collect::<Vec<_>>();
    let wrong: Vec<String> = each
        .iter()
        .filter_map(|(name, problem)| {
            let place = if name == FROM_ENVIRONMENT { "the environment" } else { file };
            Some(format!("{place}: project {name}: {}", problem.as_ref()?))
        })
        .collect();
    let count = each.len();
    let fields = json!({ "projects": count, "checked": told });
    if wrong.is_empty() {
        let projects = if count == 1 { "1 project".to_owned() } else { format!("{count} projects") };
        return out.told(&format!("{file}: usable, {projects}."), fields);
    }
    let error = ServiceError::new(ErrorKind::Configuration, wrong.join("\n"))
        .hint("Mend it there; the other projects can be used meanwhile.");
    out.found(fields, Some(error))
}

fn show(config: &Config, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let views = config.views();
    let (lease, lock, grace) = config.effective();
    if out.is_json() {
        let projects = views
            .iter()
            .map(|view| json!({ "name": view.name, "url": view.url, "problem": config.problem(&view.name) }));
        let projects: Vec<_> = projects.collect();
        return out.value(&json!({
            "success": true, "projects": projects, "defaultProject": config.default_project,
            "accounts": config.accounts().iter().map(|(project, email)| json!({ "project": project, "email": email })).collect::<Vec<_>>(),
            "leaseDays": lease, "lockMinutes": lock, "graceDays": grace, "syncWhileLocked": config.sync_while_locked,
            "readOnly": config.read_only,
        }));
    }
    let mut lines: Vec<Vec<String>> = views
        .into_iter()
        .map(|view| {
            let problem = config.problem(&view.name).map(|problem| format!("cannot be used: {problem}"));
            [vec!["project".to_owned(), view.name, view.url], problem.into_iter().collect()].concat()
        })
        .collect();
    lines.extend(
        config.accounts().into_iter().map(|(project, email)| vec!["account".to_owned(), project, email]),
    );
    for (name, value) in [
        ("lease_days", lease.to_string()),
        ("lock_minutes", lock.to_string()),
        ("grace_days", grace.to_string()),
        ("sync_while_locked", config.sync_while_locked.to_string()),
        ("read_only", config.read_only.to_string()),
    ] {
        lines.push(vec![name.to_owned(), value]);
    }
    out.text(&table(&lines, None))
}
