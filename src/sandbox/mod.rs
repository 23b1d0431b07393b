//! The training server: Supabase's wire protocol on the loopback, in this process, for `flyos demo`, the
//! stand-alone `flyos sandbox` and tests.
//!
//! A request passes `line` (the socket, which faults can take down), `http` (API key, faults, routes) and
//! ends in `auth_http`, `rpc`, `rows`, `writes` (both by `query`) or `realtime`; those work on `engine` and `auth`, which
//! are plain data, through `shared`. With a data folder, `persist` keeps every transaction before it is answered.
//!
//! Managing sign-in accounts: `accounts` does it to the data, `admin_http` is the admin API for it, `admin_rpc`
//! the database's part, and `admin_users` stands for the Edge Function of that name.
//!
//! Uses the domain's rules and the wire types and nothing else of the console: it stands for the other side.
//! It is a place to train and to test in, not a server for real data; it listens where it is told to and has
//! no encryption of its own.

mod accounts;
mod admin_http;
mod admin_rpc;
mod admin_users;
mod arguments;
mod auth;
mod auth_http;
mod device_keys;
#[doc(hidden)]
// The simulator of the sync protocol runs the server's truth without its sockets.
pub mod engine;
mod faults;
mod http;
mod keys;
mod line;
mod persist;
mod query;
mod realtime;
mod rows;
mod rpc;
mod seed;
mod shared;
mod writes;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::domain::{Change, Key, Refusal, World};
use auth::Auth;
pub use auth::MailFor;
use device_keys::DeviceKeys;
use engine::Engine;
pub use faults::{Answer, FaultSettings, Faults};
use keys::{KeyMaterial, Keys};
use line::{Cut, CutAll, Line};
use persist::{Folder, Log, Stored};
use shared::Shared;

/// What a server held at one moment.
#[derive(Clone, Debug)]
pub struct Moment(Engine);

/// A mail that the server would have sent, whose code was not used yet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentMail {
    pub to: String,
    pub good_for: MailFor,
    pub code: String,
}

/// How long `shutdown` lets answers that are on their way get out.
const GRACE: Duration = Duration::from_millis(200);

/// How to run it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where everything is kept; without it, nothing outlives the server.
    pub data: Option<PathBuf>,
    /// Fill up to about so many rows; 0 for the initial data set alone. Passed over where `data` has rows.
    pub rows: usize,
    /// How long access tokens are good for, in seconds.
    pub token_lifetime_s: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 0)), data: None, rows: 0, token_lifetime_s: 3600 }
    }
}

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("The training server cannot listen on {address}.")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("The training server cannot use {path}.")]
    Data { path: PathBuf, source: std::io::Error },
    #[error("{0} is in use by another training server.")]
    DataInUse(PathBuf),
    #[error("{path} is damaged: {why}. Move it away to begin anew.")]
    Damaged { path: PathBuf, why: String },
    #[error("The initial data set cannot be read: {0}.")]
    InitialData(String),
    #[error("The training server's keys cannot be used: {0}.")]
    Keys(String),
    #[error("The change breaks a rule: {0}")]
    Refused(#[from] Refusal),
    #[error("The training server cannot write to its data folder any more.")]
    Stuck,
}

/// A running training server. Dropping it stops it without waiting.
pub struct Sandbox {
    shared: Arc<Shared>,
    cutter: CutAll,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// Starts listening and serves on the current runtime.
    pub async fn start(options: Options) -> Result<Self, SandboxError> {
        let faults = Faults::default();
        let listen = options.listen;
        let refused = move |source| SandboxError::Listen { address: listen, source };
        let line = Line::open(listen, faults.clone()).map_err(refused)?;
        let url = format!("http://{}", line.address());
        // Filling many rows and hashing passwords takes its time; the runtime is not held up by it.
        let prepared = tokio::task::spawn_blocking(move || prepare(&options).map(|stored| (stored, options)));
        let ((stored, log), options) =
            prepared.await.map_err(|error| SandboxError::Keys(error.to_string()))??;
        let keys = Keys::new(stored.keys)?;
        let about = (url, options.token_lifetime_s);
        let shared =
            Arc::new(Shared::new(stored.engine, stored.auth, (stored.device_keys, log), keys, faults, about));
        let (stop, stopped) = oneshot::channel::<()>();
        let cutter = line.cutter();
        let service = http::router(Arc::clone(&shared)).into_make_service_with_connect_info::<Cut>();
        let server = tokio::spawn(async move {
            let serve = axum::serve(line, service).with_graceful_shutdown(async {
                // Told to stop, or the handle is gone: either way it is over.
                let _stop = stopped.await;
            });
            if let Err(error) = serve.await {
                tracing::error!(%error, "the training server ended");
            }
        });
        Ok(Self { shared, cutter, stop: Some(stop), server })
    }

