//! The errands: one pull, one push, one comparison with the server, each from its request to what came of it.

use tokio::time::Instant;
use uuid::Uuid;

use super::engine::{Event, Stop, Trouble};
use super::exchange::{Pulled, Pushed};
use super::history::{Bytes, Run, Verdict, What};
use super::runner::{Context, Mode, Told};
use crate::domain::{Kind, Stamp, digest};
use crate::remote::wire::{DigestReply, DigestRequest};
use crate::remote::{Cause, ErrorKind, RemoteError};
use crate::session::keeper::is_expired;

/// What an error of the wire means for the traffic.
pub(super) fn trouble(error: &RemoteError) -> Trouble {
    tracing::info!(cause = ?error.cause, status = error.status, request = error.request_id(), "an exchange failed");
    let why = short(error);
    let retry_after_ms = error.retry_after.and_then(|after| u64::try_from(after.as_millis()).ok());
    match (error.kind, error.cause) {
        (_, Cause::SecondFactor) => Trouble::Stop(Stop::SecondFactor),
        (_, Cause::Banned | Cause::AccountGone) => Trouble::Stop(Stop::Blocked),
        (ErrorKind::SignInAgain, _) => Trouble::Stop(Stop::SignInAgain),
        (ErrorKind::TryAgain { unreachable: true }, _) => Trouble::Unreachable { why },
        (ErrorKind::TryAgain { .. } | ErrorKind::ServerFault | ErrorKind::Gone, _) => {
            Trouble::Fault { why, retry_after_ms }
        }
        (ErrorKind::Configuration | ErrorKind::Refused, _) => Trouble::Stop(Stop::Configuration { why }),
    }
}

/// The trouble in a few words, for the state line.
fn short(error: &RemoteError) -> String {
    let known = match error.cause {
        Cause::KeyMissing | Cause::KeyInvalid | Cause::KeyDisabled | Cause::KeySecret => {
            "the project refuses this key"
        }
        Cause::SchemaMissing | Cause::GrantMissing => "the project's tables are not set up for this console",
        Cause::Paused => "the project is paused",
        Cause::Quota => "the project is over its quota",
        Cause::Dns => "no such host, or no name service",
        Cause::ConnectionRefused => "nobody listens at that address",
        Cause::NotJson | Cause::Redirected => "something else than the server answers",
        Cause::Timeout => "no answer in time",
        _ => error.message.split(". ").next().unwrap_or_default().trim_end_matches('.'),
    };
    known.to_owned()
}

/// Calls the server, and once more with a fresh token where that would mend it. A macro, since the future of an async
/// closure cannot be said to be `Send` here. Gives the outcome of the last call.
macro_rules! call {
    ($context:expr, $run:expr, $token:ident => $call:expr) => {{
        let $token = $context.token().await?;
        let mut outcome = $call.await;
        if let Err(error) = &outcome
            && is_expired(error)
        {
            $context.keeper.expire(&$token).await;
            let $token = $context.token().await?;
            $run.failed();
            outcome = $call.await;
        }
        match &outcome {
            Ok(reply) => $run.count(reply.bytes_up, reply.bytes_down),
            Err(_) => $run.failed(),
        }
        outcome
    }};
}

/// A run while it lasts.
struct Running<'a> {
    context: &'a Context,
    what: What,
    at: Stamp,
    begun: Instant,
    bytes: Bytes,
    verdict: Option<Verdict>,
}

impl<'a> Running<'a> {
    fn begin(context: &'a Context, what: What) -> Self {
        Self { context, what, at: now(), begun: Instant::now(), bytes: Bytes::default(), verdict: None }
    }

    fn count(&mut self, up: u64, down: u64) {
        self.bytes = self.bytes.plus(Bytes::exchange(up, down));
    }

    fn failed(&mut self) {
        self.count(0, 0);
    }

    fn end(self, rows: usize, edits: usize, trouble: Option<&Trouble>) {
        let run = Run {
            at: self.at,
            what: self.what,
            took_ms: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            rows,
            edits,
            bytes: self.bytes,
            error: trouble.map(ToString::to_string),
            sort: trouble.map(Trouble::sort),
            verdict: self.verdict,
            times: 1,
        };
        (self.context.tell)(Told::Run(run));
    }
}

/// The wall clock: for people alone.
fn now() -> Stamp {
    Stamp(jiff::Timestamp::now().as_microsecond())
}

// ---- pull ----

pub(super) async fn pull(context: &Context) -> Event {
    let mut run = Running::begin(context, What::Pull);
    match pull_page(context, &mut run).await {
        Ok(pulled) => {
            run.end(pulled.rows, 0, None);
            Event::Pulled { more: pulled.more, send: pulled.offered, verify: pulled.loaded }
        }
        Err(trouble) => {
            run.end(0, 0, Some(&trouble));
            if trouble == Trouble::Stop(Stop::Blocked) {
                // Who is barred may do no more here than who is INACTIVE: their sessions ended, so no page tells.
                let shut = context.exchange(|_, store, _| Ok(store.books.shut())).await;
                if let Ok(Err(error)) = shut {
                    tracing::warn!(%error, "that the account is barred could not be written down");
                }
                (context.tell)(Told::Data);
            }
            Event::PullFailed(trouble)
        }
    }
}

async fn pull_page(context: &Context, run: &mut Running<'_>) -> Result<Pulled, Trouble> {
    let request = context.exchange(|exchange, store, _| Ok(exchange.pull_request(&store.books))).await?;
    let client = context.keeper.client();
    let reply = call!(context, run, token => client.sync_pull(&token, &request));
    let reply = reply.map_err(|error| trouble(&error))?.value;
    let done = context.exchange(move |exchange, store, _| exchange.pulled(&mut store.books, reply)).await;
    let pulled = done.inspect_err(|trouble| context.told_of_stop(trouble))?;
    if let Some(why) = &pulled.cache_trouble {
        (context.tell)(Told::CacheTrouble(why.clone()));
    }
    (context.tell)(Told::Progress(pulled.progress));
    if pulled.news {
        (context.tell)(Told::Data);
    }
    Ok(pulled)
}

