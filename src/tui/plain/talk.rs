//! Saying and asking, a line at a time. What is said is cleaned of everything a terminal would act on; what is typed
//! is bounded. Nothing here draws, moves or colours.

use std::io::{self, BufRead, Read as _, Write};

use secrecy::SecretString;

use crate::service::{Choice, ServiceError};
use crate::tui::theme::Theme;

/// The longest line that is taken, in bytes: longer than any field.
const LINE_BYTES_MAX: u64 = 4096;
/// Choices that are read out at once.
const CHOICES_SHOWN: usize = 20;
const ONE_OF_SEVERAL: &str = "Number or part of a name, Enter for none:";
const ONE_THAT_FITS: &str = "Is it this one? Type yes, or a part of another name, Enter for none:";
const ONLY_ONE: &str = "Is it this one? Type yes, or Enter for none:";

/// Asks for a password at the terminal, unseen.
pub type Secret = Box<dyn Fn(&str) -> io::Result<SecretString>>;

/// The end of the input, or of the line: the dialogue ends with it.
pub struct Gone;

/// What is typed after a prompt; an error where nothing comes any more.
pub type Said<T> = Result<T, Gone>;

pub struct Talk {
    input: Box<dyn BufRead>,
    out: Box<dyn Write>,
    /// Where the input is no terminal, the password comes with it.
    secret: Option<Secret>,
    theme: Theme,
}

impl Talk {
    pub fn new(input: Box<dyn BufRead>, out: Box<dyn Write>, secret: Option<Secret>, ascii: bool) -> Self {
        Self { input, out, secret, theme: Theme { ascii, mono: true, ..Theme::default() } }
    }

    pub fn say(&mut self, text: &str) -> Said<()> {
        let text = self.theme.clean(text);
        writeln!(self.out, "{text}").and_then(|()| self.out.flush()).map_err(|_| Gone)
    }

    pub fn say_all<T: AsRef<str>>(&mut self, lines: impl IntoIterator<Item = T>) -> Said<()> {
        lines.into_iter().try_for_each(|line| self.say(line.as_ref()))
    }

    pub fn fail(&mut self, error: &ServiceError) -> Said<()> {
        self.say(&format!("Not done: {}", error.message))?;
        self.say_all(&error.hints)
    }

    /// Asks for a line; without the blanks around it.
    pub fn ask(&mut self, prompt: &str) -> Said<String> {
        let prompt = self.theme.clean(prompt);
        write!(self.out, "{prompt} ").and_then(|()| self.out.flush()).map_err(|_| Gone)?;
        loop {
            let mut line = Vec::new();
            let read = self.input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
            if read.map_err(|_| Gone)? == 0 {
                return Err(Gone);
            } else if line.last() == Some(&b'\n') || (line.len() as u64) < LINE_BYTES_MAX {
                return Ok(String::from_utf8_lossy(&line).trim().to_owned());
            }
            self.skip_line()?;
            self.say("That line was too long and was not taken. Type it shorter:")?;
        }
    }

    fn skip_line(&mut self) -> Said<()> {
        loop {
            let buffer = self.input.fill_buf().map_err(|_| Gone)?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let (count, over) = (end.map_or(buffer.len(), |at| at + 1), end.is_some() || buffer.is_empty());
            self.input.consume(count);
            if over {
                return Ok(());
            }
        }
    }

    /// Asks for a password, which is not shown.
    pub fn ask_secret(&mut self, prompt: &str) -> Said<SecretString> {
        match &self.secret {
            Some(secret) => secret(&format!("{prompt} ")).map_err(|_| Gone),
            None => self.ask(prompt).map(SecretString::from),
        }
    }

    /// Asks whether; only `yes` in full is one.
    pub fn sure(&mut self, question: &str) -> Said<bool> {
        Ok(self.ask(&format!("{question} Type yes, or Enter for no:"))?.eq_ignore_ascii_case("yes"))
    }

