//! `flyos users`.

use std::io::Write;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use uuid::Uuid;

use super::change::{Why, Wishes};
use super::door::{Door, Place};
use super::list::{Listing, show, values};
use super::out::Out;
use super::people::People;
use crate::domain::{Intent, Key, Kind, Role, Status};
use crate::service::ServiceError;

const STATUS: &[&str] = Status::TEXTS;
const ROLE: &[&str] = Role::TEXTS;

#[derive(Clone, Debug, Subcommand)]
pub enum Users {
    /// List users
    #[command(after_help = "Example: flyos users list --role OPERATOR --status ACTIVE --json")]
    List {
        #[arg(long, value_parser = PossibleValuesParser::new(ROLE), ignore_case = true)]
        role: Option<String>,
        #[arg(long, value_parser = PossibleValuesParser::new(STATUS), ignore_case = true)]
        status: Option<String>,
        /// A region by its name or id; - for none
        #[arg(long)]
        region: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Show one user with everything that belongs to them
    #[command(after_help = "Example: flyos users show operator1")]
    Show {
        /// By username, e-mail or id
        user: String,
    },
    /// Make a new user
    #[command(
        after_help = "Example: flyos users create --username p_lotz --full-name 'Pia Lotz' --mail p.lotz@flyos.mil --role OPERATOR"
    )]
    Create {
        #[command(flatten)]
        fields: UserFields,
        #[command(flatten)]
        why: Why,
    },
    /// Change users
    #[command(
        after_help = "Example: flyos users set operator1 --region 'Western Region' --reason 'moved' --yes"
    )]
    Set {
        /// By username, e-mail or id
        #[arg(required = true)]
        user: Vec<String>,
        #[command(flatten)]
        fields: UserFields,
        /// All of them or none
        #[arg(long)]
        together: bool,
        #[command(flatten)]
        why: Why,
    },
    #[command(flatten)]
    Account(People),
    /// Delete users
    #[command(after_help = "Example: flyos users delete p_lotz --yes")]
    Delete {
        /// By username, e-mail or id
        #[arg(required = true)]
        user: Vec<String>,
        /// All of them or none
        #[arg(long)]
        together: bool,
        #[command(flatten)]
        why: Why,
    },
}

/// The fields of a user.
#[derive(Args, Clone, Debug)]
pub struct UserFields {
    #[arg(long)]
    username: Option<String>,
    #[arg(long)]
    full_name: Option<String>,
    /// The e-mail address of the user (--email says who signs in)
    #[arg(long)]
    mail: Option<String>,
    #[arg(long, value_parser = PossibleValuesParser::new(ROLE), ignore_case = true)]
    role: Option<String>,
    /// A region by its name or id; - for none
    #[arg(long)]
    region: Option<String>,
    #[arg(long, value_parser = PossibleValuesParser::new(STATUS), ignore_case = true)]
    status: Option<String>,
}

impl UserFields {
    fn flags(&self) -> [(&str, &Option<String>); 6] {
        [
            ("username", &self.username),
            ("full_name", &self.full_name),
            ("email", &self.mail),
            ("role", &self.role),
            ("region_id", &self.region),
            ("status", &self.status),
        ]
    }
}

impl Users {
    pub(super) fn run(&self, place: Place, out: &mut Out<impl Write>) -> Result<(), ServiceError> {
        if let Self::Account(people) = self {
            return people.run(place, out);
        }
        let patience = place.access.patience();
        let door = Door::open(place)?;
        let kind = Kind::User;
        let names = |names: &[String], together| super::things::names(&door, kind, names, together);
        let wishes = match self {
            Self::List { role, status, region, listing } => {
                let flags = [("role", role), ("status", status), ("region_id", region)];
                return listing.run(&door, kind, values(&door, kind, &flags)?, out);
            }
            Self::Show { user } => return show(&door, kind, user, out),
            Self::Account(_) => return Ok(()),
            Self::Create { fields, why } => {
                // Ids are made here, in the order of time.
                let key = Key::user(Uuid::now_v7());
                Wishes::create(key, values(&door, kind, &fields.flags())?, why)
            }
            Self::Set { user, fields, together, why } => {
                let set = super::things::something(values(&door, kind, &fields.flags())?)?;
                names(user, *together)?.wishes(why, |key| Intent::Update { key, set: set.clone() })
            }
            Self::Delete { user, together, why } => {
                names(user, *together)?.wishes(why, |key| Intent::Delete { key })
            }
        };
        wishes.carry_out((&door, kind), patience, out)
    }
}
