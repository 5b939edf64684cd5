//! What a circuit is declared to be.

use std::time::Duration;

use super::window::Rule;
use crate::{Error, Result};

/// The longest time that a circuit may be open at a stretch.
pub(super) const LONGEST: Duration = Duration::from_secs(3600);

/// When an API counts as down, and for how long it is left alone then: a circuit breaker. A plain value.
///
/// The pattern is that of M. Nygard, "Release It!", 2007; the words are those of resilience4j.
///
/// * **Closed**, calls go through and their attempts are counted. Each attempt counts, not each call: a retry is a request
///   to the API like any other, and finds a circuit open that its own first attempts have opened.
/// * **A failure** is an attempt without an answer (no connection, one that broke, no answer in the attempt's time) and an
///   answer of 5xx, but for 501 and 505, which speak of the request. Any other answer, 401, 403 and 429 too, says that the
///   API is up.
/// * **What says nothing about the API is not counted**: credentials that cannot be made ready, the throttle, the input,
///   the store, an answer that does not decode, a caller that is dropped. An attempt that the deadline of its call cuts
///   off counts only if it had at least half of what the stitch gives one.
/// * **Open**, calls fail at once with [`ErrorKind::CircuitOpen`](crate::ErrorKind::CircuitOpen), those too that wait for a
///   slot; nothing is sent. [`Error::retry_after`] says when to ask again. A retry ends with the failure that it was to
///   make good. What the cache has is served.
/// * **Half open**, after [`open_for`](Self::open_for), one call goes through, one in the whole fleet, and the others fail
///   on. It closes the circuit with an answer and opens it again with a failure; if it says nothing, the next call is sent.
/// * An answer to what was sent before the circuit changed does not count.
/// * A redirect to another origin is not the circuit's affair.
///
/// **With a store** the circuit is the fleet's. Each process counts for itself; the first that opens it opens it for all
/// that call, within a second, and so it closes. A process asks the store at most twice a second for each circuit while
/// calls come, beside them. A store that fails costs no call: each process has the circuit for itself meanwhile.
///
/// ```
/// # fn circuits(seam: stitchapi::SeamBuilder) -> stitchapi::SeamBuilder {
/// use std::time::Duration;
///
/// use stitchapi::Circuit;
///
/// seam.circuit(Circuit::failure_rate(50).min_calls(20).open_for(Duration::from_secs(10)).per_host())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circuit {
    rule: Option<Rule>,
    open_for: Duration,
    of_host: bool,
}

impl Default for Circuit {
    /// Opens when half of at least 10 attempts of 10 s have failed, for 30 s; each stitch has its own.
    fn default() -> Self {
        Self::failure_rate(50)
    }
}

impl Circuit {
    /// Opens when at least so many of a hundred attempts of the last 10 s have failed, if they were 10 at least.
    #[must_use]
    pub const fn failure_rate(percent: u32) -> Self {
        Self::of(Some(Rule::Rate { percent, least: 10, within: Duration::from_secs(10) }))
    }

    /// Opens after so many failures in a row, however far apart: for an API that is called now and then. Where much is
    /// called a few failures in a row are no outage, and a [rate](Self::failure_rate) tells better.
    #[must_use]
    pub const fn after(failures: u32) -> Self {
        Self::of(Some(Rule::InARow(failures)))
    }

    /// None: for a stitch of a seam that has one.
    #[must_use]
    pub const fn none() -> Self {
        Self::of(None)
    }

    const fn of(rule: Option<Rule>) -> Self {
        Self { rule, open_for: Duration::from_secs(30), of_host: false }
    }

    /// A rate is judged from so many attempts on. The default is 10. Without a rate it says nothing.
    #[must_use]
    pub const fn min_calls(mut self, attempts: u32) -> Self {
        if let Some(Rule::Rate { percent, within, .. }) = self.rule {
            self.rule = Some(Rule::Rate { percent, least: attempts, within });
        }
        self
    }

    /// A rate is judged by the attempts that ended in this last time, to a tenth of it. The default is 10 s. Without a rate
    /// it says nothing.
    #[must_use]
    pub const fn window(mut self, within: Duration) -> Self {
        if let Some(Rule::Rate { percent, least, .. }) = self.rule {
            self.rule = Some(Rule::Rate { percent, least, within });
        }
        self
    }

    /// How long it is open before one call may see whether the API is back. The default is 30 s, the most an hour.
    #[must_use]
    pub const fn open_for(mut self, long: Duration) -> Self {
        self.open_for = long;
        self
    }

    /// Each stitch has a circuit of its own, which is the default: one endpoint that fails leaves the others be. Its name
    /// in the store is that of the seam and of the stitch.
    #[must_use]
    pub const fn per_stitch(mut self) -> Self {
        self.of_host = false;
        self
    }

    /// All stitches on the host of the base URL have one circuit, those of other seams too, as far as they have one store.
    #[must_use]
    pub const fn per_host(mut self) -> Self {
        self.of_host = true;
        self
    }

    pub(super) fn is_hosts(&self) -> bool {
        self.of_host
    }

    pub(super) fn opens_for(&self) -> Duration {
        self.open_for
    }

    /// The rule, if it is one that can be kept; `None` for no circuit.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a circuit that would never open, or always be open.
    pub(crate) fn judge(&self) -> Result<Option<Rule>> {
        let wrong = |what: &str| Err(Error::config(format!("the circuit: {what}")));
        match self.rule {
            None => return Ok(None),
            Some(Rule::InARow(0)) => return wrong("after no failure it would be open from the start"),
            Some(Rule::Rate { percent: 0 | 101.., .. }) => return wrong("a failure rate is 1 to 100 percent"),
            Some(Rule::Rate { least: 0, .. }) => return wrong("a rate of no calls is none"),
            Some(Rule::Rate { within: Duration::ZERO, .. }) => return wrong("a window of no time holds no calls"),
            Some(_) => {}
        }
        if self.open_for.is_zero() || self.open_for > LONGEST {
            return wrong("it is open for more than nothing and for an hour at most");
        }
        Ok(self.rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circuit_that_could_not_be_kept_is_no_circuit() {
        for wrong in [
            Circuit::after(0),
            Circuit::failure_rate(0),
            Circuit::failure_rate(101),
            Circuit::default().min_calls(0),
            Circuit::default().window(Duration::ZERO),
            Circuit::default().open_for(Duration::ZERO),
            Circuit::default().open_for(LONGEST + Duration::from_secs(1)),
        ] {
            assert!(wrong.judge().is_err(), "{wrong:?}");
        }
        assert_eq!(Circuit::none().open_for(Duration::ZERO).judge().unwrap(), None);
        assert_eq!(Circuit::after(1).min_calls(0).judge().unwrap(), Some(Rule::InARow(1)));
        let rate = Rule::Rate { percent: 50, least: 10, within: Duration::from_secs(10) };
        assert_eq!(Circuit::default().judge().unwrap(), Some(rate));
    }
}
