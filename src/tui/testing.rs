//! A console without a service: a small fixed data set that answers what the screen asks, a fixed clock, and
//! a harness in which keys go in and a screen comes out.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use super::app::{App, Effect, Msg};
use super::decode::{Decoder, Input};
use super::press::{Code, Press};
use super::theme::Theme;
use crate::domain::{Fields, Intent, Key, Kind, Role, Stamp, merge::Clash};
use crate::service::{
    Account, Action, Activity, ActivityLine, Answer, Aside, Card, CardField, Choice, Completion, Decision,
    Detail, DetailLine, Done, EditState, ErrorKind, Event, Figure, Foreseen, Found, Gap, Group, Kept, Link,
    ListPage, ListQuery, Machine, Mark, OutboxLine, Overview, Own, OwnDone, ProjectView, Query, Related,
    RowView, RunView, ServiceError, Setup, Status, Taste, TrainingHint, Verb, VerbState, Wanted,
};

/// Sat 21 Nov 2026, 13:30 UTC.
pub const NOW: Stamp = Stamp(1_795_267_800_000_000);
const MINUTE: i64 = 60_000_000;
/// The drones that the operator of the tests holds: the first ones, with all marks among them.
const HELD: usize = 8;

pub fn ago(minutes: i64) -> Stamp {
    Stamp(NOW.0 - minutes * MINUTE)
}

/// The rows, by kind, in the order of their first column.
pub struct Fake {
    pub rows: BTreeMap<Kind, Vec<RowView>>,
    /// There are so many that their order is made meanwhile.
    pub coming: bool,
    pub outbox: Vec<OutboxLine>,
    pub status: Status,
    pub setup: Setup,
    pub role: Role,
    /// What the next submission comes to; `None`: it is saved.
    pub refusal: Option<ServiceError>,
    /// Edits that need a decision.
    pub cards: Vec<Card>,
    pub runs: Vec<RunView>,
    pub overview: Option<Overview>,
    pub activity: Activity,
    /// Wishes about others' accounts, as `Debug` shows them.
    pub administered: Vec<String>,
    pub lost: Vec<Gap>,
    pub asides: Vec<Aside>,
    pub machines: Vec<Machine>,
    /// What the next bulk action refuses, by name.
    pub refused: Vec<(String, String)>,
    /// What would follow from each of several edits.
    pub follows: Vec<String>,
    /// How the lists look, as it was kept.
    pub taste: Taste,
    pub taste_problem: Option<String>,
    pub actions: Vec<Action>,
    /// Wishes about the own sign-in, and what they come to; without an answer they are under way.
    pub owns: Vec<Own>,
    pub own_answers: std::collections::VecDeque<Result<OwnDone, ServiceError>>,
    /// The rows that verbs were asked for, in order.
    pub verbs_asked: std::cell::RefCell<Vec<Option<Key>>>,
}

fn user_key(n: u128) -> Key {
    Key::user(Uuid::from_u128(0x1000 + n))
}

fn region_key(n: u128) -> Key {
    Key::region(Uuid::from_u128(0x2000 + n))
}

fn row(key: Key, label: &str, cells: &[(&str, &str)], minutes: i64) -> RowView {
    RowView {
        key,
        label: label.to_owned(),
        cells: cells.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect(),
        changed: Some(ago(minutes)),
        mark: None,
        needs_you: false,
        alert: None,
    }
}

fn users() -> Vec<RowView> {
    let people = [
        ("east_hq", "Col. Sarah Mitchell", "REGIONAL_HQ", "ACTIVE", "Eastern", "0"),
        ("j_okafor", "Joy Okafor", "OPERATOR", "ACTIVE", "Eastern", "2"),
        ("l_rodin", "Lea Rodin", "OPERATOR", "INACTIVE", "Western", "1"),
        ("m_rodriguez", "Miguel Rodríguez", "OPERATOR", "ACTIVE", "Eastern", "2"),
        ("main", "Maj. Gen. Ada Lind", "MAIN_HQ", "ACTIVE", "-", "0"),
        ("p_rodman", "Pat Rodman", "OPERATOR", "ACTIVE", "Eastern", "0"),
    ];
    let person =
        |(n, (name, full, role, status, region, drones)): (usize, (&str, &str, &str, &str, &str, &str))| {
            let email = format!("{name}@flyos.mil");
            let cells = [
                ("username", name),
                ("full_name", full),
                ("role", role),
                ("status", status),
                ("region", region),
                ("drones", drones),
                ("email", email.as_str()),
            ];
            row(user_key(n as u128), name, &cells, 60 * 24 * (i64::try_from(n).unwrap_or(0) * 9 + 1))
        };
    people.into_iter().enumerate().map(person).collect()
}

