//! A few lines to be typed for the server: codes and passwords, each beside what is wrong with it. Secrets are wiped
//! when it closes.

use ratatui::layout::Rect;
use secrecy::{ExposeSecret as _, SecretString};

use super::qr::Qr;
use super::{REASON, error_lines, reason_fault};
use crate::service::ServiceError;
use crate::service::own::field;
use crate::tui::keys::{Act, Context};
use crate::tui::texts;
use crate::tui::widgets::text_field::TextField;
use crate::tui::widgets::{Pen, after, centred, line, wrap};

/// What the answers are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The session's second factor.
    Code,
    /// The first code of a factor that is being set up.
    Confirm {
        factor: String,
    },
    ChangePassword,
    /// Have a code mailed.
    MailCode,
    /// Set the password by a mailed code.
    Redeem {
        invited: bool,
    },
    /// The password by which this machine has the account.
    OldPassword,
    /// The password of somebody's account, which may have to be made.
    Account {
        user: uuid::Uuid,
        create: bool,
    },
    /// The address of somebody's account.
    AccountEmail {
        user: uuid::Uuid,
    },
    /// Why somebody is invited, or the bar of their account is lifted.
    AccountInvite {
        user: uuid::Uuid,
    },
    AccountUnban {
        user: uuid::Uuid,
    },
}

#[derive(Clone, Debug)]
pub struct AskField {
    pub name: &'static str,
    title: &'static str,
    hint: &'static str,
    pub text: TextField,
    pub error: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Ask {
    pub title: String,
    /// Above the fields.
    pub about: Vec<String>,
    /// Beside them, where there is room.
    pub picture: Option<Qr>,
    pub fields: Vec<AskField>,
    pub at: usize,
    pub goal: Goal,
    pub saving: Option<u64>,
    pub error: Option<ServiceError>,
}

impl Drop for Ask {
    fn drop(&mut self) {
        let typed = self.fields.iter_mut().map(|field| field.text.take());
        // What it says may be the secret of a new factor.
        typed.chain(self.about.drain(..)).map(SecretString::from).for_each(drop);
    }
}

pub const EMAIL: &str = "email";
pub const AGAIN: &str = "again";

const WIDTH: u16 = 66;
/// Columns that the text has beside a picture, at the least and at the most.
const TEXT_WIDTH_MIN: u16 = 34;
const TEXT_WIDTH_MAX: u16 = 52;
const TITLE_WIDTH: u16 = 20;

fn plain(name: &'static str, title: &'static str, hint: &'static str) -> AskField {
    AskField { name, title, hint, text: TextField::default(), error: None }
}

fn masked(name: &'static str, title: &'static str, hint: &'static str) -> AskField {
    AskField { text: TextField::masked(), ..plain(name, title, hint) }
}

impl Ask {
    pub fn new(goal: Goal, about: Vec<String>) -> Self {
        let code = || plain(field::CODE, "Code", texts::CODE_HINT);
        let new = || {
            let again = masked(AGAIN, "Again", texts::AGAIN_HINT);
            [masked(field::NEW, "New password", texts::NEW_PASSWORD_HINT), again]
        };
        let email = || plain(EMAIL, "E-mail", texts::EMAIL_HINT);
        let why = || plain(REASON, "Why", texts::WHY_HINT);
        let (title, fields) = match goal {
            Goal::Code => (texts::CODE_TITLE, vec![code()]),
            Goal::Confirm { .. } => (texts::ENROL_TITLE, vec![code()]),
            Goal::ChangePassword => {
                let current = masked(field::CURRENT, "Present password", "");
                (texts::PASSWORD_TITLE, [current].into_iter().chain(new()).collect())
            }
            Goal::MailCode => (texts::MAIL_TITLE, vec![email()]),
            Goal::Redeem { invited } => {
                let title = if invited { texts::INVITED_TITLE } else { texts::REDEEM_TITLE };
                let code = plain(field::CODE, "Code", texts::MAILED_CODE_HINT);
                (title, [email(), code].into_iter().chain(new()).collect())
            }
            Goal::Account { create, .. } => {
                let title = if create { texts::ACCOUNT_NEW } else { texts::ACCOUNT_PASSWORD };
                (title, new().into_iter().chain([why()]).collect())
            }
            Goal::AccountEmail { .. } => {
                let email = plain(EMAIL, "E-mail", texts::ACCOUNT_ADDRESS_HINT);
                (texts::ACCOUNT_ADDRESS, vec![email, why()])
            }
            Goal::AccountInvite { .. } => (texts::ACCOUNT_INVITE, vec![why()]),
            Goal::AccountUnban { .. } => (texts::ACCOUNT_UNBAN, vec![why()]),
            Goal::OldPassword => (texts::OLD_TITLE, vec![masked(field::CURRENT, "Old password", "")]),
        };
        let title = title.to_owned();
        Self { title, about, picture: None, fields, at: 0, goal, saving: None, error: None }
    }

