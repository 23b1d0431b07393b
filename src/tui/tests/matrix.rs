//! One scene in every form: each role, 120x40, 80x24 and 60x15, Unicode and ASCII, with colours and without. All of it
//! stands in one file a scene, told once: what is the same as a picture before it is not repeated.
//!
//! A picture is told as the lines that the scene's keys changed, cut to the columns that they changed, since a popup
//! leaves most of the window as it was; a scene that changes most of it is told whole. Below the text stands how its
//! cells look, a letter each (see `letter` and `runs`). A role is told as far as it differs from headquarters, ASCII as far as it
//! is more than other characters for the same signs, and mono as far as anything but the colours differs.
//!
//! What must hold on every picture is asserted on every picture (`sound`).

use std::collections::BTreeMap;
use std::ops::Range;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthChar as _;

use crate::domain::Role;
use crate::tui::app::App;
use crate::tui::testing::{Bench, Fake};
use crate::tui::theme::Theme;
use crate::tui::widgets::{Pen, columns, state_line};

pub(super) const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (60, 15)];
const ROLES: [Role; 3] = [Role::MainHq, Role::RegionalHq, Role::Operator];

/// What a person sees after some keys, beginning on the list of drones or, signed out, on the first screen.
pub(super) struct Scene {
    pub name: &'static str,
    signed_in: bool,
    /// What there is beside the ordinary.
    fake: fn(&mut Fake),
    keys: &'static str,
    /// What happens after the keys.
    then: fn(&mut Bench),
}

pub(super) const fn scene(name: &'static str, keys: &'static str) -> Scene {
    Scene { name, signed_in: true, fake: |_| (), keys, then: |_| () }
}

impl Scene {
    pub(super) const fn signed_out(self) -> Self {
        Self { signed_in: false, ..self }
    }

    pub(super) const fn with(self, fake: fn(&mut Fake)) -> Self {
        Self { fake, ..self }
    }

    pub(super) const fn then(self, then: fn(&mut Bench)) -> Self {
        Self { then, ..self }
    }

    fn begin(&self, role: Role, (width, height): (u16, u16), theme: Theme) -> Bench {
        let mut fake = Fake::of(role);
        (self.fake)(&mut fake);
        if self.signed_in {
            Bench::signed_in_with(width, height, theme, fake)
        } else {
            Bench::new(width, height, theme, fake)
        }
    }

    /// The console after the keys.
    pub(super) fn play(&self, role: Role, size: (u16, u16), theme: Theme) -> Bench {
        let mut bench = self.begin(role, size, theme);
        if press_until_refused(&mut bench, self.keys) {
            (self.then)(&mut bench);
        }
        bench
    }