fn regions() -> Vec<RowView> {
    let region = |n, name: &str, area: &str, commander: &str, users: &str, drones: &str| {
        let cells = [
            ("name", name),
            ("area", area),
            ("commander_name", commander),
            ("status", "ACTIVE"),
            ("users", users),
            ("drones", drones),
        ];
        row(region_key(n), name, &cells, 60 * 24 * 30)
    };
    vec![
        region(0, "Eastern", "Eastern Seaboard", "Col. Sarah Mitchell", "88", "642"),
        region(1, "Western", "Pacific Coast", "-", "71", "553"),
    ]
}

fn drones() -> Vec<RowView> {
    let drone = |n: usize| {
        let id = format!("drone-{n:03}");
        let status = ["ACTIVE", "STANDBY", "ACTIVE", "MAINTENANCE", "OFFLINE"][n % 5];
        // The first ones are everybody's: commander and operator of the tests are of the Eastern region.
        let region = if n > HELD && n.is_multiple_of(3) { "Western" } else { "Eastern" };
        let operator = ["m_rodriguez", "-", "j_okafor", "-"][n % 4];
        let model = ["FlyOS_MQ5", "FlyOS_MQ7", "FlyOS_MQ9"][n % 3];
        let cells = [
            ("id", id.as_str()),
            ("model", model),
            ("status", status),
            ("region", region),
            ("operator", operator),
        ];
        let minutes = i64::try_from(n * n * 7).unwrap_or(0) + 3;
        row(Key::drone(&id), &id, &cells, minutes)
    };
    let mut drones: Vec<RowView> = (1..=60).map(drone).collect();
    drones[2].mark = Some(Mark::Changed);
    drones[4].mark = Some(Mark::New);
    drones[5].mark = Some(Mark::Deleted);
    drones[6].needs_you = true;
    drones[6].alert = Some("Its operator is INACTIVE.".to_owned());
    drones
}

pub fn status() -> Status {
    Status {
        account: Some(Account {
            project: "training".to_owned(),
            email: "main@flyos.mil".to_owned(),
            user: Some(Uuid::from_u128(0x1004)),
            role: Some(Role::MainHq),
            region: None,
        }),
        link: Link::Offline { since: ago(134), why: "no route".to_owned() },
        as_of: Some(ago(134)),
        waiting: 3,
        sending: 0,
        needs_you: 1,
        blocked: 0,
        confirmed: 0,
        not_saved: None,
        disk: crate::service::DiskState::default(),
        news: None,
        training_line: None,
        empty: false,
        traffic: crate::service::Traffic::Normal,
        bytes: 12_400,
        read_only: false,
    }
}

pub fn setup() -> Setup {
    let view = |name: &str, url: &str| ProjectView { name: name.to_owned(), url: url.to_owned() };
    Setup {
        projects: vec![view("field", "https://abc.supabase.co"), view("second", "https://def.supabase.co")],
        known: vec![
            ("field".to_owned(), "east@flyos.mil".to_owned()),
            ("field".to_owned(), "west@flyos.mil".to_owned()),
        ],
        training: None,
        problem: None,
    }
}

pub fn training_setup() -> Setup {
    let account = |email: &str, who: &str| (email.to_owned(), who.to_owned());
    Setup {
        projects: vec![ProjectView { name: "training".to_owned(), url: "http://127.0.0.1:4020".to_owned() }],
        known: Vec::new(),
        training: Some(TrainingHint {
            accounts: vec![
                account("main@flyos.mil", "headquarters"),
                account("east@flyos.mil", "regional commander, Eastern"),
                account("west@flyos.mil", "regional commander, Western"),
                account("operator1@flyos.mil", "operator, Eastern"),
                account("operator2@flyos.mil", "operator, Western"),
            ],
            password: "FlyOS2025!".to_owned(),
        }),
        problem: None,
    }
}

/// What the line was used for, newest first.
pub fn runs() -> Vec<RunView> {
    let run = |minutes, what: &str, came: &str, rows, edits, failed| RunView {
        at: ago(minutes),
        what: what.to_owned(),
        came: came.to_owned(),
        took_ms: 40 * (rows as u64 + 3),
        bytes: 1600 + 120 * rows as u64,
        failed,
        up: 1100,
        rows,
        edits,
        verdict: None,
    };
    vec![
        run(134, "asked for news, 3 times", "failed, no route", 0, 0, true),
        run(149, "sent", "3 edits answered", 0, 3, false),
        run(150, "asked for news", "12 rows", 12, 0, false),
        run(165, "asked for news", "1,204 rows", 1204, 0, false),
    ]
}

