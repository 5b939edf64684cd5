//! Who waits in this process, and who is next. No clock, no store.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;
use std::time::Duration;

use slab::Slab;
use stitchapi_core::Tick;

use super::super::units::Total;
use super::super::units::Units;
use super::line::{Line, Links};

/// Callers in the order in which they are served: first come, first served among those of one *flow*, which is one
/// principal; between flows by deficit round robin (M. Shreedhar and G. Varghese, 1995), each call weighing what it costs
/// on the first limit.
///
/// A waiter that is served leaves the line but stays here with its verdict until it comes for it, so that one that never
/// comes can pass it on.
#[derive(Debug)]
pub(in crate::throttle) struct Queue<V> {
    /// Everybody who is here.
    all: Slab<Entry<V>>,
    flows: BTreeMap<u64, Flow>,
    ring: VecDeque<u64>,
    /// Whether the flow at the front of the ring has had its share of this round.
    visiting: bool,
    /// Those who wait.
    total: Total,
    tickets: u64,
    /// Nobody's patience ends before this.
    ends_at: Tick,
}

#[derive(Debug, Default)]
struct Flow {
    line: Line,
    deficit: u64,
}

/// One who is here.
#[derive(Debug)]
pub(super) struct Entry<V> {
    pub(super) number: u64,
    waiter: Waiter,
    /// Its neighbours in the line of its flow, while it waits.
    pub(super) links: Links,
    /// What it is told, once it is served.
    verdict: Option<V>,
}

/// The end of time: where nobody waits.
const NEVER: Tick = Tick(u64::MAX);

/// A place in the queue, kept until it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::throttle) struct Ticket {
    flow: u64,
    index: usize,
}

/// One caller.
#[derive(Debug)]
pub(in crate::throttle) struct Waiter {
    pub(in crate::throttle) units: Units,
    /// Whether that is one plain call.
    pub(in crate::throttle) is_plain: bool,
    pub(in crate::throttle) arrived: Tick,
    /// The latest start that this caller takes.
    pub(in crate::throttle) latest: Tick,
    /// The end of its whole call.
    pub(in crate::throttle) deadline: Tick,
    pub(in crate::throttle) waker: Option<Waker>,
}

/// One who has come for its verdict.
#[derive(Debug)]
pub(in crate::throttle) struct Served {
    flow: u64,
    number: u64,
    waiter: Waiter,
}

impl Waiter {
    /// What it draws on the first limit that it draws on.
    fn weight(&self) -> u64 {
        self.units.iter().copied().find(|units| *units > 0).unwrap_or(1).into()
    }

    /// When its patience ends, or has ended: for a place in the queue, and once that has, for the whole call.
    pub(in crate::throttle) fn ends_at(&self, now: Tick) -> Tick {
        if self.latest < now { self.deadline } else { self.deadline.min(self.latest + Duration::from_micros(1)) }
    }
}

impl<V> Queue<V> {
    pub(in crate::throttle) fn new() -> Self {
        Self {
            all: Slab::new(),
            flows: BTreeMap::new(),
            ring: VecDeque::new(),
            visiting: false,
            total: Total::default(),
            tickets: 0,
            ends_at: NEVER,
        }
    }

    /// How many wait.
    pub(in crate::throttle) fn len(&self) -> usize {
        self.total.calls()
    }

    /// Whether somebody is here, waiting or served.
    pub(in crate::throttle) fn is_deserted(&self) -> bool {
        self.all.is_empty()
    }

    /// What all who wait cost together.
    pub(in crate::throttle) fn total(&self) -> &Total {
        &self.total
    }

    /// Takes the place behind everybody else of its flow.
    pub(in crate::throttle) fn join(&mut self, flow: u64, waiter: Waiter) -> Ticket {
        self.tickets += 1;
        self.put(flow, self.tickets, waiter)
    }

    fn put(&mut self, flow: u64, number: u64, waiter: Waiter) -> Ticket {
        self.total.add(&waiter.units, waiter.is_plain);
        self.ends_at = self.ends_at.min(waiter.ends_at(Tick(0)));
        let index = self.all.insert(Entry { number, waiter, links: Links::default(), verdict: None });
        let line = &mut self.flows.entry(flow).or_default().line;
        if line.is_empty() {
            self.ring.push_back(flow);
        }
        line.put(&mut self.all, index);
        Ticket { flow, index }
    }

