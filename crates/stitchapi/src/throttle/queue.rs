//! Who waits in this process, and who is next. No clock, no store.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::task::Waker;

use stitchapi_core::Tick;

use super::cost::Units;

/// Callers in the order in which they are served: first come, first served among those of one *flow*, which is one
/// principal; between flows by deficit round robin (M. Shreedhar and G. Varghese, 1995), each call weighing what it costs
/// on the first limit.
///
/// A waiter that is served leaves the line but stays here with its verdict until it comes for it, so that one that never
/// comes can pass it on.
#[derive(Debug)]
pub(super) struct Queue<V> {
    flows: HashMap<u64, Flow>,
    ring: VecDeque<u64>,
    /// Whether the flow at the front of the ring has had its share of this round.
    visiting: bool,
    settled: HashMap<Ticket, (Waiter, V)>,
    waiting: usize,
    /// How many of those who wait cost more or less than a plain call.
    odd: usize,
    /// What all who wait cost together, per limit.
    units: Vec<u64>,
    tickets: u64,
}

#[derive(Debug, Default)]
struct Flow {
    line: BTreeMap<u64, Waiter>,
    deficit: u64,
}

/// A place in the queue, kept until it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ticket {
    flow: u64,
    number: u64,
}

/// One caller.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) units: Units,
    /// Whether that is one plain call.
    pub(super) is_plain: bool,
    pub(super) arrived: Tick,
    /// The latest start that this caller takes.
    pub(super) latest: Tick,
    /// The end of its whole call.
    pub(super) deadline: Tick,
    pub(super) waker: Option<Waker>,
}

impl<V> Queue<V> {
    pub(super) fn new() -> Self {
        Self {
            flows: HashMap::new(),
            ring: VecDeque::new(),
            visiting: false,
            settled: HashMap::new(),
            waiting: 0,
            odd: 0,
            units: Vec::new(),
            tickets: 0,
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    /// Whether somebody is here, waiting or served.
    pub(super) fn is_deserted(&self) -> bool {
        self.waiting == 0 && self.settled.is_empty()
    }

    /// Whether everybody who waits costs one plain call.
    pub(super) fn is_plain(&self) -> bool {
        self.odd == 0
    }

    /// What all who wait cost together, per limit.
    pub(super) fn units(&self) -> &[u64] {
        &self.units
    }

    /// Takes the place behind everybody else of its flow.
    pub(super) fn join(&mut self, flow: u64, waiter: Waiter) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket { flow, number: self.tickets };
        self.put(ticket, waiter);
        ticket
    }

    fn put(&mut self, ticket: Ticket, waiter: Waiter) {
        self.waiting += 1;
        self.odd += usize::from(!waiter.is_plain);
        self.units.resize(self.units.len().max(waiter.units.len()), 0);
        for (sum, units) in self.units.iter_mut().zip(&*waiter.units) {
            *sum += u64::from(*units);
        }
        let flow = self.flows.entry(ticket.flow).or_default();
        if flow.line.is_empty() {
            self.ring.push_back(ticket.flow);
        }
        flow.line.insert(ticket.number, waiter);
    }

    fn take(&mut self, ticket: Ticket) -> Option<Waiter> {
        let flow = self.flows.get_mut(&ticket.flow)?;
        let waiter = flow.line.remove(&ticket.number)?;
        if flow.line.is_empty() {
            self.flows.remove(&ticket.flow);
            self.visiting &= self.ring.front() != Some(&ticket.flow);
            self.ring.retain(|flow| *flow != ticket.flow);
        }
        self.waiting -= 1;
        self.odd -= usize::from(!waiter.is_plain);
        for (sum, units) in self.units.iter_mut().zip(&*waiter.units) {
            *sum -= u64::from(*units);
        }
        Some(waiter)
    }

    /// Keeps the waker of one who waits; one who was served gets its verdict and leaves.
    pub(super) fn poll(&mut self, ticket: Ticket, waker: &Waker) -> Option<(Waiter, V)> {
        if let Some(served) = self.settled.remove(&ticket) {
            return Some(served);
        }
        if let Some(waiter) = self.flows.get_mut(&ticket.flow).and_then(|flow| flow.line.get_mut(&ticket.number)) {
            match &mut waiter.waker {
                Some(kept) => kept.clone_from(waker),
                kept => *kept = Some(waker.clone()),
            }
        }
        None
    }

    /// One who came for its verdict and could not use it takes its old place again.
    pub(super) fn return_to(&mut self, ticket: Ticket, waiter: Waiter) {
        self.put(ticket, waiter);
    }

    /// Leaves. The verdict of one who was served and never came for it is for the next one.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<V> {
        self.take(ticket);
        self.settled.remove(&ticket).map(|(_, verdict)| verdict)
    }

