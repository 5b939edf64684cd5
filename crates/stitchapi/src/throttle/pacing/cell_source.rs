//! A cell of a store, as one process deals with it: what is known, what is asked, and whether the store is there.

use std::sync::Arc;
use std::time::Duration;

use stitchapi_core::pace::{Costs, Rejoin, ReserveRequest};
use stitchapi_core::{StoreError, Tick};

use super::cell_view::Known;
use super::outage::{BOOKED_AHEAD, Outage, fleet_size};
use super::planner::TOUCH_EVERY;
use crate::throttle::settings::Settings;
use crate::throttle::units::Total;
use crate::throttle::units::Units;
use crate::trace::EventKind;

/// When everybody waits anyway, a request is put off by an eighth of that wait, at most by this, so that it books for more.
const LINGER: Duration = Duration::from_millis(80);
/// A touch is sent so much earlier than it must be: timers are late, and some trips longer than the usual one.
pub(in crate::throttle) const TOUCH_EARLY: Duration = Duration::from_millis(5);
/// Waits shorter than this are not worth lingering.
const SHORT: Duration = Duration::from_millis(2);

/// A cell of a store, as this process deals with it.
#[derive(Debug)]
pub(in crate::throttle) struct CellSource {
    pub(in crate::throttle) known: Known,
    in_flight: Vec<InFlight>,
    at_once: usize,
    requests: u64,
    /// The request by which the store counts this process, while it is under way: two would count it twice.
    counting: Option<u64>,
    last_sent: Tick,
    /// The most that one call has drawn on each limit.
    dearest: Vec<u32>,
    /// Since when somebody waits for whom nothing is booked.
    wanted_since: Option<Tick>,
    /// The process was suspended: nothing is used before a reply has come.
    pub(in crate::throttle) must_confirm: bool,
    pub(in crate::throttle) outage: Option<Outage>,
}

/// What is known of a request while it is under way.
#[derive(Debug)]
struct InFlight {
    number: u64,
    units: Vec<Units>,
    total: Total,
}

/// A request to the store.
#[derive(Debug)]
pub(in crate::throttle) struct Request {
    number: u64,
    pub(in crate::throttle) pace: ReserveRequest,
    pub(in crate::throttle) units: Vec<Units>,
    pub(in crate::throttle) voided: u64,
    pub(in crate::throttle) sent: Tick,
    pub(in crate::throttle) is_probe: bool,
}

impl CellSource {
    pub(in crate::throttle) fn new(known: Known, at_once: usize) -> Box<Self> {
        Box::new(Self {
            known,
            in_flight: Vec::new(),
            at_once,
            requests: 0,
            counting: None,
            last_sent: Tick(0),
            dearest: Vec::new(),
            wanted_since: None,
            must_confirm: false,
            outage: None,
        })
    }