    /// Takes one who waits out of its line.
    fn take(&mut self, ticket: Ticket) -> Option<&mut Entry<V>> {
        self.waiting(ticket)?;
        let flow = self.flows.get_mut(&ticket.flow)?;
        flow.line.remove(&mut self.all, ticket.index);
        if flow.line.is_empty() {
            self.flows.remove(&ticket.flow);
            self.visiting &= self.ring.front() != Some(&ticket.flow);
            self.ring.retain(|flow| *flow != ticket.flow);
        }
        let entry = self.all.get_mut(ticket.index)?;
        self.total.remove(&entry.waiter.units, entry.waiter.is_plain);
        if self.total.calls() == 0 {
            self.ends_at = NEVER;
        }
        Some(entry)
    }

    /// Keeps the waker of one who waits; one who was served gets its verdict and leaves.
    pub(in crate::throttle) fn poll(&mut self, ticket: Ticket, waker: &Waker) -> Option<(Served, V)> {
        let entry = self.all.get_mut(ticket.index)?;
        if let Some(verdict) = entry.verdict.take() {
            let Entry { number, waiter, .. } = self.all.remove(ticket.index);
            return Some((Served { flow: ticket.flow, number, waiter }, verdict));
        }
        match &mut entry.waiter.waker {
            Some(kept) => kept.clone_from(waker),
            kept => *kept = Some(waker.clone()),
        }
        None
    }

    /// One who came for its verdict and could not use it takes its old place again.
    pub(in crate::throttle) fn take_back(&mut self, served: Served) -> Ticket {
        self.put(served.flow, served.number, served.waiter)
    }

    /// Leaves. The verdict of one who was served and never came for it is for the next one.
    pub(in crate::throttle) fn leave(&mut self, ticket: Ticket) -> Option<V> {
        self.take(ticket);
        self.all.try_remove(ticket.index)?.verdict
    }

    /// Gives the verdict to one who waits, and its waker to be woken.
    pub(in crate::throttle) fn settle(&mut self, ticket: Ticket, verdict: V) -> Option<Waker> {
        let weight = self.waiting(ticket)?.weight();
        if let Some(flow) = self.flows.get_mut(&ticket.flow) {
            flow.deficit = flow.deficit.saturating_sub(weight);
        }
        let entry = self.take(ticket)?;
        entry.verdict = Some(verdict);
        entry.waiter.waker.take()
    }

    /// One who waits; `None` for one who was served.
    fn waiting(&self, ticket: Ticket) -> Option<&Waiter> {
        let entry = self.all.get(ticket.index)?;
        entry.verdict.is_none().then_some(&entry.waiter)
    }

    /// The one who is next among those whom `fits` takes. Asked twice, it is the same one.
    pub(in crate::throttle) fn next(&mut self, fits: impl Fn(&Waiter) -> bool) -> Option<(Ticket, &Waiter)> {
        let ticket =
            if self.ring.len() > 1 { self.next_in_turn(&fits) } else { self.first_of(*self.ring.front()?, &fits) }?;
        Some((ticket, self.waiting(ticket)?))
    }

    fn next_in_turn(&mut self, fits: &impl Fn(&Waiter) -> bool) -> Option<Ticket> {
        let firsts = self.ring.iter().filter_map(|flow| self.first_of(*flow, fits));
        // Enough for every one of them, so that one round finds somebody.
        let quantum = firsts.filter_map(|ticket| Some(self.waiting(ticket)?.weight())).max()?;
        for _ in 0..=self.ring.len() {
            let front = *self.ring.front()?;
            let first = self.first_of(front, fits).and_then(|ticket| Some((ticket, self.waiting(ticket)?.weight())));
            if let (Some((ticket, weight)), Some(flow)) = (first, self.flows.get_mut(&front)) {
                if !std::mem::replace(&mut self.visiting, true) {
                    flow.deficit += quantum;
                }
                if weight <= flow.deficit {
                    return Some(ticket);
                }
            }
            self.ring.rotate_left(1);
            self.visiting = false;
        }
        None
    }

    fn first_of(&self, flow: u64, fits: &impl Fn(&Waiter) -> bool) -> Option<Ticket> {
        let mut line = self.flows.get(&flow)?.line.iter(&self.all);
        let (index, _) = line.find(|(_, entry)| fits(&entry.waiter))?;
        Some(Ticket { flow, index })
    }

    /// Those who wait, about in the order in which they will be served: exactly so in one flow.
    pub(in crate::throttle) fn in_order(&self) -> impl Iterator<Item = (Ticket, &Waiter)> {
        let mut lines: VecDeque<_> =
            self.ring.iter().filter_map(|flow| Some((*flow, self.flows.get(flow)?.line.iter(&self.all)))).collect();
        std::iter::from_fn(move || {
            loop {
                let (flow, mut line) = lines.pop_front()?;
                if let Some((index, entry)) = line.next() {
                    lines.push_back((flow, line));
                    return Some((Ticket { flow, index }, &entry.waiter));
                }
            }
        })
    }

