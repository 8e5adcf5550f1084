//! The house rules as an ordinary test: floors, no stray prints or clocks, no unfinished work, sizes that may shrink but not
//! grow.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The floor of each module; a module imports only from floors below its own (docs/architecture.md).
const FLOORS: &[(&str, u8)] = &[
    ("base", 0),
    ("settings", 1),
    ("metrics", 1),
    ("wire", 2),
    ("record", 2),
    ("io", 3),
    ("log", 4),
    ("wal", 4),
    ("store", 5),
    ("tier", 5),
    ("partition", 6),
    ("metadata", 6),
    ("coordinator", 7),
    ("quota", 7),
    ("group", 8),
    ("txn", 8),
    ("broker", 9),
    ("handlers", 10),
    ("server", 11),
    ("config", 12),
    ("cli", 13),
    ("serve", 14),
    ("main", 15),
];

/// Pairs that must not know each other although their floors would allow it.
const STRANGERS: &[(&str, &str)] = &[
    ("log", "wire"),
    ("store", "wire"),
    ("partition", "wire"),
    ("metadata", "wire"),
    ("metadata", "log"),
    ("handlers", "io"),
    ("server", "log"),
    ("server", "store"),
];

/// Modules that must not know tokio.
const WITHOUT_TOKIO: &[&str] = &["base", "settings", "wire", "record", "log", "wal", "store"];

/// Longest file that needs no mention, lines.
const LINES_MAX: usize = 500;

/// Files that are longer, with the most lines they may have. Shrink them and lower the number; never raise it.
const LONG_FILES: &[(&str, usize)] = &[];

struct Source {
    path: String,
    module: String,
    text: String,
    is_test: bool,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    let read = |path: &PathBuf| {
        let relative = path.strip_prefix(root).expect("below the root").to_str().expect("UTF-8").to_owned();
        let inside = relative.strip_prefix("src/").expect("below src");
        let module = inside.split(['/', '.']).next().expect("a name").to_owned();
        let is_test = inside.contains("tests") || inside.contains("behaviour") || inside == "tidy.rs";
        let text = fs::read_to_string(path).expect("readable");
        Source { path: relative, module, text, is_test }
    };
    files.iter().map(read).collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(dir).expect("readable").map(|entry| entry.expect("entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            files.push(path);
        }
    }
}

/// Lines of code: comments and text after `//` do not count as use.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
}

fn none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

#[test]
fn modules_import_only_from_floors_below() {
    let floors: BTreeMap<_, _> = FLOORS.iter().copied().collect();
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test && source.module != "lib") {
        let Some(own) = floors.get(source.module.as_str()) else {
            broken.push(format!("{}: the module has no floor", source.path));
            continue;
        };
        for (number, line) in code(&source.text) {
            if line.contains("crate::{") {
                broken.push(format!("{}:{number}: one module a line, so that this test sees it", source.path));
            }
            for used in line.split("crate::").skip(1) {
                let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
                let stranger = STRANGERS.contains(&(source.module.as_str(), used));
                if used != source.module && floors.get(used).is_some_and(|floor| floor >= own || stranger) {
                    broken.push(format!("{}:{number}: {} uses {used}", source.path, source.module));
                }
            }
        }
    }
    none("imports go down the floors", &broken);
}

#[test]
fn only_some_modules_know_tokio() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test && WITHOUT_TOKIO.contains(&source.module.as_str())) {
        for (number, line) in code(&source.text).filter(|(_, line)| line.contains("tokio::")) {
            broken.push(format!("{}:{number}: {}", source.path, line.trim()));
        }
    }
    none("no tokio here", &broken);
}

#[test]
fn nothing_prints_or_reads_a_clock_in_passing() {
    let prints = ["print!", "println!", "eprint!", "eprintln!", "dbg!", "std::env::var"];
    let clocks = ["Instant::now", "SystemTime::now"];
    let outermost = ["cli", "main", "config", "serve"];
    // server and handlers wait on the clock of their runtime, which tests can hold
    let waiting = ["server", "handlers"];
    let may = |source: &Source, word: &str| {
        let module = source.module.as_str();
        let clock = waiting.contains(&module) || source.path == "src/base/clock.rs";
        outermost.contains(&module) || (clocks.contains(&word) && clock)
    };
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test) {
        for (number, line) in code(&source.text) {
            let found = prints.iter().chain(&clocks).filter(|word| line.contains(**word));
            for word in found.filter(|word| !may(source, word)) {
                broken.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    none("prints, clocks and environment are arguments", &broken);
}

#[test]
fn nothing_is_left_unfinished() {
    let forbidden = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("#[ign", "ore]")];
    let mut broken = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            for word in forbidden.iter().filter(|word| line.contains(**word)) {
                broken.push(format!("{}:{}: {word}", source.path, number + 1));
            }
        }
    }
    none("finish it or file it", &broken);
}

#[test]
fn folders_open_with_their_contract() {
    let opens = |source: &Source| {
        source.text.starts_with("//! ") && source.text.lines().take_while(|line| line.starts_with("//!")).count() >= 3
    };
    let broken: Vec<_> = sources()
        .iter()
        .filter(|source| source.path.ends_with("/mod.rs") && !source.is_test && !opens(source))
        .map(|source| source.path.clone())
        .collect();
    none("mod.rs opens with a contract of three lines or more", &broken);
}

#[test]
fn files_may_shrink_but_not_grow() {
    let listed: BTreeMap<_, _> = LONG_FILES.iter().copied().collect();
    let mut broken = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        let most = listed.get(source.path.as_str()).copied();
        if lines > most.unwrap_or(LINES_MAX) {
            broken.push(format!("{}: {lines} lines, at most {}", source.path, most.unwrap_or(LINES_MAX)));
        }
        if most.is_some_and(|most| lines + 20 < most) {
            broken.push(format!("{}: {lines} lines: lower its limit", source.path));
        }
    }
    none("file sizes", &broken);
}
