//! The function in a process of its own, with no rights but those it needs, ended whatever becomes of the test.

#![expect(clippy::panic, reason = "it is how a helper fails its test")]

use std::io::{BufRead as _, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Generous: the machine may be busy. It starts in a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(60);
/// The variables the function may read, and no others.
const VARIABLES: [&str; 5] = [
    "SUPABASE_URL",
    "SUPABASE_SECRET_KEYS",
    "SUPABASE_SERVICE_ROLE_KEY",
    "SUPABASE_PUBLISHABLE_KEYS",
    "SUPABASE_ANON_KEY",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the function.
pub fn folder() -> PathBuf {
    root().join("config/supabase/functions/admin-users")
}

/// The runtime; `tests/admin_users/get-deno` puts it there, which is tried once where it is missing.
pub fn binary() -> PathBuf {
    static FOUND: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    FOUND.get_or_init(get).clone()
}

fn get() -> PathBuf {
    let script = root().join("tests/admin_users/get-deno");
    let got = Command::new(&script).output().expect("bash is there");
    let path = String::from_utf8_lossy(&got.stdout).trim().to_owned();
    assert!(
        got.status.success(),
        "these tests need Deno, and {} could not get it: {}",
        script.display(),
        String::from_utf8_lossy(&got.stderr)
    );
    root().join(path)
}

/// Deno with nothing of this machine's settings.
pub fn deno() -> Command {
    // Where there is setpriv, the process also ends with a test that is killed.
    let binary = binary();
    let mut command = if Path::new("/usr/bin/setpriv").exists() {
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(binary);
        command
    } else {
        Command::new(binary)
    };
    command.env_clear().env("DENO_DIR", root().join("target/deno/cache"));
    command.env("DENO_NO_UPDATE_CHECK", "1").env("NO_COLOR", "1").env("HOME", "/nonexistent");
    command
}

/// The running function.
pub struct Function {
    child: Child,
    pub url: String,
    log: Arc<Mutex<String>>,
}

impl Function {
    /// The function before a project at that address, with keys of the new kind.
    pub async fn before(url: &str, publishable: &str, secret: &str) -> Self {
        let publishable = format!("{{\"default\":\"{publishable}\"}}");
        let secret = format!("{{\"default\":\"{secret}\"}}");
        let keys = [("SUPABASE_PUBLISHABLE_KEYS", &*publishable), ("SUPABASE_SECRET_KEYS", &*secret)];
        Self::with(url, &keys).await
    }

    pub async fn with(project: &str, variables: &[(&str, &str)]) -> Self {
        // Somebody may take the port between our look and its start.
        for _ in 0..5 {
            if let Some(function) = Self::start(project, variables).await {
                return function;
            }
        }
        panic!("the function does not start");
    }

    async fn start(project: &str, variables: &[(&str, &str)]) -> Option<Self> {
        let probe = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = probe.local_addr().expect("an address").to_string();
        drop(probe);
        let net = format!("--allow-net={},{address}", project.trim_start_matches("http://"));
        let mut child = deno()
            .args(["run", "--no-prompt", "--no-remote", "--no-npm", "--no-lock", &net])
            .arg(format!("--allow-env={}", VARIABLES.join(",")))
            .arg(folder().join("index.ts"))
            .env("DENO_SERVE_ADDRESS", format!("tcp:{address}"))
            .env("SUPABASE_URL", project)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Deno runs");
        let log = Arc::default();
        collect(child.stdout.take().expect("piped"), &log);
        collect(child.stderr.take().expect("piped"), &log);
        let mut function = Self { child, url: format!("http://{address}"), log };
        let begun = Instant::now();
        // Its own word: another one might answer there.
        let listens = format!("Listening on http://{address}");
        while !function.log().contains(&listens) {
            if function.child.try_wait().expect("its state").is_some() {
                let log = function.log();
                assert!(log.contains("AddrInUse"), "the function ended at once: {log}");
                return None;
            }
            assert!(begun.elapsed() < PATIENCE, "the function does not listen: {}", function.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Some(function)
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no poison").clone()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn collect(from: impl Read + Send + 'static, log: &Arc<Mutex<String>>) {
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut log = log.lock().expect("no poison");
            log.push_str(&line);
            log.push('\n');
        }
    });
}
