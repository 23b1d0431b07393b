//! Bytes from the terminal to presses and pastes. Our own, because the usual reader spins for ever on a
//! terminal that has gone; here reading is the caller's, and this is a pure function of the bytes so far.
//!
//! A lone escape byte may be the Esc key or the start of a sequence that is still under way on a slow line:
//! `is_pending` says so, and the caller calls `give_up` when nothing has followed for a moment.

use super::press::{Code, Press};

/// What somebody did at the keyboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Press(Press),
    Paste(String),
    Mouse(Mouse),
}

/// What was done with the mouse, where it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pointer {
    /// The first button went down.
    Press,
    WheelUp,
    WheelDown,
}

/// Where, in cells from the upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    pub pointer: Pointer,
    pub column: u16,
    pub row: u16,
}

/// The longest paste that is kept, in bytes: far more than any field takes.
const PASTE_BYTES_MAX: usize = 64 * 1024;
/// The longest escape sequence that is waited for, in bytes: beyond it, it is noise.
const SEQUENCE_BYTES_MAX: usize = 32;
const PASTE_END: &[u8] = b"\x1b[201~";

/// The bytes not yet understood.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// Inside a bracketed paste: what it holds so far.
    paste: Option<Vec<u8>>,
}

enum Step {
    /// More bytes are needed to tell.
    Wait,
    /// So many bytes meant this (or nothing we know).
    Took(usize, Option<Press>),
    Pointed(usize, Mouse),
    PasteBegins(usize),
}

impl Decoder {
    /// Takes bytes as they came and gives what they meant.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Input> {
        let mut out = Vec::new();
        // Alt comes as an escape and its key at once. An escape that came alone, and then something that
        // continues no sequence, was the Esc key and another one, pressed quickly.
        let alone = self.paste.is_none() && self.bytes == [0x1b];
        if alone && bytes.first().is_some_and(|next| !matches!(next, b'[' | b'O')) {
            self.bytes.clear();
            out.push(Input::Press(Press::key(Code::Esc)));
        }
        self.bytes.extend_from_slice(bytes);
        loop {
            if self.paste.is_some() {
                if !self.take_paste(&mut out) {
                    return out;
                }
                continue;
            }
            match step(&self.bytes) {
                Step::Wait => return out,
                Step::Took(count, press) => {
                    self.bytes.drain(..count);
                    out.extend(press.map(Input::Press));
                }
                Step::Pointed(count, mouse) => {
                    self.bytes.drain(..count);
                    out.push(Input::Mouse(mouse));
                }
                Step::PasteBegins(count) => {
                    self.bytes.drain(..count);
                    self.paste = Some(Vec::new());
                }
            }
        }
    }

    /// Is something half said (and not a paste, which takes its time)?
    pub fn is_pending(&self) -> bool {
        self.paste.is_none() && !self.bytes.is_empty()
    }

    /// Nothing followed: what is there was all. An escape byte was the Esc key.
    pub fn give_up(&mut self) -> Vec<Input> {
        let mut out = Vec::new();
        while self.is_pending() {
            let first = self.bytes.remove(0);
            if first == 0x1b {
                out.push(Input::Press(Press::key(Code::Esc)));
            }
            out.extend(self.feed(&[]));
        }
        out
    }

    /// Moves bytes into the paste; true when it is complete and decoding goes on.
    fn take_paste(&mut self, out: &mut Vec<Input>) -> bool {
        let Some(paste) = &mut self.paste else { return false };
        let end = self.bytes.windows(PASTE_END.len()).position(|window| window == PASTE_END);
        // The end mark may be cut in two: its possible beginning stays behind.
        let take = end.unwrap_or(self.bytes.len().saturating_sub(PASTE_END.len() - 1));
        let room = PASTE_BYTES_MAX.saturating_sub(paste.len());
        paste.extend(self.bytes.drain(..take).take(room));
        if end.is_none() {
            return false;
        }
        self.bytes.drain(..PASTE_END.len());
        let text = String::from_utf8_lossy(&self.paste.take().unwrap_or_default()).into_owned();
        out.push(Input::Paste(text));
        true
    }
}

