//! Who did what, when, from where and why: the newest lines that this person may see, kept in memory and told at once,
//! with one's own edits that are not sent yet on top. The lines come from the server, a page at a time: when somebody
//! looks, again when rows have changed since, and further back when asked for. Without a line what came before is told,
//! with its age.
//!
//! Nothing of it is written to a disk: it is read anew at the next sign-in.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::cells::value_text;
use super::session::Inner;
use super::{Done, ErrorKind, Event, ServiceError, Traffic, accounts, devices, explain, read, words, write};
use crate::domain::{Fields, Key, Kind, Stamp};
use crate::remote::Reply;
use crate::remote::wire::activity::{ActivityItem, ActivityReply, ActivityRequest};
use crate::remote::wire::admin::ACCOUNT_LINE;
use crate::store::replica::{Pending, Replica};
use crate::sync::history::{Bytes, Run, What};

/// Lines of one page: a screen or several, some tens of kB.
const PAGE_LINES: u32 = 200;
/// Lines that are kept, the newest: some MB.
const KEPT_MAX: usize = 10_000;
const FULL: &str = "10,000 lines are here, no more are read";
/// Lines of one row's history that are told at first; further back it goes by whole pages.
const HISTORY_LINES: u32 = 50;
/// Rows whose history is kept.
const HISTORIES_MAX: usize = 20;
/// From where a line came, in words.
const HERE: &str = "this machine";
const OUTSIDE: &str = "outside the console";

/// Lines, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    pub lines: Vec<ActivityLine>,
    /// Server time of the newest page.
    pub as_of: Option<Stamp>,
    /// There are older lines on the server.
    pub more: bool,
    /// A page is on its way.
    pub asking: bool,
    /// Why the last page did not come.
    pub trouble: Option<String>,
}

/// Who did what to one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityLine {
    /// Of the server; absent where it is an edit of one's own that waits.
    pub id: Option<i64>,
    pub at: Stamp,
    pub who: String,
    /// From where it came; absent where the server did not note it, and of what was done to a sign-in account.
    pub from: Option<String>,
    pub key: Key,
    pub label: String,
    pub what: String,
    pub reason: Option<String>,
}

/// What is known of one list of lines.
#[derive(Debug, Default)]
struct Known {
    items: VecDeque<ActivityItem>,
    as_of: Option<Stamp>,
    more: bool,
    asking: bool,
    trouble: Option<String>,
    /// The revision of the rows at which the newest page was asked for.
    asked: Option<u64>,
}

/// Everything that came in this session: of all rows, and of some.
#[derive(Debug, Default)]
pub(super) struct Activities(Mutex<Both>);

#[derive(Debug, Default)]
struct Both {
    all: Known,
    rows: BTreeMap<Key, Known>,
    /// Counts accounts, so that what comes late for another one is dropped.
    turn: u64,
}

impl Both {
    fn known(&mut self, key: Option<&Key>) -> &mut Known {
        match key {
            None => &mut self.all,
            Some(key) => {
                if self.rows.len() >= HISTORIES_MAX && !self.rows.contains_key(key) {
                    self.rows.clear();
                }
                self.rows.entry(key.clone()).or_default()
            }
        }
    }
}

impl Activities {
    fn lock(&self) -> MutexGuard<'_, Both> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is here is read anew when somebody looks: something was done that changes no row.
    pub(super) fn outdate(&self) {
        let mut both = self.lock();
        let Both { all, rows, .. } = &mut *both;
        rows.values_mut().chain([all]).for_each(|known| known.asked = None);
    }

    pub(super) fn forget(&self) {
        let mut both = self.lock();
        *both = Both { turn: both.turn + 1, ..Both::default() };
    }
}

impl Known {
    /// Takes a page that goes on before the oldest line, or the newest one.
    fn take(&mut self, items: Vec<ActivityItem>, more: bool, server_time: Stamp, before: bool) {
        (self.asking, self.trouble) = (false, None);
        if before {
            self.items.extend(items);
            self.more = more;
        } else {
            self.as_of = Some(server_time);
            let newest = self.items.front().map_or(i64::MIN, |item| item.id);
            let meets = !more || items.iter().any(|item| item.id <= newest);
            if meets {
                let known = self.items.is_empty();
                for item in items.into_iter().rev().filter(|item| item.id > newest) {
                    self.items.push_front(item);
                }
                self.more = if known { more } else { self.more };
            } else {
                // More happened meanwhile than a page holds: what is older is asked for anew.
                (self.items, self.more) = (items.into(), true);
            }
        }
        if self.items.len() >= KEPT_MAX {
            self.items.truncate(KEPT_MAX);
            (self.more, self.trouble) = (false, Some(FULL.to_owned()));
        }
    }
}