    /// Gives the verdict to one who waits, and its waker to be woken.
    pub(super) fn settle(&mut self, ticket: Ticket, verdict: V) -> Option<Waker> {
        let weight = self.weight(ticket);
        if let Some(flow) = self.flows.get_mut(&ticket.flow) {
            flow.deficit = flow.deficit.saturating_sub(weight);
        }
        let mut waiter = self.take(ticket)?;
        let waker = waiter.waker.take();
        self.settled.insert(ticket, (waiter, verdict));
        waker
    }

    /// The one who is next among those whom `fits` takes. Asked twice, it is the same one.
    pub(super) fn next(&mut self, fits: impl Fn(&Waiter) -> bool) -> Option<(Ticket, &Waiter)> {
        let ticket =
            if self.ring.len() > 1 { self.next_in_turn(&fits) } else { self.first_of(*self.ring.front()?, &fits) }?;
        let waiter = self.flows.get(&ticket.flow)?.line.get(&ticket.number)?;
        Some((ticket, waiter))
    }

    fn next_in_turn(&mut self, fits: &impl Fn(&Waiter) -> bool) -> Option<Ticket> {
        let firsts = self.ring.iter().filter_map(|flow| self.first_of(*flow, fits));
        // Enough for every one of them, so that one round finds somebody.
        let quantum = firsts.map(|ticket| self.weight(ticket)).max()?;
        for _ in 0..=self.ring.len() {
            let front = *self.ring.front()?;
            let first = self.first_of(front, fits).map(|ticket| (ticket, self.weight(ticket)));
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
        let line = &self.flows.get(&flow)?.line;
        let (number, _) = line.iter().find(|(_, waiter)| fits(waiter))?;
        Some(Ticket { flow, number: *number })
    }

    fn weight(&self, ticket: Ticket) -> u64 {
        let waiter = self.flows.get(&ticket.flow).and_then(|flow| flow.line.get(&ticket.number));
        waiter.and_then(|waiter| waiter.units.iter().copied().find(|units| *units > 0)).unwrap_or(1).into()
    }

    /// Those who wait, about in the order in which they will be served: exactly so in one flow.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (Ticket, &Waiter)> {
        let mut lines: VecDeque<_> =
            self.ring.iter().filter_map(|flow| Some((*flow, self.flows.get(flow)?.line.iter()))).collect();
        std::iter::from_fn(move || {
            loop {
                let (flow, mut line) = lines.pop_front()?;
                if let Some((number, waiter)) = line.next() {
                    lines.push_back((flow, line));
                    return Some((Ticket { flow, number: *number }, waiter));
                }
            }
        })
    }

    /// Everybody who waits gets a verdict; the wakers to be woken.
    pub(super) fn settle_all(&mut self, verdict: impl Fn() -> V) -> Vec<Waker> {
        let tickets: Vec<Ticket> = self.in_order().map(|(ticket, _)| ticket).collect();
        tickets.into_iter().filter_map(|ticket| self.settle(ticket, verdict())).collect()
    }

    /// Those who wait begin to be patient at `from`, if they came before.
    pub(super) fn be_patient_from(&mut self, from: Tick) {
        for waiter in self.flows.values_mut().flat_map(|flow| flow.line.values_mut()) {
            waiter.latest = (waiter.latest + from.since(waiter.arrived)).min(waiter.deadline);
        }
    }

    /// The latest start that one who waits takes; `None` for one who was served.
    pub(super) fn latest(&self, ticket: Ticket) -> Option<Tick> {
        Some(self.flows.get(&ticket.flow)?.line.get(&ticket.number)?.latest)
    }

    /// Wakes everybody who waits, to look again.
    pub(super) fn wake_all(&mut self) -> Vec<Waker> {
        self.flows
            .values_mut()
            .flat_map(|flow| flow.line.values_mut())
            .filter_map(|waiter| waiter.waker.take())
            .collect()
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
        assert_eq!((queue.len(), queue.units(), queue.is_plain()), (3, &[6][..], false));
        assert_eq!(queue.next(|waiter| waiter.units[0] > 1).map(|(ticket, _)| ticket), Some(tickets[1]));
        for ticket in &tickets {
            assert_eq!(queue.next(|_| true).map(|(ticket, _)| ticket), Some(*ticket));
            queue.settle(*ticket, ());
        }
        assert_eq!((queue.len(), queue.units(), queue.is_plain(), queue.is_deserted()), (0, &[0][..], true, false));
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
        queue.return_to(first, late);
        assert_eq!(queue.next(|_| true).map(|(ticket, _)| ticket), Some(first));
        assert_eq!(queue.leave(first), None);
        assert_eq!(queue.next(|_| true).map(|(ticket, _)| ticket), Some(second));
        queue.settle(second, ());
        assert_eq!(queue.leave(second), Some(()));
        assert!(queue.is_deserted());
    }
}
