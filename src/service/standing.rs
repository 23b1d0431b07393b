//! How the line and the disk stand, as the runner and the desk told it last.

use std::time::Instant;

use uuid::Uuid;

use super::lease::Lease;
use super::session::Inner;
use super::{Account, DiskState, Event, Link, News, Status, Traffic, cells, initial, read, write};
use crate::domain::{Role, Stamp};
use crate::remote::wire::Progress;
use crate::store::{Gap, Summary};
use crate::sync::engine::{Line, Stop};
use crate::sync::history::History;

/// What the status is made of, beside the counts.
pub(super) struct State {
    pub(super) line: Line,
    /// Since when the line stands as it does.
    line_since: Option<Stamp>,
    next_try: Option<Stamp>,
    pub(super) progress: Option<Progress>,
    pub(super) not_saved: Option<String>,
    pub(super) disk: DiskState,
    /// What of the journal is lost and was not seen yet.
    pub(super) lost: Vec<Gap>,
    pub(super) training_line: Option<bool>,
    pub(super) traffic: Traffic,
    pub(super) lease: Lease,
    /// When the server was asked for this device's key.
    pub(super) key_asked: Option<Instant>,
    /// It was answered in this session, and this machine goes on.
    pub(super) key_heard: bool,
    /// What the line was used for in this session.
    pub(super) history: History,
    /// Counts sign-ins, so that a late answer of an earlier one is known as such.
    pub(super) attempt: u64,
    /// What headquarters changed about the person, and whether somebody was at the keys since.
    news: Option<(News, bool)>,
    /// The person's role and region as they were told last.
    standing: Option<(Role, Option<Uuid>)>,
    /// How the account stood when that was noted beside it.
    pub(super) noted: Option<Summary>,
    /// What others changed meanwhile was told.
    pub(super) news_told: bool,
    /// As of when the rows were with which the session began.
    pub(super) as_of_at_start: Option<Stamp>,
}

impl State {
    pub(super) fn new(training: bool) -> Self {
        Self {
            line: Line::Unknown,
            line_since: None,
            next_try: None,
            progress: None,
            not_saved: None,
            disk: DiskState::default(),
            lost: Vec::new(),
            training_line: training.then_some(true),
            traffic: Traffic::Normal,
            lease: Lease::default(),
            key_asked: None,
            key_heard: false,
            history: History::default(),
            attempt: 0,
            news: None,
            standing: None,
            noted: None,
            news_told: false,
            as_of_at_start: None,
        }
    }

    /// A new session knows nothing of the line yet.
    pub(super) fn begin(&mut self, traffic: Traffic) {
        (self.line, self.line_since, self.next_try) = (Line::Unknown, None, None);
        (self.progress, self.not_saved, self.disk) = (None, None, DiskState::default());
        self.lost.clear();
        self.traffic = traffic;
        self.history = History::default();
        self.lease = Lease::default();
        (self.key_asked, self.key_heard) = (None, false);
        (self.standing, self.noted, self.news_told) = (None, None, false);
        self.news = None;
    }

    pub(super) fn line_changed(&mut self, line: Line, now: Stamp, as_of: Option<Stamp>) {
        tracing::info!(?line, "the line changed");
        let was_down = matches!(self.line, Line::Down { .. } | Line::Faulty { .. });
        self.line_since = match (&line, &self.line) {
            // Since when nothing was heard: at a start without a line, since the last time there was one.
            (Line::Down { .. }, Line::Unknown) => as_of.or(Some(now)),
            (Line::Down { .. }, _) if was_down => self.line_since,
            _ => Some(now),
        };
        if let Line::Faulty { wait_ms, .. } = &line {
            self.next_try = Some(Stamp(now.0 + i64::try_from(*wait_ms).unwrap_or(0) * 1000));
        }
        self.line = line;
    }

    pub(super) fn link(&self, now: Stamp) -> Link {
        match &self.line {
            Line::Unknown => Link::Connecting,
            Line::Up => match self.progress {
                Some(progress) => Link::Loading { done: progress.done, total: progress.total },
                None => Link::Online,
            },
            Line::Down { why } => Link::Offline { since: self.line_since.unwrap_or(now), why: why.clone() },
            Line::Faulty { .. } => {
                let wait = self.next_try.map_or(0, |at| (at.0 - now.0).max(0) / 1_000_000);
                Link::ServerFault { next_try_s: u64::try_from(wait).unwrap_or(0) }
            }
            Line::Stopped(Stop::SignInAgain) => Link::SignInAgain,
            Line::Stopped(Stop::SecondFactor) => Link::SecondFactor,
            Line::Stopped(Stop::Blocked) => Link::Blocked,
            Line::Stopped(Stop::Inactive) => Link::Inactive,
            Line::Stopped(Stop::NoProfile) => Link::NoProfile,
            Line::Stopped(Stop::Configuration { why }) => Link::CannotSync { why: why.clone() },
        }
    }
}

