//! How an action gets to the desk, where edits are judged and saved one after the other, and how its end is told.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::session::Inner;
use super::undo::Past;
use super::{Done, Service, ServiceError, explain};
use crate::store::{Desk, Store};

impl Service {
    /// Does a job on the desk's thread, where edits are judged and saved one after the other.
    pub(super) fn at_desk(
        &self,
        done: impl FnOnce(Result<Done, ServiceError>) + Send + 'static,
        job: impl FnOnce(&mut Store, &mut Past) -> Result<Done, ServiceError> + Send + 'static,
    ) {
        let desk = match self.inner.open_desk() {
            Ok(desk) => desk,
            Err(error) => return done(Err(error)),
        };
        let inner = Arc::clone(&self.inner);
        // The desk may refuse the job and drop it, so `done` is kept where both ways can reach it.
        let done = Arc::new(Mutex::new(Some(done)));
        let finish = {
            let done = Arc::clone(&done);
            move |result| {
                if let Some(done) = done.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    done(result);
                }
            }
        };
        let refused = finish.clone();
        let submitted = desk.submit(move |store| {
            let result = job(store, &mut inner.past.lock().unwrap_or_else(PoisonError::into_inner));
            inner.note_disk(store);
            inner.edited(&result);
            finish(result);
        });
        if submitted.is_err() {
            refused(Err(explain::store_shut()));
        }
    }

    /// The same, waited for.
    pub(super) fn run_at_desk(
        &self,
        job: impl FnOnce(&mut Store, &mut Past) -> Result<Done, ServiceError> + Send + 'static,
    ) -> Result<Done, ServiceError> {
        waited(|done| self.at_desk(done, job))
    }
}

impl Inner {
    /// The desk, for who may use it now.
    pub(super) fn open_desk(&self) -> Result<Arc<Desk>, ServiceError> {
        if self.is_locked() {
            return Err(explain::locked());
        }
        let desk = self.desk().ok_or_else(explain::signed_out)?;
        match self.peek(|replica| self.lease_over(replica)).flatten() {
            Some(days) => Err(explain::lease_over(days, 0)),
            None => Ok(desk),
        }
    }
}

/// Starts something that tells its end, and waits for that.
pub(super) fn waited(
    start: impl FnOnce(Box<dyn FnOnce(Result<Done, ServiceError>) + Send>),
) -> Result<Done, ServiceError> {
    let (done, wait) = mpsc::channel();
    start(Box::new(move |result| drop(done.send(result))));
    wait.recv().unwrap_or_else(|_| Err(explain::store_shut()))
}