/// Who did what: an unsent edit of one's own, and three lines of the server's.
pub fn activity() -> Activity {
    let line =
        |id: Option<i64>, minutes, who: &str, drone: &str, what: &str, reason: Option<&str>| ActivityLine {
            id,
            at: ago(minutes),
            who: who.to_owned(),
            from: match who {
                "you" | "main" => Some("this machine".to_owned()),
                "postgres" => Some("outside the console".to_owned()),
                _ => Some("machine 3fa94c21".to_owned()),
            },
            key: Key::drone(drone),
            label: drone.to_owned(),
            what: what.to_owned(),
            reason: reason.map(str::to_owned),
        };
    Activity {
        lines: vec![
            line(None, 130, "you", "drone-003", "status MAINTENANCE (was ACTIVE)", Some("left engine")),
            line(Some(12), 200, "east_hq", "drone-017", "operator m_rodriguez (was -)", None),
            line(Some(11), 3000, "main", "drone-017", "status STANDBY (was ACTIVE)", Some("inspection")),
            line(Some(10), 13000, "postgres", "drone-004", "new drone", None),
        ],
        as_of: Some(ago(134)),
        more: true,
        asking: false,
        trouble: None,
    }
}

/// The figures of a fleet.
pub fn overview() -> Overview {
    let figure = |word: &str, count, kind, filter: &str| Figure {
        word: word.to_owned(),
        count,
        kind,
        filter: filter.to_owned(),
        note: String::new(),
        alert: false,
        inside: Vec::new(),
    };
    let status = |word: &str, count| figure(word, count, Kind::Drone, &format!("status={word}"));
    let region = |name: &str, count, note: &str, alert| Figure {
        note: note.to_owned(),
        alert,
        inside: vec![
            figure("ACTIVE", count, Kind::Drone, &format!("region={name} status=ACTIVE")),
            figure("OPERATOR", 70, Kind::User, &format!("region={name} role=OPERATOR")),
        ],
        ..figure(name, count, Kind::Drone, &format!("region={name}"))
    };
    let wrong =
        |word: &str, count, kind, filter: &str| Figure { alert: true, ..figure(word, count, kind, filter) };
    let group = |title: &str, total, figures| Group { title: title.to_owned(), total, figures };
    Overview {
        since: Some(ago(52 * 60)),
        groups: vec![
            group("Since you were here", None, vec![figure("drones", 14, Kind::Drone, "changed:since")]),
            group(
                "Drones",
                Some(1204),
                vec![
                    status("ACTIVE", 812),
                    status("STANDBY", 301),
                    status("MAINTENANCE", 37),
                    status("OFFLINE", 54),
                ],
            ),
            group(
                "Look at",
                None,
                vec![
                    wrong("drones without operator", 9, Kind::Drone, "operator:-"),
                    wrong("region without commander", 1, Kind::Region, "commander:-"),
                ],
            ),
            group(
                "Drones by region",
                Some(1204),
                vec![
                    region("Eastern", 642, "88 users  Col. Sarah Mitchell", false),
                    region("Western", 553, "71 users  no commander", true),
                ],
            ),
            group("People", Some(159), vec![figure("OPERATOR", 150, Kind::User, "role=OPERATOR")]),
        ],
    }
}

impl Default for Fake {
    fn default() -> Self {
        let rows =
            BTreeMap::from([(Kind::User, users()), (Kind::Region, regions()), (Kind::Drone, drones())]);
        Self {
            rows,
            coming: false,
            outbox: Vec::new(),
            status: status(),
            setup: setup(),
            role: Role::MainHq,
            refusal: None,
            verbs_asked: std::cell::RefCell::default(),
            cards: Vec::new(),
            runs: runs(),
            overview: Some(overview()),
            activity: activity(),
            administered: Vec::new(),
            lost: Vec::new(),
            asides: Vec::new(),
            machines: Vec::new(),
            refused: Vec::new(),
            follows: Vec::new(),
            taste: Taste::default(),
            taste_problem: None,
            actions: Vec::new(),
            owns: Vec::new(),
            own_answers: std::collections::VecDeque::new(),
        }
    }
}

