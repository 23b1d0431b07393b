//! Reads `rules.txt`.
//!
//! ```text
//! # a heading, for people
//! What the case is about
//!   first: change region Western status = INACTIVE
//!   main: change user a_lindqvist region_id = Western
//!   meanwhile: change user a_lindqvist status = INACTIVE
//!   comes to: invalid region_id
//!   then: assignment a_lindqvist:drone-008 is gone
//! ```
//!
//! * `first` and `meanwhile` are an administrator's, before and after the person looked; any other word before the
//!   colon is a person, by the name in their address. Several edits of a person are one group.
//! * An edit is `create`, `change` or `delete`, a kind, a key, and columns. Users are named by username, regions by
//!   name, as the initial rows have them; any other name is a new row's, with an id made from it. `create` fills in
//!   what is not said; `absent` leaves a column out.
//! * A value is a bare word; texts in quotes, with `\u{…}`, repeated and joined (`"x" * 65 + "@y.z"`); `none`
//!   for null; `nobody` for the id of no row. Users and regions stand for their ids in columns that point.
//! * `comes to` gives one outcome for each edit, with `;` between them (`conflict +user:drone`: an assignment that
//!   would go and that the person did not know of); `then` what else changes.

use flyos::domain::field::FieldType;
use flyos::domain::{Fields, Key, Kind, Value, World};
use flyos::remote::wire::OpKind;
use uuid::Uuid;

use super::{Case, Changed, Diff, Edit, Told, initial, value};

const LIST: &str = include_str!("rules.txt");

/// The id of a row that is nowhere.
const NOBODY: Uuid = Uuid::from_u128(0x0199_eeee_0000_7000_8000_0000_0000_dead);

/// Every case, in the order of the list.
pub fn all() -> Vec<Case> {
    let world = initial();
    let mut cases: Vec<Case> = Vec::new();
    for (number, line) in LIST.lines().enumerate() {
        let at = format!("rules.txt:{}: {line}", number + 1);
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            cases.push(Case {
                name: format!("{line} (rules.txt:{})", number + 1),
                first: Vec::new(),
                who: String::new(),
                edits: Vec::new(),
                meanwhile: Vec::new(),
                comes_to: Vec::new(),
                then: Changed::new(),
            });
            continue;
        }
        let case = cases.last_mut().unwrap_or_else(|| panic!("{at}: a case begins with its name"));
        let (label, rest) =
            line.trim().split_once(": ").unwrap_or_else(|| panic!("{at}: a word and a colon"));
        let mut reader = Reader { world: &world, text: rest, at: &at };
        match label {
            "first" => case.first.push(reader.edit()),
            "meanwhile" => case.meanwhile.push(reader.edit()),
            "comes to" => case.comes_to = rest.split(';').map(|text| reader.told(text)).collect(),
            "then" => {
                let (key, diff) = reader.then();
                case.then.insert(key, diff);
            }
            who => {
                assert!(case.who.is_empty() || case.who == who, "{at}: one person for each case");
                who.clone_into(&mut case.who);
                case.edits.push(reader.edit());
            }
        }
    }
    for case in &cases {
        assert!(!case.edits.is_empty(), "{}: nobody does anything", case.name);
        assert_eq!(case.edits.len(), case.comes_to.len(), "{}: one outcome for each edit", case.name);
    }
    cases
}

struct Reader<'a> {
    world: &'a World,
    text: &'a str,
    at: &'a str,
}

