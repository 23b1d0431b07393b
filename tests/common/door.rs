//! A console without a screen: the service as a front drives it, for the tests of the door on any server.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test binary uses its own part of this, and a helper fails its test"
)]

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use flyos::domain::{Fields, Intent, Key, Kind};
use flyos::service::{
    Action, Clock, Config, Done, Event, Folders, Front, Link, ListQuery, Own, OwnDone, ProjectConfig,
    Service, ServiceError, Settings,
};
use flyos::sync::engine::Rhythm;
use flyos::vault::KdfParams;

pub const PATIENCE: Duration = Duration::from_secs(30);
pub const PASSWORD: &str = "FlyOS2025!";

/// What a person types in about a project.
pub struct Address {
    pub url: String,
    pub key: String,
}

/// A console, without a screen.
pub struct Person {
    pub service: Service,
    pub events: Receiver<Event>,
}

impl Person {
    pub fn at(home: &Path, server: &Address) -> Self {
        Self::polling(home, server, 2_000)
    }

    /// Asks by itself only so often; in between it must be nudged.
    pub fn polling(home: &Path, server: &Address, poll_ms: u64) -> Self {
        Self::by_clock(home, server, poll_ms, Clock::system())
    }

    /// One whose wall clock can be set.
    pub fn by_clock(home: &Path, server: &Address, poll_ms: u64, clock: Clock) -> Self {
        Self::configured(home, server, poll_ms, clock, |_| {})
    }

    /// And whose configuration says more.
    pub fn configured(
        home: &Path,
        server: &Address,
        poll_ms: u64,
        clock: Clock,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let project =
            ProjectConfig { url: server.url.clone(), key: server.key.clone(), accounts: Vec::new() };
        let mut config = Config { projects: [("p".to_owned(), project)].into(), ..Config::default() };
        change(&mut config);
        let service = Service::open(Settings {
            folders: Folders::under(home),
            config,
            problem: None,
            training: None,
            clock,
            rhythm: Rhythm { poll_ms, ..Rhythm::default() },
            kdf: KdfParams::cheap(),
        })
        .unwrap();
        let (sink, events) = channel();
        service.subscribe(move |event| drop(sink.send(event)));
        Self { service, events }
    }

    pub fn sign_in(&self, email: &str, password: &str) -> Result<bool, ServiceError> {
        self.sign_in_as(Front::Test, email, password)
    }

    /// The same, as a front of that kind.
    pub fn sign_in_as(&self, front: Front, email: &str, password: &str) -> Result<bool, ServiceError> {
        self.service.sign_in(&self.service.ctx(front), "p", email, password.into());
        loop {
            match self.events.recv_timeout(PATIENCE).expect("an end of the sign-in") {
                Event::SignedIn { offline, .. } => return Ok(offline),
                Event::SignInFailed(error) => return Err(error),
                Event::InUse(other) => return Err(other.refusal()),
                Event::OlderPassword { unsent, .. } => panic!("sealed with an older one: {unsent:?}"),
                _ => {}
            }
        }
    }

    /// Does what is wished about the own sign-in, and waits for its end.
    pub fn own(&self, wish: Own) -> Result<OwnDone, ServiceError> {
        let ctx = self.service.ctx(Front::Test);
        self.service.own(&ctx, wish);
        loop {
            match self.events.recv_timeout(PATIENCE).expect("an end of it") {
                Event::Own(op, result) if op == ctx.op => return result,
                _ => {}
            }
        }
    }

    pub fn in_sync(home: &Path, server: &Address, email: &str) -> Self {
        Self::at(home, server).synced(email)
    }

    pub fn synced(self, email: &str) -> Self {
        let person = self;
        person.sign_in(email, PASSWORD).unwrap();
        person.wait("up to date", |service| {
            let status = service.status();
            status.link == Link::Online && status.waiting == 0 && status.as_of.is_some()
        });
        person
    }

    #[track_caller]
    pub fn wait(&self, what: &str, holds: impl Fn(&Service) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds(&self.service) {
            assert!(Instant::now() < end, "not in time: {what}; {:?}", self.service.status());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn edit(&self, intent: Intent) -> Result<Done, ServiceError> {
        self.service
            .run(&self.service.ctx(Front::Test), Action::Edit { intent, reason: None, seen: Fields::new() })
    }

    pub fn set(&self, key: Key, field: &str, value: &str) -> Result<Done, ServiceError> {
        self.edit(Intent::Update { key, set: Fields::from([(field.to_owned(), Some(value.to_owned()))]) })
    }

    pub fn labels(&self, kind: Kind, filter: &str) -> Vec<String> {
        let sort = if kind == Kind::Drone { "id" } else { "username" };
        let query = ListQuery {
            kind,
            filter: filter.to_owned(),
            sort: sort.to_owned(),
            descending: false,
            offset: 0,
            limit: 1000,
        };
        self.service
            .list(&self.service.ctx(Front::Test), &query)
            .rows
            .into_iter()
            .map(|row| row.label)
            .collect()
    }

    /// The key of the first row that a filter leaves.
    pub fn key(&self, kind: Kind, filter: &str) -> String {
        let query = ListQuery {
            kind,
            filter: filter.to_owned(),
            sort: if kind == Kind::Region { "name" } else { "username" }.to_owned(),
            descending: false,
            offset: 0,
            limit: 1,
        };
        self.service.list(&self.service.ctx(Front::Test), &query).rows[0].key.pk.clone()
    }

    pub fn field(&self, key: &Key, field: &str) -> Option<String> {
        self.service.show(&self.service.ctx(Front::Test), key)?.fields.get(field).cloned().flatten()
    }

    pub fn up_to_date(&self) {
        self.wait("everything sent", |service| {
            service.status().waiting == 0 && service.outbox(&service.ctx(Front::Test)).is_empty()
        });
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.service.close();
    }
}

pub fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}
