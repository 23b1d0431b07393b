//! A random walk: people and administrators do sensible and senseless things, on PostgreSQL and on the domain side by
//! side. After each step both must have said the same and hold the same rows; now and then, everybody must see what
//! the policy says, by row-level security and by scopes.
//!
//! `FLYOS_WALK=<seed>:<steps>` walks another way.

use std::collections::{BTreeMap, BTreeSet};

use flyos::domain::{Actor, Change, Fields, Key, Kind, Op, Role, World, policy, rules, scope};
use flyos::remote::wire::{OpKind, PushReply, PushRequest, SCHEMA};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::cases::{self, Case, Changed, Edit, Told, model};
use crate::pg::{self, Database, Sql, sqlstate};
use crate::rows;

/// A generator of its own, so that a walk can be walked again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % n as u64).expect("it is small")
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// The same dice for texts: "" stands for null.
fn put(set: &mut Fields, name: &str, text: &str) {
    set.insert(name.to_owned(), (!text.is_empty()).then(|| text.to_owned()));
}

struct Person {
    account: Uuid,
    profile: Uuid,
    claims: Json,
    sql: Sql,
}

struct Walk {
    /// Dropped with the walk.
    _db: Database,
    platform: Sql,
    owner: Sql,
    people: Vec<Person>,
    world: World,
    /// The rows some steps ago: what people who were away still see.
    stale: World,
    /// Who could see the rows that are gone.
    tombs: BTreeMap<Key, Vec<String>>,
    dice: Dice,
}

impl Walk {
    async fn begin(seed: u64) -> Self {
        let db = pg::database().await;
        db.seed(0).await;
        let (platform, owner) = (db.superuser().await, db.postgres().await);
        // Everybody gets an account: a new one is linked to the operator whose address it has.
        for user in rows::world(&owner).await.users().filter(|user| user.auth_user_id.is_none()) {
            db.account(&user.email).await;
        }
        let world = rows::world(&owner).await;
        let mut people = Vec::new();
        for user in world.users() {
            let account = user.auth_user_id.expect("linked by its address");
            let claims = db.session(account).await;
            people.push(Person { account, profile: user.id, sql: db.as_user(&claims).await, claims });
        }
        let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self { _db: db, platform, owner, people, stale: world.clone(), world, tombs: BTreeMap::new(), dice }
    }

    /// Sessions end when somebody is retired, and come back with the next sign-in.
    async fn sign_in(&self, person: &Person) {
        let session = person.claims["session_id"].as_str().expect("a session");
        let begin = format!(
            "insert into auth.sessions (id, user_id, aal, created_at, updated_at)
            values ('{session}', '{}', 'aal1', now(), now()) on conflict do nothing",
            person.account
        );
        self.platform.batch_execute(&begin).await.expect("the platform's owner may");
    }

    /// A key that is there, or was, or never was.
    fn key(&mut self, kind: Kind) -> Key {
        match kind {
            Kind::Assignment if self.dice.below(2) == 0 => {
                let (user, drone) = (self.key(Kind::User), self.key(Kind::Drone));
                Key::assignment(user.uuid().unwrap_or_default(), &drone.pk)
            }
            _ => {
                let mut keys = self.world.keys(kind);
                keys.extend(self.stale.keys(kind));
                keys.push(self.new_key(kind));
                self.dice.pick(&keys)
            }
        }
    }

    fn new_key(&mut self, kind: Kind) -> Key {
        let n = self.dice.below(6) as u128;
        match kind {
            Kind::Region => Key::region(Uuid::from_u128(0x0199_bbbb_0000_7000_8000_0000_0000_0000 + n)),
            Kind::User => Key::user(Uuid::from_u128(0x0199_cccc_0000_7000_8000_0000_0000_0000 + n)),
            Kind::Drone => Key::drone(self.dice.pick(&["walk-1", "walk-2", "WALK-1", "walk-3", "Drone-001"])),
            Kind::Assignment => self.key(Kind::Assignment),
        }
    }

    fn region(&mut self) -> String {
        if self.dice.below(4) == 0 { String::new() } else { self.key(Kind::Region).pk }
    }

