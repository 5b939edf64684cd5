//! What a call costs.

use std::borrow::Cow;

use stitchapi_core::pace::Limit;

use crate::throttle::units::Units;

/// What one call costs, unit by unit: one call and nothing else, unless said otherwise.
///
/// A rate counts the units that it is [of](crate::Rate::of), and a cost in a unit that no rate counts is free. A call that
/// costs nothing at all takes no slot.
///
/// ```
/// use stitchapi::Cost;
///
/// let cost = Cost::new(1).and("tokens", 812);
/// assert_eq!(Cost::from(1), Cost::default());
/// # let _ = cost;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    calls: u32,
    others: Vec<(Cow<'static, str>, u32)>,
}

impl Cost {
    /// So many calls.
    #[must_use]
    pub const fn new(calls: u32) -> Self {
        Self { calls, others: Vec::new() }
    }

    /// And so much of another unit; said twice, the last one counts.
    #[must_use]
    pub fn and(mut self, unit: impl Into<Cow<'static, str>>, amount: u32) -> Self {
        let unit = unit.into();
        self.others.retain(|(other, _)| *other != unit);
        self.others.push((unit, amount));
        self
    }

    /// How much of a unit.
    #[must_use]
    pub fn of(&self, unit: &str) -> u32 {
        let other = self.others.iter().find(|(other, _)| other == unit);
        other.map_or(if unit == CALLS { self.calls } else { 0 }, |(_, amount)| *amount)
    }

    /// Whether it is one call and nothing else.
    pub(in crate::throttle) fn is_plain(&self) -> bool {
        self.calls == 1 && self.others.is_empty()
    }

    /// Units per limit, in their order.
    pub(in crate::throttle) fn on(&self, limits: &[Limit]) -> Units {
        limits.iter().map(|limit| self.of(limit.id.unit())).collect()
    }
}

/// The unit of a rate, unless said otherwise.
pub(in crate::throttle) const CALLS: &str = "calls";

/// One call.
impl Default for Cost {
    fn default() -> Self {
        Self::new(1)
    }
}

/// So many calls.
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
    fn a_cost_is_told_limit_by_limit_in_their_order() {
        let id = |unit| LimitId::new(unit, Duration::from_secs(60));
        let declared = ["tokens", "calls"].map(|unit| LimitSpec { id: id(unit), permits: 10, burst: None });
        let limits = limits(&declared).unwrap();
        assert_eq!(&*Cost::new(2).and("tokens", 7).and("tokens", 5).and("bytes", 9).on(&limits), [5, 2]);
        assert_eq!(&*Cost::default().on(&limits), [0, 1]);
    }
}
