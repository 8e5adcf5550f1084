mod against_kafka;
mod altering;
mod layering;
mod values;