    fn set(&mut self, kind: Kind, whole: bool) -> Fields {
        let mut set = Fields::new();
        let columns: &[&str] = match kind {
            Kind::Region => &["name", "area", "commander_name", "status"],
            Kind::User => &["username", "full_name", "email", "role", "region_id", "status"],
            Kind::Drone => &["model", "status", "region_id", "operator_id"],
            Kind::Assignment => &[],
        };
        let chosen = if whole { 0..columns.len() } else { 0..columns.len().min(1 + self.dice.below(2)) };
        for at in chosen {
            let column = if whole { columns[at] } else { self.dice.pick(columns) };
            let text = match (kind, column) {
                (Kind::User, "username") => {
                    self.dice.pick(&["walker_1", "Walker_1", "walker_2", "d_okafor", "x"]).into()
                }
                (Kind::User, "email") => self
                    .dice
                    .pick(&["w1@flyos.mil", "W1@flyos.mil", "\u{e9}@x.y", "\u{c9}@x.y", "nowhere"])
                    .into(),
                (Kind::User, "role") => self.dice.pick(Role::TEXTS).into(),
                (Kind::User | Kind::Region, "status") => {
                    self.dice.pick(&["ACTIVE", "ACTIVE", "INACTIVE"]).into()
                }
                (Kind::Drone, "status") => self.dice.pick(&["ACTIVE", "STANDBY", "OFFLINE", "LOST"]).into(),
                (Kind::Drone, "model") => self.dice.pick(&["FlyOS_MQ5", "FlyOS_MQ7"]).into(),
                (_, "region_id") => self.region(),
                (_, "operator_id") if self.dice.below(3) == 0 => String::new(),
                (_, "operator_id") => self.key(Kind::User).pk,
                (_, "name") => self.dice.pick(&["North", "NORTH", "S\u{fc}d", "S\u{dc}D", "Eastern"]).into(),
                _ => self.dice.pick(&["Somebody", "Somewhere", "Elsewhere"]).into(),
            };
            put(&mut set, column, &text);
        }
        set
    }

    fn edit(&mut self) -> Edit {
        let kind = self.dice.pick(&[
            Kind::Region,
            Kind::User,
            Kind::User,
            Kind::Drone,
            Kind::Drone,
            Kind::Assignment,
        ]);
        let k = match (kind, self.dice.below(8)) {
            (Kind::Assignment, 0..=5) | (_, 0 | 1) => OpKind::Insert,
            (Kind::Assignment, _) => OpKind::Delete,
            (_, 2) if self.dice.below(3) == 0 => OpKind::Delete,
            _ => OpKind::Update,
        };
        let key = if k == OpKind::Insert && kind != Kind::Assignment && self.dice.below(4) > 0 {
            self.new_key(kind)
        } else {
            self.key(kind)
        };
        let set = if k == OpKind::Delete { Fields::new() } else { self.set(kind, k == OpKind::Insert) };
        Edit { k, kind, pk: key.pk, set }
    }

    /// What a person does at once: one edit, or a group; assigning with the operator's post above all.
    fn edits(&mut self, me: Uuid) -> Vec<Edit> {
        if self.dice.below(3) > 0 {
            let mut edit = self.edit();
            let mine = self.world.user(me).and_then(|user| user.region_id);
            let near: Vec<String> =
                mine.into_iter().flat_map(|id| self.world.drones_of(id)).map(str::to_owned).collect();
            // Near at hand, and within the role, more often than chance would have it.
            if edit.kind == Kind::Drone
                && edit.k == OpKind::Update
                && self.dice.below(2) == 0
                && !near.is_empty()
            {
                edit.pk = self.dice.pick(&near);
                edit.set.retain(|name, _| name == "status" || name == "operator_id");
            }
            return vec![edit];
        }
        let (mut user, mut drone) = (self.key(Kind::User), self.key(Kind::Drone));
        let drones: Vec<(String, Uuid)> =
            self.world.drones().filter_map(|drone| Some((drone.id.to_string(), drone.region_id?))).collect();
        if self.dice.below(4) > 0 && !drones.is_empty() {
            let (id, region) = self.dice.pick(&drones);
            let users: Vec<Uuid> = self.world.users_of(region).collect();
            drone = Key::drone(&id);
            user = if users.is_empty() { user } else { Key::user(self.dice.pick(&users)) };
        }
        let assignment = Key::assignment(user.uuid().unwrap_or_default(), &drone.pk);
        let post = [("operator_id".to_owned(), Some(user.pk))].into();
        vec![
            Edit { k: OpKind::Insert, kind: Kind::Assignment, pk: assignment.pk, set: Fields::new() },
            Edit { k: OpKind::Update, kind: Kind::Drone, pk: drone.pk, set: post },
        ]
    }