fn step(bytes: &[u8]) -> Step {
    let Some(&first) = bytes.first() else { return Step::Wait };
    match first {
        0x1b => escape(bytes),
        b'\r' | b'\n' => Step::Took(1, Some(Press::key(Code::Enter))),
        b'\t' => Step::Took(1, Some(Press::key(Code::Tab))),
        0x7f | 0x08 => Step::Took(1, Some(Press::key(Code::Backspace))),
        0x01..=0x1a => Step::Took(1, Some(Press::ctrl(char::from(first - 1 + b'a')))),
        0x00 | 0x1c..=0x1f => Step::Took(1, None),
        0x20..=0x7e => Step::Took(1, Some(Press::char(char::from(first)))),
        _ => utf8(bytes, first),
    }
}

fn utf8(bytes: &[u8], first: u8) -> Step {
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Step::Took(1, None),
    };
    let Some(whole) = bytes.get(..length) else { return Step::Wait };
    match std::str::from_utf8(whole).ok().and_then(|text| text.chars().next()) {
        Some(c) => Step::Took(length, Some(Press::char(c))),
        None => Step::Took(1, None),
    }
}

fn escape(bytes: &[u8]) -> Step {
    match bytes.get(1) {
        None => Step::Wait,
        Some(b'[') => control_sequence(bytes),
        Some(b'O') => match bytes.get(2) {
            None => Step::Wait,
            Some(&last) => Step::Took(3, final_key(last).map(Press::key)),
        },
        // No action is on Alt, so what follows is a key of its own: Esc and a quick `1` must not be lost.
        Some(_) => Step::Took(1, Some(Press::key(Code::Esc))),
    }
}

/// `ESC [ parameters final`; the Linux console sends F1 to F5 as `ESC [ [ A` to `E`.
fn control_sequence(bytes: &[u8]) -> Step {
    if bytes.get(2) == Some(&b'[') {
        return match bytes.get(3) {
            None => Step::Wait,
            Some(&last) => Step::Took(4, (b'A'..=b'E').contains(&last).then(|| Press::f(last - b'A' + 1))),
        };
    }
    let body = bytes.get(2..).unwrap_or_default();
    let Some(at) = body.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        return if bytes.len() > SEQUENCE_BYTES_MAX { Step::Took(bytes.len(), None) } else { Step::Wait };
    };
    let count = at + 3;
    let parameters: Vec<u16> = String::from_utf8_lossy(body.get(..at).unwrap_or_default())
        .split(';')
        .map(|text| text.parse().unwrap_or(0))
        .collect();
    if let Some(last @ (b'M' | b'm')) = body.get(at)
        && body.first() == Some(&b'<')
    {
        let mouse = mouse(body.get(1..at).unwrap_or_default(), *last == b'M');
        return mouse.map_or(Step::Took(count, None), |mouse| Step::Pointed(count, mouse));
    }
    let first = parameters.first().copied().unwrap_or(0);
    let modifiers = parameters.get(1).copied().unwrap_or(1).saturating_sub(1);
    let code = match body.get(at) {
        Some(b'~') if first == 200 => return Step::PasteBegins(count),
        Some(b'~') => numbered_key(first),
        // The letters of F1 to F4 also end reports, which have another first number.
        Some(b'P'..=b'S') if first > 1 => None,
        Some(&last) => final_key(last),
        None => None,
    };
    let press = |code| Press { code, alt: modifiers & 2 != 0, ctrl: modifiers & 4 != 0 };
    Step::Took(count, code.map(press))
}

/// `button ; column ; row`, counted from 1. Releases, other buttons and those with a modifier mean nothing here.
fn mouse(parameters: &[u8], down: bool) -> Option<Mouse> {
    let text = std::str::from_utf8(parameters).ok()?;
    let mut numbers = text.split(';').map(|number| number.parse::<u16>().ok());
    let (button, column, row) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let pointer = match button {
        0 if down => Pointer::Press,
        64 if down => Pointer::WheelUp,
        65 if down => Pointer::WheelDown,
        _ => return None,
    };
    Some(Mouse { pointer, column: column.checked_sub(1)?, row: row.checked_sub(1)? })
}

