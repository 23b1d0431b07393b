//! What goes through the door: actions, queries, their answers, and events. Plain serialisable values: the
//! same one can come from a key, a command line, a socket or a test. A password is never part of one. An enum whose
//! variants hold lists or numbers has its name and its content side by side: a list has no place for a name, and
//! numbers do not survive the detour that JSON takes otherwise where it keeps them to the last digit.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ServiceError;
pub use super::backup::copy::{CopiedEdit, CopiedRow, CopyFrom, CopyHead, CopyPage, CopyQuery};
pub use super::control::{InUse, Whois};
pub use super::detail::{Detail, DetailLine, Related};
pub use super::held::DiskState;
pub use super::line::RunView;
pub use super::metrics::SessionMetrics;
pub use super::outbox::*;
pub use super::own::{Enrolling, FactorView, Own, OwnDone, Redeem};
pub use super::rows::{Moment, RowsPage, RowsQuery};
pub use super::secrets::Confidence;
pub use super::setup::*;
pub use super::state::*;
use crate::domain::{Fields, Intent, Key, Kind, Stamp, Value};
pub use crate::store::{Gap, Holder};

/// Which front speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Front {
    Tui,
    Cli,
    Test,
}

/// The context of one call: every action and query takes it first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpCtx {
    /// Names this call in events, in the journal and in logs.
    pub op: Uuid,
    pub front: Front,
    /// The signed-in person's profile; the role is read from the profile's row when the call is judged.
    pub who: Option<Uuid>,
    pub now: Stamp,
}

/// What can be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", content = "of", rename_all = "snake_case")]
pub enum Action {
    /// An edit, kept offline and sent when there is a line. `reason`: up to 200 characters. `seen`: the row's
    /// values, by column, on which the person decided; where it has others by now, nothing is changed.
    Edit {
        intent: Intent,
        reason: Option<String>,
        #[serde(default)]
        seen: Fields,
    },
    /// Several edits at once. `together`: one group, applied by the server all or not at all (up to 1000 changes, and
    /// nothing is saved where one is refused); else each stands for itself, and those refused are told.
    Bulk { intents: Vec<Intent>, reason: Option<String>, together: bool },
    /// What each of several edits would come to, were they made now; changes nothing. Told by `Done::Rehearsed`.
    Rehearse { intents: Vec<Intent> },
    /// Takes back what was done last in this session: as if it had not been where it was not sent yet, else by its
    /// opposite as a new edit.
    Undo,
    /// Does again what was undone last.
    Redo,
    /// Fills an empty project with the initial data set; offered by `Status::empty`.
    LoadInitial,
    /// Settles an edit that needs a decision.
    Settle { edit: u64, decision: Decision },
    /// Sends the edits that are held back, or lets go of them.
    SettleHeld { send: bool },
    /// Gives the edits that wait their ids for sending, so that whoever sends them, from here or from a copy, they go by
    /// one name and are applied once.
    Freeze,
    /// The person has seen which entries of the journal are lost: they are not told again.
    AcknowledgeLost,
    /// Asks for a pull and a push now.
    SyncNow,
    /// Compares the rows here with the server's; where they differ, all are loaded anew. `Event::Told` says how it ended.
    Verify,
    /// Loads everything anew, beside what is shown. Edits that wait stay.
    Reload,
    /// Sends an edit now that was to be sent again later.
    Retry { edit: u64 },
    /// How freely the line is used, until the session ends or it is said anew.
    SetTraffic { traffic: Traffic },
    /// Ends the session; what this machine has is kept.
    SignOut,
    /// The same, waiting until the server was told; or ends the account's sessions elsewhere, for which a line is needed.
    EndSessions { sessions: Sessions },
    /// Ends the session and erases what this machine has of the account, its keys first. Unsent edits are lost.
    Erase,
    /// Locks the console, as when it is left alone.
    Lock,
    /// Takes the recovery words away: they open nothing any more.
    RemoveWords,
    /// Remembers a project in the configuration file.
    AddProject { name: String, url: String, key: String },
    /// In training: takes the line away or gives it back.
    TrainingLine { up: bool },
}

/// Which sessions of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sessions {
    Here,
    /// All but this one.
    Others,
    All,
}

/// How freely the line is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Traffic {
    #[default]
    Normal,
    /// Without a socket, and asking seldom: for a line that is slow or paid by the byte. Edits are sent at once.
    Sparing,
    /// Nothing goes out but what a person asks for.
    Held,
}

/// What an action came to. For an edit: it is on disk when this is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "done", content = "of", rename_all = "snake_case")]
pub enum Done {
    /// Saved on this machine; `summary` says what, in words. `edits` is 0 when all was already so.
    Saved {
        edits: usize,
        summary: String,
    },
    /// Of several edits: how many were saved, and which were refused, by name, with the reason.
    Bulk {
        saved: usize,
        refused: Vec<(String, String)>,
    },
    /// What each of several edits would come to, in their order.
    Rehearsed {
        rows: Vec<Foreseen>,
    },
    /// Undone or done again; `summary` says what, and how.
    Undone {
        summary: String,
    },
    Settled {
        summary: String,
    },
    SyncAsked,
    Traffic {
        traffic: Traffic,
    },
    SignedOut,
    /// `told`: the server knows.
    SessionsEnded {
        sessions: Sessions,
        told: bool,
    },
    Erased,
    Locked,
    Unlocked,
    /// New recovery words were made; they count once they were typed back.
    WordsMade,
    WordsKept,
    WordsRemoved,
    /// Edits were written into a sealed file.
    Exported {
        edits: usize,
        path: String,
    },
    /// Of a sealed file: how many edits became the importer's, how many were here already, and which were refused, by
    /// name, with the reason; and whose they were.
    Imported {
        author: String,
        saved: usize,
        known: usize,
        refused: Vec<(String, String)>,
    },
    ProjectAdded {
        name: String,
    },
    Line {
        up: bool,
    },
}