impl Fake {
    /// What somebody of that role has: headquarters everything, the others what is east or held.
    pub fn of(role: Role) -> Self {
        let mut fake = Self { role, ..Self::default() };
        let (name, region) = match role {
            Role::MainHq => return fake,
            Role::RegionalHq => ("east_hq", "Eastern"),
            Role::Operator => ("j_okafor", "Eastern"),
        };
        let cell =
            |row: &RowView, name: &str, text: &str| row.cells.get(name).is_some_and(|cell| cell == text);
        for (kind, rows) in &mut fake.rows {
            let own = if *kind == Kind::Region { "name" } else { "region" };
            rows.retain(|row| cell(row, own, region));
            match kind {
                Kind::User if role == Role::Operator => rows.retain(|row| row.label == name),
                Kind::Drone if role == Role::Operator => rows.truncate(HELD),
                _ => {}
            }
        }
        let user = fake.rows[&Kind::User].iter().find(|row| row.label == name).map(|row| row.key.pk.clone());
        fake.status.account = Some(Account {
            project: "training".to_owned(),
            email: format!("{name}@flyos.mil"),
            user: user.and_then(|pk| pk.parse().ok()),
            role: Some(role),
            region: region_key(0).pk.parse().ok(),
        });
        fake
    }

    fn matching(&self, query: &ListQuery) -> Vec<RowView> {
        let matches = |row: &&RowView| {
            let all = row.cells.values().cloned().collect::<Vec<_>>().join(" ").to_lowercase();
            query.filter.to_lowercase().split_whitespace().all(|word| match word.split_once(':') {
                Some((column, text)) => {
                    row.cells.get(column).is_some_and(|cell| cell.to_lowercase().contains(text))
                }
                None => all.contains(word),
            })
        };
        let mut rows: Vec<RowView> = self
            .rows
            .get(&query.kind)
            .into_iter()
            .flatten()
            .filter(|row| query.filter.is_empty() || matches(row))
            .cloned()
            .collect();
        for word in query.sort.split(',').rev() {
            let (down, name) = word.strip_prefix('-').map_or((false, word), |name| (true, name));
            rows.sort_by_cached_key(|row| match name {
                "changed" => row.changed.map(Stamp::text).unwrap_or_default(),
                column => row.cells.get(column).cloned().unwrap_or_default(),
            });
            if down {
                rows.reverse();
            }
        }
        rows
    }

    fn list(&self, query: &ListQuery) -> ListPage {
        if self.coming {
            return ListPage { total: 500_000, coming: true, ..ListPage::default() };
        }
        let rows = self.matching(query);
        ListPage {
            total: self.rows.get(&query.kind).map_or(0, Vec::len),
            matched: rows.len(),
            rows: rows.into_iter().skip(query.offset).take(query.limit).collect(),
            problem: query
                .filter
                .contains("color:")
                .then(|| "There is no column color here, but id, model.".to_owned()),
            coming: false,
        }
    }

    fn show(&self, key: &Key) -> Option<Detail> {
        let row = self.rows.get(&key.kind)?.iter().find(|row| row.key == *key)?.clone();
        let mut lines: Vec<DetailLine> = crate::service::columns(key.kind)
            .iter()
            .skip(1)
            .filter_map(|column| {
                let title =
                    key.kind.fields().iter().find(|field| field.name.trim_end_matches("_id") == *column);
                let title = title.map_or_else(|| (*column).to_owned(), |field| field.title.to_owned());
                Some(DetailLine { title, text: row.cells.get(*column)?.clone(), was: None })
            })
            .collect();
        let text = row.changed.map(Stamp::text).unwrap_or_default();
        lines.push(DetailLine { title: "Updated".to_owned(), text, was: None });
        if row.mark == Some(Mark::Changed) {
            lines[1].was = Some("ACTIVE".to_owned());
        }
        let related = match key.kind {
            Kind::Drone => vec![
                Related { title: "Region".to_owned(), items: vec![(region_key(0), "Eastern".to_owned())] },
                Related {
                    title: "Assigned".to_owned(),
                    items: vec![
                        (user_key(3), "m_rodriguez".to_owned()),
                        (user_key(1), "j_okafor".to_owned()),
                    ],
                },
            ],
            _ => vec![Related {
                title: "Drones".to_owned(),
                items: (1..=8)
                    .map(|n| (Key::drone(&format!("drone-{n:03}")), format!("drone-{n:03}")))
                    .collect(),
            }],
        };
        let edits = if row.needs_you { vec![conflict(key)] } else { Vec::new() };
        let fields: Fields = key
            .kind
            .fields()
            .iter()
            .map(|field| {
                let value = match field.name {
                    "region_id" => region_key(0).pk,
                    "operator_id" => user_key(3).pk,
                    name => row.cells.get(name).cloned().unwrap_or_default(),
                };
                (field.name.to_owned(), Some(value).filter(|value| !value.is_empty()))
            })
            .collect();
        let alerts = row.alert.iter().cloned().collect();
        Some(Detail { row, lines, related, alerts, edits, fields, locked: self.locked(key.kind) })
    }

