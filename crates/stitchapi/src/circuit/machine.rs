//! What a circuit decides. Pure: time is passed in.

use std::time::Duration;

use stitchapi_core::{Tick, Version};

use super::record::Cause;
use super::window::{Count, Rule};

/// While somebody sees whether the API is back, the others may ask again after this.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(250);

/// Closed, open, or half open: open past its time.
///
/// A *generation* is what an attempt was let through under. Each change begins another one, and an attempt of an earlier
/// one changes nothing when it ends.
#[derive(Debug)]
pub(super) struct Machine {
    rule: Rule,
    open_for: Duration,
    generation: u64,
    count: Count,
    open: Option<Opening>,
    /// The opening before this state: whoever still tells of it is late.
    over: Option<Version>,
}

/// That the circuit is open.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    /// The same in the whole fleet.
    pub(super) id: Version,
    pub(super) until: Tick,
    /// Whether this process has opened it, and not another one.
    pub(super) is_ours: bool,
    pub(super) cause: Cause,
    /// Who sees whether the API is back.
    probe: Option<Probe>,
}

/// A place for one attempt, which ends by then at the latest.
#[derive(Debug, Clone, Copy)]
struct Probe {
    generation: u64,
    ends: Tick,
}

/// The answer to an attempt that wants to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// Under this generation.
    Passed(u64),
    /// Under this generation, to see whether the API is back.
    Probe(u64),
    /// Not for so long.
    Shut(Duration),
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum End {
    Answered,
    /// And what its opening is to be, should it come to one.
    Failed(Version, Cause),
    Unknown,
}

/// What has changed for all.
#[derive(Debug)]
pub(super) enum Change {
    Opened(Opening),
    /// The opening of this name is over.
    Closed(Version),
}

impl Opening {
    pub(super) fn new(id: Version, until: Tick, is_ours: bool, cause: Cause) -> Self {
        Self { id, until, is_ours, cause, probe: None }
    }
}

impl Machine {
    pub(super) fn new(rule: Rule, open_for: Duration) -> Self {
        Self { rule, open_for, generation: 0, count: Count::default(), open: None, over: None }
    }

    /// Lets an attempt through that ends at `ends`, or not.
    pub(super) fn admit(&mut self, now: Tick, ends: Tick) -> Admission {
        let Some(open) = &mut self.open else { return Admission::Passed(self.generation) };
        if now < open.until {
            return Admission::Shut(open.until.since(now));
        }
        if open.probe.is_some_and(|probe| now < probe.ends) {
            return Admission::Shut(ASK_AGAIN);
        }
        self.generation += 1;
        open.probe = Some(Probe { generation: self.generation, ends });
        Admission::Probe(self.generation)
    }

    /// The generation under which an attempt that was let through under `generation` may send now, if it still may.
    pub(super) fn may_send(&self, generation: u64, now: Tick) -> Option<u64> {
        match &self.open {
            None => Some(self.generation),
            Some(open) => {
                let probe = open.probe.filter(|probe| probe.generation == generation && now < probe.ends);
                probe.map(|probe| probe.generation)
            }
        }
    }

    /// An attempt has ended.
    pub(super) fn ended(&mut self, generation: u64, end: End, now: Tick) -> Option<Change> {
        if generation != self.generation {
            return None;
        }
        let is_half_open = self.open.is_some();
        match end {
            End::Unknown => {
                self.give_back(generation, now);
                None
            }
            End::Answered if is_half_open => self.close().map(Change::Closed),
            End::Answered => {
                self.count.record(&self.rule, now, false);
                None
            }
            End::Failed(id, cause) => {
                let opens = is_half_open || self.count.record(&self.rule, now, true);
                opens.then(|| Change::Opened(self.open(Opening::new(id, now + self.open_for, true, cause))))
            }
        }
    }

    /// The probe is none; nobody else is one before `not_before`.
    pub(super) fn give_back(&mut self, generation: u64, not_before: Tick) {
        if let Some(open) = &mut self.open
            && open.probe.is_some_and(|probe| probe.generation == generation)
        {
            open.probe = None;
            open.until = open.until.max(not_before);
        }
    }

    /// Another process has opened it; whether it was closed until now.
    pub(super) fn opened_elsewhere(&mut self, opening: Opening) -> bool {
        let is_known = self.open.as_ref().is_some_and(|open| open.id == opening.id);
        if is_known || self.is_over(&opening.id) {
            return false;
        }
        let was_closed = self.open.is_none();
        self.open(opening);
        was_closed
    }

