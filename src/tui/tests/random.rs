//! Random keys, at random sizes, under random settings: whatever is pressed, typed, pasted, clicked and heard, by
//! whoever, nothing panics, a frame can be drawn, and one gets out again. A failure is shrunk to the fewest deeds. The
//! deeds are the same each time; `FLYOS_SEED=7` plays others, and a failure says the seed it was found with.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use secrecy::SecretString;

use crate::domain::{Intent, Key, Kind, Role, Stamp};
use crate::service::ladder::Colours;
use crate::service::{Action, Event, Link, OwnDone, RowView, Status, Traffic};
use crate::tui::app::{App, Msg};
use crate::tui::decode::{Input, Mouse, Pointer};
use crate::tui::keys::{self, Act, Context, Keymap, with_own};
use crate::tui::press::Press;
use crate::tui::screens::marks::MARKS_MAX;
use crate::tui::testing::{Bench, Fake, NOW, card, outbox_line, refusal, status};
use crate::tui::theme::{Theme, palette};
use crate::tui::widgets::Pen;

const SEED: u64 = 20_261_121;
/// Of each half.
const EPISODES: u32 = 500;
/// In one episode at the most; half as many in the mean.
const DEEDS: usize = 220;
/// Rows of the first lists: enough for some windows of most sizes.
const ROWS: usize = 14;

#[derive(Clone)]
enum Deed {
    Press(Press),
    Paste(String),
    Point(Mouse),
    Resize(u16, u16),
    /// So many rows are left of each list.
    Rows(usize),
    Hear(usize),
    /// What is done next is refused.
    Refuse,
    Minutes(u8),
}

impl fmt::Debug for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Press(press) => write!(f, "{press}"),
            Self::Paste(text) => write!(f, "paste {text:?}"),
            Self::Point(mouse) => write!(f, "{:?} at {},{}", mouse.pointer, mouse.column, mouse.row),
            Self::Resize(width, height) => write!(f, "{width}x{height}"),
            Self::Rows(rows) => write!(f, "{rows} rows"),
            Self::Hear(which) => write!(f, "hear {which}"),
            Self::Refuse => write!(f, "refuse"),
            Self::Minutes(minutes) => write!(f, "{minutes} min"),
        }
    }
}

/// Who sits there, before what.
#[derive(Clone, Debug)]
struct Settings {
    role: Role,
    signed_in: bool,
    read_only: bool,
    /// Which of the themes.
    theme: usize,
    ascii: bool,
    /// Which of the tables of keys.
    keys: usize,
    size: (u16, u16),
}

fn presses() -> Vec<Press> {
    let bound = keys::all().iter().flat_map(|binding| binding.keys.iter().copied());
    bound
        .chain(['x', 'é', '漢', ' ', '\u{301}'].map(Press::char))
        .chain(('a'..='z').map(Press::ctrl))
        .collect()
}