    /// Rows that are OFFLINE cannot be changed; those in MAINTENANCE are so already.
    fn foreseen(&self, intents: &[Intent]) -> Vec<Foreseen> {
        let foreseen = |intent: &Intent| {
            let key = intent.key();
            let row = self.rows.get(&key.kind).and_then(|rows| rows.iter().find(|row| row.key == key));
            let status = row.and_then(|row| row.cells.get("status")).map(String::as_str);
            let refused = status == Some("OFFLINE");
            let what =
                if status == Some("MAINTENANCE") || refused { "" } else { "status MAINTENANCE (was ACTIVE)" };
            Foreseen {
                label: row.map_or(key.pk, |row| row.label.clone()),
                what: what.to_owned(),
                follows: self.follows.clone(),
                why_not: refused.then(|| "It is OFFLINE.".to_owned()),
            }
        };
        intents.iter().map(foreseen).collect()
    }

    fn locked(&self, kind: Kind) -> BTreeMap<String, String> {
        let fields = kind.fields().iter().filter(|field| field.name != "status" && self.role != Role::MainHq);
        fields
            .map(|field| (field.name.to_owned(), "To change this needs the role MAIN_HQ.".to_owned()))
            .collect()
    }

    fn verbs(&self, kind: Kind) -> Vec<VerbState> {
        let why = |verb| {
            let hq = matches!(verb, Verb::Create | Verb::Delete) || kind != Kind::Drone;
            (hq && self.role != Role::MainHq).then(|| "To do this needs the role MAIN_HQ.".to_owned())
        };
        let mut verbs = vec![Verb::Create, Verb::Edit, Verb::Delete, Verb::SetStatus];
        if kind != Kind::Region {
            verbs.extend([Verb::Assign, Verb::Unassign]);
        }
        verbs.into_iter().map(|verb| VerbState { verb, why_not: why(verb) }).collect()
    }

    fn choices(&self, kind: Kind, field: &str) -> Vec<Choice> {
        let choice = |value: Option<&str>, label: &str, note: &str| Choice {
            value: value.map(str::to_owned),
            label: label.to_owned(),
            note: note.to_owned(),
            why_not: None,
        };
        match (kind, field) {
            (_, "region_id") => {
                let regions = self.rows.get(&Kind::Region).into_iter().flatten();
                let some = regions.map(|row| choice(Some(&row.key.pk), &row.label, ""));
                std::iter::once(choice(None, "-", "no region")).chain(some).collect()
            }
            (_, "operator_id") => {
                let people = self.rows.get(&Kind::User).into_iter().flatten().map(|row| {
                    let region = row.cells.get("region").map_or("", String::as_str);
                    let why = (region != "Eastern").then(|| format!("{} is not in Eastern.", row.label));
                    Choice { why_not: why, ..choice(Some(&row.key.pk), &row.label, region) }
                });
                std::iter::once(choice(None, "-", "nobody")).chain(people).collect()
            }
            (_, "drone_id") => {
                let drones = self.rows.get(&Kind::Drone).into_iter().flatten();
                drones.map(|row| choice(Some(&row.key.pk), &row.label, "")).collect()
            }
            _ => match kind.field(field).map(|field| field.ty) {
                Some(crate::domain::FieldType::Choice(texts)) => {
                    texts.iter().map(|text| choice(Some(text), text, "")).collect()
                }
                _ => Vec::new(),
            },
        }
    }