fn final_key(last: u8) -> Option<Code> {
    Some(match last {
        b'A' => Code::Up,
        b'B' => Code::Down,
        b'C' => Code::Right,
        b'D' => Code::Left,
        b'H' => Code::Home,
        b'F' => Code::End,
        b'M' => Code::Enter,
        b'Z' => Code::BackTab,
        b'P'..=b'S' => Code::F(last - b'P' + 1),
        _ => return None,
    })
}

fn numbered_key(number: u16) -> Option<Code> {
    Some(match number {
        1 | 7 => Code::Home,
        2 => Code::Insert,
        3 => Code::Delete,
        4 | 8 => Code::End,
        5 => Code::PageUp,
        6 => Code::PageDown,
        11..=15 => Code::F(u8::try_from(number - 10).ok()?),
        17..=21 => Code::F(u8::try_from(number - 11).ok()?),
        23 | 24 => Code::F(u8::try_from(number - 12).ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(inputs: &[Input]) -> String {
        let name = |input: &Input| match input {
            Input::Press(press) => press.to_string(),
            Input::Paste(text) => format!("<{text}>"),
            Input::Mouse(mouse) => format!("{:?}@{},{}", mouse.pointer, mouse.column, mouse.row),
        };
        inputs.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn keys_of_many_terminals_are_told_apart() {
        let table: &[(&[u8], &str)] = &[
            (b"aZ/", "a Z /"),
            ("é漢".as_bytes(), "é 漢"),
            (b"\r\n\t\x7f", "Enter Enter Tab Backspace"),
            (b"\x13\x11\x03", "Ctrl+S Ctrl+Q Ctrl+C"),
            (b"\x1b[A\x1bOB\x1b[1;5C", "Up Down Ctrl+Right"),
            (b"\x1bOP\x1b[[A\x1b[11~\x1b[15~\x1b[19~\x1b[24~", "F1 F1 F1 F5 F8 F12"),
            (b"\x1b[Z\x1b[3~\x1b[5~\x1b[H\x1b[4~", "Shift+Tab Del PgUp Home End"),
            (b"\x1bx", "Esc x"),
            (b"\x1b[?1;2c\x1b[12;40Rq", "q"),
            (b"\xff\xc3(a", "( a"),
            (
                b"\x1b[<0;1;2M\x1b[<0;1;2m\x1b[<64;80;24M\x1b[<65;9;9Mq",
                "Press@0,1 WheelUp@79,23 WheelDown@8,8 q",
            ),
            // What no terminal sends: other buttons, nothing, too much.
            (b"\x1b[<2;1;1M\x1b[<0;0;1M\x1b[<;;M\x1b[<0;99999;1M\x1b[<0;-1;1Mq", "q"),
            (b"\x1b[200~a\nb\x1b[201~c", "<a\nb> c"),
        ];
        for (bytes, expected) in table {
            assert_eq!(names(&Decoder::default().feed(bytes)), *expected, "{bytes:?}");
        }
    }

    #[test]
    fn bytes_that_come_one_by_one_mean_the_same() {
        let bytes = b"\x1b[200~x\x1b[2y\x1b[201~\x1b[1;5D\xc3\xa9";
        let mut decoder = Decoder::default();
        let inputs: Vec<Input> = bytes.iter().flat_map(|byte| decoder.feed(&[*byte])).collect();
        assert_eq!(names(&inputs), "<x\u{1b}[2y> Ctrl+Left é");
        assert!(!decoder.is_pending());
    }

    #[test]
    fn a_lone_escape_is_the_esc_key_once_nothing_follows() {
        let mut decoder = Decoder::default();
        assert_eq!(names(&decoder.feed(b"\x1b")), "");
        assert!(decoder.is_pending());
        assert_eq!(names(&decoder.give_up()), "Esc");
        assert_eq!(names(&decoder.feed(b"\x1b\x1b")), "Esc");
        assert_eq!(names(&decoder.give_up()), "Esc");
        assert!(!decoder.is_pending());
        // Typed quickly, or come at once on a slow line: two keys.
        decoder.feed(b"\x1b");
        assert_eq!(names(&decoder.feed(b"1")), "Esc 1");
        assert_eq!(names(&decoder.feed(b"\x1b1")), "Esc 1");
    }
}
