//! A console without a screen: the service in this process, as a front drives it.

#![allow(dead_code, reason = "each bench uses its own part of this")]

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use flyos::domain::{Fields, Intent, Key, Kind};
use flyos::service::{
    Action, Clock, Config, Done, Event, Folders, Front, Link, ListQuery, OpCtx, ProjectConfig, Service,
    Settings, Traffic,
};
use flyos::sync::engine::Rhythm;
use flyos::vault::KdfParams;

use crate::common::PASSWORD;

/// Headquarters sees every row.
pub const EMAIL: &str = "main@flyos.mil";
/// The longest between two looks, where no event tells.
const LOOK: Duration = Duration::from_millis(20);
/// Before a wait is given up: a million rows take a minute or two.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where a console finds its home and its server.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub home: &'a Path,
    pub url: &'a str,
    pub key: &'a str,
}

pub struct Person {
    pub service: Service,
    events: Receiver<Event>,
}

impl Person {
    /// Opens the door; the key derivation is the cheapest, since it is measured by itself.
    pub fn at(place: Place<'_>) -> anyhow::Result<Self> {
        let (url, key) = (place.url.to_owned(), place.key.to_owned());
        let project = ProjectConfig { url, key, accounts: Vec::new() };
        let service = Service::open(Settings {
            folders: Folders::under(place.home),
            config: Config { projects: [("p".to_owned(), project)].into(), ..Config::default() },
            problem: None,
            training: None,
            clock: Clock::system(),
            rhythm: Rhythm::default(),
            kdf: KdfParams::cheap(),
        })?;
        let (sink, events) = channel();
        service.subscribe(move |event| drop(sink.send(event)));
        Ok(Self { service, events })
    }

    /// Signs in; gives how long that took.
    pub fn sign_in(&self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        self.service.sign_in(&self.ctx(), "p", EMAIL, PASSWORD.into());
        loop {
            match self.events.recv_timeout(PATIENCE).context("no end of the sign-in")? {
                Event::SignedIn { .. } => return Ok(begun.elapsed()),
                Event::SignInFailed(error) => bail!("the sign-in failed: {}", error.message),
                Event::InUse(other) => bail!("the sign-in failed: {}", other.refusal().message),
                _ => {}
            }
        }
    }

    /// Signed in, with all rows.
    pub fn in_sync(place: Place<'_>) -> anyhow::Result<Self> {
        let person = Self::known(place)?;
        person.up_to_date()?;
        Ok(person)
    }

    /// Signed in with what this machine has.
    pub fn known(place: Place<'_>) -> anyhow::Result<Self> {
        let person = Self::at(place)?;
        person.sign_in()?;
        Ok(person)
    }

    pub fn up_to_date(&self) -> anyhow::Result<Instant> {
        self.wait("up to date", |service| {
            let status = service.status();
            status.link == Link::Online && status.waiting == 0 && status.as_of.is_some()
        })
    }

    pub fn is_offline(&self) -> bool {
        matches!(self.service.status().link, Link::Offline { .. })
    }

    /// The time when something holds, looked at with every event.
    pub fn wait(&self, what: &str, holds: impl Fn(&Service) -> bool) -> anyhow::Result<Instant> {
        let end = Instant::now() + PATIENCE;
        while !holds(&self.service) {
            anyhow::ensure!(Instant::now() < end, "not in time: {what}; {:?}", self.service.status());
            self.pause(LOOK);
        }
        Ok(Instant::now())
    }

    /// Until the next event, but no longer than this. Those that came meanwhile are one.
    pub fn pause(&self, most: Duration) {
        if self.events.recv_timeout(most).is_ok() {
            self.events.try_iter().for_each(drop);
        }
    }

    pub fn ctx(&self) -> OpCtx {
        self.service.ctx(Front::Test)
    }

    pub fn status_of(&self, drone: &Key) -> Option<String> {
        self.field(drone, "status")
    }

    pub fn field(&self, key: &Key, name: &str) -> Option<String> {
        self.service.show(&self.ctx(), key)?.fields.get(name).cloned().flatten()
    }

    // ---- what a person does ----

    pub fn act(&self, action: Action) -> anyhow::Result<Done> {
        let done = self.service.run(&self.ctx(), action);
        done.map_err(|error| anyhow::anyhow!("it was refused: {}", error.message))
    }

    pub fn sync_now(&self) -> anyhow::Result<()> {
        self.act(Action::SyncNow).map(drop)
    }

    pub fn set_traffic(&self, traffic: Traffic) -> anyhow::Result<()> {
        self.act(Action::SetTraffic { traffic }).map(drop)
    }

    /// Sets a drone to another status than it has; gives the new one, once it is on disk.
    pub fn change(&self, drone: &Key) -> anyhow::Result<String> {
        let other = if self.status_of(drone).as_deref() == Some("STANDBY") { "ACTIVE" } else { "STANDBY" };
        self.act(Action::Edit { intent: update(drone, "status", other), reason: None, seen: Fields::new() })?;
        Ok(other.to_owned())
    }

    /// Saves as many edits, each of which stands for itself.
    pub fn save_all(&self, intents: Vec<Intent>) -> anyhow::Result<()> {
        let wanted = intents.len();
        let done = self.act(Action::Bulk { intents, reason: None, together: false, deed: None })?;
        anyhow::ensure!(matches!(done, Done::Bulk { saved, .. } if saved == wanted), "{wanted}: {done:?}");
        Ok(())
    }

    // ---- what a person sees ----

    pub fn query(kind: Kind, filter: &str, offset: usize, limit: usize) -> ListQuery {
        let sort = flyos::service::columns(kind).first().copied().unwrap_or("id").to_owned();
        ListQuery { kind, filter: filter.to_owned(), sort, descending: false, offset, limit }
    }

    pub fn drones(&self, count: usize) -> Vec<Key> {
        let page = self.service.list(&self.ctx(), &Self::query(Kind::Drone, "", 0, count));
        page.rows.into_iter().map(|row| row.key).collect()
    }

    pub fn rows(&self) -> usize {
        let total = |kind: &Kind| self.service.list(&self.ctx(), &Self::query(*kind, "", 0, 1)).total;
        Kind::ALL.iter().map(total).sum()
    }

    /// Every row with every value.
    pub fn everything(&self) -> Vec<(Key, Fields)> {
        let ctx = self.ctx();
        let mut rows = Vec::new();
        for kind in Kind::ALL {
            for row in self.service.list(&ctx, &Self::query(kind, "", 0, usize::MAX)).rows {
                let full = self.service.show(&ctx, &row.key).map(|full| full.fields);
                rows.push((row.key, full.unwrap_or_default()));
            }
        }
        rows.sort();
        rows
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.service.close();
    }
}

pub fn update(key: &Key, field: &str, value: &str) -> Intent {
    Intent::Update { key: key.clone(), set: Fields::from([(field.to_owned(), Some(value.to_owned()))]) }
}