impl Inner {
    /// What is known of everybody's doings, or of one row's; asks for what came since where rows have changed.
    pub(super) fn activity(this: &Arc<Self>, key: Option<&Key>) -> Activity {
        let Some(revision) = this.look(Replica::revision) else { return Activity::default() };
        let here = read(&this.session, |session| session.as_ref().map(|session| session.open.device));
        let held = read(&this.state, |state| state.traffic) == Traffic::Held;
        let stale = {
            let mut both = this.activities.lock();
            let known = both.known(key);
            !held && !known.asking && known.asked != Some(revision)
        };
        if stale {
            Self::ask_activity(this, key.cloned(), false, revision);
        }
        let both = this.activities.lock();
        let known = match key {
            None => Some(&both.all),
            Some(key) => both.rows.get(key),
        };
        known.and_then(|known| this.look(|replica| told(replica, known, key, here))).unwrap_or_default()
    }

    /// Asks for what is older than the oldest line here, of everything or of one row.
    pub(super) fn more_activity(this: &Arc<Self>, key: Option<Key>) -> Result<Done, ServiceError> {
        let revision = this.look(Replica::revision).ok_or_else(explain::signed_out)?;
        Self::ask_activity(this, key, true, revision);
        Ok(Done::ActivityAsked)
    }

    fn ask_activity(this: &Arc<Self>, key: Option<Key>, older: bool, revision: u64) {
        let Some(keeper) = this.keeper() else { return };
        let (request, turn) = {
            let mut both = this.activities.lock();
            let turn = both.turn;
            let known = both.known(key.as_ref());
            if known.asking {
                return;
            }
            known.asking = true;
            known.asked = Some(revision);
            let before = known.items.back().map(|item| item.id).filter(|_| older);
            let limit_rows = if key.is_some() && !older { HISTORY_LINES } else { PAGE_LINES };
            let (tbl, pk) = key.as_ref().map(|key| (key.kind, key.pk.clone())).unzip();
            (ActivityRequest { before, limit_rows, tbl, pk }, turn)
        };
        let inner = Arc::clone(this);
        this.runtime().spawn(async move {
            let begun = (inner.settings.clock.now(), Instant::now());
            let reply = match keeper.token().await {
                Ok(token) => keeper.client().activity_page(&token, &request).await,
                Err(error) => Err(error),
            };
            let reply = reply.map_err(|error| explain::remote(&error));
            inner.note_run(begun, &reply);
            inner.take_activity(turn, key.as_ref(), request.before.is_some(), reply.map(|reply| reply.value));
        });
    }

    /// What reading cost stands in the history of the line like everything else.
    fn note_run(&self, begun: (Stamp, Instant), reply: &Result<Reply<ActivityReply>, ServiceError>) {
        let rows = match reply {
            Ok(Reply { value: ActivityReply::Page { items, .. }, .. }) => items.len(),
            _ => 0,
        };
        let bytes = reply
            .as_ref()
            .map_or_else(|_| Bytes::exchange(0, 0), |it| Bytes::exchange(it.bytes_up, it.bytes_down));
        let run = Run {
            at: begun.0,
            what: What::Activity,
            took_ms: u64::try_from(begun.1.elapsed().as_millis()).unwrap_or(u64::MAX),
            rows,
            edits: 0,
            bytes,
            error: reply.as_ref().err().map(|error| error.message.clone()),
            sort: reply
                .as_ref()
                .err()
                .map(|error| if error.kind == ErrorKind::Offline { "no_line" } else { "server" }),
            verdict: None,
            times: 1,
        };
        write(&self.state, |state| state.history.add(run));
    }

