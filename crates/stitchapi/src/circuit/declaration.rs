//! The declaration of a circuit.

use std::time::Duration;

use super::window::OpenRule;
use crate::error::{Error, Result};

/// Longest open period.
pub(super) const MAX_OPEN_FOR: Duration = Duration::from_secs(3600);

/// A circuit breaker: states when an API counts as down, and for how long it then receives no requests. A plain value,
/// validated when the seam or the stitch is built.
///
/// The pattern is that of M. Nygard, "Release It!", 2007; the terms are those of resilience4j.
///
/// * **Closed**: calls are sent, and each of their attempts is counted. A retry is an attempt like any other: it is
///   refused if the attempts before it have opened the circuit.
/// * **A failure** is an attempt without a response (no connection, a broken connection, no response within the attempt
///   timeout), or with a status of 5xx, except 501 and 505, which concern the request. Any other response shows that
///   the API is up: also 401, 403 and 429, and a body that cannot be decoded.
/// * **Not counted** is an attempt that ends for a reason other than the API: a missing credential, the throttle, the
///   input, the store, a dropped call. An attempt that ends at the deadline of its call counts as a failure only if the
///   API had at least half of the usual time to respond: of the attempt timeout, or of the deadline of the stitch if
///   that is shorter.
/// * **Open**: no request is sent. Calls fail at once with [`ErrorKind::CircuitOpen`](crate::ErrorKind::CircuitOpen),
///   including calls that wait for a slot (their start time). [`Error::retry_after`] states when to try again. A call
///   whose retry is refused fails with the failure that caused the retry. Cached responses are still returned.
/// * **Half open**, after [`open_for`](Self::open_for): one call in the whole fleet is sent as a probe, and the other
///   calls still fail. If the API responds to the probe, the circuit closes; if the probe fails, the circuit opens
///   again; if the probe is not counted, the next call becomes the probe.
/// * The result of a request that was sent before the circuit opened or closed does not count.
/// * A request that a redirect sends to another origin is neither refused nor counted by the circuit.
///
/// **With a store** that has leases and versioned values, the circuit belongs to the fleet. Each process counts its own
/// attempts. The first process that opens the circuit opens it for every process that makes calls, within a second if a
/// store operation takes at most 150 ms; closing it works in the same way. While it makes calls, a process reads the
/// circuit from the store at most twice a second, in the background. When the open period is over, it also requests the
/// lease of the probe, at most four times a second while another process holds that lease. While the store fails, calls
/// continue, and each process has a circuit of its own.
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
    rule: Option<OpenRule>,
    open_for: Duration,
    per_host: bool,
    /// Name of the last setter that has no effect on this circuit, which `validate` reports.
    ineffective_setter: Option<&'static str>,
}

impl Default for Circuit {
    /// Returns a circuit for each stitch, which opens for 30 s when at least 10 attempts ended within 10 s and half of
    /// them failed.
    fn default() -> Self {
        Self::failure_rate(50)
    }
}

impl Circuit {
    /// Creates a circuit that opens when at least 10 attempts ended within the last 10 s and at least `percent` of them
    /// failed.
    #[must_use]
    pub const fn failure_rate(percent: u32) -> Self {
        Self::new(Some(OpenRule::FailureRate { percent, min_attempts: 10, window: Duration::from_secs(10) }))
    }

    /// Creates a circuit that opens after this number of failures in succession, however long ago they were. It suits
    /// an API that is called rarely. For an API that is called often use a [rate](Self::failure_rate), because there a
    /// few failures in succession are no outage.
    #[must_use]
    pub const fn after(failures: u32) -> Self {
        Self::new(Some(OpenRule::Consecutive(failures)))
    }

    /// Disables the circuit of a stitch whose seam has one.
    #[must_use]
    pub const fn none() -> Self {
        Self::new(None)
    }

    const fn new(rule: Option<OpenRule>) -> Self {
        Self { rule, open_for: Duration::from_secs(30), per_host: false, ineffective_setter: None }
    }

    /// Sets the number of attempts that a failure rate needs: with fewer attempts in the window the circuit stays
    /// closed. The default is 10. For a circuit without a failure rate, `build` fails.
    #[must_use]
    pub const fn min_calls(mut self, attempts: u32) -> Self {
        match self.rule {
            Some(OpenRule::FailureRate { percent, window, .. }) => {
                self.rule = Some(OpenRule::FailureRate { percent, min_attempts: attempts, window });
            }
            _ => self.ineffective_setter = Some("min_calls"),
        }
        self
    }

