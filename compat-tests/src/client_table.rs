//! The client table of docs/compatibility.md, made from the checks of a run, and the list of known differences beside it.
//!
//! Two columns are of times, which no two runs have alike: they are written by the long run of the part `first-record` alone
//! ([`publish_first`]), and kept as they stand by all others.

use crate::clients::{Client, Clients};
use crate::differences;
use crate::report::{Check, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The parts whose checks the table is made from; a run that leaves one out leaves the page alone.
pub const PARTS: &[&str] = &["features", "data-set", "shippers"];

/// The columns of times, by the group's protocol and by their headings, and what stands there for a client that has none.
const FIRST: [(&str, &str); 2] =
    [("classic", "first record of a new group, ms (Apache Kafka)"), ("consumer", "the same by the consumer protocol")];
const NO_TIME: &str = "-";

/// Marks around what is generated, by section.
fn marks(section: &str) -> (String, String) {
    (format!("<!-- {section}: generated, do not edit -->\n"), format!("<!-- {section}: end -->"))
}

/// Writes or checks the generated sections of the page. Without `write`, a page that differs is an error.
pub fn publish(page: &Path, clients: &Clients, checks: &[Check], write: bool) -> Result<String, String> {
    let text = std::fs::read_to_string(page).map_err(|error| format!("{}: {error}", page.display()))?;
    let made = replace(&text, "clients", &table(clients, checks, &text))?;
    let made = replace(&made, "differences", &differences::markdown())?;
    if made == text {
        return Ok("docs/compatibility.md matches this run".to_owned());
    }
    if write {
        std::fs::write(page, made).map_err(|error| error.to_string())?;
        return Ok("docs/compatibility.md was written from this run".to_owned());
    }
    let changed = made.lines().zip(text.lines()).find(|(made, stands)| made != stands);
    Err(format!("docs/compatibility.md is not what this run gives (--write-docs writes it); first: {changed:?}"))
}

/// Writes the times to the first record, by the group's protocol and the titles of clients.
pub fn publish_first(page: &Path, cells: &BTreeMap<&str, BTreeMap<String, String>>) -> Result<String, String> {
    let mut text = std::fs::read_to_string(page).map_err(|error| format!("{}: {error}", page.display()))?;
    for (protocol, heading) in FIRST {
        if let Some(cells) = cells.get(protocol) {
            text = with_times(&text, heading, cells)?;
        }
    }
    std::fs::write(page, text).map_err(|error| error.to_string())?;
    Ok("the times of docs/compatibility.md were written from this run".to_owned())
}

fn with_times(text: &str, heading: &str, cells: &BTreeMap<String, String>) -> Result<String, String> {
    let at = column(text, heading).ok_or_else(|| format!("the page has no column {heading:?}"))?;
    let mut left: BTreeSet<&String> = cells.keys().collect();
    let mut line = |line: &str| {
        let mut fields: Vec<&str> = line.split('|').collect();
        let Some((title, cell)) = fields.get(1).and_then(|title| cells.get_key_value(title.trim())) else {
            return line.to_owned();
        };
        left.remove(title);
        let cell = format!(" {cell} ");
        if let Some(field) = fields.get_mut(at) {
            *field = &cell;
        }
        fields.join("|")
    };
    let lines: Vec<String> = text.split('\n').map(&mut line).collect();
    if left.is_empty() { Ok(lines.join("\n")) } else { Err(format!("the table has no row for {left:?}")) }
}

/// Where a column of times is, in the fields of a line.
fn column(text: &str, heading: &str) -> Option<usize> {
    text.lines().find_map(|line| line.split('|').position(|field| field.trim() == heading))
}

/// The times that stand in a column of the page, by the titles of clients.
fn times(text: &str, heading: &str) -> BTreeMap<String, String> {
    let Some(at) = column(text, heading) else { return BTreeMap::new() };
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        Some(((*fields.get(1)?).to_owned(), (*fields.get(at)?).to_owned()))
    };
    text.lines().filter_map(row).collect()
}

/// Puts a generated section into a page.
pub(crate) fn replace(text: &str, section: &str, body: &str) -> Result<String, String> {
    let (begin, end) = marks(section);
    let (before, rest) = text.split_once(&begin).ok_or_else(|| format!("the page lacks {begin}"))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| format!("the page lacks {end}"))?;
    Ok(format!("{before}{begin}{body}{end}{after}"))
}

/// How often a kind of check passed, of how many.
#[derive(Default)]
struct Count {
    passed: usize,
    all: usize,
}

impl Count {
    fn cell(&self) -> String {
        if self.all == 0 { "-".to_owned() } else { format!("{} of {}", self.passed, self.all) }
    }
}

fn table(clients: &Clients, checks: &[Check], page: &str) -> String {
    let [classic, consumer] = FIRST.map(|(_, heading)| heading);
    let mut text = format!(
        "| client | produce cases | read cases | data set to readers | data set from producers | {classic} | {consumer} | what it cannot, in its own words |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let columns = [classic, consumer].map(|heading| times(page, heading));
    for client in &clients.all {
        let times = columns.each_ref().map(|times| times.get(&client.title).map_or(NO_TIME, String::as_str));
        text.push_str(&row(client, checks, times));
    }
    text
}

fn row(client: &Client, checks: &[Check], [classic, consumer]: [&str; 2]) -> String {
    let mut words = BTreeSet::new();
    let name = client.name.as_str();
    let own = format!("{name}: ");
    let mut count = |prefix: String, suffix: String| {
        let mut count = Count::default();
        for check in checks {
            let Some(case) = check.name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(&suffix)) else {
                continue;
            };
            count.all += 1;
            match &check.outcome {
                Outcome::Passed(_) => count.passed += 1,
                // of a pair only the words of this client count: those of the other stand in its own row
                Outcome::Cannot(why) if check.name.contains(" -> ") && !why.contains(&own) => {}
                Outcome::Cannot(why) => drop(words.insert(why.replace('|', "/").replace(&own, ""))),
                Outcome::Failed(_) => drop(words.insert(format!("FAILED: {case}"))),
            }
        }
        count
    };
    let produced = if client.lines_only {
        count(format!("{name} ships "), String::new())
    } else {
        count(format!("{name} produces: "), String::new())
    };
    let read = count(format!("{name} reads: "), String::new());
    let written = count(format!("{name} -> "), String::new());
    let seen = count(String::new(), format!(" -> {name}"));
    let words: Vec<_> = words.into_iter().collect();
    format!(
        "| {} | {} | {} | {} | {} | {classic} | {consumer} | {} |\n",
        client.title,
        produced.cell(),
        read.cell(),
        written.cell(),
        seen.cell(),
        words.join("; ")
    )
}

#[cfg(test)]
#[path = "client_table_tests.rs"]
mod tests;
