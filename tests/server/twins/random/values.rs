//! What a plan is made of: rows and values from short lists, so that edits meet. A few seeded rows, a few that are yet
//! to be made, and keys and values that are wrong in every way a person or a faulty client could think of.

use flyos::domain::{Kind, Value};
use proptest::prelude::*;
use proptest::sample::select;

/// The value that stands for a word of a plan: "" is null, `<empty>` an empty text, `<n>` a text of n letters.
pub fn text(word: &str) -> Value {
    let inner = word.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    match inner {
        None => (!word.is_empty()).then(|| word.to_owned()),
        Some("empty") => Some(String::new()),
        Some(count) => Some("é".repeat(count.parse().expect("a count"))),
    }
}

pub const DRONES: &[&str] = &[
    "drone-001",
    "drone-002",
    "drone-003",
    "drone-008",
    "drone-014",
    "drone-016",
    "drone-020",
    "drone-028",
    "drone-030",
    "drone-032",
];
pub const NEW_DRONES: &[&str] = &["drone-900", "drone-901"];
pub const WRONG_DRONES: &[&str] = &["DRONE-001", "Drone-900", "drone-999", "no id", "", "drone:1", "drone-ü"];

const EASTERN: &str = "0194a3c0-0000-7000-8000-000000000001";
const WESTERN: &str = "0194a3c0-0000-7000-8000-000000000002";
pub const REGIONS: &[&str] = &[EASTERN, WESTERN];
pub const NEW_REGIONS: &[&str] =
    &["0194a3c0-0000-7000-8000-000000000901", "0194a3c0-0000-7000-8000-000000000902"];

const MAIN: &str = "0194a3d2-0000-7000-8000-000000000001";
const EAST_HQ: &str = "0194a3d2-0000-7000-8000-000000000002";
const WEST_HQ: &str = "0194a3d2-0000-7000-8000-000000000003";
const OPERATOR1: &str = "0194a3d2-0000-7000-8000-000000000004";
const OPERATOR2: &str = "0194a3d2-0000-7000-8000-000000000005";
const DEPUTY: &str = "0194a3d2-0000-7000-8000-000000000006";
const EAST_OPS: &str = "0194a3d2-0000-7000-8000-000000000007";
const WEAVER: &str = "0194a3d2-0000-7000-8000-000000000008";
const OKAFOR: &str = "0194a3d2-0000-7000-8000-000000000009";
const MORGAN: &str = "0194a3d2-0000-7000-8000-00000000000e";
const BRANDT: &str = "0194a3d2-0000-7000-8000-000000000011";
pub const USERS: &[&str] =
    &[MAIN, EAST_HQ, WEST_HQ, OPERATOR1, OPERATOR2, DEPUTY, WEAVER, OKAFOR, MORGAN, BRANDT];
pub const NEW_USERS: &[&str] =
    &["0194a3d2-0000-7000-8000-000000000901", "0194a3d2-0000-7000-8000-000000000902"];
pub const WRONG_IDS: &[&str] = &[
    "0194A3D2-0000-7000-8000-000000000004",
    "0194A3C0-0000-7000-8000-000000000001",
    "0194a3d200007000800000000000000a",
    "{0194a3d2-0000-7000-8000-000000000004}",
    "urn:uuid:0194a3d2-0000-7000-8000-000000000004",
    "0194a3d2-0000-7000-8000-0000000000ff",
    "not-a-uuid",
    "",
    "<empty>",
];

/// Of each account its profile, and drones that it has to do with.
pub const OWN: [(&str, &[&str]); 8] = [
    (MAIN, DRONES),
    (DEPUTY, DRONES),
    (EAST_HQ, &["drone-001", "drone-002", "drone-003", "drone-008", "drone-014"]),
    (EAST_OPS, &["drone-001", "drone-002", "drone-003", "drone-008", "drone-014"]),
    (WEST_HQ, &["drone-016", "drone-020"]),
    (OPERATOR1, &["drone-001", "drone-002", "drone-003", "drone-008", "drone-030"]),
    (OPERATOR2, &["drone-016", "drone-020"]),
    (WEAVER, &["drone-014"]),
];

/// Assignments of the initial rows.
pub const ASSIGNED: &[&str] = &[
    "0194a3d2-0000-7000-8000-000000000004:drone-001",
    "0194a3d2-0000-7000-8000-000000000004:drone-002",
    "0194a3d2-0000-7000-8000-000000000009:drone-002",
    "0194a3d2-0000-7000-8000-000000000004:drone-003",
    "0194a3d2-0000-7000-8000-000000000004:drone-008",
    "0194a3d2-0000-7000-8000-000000000008:drone-014",
    "0194a3d2-0000-7000-8000-000000000005:drone-016",
    "0194a3d2-0000-7000-8000-00000000000e:drone-020",
    "0194a3d2-0000-7000-8000-000000000011:drone-030",
    "0194a3d2-0000-7000-8000-000000000004:drone-030",
    "0194a3d2-0000-7000-8000-000000000011:drone-032",
];
/// Who could be given which drone, as things stand in the beginning.
pub const FITS: &[(&str, &str)] = &[
    (OKAFOR, "drone-001"),
    (EAST_HQ, "drone-001"),
    (OKAFOR, "drone-003"),
    (OKAFOR, "drone-008"),
    (OPERATOR1, "drone-014"),
    (OPERATOR1, "drone-002"),
    (MORGAN, "drone-016"),
    (OPERATOR2, "drone-020"),
    (WEST_HQ, "drone-020"),
    (BRANDT, "drone-028"),
    (OPERATOR1, "drone-028"),
    (OPERATOR2, "drone-030"),
    (MAIN, "drone-032"),
];
pub const WRONG_PAIRS: &[&str] = &[
    "0194A3D2-0000-7000-8000-000000000004:drone-001",
    "0194a3d2-0000-7000-8000-000000000004:",
    "0194a3d2-0000-7000-8000-000000000004:no id",
    "0194a3d2-0000-7000-8000-000000000004",
    "drone-001",
    "x:y",
    "",
];