    /// An administrator's change, by SQL and by the rules.
    async fn administer(&mut self) -> String {
        let edit = self.edit();
        let key = edit.key();
        let op = match (edit.k, self.world.get(&key)) {
            (OpKind::Insert, None) => Op::Insert { set: edit.set },
            // A statement hears of the key last, an edit first.
            (OpKind::Insert, Some(_)) => return format!("{key} is there"),
            (OpKind::Update, Some(row)) => match Change::update(&row, &edit.set) {
                Some(change) => change.op,
                None => return format!("nothing to do to {key}"),
            },
            (OpKind::Delete, Some(row)) => Change::delete(&row).op,
            (_, None) => return format!("no {key}"),
        };
        let change = Change { key, op };
        let by_domain = rules::carry_out_one(&mut self.world, None, &change);
        let by_sql = rows::write(&self.owner, &change).await;
        let told = match &by_domain {
            Ok(_) => Told(String::new()),
            Err(refusal) => Told::refused(refusal.reason, refusal.field.as_deref()),
        };
        let found =
            by_sql.as_ref().err().and_then(|error| error.as_db_error()).map_or(String::new(), |error| {
                let reason = error.constraint().and_then(|name| name.strip_prefix("flyos_"));
                match (reason, error.column()) {
                    (Some(reason), Some(column)) => format!("{reason} {column}"),
                    _ => format!("{} {}", sqlstate(&by_sql), error.message()),
                }
            });
        // A statement's columns are judged one by one, an edit's values before everything else: of two faults
        // each may name another.
        let set = change.set().cloned().unwrap_or_default();
        if found.is_empty() || rules::check_values(change.key.kind, &set, false).is_ok() {
            assert_eq!(found, told.0, "{change:?}: {by_sql:?}");
        }
        format!("an administrator: {change:?}: {told}")
    }

    /// A person's push, by SQL and by the model.
    async fn push(&mut self) -> String {
        let mut at = self.dice.below(self.people.len());
        let leads = |person: &Person| {
            let me = self.world.user(person.profile).and_then(Actor::of);
            me.is_some_and(|me| me.role != Role::Operator)
        };
        let leaders: Vec<usize> = (0..self.people.len()).filter(|at| leads(&self.people[*at])).collect();
        if self.dice.below(4) > 0 {
            at = self.dice.pick(&leaders);
        }
        let edits = self.edits(self.people[at].profile);
        let seen = if self.dice.below(4) == 0 { self.stale.clone() } else { self.world.clone() };
        let person = &self.people[at];
        self.sign_in(person).await;
        let case = Case {
            name: String::new(),
            first: Vec::new(),
            who: String::new(),
            meanwhile: Vec::new(),
            comes_to: Vec::new(),
            then: Changed::new(),
            edits,
        };
        let ops = case.ops(&seen);
        let device = Uuid::from_u128(3);
        let request =
            PushRequest { uid: person.account, device, schema: SCHEMA, report: None, ops: ops.clone() };
        let reply = rows::push(&person.sql, &json!(request)).await;
        let reply = reply.unwrap_or_else(|error| unreachable!("{ops:?}: {error:?}"));
        let reply: PushReply = serde_json::from_value(reply).expect("a reply to a push");
        let found = cases::read(&reply, case.edits.len());

        let me = self.world.user(person.profile);
        let expected = match (me, me.and_then(Actor::of)) {
            (None, _) => {
                (vec![Told("must no_profile".to_owned()); case.edits.len()], vec![vec![]; case.edits.len()])
            }
            (_, None) => {
                (vec![Told("must inactive".to_owned()); case.edits.len()], vec![vec![]; case.edits.len()])
            }
            (_, Some(actor)) => {
                let (mine, tombs) = (scope::of_actor(&actor), &self.tombs);
                let was_seen = |key: &Key| tombs.get(key).is_some_and(|scopes| scope::meet(&mine, scopes));
                model::push(&mut self.world, &seen, &was_seen, &actor, &case.edits)
            }
        };
        assert_eq!(found, expected, "{me:?}: {ops:?}: {reply:?}", me = self.people[at].profile);
        format!("{}: {ops:?}: {expected:?}", self.people[at].profile)
    }

