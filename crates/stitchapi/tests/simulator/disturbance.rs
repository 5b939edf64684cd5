//! The kinds of faults and changes that a scenario may contain.

/// Kind of fault or change in a scenario. [`description`](Self::description) describes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Disturbance {
    None,
    FarStore,
    Loss,
    WorkersStopped,
    WorkersKilled,
    Flush,
    Restart,
    RestartEmpty,
    ClockBack,
    ClockAhead,
    Partial,
    Down,
    Hangs,
    Rollout,
    Mixed,
}

/// All disturbances. The seed selects one of them.
pub(crate) const DISTURBANCES: [Disturbance; 15] = [
    Disturbance::None,
    Disturbance::FarStore,
    Disturbance::Loss,
    Disturbance::WorkersStopped,
    Disturbance::WorkersKilled,
    Disturbance::Flush,
    Disturbance::Restart,
    Disturbance::RestartEmpty,
    Disturbance::ClockBack,
    Disturbance::ClockAhead,
    Disturbance::Partial,
    Disturbance::Down,
    Disturbance::Hangs,
    Disturbance::Rollout,
    Disturbance::Mixed,
];

impl Disturbance {
    /// Returns the description in the summary table.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::FarStore => "the store is up to 20 ms away",
            Self::Loss => "requests and replies are lost",
            Self::WorkersStopped => "processes are stopped for up to 2 s",
            Self::WorkersKilled => "processes are killed",
            Self::Flush => "the store loses its state",
            Self::Restart => "the store restarts",
            Self::RestartEmpty => "the store restarts empty",
            Self::ClockBack => "the store's clock goes back, up to 1 s",
            Self::ClockAhead => "the store's clock jumps ahead, up to 1 s",
            Self::Partial => "some processes cannot reach the store, up to 2 s",
            Self::Down => "the store refuses connections, up to 2 s",
            Self::Hangs => "the store hangs, up to 2 s",
            Self::Rollout => "the limit is halved or doubled, process by process",
            Self::Mixed => "several of these faults",
        }
    }

    /// Returns the checked bound, for the summary table.
    pub(crate) fn bound(self) -> &'static str {
        match self {
            Self::ClockAhead => "exact, as if the time of the jump had passed",
            Self::Loss => "exact; 1 + k/n if k of n lose several messages in a row",
            Self::Partial => "1 + k/n",
            Self::Down | Self::Hangs => "exact; one simultaneous call of each of n processes",
            Self::Rollout => "exact, by the stricter limit",
            Self::Mixed => "the weakest bound of its faults; 1 + k/n if k of n paced alone",
            _ => "exact",
        }
    }
}
