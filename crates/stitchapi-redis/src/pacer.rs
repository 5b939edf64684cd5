//! The facet that books start times. The stored value is the byte `p` and the text of
//! [`Cell`](stitchapi_core::pace::Cell).

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::str;
use std::time::Duration;

use stitchapi_core::pace::{Booking, LimitId, ProcessCount, Rejoin, Reservation, ReserveRequest};
use stitchapi_core::{Key, Pacer, Prefix, StoreError, StoreTime, async_trait, micros_up};

use crate::RedisStore;
use crate::client::Reply;
use crate::error::Failure;
use crate::script::{Arguments, BEYOND, HOLD, REFUND, RESERVE, SETTLE, Script};

/// Largest correction of a charge.
const MAX_DELTA: i64 = u32::MAX as i64;

impl RedisStore {
    async fn book(&self, key: &Key, request: &ReserveRequest) -> Result<Reservation, Failure> {
        let reply = self.run_to_array(&RESERVE, key, &Arguments::default().text(encode(request))).await?;
        let [Reply::Int(now), Reply::Int(e_min), Reply::Int(granted), Reply::Bytes(cell)] = &*reply else {
            return Err(Failure::UnexpectedReply);
        };
        let number = |number: &i64| u64::try_from(*number).map_err(|_| Failure::UnexpectedReply);
        let (now, e_min) = (StoreTime(number(now)?), StoreTime(number(e_min)?));
        // The numbers of a script end at 2^53, those of a request do not.
        let e_min = e_min.max(now + request.lead).max(request.not_before.unwrap_or_default());
        // A negative number says that nothing was written.
        let counted = (*granted >= 0 && request.counts).then(|| ProcessCount::window_at(now));
        let granted = usize::try_from((*granted).max(0)).map_err(|_| Failure::UnexpectedReply)?;
        let text = str::from_utf8(cell).ok().and_then(|value| value.strip_prefix('p'));
        let cell = text.and_then(|text| text.parse().ok()).ok_or(Failure::Foreign)?;
        Ok(Reservation { now, e_min, cell, granted, counted })
    }

    /// Runs a script whose reply is an array that begins with the time.
    async fn run_to_array(&self, script: &Script, key: &Key, arguments: &Arguments<'_>) -> Result<Vec<Reply>, Failure> {
        match self.run(script, key, arguments).await? {
            Reply::Array(reply) => Ok(reply),
            _ => Err(Failure::UnexpectedReply),
        }
    }
}

#[async_trait]
impl Pacer for RedisStore {
    async fn reserve(&self, key: &Key, request: &ReserveRequest) -> Result<Reservation, StoreError> {
        self.book(key, request).await.map_err(|failure| failure.of("reserve"))
    }

    async fn refund(&self, key: &Key, booking: &Booking) -> Result<bool, StoreError> {
        let mut arguments = Arguments::default().text(epoch(booking.epoch)).number(booking.seq);
        for (id, tat) in &booking.tats {
            arguments = limit(arguments, id).number(tat.micros).number(tat.remainder.into());
        }
        let reply = self.run_to_array(&REFUND, key, &arguments).await.map_err(|failure| failure.of("refund"))?;
        Ok(reply.last() == Some(&Reply::Int(1)))
    }

    async fn settle(&self, key: &Key, id: &LimitId, delta: i64) -> Result<(), StoreError> {
        let arguments = limit(Arguments::default(), id).text(delta.clamp(-MAX_DELTA, MAX_DELTA).to_string());
        self.run_to_array(&SETTLE, key, &arguments).await.map(drop).map_err(|failure| failure.of("settle"))
    }

    async fn hold(&self, key: &Key, until: StoreTime, cap: Duration) -> Result<(), StoreError> {
        let arguments = Arguments::default().number(until.0).micros(cap);
        self.run_to_array(&HOLD, key, &arguments).await.map(drop).map_err(|failure| failure.of("hold"))
    }
}

/// Encodes the argument of the script `reserve`: one line of words, in the order that the script documents.
fn encode(request: &ReserveRequest) -> String {
    let mut words = Words(String::with_capacity(256));
    words.number(micros_up(request.max_lateness).min(u32::MAX.into()));
    words.micros(request.horizon);
    words.number(request.not_before.unwrap_or_default().0);
    words.micros(request.lead);
    words.number(request.expires.map_or(u64::MAX, |expires| expires.0));
    words.micros(request.max_hold);
    words.word(epoch(request.epoch_if_new.max(1)));
    words.micros(request.initial_delay);
    match request.rejoin {
        Some(Rejoin { alone_for, pause, since }) => {
            words.micros(alone_for);
            words.micros(pause);
            words.number(since.0);
        }
        None => words.word("- - -"),
    }
    match &request.snapshot {
        Some(snapshot) => {
            words.word(epoch(snapshot.epoch));
            words.number(snapshot.seq);
            words.number(snapshot.kept_until().0);
        }
        None => words.word("- 0 0"),
    }
    match request.counted {
        _ if !request.counts => words.word("*"),
        Some(window) => words.number(window),
        None => words.word("-"),
    }
    words.number(request.limits.len() as u64);
    for (index, limit) in request.limits.iter().enumerate() {
        words.word(unit(&limit.id));
        words.micros(limit.id.period());
        words.number(limit.permits.max(1).into());
        words.number(limit.burst.max(1).into());
        let snapshot = request.snapshot.as_ref().and_then(|snapshot| snapshot.tats.get(index));
        words.number(snapshot.map_or(0, |tat| tat.0));
    }
    for run in request.calls.chunk_by(|a, b| a == b) {
        words.number(run.len() as u64);
        for index in 0..request.limits.len() {
            words.number(run[0].0.get(index).copied().unwrap_or(0).into());
        }
    }
    words.0
}

/// Line of words.
struct Words(String);

impl Words {
    /// Adds a word.
    fn word(&mut self, word: impl Display) {
        let space = if self.0.is_empty() { "" } else { " " };
        let _ = write!(self.0, "{space}{word}");
    }

    /// Adds a number, at most [`BEYOND`].
    fn number(&mut self, number: u64) {
        self.word(number.min(BEYOND));
    }

    /// Adds a duration in microseconds, rounded up.
    fn micros(&mut self, duration: Duration) {
        self.number(micros_up(duration));
    }
}

/// Adds the id of a limit: its unit and its period, as in the text of the cell.
fn limit<'a>(arguments: Arguments<'a>, id: &LimitId) -> Arguments<'a> {
    arguments.text(unit(id)).micros(id.period())
}

/// Returns the unit of a limit, escaped like a part of a key.
fn unit(id: &LimitId) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    if !id.unit().is_empty() && id.unit().bytes().all(is_plain) {
        return id.unit().into();
    }
    let key = Key::new("").part(id.unit()).render(&Prefix::default());
    key.trim_start_matches("{:").trim_end_matches('}').to_owned().into()
}

/// Returns an epoch as in the text of the cell: the doubles of Lua do not hold its 64 bits.
fn epoch(epoch: u64) -> String {
    format!("{epoch:016x}")
}
