//! The cache at work, on a thread of its own: what it does not get done in time is not waited for.
//!
//! A disk that refuses a write can leave the library waiting for ever, in a flush or when it is dropped (seen with a full
//! disk: the thread that was to wake it had gone by). The store's thread must not wait with it: edits are saved there. So
//! it hands a batch over and waits for the answer, but no longer than `recovery::PATIENCE`. From then on this process has
//! no cache: memory has the rows, and the next start goes on from an older cache, which is only older.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use super::books::Rows;
use super::cache::{Batch, Cache};
use super::error::StoreError;
use super::recovery;

enum Job {
    Write(Box<Batch>),
    Flush,
}

/// A cache and the thread that it lives on.
#[derive(Debug)]
pub struct Minded {
    dir: PathBuf,
    patience: Duration,
    /// `None`: it was given up.
    jobs: Option<SyncSender<Job>>,
    answers: Receiver<Result<(), StoreError>>,
}

impl Minded {
    /// `patience`: how long an answer is waited for.
    pub(super) fn start(cache: Cache, dir: &Path, patience: Duration) -> Result<Self, StoreError> {
        // One job at a time is handed over and waited for.
        let (jobs, queue) = sync_channel(1);
        let (answer, answers) = sync_channel(1);
        let thread = std::thread::Builder::new().name("cache".to_owned());
        let spawned = thread.spawn(move || {
            for job in queue {
                let done = match job {
                    Job::Write(batch) => cache.write(&batch),
                    Job::Flush => cache.flush(),
                };
                if answer.send(done).is_err() {
                    break;
                }
            }
            recovery::close(cache);
            // Who shut it may have gone.
            drop(answer.send(Ok(())));
        });
        spawned.map_err(StoreError::io("starting to use", dir))?;
        Ok(Self { dir: dir.to_owned(), patience, jobs: Some(jobs), answers })
    }

    fn done(&mut self, job: Job) -> Result<(), StoreError> {
        let handed = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if !handed {
            return Err(recovery::hung(&self.dir, self.patience));
        }
        self.answer()
    }

    fn answer(&mut self) -> Result<(), StoreError> {
        self.answers.recv_timeout(self.patience).unwrap_or_else(|_| {
            self.jobs = None;
            Err(recovery::give_up(&self.dir, self.patience))
        })
    }
}

impl Rows for Minded {
    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.done(Job::Write(Box::new(batch)))
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.done(Job::Flush)
    }
}

impl Drop for Minded {
    fn drop(&mut self) {
        // The cache is shut when this returns, or never.
        if self.jobs.take().is_some()
            && let Err(error) = self.answer()
        {
            tracing::warn!(%error, "the cache could not be shut; the next start looks after it");
        }
    }
}
