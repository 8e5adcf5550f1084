//! The client table of docs/compatibility.md, made from the checks of a run, and the list of known differences beside it.

use crate::clients::{Client, Clients};
use crate::differences;
use crate::report::{Check, Outcome};
use std::collections::BTreeSet;
use std::path::Path;

/// The parts whose checks the table is made from; a run that leaves one out leaves the page alone.
pub const PARTS: &[&str] = &["features", "data-set", "shippers"];

/// Marks around what is generated, by section.
fn marks(section: &str) -> (String, String) {
    (format!("<!-- {section}: generated, do not edit -->\n"), format!("<!-- {section}: end -->"))
}

/// Writes or checks the generated sections of the page. Without `write`, a page that differs is an error.
pub fn publish(page: &Path, clients: &Clients, checks: &[Check], write: bool) -> Result<String, String> {
    let text = std::fs::read_to_string(page).map_err(|error| format!("{}: {error}", page.display()))?;
    let made = replace(&text, "clients", &table(clients, checks))?;
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

fn replace(text: &str, section: &str, body: &str) -> Result<String, String> {
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

fn table(clients: &Clients, checks: &[Check]) -> String {
    let mut text = String::from(
        "| client | produce cases | read cases | data set to readers | data set from producers | what it cannot, in its own words |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for client in &clients.all {
        text.push_str(&row(client, checks));
    }
    text
}

fn row(client: &Client, checks: &[Check]) -> String {
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
        "| {} | {} | {} | {} | {} | {} |\n",
        client.title,
        produced.cell(),
        read.cell(),
        written.cell(),
        seen.cell(),
        words.join("; ")
    )
}
