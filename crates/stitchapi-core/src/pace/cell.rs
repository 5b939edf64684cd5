//! The state of one bucket, and its text.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

use super::{LimitId, ProcessCount};
use crate::key::{escape, unescape};
use crate::time::LARGEST;
use crate::{StoreTime, micros_up};

/// The text's first word: the only format so far.
const FORMAT: &str = "1";
/// A cell lives at least this long after its last change, so that losing it while it matters is rare.
pub(super) const LONGEVITY: Duration = Duration::from_secs(3600);
/// How long a stricter setting holds after somebody brought it last.
const STRICT_FOR: Duration = Duration::from_secs(60);
/// How old the stamp of a setting may grow before it is renewed: a touch that changes nothing else writes nothing.
const STAMP_GRAIN: Duration = Duration::from_secs(1);

/// The state of one bucket.
///
/// Its text is one line of words, the same bytes whoever writes it:
/// `1 epoch seq held_until local_end fresh_until guard guard_at window current previous`, then for each limit
/// ` unit period permits permits_at burst burst_at tat remainder`; the epoch as 16 hexadecimal digits, times and
/// durations in microseconds, the unit escaped like a part of a [`Key`](crate::Key).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Chosen at random by whoever created this cell, and again whenever state was lost. 0: only a hold so far.
    pub epoch: u64,
    /// Goes up with every change that a booking could depend on.
    pub seq: u64,
    /// Nobody starts before this.
    pub held_until: StoreTime,
    /// Workers that pace alone during an outage do so until this.
    pub local_end: StoreTime,
    /// The first slot of a new cell is no earlier.
    pub fresh_until: StoreTime,
    /// How late a start may be, in microseconds: the largest that anybody brought lately.
    pub guard: Strictest,
    /// How many processes have asked lately. No booking depends on it, so it leaves `seq` alone.
    pub processes: ProcessCount,
    /// The limits, in the order in which they were first brought.
    pub limits: Vec<LimitState>,
}

/// One limit's part of a [`Cell`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitState {
    /// Which limit.
    pub id: LimitId,
    /// `N`, the smallest that anybody brought lately.
    pub permits: Strictest,
    /// `b`, the smallest that anybody brought lately.
    pub burst: Strictest,
    /// When the next permit would be due if nobody ever paused.
    pub tat: Tat,
}

/// The strictest value of a setting that somebody brought within the last 60 s, and when.
///
/// During a rolling deploy two configurations of one bucket meet here, and the stricter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strictest {
    /// The value in force.
    pub value: u32,
    /// When it was brought last, to about a second.
    pub at: StoreTime,
}

impl Strictest {
    pub(super) fn declared(value: u32, now: StoreTime) -> Self {
        Self { value, at: now }
    }

    /// Somebody brings `value` now.
    pub(super) fn declare(self, value: u32, now: StoreTime, stricter: fn(u32, u32) -> u32) -> Self {
        let at = self.at.min(now);
        let strict = if now.since(at) > STRICT_FOR { value } else { stricter(self.value, value) };
        let renew = strict == value && (strict != self.value || now.since(at) >= STAMP_GRAIN);
        Self { value: strict, at: if renew { now } else { at } }
    }

    /// Whether somebody brought it within the last 60 s.
    pub(super) fn holds(self, now: StoreTime) -> bool {
        now.since(self.at) <= STRICT_FOR
    }
}

/// A theoretical arrival time: whole microseconds and a remainder in `1/N` microsecond, so that nothing is ever rounded
/// away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Tat {
    /// Whole microseconds of the store's clock.
    pub micros: u64,
    /// The rest, in `1/N` microsecond, below `N`.
    pub remainder: u32,
}

impl Tat {
    /// The next whole microsecond.
    #[must_use]
    pub fn rounded_up(self) -> StoreTime {
        StoreTime(self.micros + u64::from(self.remainder > 0))
    }
}

impl Cell {
    /// How long a store keeps the cell from `now`: until its last booking and its hold are over, and an hour at least.
    #[must_use]
    pub fn ttl(&self, now: StoreTime) -> Duration {
        let ends = self.limits.iter().map(|limit| limit.tat.rounded_up());
        let last = ends.chain([self.held_until, self.local_end, self.fresh_until]).max().unwrap_or_default();
        last.since(now).max(LONGEVITY)
    }

