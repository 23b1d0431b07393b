//! `--data DIR`: everything survives a restart.
//!
//! Two files, readable by their owner alone. `sandbox.snapshot` holds all there was when the server started
//! last, written aside, synced and renamed. `sandbox.log` holds what happened since, one JSON value a line,
//! each synced before the answer leaves. At a start the snapshot is read, the log replayed (a torn last line
//! was never answered for, and is dropped), a new snapshot written and the log begun anew.
//!
//! A lock on the folder keeps a second server out. A log that was already taken into the snapshot does no
//! harm: every line says what is, not what changes.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::SandboxError;
use super::accounts::AuthCommit;
use super::auth::{Account, Auth, Session};
use super::device_keys::DeviceKeys;
use super::engine::{self, Claim, Commit, Engine, RowState};
use super::keys::KeyMaterial;
use crate::domain::{Fields, Key, Record};
use crate::remote::wire::device::DeviceKey;

/// The version of these files.
const FORMAT: u32 = 1;

/// One line of either file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Head(Head),
    Row(Box<Row>),
    Exit(Key, String, u64),
    Claim(Uuid, Box<Claim>),
    Activity(Box<engine::Line>),
    Account(Box<Account>),
    /// An account was removed.
    AccountGone(Uuid),
    Session(Box<Session>),
    Ended(Vec<Uuid>),
    /// Of an account's device; without a key: it was deleted.
    DeviceKey(Uuid, Uuid, Option<DeviceKey>),
    /// Rows and accounts of one transaction: all or nothing, since a line is. Unlike the rows of a
    /// `Transaction`, accounts and ends are always taken anew: the lines before them that said otherwise are.
    Together(Vec<Line>),
    /// A transaction: all or nothing, since a line is.
    Transaction {
        next_xid: u64,
        lines: Vec<Line>,
    },
    /// The last line of a snapshot.
    End,
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    epoch: Uuid,
    next_xid: u64,
    min_xid: u64,
    keys: KeyMaterial,
}

#[derive(Serialize, Deserialize)]
struct Row {
    #[serde(flatten)]
    key: Key,
    state: RowState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns: Option<Fields>,
}

/// What a server is made of.
pub struct Stored {
    pub engine: Engine,
    pub auth: Auth,
    pub keys: KeyMaterial,
    pub device_keys: DeviceKeys,
}

/// The open log, and the lock on its folder.
pub struct Log {
    file: File,
    _lock: File,
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> SandboxError {
    |source| SandboxError::Data { path: path.to_owned(), source }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

fn damaged(path: &Path, why: &dyn std::fmt::Display) -> SandboxError {
    SandboxError::Damaged { path: path.to_owned(), why: why.to_string() }
}

/// The folder, made and locked.
pub struct Folder {
    dir: PathBuf,
    lock: File,
}

impl Folder {
    pub fn open(dir: &Path) -> Result<Self, SandboxError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))?;
        let path = dir.join("sandbox.lock");
        let lock = private().write(true).create(true).truncate(false).open(&path).map_err(at(&path))?;
        lock.try_lock().map_err(|_| SandboxError::DataInUse(dir.to_owned()))?;
        Ok(Self { dir: dir.to_owned(), lock })
    }

    fn snapshot(&self) -> PathBuf {
        self.dir.join("sandbox.snapshot")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("sandbox.log")
    }

    /// What was kept; `None` in a new folder.
    pub fn read(&self) -> Result<Option<Stored>, SandboxError> {
        let path = self.snapshot();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(&path)(error)),
        };
        let mut lines = BufReader::new(file).lines();
        let mut next = || -> Result<Line, SandboxError> {
            let text =
                lines.next().ok_or_else(|| damaged(&path, &"it ends too early"))?.map_err(at(&path))?;
            serde_json::from_str(&text).map_err(|error| damaged(&path, &error))
        };
        let Line::Head(head) = next()? else { return Err(damaged(&path, &"it has no head")) };
        if head.format != FORMAT {
            return Err(damaged(&path, &format!("it has format {}, and this is {FORMAT}", head.format)));
        }
        let mut stored = Stored {
            engine: Engine::empty(head.epoch, head.next_xid),
            auth: Auth::default(),
            keys: head.keys,
            device_keys: DeviceKeys::default(),
        };
        stored.engine.resume_at(head.next_xid, head.min_xid);
        loop {
            match next()? {
                Line::End => break,
                line => stored.take(line),
            }
        }
        self.replay(&mut stored)?;
        stored.engine.link_profiles();
        Ok(Some(stored))
    }

    fn replay(&self, stored: &mut Stored) -> Result<(), SandboxError> {
        let path = self.log();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(at(&path)(error)),
        };
        let mut reader = BufReader::new(file);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            if reader.read_until(b'\n', &mut bytes).map_err(at(&path))? == 0 {
                return Ok(());
            }
            match serde_json::from_slice(&bytes) {
                Ok(line) => stored.take(line),
                // Torn by a crash: its transaction was never answered for.
                Err(_) if reader.fill_buf().map_err(at(&path))?.is_empty() => return Ok(()),
                Err(error) => return Err(damaged(&path, &error)),
            }
        }
    }

    /// Writes a snapshot of all there is, and begins the log anew.
    pub fn begin(self, stored: &Stored) -> Result<Log, SandboxError> {
        let (path, aside) = (self.snapshot(), self.dir.join("sandbox.snapshot.new"));
        let file = private().write(true).create(true).truncate(true).open(&aside).map_err(at(&aside))?;
        let mut out = BufWriter::new(file);
        write_all(&mut out, stored).map_err(at(&aside))?;
        let file = out.into_inner().map_err(|error| at(&aside)(error.into_error()))?;
        file.sync_all().map_err(at(&aside))?;
        fs::rename(&aside, &path).map_err(at(&path))?;
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(at(&self.dir))?;
        let path = self.log();
        let mut file = private().write(true).create(true).truncate(true).open(&path).map_err(at(&path))?;
        file.seek(SeekFrom::Start(0)).map_err(at(&path))?;
        file.sync_all().map_err(at(&path))?;
        Ok(Log { file, _lock: self.lock })
    }
}

