//! The state of a circuit and its changes. Pure: the time is passed in.

use std::time::Duration;

use stitchapi_core::{Tick, Version};

use super::outcome::OpenCause;
use super::window::{AttemptCounter, OpenRule};

/// Time after which a call may ask again to be the probe (the one call that tests the API), while another call probes.
pub(super) const PROBE_RETRY_PAUSE: Duration = Duration::from_millis(250);

/// State of a circuit: closed, open, or half open. Half open means that the end of the open period has passed and no
/// probe has closed the circuit yet.
///
/// Every change begins a new *generation*, and so does every probe. An attempt belongs to the generation in which it
/// was admitted, or in which its request was sent if that is a later one. The end of an attempt of an earlier
/// generation changes nothing.
#[derive(Debug)]
pub(super) struct CircuitState {
    rule: OpenRule,
    open_for: Duration,
    generation: u64,
    counter: AttemptCounter,
    open: Option<OpenPeriod>,
    /// Id of the open period that ended last. A record of that period which is still in the store is out of date.
    previous: Option<Version>,
}

/// A period during which the circuit is open.
#[derive(Debug, Clone)]
pub(super) struct OpenPeriod {
    /// Id of the period, the same in the whole fleet.
    pub(super) id: Version,
    pub(super) until: Tick,
    /// Whether this process opened the circuit.
    pub(super) is_ours: bool,
    pub(super) cause: OpenCause,
    probe: Option<Probe>,
    /// Time before which no attempt of this process probes, because another process probes or its open period is still
    /// in the store.
    not_before: Tick,
}

/// The attempt of this process that probes the API.
#[derive(Debug, Clone, Copy)]
struct Probe {
    generation: u64,
    /// Latest end of the attempt. From then on another attempt may probe.
    ends: Tick,
}

/// Decision about an attempt that wants to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// The attempt may start, under this generation.
    Admitted(u64),
    /// The attempt may start as the probe, under this generation.
    Probe(u64),
    /// The attempt must not start. The field is the time after which a call may ask again.
    Refused(Duration),
}

/// End of an attempt.
#[derive(Debug)]
pub(super) enum AttemptEnd {
    /// The API responded.
    Responded,
    /// The API failed. The fields are the id and the cause of an open period, for the case that this failure opens the
    /// circuit.
    Failed(Version, OpenCause),
    /// The attempt shows neither that the API is up nor that it is down, so it is not counted.
    Unknown,
}

/// A change of the circuit that this process made and publishes to the fleet.
#[derive(Debug)]
pub(super) enum StateChange {
    Opened(OpenPeriod),
    /// The open period of this id ended.
    Closed(Version),
}

impl OpenPeriod {
    pub(super) fn new(id: Version, until: Tick, is_ours: bool, cause: OpenCause) -> Self {
        Self { id, until, is_ours, cause, probe: None, not_before: Tick(0) }
    }

    /// Returns the time from which on an attempt of this process may probe, if no other attempt of this process is
    /// probing.
    pub(super) fn probe_at(&self) -> Tick {
        self.until.max(self.not_before)
    }
}

impl CircuitState {
    pub(super) fn new(rule: OpenRule, open_for: Duration) -> Self {
        Self { rule, open_for, generation: 0, counter: AttemptCounter::default(), open: None, previous: None }
    }

    /// Decides whether an attempt may start. A probe that has not ended by `ends` no longer prevents the next probe.
    pub(super) fn admit(&mut self, now: Tick, ends: Tick) -> Admission {
        let Some(open) = &mut self.open else { return Admission::Admitted(self.generation) };
        if now < open.probe_at() {
            return Admission::Refused(open.probe_at().since(now));
        }
        if open.probe.is_some_and(|probe| now < probe.ends) {
            return Admission::Refused(PROBE_RETRY_PAUSE);
        }
        self.generation += 1;
        open.probe = Some(Probe { generation: self.generation, ends });
        Admission::Probe(self.generation)
    }

    /// Returns the present generation if an attempt that was admitted under `generation` may send its request now: in a
    /// closed circuit every attempt, in an open one only the running probe, until its latest end.
    pub(super) fn may_send(&self, generation: u64, now: Tick) -> Option<u64> {
        match &self.open {
            None => Some(self.generation),
            Some(open) => {
                let probe = open.probe.filter(|probe| probe.generation == generation && now < probe.ends);
                probe.map(|probe| probe.generation)
            }
        }
    }