    /// The text that a store keeps.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { epoch, seq, held_until, local_end, fresh_until, guard, processes, limits } = self;
        let mut text = format!(
            "{FORMAT} {epoch:016x} {seq} {} {} {} {} {} {} {} {}",
            held_until.0,
            local_end.0,
            fresh_until.0,
            guard.value,
            guard.at.0,
            processes.window,
            processes.current,
            processes.previous
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

/// Reads what [`Cell::to_text`] writes, and nothing else.
impl FromStr for Cell {
    type Err = CellError;

    fn from_str(text: &str) -> Result<Self, CellError> {
        let mut words = Words(text.split(' '));
        match words.0.next() {
            Some(FORMAT) => {}
            Some(newer) if !newer.is_empty() && newer.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(CellError::NewerFormat);
            }
            _ => return Err(CellError::Damaged),
        }
        let epoch = words.0.next().filter(|epoch| epoch.len() == 16).ok_or(CellError::Damaged)?;
        let epoch = u64::from_str_radix(epoch, 16).map_err(|_| CellError::Damaged)?;
        let mut cell = Self {
            epoch,
            seq: words.number()?,
            held_until: words.time()?,
            local_end: words.time()?,
            fresh_until: words.time()?,
            guard: words.strictest(0)?,
            processes: ProcessCount { window: words.number()?, current: words.small()?, previous: words.small()? },
            limits: Vec::new(),
        };
        while let Some(unit) = words.0.next() {
            let unit = unescape(unit).and_then(|unit| String::from_utf8(unit).ok()).ok_or(CellError::Damaged)?;
            let period = Duration::from_micros(words.number()?);
            let (permits, burst) = (words.strictest(1)?, words.strictest(1)?);
            let tat = Tat { micros: words.number()?, remainder: words.small()? };
            if tat.remainder >= permits.value || period.is_zero() {
                return Err(CellError::Damaged);
            }
            cell.limits.push(LimitState { id: LimitId::new(unit, period), permits, burst, tat });
        }
        Ok(cell)
    }
}

struct Words<'a>(std::str::Split<'a, char>);

impl Words<'_> {
    fn number(&mut self) -> Result<u64, CellError> {
        let word = self.0.next().ok_or(CellError::Damaged)?;
        word.parse().ok().filter(|number| *number <= LARGEST).ok_or(CellError::Damaged)
    }

    fn small(&mut self) -> Result<u32, CellError> {
        u32::try_from(self.number()?).map_err(|_| CellError::Damaged)
    }

    fn time(&mut self) -> Result<StoreTime, CellError> {
        self.number().map(StoreTime)
    }

    fn strictest(&mut self, at_least: u32) -> Result<Strictest, CellError> {
        let strictest = Strictest { value: self.small()?, at: self.time()? };
        if strictest.value < at_least { Err(CellError::Damaged) } else { Ok(strictest) }
    }
}

/// A text that is no cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CellError {
    /// It was not written by [`Cell::to_text`], or something happened to it.
    Damaged,
    /// A newer version wrote it. Not a fresh cell: that would run two budgets.
    NewerFormat,
}

impl fmt::Display for CellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "not a pacing cell",
            Self::NewerFormat => "a pacing cell of a newer format",
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
            fresh_until: StoreTime(3),
            guard: Strictest { value: 5_000, at: StoreTime(6) },
            processes: ProcessCount { window: 4, current: 11, previous: 12 },
            limits: vec![LimitState { id, permits, burst, tat }],
        }
    }

    #[test]
    fn the_text_is_words_that_a_person_can_read() {
        let text = cell().to_text();
        assert_eq!(text, "1 000000000000feed 9 1 2 3 5000 6 4 11 12 a%20b 1000000 3 7 1 8 42 2");
        assert_eq!(text.parse(), Ok(cell()));
    }

    #[test]
    fn a_newer_format_is_not_a_damaged_one() {
        assert_eq!("2 whatever".parse::<Cell>(), Err(CellError::NewerFormat));
        assert_eq!("hello".parse::<Cell>(), Err(CellError::Damaged));
        assert_eq!("".parse::<Cell>(), Err(CellError::Damaged));
    }

    #[test]
    fn a_cut_text_is_damaged_wherever_it_is_cut_inside_a_limit() {
        let text = cell().to_text();
        let (head, _) = text.split_once(" a%20b").unwrap();
        for end in head.len() + 1..text.len() - 2 {
            assert_eq!(text[..end].parse::<Cell>(), Err(CellError::Damaged), "{}", &text[..end]);
        }
    }

    #[test]
    fn the_stricter_setting_holds_until_nobody_brought_it_for_a_minute() {
        let second = |n: u64| StoreTime(n * 1_000_000);
        let ten = Strictest::declared(10, second(0));
        let still = ten.declare(20, second(60), u32::min);
        assert_eq!(still, ten);
        assert_eq!(still.declare(20, second(61), u32::min), Strictest::declared(20, second(61)));
        assert_eq!(ten.declare(10, second(30), u32::min).at, second(30));
    }

    proptest! {
        #[test]
        fn reading_any_text_never_panics(text in "[0-9a-f% ]{0,80}") {
            let _ = text.parse::<Cell>();
        }
    }
}
