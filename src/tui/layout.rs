//! Where things are on a screen of that size. Drawing and updating both ask here, so that the window of rows
//! that is asked for is the one that is drawn.

use ratatui::layout::Rect;

use super::widgets::line;

/// Below this the window only tells the state.
pub const WIDTH_MIN: u16 = 40;
pub const HEIGHT_MIN: u16 = 10;
/// From this width on the detail stands beside the list.
const WIDTH_WITH_PANE: u16 = 100;
/// Below these there are no rules, headings and footer.
const WIDTH_NORMAL: u16 = 80;
const HEIGHT_NORMAL: u16 = 20;
/// Of a wide window, the columns of the list in percent.
const LIST_PERCENT: u32 = 69;

/// The areas; an absent one is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    pub too_small: bool,
    pub compact: bool,
    pub tabs: Rect,
    pub rule_top: Rect,
    pub title: Rect,
    pub header: Rect,
    pub rows: Rect,
    /// Everything between the rules: title, header and rows.
    pub body: Rect,
    pub divider: Rect,
    pub pane: Option<Rect>,
    /// The body over the whole width, for places without a pane: its first line is the title, where that has no other.
    pub whole: Rect,
    pub rule_bottom: Rect,
    pub footer: Rect,
    pub state: Rect,
}

impl Shape {
    /// What popups may cover of the window: all but the lines at the bottom.
    pub fn over(&self, window: Rect) -> Rect {
        Rect { height: window.height.saturating_sub(if self.compact { 1 } else { 2 }), ..window }
    }
}

/// The areas of a window.
pub fn shape(area: Rect) -> Shape {
    let too_small = area.width < WIDTH_MIN || area.height < HEIGHT_MIN;
    let bottom = |up: u16| line(area, area.height.saturating_sub(up));
    if too_small {
        return Shape { too_small, compact: true, state: line(area, 0), ..Shape::default() };
    }
    let compact = area.width < WIDTH_NORMAL || area.height < HEIGHT_NORMAL;
    if compact {
        let body = Rect { y: area.y + 1, height: area.height - 2, ..area };
        return Shape {
            compact,
            tabs: line(area, 0),
            title: line(area, 0),
            rows: body,
            body,
            whole: body,
            state: bottom(1),
            ..Shape::default()
        };
    }
    let body = Rect { y: area.y + 2, height: area.height - 5, ..area };
    let with_pane = area.width >= WIDTH_WITH_PANE;
    let list_width = if with_pane {
        u16::try_from(u32::from(area.width) * LIST_PERCENT / 100).unwrap_or(area.width)
    } else {
        area.width
    };
    // A column stays free before the divider.
    let list = Rect { width: list_width - u16::from(with_pane), ..body };
    Shape {
        too_small,
        compact,
        tabs: line(area, 0),
        rule_top: line(area, 1),
        title: line(list, 0),
        header: line(list, 1),
        rows: Rect { y: list.y + 2, height: list.height - 2, ..list },
        body: list,
        whole: body,
        divider: Rect { x: body.x + list_width, width: u16::from(with_pane), ..body },
        pane: with_pane.then(|| Rect {
            x: body.x + list_width + 1,
            width: body.width - list_width - 1,
            ..body
        }),
        rule_bottom: bottom(3),
        footer: bottom(2),
        state: bottom(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_area_lies_in_the_window() {
        for width in 0..210 {
            for height in 0..70 {
                let window = Rect { x: 0, y: 0, width, height };
                let shape = shape(window);
                let pane = shape.pane.unwrap_or_default();
                let areas = [
                    shape.tabs,
                    shape.rule_top,
                    shape.title,
                    shape.header,
                    shape.rows,
                    shape.body,
                    shape.whole,
                    shape.divider,
                    pane,
                    shape.rule_bottom,
                    shape.footer,
                    shape.state,
                ];
                for area in areas {
                    assert_eq!(area.intersection(window).area(), area.area(), "{area:?} in {window:?}");
                }
            }
        }
    }
}
