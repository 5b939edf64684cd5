//! [`Cost`]: units that one call draws from its limits.

use std::borrow::Cow;

use stitchapi_core::pace::Limit;

use crate::throttle::units::Units;

/// Cost of one call in each unit. The default is one call and no other unit.
///
/// * A rate counts one unit: `calls`, or the unit set with [`Rate::of`](crate::Rate::of). A cost in a unit that no rate
///   counts is free.
/// * A call whose cost draws on no rate takes no slot.
///
/// ```
/// use stitchapi::Cost;
///
/// let cost = Cost::new(1).and("tokens", 812);
/// assert_eq!(cost.of("tokens"), 812);
/// assert_eq!(cost.of("bytes"), 0);
/// assert_eq!(Cost::from(1), Cost::default());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    calls: u32,
    others: Vec<(Cow<'static, str>, u32)>,
}

impl Cost {
    /// Returns a cost of this many calls.
    #[must_use]
    pub const fn new(calls: u32) -> Self {
        Self { calls, others: Vec::new() }
    }

    /// Adds an amount of another unit. A second amount of the same unit replaces the first.
    #[must_use]
    pub fn and(mut self, unit: impl Into<Cow<'static, str>>, amount: u32) -> Self {
        let unit = unit.into();
        self.others.retain(|(other, _)| *other != unit);
        self.others.push((unit, amount));
        self
    }

    /// Returns the amount of `unit`, 0 if the cost does not name it.
    #[must_use]
    pub fn of(&self, unit: &str) -> u32 {
        let other = self.others.iter().find(|(other, _)| other == unit);
        other.map_or(if unit == CALLS { self.calls } else { 0 }, |(_, amount)| *amount)
    }

    /// Returns `true` if the cost is one call and no other unit.
    pub(in crate::throttle) fn is_one_call(&self) -> bool {
        self.calls == 1 && self.others.is_empty()
    }

    /// Returns the units that the cost draws on each of `limits`, in their order.
    pub(in crate::throttle) fn units_on(&self, limits: &[Limit]) -> Units {
        limits.iter().map(|limit| self.of(limit.id.unit())).collect()
    }
}

/// Unit that a rate counts by default.
pub(in crate::throttle) const CALLS: &str = "calls";

/// One call.
impl Default for Cost {
    fn default() -> Self {
        Self::new(1)
    }
}

/// A number of calls.
impl From<u32> for Cost {
    fn from(calls: u32) -> Self {
        Self::new(calls)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stitchapi_core::pace::{LimitId, LimitSpec, limits};

    use super::*;

    #[test]
    fn units_are_in_the_order_of_the_limits() {
        let id = |unit| LimitId::new(unit, Duration::from_secs(60));
        let declared = ["tokens", "calls"].map(|unit| LimitSpec { id: id(unit), permits: 10, burst: None });
        let limits = limits(&declared).unwrap();
        assert_eq!(&*Cost::new(2).and("tokens", 7).and("tokens", 5).and("bytes", 9).units_on(&limits), [5, 2]);
        assert_eq!(&*Cost::default().units_on(&limits), [0, 1]);
    }
}
