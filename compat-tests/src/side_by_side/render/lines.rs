//! One line for each system over a logarithmic axis, with whiskers from the least to the greatest round.

use super::axis::Axis;
use super::figures::{self, Spread};
use super::svg::{self, Anchor, Canvas};
use super::systems::{self, System};

/// One line.
pub struct Line {
    /// Whose.
    pub system: System,
    /// Value of the parameter, and what it gave; rising.
    pub points: Vec<(f64, Spread)>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const MARGIN: f64 = 16.0;
const TOP: f64 = 66.0;
const BOTTOM: f64 = HEIGHT - 56.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = WIDTH - 28.0;
const DOT: f64 = 6.0;
const WHISKER: f64 = 4.0;
/// Lines stand this far beside each other, so that whiskers don't cover each other.
const ASIDE: f64 = 3.0;

/// The plot. `across` names what grows, `title` what is measured and its unit.
pub fn draw(title: &str, across: &str, lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let x_axis = Axis::log(points().map(|(x, _)| *x));
    let y_axis = Axis::of(points().flat_map(|(_, spread)| [spread.min, spread.median, spread.max]));
    let x_at = |x: f64| LEFT + (RIGHT - LEFT) * x_axis.at(x);
    let y_at = |y: f64| BOTTOM - (BOTTOM - TOP) * y_axis.at(y);
    let title = if y_axis.is_log() { format!("{title} (log scale)") } else { title.to_owned() };

    let mut canvas = Canvas::new(WIDTH);
    canvas.bold((MARGIN, MARGIN + 6.0), Anchor::Start, &title);
    canvas.legend((MARGIN, MARGIN + 28.0), &super::plots::legend(lines.iter().map(|line| line.system)));
    for tick in y_axis.ticks() {
        canvas.line(&[(LEFT, y_at(tick)), (RIGHT, y_at(tick))], svg::GRID, 1.0);
        canvas.text((LEFT - 8.0, y_at(tick)), Anchor::End, &figures::plain(tick));
    }
    // What was measured is marked, not powers of ten.
    let mut ticks: Vec<f64> = points().map(|(x, _)| *x).collect();
    ticks.sort_by(f64::total_cmp);
    ticks.dedup();
    for tick in ticks {
        canvas.line(&[(x_at(tick), TOP), (x_at(tick), BOTTOM)], svg::GRID, 1.0);
        canvas.text((x_at(tick), BOTTOM + 16.0), Anchor::Middle, &figures::plain(tick));
    }
    canvas.line(&[(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)], svg::INK, 1.0);
    canvas.text((f64::midpoint(LEFT, RIGHT), BOTTOM + 38.0), Anchor::Middle, &format!("{across} (log scale)"));
    let first = (lines.len() as f64 - 1.0) / -2.0 * ASIDE;
    for (at, line) in lines.iter().enumerate() {
        let aside = first + at as f64 * ASIDE;
        draw_line(&mut canvas, line, |x| x_at(x) + aside, y_at);
    }
    canvas.finish(HEIGHT, &title)
}

fn draw_line(canvas: &mut Canvas, line: &Line, x_at: impl Fn(f64) -> f64, y_at: impl Fn(f64) -> f64) {
    let colour = systems::colour(line.system);
    let path: Vec<_> = line.points.iter().map(|(x, spread)| (x_at(*x), y_at(spread.median))).collect();
    canvas.line(&path, colour, 2.0);
    for (x, spread) in &line.points {
        let (x, y) = (x_at(*x), y_at(spread.median));
        canvas.rect((x - DOT / 2.0, y - DOT / 2.0), (DOT, DOT), colour);
        if spread.rounds > 1 {
            let (low, high) = (y_at(spread.min), y_at(spread.max));
            let (before, behind) = (x - WHISKER, x + WHISKER);
            let whisker = [(before, low), (behind, low), (x, low), (x, high), (before, high), (behind, high)];
            canvas.line(&whisker, colour, 1.0);
        }
    }
}