    /// Records the end of an attempt that belongs to `generation`. Returns the change if the circuit opened or closed.
    pub(super) fn record_end(&mut self, generation: u64, end: AttemptEnd, now: Tick) -> Option<StateChange> {
        if generation != self.generation {
            return None;
        }
        let is_half_open = self.open.is_some();
        match end {
            AttemptEnd::Unknown => {
                self.return_probe(generation, now);
                None
            }
            AttemptEnd::Responded if is_half_open => self.close().map(StateChange::Closed),
            AttemptEnd::Responded => {
                self.counter.record(&self.rule, now, false);
                None
            }
            AttemptEnd::Failed(id, cause) => {
                let opens = is_half_open || self.counter.record(&self.rule, now, true);
                opens.then(|| StateChange::Opened(self.open(OpenPeriod::new(id, now + self.open_for, true, cause))))
            }
        }
    }

    /// Ends the probe of `generation` without a result. No other attempt probes before `not_before`.
    pub(super) fn return_probe(&mut self, generation: u64, not_before: Tick) {
        if let Some(open) = &mut self.open
            && open.probe.is_some_and(|probe| probe.generation == generation)
        {
            open.probe = None;
            open.not_before = not_before;
        }
    }

    /// Takes over an open period that another process began, unless it is the present one or the one that ended last.
    /// Returns `true` if the circuit was closed before.
    pub(super) fn open_by_other(&mut self, period: OpenPeriod) -> bool {
        let is_known = self.open.as_ref().is_some_and(|open| open.id == period.id);
        if is_known || self.has_ended(&period.id) {
            return false;
        }
        let was_closed = self.open.is_none();
        self.open(period);
        was_closed
    }

    /// Closes the circuit if another process has ended its open period: if `is_ended` returns `true` for the id of that
    /// period. Returns `true` if it closed.
    pub(super) fn close_by_other(&mut self, is_ended: impl Fn(&Version) -> bool) -> bool {
        self.open.as_ref().is_some_and(|open| is_ended(&open.id)) && self.close().is_some()
    }

    /// Ends an open period of another process now, if it would end later, so that a probe may start. Called when the
    /// store no longer has the record of the period, which expires when the period is over by the clock of that
    /// process.
    pub(super) fn expire_other(&mut self, now: Tick) {
        if let Some(open) = self.open.as_mut().filter(|open| !open.is_ours) {
            open.until = open.until.min(now);
        }
    }

    /// Returns the open period if the circuit is open or half open, `None` if it is closed.
    pub(super) fn open_period(&self) -> Option<&OpenPeriod> {
        self.open.as_ref()
    }

    /// Returns `true` for the id of the open period that ended last, because the circuit closed or because another open
    /// period replaced it.
    pub(super) fn has_ended(&self, id: &Version) -> bool {
        self.previous.as_ref() == Some(id)
    }

    fn open(&mut self, period: OpenPeriod) -> OpenPeriod {
        self.generation += 1;
        if let Some(old) = self.open.replace(period.clone()) {
            self.previous = Some(old.id);
        }
        period
    }

