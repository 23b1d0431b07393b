//! The first screen: which project, who, and the password. Where no project is known yet, it asks for one
//! first. In training it lists the accounts, and the arrows pick one.

use ratatui::layout::Rect;
use secrecy::SecretString;

use crate::service::{ErrorKind, ProjectView, ServiceError, Setup};
use crate::tui::press::Press;
use crate::tui::texts;
use crate::tui::widgets::text_field::TextField;
use crate::tui::widgets::{Pen, after, centred, line, wrap};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    #[default]
    Email,
    Password,
}

#[derive(Clone, Debug)]
pub struct SignIn {
    pub setup: Setup,
    project: usize,
    pub email: TextField,
    pub password: TextField,
    pub stop: Stop,
    /// The address that is being signed in, while the answer is waited for.
    pub waiting: Option<String>,
    pub error: Option<ServiceError>,
    /// What a takeover came to so far.
    pub steps: Vec<String>,
    /// Why the last session ended.
    pub notice: Option<String>,
    /// The field that was left empty.
    pub missing: Option<Stop>,
    /// How many edits are unsent in what does not open, as it was told.
    pub unsent: Option<usize>,
    /// The form for a new project, while it is open.
    pub add: Option<AddProject>,
}

/// The form for a new project.
#[derive(Clone, Debug)]
pub struct AddProject {
    /// Name, URL, publishable key.
    pub fields: [TextField; 3],
    pub at: usize,
    pub saving: Option<u64>,
    pub error: Option<ServiceError>,
}

pub const PROJECT_FIELDS: [(&str, &str, &str); 3] = [
    ("Name", "name", texts::PROJECT_NAME_HINT),
    ("URL", "url", texts::PROJECT_URL_HINT),
    ("Key", "key", texts::PROJECT_KEY_HINT),
];

impl Default for SignIn {
    fn default() -> Self {
        Self {
            setup: Setup::default(),
            project: 0,
            email: TextField::default(),
            password: TextField::masked(),
            stop: Stop::Email,
            waiting: None,
            error: None,
            steps: Vec::new(),
            notice: None,
            missing: None,
            unsent: None,
            add: None,
        }
    }
}

impl AddProject {
    pub fn new() -> Self {
        Self { fields: Default::default(), at: 0, saving: None, error: None }
    }

    pub fn step(&mut self, by: isize) {
        self.at = self.at.saturating_add_signed(by).min(self.fields.len() - 1);
    }

    pub fn values(&self) -> [String; 3] {
        self.fields.clone().map(|field| field.text().trim().to_owned())
    }
}

impl SignIn {
    /// Takes what this machine knows, and the wishes of the command line the first time.
    pub fn take_setup(&mut self, setup: Setup, project: Option<&str>, email: Option<&str>) {
        let wanted =
            project.map(str::to_owned).or_else(|| self.project().map(|project| project.name.clone()));
        self.setup = setup;
        self.project = self
            .setup
            .projects
            .iter()
            .position(|project| Some(&project.name) == wanted.as_ref())
            .unwrap_or(0);
        if self.setup.projects.is_empty() && self.add.is_none() {
            self.add = Some(AddProject::new());
        }
        if let Some(email) = email {
            self.email.set(email);
        } else if self.email.is_empty() {
            self.take_account(0);
        }
        self.stop = if self.email.is_empty() { Stop::Email } else { Stop::Password };
        self.fill_password();
    }

    pub fn project(&self) -> Option<&ProjectView> {
        self.setup.projects.get(self.project)
    }

    /// The addresses to choose from: those that have signed in here, then those of the training server.
    fn accounts(&self) -> Vec<String> {
        let project = self.project().map(|project| project.name.as_str());
        let known = self.setup.known.iter().filter(|known| Some(known.0.as_str()) == project);
        let mut all: Vec<String> = match &self.setup.training {
            // The listed order, so that the arrows move as the list looks.
            Some(training) => training.accounts.iter().map(|account| account.0.clone()).collect(),
            None => Vec::new(),
        };
        let fresh: Vec<String> =
            known.map(|known| known.1.clone()).filter(|email| !all.contains(email)).collect();
        all.extend(fresh);
        all
    }

    fn take_account(&mut self, at: usize) {
        if let Some(email) = self.accounts().get(at) {
            self.email.set(email);
            self.fill_password();
        }
    }

