//! Axes: where a value stands between the two ends, and which values are marked.

/// The greatest ratio of values that a linear axis still shows well.
const LINEAR_MAX_RATIO: f64 = 20.0;
/// Marks of a linear axis, about.
const TICKS: f64 = 5.0;
/// Decades up to which a logarithmic axis has marks within them.
const FINE_DECADES: usize = 2;
/// Room between the outermost value of a logarithmic axis and its end, as a factor.
const LOG_ROOM: f64 = 1.15;

/// One axis.
#[derive(Clone, Debug)]
pub struct Axis {
    low: f64,
    high: f64,
    is_log: bool,
}

impl Axis {
    /// An axis for these values: from zero, or logarithmic where small ones would not be seen beside large ones.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Axis {
        let (least, most) = ends(values.clone());
        if least.is_finite() && most > least * LINEAR_MAX_RATIO {
            return Axis::log_from_step(values);
        }
        let step = step(most);
        Axis { low: 0.0, high: (most / step).ceil() * step, is_log: false }
    }

    /// A logarithmic axis for these values, from a round number below the least of them.
    pub fn log_from_step(values: impl Iterator<Item = f64> + Clone) -> Axis {
        let (least, most) = ends(values);
        Axis { low: step_below(least.min(most) / LOG_ROOM), high: most * LOG_ROOM, is_log: true }
    }

    /// A logarithmic axis on which these values stand, with room at both ends.
    pub fn log(values: impl Iterator<Item = f64> + Clone) -> Axis {
        const ROOM: f64 = 1.4;
        let (least, most) = ends(values);
        Axis { low: least.min(most) / ROOM, high: most * ROOM, is_log: true }
    }

    /// The value at its low end.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// Whether it is logarithmic.
    pub fn is_log(&self) -> bool {
        self.is_log
    }

    /// Where a value stands: 0 at the low end, 1 at the high one. What is beyond an end stands at it.
    pub fn at(&self, value: f64) -> f64 {
        let share = if self.is_log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        share.clamp(0.0, 1.0)
    }

    /// The values to mark.
    pub fn ticks(&self) -> Vec<f64> {
        if !self.is_log {
            let step = step(self.high);
            let count = (self.high / step).round() as u32;
            return (0..=count).map(|at| f64::from(at) * step).collect();
        }
        let (low, high) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let within = |value: &f64| *value >= self.low * 0.999 && *value <= self.high * 1.001;
        let decades: Vec<f64> = (low..=high).map(|power| 10_f64.powi(power)).collect();
        let fine = decades.iter().filter(|decade| within(decade)).count() <= FINE_DECADES;
        let digits: &[f64] = if fine { &[1.0, 2.0, 5.0] } else { &[1.0] };
        decades.iter().flat_map(|decade| digits.iter().map(move |digit| digit * decade)).filter(within).collect()
    }
}

/// The least positive value and the greatest, which is 1 where there is none.
fn ends(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let least = values.clone().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    let most = values.fold(0.0, f64::max);
    (least, if most > 0.0 { most } else { 1.0 })
}

/// The distance of marks from zero to `most`: 1, 2 or 5 times a power of ten.
fn step(most: f64) -> f64 {
    let rough = most / TICKS;
    let decade = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * decade >= rough * 0.999);
    factor.unwrap_or(10.0) * decade
}

/// The next of 1, 2 or 5 times a power of ten, downwards.
fn step_below(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    [5.0, 2.0].into_iter().map(|factor| factor * decade).find(|step| *step <= value).unwrap_or(decade)
}