    fn close(&mut self) -> Option<Version> {
        let open = self.open.take()?;
        self.generation += 1;
        self.counter = AttemptCounter::default();
        self.previous = Some(open.id);
        self.previous
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::outcome::Symptom;
    use super::*;

    const OPEN_FOR: Duration = Duration::from_secs(30);
    const ATTEMPT: Duration = Duration::from_secs(20);

    fn id(n: u64) -> Version {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        Version::from_bytes(bytes)
    }

    fn cause() -> OpenCause {
        OpenCause { stitch: "a".into(), symptom: Symptom::Timeout }
    }

    fn period_of_other(n: u64, until: Tick) -> OpenPeriod {
        OpenPeriod::new(id(n), until, false, cause())
    }

    /// A step of a scenario.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Wait(u64),
        Admit,
        Respond(usize),
        Fail(usize),
        Drop(usize),
        OpenByOther(u64, u64),
        CloseByOther(u64),
        ExpireOther,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..40_000_u64).prop_map(Step::Wait),
            6 => Just(Step::Admit),
            2 => any::<usize>().prop_map(Step::Respond),
            5 => any::<usize>().prop_map(Step::Fail),
            2 => any::<usize>().prop_map(Step::Drop),
            1 => (0..9_u64, 0..30_000_u64).prop_map(|(id, ms)| Step::OpenByOther(id, ms)),
            1 => (0..9_u64).prop_map(Step::CloseByOther),
            1 => Just(Step::ExpireOther),
        ]
    }

    /// A circuit, and its admitted attempts that have not ended.
    struct Scenario {
        state: CircuitState,
        now: Tick,
        /// Generation and latest end of each attempt, and for a probe the id of its open period.
        attempts: Vec<(u64, Tick, Option<Version>)>,
        ids: u64,
    }

    impl Scenario {
        fn new(rule: OpenRule) -> Self {
            Self { state: CircuitState::new(rule, OPEN_FOR), now: Tick(1), attempts: Vec::new(), ids: 100 }
        }

        fn take(&mut self, pick: usize) -> Option<(u64, Tick, Option<Version>)> {
            let picked = pick.checked_rem(self.attempts.len())?;
            Some(self.attempts.swap_remove(picked))
        }

        fn end(&mut self, generation: u64, end: AttemptEnd) {
            self.state.record_end(generation, end, self.now);
        }

        fn run(&mut self, step: Step) {
            match step {
                Step::Wait(ms) => {
                    self.now = self.now + Duration::from_millis(ms);
                    self.attempts.retain(|(_, ends, _)| self.now < *ends);
                }
                Step::Admit => {
                    let ends = self.now + ATTEMPT;
                    match self.state.admit(self.now, ends) {
                        Admission::Admitted(generation) => self.attempts.push((generation, ends, None)),
                        Admission::Probe(generation) => {
                            let period = self.state.open_period().map(|open| open.id);
                            self.attempts.push((generation, ends, period));
                        }
                        Admission::Refused(after) => assert!(!after.is_zero() && after <= OPEN_FOR),
                    }
                }
                Step::Respond(pick) => {
                    if let Some((generation, ..)) = self.take(pick) {
                        self.end(generation, AttemptEnd::Responded);
                    }
                }
                Step::Fail(pick) => {
                    self.ids += 1;
                    if let Some((generation, ..)) = self.take(pick) {
                        self.end(generation, AttemptEnd::Failed(id(self.ids), cause()));
                    }
                }
                Step::Drop(pick) => {
                    if let Some((generation, ..)) = self.take(pick) {
                        self.end(generation, AttemptEnd::Unknown);
                    }
                }
                Step::OpenByOther(n, ms) => {
                    let until = self.now + Duration::from_millis(ms);
                    self.state.open_by_other(period_of_other(n, until));
                }
                Step::CloseByOther(n) => {
                    self.state.close_by_other(|open| *open == id(n));
                }
                Step::ExpireOther => self.state.expire_other(self.now),
            }
        }

        /// Returns the number of running probes of the present open period.
        fn probes(&self) -> usize {
            let Some(now) = self.state.open_period().map(|open| open.id) else { return 0 };
            self.attempts.iter().filter(|(.., period)| *period == Some(now)).count()
        }
    }

    fn rule() -> impl Strategy<Value = OpenRule> {
        prop_oneof![
            (1..4_u32).prop_map(OpenRule::Consecutive),
            (1..=100_u32, 1..9_u32).prop_map(|(percent, min_attempts)| OpenRule::FailureRate {
                percent,
                min_attempts,
                window: Duration::from_secs(10)
            }),
        ]
    }

    proptest! {
        #[test]
        fn at_most_one_probe_runs(rule in rule(), steps in prop::collection::vec(step(), 0..200)) {
            let mut scenario = Scenario::new(rule);
            for step in steps {
                scenario.run(step);
                prop_assert!(scenario.probes() <= 1);
            }
        }

        #[test]
        fn after_the_open_period_an_attempt_is_admitted(rule in rule(), steps in prop::collection::vec(step(), 0..200)) {
            let mut scenario = Scenario::new(rule);
            for step in steps {
                scenario.run(step);
            }
            scenario.run(Step::Wait(30_000));
            prop_assert!(!matches!(scenario.state.admit(scenario.now, scenario.now + ATTEMPT), Admission::Refused(_)));
        }

        #[test]
        fn only_a_failure_opens_a_circuit(rule in rule(), steps in prop::collection::vec(step(), 0..200)) {
            let mut scenario = Scenario::new(rule);
            let is_no_failure = |step: &Step| !matches!(step, Step::Fail(_) | Step::OpenByOther(..));
            for step in steps.into_iter().filter(is_no_failure) {
                scenario.run(step);
                prop_assert!(scenario.state.open_period().is_none());
            }
        }

        #[test]
        fn attempts_admitted_before_a_change_change_nothing(fails in 1..50_usize, responses in 0..50_usize) {
            let mut scenario = Scenario::new(OpenRule::Consecutive(1));
            for _ in 0..fails + responses {
                scenario.run(Step::Admit);
            }
            scenario.run(Step::Fail(0));
            let period = scenario.state.open_period().unwrap().id;
            for _ in 1..fails {
                scenario.run(Step::Fail(0));
            }
            for _ in 0..responses {
                scenario.run(Step::Respond(0));
            }
            prop_assert_eq!(scenario.state.open_period().unwrap().id, period);
        }
    }

    #[test]
    fn the_response_to_a_probe_closes_the_circuit_and_its_failure_opens_it_again() {
        let mut scenario = Scenario::new(OpenRule::Consecutive(1));
        scenario.run(Step::Admit);
        scenario.run(Step::Fail(0));
        for _ in 0..3 {
            scenario.run(Step::Wait(29_999));
            assert!(matches!(scenario.state.admit(scenario.now, scenario.now), Admission::Refused(_)));
            scenario.run(Step::Wait(1));
            scenario.run(Step::Admit);
            assert_eq!(scenario.probes(), 1);
            scenario.run(Step::Fail(0));
        }
        scenario.run(Step::Wait(30_000));
        scenario.run(Step::Admit);
        scenario.run(Step::Respond(0));
        assert!(matches!(scenario.state.admit(scenario.now, scenario.now), Admission::Admitted(_)));
    }

    #[test]
    fn after_a_probe_without_result_the_next_attempt_probes() {
        let mut scenario = Scenario::new(OpenRule::Consecutive(1));
        scenario.run(Step::Admit);
        scenario.run(Step::Fail(0));
        scenario.run(Step::Wait(30_000));
        scenario.run(Step::Admit);
        assert_eq!(scenario.state.admit(scenario.now, scenario.now), Admission::Refused(PROBE_RETRY_PAUSE));
        scenario.run(Step::Drop(0));
        assert!(matches!(scenario.state.admit(scenario.now, scenario.now + ATTEMPT), Admission::Probe(_)));
        // The probe has reached its latest end without a result.
        scenario.run(Step::Wait(20_000));
        assert!(matches!(scenario.state.admit(scenario.now, scenario.now), Admission::Probe(_)));
    }

    #[test]
    fn after_another_process_probed_no_attempt_probes_for_the_pause_even_if_the_record_has_expired() {
        let mut scenario = Scenario::new(OpenRule::Consecutive(1));
        scenario.run(Step::OpenByOther(1, 30_000));
        scenario.run(Step::Wait(30_000));
        scenario.run(Step::Admit);
        let (generation, ..) = scenario.attempts[0];
        scenario.state.return_probe(generation, scenario.now + PROBE_RETRY_PAUSE);
        scenario.run(Step::ExpireOther);
        let refused = Admission::Refused(PROBE_RETRY_PAUSE);
        assert_eq!(scenario.state.admit(scenario.now, scenario.now + ATTEMPT), refused);
        scenario.run(Step::Wait(250));
        assert!(matches!(scenario.state.admit(scenario.now, scenario.now + ATTEMPT), Admission::Probe(_)));
    }

    #[test]
    fn an_open_period_that_was_closed_here_does_not_begin_again() {
        let (mut state, now) = (CircuitState::new(OpenRule::Consecutive(1), OPEN_FOR), Tick(0));
        assert!(state.open_by_other(period_of_other(1, now)));
        assert!(!state.open_by_other(period_of_other(1, now)));
        assert!(!state.close_by_other(|open| *open == id(2)));
        assert!(state.close_by_other(|open| *open == id(1)));
        assert!(!state.open_by_other(period_of_other(1, now)));
        assert!(state.open_by_other(period_of_other(2, now)));
    }
}
