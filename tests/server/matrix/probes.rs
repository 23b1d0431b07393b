//! What is tried of whom: kinds of rows, and for each of them seeing one, making one, changing each column, deleting.

use flyos::domain::{Actor, Change, Fields, Key, Kind, Op, Role, World, policy, rules};
use uuid::Uuid;

use super::stage::{Caller, fields, region, user};

/// What one of the four tables looks like from a caller.
pub struct Block {
    pub kind: Kind,
    pub lines: Vec<Line>,
}

/// A kind of row.
pub struct Line {
    pub label: &'static str,
    /// One probe for each of `heads`; nothing where there can be none.
    pub probes: Vec<Option<Probe>>,
}

#[derive(Clone, Debug)]
pub enum Probe {
    See(Key),
    Do(Change),
}

impl Probe {
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::See(_) => None,
            Self::Do(change) => Some(change),
        }
    }
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    Yes,
    /// Refused, or done to no row.
    No,
    /// The role allows it, a rule stands against it.
    Rule,
    /// Neither: a fault, by its code.
    Odd(String),
}

impl Cell {
    pub fn text(cell: Option<&Self>) -> String {
        match cell {
            None => "-".to_owned(),
            Some(Self::Yes) => "yes".to_owned(),
            Some(Self::No) => "no".to_owned(),
            Some(Self::Rule) => "rule".to_owned(),
            Some(Self::Odd(code)) => format!("?{code}"),
        }
    }
}

/// The columns of a block.
pub fn heads(kind: Kind) -> Vec<&'static str> {
    let columns = kind.fields().iter().map(|field| field.name);
    ["see", "create"].into_iter().chain(columns).chain(["delete"]).collect()
}

/// By the domain alone: the table of who may do what, then the rules.
pub fn by_domain(actor: Option<&Actor>, world: &World, probe: &Probe) -> Cell {
    let Some(actor) = actor else { return Cell::No };
    let change = match probe {
        Probe::See(key) => {
            let seen = world.get(key).is_some_and(|row| policy::may_see(actor, world, &row));
            return if seen { Cell::Yes } else { Cell::No };
        }
        Probe::Do(change) => change,
    };
    let columns = change.set().into_iter().flat_map(Fields::keys);
    let is_servers = |name: &String| change.key.kind.field(name).is_none_or(|field| field.server);
    if columns.into_iter().any(is_servers) || policy::permit_change(actor, world, change).is_err() {
        return Cell::No;
    }
    if rules::check(world, change).is_ok() { Cell::Yes } else { Cell::Rule }
}

/// Everything that is tried of a caller.
pub fn blocks(world: &World, caller: &Caller) -> Vec<Block> {
    let me = Me::of(world, caller);
    vec![me.regions(), me.profiles(), me.drones(), me.assignments()]
}

/// A new value for a column of a row: sound, and another than it has.
fn other_value(world: &World, key: &Key, column: &str) -> String {
    let now = world.get(key).and_then(|row| row.get(column));
    let other =
        |first: &str, second: &str| if now.as_deref() == Some(first) { second } else { first }.to_owned();
    let (east, west) = (region(world, "Eastern").to_string(), region(world, "Western").to_string());
    match (key.kind, column) {
        (Kind::Drone, "id") | (_, "drone_id") => "probe".to_owned(),
        (_, "id" | "user_id" | "auth_user_id") => Uuid::from_u128(0x77).to_string(),
        (_, "created_at" | "updated_at" | "assigned_at") => "2020-01-01T00:00:00+00:00".to_owned(),
        (_, "username") => "probe_user".to_owned(),
        (_, "email") => "probe@flyos.mil".to_owned(),
        (_, "role") => other(Role::Operator.as_str(), Role::RegionalHq.as_str()),
        (_, "region_id") => other(&west, &east),
        (Kind::Drone, "model") => other("FlyOS_MQ7", "FlyOS_MQ9"),
        (Kind::Drone, "status") => other("OFFLINE", "MAINTENANCE"),
        (_, "status") => other("INACTIVE", "ACTIVE"),
        (Kind::Drone, "operator_id") => {
            let mut holders = world.holders(&key.pk).map(|user| user.to_string());
            holders.find(|user| now.as_ref() != Some(user)).expect("two people hold each of these drones")
        }
        _ => "Probe".to_owned(),
    }
}

/// Seeing, changing and deleting a row; making one like it.
fn probes(world: &World, row: Option<&Key>, create: Option<Change>, kind: Kind) -> Vec<Option<Probe>> {
    let mut probes = vec![row.cloned().map(Probe::See), create.map(Probe::Do)];
    for field in kind.fields() {
        probes.push(row.map(|key| {
            let record = world.get(key).expect("a row of the stage");
            let set = Fields::from([(field.name.to_owned(), Some(other_value(world, key, field.name)))]);
            Probe::Do(Change::update(&record, &set).expect("another value"))
        }));
    }
    let delete = row.map(|key| Probe::Do(Change::delete(&world.get(key).expect("a row of the stage"))));
    probes.push(delete);
    probes
}

