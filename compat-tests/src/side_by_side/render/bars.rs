//! Grouped horizontal bars with whiskers from the least to the greatest round.

use super::axis::Axis;
use super::figures::{self, Spread};
use super::svg::{self, Anchor, Canvas};
use super::systems::{self, System};

/// One bar.
pub struct Bar {
    /// Whose.
    pub system: System,
    /// Its length, and its whisker.
    pub spread: Spread,
    /// Digits after the point of the number behind it.
    pub digits: usize,
}

/// Bars that belong together.
pub struct Group {
    /// What stands before them.
    pub label: String,
    /// In the order of systems.
    pub bars: Vec<Bar>,
}

const WIDTH: f64 = 860.0;
const MARGIN: f64 = 16.0;
/// Height of title and legend.
const HEAD: f64 = 62.0;
/// Height of the marks of the axis.
const FOOT: f64 = 30.0;
const BAR: f64 = 11.0;
/// From the top of a bar to that of the next.
const PITCH: f64 = 14.0;
/// Between groups.
const GAP: f64 = 12.0;
/// Room behind the longest bar for its number.
const NUMBER: f64 = 70.0;
const WHISKER: f64 = 3.0;

/// Where things stand across.
struct Across {
    axis: Axis,
    left: f64,
    right: f64,
}

impl Across {
    fn at(&self, value: f64) -> f64 {
        self.left + (self.right - self.left) * self.axis.at(value)
    }
}

/// The plot. A title says what is measured and its unit; that the axis is logarithmic, and where it begins, is added.
pub fn draw(title: &str, groups: &[Group], always_log: bool) -> String {
    let bars = || groups.iter().flat_map(|group| &group.bars);
    let values = bars().flat_map(|bar| [bar.spread.min, bar.spread.median, bar.spread.max]);
    let axis = if always_log { Axis::log_from_step(values) } else { Axis::of(values) };
    let label = groups.iter().map(|group| svg::text_width(&group.label)).fold(0.0, f64::max);
    let across = Across { axis, left: MARGIN + label + 8.0, right: WIDTH - MARGIN - NUMBER };
    let title = if across.axis.is_log() {
        format!("{title} (log scale from {})", figures::plain(across.axis.low()))
    } else {
        title.to_owned()
    };
    let height = |group: &Group| group.bars.len() as f64 * PITCH + GAP;
    let bottom = HEAD + groups.iter().map(height).sum::<f64>();

    let mut canvas = Canvas::new(WIDTH);
    canvas.bold((MARGIN, MARGIN + 6.0), Anchor::Start, &title);
    canvas.legend((MARGIN, MARGIN + 28.0), &super::plots::legend(bars().map(|bar| bar.system)));
    for tick in across.axis.ticks() {
        let x = across.at(tick);
        canvas.line(&[(x, HEAD), (x, bottom)], svg::GRID, 1.0);
        canvas.text((x, bottom + FOOT / 2.0), Anchor::Middle, &figures::plain(tick));
    }
    let mut top = HEAD;
    for group in groups {
        let middle = top + (height(group) - PITCH + BAR) / 2.0;
        canvas.text((across.left - 8.0, middle), Anchor::End, &group.label);
        for (at, bar) in group.bars.iter().enumerate() {
            draw_bar(&mut canvas, &across, bar, top + GAP / 2.0 + at as f64 * PITCH);
        }
        top += height(group);
    }
    canvas.line(&[(across.left, HEAD), (across.left, bottom)], svg::INK, 1.0);
    canvas.finish(bottom + FOOT, &title)
}

fn draw_bar(canvas: &mut Canvas, across: &Across, bar: &Bar, top: f64) {
    let Spread { median, min, max, rounds } = bar.spread;
    let (middle, end) = (top + BAR / 2.0, across.at(median));
    canvas.rect((across.left, top), (end - across.left, BAR), systems::colour(bar.system));
    if rounds > 1 {
        let (from, to) = (across.at(min), across.at(max));
        let (above, below) = (middle - WHISKER, middle + WHISKER);
        let whisker = [(from, above), (from, below), (from, middle), (to, middle), (to, above), (to, below)];
        canvas.line(&whisker, svg::INK, 1.0);
    }
    let behind = across.at(max.max(median)) + 6.0;
    canvas.text((behind, middle), Anchor::Start, &figures::number(median, bar.digits));
}
