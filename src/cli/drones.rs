//! `flyos drones`.

use std::io::Write;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use uuid::Uuid;

use super::change::{Why, Wishes};
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
        let wishes = match self {
            Self::List { status, region, operator, listing } => {
                let flags = [("status", status), ("region_id", region), ("operator_id", operator)];
                return listing.run(&door, kind, values(&door, kind, &flags)?, out);
            }
            Self::Show { id } => return show(&door, kind, id, out),
            Self::Create { id, fields, why } => {
                Wishes::create(Key::drone(id), values(&door, kind, &fields.flags())?, why)
            }
            Self::Set { id, fields, together, why } => {
                let set = super::things::something(values(&door, kind, &fields.flags())?)?;
                names(id, *together)?.wishes(why, |key| Intent::Update { key, set: set.clone() })
            }
            Self::Delete { id, together, why } => {
                names(id, *together)?.wishes(why, |key| Intent::Delete { key })
            }
            Self::Assign { id, to, together, why } => {
                let user = user(&door, to)?;
                names(id, *together)?.wishes(why, |key| Intent::Assign { drone: key.pk, user })
            }
            Self::Unassign { id, from, together, why } => {
                let user = user(&door, from)?;
                names(id, *together)?.wishes(why, |key| Intent::Unassign { drone: key.pk, user })
            }
        };
        wishes.carry_out((&door, kind), patience, out)
    }
}

fn user(door: &Door, name: &str) -> Result<Uuid, ServiceError> {
    let key = named(door, Kind::User, name)?.row.key;
    key.uuid().ok_or_else(|| ServiceError::new(ErrorKind::Refused, "That user has no id."))
}