    async fn step(&mut self) -> String {
        let before = self.world.clone();
        let did = if self.dice.below(4) == 0 { self.administer().await } else { self.push().await };
        for (key, _) in cases::difference(&before, &self.world) {
            match before.get(&key).filter(|_| !self.world.has(&key)) {
                Some(row) => drop(self.tombs.insert(key, scope::of_row(&before, &row))),
                None => drop(self.tombs.remove(&key)),
            }
        }
        let truth = rows::world(&self.platform).await;
        assert_eq!(cases::unstamped(&truth), cases::unstamped(&self.world), "after {did}");
        // Stamps and all, so that what is seen later has them.
        self.world = truth;
        if self.dice.below(15) == 0 {
            self.stale = before;
        }
        did
    }

    /// Everybody sees what the policy says: by row-level security, and by the scopes that the pulls go by.
    async fn assert_sight(&self) {
        let rows =
            self.platform.query("select tbl, pk, scopes from sync.row_state where not deleted", &[]).await;
        let scopes: BTreeMap<Key, Vec<String>> = rows
            .expect("the bookkeeping")
            .iter()
            .map(|row| {
                let kind = Kind::from_table(&row.get::<_, String>(0)).expect("one of our tables");
                (Key { kind, pk: row.get(1) }, row.get(2))
            })
            .collect();
        let all: Vec<_> = Kind::ALL.iter().flat_map(|kind| self.world.keys(*kind)).collect();
        let by_domain = all.iter().map(|key| {
            let row = self.world.get(key).expect("a row of its key");
            (key.clone(), scope::of_row(&self.world, &row))
        });
        let by_domain: BTreeMap<Key, Vec<String>> = by_domain.collect();
        for key in scopes.keys().chain(by_domain.keys()) {
            assert_eq!(scopes.get(key), by_domain.get(key), "who sees the {key}");
        }
        for person in &self.people {
            self.sign_in(person).await;
            let seen: BTreeSet<Key> = cases::unstamped(&rows::world(&person.sql).await).into_keys().collect();
            let mine: Vec<String> =
                person.sql.query_one("select sync.my_scopes()", &[]).await.expect("my scopes").get(0);
            let actor = self.world.user(person.profile).and_then(Actor::of);
            assert_eq!(mine, actor.as_ref().map(scope::of_actor).unwrap_or_default(), "{actor:?}");
            let by_policy = all.iter().filter(|key| {
                let row = self.world.get(key).expect("a row of its key");
                actor.as_ref().is_some_and(|actor| policy::may_see(actor, &self.world, &row))
            });
            assert_eq!(seen, by_policy.cloned().collect(), "by policy: {actor:?}");
            let by_scopes = all.iter().filter(|key| scope::meet(&mine, &scopes[key]));
            assert_eq!(seen, by_scopes.cloned().collect(), "by scopes: {actor:?}");
        }
    }
}

/// How often each thing was said.
async fn walk(seed: u64, steps: usize) -> BTreeMap<String, usize> {
    let mut walk = Walk::begin(seed).await;
    walk.assert_sight().await;
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for step in 1..=steps {
        let did = walk.step().await;
        // The last thing that was said, of those who were told something.
        if let Some((_, told)) = did.rsplit_once("Told(") {
            let told: String = told.chars().take_while(|c| *c != ')').collect();
            *outcomes.entry(told).or_default() += 1;
        }
        if step % 25 == 0 {
            walk.assert_sight().await;
        }
    }
    let broken = rules::broken(&walk.world);
    assert_eq!(broken, Vec::<String>::new());
    outcomes
}

#[tokio::test]
async fn people_and_the_domain_walk_together() {
    let told = std::env::var("FLYOS_WALK").ok();
    if let Some((seed, steps)) = told.as_deref().and_then(|text| text.split_once(':')) {
        let outcomes = walk(seed.parse().expect("a seed"), steps.parse().expect("how many steps")).await;
        eprintln!("walk {seed}: {outcomes:?}");
        return;
    }
    for seed in 1..=2 {
        let outcomes = walk(seed, 100).await;
        assert!(outcomes.len() > 5, "a walk that goes nowhere: {outcomes:?}");
    }
}
