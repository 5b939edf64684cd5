//! Axes: from values to pixels, and round tick values.

/// Linear axis from 0 to `end`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    /// Pixel of the value 0.
    pub(super) from: f64,
    /// Pixel of the value `end`.
    pub(super) to: f64,
    /// Largest value.
    pub(super) end: f64,
}

impl Axis {
    /// Returns the pixel of a value.
    pub(super) fn pixel(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * value / self.end
    }

    /// Returns the tick values from 0 to the end, with at most `max_steps` steps.
    pub(super) fn ticks(&self, max_steps: u32) -> Vec<f64> {
        let step = tick_step(self.end, max_steps);
        let ticks = (0..=max_steps).map(|number| f64::from(number) * step);
        // The tolerance covers the rounding error of the products.
        ticks.take_while(|tick| *tick <= self.end + step / 1_000.0).collect()
    }
}

/// Returns the smallest step of the form 1, 2 or 5 times a power of ten that reaches `end` in at most `max_steps` steps.
pub(super) fn tick_step(end: f64, max_steps: u32) -> f64 {
    let min_step = end / f64::from(max_steps);
    let power = 10_f64.powf(min_step.log10().floor());
    // The tolerance covers the rounding error of the quotient.
    let is_large_enough = |factor: &f64| factor * power >= min_step * 0.999_999;
    [1.0, 2.0, 5.0].into_iter().find(is_large_enough).unwrap_or(10.0) * power
}

/// Rounds `value` up to the next multiple of its tick step.
pub(super) fn round_up_to_tick(value: f64, max_steps: u32) -> f64 {
    let step = tick_step(value, max_steps);
    (value / step - 0.000_001).ceil() * step
}

/// Formats a tick value with as many decimals as the step needs.
pub(super) fn tick_label(value: f64, step: f64) -> String {
    let decimals = (0..6).find(|decimals| (step * 10_f64.powi(*decimals)).fract().abs() < 0.000_001).unwrap_or(0);
    format!("{value:.*}", usize::try_from(decimals).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tick_steps_are_round_and_reach_the_end() {
        for (end, max_steps, ticks) in [
            (10.0, 12, &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"][..]),
            (200.0, 5, &["0", "50", "100", "150", "200"]),
            (0.3, 3, &["0.0", "0.1", "0.2", "0.3"]),
            (3600.0, 12, &["0", "500", "1000", "1500", "2000", "2500", "3000", "3500"]),
        ] {
            let axis = Axis { from: 0.0, to: 100.0, end };
            let labels: Vec<String> =
                axis.ticks(max_steps).into_iter().map(|tick| tick_label(tick, tick_step(end, max_steps))).collect();
            assert_eq!(labels, ticks);
        }
    }

    #[test]
    fn a_rounded_end_is_a_tick_and_not_below_the_value() {
        for (value, end) in [(200.0, 200.0), (201.0, 250.0), (50.0, 50.0), (1.0, 1.0), (7.3, 8.0)] {
            assert!((round_up_to_tick(value, 5) - end).abs() < 0.000_001, "{value}");
        }
    }

    #[test]
    fn an_axis_may_run_upwards() {
        let up = Axis { from: 200.0, to: 0.0, end: 50.0 };
        assert!((up.pixel(25.0) - 100.0).abs() < f64::EPSILON);
    }
}