    fn take_activity(
        &self,
        turn: u64,
        key: Option<&Key>,
        before: bool,
        reply: Result<ActivityReply, ServiceError>,
    ) {
        let mut both = self.activities.lock();
        if both.turn != turn {
            return;
        }
        let known = both.known(key);
        match reply {
            Ok(ActivityReply::Page { items, more, server_time }) => {
                known.take(items, more, server_time, before);
            }
            // The next pull hears the same word and says it.
            Ok(ActivityReply::Must(_)) => known.asking = false,
            Err(error) => (known.asking, known.trouble) = (false, Some(error.message)),
        }
        drop(both);
        self.emit(Event::Data);
    }
}

fn told(replica: &Replica, known: &Known, key: Option<&Key>, here: Option<Uuid>) -> Activity {
    let unsent =
        replica.outbox().rev().filter(|pending| pending.fate.is_unsent() || pending.fate.needs_you());
    let mine = unsent.flat_map(|pending| waiting(replica, pending));
    let mine = mine.filter(|line| key.is_none_or(|key| line.key == *key));
    let theirs = known.items.iter().map(|item| line(replica, item, here));
    Activity {
        lines: mine.chain(theirs).collect(),
        as_of: known.as_of,
        more: known.more,
        asking: known.asking,
        trouble: known.trouble.clone(),
    }
}

/// One's own edit, which the server does not know yet.
fn waiting(replica: &Replica, pending: &Pending) -> Vec<ActivityLine> {
    let told = |change: &crate::domain::Change| ActivityLine {
        id: None,
        at: pending.edit.at,
        who: "you".to_owned(),
        from: Some(HERE.to_owned()),
        key: change.key.clone(),
        label: words::label(replica, &change.key),
        what: words::change(replica.view(), change),
        reason: pending.edit.reason.clone(),
    };
    pending.edit.changes.iter().map(told).collect()
}

fn line(replica: &Replica, item: &ActivityItem, here: Option<Uuid>) -> ActivityLine {
    let key = Key::known(item.tbl, &item.pk).unwrap_or_else(|| Key { kind: item.tbl, pk: item.pk.clone() });
    ActivityLine {
        id: Some(item.id),
        at: item.at,
        who: item.actor_name.clone(),
        from: from(item, here),
        label: label(replica, &key, item),
        what: what(replica, &key, item),
        reason: item.reason.clone(),
        key,
    }
}

/// The machine that sent the edit, as among people's machines; what was no edit was not done through a console.
fn from(item: &ActivityItem, here: Option<Uuid>) -> Option<String> {
    match (item.device, item.op_id) {
        (Some(device), _) if Some(device) == here => Some(HERE.to_owned()),
        (Some(device), _) => Some(format!("machine {}", devices::short(device))),
        (None, None) => Some(OUTSIDE.to_owned()),
        (None, Some(_)) => None,
    }
}

/// The row's name; of one that is gone, the name it had.
fn label(replica: &Replica, key: &Key, item: &ActivityItem) -> String {
    let there = replica.view().has(key) || key.kind == Kind::Assignment;
    if there {
        return words::label(replica, key);
    }
    let row = item.old.as_deref().or(item.new.as_deref()).filter(|_| item.field.is_none());
    let row: Option<BTreeMap<String, serde_json::Value>> = row.and_then(|row| serde_json::from_str(row).ok());
    let name = |row: BTreeMap<String, serde_json::Value>| {
        ["username", "name"].iter().find_map(|field| row.get(*field)?.as_str().map(str::to_owned))
    };
    row.and_then(name).unwrap_or_else(|| words::label(replica, key))
}

/// The same words as for edits of one's own.
fn what(replica: &Replica, key: &Key, item: &ActivityItem) -> String {
    let world = replica.view();
    match (item.kind.as_str(), &item.field) {
        (_, Some(field)) => {
            let title = key.kind.field(field).map_or(field.as_str(), |field| field.title);
            let text = |value| value_text(world, field, value);
            format!("{} {} (was {})", title.to_lowercase(), text(&item.new), text(&item.old))
        }
        (ACCOUNT_LINE, None) => accounts::told(item.new.as_deref().unwrap_or(ACCOUNT_LINE)).to_owned(),
        ("insert", None) => words::change(world, &crate::domain::Change::insert(key.clone(), Fields::new())),
        ("delete", None) if key.kind != Kind::Assignment => "deleted".to_owned(),
        _ => match key.pair() {
            Some((user, drone)) => {
                format!("unassign {drone} from {}", super::cells::user_name(world, Some(user)))
            }
            None => item.kind.clone(),
        },
    }
}
