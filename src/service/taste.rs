//! How the person likes the lists to look: order, columns, and views that have a name.
//!
//! It belongs to the account and lies sealed in its folder. Whatever is in the file is held to the bounds below before
//! anything goes by it; a file that cannot be read, or is a newer version's, is told and put aside, and the lists are
//! as they come.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{BULK_MAX, Done, ErrorKind, ServiceError, columns, explain};
use crate::domain::field::is_harmful;
use crate::domain::{Key, Kind};
use crate::store::Store;
use crate::store::taste::TASTE_BYTES_MAX;

/// The format of the file.
const VERSION: u32 = 1;
/// Views, of all lists together.
pub const VIEWS_MAX: usize = 100;
/// The longest name of a view and the longest filter in one, in characters.
pub const VIEW_NAME_MAX: usize = 40;
const FILTER_CHARS_MAX: usize = 200;
/// The longest title of what was not finished, in characters.
const TITLE_CHARS_MAX: usize = 200;
/// The widest column, in cells.
pub const COLUMN_WIDTH_MAX: u16 = 120;

/// Everything that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Taste {
    /// Each list as it was left.
    pub lists: BTreeMap<Kind, Look>,
    pub views: Vec<View>,
    /// The view that each list opens with, by name.
    pub opens: BTreeMap<Kind, String>,
    /// Changes to several rows that are being made, until they have ended.
    pub unfinished: Option<Unfinished>,
}

/// Changes to several rows, in portions, of which some may not have been made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    pub deed: Uuid,
    pub title: String,
    /// Rows that were to be changed, and those whose change was not told as saved.
    pub all: usize,
    pub left: Vec<Key>,
}

/// The order and the columns of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    /// As in `ListQuery`; empty: as it comes.
    pub sort: String,
    /// In their order; columns that are not among them follow as they come.
    pub columns: Vec<ColumnLook>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnLook {
    pub name: String,
    #[serde(default)]
    pub hidden: bool,
    /// In cells; `None`: as there is room.
    #[serde(default)]
    pub width: Option<u16>,
}

/// A list's filter, order and columns under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    pub name: String,
    pub kind: Kind,
    pub filter: String,
    #[serde(default)]
    pub look: Look,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    #[serde(flatten)]
    taste: Taste,
}

impl Taste {
    pub fn view(&self, kind: Kind, name: &str) -> Option<&View> {
        self.views.iter().find(|view| view.kind == kind && view.name == name)
    }

    /// Keeps a view, in the place of one of that name; false: there is no room for another.
    pub fn keep(&mut self, view: View) -> bool {
        self.views.retain(|other| (other.kind, &other.name) != (view.kind, &view.name));
        let fits = self.views.len() < VIEWS_MAX;
        if fits {
            self.views.push(view);
        }
        fits
    }

    /// Within the bounds, whatever it was.
    #[must_use]
    fn bounded(mut self) -> Self {
        self.lists.iter_mut().for_each(|(kind, look)| look.bound(*kind));
        self.views.truncate(VIEWS_MAX);
        let sound = |text: &str, max: usize| text.chars().count() <= max && !text.chars().any(is_harmful);
        self.views.retain(|view| {
            !view.name.is_empty() && sound(&view.name, VIEW_NAME_MAX) && sound(&view.filter, FILTER_CHARS_MAX)
        });
        self.views.iter_mut().for_each(|view| view.look.bound(view.kind));
        let views = std::mem::take(&mut self.views);
        self.opens.retain(|kind, name| views.iter().any(|view| view.kind == *kind && view.name == *name));
        self.views = views;
        let possible = |it: &Unfinished| it.left.len() <= BULK_MAX && sound(&it.title, TITLE_CHARS_MAX);
        self.unfinished = self.unfinished.filter(possible);
        self
    }
}

impl Look {
    fn bound(&mut self, kind: Kind) {
        let mut seen = Vec::new();
        self.columns.retain(|column| {
            let known = columns(kind).contains(&&*column.name) && !seen.contains(&column.name);
            seen.push(column.name.clone());
            known
        });
        for column in &mut self.columns {
            column.width = column.width.map(|width| width.clamp(1, COLUMN_WIDTH_MAX));
        }
        if self.sort.len() > FILTER_CHARS_MAX {
            self.sort.clear();
        }
    }
}

/// What was kept; where it cannot be used, what comes in its place and why.
pub(super) fn read(store: &Store) -> Done {
    let problem = match store.taste() {
        Ok(None) => return Done::Taste { taste: Taste::default(), problem: None },
        Ok(Some(plain)) => match serde_json::from_slice::<File>(&plain) {
            Ok(file) if file.version == VERSION => {
                return Done::Taste { taste: file.taste.bounded(), problem: None };
            }
            Ok(_) => "it is another version's".to_owned(),
            Err(_) => "it is damaged".to_owned(),
        },
        Err(error) => error.to_string(),
    };
    let aside = match store.set_taste_aside() {
        Ok(()) => "It is kept in the account's quarantine.".to_owned(),
        Err(error) => format!("It could not be put aside: {error}."),
    };
    let told = format!(
        "How you left the lists, and their views, could not be read: {problem}. They are as they come. {aside}"
    );
    Done::Taste { taste: Taste::default(), problem: Some(told) }
}

pub(super) fn keep(store: &Store, taste: Taste) -> Result<Done, ServiceError> {
    let file = File { version: VERSION, taste: taste.bounded() };
    let plain = serde_json::to_vec(&file).ok().filter(|plain| plain.len() <= TASTE_BYTES_MAX);
    let Some(plain) = plain else {
        return Err(ServiceError::new(ErrorKind::Usage, "These are too many views. Nothing was kept.")
            .hint("Take some of them away first."));
    };
    store.keep_taste(&plain).map_err(|error| explain::not_saved(&error))?;
    Ok(Done::TasteKept)
}