    /// One of several, by its number or a part of its name; `None`: Enter alone, or there is none. The only one that is
    /// left is asked about, since a part of a name may have meant another.
    pub fn choose(&mut self, title: &str, choices: &[Choice]) -> Said<Option<Choice>> {
        let mut part = String::new();
        loop {
            let has = |choice: &&Choice| choice.label.to_lowercase().contains(&part);
            let found: Vec<&Choice> = choices.iter().filter(has).collect();
            match (found.as_slice(), choices) {
                (_, []) => return self.say(&format!("{title} There is nothing to choose.")).map(|()| None),
                ([], _) => {
                    self.say(&format!("Nothing there is called {part}."))?;
                    part.clear();
                    continue;
                }
                ([_], [_]) => self.say(&format!("{title} There is one choice."))?,
                ([_], _) => self.say(&format!("{title} One fits."))?,
                _ => self.say(&format!("{title} {} to choose from.", found.len()))?,
            }
            for (at, choice) in found.iter().take(CHOICES_SHOWN).enumerate() {
                self.say(&numbered(at, choice))?;
            }
            if found.len() > CHOICES_SHOWN {
                self.say(&format!("And {} more: type a part of the name.", found.len() - CHOICES_SHOWN))?;
            }
            let only = found.len() == 1;
            let prompt = match choices.len() {
                1 => ONLY_ONE,
                _ if only => ONE_THAT_FITS,
                _ => ONE_OF_SEVERAL,
            };
            let typed = self.ask(prompt)?.to_lowercase();
            if typed.is_empty() {
                return Ok(None);
            }
            let exact = found.iter().position(|choice| choice.label.to_lowercase() == typed);
            let exact = exact.or((only && typed == "yes").then_some(0));
            let at = exact.or_else(|| typed.parse::<usize>().ok()?.checked_sub(1));
            match at.and_then(|at| found.get(at)) {
                Some(choice) if choice.why_not.is_none() => return Ok(Some((*choice).clone())),
                Some(choice) => {
                    let why = choice.why_not.clone().unwrap_or_default();
                    self.say(&format!("{} cannot be chosen: {why}", choice.label))?;
                }
                None => part = typed,
            }
        }
    }
}

fn numbered(at: usize, choice: &Choice) -> String {
    let note = if choice.note.is_empty() { String::new() } else { format!(", {}", choice.note.trim()) };
    let why = choice.why_not.as_ref().map(|why| format!(" (closed: {why})")).unwrap_or_default();
    format!("{}. {}{note}{why}", at + 1, choice.label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[derive(Clone, Default)]
    struct Heard(Rc<RefCell<Vec<u8>>>);

    impl Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn talk(typed: &str) -> (Talk, Heard) {
        let heard = Heard::default();
        let input = io::Cursor::new(typed.to_owned().into_bytes());
        (Talk::new(Box::new(input), Box::new(heard.clone()), None, false), heard)
    }

    fn text(heard: &Heard) -> String {
        String::from_utf8(heard.0.borrow().clone()).expect("text")
    }

    #[test]
    fn nothing_that_is_said_does_anything_but_stand_there() {
        let (mut talk, heard) = talk("");
        assert!(talk.say("a\u{1b}[2J\u{202e}b\r\nc").is_ok());
        assert_eq!(text(&heard), "a·[2J·b··c\n");
    }

    #[test]
    fn a_line_is_bounded_and_the_end_is_told() {
        let (mut talk, heard) = talk(&format!("{}\nshort \nlast", "x".repeat(10_000)));
        assert_eq!(talk.ask("?").ok().as_deref(), Some("short"));
        assert!(text(&heard).contains("too long"));
        assert_eq!(talk.ask("?").ok().as_deref(), Some("last"), "a last line without its end");
        assert!(talk.ask("?").is_err());
    }

    #[test]
    fn choosing_takes_numbers_names_and_parts_and_says_why_not() {
        let choice = |label: &str, why: Option<&str>| Choice {
            value: Some(label.to_owned()),
            label: label.to_owned(),
            note: String::new(),
            why_not: why.map(str::to_owned),
        };
        let choices = [choice("Eastern", None), choice("Western", Some("INACTIVE")), choice("North", None)];
        let chosen = |typed: &str| {
            let (mut talk, heard) = talk(typed);
            let label = talk.choose("Region?", &choices).ok().flatten().map(|choice| choice.label);
            (label.unwrap_or_default(), text(&heard))
        };
        assert_eq!(chosen("3\n").0, "North");
        assert_eq!(chosen("eastern\n").0, "Eastern");
        assert_eq!(chosen("nor\n1\n").0, "North");
        let (label, told) = chosen("nor\nyes\n");
        assert_eq!(label, "North");
        assert!(told.contains("Region? One fits.\n1. North\nIs it this one?"), "{told}");
        assert_eq!(chosen("nor\neas\nyes\n").0, "Eastern", "another part looks among all of them");
        let (mut alone, heard) = talk("yes\n");
        let label = alone.choose("Region?", &choices[..1]).ok().flatten().map(|choice| choice.label);
        assert_eq!(label.as_deref(), Some("Eastern"));
        assert!(
            text(&heard).contains("Region? There is one choice.\n1. Eastern\nIs it this one? Type yes, or")
        );
        let (label, told) = chosen("south\n3\n");
        assert_eq!(label, "North");
        assert!(told.contains("Nothing there is called south.\nRegion? 3 to choose from."), "{told}");
        assert_eq!(chosen("yes\n\n").0, "", "of several, yes means none");
        assert_eq!(chosen("\n").0, "");
        let (label, told) = chosen("2\n1\n");
        assert_eq!(label, "Eastern");
        assert!(
            told.contains("2. Western (closed: INACTIVE)") && told.contains("cannot be chosen"),
            "{told}"
        );
    }
}
