//! A project over HTTP, and machines that work on it, each with a home of its own: the line between them can be taken away.
//!
//! Who signs in is the training server's headquarters: its account stands in the project as one that was made in the
//! dashboard, and `flyos supabase init` gives it its profile.

use std::path::PathBuf;
use std::process::Command;

use flyos::domain::World;
use serde_json::{Value as Json, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::pg::{Database, Front};
use crate::program::{Home, Told, private};

pub const HQ: &str = "main@flyos.mil";
const HQ_ACCOUNT: &str = "5f0e1c2a-7b41-4c1d-9a53-000000000001";

/// Puts the account of headquarters into a project, as the dashboard would.
pub async fn account(db: &Database) {
    let accounts = json!([{"id": HQ_ACCOUNT, "email": HQ, "created_at": "2026-01-01T00:00:00Z"}]);
    db.put(&accounts, &World::default()).await;
}

/// The way to the project.
pub struct Field {
    url: String,
    up: watch::Sender<bool>,
    carrier: JoinHandle<()>,
    front: Front,
}

impl Field {
    pub async fn of(db: &Database) -> Self {
        let front = db.front().await;
        let there = front.url().trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (up, is_up) = watch::channel(true);
        let carrier = tokio::spawn(async move {
            loop {
                let Ok((mut here, _)) = listener.accept().await else { return };
                let (there, mut is_up) = (there.clone(), is_up.clone());
                tokio::spawn(async move {
                    if !*is_up.borrow() {
                        return;
                    }
                    let Ok(mut there) = TcpStream::connect(there).await else { return };
                    tokio::select! {
                        _ended = copy_bidirectional(&mut here, &mut there) => {}
                        _down = is_up.wait_for(|up| !up) => {}
                    }
                });
            }
        });
        Self { url, up, carrier, front }
    }

    /// Takes the line away, or gives it back.
    pub fn line(&self, up: bool) {
        self.up.send(up).unwrap();
    }

    /// A machine that has nothing yet but the password, and a passphrase for files, in files.
    pub fn machine(&self, db: &Database) -> Machine {
        let home = Home::new(db);
        private(home.path("password"), self.front.password());
        private(home.path("passphrase"), "correct horse battery");
        Machine { home, url: self.url.clone(), key: self.front.publishable_key() }
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

/// A machine, at which headquarters works by commands.
pub struct Machine {
    pub home: Home,
    url: String,
    key: String,
}

impl Machine {
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path(name)
    }

    fn environment(&self) -> [(&str, &str); 3] {
        [("SUPABASE_URL", &self.url), ("SUPABASE_PUBLISHABLE_KEY", &self.key), ("TERM", "xterm")]
    }

    /// Headquarters' command, with the password in a file; it runs in the home.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = self.home.command(words, &self.environment());
        command.args(["--email", HQ, "--password-file"]).arg(self.path("password"));
        command.current_dir(self.path("."));
        command
    }

    pub async fn run(&self, words: &[&str]) -> Told {
        let mut command = self.command(words);
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap().into()
    }

    /// One that goes well and answers in JSON.
    pub async fn json(&self, words: &[&str]) -> Json {
        let answer = self.run(&[words, &["--json"]].concat()).await.well().json();
        assert_eq!(answer["success"], true, "{words:?}: {answer}");
        answer
    }

    /// A command that is nobody's.
    pub async fn bare(&self, words: &[&str]) -> Told {
        let mut command = self.home.command(words, &self.environment());
        command.current_dir(self.path("."));
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap().into()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }
}

/// How many rows a query counts.
pub async fn count(db: &Database, of: &str) -> i64 {
    let sql = db.postgres().await;
    sql.value(&format!("select count(*) from {of}")).await.unwrap().as_i64().unwrap()
}