    /// In training the password is no secret and stands there already.
    fn fill_password(&mut self) {
        let Some(training) = &self.setup.training else { return };
        if training.accounts.iter().any(|account| account.0 == self.email.text()) {
            self.password.set(&training.password);
        }
        self.password.masked = true;
    }

    /// Takes the next or previous known account; the stop goes to what is to be typed next.
    pub fn other_account(&mut self, by: isize) {
        let accounts = self.accounts();
        if accounts.is_empty() {
            return;
        }
        let count = accounts.len().cast_signed();
        let at = accounts.iter().position(|email| email == self.email.text()).map(usize::cast_signed);
        let next = at.map_or(if by > 0 { 0 } else { count - 1 }, |at| (at + by).rem_euclid(count));
        self.password.take();
        self.take_account(next.unsigned_abs());
        self.stop = Stop::Password;
        self.error = None;
    }

    pub fn other_project(&mut self) {
        if self.setup.projects.len() > 1 {
            self.project = (self.project + 1) % self.setup.projects.len();
            self.password.take();
            self.email.take();
            self.error = None;
            self.take_account(0);
        }
    }

    /// Up and down: the accounts in training, else the fields.
    pub fn step(&mut self, by: isize) {
        if self.setup.training.is_some() {
            self.other_account(by);
        } else {
            self.stop = if by < 0 { Stop::Email } else { Stop::Password };
        }
    }

    pub fn other_field(&mut self) {
        self.stop = if self.stop == Stop::Email { Stop::Password } else { Stop::Email };
    }

    pub fn field(&mut self) -> &mut TextField {
        match self.stop {
            Stop::Email => &mut self.email,
            Stop::Password => &mut self.password,
        }
    }

    pub fn press(&mut self, press: Press) -> bool {
        if let Some(add) = &mut self.add {
            return add.fields.get_mut(add.at).is_some_and(|field| field.press(press));
        }
        self.missing = None;
        self.waiting.is_none() && self.field().press(press)
    }

    /// What is needed to sign in; `None`, and the stop moves on, while something is missing.
    pub fn credentials(&mut self) -> Option<(String, String, SecretString)> {
        let project = self.project()?.name.clone();
        let email = self.email.text().trim().to_owned();
        if email.is_empty() || self.password.is_empty() {
            self.stop = if email.is_empty() { Stop::Email } else { Stop::Password };
            self.missing = Some(self.stop);
            self.error = None;
            return None;
        }
        let password = SecretString::from(self.password.take());
        self.password.masked = true;
        self.error = None;
        self.notice = None;
        self.missing = None;
        self.unsent = None;
        self.steps.clear();
        self.waiting = Some(email.clone());
        Some((project, email, password))
    }

    /// The answer was no.
    pub fn failed(&mut self, error: ServiceError) {
        self.waiting = None;
        self.stop = if error.kind == ErrorKind::SignIn { Stop::Password } else { self.stop };
        self.error = Some(error);
        self.fill_password();
    }

    /// What was typed last goes, and what was told.
    pub fn forget(&mut self) {
        self.password.take();
        self.password.masked = true;
        (self.error, self.notice) = (None, None);
        self.settle();
    }

    /// Signing in is over, or nobody waits for it any more.
    pub fn settle(&mut self) {
        self.waiting = None;
        self.error = None;
        self.steps.clear();
        self.fill_password();
    }
}

const WIDTH: u16 = 66;
const TITLE_WIDTH: u16 = 11;

/// Draws the screen above its footer.
pub fn draw(pen: &mut Pen, area: Rect, screen: &SignIn) {
    match &screen.add {
        Some(add) => draw_add(pen, area, add, screen.setup.problem.as_deref()),
        None => draw_sign_in(pen, area, screen),
    }
}

