//! `flyos regions`.

use std::io::Write;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use uuid::Uuid;

use super::change::{Why, Wishes};
use super::door::{Door, Place};
use super::list::{Listing, show, values};
use super::out::Out;
use crate::domain::{Intent, Key, Kind, Status};
use crate::service::ServiceError;

const STATUS: &[&str] = Status::TEXTS;

#[derive(Clone, Debug, Subcommand)]
pub enum Regions {
    /// List regions
    #[command(after_help = "Example: flyos regions list --status ACTIVE")]
    List {
        #[arg(long, value_parser = PossibleValuesParser::new(STATUS), ignore_case = true)]
        status: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Show one region with everything that belongs to it
    #[command(after_help = "Example: flyos regions show 'Eastern Region'")]
    Show {
        /// By name or id
        region: String,
    },
    /// Make a new region
    #[command(
        after_help = "Example: flyos regions create --name 'Northern Region' --area 'Great Lakes' --commander 'Col. James Wilson'"
    )]
    Create {
        #[command(flatten)]
        fields: RegionFields,
        #[command(flatten)]
        why: Why,
    },
    /// Change regions
    #[command(after_help = "Example: flyos regions set 'Eastern Region' --commander 'Col. Ada Lind'")]
    Set {
        /// By name or id
        #[arg(required = true)]
        region: Vec<String>,
        #[command(flatten)]
        fields: RegionFields,
        /// All of them or none
        #[arg(long)]
        together: bool,
        #[command(flatten)]
        why: Why,
    },
    /// Delete regions
    #[command(after_help = "Example: flyos regions delete 'Northern Region' --yes")]
    Delete {
        /// By name or id
        #[arg(required = true)]
        region: Vec<String>,
        /// All of them or none
        #[arg(long)]
        together: bool,
        #[command(flatten)]
        why: Why,
    },
}

/// The fields of a region.
#[derive(Args, Clone, Debug)]
pub struct RegionFields {
    #[arg(long)]
    name: Option<String>,
    #[arg(long)]
    area: Option<String>,
    /// The name of the commander; - for none
    #[arg(long)]
    commander: Option<String>,
    #[arg(long, value_parser = PossibleValuesParser::new(STATUS), ignore_case = true)]
    status: Option<String>,
}

impl RegionFields {
    fn flags(&self) -> [(&str, &Option<String>); 4] {
        [
            ("name", &self.name),
            ("area", &self.area),
            ("commander_name", &self.commander),
            ("status", &self.status),
        ]
    }
}

impl Regions {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        let patience = place.access.patience();
        let door = Door::open(place)?;
        let kind = Kind::Region;
        let names = |names: &[String], together| super::things::names(&door, kind, names, together);
        let wishes = match self {
            Self::List { status, listing } => {
                let flags = [("status", status)];
                return listing.run(&door, kind, values(&door, kind, &flags)?, out);
            }
            Self::Show { region } => return show(&door, kind, region, out),
            Self::Create { fields, why } => {
                // Ids are made here, in the order of time.
                let key = Key::region(Uuid::now_v7());
                Wishes::create(key, values(&door, kind, &fields.flags())?, why)
            }
            Self::Set { region, fields, together, why } => {
                let set = super::things::something(values(&door, kind, &fields.flags())?)?;
                names(region, *together)?.wishes(why, |key| Intent::Update { key, set: set.clone() })
            }
            Self::Delete { region, together, why } => {
                names(region, *together)?.wishes(why, |key| Intent::Delete { key })
            }
        };
        wishes.carry_out((&door, kind), patience, out)
    }
}