/// What can be asked. Answered from memory, at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "query", content = "of", rename_all = "snake_case")]
pub enum Query {
    List(ListQuery),
    /// A page of rows as they are stored.
    Rows(RowsQuery),
    /// A page of everything that a backup keeps.
    Copy(CopyQuery),
    /// The keys of the rows in the list's window; `between`: of those from one row to another in its order, both
    /// included, as many as the window takes.
    Keys {
        list: ListQuery,
        between: Option<(Key, Key)>,
    },
    Show {
        key: Key,
    },
    Status,
    /// What may be done with this kind, or this row; each with the reason where not.
    Verbs {
        kind: Kind,
        key: Option<Key>,
    },
    /// What a form's field or a picker can be set to.
    Choices {
        kind: Kind,
        field: String,
        key: Option<Key>,
    },
    /// What would follow from an edit, in words; for confirmations.
    Consequences {
        intent: Intent,
    },
    /// Edits that wait, are on their way, or need a decision.
    Outbox,
    /// What the line was used for in this session.
    Runs,
    /// Figures of this session, for watching.
    Metrics,
    /// Edits that need a decision, with what can be decided.
    Cards,
    /// Entries of the journal that are lost and that nobody has seen yet.
    Lost,
    /// Which ways there are to what this machine has, beside the password.
    Ways,
    /// Edits of the outbox as JSON lines, in the clear, to be kept or done by hand; all of them where none is named.
    Export {
        edits: Vec<u64>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "of", rename_all = "snake_case")]
pub enum Answer {
    List(ListPage),
    Rows(RowsPage),
    Copy(Box<CopyPage>),
    Keys(Vec<Key>),
    Show(Option<Box<Detail>>),
    Status(Box<Status>),
    Verbs(Vec<VerbState>),
    Choices(Vec<Choice>),
    Consequences(Vec<String>),
    Outbox(Vec<OutboxLine>),
    Runs(Vec<RunView>),
    Metrics(Box<SessionMetrics>),
    Cards(Vec<Card>),
    Lost(Vec<Gap>),
    Export(String),
    Ways(Ways),
}

/// Which rows, in which order, and which window of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListQuery {
    pub kind: Kind,
    /// Words that must all be found in a row; `column:text` looks in one column; `!` turns a word round.
    pub filter: String,
    /// A column of `columns(kind)`.
    pub sort: String,
    pub descending: bool,
    pub offset: usize,
    pub limit: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPage {
    /// Rows of that kind that I may see.
    pub total: usize,
    /// Those that the filter leaves.
    pub matched: usize,
    /// The window.
    pub rows: Vec<RowView>,
}

/// One row as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowView {
    pub key: Key,
    pub label: String,
    /// Text by column name of `columns(kind)`; a column that is empty is absent.
    pub cells: BTreeMap<String, String>,
    pub changed: Option<Stamp>,
    pub mark: Option<Mark>,
    /// A conflict or a refusal waits on this row.
    pub needs_you: bool,
    /// What looks wrong with it, in words.
    pub alert: Option<String>,
}

/// An unsent edit's mark on its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    New,
    Changed,
    Deleted,
}

/// What one of several edits would come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreseen {
    /// The row's name.
    pub label: String,
    /// What changes, what follows from it included; empty where all is so already.
    pub what: String,
    pub why_not: Option<String>,
}

/// The verbs of the console's menus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Create,
    Edit,
    Delete,
    SetStatus,
    Assign,
    Unassign,
}

/// Whether a verb is open to me here, and why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerbState {
    pub verb: Verb,
    pub why_not: Option<String>,
}

/// One thing to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What is stored; `None` clears the field.
    pub value: Value,
    pub label: String,
    /// Beside the label: its region, how many drones.
    pub note: String,
    /// Why it cannot be chosen.
    pub why_not: Option<String>,
}

/// What fronts are told.
#[derive(Clone, Debug)]
pub enum Event {
    /// Rows changed: lists and details are to be asked again.
    Data,
    /// The status changed.
    Status,
    /// What came of something that went on in the background, in words.
    Told(String),
    /// An action that was submitted came to this.
    Done {
        op: Uuid,
        result: Result<Done, ServiceError>,
    },
    /// A wish about the own sign-in came to this.
    Own(Uuid, Result<OwnDone, ServiceError>),
    /// What this machine has is sealed with an older password than the server takes: `Service::open_with_old`,
    /// `set_aside` or `let_be` is the answer. `wrong`: why the old password that was given did not do.
    OlderPassword {
        /// Edits in it that were not sent, where known.
        unsent: Option<usize>,
        wrong: Option<ServiceError>,
    },
    /// The account is open in another console: `Service::take_over` or `Service::let_be` is the answer.
    InUse(Box<InUse>),
    /// What a takeover came to so far, in words.
    TakingOver(String),
    /// Another console has taken over: the session has ended here, and the front is to leave.
    Moved {
        to: Holder,
        at: Stamp,
        /// Edits that went along unsent.
        waiting: usize,
    },
    /// Somebody signed in (`offline`: with what this machine has), or could not.
    SignedIn {
        offline: bool,
        /// What of this machine's files was found damaged.
        trouble: Option<ServiceError>,
    },
    SignInFailed(ServiceError),
    /// The console was locked: nothing of the account may stay on the screen. `syncing`: traffic goes on.
    Locked {
        syncing: bool,
    },
    /// Its owner opened it again, and it had synced on. One that was shut is told by `SignedIn`.
    Unlocked,
    /// New recovery words, to be shown once.
    Words(SecretString),
    SignedOut {
        why: Option<String>,
    },
}
