//! The facet that paces: the byte `p` and the text of [`Cell`](stitchapi_core::pace::Cell).

use std::str;
use std::time::Duration;

use stitchapi_core::pace::{Booking, LimitId, Pace, Reservation};
use stitchapi_core::{Key, Pacer, Prefix, StoreError, StoreTime, async_trait, micros_up};

use crate::RedisStore;
use crate::client::Reply;
use crate::error::Failure;
use crate::script::{Arguments, HOLD, REFUND, RESERVE, SETTLE, Script};

/// No correction of a charge is larger.
const MOST: i64 = u32::MAX as i64;

impl RedisStore {
    async fn book(&self, key: &Key, pace: &Pace) -> Result<Reservation, Failure> {
        let reply = self.pace(&RESERVE, key, &request(pace)).await?;
        let [Reply::Int(now), Reply::Int(e_min), Reply::Int(granted), Reply::Bytes(cell)] = &*reply else {
            return Err(Failure::OddReply);
        };
        let number = |number: &i64| u64::try_from(*number).map_err(|_| Failure::OddReply);
        let (now, e_min) = (StoreTime(number(now)?), StoreTime(number(e_min)?));
        // A script's numbers end at 2^53, those of a pace do not.
        let e_min = e_min.max(now + pace.lead).max(pace.not_before.unwrap_or_default());
        let granted = usize::try_from(*granted).map_err(|_| Failure::OddReply)?;
        let cell = str::from_utf8(cell).ok().and_then(|text| text.parse().ok()).ok_or(Failure::Foreign)?;
        Ok(Reservation { now, e_min, cell, granted })
    }

    /// Runs a script that answers with an array, the first of it being its time.
    async fn pace(&self, script: &Script, key: &Key, arguments: &Arguments<'_>) -> Result<Vec<Reply>, Failure> {
        match self.run(script, key, arguments).await? {
            Reply::Array(reply) => Ok(reply),
            _ => Err(Failure::OddReply),
        }
    }
}

#[async_trait]
impl Pacer for RedisStore {
    async fn reserve(&self, key: &Key, pace: &Pace) -> Result<Reservation, StoreError> {
        self.book(key, pace).await.map_err(|failure| failure.of("reserve"))
    }

    async fn refund(&self, key: &Key, booking: &Booking) -> Result<bool, StoreError> {
        let mut arguments = Arguments::default().text(epoch(booking.epoch)).number(booking.seq);
        for (id, tat) in &booking.tats {
            arguments = limit(arguments, id).number(tat.micros).number(tat.remainder.into());
        }
        let reply = self.pace(&REFUND, key, &arguments).await.map_err(|failure| failure.of("refund"))?;
        Ok(reply.last() == Some(&Reply::Int(1)))
    }

    async fn settle(&self, key: &Key, id: &LimitId, delta: i64) -> Result<(), StoreError> {
        let arguments = limit(Arguments::default(), id).text(delta.clamp(-MOST, MOST).to_string());
        self.pace(&SETTLE, key, &arguments).await.map(drop).map_err(|failure| failure.of("settle"))
    }

    async fn hold(&self, key: &Key, until: StoreTime, cap: Duration) -> Result<(), StoreError> {
        let arguments = Arguments::default().number(until.0).micros(cap);
        self.pace(&HOLD, key, &arguments).await.map(drop).map_err(|failure| failure.of("hold"))
    }
}

/// The arguments of `reserve`, in the order that the script names.
fn request(pace: &Pace) -> Arguments<'_> {
    let mut arguments = Arguments::default()
        .number(micros_up(pace.guard).min(u32::MAX.into()))
        .micros(pace.horizon)
        .number(pace.not_before.unwrap_or_default().0)
        .micros(pace.lead)
        .number(pace.expires.map_or(u64::MAX, |expires| expires.0))
        .text(epoch(pace.epoch_if_new.max(1)))
        .micros(pace.fresh_start)
        .micros(pace.max_hold);
    let seen = |index: usize| pace.seen.as_ref().and_then(|mark| mark.tats.get(index)).map_or(0, |tat| tat.0);
    arguments = match &pace.seen {
        Some(mark) => {
            let latest = mark.tats.iter().max().copied().unwrap_or_default();
            arguments.text(epoch(mark.epoch)).number(mark.seq).number(latest.0)
        }
        None => arguments.text("").number(0).number(0),
    };
    arguments = arguments.number(pace.limits.len() as u64);
    for (index, each) in pace.limits.iter().enumerate() {
        let (permits, burst) = (each.permits.max(1), each.burst.max(1));
        arguments = limit(arguments, &each.id).number(permits.into()).number(burst.into()).number(seen(index));
    }
    for run in pace.calls.chunk_by(|a, b| a == b) {
        arguments = arguments.number(run.len() as u64);
        for index in 0..pace.limits.len() {
            arguments = arguments.number(run[0].0.get(index).copied().unwrap_or(0).into());
        }
    }
    arguments
}

/// What tells a limit, as two words of the cell's text. A unit is escaped there like a part of a key.
fn limit<'a>(arguments: Arguments<'a>, id: &LimitId) -> Arguments<'a> {
    let key = Key::new("").part(id.unit()).render(&Prefix::default());
    let unit = key.strip_prefix("{:").and_then(|key| key.strip_suffix('}')).unwrap_or(&key);
    arguments.text(unit).micros(id.period())
}

/// An epoch as the cell's text has it: a double does not hold its 64 bits.
fn epoch(epoch: u64) -> String {
    format!("{epoch:016x}")
}
