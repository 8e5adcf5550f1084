//! Tables, escapes, anchors.

/// A table that grows by rows.
pub struct Table {
    text: String,
    columns: usize,
}

impl Table {
    /// With these heads; the first `left` columns are text, the others figures.
    pub fn new(left: usize, heads: &[String]) -> Table {
        let mut table = Table { text: String::new(), columns: heads.len() };
        table.row(heads);
        let rules: Vec<_> = (0..heads.len()).map(|at| if at < left { "---" } else { "---:" }.to_owned()).collect();
        table.row(&rules);
        table
    }

    /// Adds a row, with empty entries at its end if it is short.
    pub fn row(&mut self, entries: &[String]) {
        assert!(entries.len() <= self.columns, "{} entries in {} columns", entries.len(), self.columns);
        let missing = self.columns - entries.len();
        let row = entries.iter().map(String::as_str).chain(std::iter::repeat_n("", missing)).collect::<Vec<_>>();
        self.text.push_str(&format!("| {} |\n", row.join(" | ")));
    }

    /// The table, with an empty line behind it.
    pub fn finish(self) -> String {
        self.text + "\n"
    }
}

/// Heads or entries from words.
pub fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Text from elsewhere, on one line, with nothing in it that Markdown takes for a table or for HTML.
pub fn escape(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('|', "\\|")
}

/// Text from elsewhere as code, for use outside tables.
pub fn code(text: &str) -> String {
    // In a span of code a backtick can't be escaped, and nothing else need be.
    format!("`{}`", text.split_whitespace().collect::<Vec<_>>().join(" ").replace('`', "'"))
}

/// A link to a heading of the same page that reads `heading`.
pub fn link(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    let anchor: String = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
    format!("[{}](#{anchor})", escape(heading))
}
