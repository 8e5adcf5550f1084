//! docs/benchmarks.md, docs/cost.md and their plots, from the results alone.
