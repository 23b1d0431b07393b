//! The way to the line, for lines that are slow: a frame is gathered in memory and goes out in one write;
//! where nothing changed nothing is written, not even the cursor. Attributes and cursor moves are told in
//! the fewest bytes, the sixteen colours by the codes that every terminal has, a shade that is one of the 256 by its
//! number. The pen stays as it is between two frames, since the next one mostly begins with the row that the last one
//! ended with. A large frame is wrapped in synchronised-update marks, so that it does not tear; terminals that do not know
//! them ignore them.

use std::fmt::Write as _;
use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

/// Frames beyond this many bytes are synchronised: the marks cost 16, and less fits one packet anyway.
const SYNC_BYTES_MIN: usize = 512;
const SYNC_BEGIN: &[u8] = b"\x1b[?2026h";
const SYNC_END: &[u8] = b"\x1b[?2026l";

/// How a cell is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pen {
    fore: Color,
    back: Color,
    modifier: Modifier,
}

const PLAIN: Pen = Pen { fore: Color::Reset, back: Color::Reset, modifier: Modifier::empty() };
const SHOWN: Modifier = Modifier::BOLD.union(Modifier::REVERSED).union(Modifier::UNDERLINED);

/// A terminal at the end of a line that costs.
pub struct Frugal<W: Write> {
    out: W,
    size: Box<dyn Fn() -> io::Result<Size>>,
    frame: String,
    pen: Pen,
    /// Where the terminal's cursor is, while that is known.
    at: Option<Position>,
    /// Where it is to be after the frame, if it is to be seen.
    place: Position,
    wanted: bool,
    /// Whether the terminal shows it now.
    visible: bool,
    /// False: colours are left out.
    colour: bool,
    /// Bytes and writes so far, for the budget tests.
    pub bytes: usize,
    pub writes: usize,
}

impl<W: Write> Frugal<W> {
    pub fn new(out: W, colour: bool, size: impl Fn() -> io::Result<Size> + 'static) -> Self {
        Self {
            out,
            size: Box::new(size),
            frame: String::new(),
            pen: PLAIN,
            at: None,
            place: Position::ORIGIN,
            wanted: false,
            visible: false,
            colour,
            bytes: 0,
            writes: 0,
        }
    }

    /// Forgets what the terminal shows, after somebody else wrote to it.
    pub fn forget(&mut self) {
        self.frame.clear();
        self.frame.push_str("\x1b[m\x1b[?25l");
        (self.pen, self.at, self.visible) = (PLAIN, None, false);
    }

    fn go_to(&mut self, to: Position) {
        if self.at == Some(to) {
            return;
        }
        let (row, column) = (u32::from(to.y) + 1, u32::from(to.x) + 1);
        let _ = match self.at {
            Some(at) if at.y == to.y && to.x == at.x + 1 => write!(self.frame, "\x1b[C"),
            Some(at) if at.y == to.y && to.x > at.x => write!(self.frame, "\x1b[{}C", to.x - at.x),
            Some(at) if to.x == 0 && to.y == at.y + 1 => write!(self.frame, "\r\n"),
            _ if column == 1 => write!(self.frame, "\x1b[{row}H"),
            _ => write!(self.frame, "\x1b[{row};{column}H"),
        };
        self.at = Some(to);
    }

    fn take_pen(&mut self, pen: Pen) {
        if self.pen == pen {
            return;
        }
        // What was told before is turned off piece by piece, or all of it at once: whichever is shorter.
        let turned = codes(self.pen, pen).join(";");
        let anew = codes(PLAIN, pen);
        let reset = if anew.is_empty() { String::new() } else { format!("0;{}", anew.join(";")) };
        let shorter = if reset.len() < turned.len() { reset } else { turned };
        let _ = write!(self.frame, "\x1b[{shorter}m");
        self.pen = pen;
    }

    fn pen_of(&self, cell: &Cell) -> Pen {
        let colour = |colour| if self.colour { colour } else { Color::Reset };
        Pen { fore: colour(cell.fg), back: colour(cell.bg), modifier: cell.modifier & SHOWN }
    }

    fn settle_cursor(&mut self) {
        if self.wanted {
            self.go_to(self.place);
        }
        if self.wanted != self.visible {
            self.frame.push_str(if self.wanted { "\x1b[?25h" } else { "\x1b[?25l" });
            self.visible = self.wanted;
        }
    }
}

/// Marks with the codes that put them on and take them off.
const MARKS: [(Modifier, &str, &str); 3] =
    [(Modifier::BOLD, "1", "22"), (Modifier::UNDERLINED, "4", "24"), (Modifier::REVERSED, "7", "27")];