    pub fn set(&mut self, name: &str, text: &str) {
        if let Some(field) = self.fields.iter_mut().find(|field| field.name == name) {
            field.text.set(text);
        }
        self.at = self.fields.iter().position(|field| field.text.is_empty()).unwrap_or(0);
    }

    pub fn text(&self, name: &str) -> String {
        let field = self.fields.iter().find(|field| field.name == name);
        field.map(|field| field.text.text().trim().to_owned()).unwrap_or_default()
    }

    /// A secret as it was typed; blanks in a password are part of it, in a code they are not.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        let text = field.text.text();
        Some(SecretString::from(if field.text.masked {
            text.to_owned()
        } else {
            text.chars().filter(|c| !c.is_whitespace()).collect()
        }))
    }

    pub fn field(&mut self) -> Option<&mut TextField> {
        let at = self.at;
        self.fields.get_mut(at).filter(|_| self.saving.is_none()).map(|field| &mut field.text)
    }

    /// What asks for that line, and whether it is a secret.
    pub fn prompt(&self, at: usize) -> Option<(String, bool)> {
        let field = self.fields.get(at)?;
        let hint = if field.hint.is_empty() { String::new() } else { format!(" ({})", field.hint) };
        Some((format!("{}{hint}", field.title), field.text.masked))
    }

    /// May that line be left empty?
    pub fn is_optional(&self, at: usize) -> bool {
        self.fields.get(at).is_some_and(|field| field.name == REASON)
    }

    /// The reason, where one is taken and was given.
    pub fn reason(&self) -> Option<String> {
        Some(self.text(REASON)).filter(|text| !text.is_empty())
    }

    /// What is wrong with its lines.
    pub fn wrong(&self) -> Vec<String> {
        let told = |field: &AskField| Some(format!("{}: {}", field.title, field.error.as_ref()?));
        self.fields.iter().filter_map(told).collect()
    }

    pub fn typed(&mut self) {
        self.error = None;
        if let Some(field) = self.fields.get_mut(self.at) {
            field.error = None;
        }
    }

    pub fn step(&mut self, by: isize) {
        self.at = self.at.saturating_add_signed(by).min(self.fields.len().saturating_sub(1));
    }

    /// Is everything there, and typed alike where it is typed twice? Else the first that is not has the focus.
    pub fn is_whole(&mut self) -> bool {
        let new = self.secret(field::NEW);
        let again = self.secret(AGAIN);
        let alike = match (&new, &again) {
            (Some(new), Some(again)) => new.expose_secret() == again.expose_secret(),
            _ => true,
        };
        for field in &mut self.fields {
            field.error = if field.name == REASON {
                reason_fault(field.text.text())
            } else if field.text.is_empty() {
                Some(texts::MISSING.to_owned())
            } else if field.name == AGAIN && !alike {
                Some(texts::NOT_ALIKE.to_owned())
            } else {
                None
            };
        }
        self.error = None;
        let wrong = self.fields.iter().position(|field| field.error.is_some());
        self.at = wrong.unwrap_or(self.at);
        wrong.is_none()
    }

    /// The server, or what stands before it, said no: beside the field it is about, or below. A field that was not
    /// asked for yet comes in.
    pub fn failed(&mut self, error: ServiceError) {
        self.saving = None;
        let name = match error.field.as_deref() {
            Some(field::NONCE) => field::NONCE,
            Some(field::SECOND) => field::SECOND,
            Some(name) => self.fields.iter().find(|field| field.name == name).map_or("", |field| field.name),
            None => "",
        };
        if name == field::NONCE && !self.has(name) {
            self.fields.push(plain(name, "Code from mail", texts::MAILED_CODE_HINT));
        } else if name == field::SECOND && !self.has(name) {
            self.fields.push(plain(name, "Code of your app", texts::CODE_HINT));
        }
        match self.fields.iter().position(|field| field.name == name) {
            Some(at) => {
                if let Some(field) = self.fields.get_mut(at) {
                    let words = std::iter::once(error.message).chain(error.hints).collect::<Vec<_>>();
                    field.error = Some(words.join(" "));
                    drop(SecretString::from(field.text.take()));
                }
                self.at = at;
            }
            None => self.error = Some(error),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name)
    }