    /// What an action comes to.
    fn done(&mut self, action: Action) -> Result<Done, ServiceError> {
        match action {
            Action::ReadTaste => {
                let (taste, problem) = (self.taste.clone(), self.taste_problem.clone());
                return Ok(Done::Taste { taste, problem });
            }
            Action::KeepTaste { taste } => {
                self.taste = taste;
                return Ok(Done::TasteKept);
            }
            _ => self.actions.push(action.clone()),
        }
        if let Some(refusal) = self.refusal.take() {
            return Err(refusal);
        }
        Ok(match action {
            Action::Edit { intent, .. } => {
                Done::Saved { edits: 1, summary: format!("{} changed", intent.key().pk) }
            }
            Action::ReadTaste | Action::KeepTaste { .. } => Done::TasteKept,
            Action::Rehearse { intents } => Done::Rehearsed { rows: self.foreseen(&intents) },
            Action::Bulk { intents, .. } => {
                let some = self.refused.clone();
                Done::Bulk { saved: intents.len() - some.len(), refused: some }
            }
            Action::Verify => Done::VerifyAsked,
            Action::Reload => Done::ReloadAsked,
            Action::Retry { .. } | Action::SyncNow => Done::SyncAsked,
            Action::SignOut => Done::SignedOut,
            Action::EndSessions { sessions } => Done::SessionsEnded { sessions, told: true },
            Action::Erase => Done::Erased,
            Action::Machines => Done::Machines(self.machines.clone()),
            Action::EraseMachine { .. } => Done::MachineErased,
            Action::Accounts { .. } => unreachable!("for commands"),
            Action::Lock => Done::Locked,
            Action::RemoveWords => Done::WordsRemoved,
            Action::AddProject { name, .. } => Done::ProjectAdded { name },
            Action::LoadInitial
            | Action::Undo
            | Action::Redo
            | Action::Settle { .. }
            | Action::SettleHeld { .. }
            | Action::Freeze
            | Action::AcknowledgeLost => Done::Undone { summary: "done".to_owned() },
            Action::MoreActivity | Action::MoreHistory { .. } => Done::ActivityAsked,
            Action::SetTraffic { traffic } => Done::Traffic { traffic },
            Action::TrainingLine { up } => Done::Line { up },
        })
    }

    pub fn answer(&self, query: &Query) -> Answer {
        match query {
            Query::List(query) => Answer::List(self.list(query)),
            Query::Find { text } => {
                let rows = self.rows.values().flatten().filter(|row| row.label.contains(text.as_str()));
                let found = rows.map(|row| Found {
                    key: row.key.clone(),
                    label: row.label.clone(),
                    note: row.key.kind.noun().to_owned(),
                });
                Answer::Found(found.take(20).collect())
            }
            Query::Complete { filter, .. } => {
                Answer::Completed(Completion { text: format!("{filter}tus:"), offers: Vec::new() })
            }
            Query::Rows(_) | Query::Row { .. } | Query::Stored(_) | Query::Copy(_) => {
                unreachable!("for commands")
            }
            Query::Keys { list, between } => {
                let keys: Vec<Key> = self.matching(list).into_iter().map(|row| row.key).collect();
                let place = |key: &Key| keys.iter().position(|other| other == key).unwrap_or(0);
                let (from, to) =
                    between.as_ref().map_or((0, keys.len().saturating_sub(1)), |(one, other)| {
                        (place(one).min(place(other)), place(one).max(place(other)))
                    });
                Answer::Keys(
                    keys.get(from..=to).unwrap_or_default().iter().take(list.limit).cloned().collect(),
                )
            }
            Query::Show { key } => Answer::Show(self.show(key).map(Box::new)),
            Query::Status => Answer::Status(Box::new(self.status.clone())),
            Query::Verbs { kind, key } => {
                self.verbs_asked.borrow_mut().push(key.clone());
                Answer::Verbs(self.verbs(*kind))
            }
            Query::Choices { kind, field, .. } => Answer::Choices(self.choices(*kind, field)),
            Query::ChoicesFor { verb, keys } => {
                let kind = keys.first().map_or(Kind::Drone, |key| key.kind);
                let field = if *verb == Verb::SetStatus { "status" } else { "operator_id" };
                Answer::Choices(self.choices(kind, field))
            }
            Query::Locked { keys } => {
                Answer::Locked(self.locked(keys.first().map_or(Kind::Drone, |key| key.kind)))
            }
            Query::Consequences { intent } => Answer::Consequences(match intent {
                Intent::Delete { key } if key.kind == Kind::Region => vec![
                    "Its 88 users and 642 drones stay, without a region. 3 of them have unsent edits."
                        .to_owned(),
                ],
                Intent::Delete { .. } => vec!["Its 2 assignments go.".to_owned()],
                Intent::Update { set, .. } if set.contains_key("region_id") => {
                    vec!["The operator m_rodriguez is in Eastern and will be unassigned.".to_owned()]
                }
                _ => Vec::new(),
            }),
            Query::Outbox => Answer::Outbox(self.outbox.clone()),
            Query::Runs => Answer::Runs(self.runs.clone()),
            Query::Activity => Answer::Activity(self.activity.clone()),
            Query::History { key } => {
                let mut history = self.activity.clone();
                history.lines.retain(|line| line.key == *key);
                Answer::History(Activity { more: false, ..history })
            }
            Query::Overview => Answer::Overview(self.overview.clone()),
            Query::Metrics => Answer::Metrics(Box::default()),
            Query::Cards => Answer::Cards(self.cards.clone()),
            Query::Aside => Answer::Aside(self.asides.clone()),
            Query::Lost => Answer::Lost(self.lost.clone()),
            Query::Ways => Answer::Ways(crate::service::Ways { words: false, server: true }),
            Query::Export { .. } => Answer::Export(String::new()),
        }
    }
}

