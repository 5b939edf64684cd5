//! The rate of the fleet's budget, as declared on the command line.

use stitchapi::Rate;
use stitchapi::pace::SHORTEST_PERIOD;

/// Rate together with the text that declared it.
#[derive(Debug, Clone)]
pub(super) struct DeclaredRate {
    pub(super) rate: Rate,
    pub(super) text: String,
}

impl DeclaredRate {
    /// Parses a rate such as `50/s`.
    ///
    /// # Errors
    ///
    /// The text is not a rate, or its period is shorter than the pacer supports.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let rate: Rate = text.parse().map_err(|error: stitchapi::RateError| error.to_string())?;
        if rate.period() < SHORTEST_PERIOD {
            return Err("a period must be at least 100 ms".to_owned());
        }
        Ok(Self { rate, text: text.to_owned() })
    }

    /// Returns the calls per second.
    pub(super) fn per_second(&self) -> f64 {
        f64::from(self.rate.permits()) / self.rate.period().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_of_zero_and_a_period_below_100_ms_are_rejected() {
        assert!(DeclaredRate::parse("0/s").is_err());
        assert!(DeclaredRate::parse("10/50ms").is_err());
        assert_eq!(DeclaredRate::parse("50/s").unwrap().text, "50/s");
    }
}