    /// Everybody who waits gets a verdict; the wakers to be woken.
    pub(in crate::throttle) fn settle_all(&mut self, verdict: impl Fn() -> V) -> Vec<Waker> {
        let tickets: Vec<Ticket> = self.in_order().map(|(ticket, _)| ticket).collect();
        tickets.into_iter().filter_map(|ticket| self.settle(ticket, verdict())).collect()
    }

    /// When the patience of one who waits ends, at the earliest.
    pub(in crate::throttle) fn ends_at(&self) -> Tick {
        self.ends_at
    }

    /// Looks anew when the patience of one who waits ends.
    pub(in crate::throttle) fn find_end(&mut self, now: Tick) {
        self.ends_at = self.in_order().map(|(_, waiter)| waiter.ends_at(now)).min().unwrap_or(NEVER);
    }

    /// Those who wait begin to be patient at `from`, if they came before.
    pub(in crate::throttle) fn be_patient_from(&mut self, from: Tick) {
        for waiter in self.everybody_waiting() {
            waiter.latest = (waiter.latest + from.since(waiter.arrived)).min(waiter.deadline);
        }
    }

    /// Wakes everybody who waits, to look again.
    pub(in crate::throttle) fn wake_all(&mut self) -> Vec<Waker> {
        self.everybody_waiting().filter_map(|waiter| waiter.waker.take()).collect()
    }

    /// In no order.
    fn everybody_waiting(&mut self) -> impl Iterator<Item = &mut Waiter> {
        self.all.iter_mut().filter(|(_, entry)| entry.verdict.is_none()).map(|(_, entry)| &mut entry.waiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(units: u32) -> Waiter {
        Waiter {
            units: [units].into(),
            is_plain: units == 1,
            arrived: Tick(0),
            latest: Tick(9),
            deadline: Tick(9),
            waker: None,
        }
    }

    /// Serves everybody, and says by flow in what order.
    fn served(queue: &mut Queue<()>) -> Vec<u64> {
        let mut order = Vec::new();
        while let Some((ticket, _)) = queue.next(|_| true) {
            assert_eq!(queue.next(|_| true).map(|(ticket, _)| ticket), Some(ticket));
            queue.settle(ticket, ());
            order.push(ticket.flow);
        }
        order
    }

    #[test]
    fn callers_of_one_flow_are_served_in_the_order_of_asking() {
        let mut queue = Queue::<()>::new();
        let tickets: Vec<Ticket> = (1..=3).map(|units| queue.join(0, waiter(units))).collect();
        assert_eq!((queue.len(), queue.total().on(0), queue.total().is_plain()), (3, 6, false));
        assert_eq!(queue.next(|waiter| waiter.units[0] > 1).map(|(ticket, _)| ticket), Some(tickets[1]));
        for ticket in &tickets {
            assert_eq!(queue.next(|_| true).map(|(ticket, _)| ticket), Some(*ticket));
            queue.settle(*ticket, ());
        }
        assert_eq!((queue.len(), queue.total().on(0), queue.total().is_plain()), (0, 0, true));
        assert!(!queue.is_deserted());
    }

    #[test]
    fn one_principal_with_many_calls_does_not_keep_another_one_waiting() {
        let mut queue = Queue::<()>::new();
        for _ in 0..4 {
            queue.join(1, waiter(1));
        }
        queue.join(2, waiter(1));
        queue.join(2, waiter(1));
        assert_eq!(served(&mut queue), [1, 2, 1, 2, 1, 1]);
    }

    #[test]
    fn dear_calls_take_their_flow_fewer_turns() {
        let mut queue = Queue::<()>::new();
        for _ in 0..3 {
            queue.join(1, waiter(3));
        }
        for _ in 0..9 {
            queue.join(2, waiter(1));
        }
        assert_eq!(served(&mut queue), [1, 2, 2, 2, 1, 2, 2, 2, 1, 2, 2, 2]);
    }

    #[test]
    fn one_who_could_not_use_its_verdict_takes_its_old_place() {
        let mut queue = Queue::<()>::new();
        let (first, second) = (queue.join(0, waiter(1)), queue.join(0, waiter(1)));
        queue.settle(first, ());
        let (late, ()) = queue.poll(first, Waker::noop()).unwrap();
        let first = queue.take_back(late);
        assert_eq!(queue.next(|_| true).map(|(ticket, _)| ticket), Some(first));
        assert_eq!(queue.leave(first), None);
        assert_eq!(queue.next(|_| true).map(|(ticket, _)| ticket), Some(second));
        queue.settle(second, ());
        assert_eq!(queue.leave(second), Some(()));
        assert!(queue.is_deserted());
    }
}