impl<'a> Reader<'a> {
    /// The next bare word; ends before a blank or a comma.
    fn word(&mut self) -> &'a str {
        let text = self.text.trim_start();
        let end = text.find([' ', ',']).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.text = rest;
        assert!(!word.is_empty(), "{}: a word is missing", self.at);
        word
    }

    fn takes(&mut self, sign: &str) -> bool {
        let Some(rest) = self.text.trim_start().strip_prefix(sign) else { return false };
        self.text = rest;
        true
    }

    fn edit(&mut self) -> Edit {
        let k = match self.word() {
            "create" => OpKind::Insert,
            "change" => OpKind::Update,
            "delete" => OpKind::Delete,
            word => panic!("{}: {word} is no edit", self.at),
        };
        let (kind, pk, name) = self.key();
        let mut set = if k == OpKind::Insert { defaults(kind, &name) } else { Fields::new() };
        for (column, value) in self.columns(kind) {
            if value.as_deref() == Some("absent") {
                set.remove(&column);
            } else {
                set.insert(column, value);
            }
        }
        Edit { k, kind, pk, set }
    }

    /// An outcome; what would go unforeseen is named as in an edit, with a `+` before it.
    fn told(&self, text: &str) -> Told {
        let words = text.split_whitespace().map(|word| match word.strip_prefix('+') {
            Some(pair) => format!("+{}", self.assignment(pair)),
            None => word.to_owned(),
        });
        Told(words.collect::<Vec<_>>().join(" "))
    }

    fn assignment(&self, name: &str) -> String {
        let (user, drone) = name.split_once(':').unwrap_or_else(|| panic!("{}: user:drone", self.at));
        format!("{}:{drone}", self.id(Kind::User, user))
    }

    fn then(&mut self) -> (Key, Diff) {
        let (kind, pk, _) = self.key();
        let key = Key::known(kind, &pk).unwrap_or_else(|| panic!("{}: {pk} is no key", self.at));
        if self.takes("is gone") {
            return (key, Diff::Gone);
        }
        (key, Diff::Columns(self.columns(kind).into_iter().collect()))
    }

    /// A kind and a key, with the name it was given by.
    fn key(&mut self) -> (Kind, String, String) {
        let kind = match self.word() {
            "user" => Kind::User,
            "region" => Kind::Region,
            "drone" => Kind::Drone,
            "assignment" => Kind::Assignment,
            word => panic!("{}: {word} is no kind", self.at),
        };
        if let Some(raw) = self.text() {
            return (kind, raw.clone(), raw);
        }
        let name = self.word().to_owned();
        let pk = match kind {
            Kind::Drone => name.clone(),
            Kind::User | Kind::Region => self.id(kind, &name).to_string(),
            Kind::Assignment => self.assignment(&name),
        };
        (kind, pk, name)
    }

    fn columns(&mut self, kind: Kind) -> Vec<(String, Value)> {
        let mut columns = Vec::new();
        while !self.text.trim().is_empty() {
            let column = self.word().to_owned();
            assert!(self.takes("="), "{}: {column} = …", self.at);
            let value = self.value(kind, &column);
            columns.push((column, value));
            assert!(self.takes(",") || self.text.trim().is_empty(), "{}: a comma after a value", self.at);
        }
        columns
    }

    fn value(&mut self, kind: Kind, column: &str) -> Value {
        if let Some(text) = self.text() {
            return Some(text);
        }
        let to = match kind.field(column).map(|field| field.ty) {
            Some(FieldType::Ref(to)) => Some(to),
            Some(FieldType::Uuid) => Some(Kind::User),
            _ => None,
        };
        match (self.word().to_owned().as_str(), to) {
            ("none", _) => None,
            ("absent", _) => value("absent"),
            ("nobody", _) => Some(NOBODY.to_string()),
            (name, Some(to)) => Some(self.id(to, name).to_string()),
            (word, None) => value(word),
        }
    }

    /// Texts in quotes, if that is what comes.
    fn text(&mut self) -> Option<String> {
        let mut text = String::new();
        if !self.takes("\"") {
            return None;
        }
        loop {
            let part = self.quoted();
            let times = if self.takes("*") { self.word().parse().expect("how many times") } else { 1 };
            text += &part.repeat(times);
            if !self.takes("+") {
                return Some(text);
            }
            assert!(self.takes("\""), "{}: a text after +", self.at);
        }
    }

    /// Reads to the closing quote.
    fn quoted(&mut self) -> String {
        let mut text = String::new();
        let mut rest = self.text.chars();
        loop {
            match rest.next() {
                None => panic!("{}: a quote is not closed", self.at),
                Some('"') => break,
                Some('\\') => {
                    let code: String = rest.by_ref().skip(2).take_while(|c| *c != '}').collect();
                    let c = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                    text.push(c.unwrap_or_else(|| panic!("{}: \\u{{{code}}} is no character", self.at)));
                }
                Some(c) => text.push(c),
            }
        }
        self.text = rest.as_str();
        text
    }

    fn id(&self, kind: Kind, name: &str) -> Uuid {
        let known = match kind {
            Kind::User => self.world.users().find(|user| *user.username == *name).map(|user| user.id),
            Kind::Region => self.world.regions().find(|region| *region.name == *name).map(|region| region.id),
            Kind::Drone | Kind::Assignment => None,
        };
        known.unwrap_or_else(|| if name == "nobody" { NOBODY } else { made(name) })
    }
}

/// The id of a new row, always the same for a name (FNV-1a).
fn made(name: &str) -> Uuid {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    Uuid::from_u128(0x0199_ffff_0000_7000_8000_0000_0000_0000 + u128::from(hash >> 16))
}

/// What a new row is where the case does not say.
fn defaults(kind: Kind, name: &str) -> Fields {
    let email = format!("{name}@flyos.mil");
    let columns: &[(&str, &str)] = match kind {
        Kind::User => &[
            ("username", name),
            ("full_name", "Somebody New"),
            ("email", &email),
            ("role", "OPERATOR"),
            ("region_id", ""),
            ("status", "ACTIVE"),
        ],
        Kind::Region => {
            &[("name", name), ("area", "Somewhere"), ("commander_name", ""), ("status", "ACTIVE")]
        }
        Kind::Drone => {
            &[("model", "FlyOS_MQ5"), ("status", "STANDBY"), ("region_id", ""), ("operator_id", "")]
        }
        Kind::Assignment => &[],
    };
    columns.iter().map(|(column, text)| ((*column).to_owned(), value(text))).collect()
}
