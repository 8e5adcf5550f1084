mod assembling;
mod listening;
mod reading;