impl Stored {
    fn take(&mut self, line: Line) {
        match line {
            Line::Row(row) => {
                let record = row.columns.and_then(|fields| Record::from_fields(&row.key, &fields));
                self.engine.restore_row(row.key, row.state, record);
            }
            Line::Exit(key, scope, xid) => self.engine.restore_exit(key, scope, xid),
            Line::Claim(id, claim) => self.engine.restore_claim(id, *claim),
            Line::Activity(line) => self.engine.restore_activity(*line),
            Line::Account(account) => self.auth.put_account(&account),
            Line::AccountGone(id) => drop(self.auth.remove_account(id)),
            Line::Together(lines) => lines.into_iter().for_each(|line| self.take(line)),
            Line::Session(session) => self.auth.put_session(*session),
            Line::DeviceKey(account, device, key) => self.device_keys.put(account, device, key),
            Line::Ended(sessions) => sessions.into_iter().for_each(|id| self.auth.end(id)),
            Line::Transaction { next_xid, lines } => {
                if next_xid >= self.engine.next_xid() {
                    for line in lines {
                        self.take(line);
                    }
                    self.engine.resume_at(next_xid, 0);
                }
            }
            Line::Head(_) | Line::End => {}
        }
    }
}

fn row_line(engine: &Engine, key: &Key, state: &RowState) -> Line {
    let columns = engine.world().get(key).map(|record| record.fields());
    Line::Row(Box::new(Row { key: key.clone(), state: state.clone(), columns }))
}

fn put(out: &mut impl Write, line: &Line) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

fn write_all(out: &mut impl Write, stored: &Stored) -> std::io::Result<()> {
    let Stored { engine, auth, keys, device_keys } = stored;
    let head = Head {
        format: FORMAT,
        epoch: engine.epoch(),
        next_xid: engine.next_xid(),
        min_xid: engine.min_xid(),
        keys: keys.clone(),
    };
    put(out, &Line::Head(head))?;
    for (key, state) in engine.states() {
        put(out, &row_line(engine, key, state))?;
    }
    for (key, scope, xid) in engine.exits() {
        put(out, &Line::Exit(key.clone(), scope.to_owned(), xid))?;
    }
    for (id, claim) in engine.claims() {
        put(out, &Line::Claim(id, Box::new(claim.clone())))?;
    }
    for line in engine.activity() {
        put(out, &Line::Activity(Box::new(line.clone())))?;
    }
    for account in auth.accounts() {
        put(out, &Line::Account(Box::new(account.clone())))?;
    }
    for session in auth.sessions() {
        put(out, &Line::Session(Box::new(session.clone())))?;
    }
    for (account, device, key) in device_keys.all() {
        put(out, &Line::DeviceKey(account, device, key.cloned()))?;
    }
    put(out, &Line::End)
}

impl Log {
    fn write(&mut self, line: &Line) -> Result<(), SandboxError> {
        let failed = |source| SandboxError::Data { path: "sandbox.log".into(), source };
        let mut bytes = Vec::new();
        put(&mut bytes, line).map_err(failed)?;
        self.file.write_all(&bytes).and_then(|()| self.file.sync_data()).map_err(failed)
    }

    /// Keeps a transaction: its rows, and what became of accounts in it.
    pub fn commit(
        &mut self,
        engine: &Engine,
        commit: &Commit,
        auth: &Auth,
        deeds: &AuthCommit,
    ) -> Result<(), SandboxError> {
        let rows = commit.keys.iter().filter_map(|key| Some(row_line(engine, key, engine.state(key)?)));
        let exits =
            commit.exits.iter().map(|(key, scope)| Line::Exit(key.clone(), scope.clone(), commit.xid));
        let claims = commit.claims.iter();
        let claims = claims.filter_map(|id| Some(Line::Claim(*id, Box::new(engine.claim(*id)?.clone()))));
        let activity = commit.activity.iter().map(|line| Line::Activity(Box::new(line.clone())));
        let lines = rows.chain(exits).chain(claims).chain(activity).collect();
        let transaction = Line::Transaction { next_xid: engine.next_xid(), lines };
        if deeds.is_empty() {
            return self.write(&transaction);
        }
        let mut lines = vec![transaction];
        lines.extend(deeds.accounts.iter().map(|id| match auth.account(*id) {
            Some(account) => Line::Account(Box::new(account.clone())),
            None => Line::AccountGone(*id),
        }));
        lines.push(Line::Ended(deeds.ended.clone()));
        self.write(&Line::Together(lines))
    }

    pub fn session(&mut self, session: &Session) -> Result<(), SandboxError> {
        self.write(&Line::Session(Box::new(session.clone())))
    }

    pub fn device_key(
        &mut self,
        account: Uuid,
        device: Uuid,
        key: Option<&DeviceKey>,
    ) -> Result<(), SandboxError> {
        self.write(&Line::DeviceKey(account, device, key.cloned()))
    }

    pub fn ended(&mut self, sessions: &[Uuid]) -> Result<(), SandboxError> {
        if sessions.is_empty() { Ok(()) } else { self.write(&Line::Ended(sessions.to_vec())) }
    }
}
