//! A private server of PostgreSQL: its own data, no TCP port, no rights beyond its folder.
//!
//! One for each test process, started at the first use. A small shell keeps it: the shell reads a pipe that only
//! the test process holds open, so it learns of that process's end however it came, SIGKILL included; then it
//! stops PostgreSQL and removes the folder. PostgreSQL refuses to run as root, so under root both run as `nobody`.
//!
//! Nothing here survives, so nothing is synced to disk. Autovacuum is off: a worker in the template would hold up
//! the cloning of databases, and no test lives long enough to need one.

use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Far more than it takes; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The superuser, by the name that Supabase gives it.
pub const SUPERUSER: &str = "supabase_admin";

/// `$1` is the folder, the rest the command. Immediate shutdown: there is nothing to save.
const KEEPER: &str = r#"
folder=$1; shift
"$@" </dev/null >>"$folder/log" 2>&1 &
server=$!
cat >/dev/null
kill -QUIT "$server" 2>/dev/null
wait "$server"
cd /
rm -rf "$folder"
"#;

const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "max_connections=200",
    // Row locks for some 4,000 objects in all, as on the smallest hosted instance: 60 connections, 64 each.
    "max_locks_per_transaction=20",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    // As hosted: Realtime reads the log of changes.
    "wal_level=logical",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_line_prefix=%m [%p] %u@%d ",
];

pub struct Cluster {
    folder: PathBuf,
    /// Its standard input is the pipe that keeps everything alive.
    keeper: Child,
    took: Duration,
}

/// An account without rights, where the tests run as root.
#[derive(Clone, Copy)]
struct Nobody {
    uid: u32,
    gid: u32,
}

impl Nobody {
    fn needed() -> Option<Self> {
        let id = |what: &str| {
            let out = Command::new("id").args([what, "nobody"]).output().expect("`id` runs");
            String::from_utf8_lossy(&out.stdout).trim().parse().expect("there is an account `nobody`")
        };
        rustix::process::geteuid().is_root().then(|| Self { uid: id("-u"), gid: id("-g") })
    }

    fn run(this: Option<Self>, command: &mut Command) -> &mut Command {
        match this {
            // Supplementary groups go as well: the standard library drops them with root's uid.
            Some(nobody) => command.uid(nobody.uid).gid(nobody.gid),
            None => command,
        }
    }
}

impl Cluster {
    /// The one of this process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let begun = Instant::now();
        let nobody = Nobody::needed();
        let folder = folder(nobody);
        make_data(&folder, nobody);
        Self::keep(folder, begun, nobody)
    }

    /// A streaming standby of this one, as it is now: it answers reads and follows. A cluster of its own, so it ends
    /// when dropped; `promote` makes it writable.
    pub fn standby(&self) -> Self {
        let begun = Instant::now();
        let nobody = Nobody::needed();
        let folder = folder(nobody);
        let mut command = Command::new(binaries().join("pg_basebackup"));
        command.args(["--no-sync", "--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream"]);
        command.args(["-U", SUPERUSER]).arg("-h").arg(&self.folder).arg("-D").arg(folder.join("data"));
        make(command, &folder, nobody);
        Self::keep(folder, begun, nobody)
    }

    /// Makes a standby a server of its own.
    pub fn promote(&self) {
        let mut command = Command::new(binaries().join("pg_ctl"));
        command.args(["promote", "--wait", "--silent", "-D"]).arg(self.folder.join("data"));
        make(command, &self.folder, Nobody::needed());
    }

    fn keep(folder: PathBuf, begun: Instant, nobody: Option<Nobody>) -> Self {
        let bin = binaries();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", KEEPER, "flyos-test-postgres"]).arg(&folder);
        command.arg(bin.join("postgres")).arg("-D").arg(folder.join("data")).arg("-k").arg(&folder);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        // A group of its own: Ctrl-C is for the tests; this ends when they have ended.
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C")
            .current_dir(&folder)
            .process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let keeper = Nobody::run(nobody, &mut command).spawn().expect("a shell starts");
        let mut cluster = Self { folder, keeper, took: Duration::ZERO };
        cluster.wait_ready();
        cluster.took = begun.elapsed();
        cluster
    }

    /// The server writes into `postmaster.pid` how far it is, for `pg_ctl` and for us.
    fn wait_ready(&self) {
        let file = self.folder.join("data/postmaster.pid");
        let end = Instant::now() + PATIENCE;
        loop {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            if text.lines().nth(7).is_some_and(|state| state.trim() == "ready") {
                return;
            }
            assert!(Instant::now() < end, "PostgreSQL does not start:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The folder, in which the socket is too.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How long making and starting it took.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// What PostgreSQL has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The process id of the server itself.
    pub fn pid(&self) -> u32 {
        let text = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).expect("it runs");
        text.lines().next().and_then(|line| line.parse().ok()).expect("its first line is the pid")
    }

    pub fn keeper_pid(&self) -> u32 {
        self.keeper.id()
    }
}

/// Where the programs of PostgreSQL are: in `FLYOS_PG_BIN`, or on the path, or the newest that Debian has installed.
pub fn binaries() -> PathBuf {
    if let Some(folder) = std::env::var_os("FLYOS_PG_BIN").filter(|folder| !folder.is_empty()) {
        let initdb = Path::new(&folder).join("initdb").canonicalize();
        let initdb = initdb.unwrap_or_else(|error| panic!("FLYOS_PG_BIN: no initdb there: {error}"));
        return initdb.parent().expect("a program is in a folder").to_owned();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("initdb"));
    let mut debian: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin/initdb")))
        })
        .collect();
    debian.sort();
    let debian = debian.into_iter().rev().map(|(_, initdb)| initdb);
    // The true path: `initdb` looks for `postgres` beside itself.
    let found = on_path.chain(debian).find_map(|initdb| initdb.canonicalize().ok());
    let initdb = found.expect("PostgreSQL is installed; ./tests/run installs it");
    initdb.parent().expect("a program is in a folder").to_owned()
}

/// A new folder, directly under /tmp: a socket's path must stay below 108 bytes, and `nobody` must get there.
fn folder(nobody: Option<Nobody>) -> PathBuf {
    let folder = PathBuf::from(format!("/tmp/flyos-pg-{}", uuid::Uuid::new_v4().simple()));
    std::fs::DirBuilder::new().mode(0o700).create(&folder).expect("/tmp can be written to");
    if let Some(Nobody { uid, gid }) = nobody {
        chown(&folder, Some(uid), Some(gid)).expect("root gives folders away");
    }
    folder
}

fn make_data(folder: &Path, nobody: Option<Nobody>) {
    let bin = binaries();
    let mut command = Command::new(bin.join("initdb"));
    command.args(["--no-sync", "--no-instructions", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]);
    command.args(["-U", SUPERUSER]).arg("-D").arg(folder.join("data"));
    make(command, folder, nobody);
    // Transaction ids begin past 32 bits, as where many were used up: whoever takes one for 32 bits is found out.
    let mut command = Command::new(bin.join("pg_resetwal"));
    command.args(["--epoch=5", "-D"]).arg(folder.join("data"));
    make(command, folder, nobody);
}

/// Runs a program that makes the data, or says why it cannot.
fn make(mut command: Command, folder: &Path, nobody: Option<Nobody>) {
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir(folder);
    let out = Nobody::run(nobody, &mut command).output().expect("PostgreSQL's programs run");
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        // Nothing keeps the folder yet.
        drop(std::fs::remove_dir_all(folder));
        panic!("{command:?}: {said}");
    }
}
