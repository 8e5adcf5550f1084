//! A writer of SVG: rectangles, lines and text, with coordinates of one digit after the point at most.
//!
//! The drawing has a background of its own, so that it reads the same on a light and on a dark page.

const BACKGROUND: &str = "#FFFFFF";
const FRAME: &str = "#D0D0D0";
/// Text and axes.
pub const INK: &str = "#222222";
/// Lines behind the data.
pub const GRID: &str = "#E4E4E4";
/// Height of text, pixels.
pub const TEXT_PX: f64 = 12.0;
/// Width of a character as a share of its height: an estimate on the wide side, fonts differ.
const CHARACTER_WIDTH: f64 = 0.58;

/// A drawing in the making.
pub struct Canvas {
    width: f64,
    body: String,
}

/// Where a text stands from its point.
#[derive(Clone, Copy)]
pub enum Anchor {
    /// Begins there.
    Start,
    /// Is centred on it.
    Middle,
    /// Ends there.
    End,
}

impl Canvas {
    /// An empty one of this width, pixels.
    pub fn new(width: f64) -> Canvas {
        Canvas { width, body: String::new() }
    }

    /// A filled rectangle.
    pub fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), fill: &str) {
        let [x, y, width, height] = [x, y, width, height].map(px);
        self.body
            .push_str(&format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"/>\n"));
    }

    /// Strokes from point to point.
    pub fn line(&mut self, points: &[(f64, f64)], stroke: &str, width: f64) {
        let points: Vec<_> = points.iter().map(|(x, y)| format!("{},{}", px(*x), px(*y))).collect();
        self.body.push_str(&format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{stroke}\" stroke-width=\"{}\"/>\n",
            points.join(" "),
            px(width)
        ));
    }

    /// A text whose middle line is at `y`.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        self.styled(x, y, anchor, "", text);
    }

    /// A text in bold.
    pub fn bold(&mut self, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        self.styled(x, y, anchor, " font-weight=\"bold\"", text);
    }

    fn styled(&mut self, x: f64, y: f64, anchor: Anchor, style: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        // Not dominant-baseline: some viewers do not know it.
        let (x, baseline) = (px(x), px(y + TEXT_PX * 0.35));
        self.body.push_str(&format!("<text x=\"{x}\" y=\"{baseline}\"{anchor}{style}>{}</text>\n", escape(text)));
    }

    /// Names with a swatch of their colour, side by side from `at`.
    pub fn legend(&mut self, at: (f64, f64), entries: &[(&str, &str)]) {
        const SWATCH: f64 = 12.0;
        const GAP: f64 = 6.0;
        let (mut x, y) = at;
        for (name, colour) in entries {
            self.rect((x, y - SWATCH / 2.0), (SWATCH, SWATCH), colour);
            x += SWATCH + GAP;
            self.text((x, y), Anchor::Start, name);
            x += text_width(name) + 3.0 * GAP;
        }
    }

    /// The file, of this height. The title is what a screen reader says.
    pub fn finish(self, height: f64, title: &str) -> String {
        let (width, title) = (self.width, escape(title));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" font-family=\"Helvetica, Arial, sans-serif\" \
             font-size=\"{TEXT_PX:.0}\" fill=\"{INK}\">\n<title>{title}</title>\n\
             <rect x=\"0.5\" y=\"0.5\" width=\"{:.1}\" height=\"{:.1}\" rx=\"6\" fill=\"{BACKGROUND}\" stroke=\"{FRAME}\"/>\n\
             {}</svg>\n",
            width - 1.0,
            height - 1.0,
            self.body
        )
    }
}

/// A coordinate.
fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// How wide a text will be, about, pixels.
pub fn text_width(text: &str) -> f64 {
    // Texts of a plot are short: the count is exact as a float.
    text.chars().count() as f64 * TEXT_PX * CHARACTER_WIDTH
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