fn draw_sign_in(pen: &mut Pen, area: Rect, screen: &SignIn) {
    let notes = notes(screen, WIDTH.min(area.width));
    let accounts = screen.setup.training.as_ref().map_or(0, |training| training.accounts.len() + 3);
    let height = u16::try_from(7 + notes.len() + accounts).unwrap_or(u16::MAX);
    let area = centred(area, WIDTH, height);
    pen.put(line(area, 0), "FlyOS Console", pen.theme.strong());
    let (name, url) = screen.project().map_or(("", ""), |project| (&project.name, &project.url));
    let project = if url.is_empty() || url == name { name.to_owned() } else { format!("{name}  {url}") };
    draw_title(pen, line(area, 2), "Project", false);
    pen.put(after(line(area, 2), TITLE_WIDTH), &project, pen.theme.plain());
    let waits = screen.waiting.is_some();
    for (at, title, field, stop) in
        [(3, "E-mail", &screen.email, Stop::Email), (4, "Password", &screen.password, Stop::Password)]
    {
        let focused = screen.stop == stop && !waits;
        draw_title(pen, line(area, at), title, focused);
        field.draw(pen, after(line(area, at), TITLE_WIDTH), focused);
        if screen.missing == Some(stop) && field.is_empty() {
            let words = if stop == Stop::Email { texts::EMAIL_MISSING } else { texts::PASSWORD_MISSING };
            pen.put(after(line(area, at), TITLE_WIDTH + 2), &format!("! {words}"), pen.theme.error());
        }
    }
    let mut at = 6;
    if let Some(training) = &screen.setup.training {
        pen.put(line(area, at), &texts::training_accounts(&training.password), pen.theme.plain());
        for (email, who) in &training.accounts {
            at += 1;
            draw_account(pen, line(area, at), email, who, *email == screen.email.text());
        }
        at += 2;
    }
    for (text, loud) in &notes {
        let style = if *loud { pen.theme.error() } else { pen.theme.plain() };
        pen.put(line(area, at), text, style);
        at += 1;
    }
}

fn draw_title(pen: &mut Pen, area: Rect, title: &str, focused: bool) {
    let style = if focused { pen.theme.strong() } else { pen.theme.plain() };
    pen.put(area, if focused { ">" } else { " " }, style);
    pen.put(Rect { width: area.width.min(TITLE_WIDTH - 3), ..after(area, 2) }, title, style);
}

fn draw_account(pen: &mut Pen, area: Rect, email: &str, who: &str, selected: bool) {
    let text = format!("{} {email:<24} {who}", if selected { ">" } else { " " });
    pen.put(area, &text, pen.theme.plain());
    if selected {
        pen.lay(area, pen.theme.selected());
    }
}

/// What there is to say below the fields; true: it is an error.
fn notes(screen: &SignIn, width: u16) -> Vec<(String, bool)> {
    let mut notes: Vec<(String, bool)> = Vec::new();
    let mut say = |text: &str, loud| notes.extend(wrap(text, width).into_iter().map(|line| (line, loud)));
    for step in &screen.steps {
        say(step, false);
    }
    if let Some(email) = &screen.waiting {
        say(&texts::signing_in(email), false);
    } else if let Some(error) = &screen.error {
        say(&error.message, true);
        for hint in &error.hints {
            say(hint, false);
        }
    } else if let Some(notice) = &screen.notice {
        say(notice, false);
    }
    if let Some(problem) = &screen.setup.problem {
        say(problem, true);
    }
    notes
}

fn draw_add(pen: &mut Pen, area: Rect, add: &AddProject, problem: Option<&str>) {
    let area = centred(area, WIDTH, 17);
    pen.put(line(area, 0), "FlyOS Console", pen.theme.strong());
    let mut at = 1;
    // A file that cannot be read is told before anything is asked.
    for text in wrap(problem.unwrap_or(texts::PROJECT_NEEDED), area.width) {
        pen.put(line(area, at), &text, pen.theme.plain());
        at += 1;
    }
    at += 1;
    let about = add.error.as_ref().and_then(|error| error.field.as_deref());
    for (place, (field, (title, name, hint))) in add.fields.iter().zip(PROJECT_FIELDS).enumerate() {
        let focused = place == add.at && add.saving.is_none();
        draw_title(pen, line(area, at), title, focused);
        field.draw(pen, after(line(area, at), TITLE_WIDTH), focused);
        at += 1;
        if about == Some(name) {
            let message = add.error.as_ref().map_or("", |error| &error.message);
            for text in wrap(message, area.width.saturating_sub(TITLE_WIDTH)) {
                pen.put(after(line(area, at), TITLE_WIDTH), &text, pen.theme.error());
                at += 1;
            }
        } else if place == add.at {
            pen.put(after(line(area, at), TITLE_WIDTH), hint, pen.theme.faint());
            at += 1;
        }
    }
    at += 1;
    if let Some(error) = &add.error {
        let message = (about.is_none()).then_some(&error.message);
        for text in message.into_iter().chain(&error.hints).flat_map(|text| wrap(text, area.width)) {
            pen.put(line(area, at), &text, pen.theme.plain());
            at += 1;
        }
    }
}