/// The codes that make one pen of another.
fn codes(from: Pen, to: Pen) -> Vec<String> {
    let turn = |(mark, on, off): &(Modifier, &str, &str)| match (
        from.modifier.contains(*mark),
        to.modifier.contains(*mark),
    ) {
        (false, true) => Some((*on).to_owned()),
        (true, false) => Some((*off).to_owned()),
        _ => None,
    };
    let fore = (to.fore != from.fore).then(|| colour_code(to.fore, 0));
    let back = (to.back != from.back).then(|| colour_code(to.back, BEHIND));
    MARKS.iter().filter_map(turn).chain(fore).chain(back).collect()
}

/// What the codes of backgrounds are beyond those of foregrounds.
const BEHIND: u8 = 10;

/// The code of a colour in the foreground; `more`: beyond that.
fn colour_code(colour: Color, more: u8) -> String {
    let named = match colour {
        Color::Black => 30,
        Color::Red => 31,
        Color::Green => 32,
        Color::Yellow => 33,
        Color::Blue => 34,
        Color::Magenta => 35,
        Color::Cyan => 36,
        Color::Gray => 37,
        Color::DarkGray => 90,
        Color::LightRed => 91,
        Color::LightGreen => 92,
        Color::LightYellow => 93,
        Color::LightBlue => 94,
        Color::LightMagenta => 95,
        Color::LightCyan => 96,
        Color::White => 97,
        Color::Reset => 39,
        Color::Indexed(number) => return format!("{};5;{number}", 38 + more),
        Color::Rgb(red, green, blue) => {
            return match twin(red, green, blue) {
                Some(number) => colour_code(Color::Indexed(number), more),
                None => format!("{};2;{red};{green};{blue}", 38 + more),
            };
        }
    };
    (named + more).to_string()
}

/// Shades of one channel in the cube of the 256 colours.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];
/// The first of the 256 colours that no terminal theme is known to give another shade.
const TWIN_MIN: u8 = 22;

/// The one of the 256 colours that has just this shade: it is told in half as many bytes.
fn twin(red: u8, green: u8, blue: u8) -> Option<u8> {
    let level =
        |shade: u8| CUBE.iter().position(|known| *known == shade).and_then(|at| u8::try_from(at).ok());
    let cube = || Some(16 + 36 * level(red)? + 6 * level(green)? + level(blue)?);
    let is_grey = red == green && green == blue && (8..=238).contains(&red) && red % 10 == 8;
    let number = if is_grey { Some(232 + (red - 8) / 10) } else { cube() };
    number.filter(|number| *number >= TWIN_MIN)
}

impl<W: Write> Backend for Frugal<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let width = (self.size)()?.width;
        for (x, y, cell) in content {
            self.go_to(Position { x, y });
            self.take_pen(self.pen_of(cell));
            self.frame.push_str(cell.symbol());
            let after = x.saturating_add(u16::try_from(cell.symbol().width()).unwrap_or(1));
            // In the last column terminals differ on where the cursor is, and on the width of what is put together
            // of several characters: then it is told anew, and nothing beside it is shifted.
            let sure = after < width && cell.symbol().chars().nth(1).is_none();
            self.at = sure.then_some(Position { x: after, y });
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.wanted = false;
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.wanted = true;
        Ok(())
    }

    /// Our own memory of it: asking the terminal would wait for its answer.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.place)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.place = position.into();
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, _clear_type: ClearType) -> io::Result<()> {
        self.take_pen(PLAIN);
        self.frame.push_str("\x1b[2J");
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        (self.size)()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: (self.size)()?, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.settle_cursor();
        if self.frame.is_empty() {
            return Ok(());
        }
        let frame = std::mem::take(&mut self.frame);
        let large = frame.len() > SYNC_BYTES_MIN;
        let bytes =
            if large { [SYNC_BEGIN, frame.as_bytes(), SYNC_END].concat() } else { frame.into_bytes() };
        self.bytes += bytes.len();
        self.writes += 1;
        self.out.write_all(&bytes)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shade_of_the_256_is_told_by_its_number_and_every_other_in_full() {
        for (rgb, told) in [
            ((255, 255, 255), "38;5;231"),
            ((255, 175, 135), "38;5;216"),
            ((208, 208, 208), "38;5;252"),
            ((148, 148, 148), "38;5;246"),
            ((8, 8, 8), "38;5;232"),
            ((0, 0, 0), "38;2;0;0;0"),
            ((0, 0, 255), "38;2;0;0;255"),
            ((86, 180, 233), "38;2;86;180;233"),
            ((248, 248, 248), "38;2;248;248;248"),
        ] {
            let (red, green, blue) = rgb;
            assert_eq!(colour_code(Color::Rgb(red, green, blue), 0), told);
        }
    }
}
