//! The state of one bucket, and its text in a store.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

use super::limit::LimitId;
use super::process_count::ProcessCount;
use super::strictest::Strictest;
use super::tat::Tat;
use crate::key::{escape, unescape};
use crate::words::Words;
use crate::{StoreTime, micros_up};

/// Format version, the first word of the text. It is the only version so far.
const FORMAT: &str = "1";
/// Shortest ttl of a cell after a write. If a cell is absent before its ttl is over, its state was lost.
pub(super) const MIN_TTL: Duration = Duration::from_secs(3600);
/// Epoch of a cell that contains only a hold: no request has booked in it.
const HOLD_ONLY_EPOCH: u64 = 0;

/// State of one bucket.
///
/// The text is one line of words:
/// `1 epoch seq held_until local_end opens_at max_lateness max_lateness_at window current previous`, then for each
/// limit ` unit period permits permits_at burst burst_at tat remainder`. The epoch is 16 hexadecimal digits, times and
/// durations are microseconds, and the unit is escaped like a part of a [`Key`](crate::Key). Every implementation
/// writes the same bytes for the same cell.
///
/// ```
/// use stitchapi_core::StoreTime;
/// use stitchapi_core::pace::Cell;
///
/// let text = "1 000000000000feed 9 0 0 0 5000 6 4 11 12 calls 1000000 3 7 1 8 42 2";
/// let cell: Cell = text.parse()?;
/// assert_eq!((cell.epoch, cell.seq, cell.limits[0].tat.rounded_up()), (0xfeed, 9, StoreTime(43)));
/// assert_eq!(cell.to_text(), text);
/// # Ok::<(), stitchapi_core::pace::CellError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Identity of this state: random bits, chosen by the request that created the cell, and again by the request that
    /// found that state was lost. 0 for a cell that contains only a hold.
    pub epoch: u64,
    /// Sequence number. Every change on which a booking can depend raises it.
    pub seq: u64,
    /// End of the hold: no call starts earlier.
    pub held_until: StoreTime,
    /// End of an outage: until then, processes that pace alone continue to do so.
    pub local_end: StoreTime,
    /// Earliest start in a new cell, or after an outage.
    pub opens_at: StoreTime,
    /// Maximum lateness of a start, in microseconds: the largest that a process has declared within the last 60 s.
    pub max_lateness: Strictest,
    /// Count of the processes that use the bucket. No booking depends on it, so its changes leave `seq` unchanged.
    pub processes: ProcessCount,
    /// Limits, in the order in which they were first declared.
    pub limits: Vec<LimitState>,
}

/// State of one limit in a [`Cell`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitState {
    /// Identity of the limit.
    pub id: LimitId,
    /// `N`: permits per period, the smallest declared within the last 60 s.
    pub permits: Strictest,
    /// `b`: burst, the smallest declared within the last 60 s.
    pub burst: Strictest,
    /// Theoretical arrival time: the time at which the next permit is due at the full rate.
    pub tat: Tat,
}

impl Cell {
    /// Creates a cell without limits, holds or bookings.
    pub(super) fn empty(epoch: u64, max_lateness: Strictest) -> Self {
        let never = StoreTime(0);
        Self {
            epoch,
            seq: 0,
            held_until: never,
            local_end: never,
            opens_at: never,
            max_lateness,
            processes: ProcessCount::default(),
            limits: Vec::new(),
        }
    }

    /// Creates a cell that contains only a hold. The caller sets the end of the hold.
    pub(super) fn hold_only(now: StoreTime) -> Self {
        Self::empty(HOLD_ONLY_EPOCH, Strictest::declared(0, now))
    }

    /// Returns `true` if the cell contains only a hold.
    pub(super) fn is_hold_only(&self) -> bool {
        self.epoch == HOLD_ONLY_EPOCH
    }

    /// Returns `epoch`, or 1 if it is the epoch that is reserved for cells that contain only a hold.
    pub(super) fn booking_epoch(epoch: u64) -> u64 {
        epoch.max(HOLD_ONLY_EPOCH + 1)
    }

    /// Returns the state of a limit.
    pub(super) fn limit(&self, id: &LimitId) -> Option<&LimitState> {
        self.limits.iter().find(|state| state.id == *id)
    }

    /// Returns the state of a limit, to change it.
    pub(super) fn limit_mut(&mut self, id: &LimitId) -> Option<&mut LimitState> {
        self.limits.iter_mut().find(|state| state.id == *id)
    }

    /// Returns the time for which a store keeps the cell, from `now`: until the latest time in it (of a booking, a hold
    /// or an outage) has passed, and at least an hour.
    #[must_use]
    pub fn ttl(&self, now: StoreTime) -> Duration {
        let tats = self.limits.iter().map(|limit| limit.tat.rounded_up());
        let last = tats.chain([self.held_until, self.local_end, self.opens_at]).max().unwrap_or_default();
        last.since(now).max(MIN_TTL)
    }

