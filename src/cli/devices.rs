//! `flyos devices`: the machines that accounts were used on, as each last said of itself, and having a lost one erased.

use std::io::Write;

use clap::Subcommand;
use serde_json::json;

use super::change::confirmed;
use super::door::{Door, Place};
use super::out::Out;
use super::rows::table;
use crate::service::{Action, Done, ErrorKind, Machine, ServiceError, status};

/// The least of a machine's number that names it.
const DIGITS_MIN: usize = 4;

#[derive(Clone, Debug, Subcommand)]
pub enum Devices {
    /// List the machines of the people you see: when each was heard of, and what was unsent there
    #[command(after_help = "Example: flyos devices list --json")]
    List,
    /// Have what a lost machine keeps of an account erased, the next time it reaches the server
    #[command(after_help = "Example: flyos devices erase 0194a3d2 --yes")]
    Erase {
        /// Its number as `flyos devices list` tells it, or the whole id
        device: String,
        /// Do it without asking
        #[arg(long)]
        yes: bool,
    },
}

impl Devices {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let door = Door::open(place)?;
        let Done::Machines(machines) = door.act(Action::Machines)? else { return Ok(()) };
        match self {
            Self::List if out.is_json() => {
                out.found(json!({ "devices": machines, "totalCount": machines.len() }), None)
            }
            Self::List => out.text(&as_table(&machines, out.width())),
            Self::Erase { device, yes } => erase(&door, one(&machines, device)?, *yes, out),
        }
    }
}

/// The machine that is meant.
fn one<'a>(machines: &'a [Machine], device: &str) -> Result<&'a Machine, ServiceError> {
    let digits = device.replace('-', "").to_lowercase();
    let is = |machine: &&Machine| machine.device.simple().to_string().starts_with(&digits);
    let found: Vec<&Machine> = machines.iter().filter(is).collect();
    let wrong = match found[..] {
        _ if digits.len() < DIGITS_MIN => format!("{device} is too little of a machine's number."),
        [machine] => return Ok(machine),
        [] => format!("There is no machine {device} that you may see."),
        _ => format!("More than one machine's number begins with {device}."),
    };
    Err(ServiceError::new(ErrorKind::Refused, wrong)
        .hint("Nothing was changed. flyos devices list tells the numbers."))
}

fn erase(door: &Door, machine: &Machine, yes: bool, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
    let role = door.status()?.account.and_then(|account| account.role);
    if let Some((kind, why)) = machine.why_not_erase(role) {
        let error = ServiceError::new(kind, why);
        return Err(if machine.here { error.hint("Or say flyos wipe.") } else { error });
    }
    let name = format!("machine {} of {}", machine.short(), machine.username);
    let mut follows = vec![format!("This is {name}.")];
    follows.extend(machine.erasing(super::now()));
    confirmed(yes, follows)?;
    door.act(Action::EraseMachine { user: machine.user, device: machine.device })?;
    let words = format!("The {name} is erased as soon as it reaches the server.");
    out.told(&words, json!({ "device": machine.device, "user": machine.user }))
}

fn as_table(machines: &[Machine], width: Option<usize>) -> String {
    let head = ["DEVICE", "USER", "HEARD", "UNSENT", "TO DECIDE", "VERSION", ""].map(str::to_owned).to_vec();
    let body = machines.iter().map(|machine| {
        let state = match machine {
            Machine { erased: true, .. } => "erased",
            Machine { here: true, .. } => "this one",
            _ => "",
        };
        vec![
            machine.short(),
            machine.username.clone(),
            status::ago(machine.heard, super::now()),
            machine.waiting.to_string(),
            machine.needs_you.to_string(),
            machine.version.clone(),
            state.to_owned(),
        ]
    });
    table(&std::iter::once(head).chain(body).collect::<Vec<_>>(), width)
}
