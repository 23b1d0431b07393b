//! What goes through the door: actions, queries, their answers, and events. Plain serialisable values: the
//! same one can come from a key, a command line, a socket or a test. A password is never part of one. An enum whose
//! variants hold lists or numbers has its name and its content side by side: a list has no place for a name, and
//! numbers do not survive the detour that JSON takes otherwise where it keeps them to the last digit.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ServiceError;
pub use super::accounts::{AccountDeed, Administer};
pub use super::activity::{Activity, ActivityLine};
pub use super::aside::Aside;
pub use super::backup::copy::{CopiedEdit, CopiedRow, CopyFrom, CopyHead, CopyPage, CopyQuery};
pub use super::choice::{Choice, Verb, VerbState};
pub use super::control::{InUse, Whois};
pub use super::detail::{Detail, DetailLine, Related};
pub use super::devices::Machine;
pub use super::held::DiskState;
pub use super::line::{RunView, Verdict};
pub use super::metrics::SessionMetrics;
pub use super::outbox::*;
pub use super::overview::{Figure, Group, Overview};
pub use super::own::{Enrolling, FactorView, Own, OwnDone, Redeem};
pub use super::rows::{RowData, RowsPage, RowsQuery};
pub use super::secrets::Confidence;
pub use super::sessions::Sessions;
pub use super::setup::*;
pub use super::state::*;
pub use super::stored::{Moment, StoredPage, StoredQuery, Undecided};
pub use super::tables::*;
pub use super::taste::{ColumnLook, Look, Taste, Unfinished, View};
pub use super::unlinked::AccountsView;
use crate::domain::{Fields, Intent, Key, Kind, Stamp};
pub use crate::session::Shut;
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
    /// nothing is saved where one is refused); else each stands for itself, and those refused are told. `deed`: the
    /// name of the whole of which this is a portion: it is undone as one.
    Bulk {
        intents: Vec<Intent>,
        reason: Option<String>,
        together: bool,
        #[serde(default)]
        deed: Option<Uuid>,
    },
    /// What each of several edits would come to, were they made now; changes nothing. Told by `Done::Rehearsed`.
    Rehearse {
        intents: Vec<Intent>,
    },
    /// Reads how the lists look; `KeepTaste` keeps it.
    ReadTaste,
    KeepTaste {
        taste: Taste,
    },
    /// Takes back what was done last in this session, one edit or one bulk action: as if it had not been where it was
    /// not sent yet, else by its opposite as a new edit.
    Undo,
    /// Does again what was undone last.
    Redo,
    /// Fills an empty project with the initial data set; offered by `Status::empty`.
    LoadInitial,
    /// Settles an edit that needs a decision.
    Settle {
        edit: u64,
        decision: Decision,
    },
    /// Sends the edits that are held back, or lets go of them.
    SettleHeld {
        send: bool,
    },
    /// Gives the edits that wait their ids for sending: by one name they are applied once, whoever sends them.
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
    Retry {
        edit: u64,
    },
    /// Reads further back who did what; `Event::Data` tells when it is here.
    MoreActivity,
    /// The same of one row.
    MoreHistory {
        key: Key,
    },
    /// How freely the line is used, until the session ends or it is said anew.
    SetTraffic {
        traffic: Traffic,
    },
    /// Ends the session; what this machine has is kept.
    SignOut,
    /// The same, waiting until the server was told; or ends the account's sessions elsewhere, for which a line is needed.
    EndSessions {
        sessions: Sessions,
    },
    /// Ends the session and erases what this machine has of the account, its keys first. Unsent edits are lost.
    Erase,
    /// Lists people's machines, as the server knows them.
    Machines,
    /// Has what that machine keeps for that person erased, the next time it is heard of.
    EraseMachine {
        user: Uuid,
        device: Uuid,
    },
    /// Looks at the sign-in accounts without a profile, or at those that are named, by id or address: how they and the
    /// profiles stand to each other, and what a sync would make of each. Told by `Done::Accounts`.
    Accounts {
        who: Vec<String>,
    },
    /// Locks the console, as when it is left alone.
    Lock,
    /// Takes the recovery words away: they open nothing any more.
    RemoveWords,
    /// Remembers a project in the configuration file.
    AddProject {
        name: String,
        url: String,
        key: String,
    },
    /// In training: takes the line away or gives it back.
    TrainingLine {
        up: bool,
    },
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
    /// How the lists look; `problem`: why it is not as it was left.
    Taste {
        taste: Taste,
        problem: Option<String>,
    },
    TasteKept,
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
    VerifyAsked,
    ReloadAsked,
    ActivityAsked,
    /// Somebody's sign-in account was changed; `summary` says what.
    Account {
        summary: String,
    },
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
    Machines(Vec<Machine>),
    MachineErased,
    Accounts(Box<AccountsView>),
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
    /// Users, regions and drones by what people call them.
    Find {
        text: String,
    },
    /// A filter that is being typed, completed.
    Complete {
        kind: Kind,
        filter: String,
    },
    /// Rows as data.
    Rows(RowsQuery),
    /// One row as data, by its key, or by a column of which no two rows have the same.
    Row {
        kind: Kind,
        name: String,
    },
    /// A page of rows as they are stored, for files.
    Stored(StoredQuery),
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
    /// What that verb can set these rows to, or whom it can be about; what is possible for none of them says why.
    ChoicesFor {
        verb: Verb,
        keys: Vec<Key>,
    },
    /// The fields that I may change in none of these rows, with the reason.
    Locked {
        keys: Vec<Key>,
    },
    /// What would follow from an edit, in words; for confirmations.
    Consequences {
        intent: Intent,
    },
    /// Edits that wait, are on their way, or need a decision.
    Outbox,
    /// What the line was used for in this session.
    Runs,
    /// The fleet and the people in figures.
    Overview,
    /// Who did what, as far as it is here; what came since is read from the server meanwhile.
    Activity,
    /// The same of one row.
    History {
        key: Key,
    },
    /// Figures of this session, for watching.
    Metrics,
    /// Edits that need a decision, with what can be decided.
    Cards,
    /// Entries of the journal that are lost and that nobody has seen yet.
    Lost,
    /// Which ways there are to what this machine has, beside the password.
    Ways,
    /// What is kept aside of the account, since it did not open.
    Aside,
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
    Row(Option<Box<RowData>>),
    Stored(StoredPage),
    Copy(Box<CopyPage>),
    Keys(Vec<Key>),
    Completed(Completion),
    Found(Vec<Found>),
    Show(Option<Box<Detail>>),
    Status(Box<Status>),
    Verbs(Vec<VerbState>),
    Choices(Vec<Choice>),
    Locked(BTreeMap<String, String>),
    Consequences(Vec<String>),
    Outbox(Vec<OutboxLine>),
    Runs(Vec<RunView>),
    /// Absent while they are counted for the first time; `Event::Data` tells.
    Overview(Option<Overview>),
    Activity(Activity),
    History(Activity),
    Metrics(Box<SessionMetrics>),
    Cards(Vec<Card>),
    Lost(Vec<Gap>),
    Export(String),
    Ways(Ways),
    Aside(Vec<Aside>),
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
    /// What a search over very many rows found, and for which text.
    Found(String, Vec<Found>),
    /// An action that was submitted came to this.
    Done {
        op: Uuid,
        result: Result<Done, ServiceError>,
    },
    /// A wish about the own sign-in came to this.
    Own(Uuid, Result<OwnDone, ServiceError>),
    /// What this machine has does not open by the password that the server takes, most often since it is sealed with an
    /// older one: `Service::open_with_old`, `set_aside` or `let_be` is the answer. `wrong`: why the old password that was
    /// given did not do.
    OlderPassword {
        why: Shut,
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
