//! From values to pixels.

/// A straight scale from 0 to `end`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    /// The pixel of 0.
    pub(super) from: f64,
    /// The pixel of `end`.
    pub(super) to: f64,
    pub(super) end: f64,
}

impl Axis {
    /// The pixel of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * value / self.end
    }

    /// Even values from 0 to the end, at most so many steps.
    pub(super) fn marks(&self, at_most: u32) -> Vec<f64> {
        let step = step(self.end, at_most);
        // A little more than the end, for the error of the sum.
        let marks = (0..=at_most).map(|number| f64::from(number) * step);
        marks.take_while(|mark| *mark <= self.end + step / 1_000.0).collect()
    }
}

/// 1, 2 or 5 of a power of ten: the smallest step that takes no more than so many to the end.
pub(super) fn step(end: f64, at_most: u32) -> f64 {
    let least = end / f64::from(at_most);
    let power = 10_f64.powf(least.log10().floor());
    // The same a little less, for the error of the quotient.
    let fits = |factor: &f64| factor * power >= least * 0.999_999;
    [1.0, 2.0, 5.0].into_iter().find(fits).unwrap_or(10.0) * power
}

/// The next even end at or above `value`.
pub(super) fn even_end(value: f64, at_most: u32) -> f64 {
    let step = step(value, at_most);
    (value / step - 0.000_001).ceil() * step
}

/// A value of an axis whose steps are so long: no more digits than it takes.
pub(super) fn label(value: f64, step: f64) -> String {
    let digits = (0..6).find(|digits| (step * 10_f64.powi(*digits)).fract().abs() < 0.000_001).unwrap_or(0);
    format!("{value:.*}", usize::try_from(digits).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_reach_the_end() {
        for (end, at_most, marks) in [
            (10.0, 12, &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"][..]),
            (200.0, 5, &["0", "50", "100", "150", "200"]),
            (0.3, 3, &["0.0", "0.1", "0.2", "0.3"]),
            (3600.0, 12, &["0", "500", "1000", "1500", "2000", "2500", "3000", "3500"]),
        ] {
            let axis = Axis { from: 0.0, to: 100.0, end };
            let labels: Vec<String> =
                axis.marks(at_most).into_iter().map(|mark| label(mark, step(end, at_most))).collect();
            assert_eq!(labels, marks);
        }
    }

    #[test]
    fn an_end_is_even_and_not_below_the_value() {
        for (value, end) in [(200.0, 200.0), (201.0, 250.0), (50.0, 50.0), (1.0, 1.0), (7.3, 8.0)] {
            assert!((even_end(value, 5) - end).abs() < 0.000_001, "{value}");
        }
    }

    #[test]
    fn the_scale_runs_in_either_direction() {
        let down = Axis { from: 200.0, to: 0.0, end: 50.0 };
        assert!((down.at(25.0) - 100.0).abs() < f64::EPSILON);
    }
}
