//! The command's words, and what a resumed run keeps.

use super::plan::{Spec, Work};
use super::results::{Cell, Run, cells, load};
use super::*;
use std::collections::BTreeMap;

fn parse(words: &str) -> Result<Options, String> {
    Options::parse(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

#[test]
fn words_are_options_or_cells_and_others_are_named() {
    let options = parse("--quick --seed 7 --rounds 2 --systems kafka,floor produce/base consume").expect("good words");
    assert!(options.quick && !options.resume && !options.render);
    assert_eq!((options.seed, options.rounds), (Some(7), Some(2)));
    assert_eq!(
        (options.systems, options.chosen),
        (vec!["kafka".into(), "floor".into()], vec!["produce/base".into(), "consume".into()])
    );
    for (words, why) in [
        ("--seed", "--seed needs a value"),
        ("--seed x", "--seed wants a number"),
        ("--rounds -1", "--rounds wants a number"),
        ("--fast", "no option --fast"),
        ("--systems kafka,kefka", "no system kefka"),
        ("produce/base nowhere/", "no cell begins with nowhere/"),
    ] {
        assert_eq!(parse(words).expect_err(words), why);
    }
}

fn whole(out: &Path, resume: bool) -> Whole {
    let programs = Programs { ottla: PathBuf::new(), root: PathBuf::new(), own: PathBuf::new() };
    Whole {
        bench: Bench { programs, size: Size::QUICK },
        out: out.to_owned(),
        disk: out.to_owned(),
        memory: out.to_owned(),
        commit: "c0ffee".to_owned(),
        command: "side-by-side".to_owned(),
        chosen: Vec::new(),
        systems: Vec::new(),
        resume,
    }
}

fn cell(whole: &Whole) -> Result<Cell, String> {
    let work = Work::Connections(0);
    let spec = Spec {
        name: "scale/idle".to_owned(),
        systems: &[],
        rounds_max: 1,
        about: "Idle.".to_owned(),
        parameters: BTreeMap::new(),
        work,
    };
    whole.cell(&spec)
}

#[test]
fn a_resumed_run_keeps_what_was_measured_on_the_same_commit_and_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut kept = cell(&whole(dir.path(), false)).expect("nothing there yet");
    kept.runs.push(Run { system: "kafka".to_owned(), round: 1, at: 1, values: BTreeMap::new() });
    kept.save(dir.path()).expect("written");
    assert!(cell(&whole(dir.path(), true)).expect("readable").has("kafka", 1));
    assert!(!cell(&whole(dir.path(), false)).expect("not read").has("kafka", 1), "a new run begins afresh");
    let other = Whole { commit: "beef".to_owned(), ..whole(dir.path(), true) };
    assert!(!cell(&other).expect("readable").has("kafka", 1), "of another commit");
    assert_eq!(cells(dir.path()).expect("readable").len(), 1);

    let path = kept.path(dir.path());
    std::fs::write(&path, "{").expect("written");
    let error = cell(&whole(dir.path(), true)).expect_err("a broken file is not overwritten in silence");
    assert!(error.contains("idle.json"), "{error}");
    assert!(load::<Cell>(&path).is_err() && cells(dir.path()).is_err());
}

#[test]
fn each_round_has_every_cell_once_in_another_order_and_those_apart_last() {
    let groups = plan::groups(Size::FULL, 0);
    let group = groups.iter().find(|group| group.name.contains("produce")).expect("the shared group");
    let specs: Vec<&Spec> = group.cells.iter().collect();
    let orders: Vec<Vec<usize>> =
        (1..=group.rounds).map(|round| run::turned(group, &specs, round, (0..specs.len()).collect())).collect();
    for order in &orders {
        assert_eq!(specs[*order.last().expect("cells")].name, "latency/checkpoints");
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..specs.len()), "{order:?}");
    }
    assert!(orders[0][0] != orders[1][0] && orders[1][0] != orders[2][0], "{orders:?}");
}

#[test]
fn a_load_that_cannot_begin_says_why() {
    for words in [vec!["produce".to_owned(), "{}".to_owned()], vec!["sing".to_owned(), "{}".to_owned()], Vec::new()] {
        assert_ne!(super::load::main(&words), ExitCode::SUCCESS, "{words:?}");
    }
}

#[test]
fn the_committed_pages_and_plots_are_what_the_committed_results_give() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let results = docs.join("benchmarks");
    assert!(!cells(&results).expect("readable").is_empty(), "the results of a whole run are committed");
    let stale = super::render::stale(&results, &docs).expect("results that can be shown");
    assert!(stale.is_empty(), "side-by-side --render would change {stale:?}");
}
