//! `flyos drones`.

use std::io::Write;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use uuid::Uuid;

use super::change::{Changes, Why};
use super::door::{Door, Place};
use super::list::{Listing, named, show, values};
use super::out::Out;
use crate::domain::{DroneModel, DroneStatus, Intent, Key, Kind};
use crate::service::{ErrorKind, ServiceError};

const STATUS: &[&str] = DroneStatus::TEXTS;
const MODEL: &[&str] = DroneModel::TEXTS;

#[derive(Clone, Debug, Subcommand)]
pub enum Drones {
    /// List drones
    #[command(
        after_help = "Example: flyos drones list --status MAINTENANCE --region 'Eastern Region' --json"
    )]
    List {
        #[arg(long, value_parser = PossibleValuesParser::new(STATUS), ignore_case = true)]
        status: Option<String>,
        /// A region by its name or id; - for none
        #[arg(long)]
        region: Option<String>,
        /// A user by their username, e-mail or id; - for none
        #[arg(long)]
        operator: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Show one drone with everything that belongs to it
    #[command(after_help = "Example: flyos drones show drone-001")]
    Show { id: String },
    /// Make a new drone
    #[command(
        after_help = "Example: flyos drones create drone-900 --model FlyOS_MQ7 --region 'Eastern Region'"
    )]
    Create {
        id: String,
        #[command(flatten)]
        fields: DroneFields,
        #[command(flatten)]
        why: Why,
    },
    /// Change drones
    #[command(
        after_help = "Example: flyos drones set drone-001 drone-002 --status STANDBY --reason 'storm' --together"
    )]
    Set {
        #[arg(required = true)]
        id: Vec<String>,
        #[command(flatten)]
        fields: DroneFields,
        /// All of them or none
        #[arg(long)]
        together: bool,
        #[command(flatten)]
        why: Why,
    },
    /// Delete drones
    #[command(after_help = "Example: flyos drones delete drone-900 --yes")]
    Delete {
        #[arg(required = true)]
        id: Vec<String>,
        /// All of them or none
        #[arg(long)]
        together: bool,
        #[command(flatten)]
        why: Why,
    },
    /// Assign drones to a user, who becomes their operator
    #[command(after_help = "Example: flyos drones assign drone-001 --to operator1")]
    Assign {
        #[arg(required = true)]
        id: Vec<String>,
        /// A user by their username, e-mail or id
        #[arg(long, value_name = "USER")]
        to: String,
        /// All of them or none
        #[arg(long)]
        together: bool,
        #[command(flatten)]
        why: Why,
    },
    /// Take drones away from a user
    #[command(after_help = "Example: flyos drones unassign drone-001 --from operator1")]
    Unassign {
        #[arg(required = true)]
        id: Vec<String>,
        /// A user by their username, e-mail or id
        #[arg(long, value_name = "USER")]
        from: String,
        /// All of them or none
        #[arg(long)]
        together: bool,
        #[command(flatten)]
        why: Why,
    },
}

/// The fields of a drone.
#[derive(Args, Clone, Debug)]
pub struct DroneFields {
    #[arg(long, value_parser = PossibleValuesParser::new(MODEL), ignore_case = true)]
    model: Option<String>,
    #[arg(long, value_parser = PossibleValuesParser::new(STATUS), ignore_case = true)]
    status: Option<String>,
    /// A region by its name or id; - for none
    #[arg(long)]
    region: Option<String>,
    /// A user by their username, e-mail or id; - for none
    #[arg(long)]
    operator: Option<String>,
}

impl DroneFields {
    fn flags(&self) -> [(&str, &Option<String>); 4] {
        [
            ("model", &self.model),
            ("status", &self.status),
            ("region_id", &self.region),
            ("operator_id", &self.operator),
        ]
    }
}

impl Drones {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let patience = place.access.patience();
        let door = Door::open(place)?;
        let kind = Kind::Drone;
        let names = |ids: &[String], together| super::things::names(&door, kind, ids, together);
        let (intents, unknown, why, together) = match self {
            Self::List { status, region, operator, listing } => {
                let flags = [("status", status), ("region_id", region), ("operator_id", operator)];
                return listing.run(&door, kind, values(&door, kind, &flags)?, out);
            }
            Self::Show { id } => return show(&door, kind, id, out),
            Self::Create { id, fields, why } => {
                let mut fields = values(&door, kind, &fields.flags())?;
                fields
                    .entry("status".to_owned())
                    .or_insert_with(|| Some(DroneStatus::Standby.as_str().to_owned()));
                (vec![Intent::Create { key: Key::drone(id), fields }], Vec::new(), why, false)
            }
            Self::Set { id, fields, together, why } => {
                let set = super::things::something(values(&door, kind, &fields.flags())?)?;
                let update = |key| Intent::Update { key, set: set.clone() };
                let names = names(id, *together)?;
                (names.keys.into_iter().map(update).collect(), names.unknown, why, *together)
            }
            Self::Delete { id, together, why } => {
                let names = names(id, *together)?;
                let delete = |key| Intent::Delete { key };
                (names.keys.into_iter().map(delete).collect(), names.unknown, why, *together)
            }
            Self::Assign { id, to, together, why } => {
                let user = user(&door, to)?;
                let assign = |key: Key| Intent::Assign { drone: key.pk, user };
                let names = names(id, *together)?;
                (names.keys.into_iter().map(assign).collect(), names.unknown, why, *together)
            }
            Self::Unassign { id, from, together, why } => {
                let user = user(&door, from)?;
                let unassign = |key: Key| Intent::Unassign { drone: key.pk, user };
                let names = names(id, *together)?;
                (names.keys.into_iter().map(unassign).collect(), names.unknown, why, *together)
            }
        };
        Changes { kind, intents, unknown, why, together, patience }.carry_out(&door, out)
    }
}

fn user(door: &Door, name: &str) -> Result<Uuid, ServiceError> {
    let key = named(door, Kind::User, name)?.row.key;
    key.uuid().ok_or_else(|| ServiceError::new(ErrorKind::Refused, "That user has no id."))
}