    /// Sets the time over which a failure rate is measured. Attempts that ended earlier do not count; this time is
    /// exact to a tenth of it. The default is 10 s. For a circuit without a failure rate, `build` fails.
    #[must_use]
    pub const fn window(mut self, window: Duration) -> Self {
        match self.rule {
            Some(OpenRule::FailureRate { percent, min_attempts, .. }) => {
                self.rule = Some(OpenRule::FailureRate { percent, min_attempts, window });
            }
            _ => self.ineffective_setter = Some("window"),
        }
        self
    }

    /// Sets how long the circuit is open before a call is sent as a probe. The default is 30 s, the maximum an hour.
    #[must_use]
    pub const fn open_for(mut self, open_for: Duration) -> Self {
        self.open_for = open_for;
        self.needs_rule("open_for")
    }

    /// Gives each stitch a circuit of its own, so that an endpoint that fails does not affect the others. This is the
    /// default. In the store the circuit is identified by the names of the seam and of the stitch.
    #[must_use]
    pub const fn per_stitch(mut self) -> Self {
        self.per_host = false;
        self.needs_rule("per_stitch")
    }

    /// Gives all stitches one circuit for the host and port of the base URL. Other seams on the same store share it, if
    /// their circuits are per host, too, and they have the same host and port.
    #[must_use]
    pub const fn per_host(mut self) -> Self {
        self.per_host = true;
        self.needs_rule("per_host")
    }

    /// Records that `setter` has no effect if this is [`Circuit::none`](Self::none); `validate` reports it.
    const fn needs_rule(mut self, setter: &'static str) -> Self {
        if self.rule.is_none() {
            self.ineffective_setter = Some(setter);
        }
        self
    }

    pub(super) fn is_per_host(&self) -> bool {
        self.per_host
    }

    pub(super) fn open_period(&self) -> Duration {
        self.open_for
    }

    /// Returns the rule by which the circuit opens; `None` for [`Circuit::none`](Self::none).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a circuit that would never open or never close, and for a
    /// setter without effect.
    pub(crate) fn validate(&self) -> Result<Option<OpenRule>> {
        let invalid = |what: &str| Err(Error::config(format!("circuit: {what}")));
        if let Some(setter) = self.ineffective_setter {
            let instead = match self.rule {
                Some(_) => "Circuit::after(..): use Circuit::failure_rate(..), or remove the setter",
                None => "Circuit::none(): remove the setter",
            };
            return invalid(&format!(".{setter}(..) has no effect on {instead}"));
        }
        match self.rule {
            None => return Ok(None),
            Some(OpenRule::Consecutive(0)) => return invalid("after(0) opens before any failure, expected at least 1"),
            Some(OpenRule::FailureRate { percent: 0 | 101.., .. }) => {
                return invalid("the failure rate must be 1 to 100 percent");
            }
            Some(OpenRule::FailureRate { min_attempts: 0, .. }) => return invalid("min_calls must be at least 1"),
            Some(OpenRule::FailureRate { window: Duration::ZERO, .. }) => {
                return invalid("the window must not be zero");
            }
            Some(_) => {}
        }
        if self.open_for.is_zero() || self.open_for > MAX_OPEN_FOR {
            return invalid("open_for must be more than zero and at most an hour");
        }
        Ok(self.rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circuit_that_never_opens_or_never_closes_is_invalid() {
        for invalid in [
            Circuit::after(0),
            Circuit::failure_rate(0),
            Circuit::failure_rate(101),
            Circuit::default().min_calls(0),
            Circuit::default().window(Duration::ZERO),
            Circuit::default().open_for(Duration::ZERO),
            Circuit::default().open_for(MAX_OPEN_FOR + Duration::from_secs(1)),
        ] {
            assert!(invalid.validate().is_err(), "{invalid:?}");
        }
        let rate = OpenRule::FailureRate { percent: 50, min_attempts: 10, window: Duration::from_secs(10) };
        assert_eq!(Circuit::default().validate().unwrap(), Some(rate));
        assert_eq!(Circuit::after(1).per_stitch().validate().unwrap(), Some(OpenRule::Consecutive(1)));
        assert_eq!(Circuit::none().validate().unwrap(), None);
    }

    #[test]
    fn a_setter_without_effect_is_an_error_that_names_it() {
        let second = Duration::from_secs(1);
        for (setter, circuit) in [
            (".min_calls(..)", Circuit::after(3).min_calls(9)),
            (".window(..)", Circuit::after(3).window(second)),
            (".min_calls(..)", Circuit::none().min_calls(9)),
            (".window(..)", Circuit::none().window(second)),
            (".open_for(..)", Circuit::none().open_for(second)),
            (".per_host(..)", Circuit::none().per_host()),
            (".per_stitch(..)", Circuit::none().per_stitch()),
        ] {
            let error = circuit.validate().unwrap_err().to_string();
            assert!(error.contains(setter) && error.contains("has no effect on Circuit::"), "{error}");
        }
    }
}