struct Me<'a> {
    world: &'a World,
    name: String,
    id: Uuid,
    key: Key,
    home: Option<Uuid>,
}

/// The id of a row that is made.
const NEW: Uuid = Uuid::from_u128(0x0199_aaaa_0000_7000_8000_0000_0000_0001);

impl<'a> Me<'a> {
    fn of(world: &'a World, caller: &Caller) -> Self {
        let key = caller.rows_of.clone();
        let row = key.uuid().and_then(|id| world.user(id)).expect("somebody of the stage");
        Self { world, name: row.username.to_string(), id: row.id, key, home: row.region_id }
    }

    fn block(&self, kind: Kind, rows: Vec<(&'static str, Option<Key>, Option<Change>)>) -> Block {
        let line = |(label, row, create): (&'static str, Option<Key>, Option<Change>)| Line {
            label,
            probes: probes(self.world, row.as_ref(), create, kind),
        };
        Block { kind, lines: rows.into_iter().map(line).collect() }
    }

    fn regions(&self) -> Block {
        let create = || {
            let set = fields(&[("name", Some("Probe")), ("area", Some("Probe")), ("status", Some("ACTIVE"))]);
            Some(Change::insert(Key::region(NEW), set))
        };
        let away = Key::region(region(self.world, "Western"));
        let own = self.home.map(|id| ("own", Some(Key::region(id)), create()));
        self.block(Kind::Region, own.into_iter().chain([("another", Some(away), create())]).collect())
    }

    fn profiles(&self) -> Block {
        let create = |home: Option<Uuid>| {
            let home = home.map(|id| id.to_string());
            let set = fields(&[
                ("username", Some("probe_user")),
                ("full_name", Some("Probe")),
                ("email", Some("probe@flyos.mil")),
                ("role", Some("OPERATOR")),
                ("region_id", home.as_deref()),
                ("status", Some("ACTIVE")),
            ]);
            Some(Change::insert(Key::user(NEW), set))
        };
        let named = |name| Some(user(self.world, name));
        let mut rows = vec![("self", Some(self.key.clone()), None)];
        rows.extend(self.home.map(|home| ("of the own region", named("d_okafor"), create(Some(home)))));
        let west = region(self.world, "Western");
        rows.push(("of another region", named("k_tanaka"), create(Some(west))));
        rows.push(("of no region", named("h_brandt"), create(None)));
        self.block(Kind::User, rows)
    }

    fn drones(&self) -> Block {
        let create = |home: Option<Uuid>| {
            let home = home.map(|id| id.to_string());
            let set = fields(&[
                ("model", Some("FlyOS_MQ9")),
                ("status", Some("STANDBY")),
                ("region_id", home.as_deref()),
            ]);
            Some(Change::insert(Key::drone("probe"), set))
        };
        let mine = |what: &str| Some(Key::drone(&format!("{}-{what}", self.name)));
        let others = |what: &str| Some(Key::drone(&format!("others-{what}")));
        let mut rows = Vec::new();
        if self.home.is_some() {
            rows.push(("of the own region, operated", mine("operated"), None));
            rows.push(("of the own region, assigned", mine("assigned"), None));
            rows.push(("of the own region, others'", others("east"), create(self.home)));
        }
        let west = region(self.world, "Western");
        rows.push(("of another region, others'", others("west"), create(Some(west))));
        rows.push(("of no region, operated", mine("operated-free"), None));
        rows.push(("of no region, assigned", mine("assigned-free"), None));
        rows.push(("of no region, others'", others("free"), create(None)));
        self.block(Kind::Drone, rows)
    }

    fn assignments(&self) -> Block {
        let id = |name: &str| user(self.world, name).uuid().expect("a user's key");
        let held = |user: Uuid, drone: &str| Some(Key::assignment(user, drone));
        let create = |user: Uuid, drone: &str| {
            Some(Change { key: Key::assignment(user, drone), op: Op::Insert { set: Fields::new() } })
        };
        let mine = |what: &str| format!("{}-{what}", self.name);
        let mut rows = Vec::new();
        if self.home.is_some() {
            rows.push((
                "own, a drone of the own region",
                held(self.id, &mine("assigned")),
                create(self.id, "others-east"),
            ));
            let (there, new) = (held(id("d_okafor"), "others-east"), create(id("m_petrov"), "others-east"));
            rows.push(("others', a drone of the own region", there, new));
            let misfit = create(id("k_tanaka"), "others-east");
            rows.push(("another region's user, a drone of the own", None, misfit));
        }
        let (there, new) = (held(id("s_morgan"), "others-west"), create(id("r_whitehorse"), "others-west"));
        rows.push(("others', a drone of another region", there, new));
        rows.push(("own, a drone of another region", None, create(self.id, "others-west")));
        rows.push((
            "own, a drone of no region",
            held(self.id, &mine("assigned-free")),
            create(self.id, "others-free"),
        ));
        let (there, new) = (held(id("n_fraser"), "others-free"), create(id("d_okafor"), "others-free"));
        rows.push(("others', a drone of no region", there, new));
        self.block(Kind::Assignment, rows)
    }
}