// ---- push ----

/// `asked`: a person asked for it while traffic was held.
pub(super) async fn push(context: &Context, asked: bool) -> Event {
    let mut run = Running::begin(context, What::Push);
    match push_once(context, asked, &mut run).await {
        Ok(Err(after_ms)) => Event::PushedNothing { after_ms },
        Ok(Ok(pushed)) => {
            run.end(0, pushed.answered, None);
            Event::Pushed { left: pushed.left, after_ms: pushed.after_ms, quiet: pushed.empty }
        }
        Err(trouble) => {
            run.end(0, 0, Some(&trouble));
            if let Trouble::Disk { why } = &trouble {
                (context.tell)(Told::DiskTrouble(why.clone()));
            }
            Event::PushFailed(trouble)
        }
    }
}

/// One push; `Err`: there was nothing to send and nothing to tell (yet: not before so many ms).
async fn push_once(
    context: &Context,
    asked: bool,
    run: &mut Running<'_>,
) -> Result<Result<Pushed, Option<u64>>, Trouble> {
    let valve = context.valve.clone();
    let made = context.exchange(move |exchange, store, now_ms| {
        if valve.mode() == Mode::Held && !asked {
            // It set out before the hold, and makes its request after it. What waits goes when the hold ends.
            return Ok(Err(None));
        }
        exchange.hold(store.held_back());
        let push = exchange.push_request(&mut store.books, now_ms, now(), Uuid::now_v7)?;
        Ok(push.ok_or(exchange.due(now_ms)))
    });
    let push = match made.await? {
        Ok(push) => push,
        Err(after_ms) => return Ok(Err(after_ms)),
    };
    if !push.pendings.is_empty() {
        (context.tell)(Told::Data);
    }
    let client = context.keeper.client();
    let reply = match call!(context, run, token => client.sync_push(&token, &push.request)) {
        Ok(reply) => reply.value,
        Err(error) if error.cause == Cause::StatementTimeout => {
            let smaller = context.exchange(move |exchange, _, _| Ok(exchange.too_slow(&push))).await?;
            let again = Pushed { left: true, ..Pushed::default() };
            return if smaller { Ok(Ok(again)) } else { Err(trouble(&error)) };
        }
        Err(error) => return Err(trouble(&error)),
    };
    let done = context
        .exchange(move |exchange, store, now_ms| exchange.pushed(&mut store.books, &push, reply, now_ms));
    let pushed = done.await.inspect_err(|trouble| context.told_of_stop(trouble))?;
    if pushed.answered > 0 {
        (context.tell)(Told::Data);
    }
    Ok(Ok(pushed))
}

// ---- verify ----

/// Rounds of comparing and pulling before it is given up: others change rows all the time.
const VERIFY_ROUNDS: usize = 5;

pub(super) async fn verify(context: &Context) -> Event {
    let mut run = Running::begin(context, What::Verify);
    match verify_once(context, &mut run).await {
        Ok((verdict, rows)) => {
            let reload = matches!(verdict, Verdict::Differs { .. });
            run.verdict = Some(verdict);
            run.end(rows, 0, None);
            Event::Verified { reload }
        }
        Err(trouble) => {
            run.end(0, 0, Some(&trouble));
            Event::PullFailed(trouble)
        }
    }
}

/// Compares the rows here with the server's. A difference counts only where a pull after it brought nothing: else
/// somebody changed something meanwhile, and both are compared again. What differs is loaded anew, all of it: the
/// protocol knows no load of single buckets, and a whole one is a matter of seconds. Where that does not help it is not done
/// again: then it is the server whose books are wrong (rows written while its triggers were off).
async fn verify_once(context: &Context, run: &mut Running<'_>) -> Result<(Verdict, usize), Trouble> {
    let request = DigestRequest { tables: Kind::ALL.to_vec() };
    let client = context.keeper.client();
    let mended = context.locked(|exchange| exchange.mended);
    let settled = || context.locked(|exchange| exchange.mended = false);
    for _ in 0..VERIFY_ROUNDS {
        let reply = call!(context, run, token => client.sync_digest(&token, &request));
        let theirs = match reply.map_err(|error| trouble(&error))?.value {
            DigestReply::Tables(digests) => digests,
            // The next pull hears the same word and does what is to be done.
            DigestReply::Must(_) => return Ok((Verdict::Unsettled, 0)),
        };
        let (ours, rows) = context.read(|replica| (replica.digest(), replica.rows()));
        let found = digest::differing(&ours, &theirs);
        if found.is_empty() {
            settled();
            return Ok((Verdict::Same { rows }, rows));
        }
        let mut news = 0;
        loop {
            let pulled = pull_page(context, run).await?;
            news += pulled.rows;
            if !pulled.more {
                break;
            }
        }
        if news == 0 {
            let buckets = found.values().sum();
            if mended {
                tracing::error!(
                    ?found,
                    "the rows here are not the server's, also after they were loaded anew"
                );
                settled();
                return Ok((Verdict::Stays { buckets }, rows));
            }
            tracing::warn!(?found, "the rows here are not the server's; they are loaded anew");
            context.exchange(|exchange, store, _| exchange.mend(&mut store.books)).await?;
            return Ok((Verdict::Differs { buckets }, rows));
        }
    }
    Ok((Verdict::Unsettled, 0))
}