const NAMES: &[&str] =
    &["Ann Lee", "Zoë", "名前 一", "<120>", "\u{1f681}", "Eastern", "EASTERN", "Straße", "STRASSE"];
const ODD_NAMES: &[&str] = &[
    "<121>",
    "",
    "<empty>",
    "   ",
    " led",
    "trailed ",
    "\u{a0}hard",
    "a\tb",
    "a\nb",
    "\u{85}",
    "o\u{308}stlich",
    "\u{308}",
    "a\u{ad}b",
    "a\u{200b}b",
    "\u{202e}evil",
    "\u{feff}",
    "x\u{fffd}",
    "\u{1f469}\u{200d}\u{1f680}",
    "\u{e000}",
    "\u{2028}",
];
const USERNAMES: &[&str] = &["new_one", "NEW_ONE", "operator1", "Operator2", "east_hq", "abc", "other_one"];
const ODD_USERNAMES: &[&str] =
    &["ab", "has space", "naïve", "<64>", "<65>", "", "x_\u{212a}", "dash-ed", "\u{130}stanbul"];
const EMAILS: &[&str] = &[
    "new@unit.mil",
    "NEW@unit.mil",
    "east@flyos.mil",
    "operator2@flyos.mil",
    "Operator1@FlyOS.mil",
    "a@b.c",
];
const ODD_EMAILS: &[&str] = &["a@b", "@b.c", "a@b.c.", "a b@c.d", "a@b@c.d", "é@ü.ö", "", "a@.c", "a@b..c"];
/// Columns that nobody writes, or that are not there.
const ODD_CELLS: &[(&str, &str)] = &[
    ("id", "drone-777"),
    ("created_at", "2020-01-01T00:00:00+00:00"),
    ("updated_at", ""),
    ("auth_user_id", "5f0e1c2a-7b41-4c1d-9a53-000000000001"),
    ("assigned_at", "2020-01-01T00:00:00+00:00"),
    ("user_id", "x"),
    ("colour", "red"),
    ("Status", "ACTIVE"),
    ("status\"; drop", "x"),
];

type Words = &'static [&'static str];

fn of(name: &'static str, usual: Words, odd: Words) -> BoxedStrategy<(&'static str, &'static str)> {
    prop_oneof![14 => select(usual), 1 => select(odd)].prop_map(move |value| (name, value)).boxed()
}

/// A column of a kind with what it becomes. Columns that make rules meet come up oftener.
pub fn cell(kind: Kind) -> BoxedStrategy<(&'static str, &'static str)> {
    let standing = |name| of(name, &["ACTIVE", "INACTIVE", "ACTIVE"], &["active", "", "GONE"]);
    let region = || {
        let region = prop_oneof![9 => select(REGIONS), 2 => select(NEW_REGIONS), 4 => Just(""), 1 => select(WRONG_IDS)];
        region.prop_map(|id| ("region_id", id)).boxed()
    };
    let operator =
        prop_oneof![9 => select(USERS), 1 => select(NEW_USERS), 4 => Just(""), 1 => select(WRONG_IDS)];
    let odd = select(ODD_CELLS).boxed();
    let usual = match kind {
        Kind::Region => prop_oneof![
            3 => of("name", NAMES, ODD_NAMES),
            1 => of("area", NAMES, ODD_NAMES),
            1 => of("commander_name", NAMES, ODD_NAMES),
            3 => standing("status"),
        ]
        .boxed(),
        Kind::User => prop_oneof![
            2 => of("username", USERNAMES, ODD_USERNAMES),
            2 => of("full_name", NAMES, ODD_NAMES),
            2 => of("email", EMAILS, ODD_EMAILS),
            4 => of("role", &["MAIN_HQ", "REGIONAL_HQ", "OPERATOR", "OPERATOR"], &["ADMIN", ""]),
            5 => region(),
            4 => standing("status"),
        ]
        .boxed(),
        Kind::Drone => prop_oneof![
            3 => of("model", &["FlyOS_MQ5", "FlyOS_MQ7", "FlyOS_MQ9"], &["flyos_mq5", ""]),
            4 => of("status", &["ACTIVE", "STANDBY", "MAINTENANCE", "OFFLINE"], &["BROKEN", " ACTIVE", ""]),
            5 => region(),
            6 => operator.prop_map(|id| ("operator_id", id)),
        ]
        .boxed(),
        Kind::Assignment => odd.clone(),
    };
    prop_oneof![40 => usual, 1 => odd].boxed()
}