    /// Another process has ended the opening that `is` it; whether that is this one.
    pub(super) fn closed_elsewhere(&mut self, is: impl Fn(&Version) -> bool) -> bool {
        self.open.as_ref().is_some_and(|open| is(&open.id)) && self.close().is_some()
    }

    /// Nothing is known of it in the fleet: its time is over by the clock of whoever has opened it.
    pub(super) fn expired_elsewhere(&mut self, now: Tick) {
        if let Some(open) = self.open.as_mut().filter(|open| !open.is_ours) {
            open.until = open.until.min(now);
        }
    }

    /// The opening that there is.
    pub(super) fn opening(&self) -> Option<&Opening> {
        self.open.as_ref()
    }

    /// Whether the opening of this name has been closed here, or followed by another one.
    pub(super) fn is_over(&self, id: &Version) -> bool {
        self.over.as_ref() == Some(id)
    }

    fn open(&mut self, opening: Opening) -> Opening {
        self.generation += 1;
        if let Some(old) = self.open.replace(opening.clone()) {
            self.over = Some(old.id);
        }
        opening
    }

    fn close(&mut self) -> Option<Version> {
        let open = self.open.take()?;
        self.generation += 1;
        self.count = Count::default();
        self.over = Some(open.id);
        self.over
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

    fn cause() -> Cause {
        Cause { stitch: "a".into(), symptom: Symptom::Timeout }
    }

    fn elsewhere(n: u64, until: Tick) -> Opening {
        Opening::new(id(n), until, false, cause())
    }

    /// What may happen to a circuit.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        Pass(u64),
        Admit,
        Answer(usize),
        Fail(usize),
        Drop(usize),
        OpenElsewhere(u64, u64),
        CloseElsewhere(u64),
        Expire,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..40_000_u64).prop_map(Step::Pass),
            6 => Just(Step::Admit),
            2 => any::<usize>().prop_map(Step::Answer),
            5 => any::<usize>().prop_map(Step::Fail),
            2 => any::<usize>().prop_map(Step::Drop),
            1 => (0..9_u64, 0..30_000_u64).prop_map(|(id, ms)| Step::OpenElsewhere(id, ms)),
            1 => (0..9_u64).prop_map(Step::CloseElsewhere),
            1 => Just(Step::Expire),
        ]
    }

    /// A circuit and the attempts that it has let through.
    struct Scene {
        machine: Machine,
        now: Tick,
        /// Generation, end, and the opening in which it is a probe.
        attempts: Vec<(u64, Tick, Option<Version>)>,
        ids: u64,
    }

    impl Scene {
        fn new(rule: Rule) -> Self {
            Self { machine: Machine::new(rule, OPEN_FOR), now: Tick(1), attempts: Vec::new(), ids: 100 }
        }

        fn take(&mut self, pick: usize) -> Option<(u64, Tick, Option<Version>)> {
            let picked = pick.checked_rem(self.attempts.len())?;
            Some(self.attempts.swap_remove(picked))
        }

        fn end(&mut self, generation: u64, end: End) {
            self.machine.ended(generation, end, self.now);
        }

        fn run(&mut self, step: Step) {
            match step {
                Step::Pass(ms) => {
                    self.now = self.now + Duration::from_millis(ms);
                    self.attempts.retain(|(_, ends, _)| self.now < *ends);
                }
                Step::Admit => {
                    let ends = self.now + ATTEMPT;
                    match self.machine.admit(self.now, ends) {
                        Admission::Passed(generation) => self.attempts.push((generation, ends, None)),
                        Admission::Probe(generation) => {
                            let opening = self.machine.opening().map(|open| open.id);
                            self.attempts.push((generation, ends, opening));
                        }
                        Admission::Shut(after) => assert!(!after.is_zero() && after <= OPEN_FOR),
                    }
                }
                Step::Answer(pick) => {
                    if let Some((generation, ..)) = self.take(pick) {
                        self.end(generation, End::Answered);
                    }
                }
                Step::Fail(pick) => {
                    self.ids += 1;
                    if let Some((generation, ..)) = self.take(pick) {
                        self.end(generation, End::Failed(id(self.ids), cause()));
                    }
                }
                Step::Drop(pick) => {
                    if let Some((generation, ..)) = self.take(pick) {
                        self.end(generation, End::Unknown);
                    }
                }
                Step::OpenElsewhere(n, ms) => {
                    let until = self.now + Duration::from_millis(ms);
                    self.machine.opened_elsewhere(elsewhere(n, until));
                }
                Step::CloseElsewhere(n) => {
                    self.machine.closed_elsewhere(|open| *open == id(n));
                }
                Step::Expire => self.machine.expired_elsewhere(self.now),
            }
        }

        /// The probes of this opening that are under way.
        fn probes(&self) -> usize {
            let Some(now) = self.machine.opening().map(|open| open.id) else { return 0 };
            self.attempts.iter().filter(|(.., opening)| *opening == Some(now)).count()
        }
    }

    fn rule() -> impl Strategy<Value = Rule> {
        prop_oneof![
            (1..4_u32).prop_map(Rule::InARow),
            (1..=100_u32, 1..9_u32).prop_map(|(percent, least)| Rule::Rate {
                percent,
                least,
                within: Duration::from_secs(10)
            }),
        ]
    }

    proptest! {
        #[test]
        fn there_are_never_two_probes_at_once(rule in rule(), steps in prop::collection::vec(step(), 0..200)) {
            let mut scene = Scene::new(rule);
            for step in steps {
                scene.run(step);
                prop_assert!(scene.probes() <= 1);
            }
        }

        #[test]
        fn it_leaves_open_by_itself_when_time_passes(rule in rule(), steps in prop::collection::vec(step(), 0..200)) {
            let mut scene = Scene::new(rule);
            for step in steps {
                scene.run(step);
            }
            scene.run(Step::Pass(30_000));
            prop_assert!(!matches!(scene.machine.admit(scene.now, scene.now + ATTEMPT), Admission::Shut(_)));
        }

        #[test]
        fn nothing_but_a_failure_opens_it(rule in rule(), steps in prop::collection::vec(step(), 0..200)) {
            let mut scene = Scene::new(rule);
            let harmless = |step: &Step| !matches!(step, Step::Fail(_) | Step::OpenElsewhere(..));
            for step in steps.into_iter().filter(harmless) {
                scene.run(step);
                prop_assert!(scene.machine.opening().is_none());
            }
        }

        #[test]
        fn what_was_let_through_before_a_change_changes_nothing(fails in 1..50_usize, answers in 0..50_usize) {
            let mut scene = Scene::new(Rule::InARow(1));
            for _ in 0..fails + answers {
                scene.run(Step::Admit);
            }
            scene.run(Step::Fail(0));
            let opening = scene.machine.opening().unwrap().id;
            for _ in 1..fails {
                scene.run(Step::Fail(0));
            }
            for _ in 0..answers {
                scene.run(Step::Answer(0));
            }
            prop_assert_eq!(scene.machine.opening().unwrap().id, opening);
        }
    }

    #[test]
    fn a_probe_closes_it_with_an_answer_and_opens_it_again_with_a_failure() {
        let mut scene = Scene::new(Rule::InARow(1));
        scene.run(Step::Admit);
        scene.run(Step::Fail(0));
        for _ in 0..3 {
            scene.run(Step::Pass(29_999));
            assert!(matches!(scene.machine.admit(scene.now, scene.now), Admission::Shut(_)));
            scene.run(Step::Pass(1));
            scene.run(Step::Admit);
            assert_eq!(scene.probes(), 1);
            scene.run(Step::Fail(0));
        }
        scene.run(Step::Pass(30_000));
        scene.run(Step::Admit);
        scene.run(Step::Answer(0));
        assert!(matches!(scene.machine.admit(scene.now, scene.now), Admission::Passed(_)));
    }

    #[test]
    fn a_place_that_is_given_back_is_taken_by_the_next_one() {
        let mut scene = Scene::new(Rule::InARow(1));
        scene.run(Step::Admit);
        scene.run(Step::Fail(0));
        scene.run(Step::Pass(30_000));
        scene.run(Step::Admit);
        assert_eq!(scene.machine.admit(scene.now, scene.now), Admission::Shut(ASK_AGAIN));
        scene.run(Step::Drop(0));
        assert!(matches!(scene.machine.admit(scene.now, scene.now + ATTEMPT), Admission::Probe(_)));
        // Nobody has heard of it since.
        scene.run(Step::Pass(20_000));
        assert!(matches!(scene.machine.admit(scene.now, scene.now), Admission::Probe(_)));
    }

    #[test]
    fn an_opening_that_was_closed_here_is_not_taken_up_again() {
        let (mut machine, now) = (Machine::new(Rule::InARow(1), OPEN_FOR), Tick(0));
        assert!(machine.opened_elsewhere(elsewhere(1, now)));
        assert!(!machine.opened_elsewhere(elsewhere(1, now)));
        assert!(!machine.closed_elsewhere(|open| *open == id(2)));
        assert!(machine.closed_elsewhere(|open| *open == id(1)));
        assert!(!machine.opened_elsewhere(elsewhere(1, now)));
        assert!(machine.opened_elsewhere(elsewhere(2, now)));
    }
}