/// An edit of a drone on which two disagree in two columns.
pub fn card() -> Card {
    let line = conflict(&Key::drone("drone-004"));
    let value = |text: &str| Some(text.to_owned());
    let field = |name: &str, title: &str, base: &str, mine: &str, theirs: &str| CardField {
        name: name.to_owned(),
        title: title.to_owned(),
        base: base.to_owned(),
        mine: mine.to_owned(),
        theirs: theirs.to_owned(),
        values: Clash { base: value(base), mine: value(mine), theirs: value(theirs) },
    };
    Card {
        edit: 7,
        fields: vec![
            field("model", "Model", "FlyOS_MQ5", "FlyOS_MQ7", "FlyOS_MQ9"),
            field("status", "Status", "ACTIVE", "STANDBY", "OFFLINE"),
        ],
        wanted: [("model", "FlyOS_MQ7"), ("status", "STANDBY")]
            .map(|(name, text)| Wanted { name: name.to_owned(), value: value(text), text: text.to_owned() })
            .into(),
        reason: value("left engine"),
        behind: 1,
        kept: Some(Kept {
            what: "model FlyOS_MQ7 (was FlyOS_MQ9), status STANDBY (was OFFLINE)".to_owned(),
            follows: Vec::new(),
            deletes: false,
        }),
        decisions: vec![Decision::Mine, Decision::Theirs, Decision::Discard],
        line,
    }
}

pub fn outbox_line() -> OutboxLine {
    conflict(&Key::drone("drone-017"))
}

fn conflict(key: &Key) -> OutboxLine {
    let value = |text: &str| Some(text.to_owned());
    let clash = Clash { base: value("ACTIVE"), mine: value("STANDBY"), theirs: value("OFFLINE") };
    OutboxLine {
        edit: 1,
        key: key.clone(),
        label: key.pk.clone(),
        what: "status ACTIVE to STANDBY".to_owned(),
        state: EditState::Conflict {
            fields: BTreeMap::from([("status".to_owned(), clash)]),
            told: vec!["status: base ACTIVE, yours STANDBY, theirs OFFLINE".to_owned()],
            drops: Vec::new(),
            by: value("west_hq"),
            at: Some(ago(88)),
        },
        at: ago(130),
    }
}

/// The console in a test: its state, the data set behind it, and whether it was left.
pub struct Bench {
    pub app: App,
    pub fake: Fake,
    pub left: bool,
    pub signed_in_as: Vec<(String, String)>,
    /// The answers to whether to take over.
    pub taken_over: Vec<bool>,
    /// What was done with secrets, as `Debug` shows it, and for which submission.
    pub confided: Vec<(u64, String)>,
    /// Old passwords that were given; `None`: it is to be set aside.
    pub old_given: Vec<Option<String>>,
    /// Texts that went to the clipboard.
    pub copied: Vec<String>,
}

impl Bench {
    pub fn new(width: u16, height: u16, theme: Theme, fake: Fake) -> Self {
        let ids = Box::new(|| Uuid::from_u128(0x9999));
        let app = App::new(theme, TimeZone::UTC, fake.status.clone(), ids);
        let mut bench = Self {
            app,
            fake,
            left: false,
            signed_in_as: Vec::new(),
            taken_over: Vec::new(),
            confided: Vec::new(),
            old_given: Vec::new(),
            copied: Vec::new(),
        };
        bench.tell(Msg::Time(NOW));
        bench.tell(Msg::Resized(width, height));
        bench.tell(Msg::Setup(bench.fake.setup.clone()));
        bench
    }

    /// Signed in, on the list of drones.
    pub fn signed_in(width: u16, height: u16) -> Self {
        Self::signed_in_with(width, height, Theme::default(), Fake::default())
    }

