//! One file per part of the run; each takes what it needs and notes its checks in a report.

pub mod chaos;
pub mod data_set;
pub mod hostile;