    /// Keeps it in all its forms.
    pub(super) fn keep(&self) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../../../tests/snapshots/tui");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(self.name, self.tell()));
    }

    fn tell(&self) -> String {
        let mut out = String::new();
        for size in SIZES {
            let roles = if self.signed_in { &ROLES[..] } else { &ROLES[..1] };
            let mut first: Option<Told> = None;
            for role in roles {
                let head = format!("{}x{} {}", size.0, size.1, role.as_str());
                let looks = Looks::of(self, *role, size);
                let told = looks.told(&looks.picture);
                match &first {
                    Some(first) if *first == told => line(&mut out, &format!("== {head}: as MAIN_HQ")),
                    Some(first) => {
                        line(&mut out, &format!("== {head}, unlike MAIN_HQ"));
                        told.write(&mut out, |y, row| {
                            first.rows.get(&y) != Some(row) || first.from != told.from
                        });
                        let gone = first.rows.keys().filter(|y| !told.rows.contains_key(y));
                        let gone = numbers(gone.copied());
                        if !gone.is_empty() {
                            line(&mut out, &format!("without the lines {gone}"));
                        }
                    }
                    None => {
                        line(&mut out, &format!("== {head}"));
                        told.write(&mut out, |_, _| true);
                    }
                }
                looks.write_others(&mut out, &head, first.as_ref().map(|_| &told));
                first.get_or_insert(told);
            }
        }
        out
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

/// Presses keys until the role is refused one: what would be typed into a form that is not there means something else.
fn press_until_refused(bench: &mut Bench, keys: &str) -> bool {
    for key in keys.split(' ').filter(|key| !key.is_empty()) {
        bench.keys(key);
        let said = bench.app.toast.as_deref().unwrap_or_default();
        if bench.app.popups.is_empty() && (said.contains("MAIN_HQ") || said.contains("eadquarters")) {
            return false;
        }
    }
    true
}

/// One role at one size: the pictures on all four terminals, and what of them is told.
struct Looks {
    picture: Buffer,
    /// In ASCII, without colours, and both.
    others: [(&'static str, Buffer); 3],
    columns: Range<u16>,
    rows: Vec<u16>,
}

impl Looks {
    fn of(scene: &Scene, role: Role, size: (u16, u16)) -> Self {
        let see = |ascii, mono| {
            let bench = scene.play(role, size, Theme { ascii, mono, ..Theme::default() });
            let what = format!("{} at {size:?} as {role:?}, ascii {ascii}, mono {mono}", scene.name);
            sound(&bench, &what)
        };
        let picture = see(false, false);
        let before = paint(&scene.begin(role, size, Theme::default()).app).0;
        let others =
            [("ASCII", see(true, false)), ("mono", see(false, true)), ("ASCII, mono", see(true, true))];
        let (columns, rows) = changed(&before, &picture);
        Self { picture, others, columns, rows }
    }

    fn told(&self, picture: &Buffer) -> Told {
        let width = picture.area.width;
        let rows = self.rows.iter().map(|y| {
            // The lines below the screens are told whole.
            let columns = if *y < body(picture) { self.columns.clone() } else { 0..width };
            (*y, row(picture, *y, columns))
        });
        Told { from: self.columns.start, rows: rows.collect() }
    }

    /// The other terminals, as far as there is something new to see; `told`: of the picture, if that was not told whole.
    fn write_others(&self, out: &mut String, head: &str, told: Option<&Told>) {
        let plain = self.told(&self.picture);
        let [(_, ascii), ..] = &self.others;
        let ascii = self.told(ascii);
        for (name, picture) in &self.others {
            let other = self.told(picture);
            let plain = if *name == "ASCII, mono" { &ascii } else { &plain };
            let mono = name.contains("mono");
            let signs = *name == "ASCII";
            let same = |y: u16, row: &Row| {
                plain.rows.get(&y).is_some_and(|plain| {
                    let look = if mono { colourless(&plain.look) } else { plain.look.clone() };
                    let text = if signs { alike(&plain.text, &row.text) } else { plain.text == row.text };
                    text && look == row.look
                })
            };
            // What another role sees of them is asserted to be sound; it is told for the first.
            if told.is_some() || other.rows.iter().all(|(y, row)| same(*y, row)) {
                continue;
            }
            line(out, &format!("-- {head} in {name}"));
            other.write(out, |y, row| !same(y, row));
        }
    }
}

#[derive(Debug, PartialEq)]
struct Row {
    text: String,
    look: String,
}

/// Rows of a picture, from some column on.
#[derive(Debug, PartialEq)]
struct Told {
    from: u16,
    rows: BTreeMap<u16, Row>,
}

impl Told {
    fn write(&self, out: &mut String, which: impl Fn(u16, &Row) -> bool) {
        let rows = || self.rows.iter().filter(|(y, row)| which(**y, row));
        if rows().next().is_none() {
            return;
        }
        if self.from > 0 {
            line(out, &format!("from column {}", self.from));
        }
        let (empty, full): (Vec<_>, Vec<_>) = rows().partition(|(_, row)| row.text.is_empty());
        for (y, row) in full {
            line(out, &format!("{y:>2} {}", row.text));
        }
        if !empty.is_empty() {
            line(out, &format!("empty {}", numbers(empty.into_iter().map(|(y, _)| *y))));
        }
        let mut looks: BTreeMap<&str, Vec<u16>> = BTreeMap::new();
        for (y, row) in rows().filter(|(_, row)| !row.look.is_empty()) {
            looks.entry(&row.look).or_default().push(*y);
        }
        let mut looks: Vec<_> = looks.into_iter().collect();
        looks.sort_by_key(|(_, rows)| rows.first().copied());
        for (look, rows) in looks {
            line(out, &format!("{}:{}", numbers(rows.into_iter()), runs(look)));
        }
    }
}

fn numbers(of: impl Iterator<Item = u16>) -> String {
    of.map(|number| number.to_string()).collect::<Vec<_>>().join(" ")
}

/// The rows above footer and state line; in a small window there is no footer.
fn body(picture: &Buffer) -> u16 {
    picture.area.height.saturating_sub(if picture.area.width < 80 { 1 } else { 2 })
}

/// The columns and rows that differ, or all where nothing does, or most.
fn changed(before: &Buffer, after: &Buffer) -> (Range<u16>, Vec<u16>) {
    let (width, height) = (after.area.width, after.area.height);
    let differs = |x: u16, y: u16| before[(x, y)] != after[(x, y)];
    let differing = |y: u16| (0..width).any(|x| differs(x, y));
    let columns: Vec<u16> = (0..width).filter(|x| (0..body(after)).any(|y| differs(*x, y))).collect();
    let lines: Vec<u16> = (0..height).filter(|y| differing(*y)).collect();
    let inside: Vec<u16> = lines.iter().copied().filter(|y| *y < body(after)).collect();
    let span = |of: &[u16]| of.first().map_or(0..0, |first| *first..of.last().map_or(0, |last| last + 1));
    let (mut across, down) = (span(&columns), span(&inside));
    if across.len() * 10 > usize::from(width) * 9 {
        across = 0..width;
    }
    if lines.is_empty() || (across.len() == usize::from(width) && down.len() > usize::from(height) / 2) {
        return (0..width, (0..height).collect());
    }
    (across, down.chain(lines.into_iter().filter(|y| *y >= body(after))).collect())
}

fn row(picture: &Buffer, y: u16, columns: Range<u16>) -> Row {
    let cells = || columns.clone().map(|x| &picture[(x, y)]);
    let tell = |of: fn(&Cell) -> String| cells().map(of).collect::<String>().trim_end().to_owned();
    Row { text: tell(|cell| cell.symbol().to_owned()), look: tell(|cell| letter(cell).to_string()) }
}

/// How a cell looks, in a letter: `b` bold, `u` underlined, `r` reversed; `g` grey, `y` yellow, `e` the red of errors; a
/// capital is bold or underlined as well, and `h` `w` `f` are those three colours reversed. `q` is black on white.
fn letter(cell: &Cell) -> char {
    let has = |modifier| cell.modifier.contains(modifier);
    let strong = has(Modifier::BOLD) || has(Modifier::UNDERLINED);
    let (plain, reversed) = match (cell.fg, cell.bg) {
        (Color::Black, Color::White) => return 'q',
        (_, back) if back != Color::Reset => return '?',
        (Color::Reset, _) if has(Modifier::UNDERLINED) => ('u', 'r'),
        (Color::Reset, _) if strong => ('b', 'r'),
        (Color::Reset, _) => (' ', 'r'),
        (Color::DarkGray, _) => ('g', 'h'),
        (Color::Yellow, _) => ('y', 'w'),
        (Color::LightRed, _) => ('e', 'f'),
        _ => ('?', '?'),
    };
    let letter = if has(Modifier::REVERSED) { reversed } else { plain };
    let coloured = cell.fg != Color::Reset;
    if strong && (coloured || letter == 'r') { letter.to_ascii_uppercase() } else { letter }
}

/// The same in few signs: where which letter begins and how often it comes, `3b6` is six times bold from column 3.
fn runs(look: &str) -> String {
    let letters: Vec<char> = look.chars().collect();
    let (mut out, mut at) = (String::new(), 0);
    for run in letters.chunk_by(|one, other| one == other) {
        if let Some(letter) = run.first().filter(|letter| **letter != ' ') {
            out.extend([" ", &at.to_string(), &letter.to_string(), &run.len().to_string()]);
        }
        at += run.len();
    }
    out
}

/// The same look without its colours.
fn colourless(look: &str) -> String {
    let plain = |letter| match letter {
        'g' | 'y' | 'e' => ' ',
        'G' | 'Y' | 'E' => 'b',
        'h' | 'w' | 'f' | 'q' => 'r',
        'H' | 'W' | 'F' => 'R',
        other => other,
    };
    look.chars().map(plain).collect::<String>().trim_end().to_owned()
}

/// A sign, and what stands for it where there is ASCII alone.
const STAND_INS: &str = "─-│|┌+┐+└+┘+●*○o▲!×x▸+▾-▾v↓v↑^•*·-í?█#▏#▎#▍#▌#▋#▊#▉#▁_▂.▃.▄:▅:▆|▇|";

/// Is it the same text, but for the signs?
fn alike(unicode: &str, ascii: &str) -> bool {
    let pairs: Vec<char> = STAND_INS.chars().collect();
    let stands = |one: char, other: char| pairs.chunks(2).any(|pair| *pair == [one, other]);
    unicode.chars().count() == ascii.chars().count()
        && unicode.chars().zip(ascii.chars()).all(|(one, other)| one == other || stands(one, other))
}

/// What holds on every picture: ASCII has no other characters and mono no colours, the bottom line says how things
/// stand, popups lie in the window, and no text lies over another.
pub(super) fn sound(bench: &Bench, what: &str) -> Buffer {
    let app = &bench.app;
    let (picture, laid) = paint(app);
    let area = picture.area;
    let cells = || picture.content.iter();
    if app.theme.ascii {
        assert!(cells().all(|cell| cell.symbol().is_ascii()), "{what}: not ASCII\n{}", bench.text());
    }
    if app.theme.mono {
        let coloured = |cell: &&Cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset);
        assert_eq!(cells().find(coloured), None, "{what}: coloured");
    }
    assert!(cells().all(|cell| letter(cell) != '?'), "{what}: a look that has no letter");
    let shape = app.shape();
    if shape.too_small {
        return picture;
    }
    let help = if shape.compact { columns(" F1 help ") } else { 0 };
    let room = state_line::room(&app.status, area.width - help);
    let state = app.theme.clean(&state_line::text(&app.status, app.now, &app.zone, room));
    let last = row(&picture, area.height - 1, 0..area.width).text;
    let whole = if columns(&state) <= room { state.chars().count() } else { usize::from(room) / 2 };
    let begin: String = state.chars().take(whole).collect();
    assert!(last.trim_start().starts_with(&begin), "{what}: {last:?} is not {state:?}");

    let above = Rect { height: shape.state.y.saturating_sub(shape.footer.height), ..area };
    for (frame, _) in laid.iter().filter(|(_, text)| text.is_empty()) {
        assert_eq!(frame.intersection(above), *frame, "{what}: a popup that is cut off");
    }
    if let Some((one, other)) = over_each_other(&laid, area) {
        assert!(one == other, "{what}: {other:?} lies over {one:?}\n{}", bench.text());
    }
    picture
}

/// The picture, and what was put where to make it.
fn paint(app: &App) -> (Buffer, Vec<(Rect, String)>) {
    let area = Rect::new(0, 0, app.size.0, app.size.1);
    let mut buffer = Buffer::empty(area);
    let mut pen = Pen::new(&mut buffer, app.theme, app.hands.keys);
    pen.lay(area, app.theme.plain());
    app.paint(&mut pen, area);
    let laid = std::mem::take(&mut pen.laid);
    (buffer, laid)
}

/// A text that was written over another without anything between them that emptied the place: the other was cut, and
/// nothing says so. Frames and blanks empty; lines may be crossed.
fn over_each_other(laid: &[(Rect, String)], area: Rect) -> Option<(String, String)> {
    let mut owners: BTreeMap<(u16, u16), &str> = BTreeMap::new();
    let is_line = |text: &str| text.chars().all(|c| " ─│┌┐└┘-|+".contains(c));
    for (place, text) in laid {
        let covered = place.intersection(area);
        if is_line(text) {
            for y in covered.top()..covered.bottom() {
                for x in covered.left()..covered.right() {
                    owners.remove(&(x, y));
                }
            }
            continue;
        }
        let begin = place.x + u16::try_from(text.len() - text.trim_start().len()).unwrap_or(0);
        let width: usize = text.trim().chars().filter_map(char::width).sum();
        for x in begin..begin + u16::try_from(width).unwrap_or(0) {
            if let Some(other) = owners.insert((x, place.y), text)
                && other != text
            {
                return Some((other.to_owned(), text.clone()));
            }
        }
    }
    None
}

#[test]
fn texts_over_each_other_are_found_and_what_was_emptied_is_not() {
    let at = |x, text: &str| (Rect::new(x, 0, u16::try_from(text.len()).unwrap_or(0), 1), text.to_owned());
    let area = Rect::new(0, 0, 20, 2);
    assert!(over_each_other(&[at(0, "state"), at(4, "help")], area).is_some());
    assert!(over_each_other(&[at(0, "state"), at(6, "help"), at(0, "----")], area).is_none());
    assert!(over_each_other(&[at(0, "state"), at(0, "     "), at(1, "toast")], area).is_none());
    assert!(over_each_other(&[at(0, "state"), (area, String::new()), at(1, "popup")], area).is_none());
}

#[test]
fn a_look_is_told_by_its_letter() {
    let cell = |fg, modifier| {
        let mut cell = Cell::new("x");
        cell.set_fg(fg);
        cell.modifier = modifier;
        letter(&cell)
    };
    assert_eq!(cell(Color::Reset, Modifier::empty()), ' ');
    assert_eq!(cell(Color::Reset, Modifier::BOLD | Modifier::REVERSED), 'R');
    assert_eq!(cell(Color::Yellow, Modifier::BOLD), 'Y');
    assert_eq!(cell(Color::DarkGray, Modifier::REVERSED), 'h');
    assert_eq!(cell(Color::Magenta, Modifier::empty()), '?');
    assert_eq!(colourless("gY eh"), " b  r");
    assert_eq!(runs("  bbb gR"), " 2b3 6g1 7R1");
    assert!(alike("● ACTIVE │", "* ACTIVE |") && !alike("ab…", "ab..") && !alike("●", "o"));
}
