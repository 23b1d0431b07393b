//! The edits of a console that is killed, by number. The same number is the same edit, and no number is given twice, so
//! that losing one, doing one twice or changing their order shows in the rows.
//!
//! * a new drone, which the console never touches again: it must be there, in its first version
//! * another status for a drone of the initial rows, once: its version grows by one
//! * the number itself, written into a region's area, again and again: it only grows, and the last one stays

use flyos::domain::{DroneStatus, Fields, Intent, Key};

/// Fills the training server up to so many rows.
pub const ROWS: usize = 400;
/// Drones among them that are made up, by number from 0.
const MADE_DRONES: u64 = 140;
pub const REGIONS: [&str; 2] =
    ["0194a3c0-0000-7000-8000-000000000001", "0194a3c0-0000-7000-8000-000000000002"];

/// What an edit is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    New { key: Key },
    Touch { key: Key, status: DroneStatus, next: DroneStatus },
    Count { key: Key },
}

pub fn kind(n: u64) -> Kind {
    let number = n / 4;
    match n % 4 {
        3 if number < MADE_DRONES => {
            let status = |step: u64| {
                let all = DroneStatus::ALL;
                let at = usize::try_from(number / 3 + step).expect("a small number");
                all[at % all.len()]
            };
            Kind::Touch {
                key: Key::drone(&format!("drone-x{number:07}")),
                status: status(1),
                next: status(2),
            }
        }
        2 | 3 => {
            let region = REGIONS[usize::try_from(number % 2).expect("one of two")];
            Kind::Count { key: Key::region(region.parse().expect("a uuid")) }
        }
        _ => Kind::New { key: Key::drone(&format!("drone-k{n}")) },
    }
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect()
}

pub fn intent(n: u64) -> Intent {
    match kind(n) {
        Kind::New { key } => {
            Intent::Create { key, fields: fields(&[("model", "FlyOS_MQ5"), ("status", "STANDBY")]) }
        }
        Kind::Touch { key, status, .. } => {
            Intent::Update { key, set: fields(&[("status", status.as_str())]) }
        }
        Kind::Count { key } => Intent::Update { key, set: fields(&[("area", &n.to_string())]) },
    }
}
