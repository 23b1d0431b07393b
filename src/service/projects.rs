//! Remembering a project in the configuration file.

use super::session::Inner;
use super::{ErrorKind, ProjectConfig, ServiceError, write};
use crate::remote::{Project, ProjectProblem};

impl Inner {
    pub(super) fn add_project(&self, name: &str, url: &str, key: &str) -> Result<(), ServiceError> {
        let wrong = |field: &str, message: String| ServiceError {
            field: Some(field.to_owned()),
            ..ServiceError::new(ErrorKind::Usage, message)
        };
        let sound = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if name.is_empty() || name.len() > 40 || !sound {
            return Err(wrong("name", "A project's name is 1 to 40 of A-Z a-z 0-9 - _.".to_owned()));
        }
        if name == super::config::FROM_ENVIRONMENT {
            return Err(wrong(
                "name",
                format!("{name} is the name of what the environment describes: take another."),
            ));
        }
        if let Some(problem) = &self.settings.problem {
            // Writing now would put an empty file in the place of one that a typo keeps from being read.
            return Err(ServiceError::new(ErrorKind::Configuration, problem.clone())
                .hint("Mend it and start again; it is not written over."));
        }
        let project = Project::new(url, key).map_err(|problem| {
            let field = if matches!(problem, ProjectProblem::Key(_)) { "key" } else { "url" };
            wrong(field, problem.to_string())
        })?;
        let entry =
            ProjectConfig { url: project.url().to_owned(), key: key.trim().to_owned(), accounts: Vec::new() };
        write(&self.config, |config| {
            config.projects.insert(name.to_owned(), entry);
            config.default_project.get_or_insert_with(|| name.to_owned());
            let mut file = config.clone();
            // What the environment gives is not ours to write down.
            file.projects.remove(super::config::FROM_ENVIRONMENT);
            file.default_project = file.default_project.filter(|name| file.projects.contains_key(name));
            file.write(&self.settings.folders)
        })
    }
}
