mod against_kafka;
mod altering;
mod layering;
mod together;
mod values;