impl Inner {
    pub(super) fn status(&self) -> Status {
        if self.is_locked() {
            return self.locked_status();
        }
        let read_only = read(&self.config, |config| config.read_only);
        let empty = !read_only && self.look(initial::is_offered).unwrap_or(false);
        let now = self.settings.clock.now();
        self.look_at_lease();
        let counts = self.peek(|replica| {
            let later = (replica.blocked(), replica.confirmed());
            (replica.counts(), later, replica.meta().as_of, self.lease_over(replica))
        });
        let ((waiting, sending, needs_you), (blocked, confirmed), as_of, locked) = counts.unwrap_or_default();
        let account = self.account();
        read(&self.state, |state| Status {
            link: match (&account, locked, state.link(now)) {
                (None, ..) => Link::SignedOut,
                (_, _, shut @ (Link::Inactive | Link::NoProfile | Link::Blocked)) => shut,
                (_, Some(days), _) => Link::Locked { days },
                (_, None, link) => link,
            },
            account,
            as_of,
            waiting,
            sending,
            needs_you,
            blocked,
            confirmed,
            empty,
            traffic: state.traffic,
            bytes: state.history.bytes().total(),
            not_saved: state.not_saved.clone(),
            news: state.news.as_ref().map(|(news, _)| news.clone()),
            disk: state.disk,
            training_line: state.training_line,
            read_only,
        })
    }

    /// Of a locked console: counts, and nothing by which anybody could be known.
    fn locked_status(&self) -> Status {
        let (waiting, syncing) = self.locked_counts();
        let training_line = read(&self.state, |state| state.training_line);
        let read_only = read(&self.config, |config| config.read_only);
        Status { training_line, read_only, ..Status::locked(waiting, syncing) }
    }

    /// Says so where headquarters gave the person another role or region since it was looked at last.
    pub(super) fn note_standing(&self) {
        let seen = self.peek(|replica| {
            let actor = replica.actor()?;
            let region =
                actor.region.map(|id| replica.view().region(id).map(|region| region.name.to_string()));
            // A region whose row has not come yet has no name to tell.
            let region = region.map_or(Some(None), |name| name.map(Some))?;
            Some((actor.role, actor.region, region))
        });
        let Some((role, id, region)) = seen.flatten() else { return };
        let before = write(&self.state, |state| state.standing.replace((role, id)));
        let Some((old_role, old_id)) = before.filter(|before| *before != (role, id)) else { return };
        let region = match &region {
            Some(name) => format!("Your region is now {name}."),
            None => "You have no region now.".to_owned(),
        };
        let role_told = (role != old_role).then(|| format!("Your role is now {role}."));
        let told: Vec<String> = role_told.into_iter().chain((id != old_id).then_some(region)).collect();
        let text = told.iter().map(|told| loudly(told)).collect::<Vec<_>>().join(", ");
        write(&self.state, |state| state.news = Some((News { text, reloading: true }, false)));
        self.emit(Event::Told(format!("{} What you see follows.", told.join(" "))));
    }

    /// What the person may see now has been loaded.
    pub(super) fn news_loaded(&self) {
        self.change_news(|news, _| news.reloading = false);
    }

    /// Somebody was at the keys, and saw the state line.
    pub(super) fn news_seen(&self) {
        self.change_news(|_, seen| *seen = true);
    }

    /// What was loaded and seen is put away.
    fn change_news(&self, change: impl FnOnce(&mut News, &mut bool)) {
        let changed = write(&self.state, |state| {
            let Some((news, seen)) = &mut state.news else { return false };
            let before = news.clone();
            change(news, seen);
            let is_over = *seen && !news.reloading;
            let changed = is_over || *news != before;
            if is_over {
                state.news = None;
            }
            changed
        });
        if changed {
            self.emit(Event::Status);
        }
    }

    fn account(&self) -> Option<Account> {
        let (project, email) = read(&self.session, |session| {
            session.as_ref().map(|session| (session.project.clone(), session.email.clone()))
        })?;
        let (actor, region) = self.peek(|replica| {
            let actor = replica.actor();
            let region =
                actor.and_then(|actor| actor.region).map(|id| cells::region_name(replica.view(), Some(id)));
            (actor, region)
        })?;
        Some(Account { project, email, user: actor.map(|a| a.user), role: actor.map(|a| a.role), region })
    }
}

/// The same for the state line: its verbs in capitals, what it names as it is.
fn loudly(told: &str) -> String {
    let told = told.trim_end_matches('.');
    match told.split_once(" now ") {
        Some((what, name)) => format!("{} NOW {name}", what.to_uppercase()),
        None => told.to_uppercase(),
    }
}