    pub fn signed_in_with(width: u16, height: u16, theme: Theme, fake: Fake) -> Self {
        let mut bench = Self::new(width, height, theme, fake);
        bench.tell(Msg::Service(Event::SignedIn { offline: true, trouble: None }));
        bench.app.toast = None;
        bench
    }

    pub fn tell(&mut self, msg: Msg) {
        for effect in self.app.update(msg) {
            if let Some(msg) = self.carry_out(effect) {
                self.tell(msg);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Msg> {
        match effect {
            Effect::Ask(why, query) => {
                let answer = self.fake.answer(&query);
                Some(Msg::Answer(why, Ok(answer)))
            }
            Effect::Place(query, key) => {
                let place = self.fake.matching(&query).iter().position(|row| row.key == key);
                Some(Msg::Placed(query.kind, place))
            }
            Effect::Setup => Some(Msg::Setup(self.fake.setup.clone())),
            Effect::SignIn { project, email, .. } => {
                self.signed_in_as.push((project, email));
                None
            }
            Effect::Submit(submission, action) => Some(Msg::Done(submission, self.fake.done(action))),
            Effect::Own(submission, wish) => {
                self.fake.owns.push(wish);
                let answer = self.fake.own_answers.pop_front();
                answer.map(|result| Msg::Own(submission, result))
            }
            Effect::Administer(submission, wish) => {
                self.fake.administered.push(format!("{wish:?}"));
                let refused = self.fake.refusal.take().map(Err);
                let done = || Ok(Done::Account { summary: "done by the server".to_owned() });
                Some(Msg::Done(submission, refused.unwrap_or_else(done)))
            }
            Effect::OpenWithOld(old) => {
                self.old_given.push(Some(old.expose_secret().to_owned()));
                None
            }
            Effect::SetAside => {
                self.old_given.push(None);
                None
            }
            Effect::TakeOver(yes) => {
                self.taken_over.push(yes);
                None
            }
            Effect::Confide(submission, confidence) => {
                self.confided.push((submission, format!("{confidence:?}")));
                None
            }
            Effect::ForgetWords => {
                self.confided.push((0, "forget".to_owned()));
                None
            }
            Effect::Copy(text) => {
                self.copied.push(text);
                None
            }
            Effect::Mouse(_) | Effect::Suspend => None,
            Effect::Quit => {
                self.left = true;
                None
            }
        }
    }

    /// Presses keys, written as words: `Down Down e Tab`, `"text"` types text, `Ctrl+S`.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        for word in keys.split(' ').filter(|word| !word.is_empty()) {
            match word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) {
                Some(text) => {
                    for input in Decoder::default().feed(text.replace('_', " ").as_bytes()) {
                        self.tell(Msg::Input(input));
                    }
                }
                None => self.tell(Msg::Input(Input::Press(parse(word)))),
            }
        }
        self
    }

    pub fn buffer(&self) -> Buffer {
        self.buffer_of(self.app.size)
    }

    /// The picture in a window whose change of size the console has not heard of yet.
    pub fn buffer_of(&self, size: (u16, u16)) -> Buffer {
        let backend = TestBackend::new(size.0, size.1);
        let mut terminal = Terminal::new(backend).expect("a test terminal");
        terminal.draw(|frame| self.app.draw(frame)).expect("drawn");
        terminal.backend().buffer().clone()
    }

    pub fn text(&self) -> String {
        text(&self.buffer())
    }
}

fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let line = |y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..area.height).map(line).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// A key by the name that help gives it.
pub fn parse(name: &str) -> Press {
    let plain = [
        Code::Enter,
        Code::Esc,
        Code::Tab,
        Code::BackTab,
        Code::Backspace,
        Code::Delete,
        Code::Insert,
        Code::Up,
        Code::Down,
        Code::Left,
        Code::Right,
        Code::Home,
        Code::End,
        Code::PageUp,
        Code::PageDown,
    ];
    let named = plain.into_iter().chain((1..=12).map(Code::F)).map(Press::key);
    let letters = (' '..='~').map(Press::char).chain(('a'..='z').map(Press::ctrl));
    named
        .chain(letters)
        .find(|press| press.to_string() == name)
        .unwrap_or_else(|| unreachable!("no key {name}"))
}

pub fn refusal(field: Option<&str>, message: &str) -> ServiceError {
    ServiceError { field: field.map(str::to_owned), ..ServiceError::new(ErrorKind::Refused, message) }
}