    /// Returns the text that a store keeps.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { epoch, seq, held_until, local_end, opens_at, max_lateness, processes, limits } = self;
        let ProcessCount { window, current, previous } = processes;
        let mut text = format!(
            "{FORMAT} {epoch:016x} {seq} {} {} {} {} {} {window} {current} {previous}",
            held_until.0, local_end.0, opens_at.0, max_lateness.value, max_lateness.at.0
        );
        for LimitState { id, permits, burst, tat } in limits {
            text.push(' ');
            escape(id.unit().as_bytes(), b"", &mut text);
            let _ = write!(
                text,
                " {} {} {} {} {} {} {}",
                micros_up(id.period()),
                permits.value,
                permits.at.0,
                burst.value,
                burst.at.0,
                tat.micros,
                tat.remainder
            );
        }
        text
    }
}

/// Parses a text that [`Cell::to_text`] has written, and refuses any other.
impl FromStr for Cell {
    type Err = CellError;

    fn from_str(text: &str) -> Result<Self, CellError> {
        let mut words = Words::new(text);
        match words.next() {
            Some(FORMAT) => parse_cell(words).ok_or(CellError::Damaged),
            Some(newer) if !newer.is_empty() && newer.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err(CellError::NewerFormat)
            }
            _ => Err(CellError::Damaged),
        }
    }
}

/// Parses the words after the format version.
fn parse_cell(mut words: Words<'_>) -> Option<Cell> {
    let mut cell = Cell {
        epoch: words.epoch()?,
        seq: words.number()?,
        held_until: words.time()?,
        local_end: words.time()?,
        opens_at: words.time()?,
        max_lateness: parse_strictest(&mut words, 0)?,
        processes: ProcessCount { window: words.number()?, current: words.u32()?, previous: words.u32()? },
        limits: Vec::new(),
    };
    while let Some(unit) = words.next() {
        let unit = String::from_utf8(unescape(unit)?).ok()?;
        let period = Duration::from_micros(words.number()?);
        let (permits, burst) = (parse_strictest(&mut words, 1)?, parse_strictest(&mut words, 1)?);
        let tat = Tat { micros: words.number()?, remainder: words.u32()? };
        if tat.remainder >= permits.value || period.is_zero() {
            return None;
        }
        cell.limits.push(LimitState { id: LimitId::new(unit, period), permits, burst, tat });
    }
    Some(cell)
}

fn parse_strictest(words: &mut Words<'_>, at_least: u32) -> Option<Strictest> {
    let strictest = Strictest { value: words.u32()?, at: words.time()? };
    (strictest.value >= at_least).then_some(strictest)
}

/// Failure to parse a [`Cell`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CellError {
    /// [`Cell::to_text`] has not written the text, or it was changed since.
    Damaged,
    /// A newer version of the library wrote the text. A new cell must not replace it, because processes of both
    /// versions would then spend a budget each.
    NewerFormat,
}

impl fmt::Display for CellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "the text is not a pacing cell of format 1",
            Self::NewerFormat => "the pacing cell has a newer format; update this process",
        })
    }
}

impl Error for CellError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell() -> Cell {
        let id = LimitId::new("a b", Duration::from_secs(1));
        let (permits, burst) = (Strictest { value: 3, at: StoreTime(7) }, Strictest { value: 1, at: StoreTime(8) });
        let tat = Tat { micros: 42, remainder: 2 };
        Cell {
            epoch: 0xfeed,
            seq: 9,
            held_until: StoreTime(1),
            local_end: StoreTime(2),
            opens_at: StoreTime(3),
            max_lateness: Strictest { value: 5_000, at: StoreTime(6) },
            processes: ProcessCount { window: 4, current: 11, previous: 12 },
            limits: vec![LimitState { id, permits, burst, tat }],
        }
    }

    #[test]
    fn the_text_has_the_documented_form_and_parses_back() {
        let text = cell().to_text();
        assert_eq!(text, "1 000000000000feed 9 1 2 3 5000 6 4 11 12 a%20b 1000000 3 7 1 8 42 2");
        assert_eq!(text.parse(), Ok(cell()));
    }

    #[test]
    fn a_newer_format_has_an_error_of_its_own() {
        assert_eq!("2 whatever".parse::<Cell>(), Err(CellError::NewerFormat));
        assert_eq!("hello".parse::<Cell>(), Err(CellError::Damaged));
        assert_eq!("".parse::<Cell>(), Err(CellError::Damaged));
    }

    #[test]
    fn a_text_that_is_cut_inside_a_limit_is_damaged() {
        let text = cell().to_text();
        let (head, _) = text.split_once(" a%20b").unwrap();
        for end in head.len() + 1..text.len() - 2 {
            assert_eq!(text[..end].parse::<Cell>(), Err(CellError::Damaged), "{}", &text[..end]);
        }
    }

    proptest! {
        #[test]
        fn parsing_any_text_never_panics(text in "[0-9a-f% ]{0,80}") {
            let _ = text.parse::<Cell>();
        }
    }
}