    /// Whether no request is under way.
    pub(in crate::throttle) fn is_quiet(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Whether as many requests are under way as may be.
    pub(in crate::throttle) fn is_filled(&self) -> bool {
        self.in_flight.len() >= self.at_once
    }

    /// What each call costs for which requests are under way.
    pub(in crate::throttle) fn asked_units(&self) -> impl Iterator<Item = &Units> {
        self.in_flight.iter().flat_map(|request| &request.units)
    }

    /// What those calls cost together, request by request.
    pub(in crate::throttle) fn asked(&self) -> impl Iterator<Item = &Total> {
        self.in_flight.iter().map(|request| &request.total)
    }

    /// How many calls those are.
    pub(in crate::throttle) fn asked_calls(&self) -> usize {
        self.asked().map(Total::calls).sum()
    }

    /// A request is not under way any more.
    pub(in crate::throttle) fn ends(&mut self, request: &Request, now: Tick) {
        self.in_flight.retain(|other| other.number != request.number);
        self.counting = self.counting.filter(|number| *number != request.number);
        if let Some(outage) = self.outage.as_mut().filter(|_| request.is_probe) {
            outage.probed(now);
        }
    }

    /// A slot that comes later is to be confirmed first.
    pub(in crate::throttle) fn confirmed_until(&self) -> Tick {
        self.last_sent + TOUCH_EVERY
    }

    /// When a process that holds such touches the cell: so early that it is answered in time.
    pub(in crate::throttle) fn touch_at(&self) -> Tick {
        self.last_sent + TOUCH_EVERY.saturating_sub(self.known.usual_trip() + TOUCH_EARLY)
    }

    /// When to ask for what is wanted: at once, or a little later if all wait anyway.
    pub(in crate::throttle) fn ask_at(&mut self, wanted: &[Units], now: Tick) -> Option<Tick> {
        let Some(first) = wanted.first() else {
            self.wanted_since = None;
            return None;
        };
        let since = *self.wanted_since.get_or_insert(now);
        let ahead = self.known.due_behind([], first, now).map_or(Duration::ZERO, |due| due.since(now));
        Some(if ahead > SHORT { since + (ahead / 8).min(LINGER) } else { since })
    }

    /// The next request, for calls of these units of which none waits longer than the horizon.
    pub(in crate::throttle) fn request(
        &mut self,
        settings: &Settings,
        units: Vec<Units>,
        horizon: Duration,
        rejoin: Option<Rejoin>,
        now: Tick,
        random: u64,
    ) -> Request {
        let mut pace = ReserveRequest::new(settings.limits.clone(), settings.guard, random);
        pace.calls = units.iter().map(|units| Costs(units.clone())).collect();
        pace.fresh_start = settings.fresh_start;
        pace.max_hold = settings.max_hold;
        pace.rejoin = rejoin;
        self.known.remember(&mut pace);
        self.dearest.resize(settings.limits.len(), 1);
        for units in units.iter().filter(|units| !settings.is_one_call(units)) {
            self.dearest.iter_mut().zip(&**units).for_each(|(most, units)| *most = (*units).max(*most));
        }
        if let (Some(rejoin), Some(outage)) = (rejoin, &self.outage) {
            let alone_until = now + settings.timeout + rejoin.alone_for + rejoin.pause;
            let at_once: Vec<i64> =
                self.dearest.iter().map(|most| i64::from(*most) * i64::from(outage.fleet_size) + 1).collect();
            self.known.remember_alone(&mut pace, &at_once, outage.since, alone_until, now);
        }
        pace.horizon = horizon;
        // A store that was frozen books nothing for those who have given up.
        pace.expires = self.known.store_time(now + settings.timeout, now).map(|(earliest, _)| earliest);
        let is_probe = rejoin.is_some();
        self.requests += 1;
        pace.counts = self.counting.is_none();
        self.counting = self.counting.or(Some(self.requests));
        self.last_sent = now;
        self.wanted_since = None;
        let mut total = Total::default();
        units.iter().for_each(|units| total.add(units, settings.is_one_call(units)));
        self.in_flight.push(InFlight { number: self.requests, units: units.clone(), total });
        let voided = self.known.voided();
        Request { number: self.requests, pace, units, voided, sent: now, is_probe }
    }

    /// A request has failed: the process goes on without the store.
    pub(in crate::throttle) fn fail(
        &mut self,
        settings: &Settings,
        request: &Request,
        error: Arc<StoreError>,
        now: Tick,
    ) -> Option<EventKind> {
        if let Some(outage) = &mut self.outage {
            outage.error = error;
            outage.finds(false);
            return None;
        }
        let (fleet_size, known) = fleet_size(settings.fleet_size, self.known.active());
        let since = self.known.newest().unwrap_or_default();
        let booked_until = self.known.booked_until(settings.limits.len(), settings.max_booked, request.sent, now);
        // A process that was stopped meanwhile looks for the store before it goes alone.
        let looked = now + BOOKED_AHEAD.saturating_sub(settings.timeout);
        let from = booked_until.max(request.sent + BOOKED_AHEAD).max(looked);
        let mut outage = Outage::new(&settings.limits, settings.guard, fleet_size, since, from, now, error);
        for (index, most) in self.dearest.iter().enumerate() {
            // The pause before the first start has made up for one unit of each process where that paces.
            let more = most - u32::from(settings.paces(index));
            let at_once = u64::from(more) * u64::from(fleet_size);
            if !self.known.has_credit(index, at_once, outage.pacing.opens(), now) {
                outage.pacing.spend(index);
            }
        }
        self.outage = Some(outage);
        Some(EventKind::OutageBegan { policy: settings.outage_policy, fleet_size, known })
    }

    /// The process is on its store again, if it was not.
    pub(in crate::throttle) fn recovers(&mut self, now: Tick) -> Option<EventKind> {
        let outage = self.outage.take()?;
        Some(EventKind::OutageEnded { lasted: now.since(outage.began) })
    }
}
