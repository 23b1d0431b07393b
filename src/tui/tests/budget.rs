//! What moves over the line is counted: the true backend writes into memory.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use ratatui::Terminal;
use ratatui::layout::Size;

use crate::domain::Kind;
use crate::service::Event;
use crate::tui::app::Msg;
use crate::tui::backend::Frugal;
use crate::tui::testing::{Bench, Fake, NOW};
use crate::tui::theme::Theme;

#[derive(Clone, Default)]
pub(super) struct Line(Rc<RefCell<Vec<u8>>>);

impl Line {
    /// What was written since this was asked last.
    pub(super) fn take(&self) -> String {
        String::from_utf8(self.0.take()).expect("text")
    }
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) struct Scene {
    bench: Bench,
    line: Line,
    terminal: Terminal<Frugal<Line>>,
}

impl Scene {
    fn new(bench: Bench) -> Self {
        Self::with(bench, true)
    }

    pub(super) fn with(bench: Bench, colour: bool) -> Self {
        let line = Line::default();
        let (width, height) = bench.app.size;
        let backend = Frugal::new(line.clone(), colour, move || Ok(Size { width, height }));
        let terminal = Terminal::new(backend).expect("a terminal");
        let mut scene = Self { bench, line, terminal };
        scene.draw();
        scene
    }

    /// Draws; the bytes and writes it took.
    pub(super) fn draw(&mut self) -> (usize, usize) {
        let before = (self.terminal.backend().bytes, self.terminal.backend().writes);
        let app = &self.bench.app;
        self.terminal.draw(|frame| app.draw(frame)).expect("drawn");
        let backend = self.terminal.backend();
        (backend.bytes - before.0, backend.writes - before.1)
    }

    /// The bytes themselves since they were asked for last.
    pub(super) fn taken(&self) -> String {
        self.line.take()
    }

    pub(super) fn after(&mut self, keys: &str) -> (usize, usize) {
        self.bench.keys(keys);
        self.draw()
    }
}

fn scene() -> Scene {
    Scene::new(Bench::signed_in(80, 24))
}

#[test]
fn moving_the_cursor_is_cheap() {
    let mut scene = scene();
    let costs: Vec<usize> = (0..12).map(|_| scene.after("Down").0).collect();
    tell_cost("cursor", &costs);
    assert!(costs.iter().all(|cost| *cost <= 250), "{costs:?}");
}

#[test]
fn moving_among_cells_is_no_dearer() {
    let mut scene = scene();
    scene.after("F2");
    let costs = ["Down", "Right", "Down", "Left", "Up"].map(|key| scene.after(key).0);
    tell_cost("cell", &costs);
    assert!(costs.iter().all(|cost| (1..=120).contains(cost)), "{costs:?}");
}

#[test]
fn one_frame_is_one_write() {
    let mut scene = scene();
    assert_eq!(scene.after("1").1, 1);
    assert_eq!(scene.after("Down").1, 1);
}

#[test]
fn nothing_new_writes_nothing() {
    let mut scene = scene();
    assert_eq!(scene.draw(), (0, 0));
    scene.bench.tell(Msg::Time(NOW));
    scene.bench.tell(Msg::Service(Event::Data));
    assert_eq!(scene.draw(), (0, 0));
    assert_eq!(scene.after("Up"), (0, 0), "already at the top");
    scene.after("/");
    assert_eq!(scene.draw(), (0, 0), "with the cursor to be seen as well");
}

#[test]
fn a_minute_costs_its_ages_only() {
    let mut scene = scene();
    scene.bench.tell(Msg::Time(crate::domain::Stamp(NOW.0 + 60_000_000)));
    let (bytes, _) = scene.draw();
    assert!((1..=300).contains(&bytes), "{bytes}");
}

#[test]
fn one_row_of_others_is_cheap() {
    let mut scene = scene();
    let rows = scene.bench.fake.rows.get_mut(&Kind::Drone).expect("drones");
    rows[9].cells.insert("status".to_owned(), "OFFLINE".to_owned());
    scene.bench.tell(Msg::Service(Event::Data));
    let (bytes, _) = scene.draw();
    assert!((1..=150).contains(&bytes), "{bytes}");
}

#[test]
fn pages_and_tabs_keep_to_their_budget() {
    let mut scene = scene();
    let page = scene.after("PgDn").0;
    let tab = scene.after("1").0;
    let beside = ["0", "4", "3"].map(|place| scene.after(place).0);
    assert!(beside.iter().all(|cost| *cost <= 4000), "{beside:?}");
    assert!(page <= 2500, "{page}");
    assert!(tab <= 4000, "{tab}");
}

#[test]
fn a_large_frame_is_synchronised_and_a_small_one_is_not() {
    let mut scene = scene();
    let first = scene.taken();
    assert!(first.starts_with("\x1b[?2026h") && first.ends_with("\x1b[?2026l"));
    assert!(first.len() <= 5000, "{}", first.len());
    scene.after("Down");
    let small = scene.taken();
    assert!(!small.contains("2026"), "{small:?}");
}

#[test]
fn only_the_sixteen_colours_and_none_where_unwanted() {
    let mut scene = scene();
    scene.after("1");
    scene.after("Del");
    let bytes = scene.taken();
    assert!(!bytes.contains("38;5") && !bytes.contains("38;2"));
    // The theme of the bench is coloured: leaving colours out is the backend's own care as well.
    let mono = Scene::with(Bench::signed_in_with(80, 24, Theme::default(), Fake::default()), false);
    let bytes = mono.taken();
    let codes =
        bytes.split('\x1b').filter_map(|part| part.strip_prefix('[')?.split_once('m')).map(|(code, _)| code);
    let allowed =
        |code: &str| code.split(';').all(|code| ["", "0", "1", "4", "7", "22", "24", "27"].contains(&code));
    for code in codes.filter(|code| code.chars().all(|c| c.is_ascii_digit() || c == ';')) {
        assert!(allowed(code), "{code}");
    }
    assert!(bytes.contains("7m"), "the selection is reversed");
}

fn tell_cost(what: &str, costs: &[usize]) {
    eprintln!("{what}: {costs:?} bytes at 80x24");
}
