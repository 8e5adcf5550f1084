//! Medians, numbers, days.

use super::super::axis::Axis;
use super::super::figures::{Spread, day, duration, number, plain};

#[test]
fn a_spread_has_the_middle_and_the_ends() {
    let check = |values: &[f64], text: &str| {
        assert_eq!(Spread::of(values).map(|spread| spread.text(1)).as_deref(), Some(text), "{values:?}");
    };
    check(&[3.0, 1.0, 2.0], "2.0 (1.0-3.0)");
    check(&[4.0, 1.0, 2.0, 3.0], "2.5 (1.0-4.0)");
    check(&[7.0], "7.0");
    check(&[7.0, f64::NAN], "7.0");
    assert_eq!(Spread::of(&[]), None);
    assert_eq!(Spread::of(&[f64::INFINITY]), None);
}

#[test]
fn numbers_keep_two_significant_digits() {
    let check = |value: f64, digits: usize, text: &str| assert_eq!(number(value, digits), text);
    check(0.0, 2, "0");
    check(1_234_567.0, 0, "1,234,567");
    check(-1_234.5, 1, "-1,234.5");
    check(999.0, 0, "999");
    check(3.7, 0, "3.7");
    check(0.0042, 2, "0.0042");
    check(0.5, 2, "0.50");
    check(1e-300, 2, "0.000000");
    assert_eq!(plain(0.5), "0.5");
    assert_eq!(plain(1_000.0), "1,000");
    assert_eq!(plain(1.0 / 3.0), "0.333");
}

#[test]
fn days_and_durations() {
    assert_eq!(day(0), "1970-01-01");
    assert_eq!(day(951_782_400), "2000-02-29");
    assert_eq!(day(1_735_689_599), "2024-12-31");
    assert_eq!(day(1_735_689_600), "2025-01-01");
    assert_eq!(duration(59), "59 s");
    assert_eq!(duration(61), "1 min 1 s");
    assert_eq!(duration(5_025), "1 h 23 min");
}

#[test]
fn an_axis_is_linear_until_small_values_would_not_be_seen() {
    let linear = Axis::of([2.0, 9.0].into_iter());
    assert!(!linear.is_log());
    assert_eq!(linear.ticks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
    assert!((linear.at(5.0) - 0.5).abs() < 1e-9);

    let log = Axis::of([1.2, 900.0].into_iter());
    assert!(log.is_log());
    assert_eq!(log.ticks(), [1.0, 10.0, 100.0, 1_000.0]);
    assert!(log.at(0.0) == 0.0 && log.at(1e9) == 1.0);

    for values in [&[][..], &[0.0], &[0.0, 0.0], &[0.0, 5.0]] {
        let axis = Axis::of(values.iter().copied());
        assert!(values.iter().all(|value| axis.at(*value).is_finite()), "{values:?}");
        assert!(axis.ticks().iter().all(|tick| tick.is_finite()), "{values:?}");
    }
}