    /// Is it about somebody else's account?
    pub const fn is_of_account(&self) -> bool {
        matches!(
            self.goal,
            Goal::Account { .. }
                | Goal::AccountEmail { .. }
                | Goal::AccountInvite { .. }
                | Goal::AccountUnban { .. }
        )
    }

    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        // Inside the frame, beside the text.
        let room = (area.width.saturating_sub(4 + 2 + TEXT_WIDTH_MIN), area.height.saturating_sub(2));
        let picture = self.picture.as_ref().and_then(|qr| Some((qr, qr.size(pen.theme.ascii, room)?)));
        let beside = picture.map_or(0, |(_, (columns, _))| columns + 2);
        let width = if picture.is_some() { beside + TEXT_WIDTH_MAX + 4 } else { WIDTH }.min(area.width);
        let lines = self.lines(pen, width.saturating_sub(4 + beside), picture.is_some());
        let text_height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2);
        let height = text_height.max(picture.map_or(0, |(_, (_, lines))| lines)).saturating_add(2);
        let inside = pen.frame(centred(area, width, height), &self.title);
        if let Some((qr, _)) = picture {
            qr.draw(pen, inside);
        }
        let text = after(inside, beside);
        let room = text.height.saturating_sub(1);
        // Of a low window, the field with the focus is seen.
        let at = lines.iter().position(|line| matches!(line, Line::Field(at) if *at == self.at)).unwrap_or(0);
        let first = crate::tui::widgets::scroll(at, lines.len(), usize::from(room));
        for (shown, y) in lines.iter().skip(first).zip(0..room) {
            self.draw_line(pen, line(text, y), shown);
        }
        let footer = if self.saving.is_some() { texts::ASKING.to_owned() } else { go_on(pen) };
        pen.put(line(text, text.height.saturating_sub(1)), &footer, pen.theme.faint());
    }

    fn lines(&self, pen: &Pen, width: u16, with_picture: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        let about = self.about.iter().map(String::as_str);
        let small = (self.picture.is_some() && !with_picture).then_some(texts::NO_ROOM_FOR_PICTURE);
        for text in small.into_iter().chain(about) {
            lines.extend(wrap(&pen.theme.clean(text), width).into_iter().map(Line::Text));
        }
        if !lines.is_empty() {
            lines.push(Line::Text(String::new()));
        }
        // In a narrow column what is said of a field begins at its left edge.
        let beside = if with_picture { 2 } else { TITLE_WIDTH };
        for (at, field) in self.fields.iter().enumerate() {
            lines.push(Line::Field(at));
            let room = width.saturating_sub(beside + 2);
            if let Some(error) = &field.error {
                lines.extend(wrap(error, room).into_iter().map(|text| Line::Error(beside, text)));
            } else if at == self.at && !field.hint.is_empty() {
                lines.extend(wrap(field.hint, room).into_iter().map(|text| Line::Hint(beside, text)));
            }
        }
        if let Some(error) = &self.error {
            lines.push(Line::Text(String::new()));
            lines.extend(
                error_lines(error, width.saturating_sub(2)).into_iter().map(|text| Line::Error(0, text)),
            );
        }
        lines
    }

    fn draw_line(&self, pen: &mut Pen, area: Rect, shown: &Line) {
        match shown {
            Line::Text(text) => drop(pen.put(area, text, pen.theme.plain())),
            Line::Hint(x, text) => drop(pen.put(after(area, *x), text, pen.theme.faint())),
            Line::Error(x, text) => {
                pen.put(after(area, x.saturating_sub(2)), "!", pen.theme.error());
                pen.put(after(area, (*x).max(2)), text, pen.theme.error());
            }
            Line::Field(at) => {
                let Some(field) = self.fields.get(*at) else { return };
                let focused = *at == self.at && self.saving.is_none();
                let style = if focused { pen.theme.strong() } else { pen.theme.plain() };
                pen.put(area, if focused { ">" } else { "" }, style);
                let title = if self.fields.len() == 1 && area.width < TEXT_WIDTH_MIN + TITLE_WIDTH {
                    u16::try_from(field.title.len() + 4).unwrap_or(TITLE_WIDTH)
                } else {
                    TITLE_WIDTH
                };
                pen.put(Rect { width: area.width.min(title - 2), ..after(area, 2) }, field.title, style);
                field.text.draw(pen, after(area, title), focused);
            }
        }
    }
}

/// The keys of what asks.
pub(super) fn go_on(pen: &Pen) -> String {
    pen.hint(Context::Ask, &[(&[Act::Accept], "go on"), (&[Act::Leave], "leave it")])
}

/// A line of it; hints and errors with where they begin.
enum Line {
    Text(String),
    Hint(u16, String),
    Error(u16, String),
    Field(usize),
}
