//! The desk: one thread that owns the journal and the cache and does one job after the other.
//!
//! Disk calls block, so they happen here and nowhere else. A job is a closure on `Store`; fronts and sync
//! hand theirs in and hear back by whatever the closure sends. Readers never come here: they read the
//! replica behind its lock, which the desk holds for writing only while it changes memory, never while it
//! waits for the disk.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use super::{AccountLock, Replica, Store};

/// Jobs that may wait. A person makes a few; sync one or two.
const JOBS_MAX: usize = 1024;

type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// The handle to the desk's thread.
#[derive(Debug)]
pub struct Desk {
    jobs: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<AccountLock>>>,
    replica: Arc<RwLock<Replica>>,
}

/// The desk takes no more jobs: it was shut, or far too many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store takes no more work now")]
pub struct Shut;

impl Desk {
    /// Starts the thread; the store lives there until `close`.
    pub fn start(store: Store) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel(JOBS_MAX);
        let replica = Arc::clone(store.books.replica());
        let thread =
            std::thread::Builder::new().name("store".to_owned()).spawn(move || work(store, &queue))?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)), replica })
    }

    /// Hands in a job. Never blocks.
    pub fn submit(&self, job: impl FnOnce(&mut Store) + Send + 'static) -> Result<(), Shut> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        match jobs.as_ref().ok_or(Shut)?.try_send(Box::new(job)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(Shut),
        }
    }

    pub fn replica(&self) -> &Arc<RwLock<Replica>> {
        &self.replica
    }

    /// Lets the jobs that wait be done, shuts the files, and returns when all is on disk. The first call gives the
    /// account's lock, which goes where it is dropped.
    pub fn close(&self) -> Option<AccountLock> {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = thread?.join();
        if ended.is_err() {
            tracing::error!("the store's thread ended badly; the journal is read again at the next start");
        }
        ended.ok()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.close();
    }
}

fn work(mut store: Store, queue: &Receiver<Job>) -> AccountLock {
    while let Ok(job) = queue.recv() {
        job(&mut store);
    }
    store.close()
}
