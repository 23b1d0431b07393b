//! The real program in a home of its own, with the address of a test's database in a file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

use crate::pg::Database;

/// A home, and a file with the database's address.
pub struct Home {
    folder: tempfile::TempDir,
    file: PathBuf,
}

/// What a command said, and its exit code.
#[derive(Debug)]
pub struct Told {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl Told {
    #[track_caller]
    pub fn well(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        assert!(self.out.contains(words) || self.err.contains(words), "{words}: {self:?}");
        self
    }
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A file that its owner alone may read.
pub fn private(path: PathBuf, text: &str) -> PathBuf {
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

impl Home {
    pub fn new(db: &Database) -> Self {
        Self::with(&db.uri("postgres"))
    }

    pub fn with(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = private(folder.path().join("database"), &format!("{url}\n"));
        Self { folder, file }
    }

    /// A file of that name at home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, with nothing of this process's environment but what is said.
    pub fn command(&self, words: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flyos"));
        command.args(words).env_clear().envs(environment.iter().copied());
        command.env("FLYOS_HOME", self.folder.path()).env("LANG", "C.UTF-8").stdin(Stdio::null());
        command
    }

    /// Runs it beside whatever this test serves.
    pub async fn run_with(&self, words: &[&str], environment: &[(&str, &str)]) -> Told {
        let mut command = self.command(words, environment);
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap().into()
    }

    /// Runs it on the database.
    pub async fn run(&self, words: &[&str]) -> Told {
        let file = self.file.to_str().unwrap();
        let mut all = words.to_vec();
        all.extend(["--database-url-file", file]);
        self.run_with(&all, &[]).await
    }
}