/// Small ones come often: there things run out of room.
fn size() -> impl Strategy<Value = (u16, u16)> {
    prop_oneof![
        5 => (1_u16..85, 1_u16..26),
        1 => (1_u16..=200, 1_u16..=60),
        1 => prop::sample::select(vec![(1, 1), (39, 9), (40, 10), (60, 15), (79, 20), (80, 19), (80, 24), (100, 30)]),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let pointer =
        prop::sample::select(vec![Pointer::Press, Pointer::Press, Pointer::WheelUp, Pointer::WheelDown]);
    let point =
        (pointer, 0_u16..100, 0_u16..40).prop_map(|(pointer, column, row)| Mouse { pointer, column, row });
    prop_oneof![
        60 => prop::sample::select(presses()).prop_map(Deed::Press),
        2 => "\\PC{0,12}".prop_map(Deed::Paste),
        4 => point.prop_map(Deed::Point),
        6 => size().prop_map(|(width, height)| Deed::Resize(width, height)),
        2 => (0..ROWS).prop_map(Deed::Rows),
        4 => (0_usize..13).prop_map(Deed::Hear),
        1 => Just(Deed::Refuse),
        1 => any::<u8>().prop_map(Deed::Minutes),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let role = prop::sample::select(vec![Role::MainHq, Role::RegionalHq, Role::Operator]);
    let look = (0..THEMES.len(), any::<bool>(), 0..KEYMAPS.len(), size());
    (role, prop::bool::weighted(0.9), prop::bool::weighted(0.2), look).prop_map(
        |(role, signed_in, read_only, (theme, ascii, keys, size))| Settings {
            role,
            signed_in,
            read_only,
            theme,
            ascii,
            keys,
            size,
        },
    )
}

/// Each built-in theme on each rung.
static THEMES: LazyLock<Vec<Theme>> = LazyLock::new(|| {
    let on_rung = |name: &str, rung| {
        let palette = palette::load(name, Path::new("/nonexistent"), rung).expect("a built-in theme");
        Theme { ascii: false, mono: rung == Colours::Mono, palette }
    };
    let names = palette::names().into_iter().map(|(name, _)| name);
    names.flat_map(|name| Colours::ALL.map(|rung| on_rung(name, rung))).collect()
});

/// The usual keys, and two tables of somebody's own.
static KEYMAPS: LazyLock<[Keymap; 3]> = LazyLock::new(|| {
    let own = |wishes: &[(&str, &[&str])]| {
        let texts = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        let wishes: BTreeMap<String, Vec<String>> =
            wishes.iter().map(|(name, keys)| ((*name).to_owned(), texts(keys))).collect();
        with_own(&wishes, &BTreeMap::new()).expect("sound")
    };
    [
        Keymap::default(),
        own(&[("edit", &["s", "F6"]), ("set-status", &["e", "F4"]), ("quit", &["F11"])]),
        own(&[("help", &["Ctrl+G"]), ("mouse", &["x"]), ("delete", &["Ctrl+D", "w"]), ("mark", &["h"])]),
    ]
});

fn bench(settings: &Settings) -> Bench {
    let theme = Theme { ascii: settings.ascii, ..THEMES[settings.theme] };
    let mut fake = Fake::of(settings.role);
    fake.rows.values_mut().for_each(|rows| rows.truncate(ROWS));
    fake.status.read_only = settings.read_only;
    (fake.outbox, fake.cards) = (vec![outbox_line()], vec![card(), card()]);
    let (width, height) = settings.size;
    let mut bench = if settings.signed_in {
        Bench::signed_in_with(width, height, theme, fake)
    } else {
        Bench::new(width, height, theme, fake)
    };
    bench.app.hands.keys = KEYMAPS[settings.keys];
    bench
}

fn carry_out(bench: &mut Bench, deed: &Deed, read_only: bool) {
    match deed {
        Deed::Press(press) => bench.tell(Msg::Input(Input::Press(*press))),
        Deed::Paste(text) => bench.tell(Msg::Input(Input::Paste(text.clone()))),
        Deed::Point(mouse) => bench.tell(Msg::Input(Input::Mouse(*mouse))),
        Deed::Resize(width, height) => bench.tell(Msg::Resized(*width, *height)),
        Deed::Rows(kept) => {
            bench.fake.rows.values_mut().for_each(|rows| rows.truncate(*kept));
            bench.tell(Msg::Service(Event::Data));
        }
        Deed::Hear(which) => hear(bench, *which, read_only),
        Deed::Refuse => bench.fake.refusal = Some(refusal(Some("status"), "Somebody was quicker.")),
        Deed::Minutes(minutes) => {
            let now = Stamp(bench.app.now.0.max(NOW.0) + i64::from(*minutes) * 60_000_000);
            bench.tell(Msg::Time(now));
        }
    }
}

/// Something that the service tells.
fn hear(bench: &mut Bench, which: usize, read_only: bool) {
    let account = Fake::of(bench.fake.role).status.account;
    let back = || Status { account: account.clone(), read_only, ..status() };
    let event = match which {
        0 => Event::Told("Something was said.".to_owned()),
        1 => {
            bench.fake.status.link = Link::SecondFactor;
            Event::Status
        }
        2 => {
            bench.fake.status.traffic = Traffic::Held;
            Event::Status
        }
        3 => {
            bench.fake.status.link = Link::SignInAgain;
            Event::Status
        }
        4 => {
            bench.fake.status.disk.lost = 2;
            Event::Status
        }
        5 if bench.app.signed_in => {
            bench.fake.status = Status { read_only, ..Status::locked(3, false) };
            Event::Locked { syncing: false }
        }
        6 if bench.app.locked.is_some() => {
            bench.fake.status = back();
            Event::Unlocked
        }
        7 => Event::SignedOut { why: Some("The server ended the session.".to_owned()) },
        8 | 9 => {
            bench.fake.status = back();
            Event::SignedIn { offline: which == 8, trouble: None }
        }
        10 => {
            bench.fake.own_answers.push_back(Ok(OwnDone::Factors(Vec::new())));
            Event::Status
        }
        11 => Event::Words(SecretString::from("zoo ".repeat(23) + "vote")),
        _ => Event::Data,
    };
    bench.tell(Msg::Service(event));
}

/// What holds after each deed.
fn holds(
    bench: &Bench,
    settings: &Settings,
    rows: &BTreeMap<Kind, BTreeSet<Key>>,
) -> Result<(), TestCaseError> {
    let app = &bench.app;
    for list in &app.lists {
        let matched = list.matched();
        prop_assert!(list.selected < matched.max(1), "{:?}: {} of {matched}", list.kind, list.selected);
        prop_assert!(list.top <= list.selected, "{:?}: {} above {}", list.kind, list.selected, list.top);
        prop_assert!(list.marks.len() <= MARKS_MAX);
        prop_assert!(list.marks.keys().iter().all(|key| rows[&list.kind].contains(key)), "marks of no row");
        // The others are asked for anew when somebody comes back to them.
        let shown = app.signed_in && app.place.kind() == Some(list.kind);
        if let (true, Some(key), Some(row)) = (shown, &list.key, list.row()) {
            prop_assert_eq!(key, &row.key, "the selection is on its row");
        }
    }
    prop_assert_eq!(app.hands.keys.act(app.context(), Press::ctrl('c')), Some(Act::Interrupt));
    prop_assert!(app.popups.len() < 40, "popups do not pile up");
    prop_assert!(app.locked.is_none() || !app.signed_in);
    may(bench, settings)?;
    draws(app)
}

/// Nothing is asked of the service that the role or the session is not open for.
fn may(bench: &Bench, settings: &Settings) -> Result<(), TestCaseError> {
    let makes = |intent: &Intent| matches!(intent, Intent::Create { .. } | Intent::Delete { .. });
    for action in &bench.fake.actions {
        let intents = match action {
            Action::Edit { intent, .. } => vec![intent],
            Action::Bulk { intents, .. } => intents.iter().collect(),
            _ => Vec::new(),
        };
        let made = intents.iter().any(|intent| makes(intent));
        prop_assert!(settings.role == Role::MainHq || !made, "{:?}: {action:?}", settings.role);
        let undone = matches!(action, Action::Undo | Action::Redo | Action::Erase);
        prop_assert!(!settings.read_only || !undone, "in a read-only session: {action:?}");
    }
    prop_assert!(settings.role == Role::MainHq || bench.fake.administered.is_empty());
    Ok(())
}

/// A frame can be drawn, and tells the state; also in a window whose change of size was not heard of yet.
fn draws(app: &App) -> Result<(), TestCaseError> {
    let area = Rect::new(0, 0, app.size.0, app.size.1);
    let mut buffer = Buffer::empty(area);
    let mut pen = Pen::new(&mut buffer, app.theme, app.hands.keys);
    app.paint(&mut pen, area);
    if let Some(cursor) = pen.cursor {
        prop_assert!(area.contains(cursor), "{cursor:?} in {area:?}");
    }
    let last = if app.shape().too_small { 0 } else { area.height - 1 };
    let told = (0..area.width).any(|x| buffer[(x, last)].symbol() != " ");
    prop_assert!(told || area.width < 2, "nothing on the line that tells the state");
    Ok(())
}

/// How many deeds were done, and where they were done.
type Done = (usize, BTreeSet<Context>);

fn play(seed: u64) -> Done {
    let config = Config {
        cases: EPISODES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let done = RefCell::new(Done::default());
    let episode = (settings(), prop::collection::vec(deed(), 0..=DEEDS));
    let played = TestRunner::new(config).run(&episode, |(settings, deeds)| {
        let mut bench = bench(&settings);
        let key = |row: &RowView| row.key.clone();
        let rows =
            bench.fake.rows.iter().map(|(kind, rows)| (*kind, rows.iter().map(key).collect())).collect();
        for deed in &deeds {
            carry_out(&mut bench, deed, settings.read_only);
            holds(&bench, &settings, &rows)?;
            let mut done = done.borrow_mut();
            done.0 += 1;
            done.1.insert(bench.app.context());
        }
        bench.left = false;
        bench.keys("Ctrl+C Ctrl+C");
        prop_assert!(bench.left, "one gets out");
        Ok(())
    });
    match played {
        Err(TestError::Fail(why, (settings, deeds))) => {
            unreachable!("FLYOS_SEED={seed}: {why}\n{settings:?}\n{deeds:?}")
        }
        Err(TestError::Abort(why)) => unreachable!("FLYOS_SEED={seed}: {why}"),
        Ok(()) => done.into_inner(),
    }
}

#[test]
fn random_deeds_break_nothing() {
    let seed = std::env::var("FLYOS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    // Half of it each, at the same time. The seed that a failure tells plays it first.
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| play(seed + 1));
        (play(seed), other.join())
    });
    let other = other.unwrap_or_else(|failure| std::panic::resume_unwind(failure));
    let deeds = one.0 + other.0;
    assert!(deeds >= 100_000, "{deeds} deeds");
    let been = |context: &Context| one.1.contains(context) || other.1.contains(context);
    let missed: Vec<Context> = Context::ALL.into_iter().filter(|context| !been(context)).collect();
    assert_eq!(missed, [], "of {deeds} deeds");
}
