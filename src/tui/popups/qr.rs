//! A QR code drawn in cells: in half blocks two of its rows to a line, in ASCII a row to a line and two cells to each
//! square, the light ones in reverse video. It is drawn where it fits whole, with as wide a margin as fits.

use qrcode::{Color as Square, EcLevel, QrCode};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use secrecy::{ExposeSecret as _, SecretString};

use crate::tui::theme::Theme;
use crate::tui::widgets::{Pen, line};

/// Light squares around it: four is the rule, and cameras do with less.
const MARGINS: [usize; 3] = [4, 2, 1];

#[derive(Clone, Debug)]
pub struct Qr {
    /// Squares along one side, and which are dark, row by row.
    side: usize,
    dark: Vec<bool>,
}

impl Qr {
    /// `None` for a text that is too long for any.
    pub fn new(text: &SecretString) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text.expose_secret(), EcLevel::L).ok()?;
        let side = code.width();
        Some(Self {
            side,
            dark: code.into_colors().into_iter().map(|square| square == Square::Dark).collect(),
        })
    }

    /// Columns and lines that it takes with the widest margin that fits into the area.
    pub fn size(&self, ascii: bool, (width, height): (u16, u16)) -> Option<(u16, u16)> {
        self.fit(ascii, (width, height)).map(|(_, size)| size)
    }

    fn fit(&self, ascii: bool, (width, height): (u16, u16)) -> Option<(usize, (u16, u16))> {
        MARGINS.into_iter().find_map(|margin| {
            let across = self.side + 2 * margin;
            let cells = if ascii { (2 * across, across) } else { (across, across.div_ceil(2)) };
            let size = (u16::try_from(cells.0).ok()?, u16::try_from(cells.1).ok()?);
            (size.0 <= width && size.1 <= height).then_some((margin, size))
        })
    }

    /// Is it dark there? Beyond its edge it is light.
    fn is_dark(&self, x: usize, y: usize, margin: usize) -> bool {
        let inside = |at: usize| at.checked_sub(margin).filter(|at| *at < self.side);
        match (inside(x), inside(y)) {
            (Some(x), Some(y)) => self.dark.get(y * self.side + x).copied().unwrap_or(false),
            _ => false,
        }
    }

    pub fn draw(&self, pen: &mut Pen, area: Rect) {
        let theme = pen.theme;
        let Some((margin, (width, height))) = self.fit(theme.ascii, (area.width, area.height)) else {
            return;
        };
        for y in 0..height {
            let row = Rect { width, ..line(area, y) };
            if theme.ascii {
                self.draw_row(pen, row, usize::from(y), margin);
                continue;
            }
            let halves = (0..usize::from(width)).map(|x| {
                let at = |half: usize| self.is_dark(x, usize::from(y) * 2 + half, margin);
                match (at(0), at(1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                }
            });
            pen.put(row, &halves.collect::<String>(), paper(theme));
        }
    }

    fn draw_row(&self, pen: &mut Pen, row: Rect, y: usize, margin: usize) {
        for x in 0..row.width / 2 {
            if !self.is_dark(usize::from(x), y, margin) {
                pen.lay(
                    Rect { x: row.x + 2 * x, width: 2, ..row },
                    Style::new().add_modifier(Modifier::REVERSED),
                );
            }
        }
    }
}

/// Dark on light. Without colours by turning round what most terminals have.
fn paper(theme: Theme) -> Style {
    if theme.mono {
        Style::new().add_modifier(Modifier::REVERSED)
    } else {
        Style::new().fg(Color::Black).bg(Color::White)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::keys::Keymap;
    use ratatui::buffer::Buffer;

    const URI: &str = "otpauth://totp/FlyOS:operator1@flyos.mil?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

    /// What a reader of QR codes sees where the code is drawn: each cell as so many dots.
    fn read(theme: Theme, width: u16, height: u16) -> String {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        let qr = Qr::new(&SecretString::from(URI)).expect("it fits a code");
        let size = qr.size(theme.ascii, (width, height)).expect("it fits the area");
        qr.draw(&mut Pen::new(&mut buffer, theme, Keymap::default()), area);
        // A cell is about twice as high as wide: eight dots by sixteen.
        let (w, h) = (usize::from(size.0) * 8, usize::from(size.1) * 16);
        let dark = |x: usize, y: usize| {
            let cell = &buffer[(u16::try_from(x / 8).unwrap(), u16::try_from(y / 16).unwrap())];
            let reversed = cell.modifier.contains(Modifier::REVERSED);
            match cell.symbol() {
                "█" => true,
                "▀" => y % 16 < 8,
                "▄" => y % 16 >= 8,
                _ => theme.ascii && !reversed,
            }
        };
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(w, h, |x, y| if dark(x, y) { 0 } else { 255 });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().expect("it can be read").1
    }

    #[test]
    fn it_can_be_read_from_the_screen() {
        for (ascii, mono, width, height) in
            [(false, false, 76, 20), (false, true, 76, 20), (false, false, 90, 40), (true, true, 90, 45)]
        {
            assert_eq!(
                read(Theme { ascii, mono, ..Theme::default() }, width, height),
                URI,
                "{ascii} {mono} {width}x{height}"
            );
        }
    }

    #[test]
    fn where_it_does_not_fit_whole_it_is_not_drawn() {
        let qr = Qr::new(&SecretString::from(URI)).expect("it fits a code");
        assert!(qr.size(false, (40, 12)).is_none());
        assert!(qr.size(true, (76, 20)).is_none(), "in ASCII it takes a larger window");
        assert!(Qr::new(&SecretString::from("x".repeat(5000))).is_none());
    }
}