    /// Where it listens: `http://127.0.0.1:54321`.
    pub fn url(&self) -> String {
        self.shared.url.clone()
    }

    /// The key that clients name themselves with.
    pub fn publishable_key(&self) -> String {
        self.shared.keys.publishable().to_owned()
    }

    /// The key that may do everything.
    pub fn service_role_key(&self) -> String {
        self.shared.keys.secret().to_owned()
    }

    pub fn faults(&self) -> Faults {
        self.shared.faults.clone()
    }

    /// The training accounts: e-mail, and who that is.
    pub fn accounts(&self) -> Vec<(String, String)> {
        let auth = self.shared.auth();
        // Those made since have passwords of their own.
        let training = auth.accounts().filter(|account| !account.who.is_empty());
        training.map(|account| (account.email.clone(), account.who.clone())).collect()
    }

    /// The password of every training account.
    pub fn password(&self) -> &'static str {
        seed::PASSWORD
    }

    /// So many sessions go on.
    pub fn sessions(&self) -> usize {
        self.shared.auth().sessions().count()
    }

    /// The mails that it would have sent, whose codes were not used yet.
    pub fn mails(&self) -> Vec<SentMail> {
        self.shared.mails()
    }

    /// What reads them, for who outlives this handle.
    pub fn mailbox(&self) -> impl Fn() -> Vec<SentMail> + Send + Sync + use<> {
        let shared = Arc::clone(&self.shared);
        move || shared.mails()
    }

    /// Reads the truth. The server stands still meanwhile.
    pub fn with_world<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(self.shared.engine().world())
    }

    /// Writes as an administrator would with SQL: the rules hold, roles do not, and everybody is nudged.
    pub fn admin(&self, changes: &[Change]) -> Result<(), SandboxError> {
        let done = self.shared.transact(|engine, now| engine.admin(changes, now).map(|commit| ((), commit)));
        done.map_err(|_| SandboxError::Stuck)?.map_err(SandboxError::Refused)
    }

    /// Forgets tombstones and exit notices so far, as retention would: cursors from before must load anew.
    pub fn forget_history(&self) {
        let mut engine = self.shared.engine();
        let now = engine.next_xid();
        engine.forget_before(now);
    }

    /// The rows and the books as they are now, for `restore`.
    pub fn keep(&self) -> Moment {
        Moment(self.shared.engine().clone())
    }

    /// Goes back to a moment, as a database restored from its backup: rows, versions and taken edits since are
    /// forgotten, and the epoch is another. What is kept in a data folder does not follow.
    pub fn restore(&self, moment: &Moment) {
        *self.shared.engine() = moment.0.clone().restored(Uuid::new_v4());
    }

    /// Writes a column with no notice to anybody, and the version grown, as with triggers off: for tests of what finds it.
    pub fn write_past_the_books(&self, key: &Key, column: &str, value: &str) {
        self.shared.engine().write_past_the_books(key, column, &Some(value.to_owned()));
    }

    /// The version of a row, deleted or not.
    pub fn version(&self, key: &Key) -> Option<u64> {
        self.shared.engine().state(key).map(|state| state.ver)
    }

    /// Stops taking requests, ends every connection, and waits for that.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // The server may have ended by itself.
            let _ended = stop.send(());
        }
        let cutter = self.cutter.clone();
        let soon = async {
            tokio::time::sleep(GRACE).await;
            cutter.cut_all();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = &mut self.server => {}
            () = soon => {}
        }
        // Websockets outlive the server that took them.
        self.cutter.cut_all();
        self.cutter.ended().await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.cutter.cut_all();
        self.server.abort();
    }
}

/// What the server starts with: what was kept, or the initial rows.
fn prepare(options: &Options) -> Result<(Stored, Option<Log>), SandboxError> {
    let folder = options.data.as_deref().map(Folder::open).transpose()?;
    let kept = folder.as_ref().map(Folder::read).transpose()?.flatten();
    let stored = match kept {
        Some(stored) => stored,
        None => first(options.rows)?,
    };
    let log = folder.map(|folder| folder.begin(&stored)).transpose()?;
    Ok((stored, log))
}

fn first(rows: usize) -> Result<Stored, SandboxError> {
    let mut auth = Auth::default();
    seed::accounts()?.iter().for_each(|account| auth.put_account(account));
    let engine = Engine::new(Uuid::new_v4(), seed::world(rows)?);
    Ok(Stored { engine, auth, keys: KeyMaterial::generate()?, device_keys: DeviceKeys::default() })
}
