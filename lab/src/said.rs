//! What a worker says, line by line.

use std::fmt;
use std::str::FromStr;

use stitchapi::Tick;

/// One line of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// What its clocks read, one after the other.
    Clocks {
        /// The boot clock.
        boot: Tick,
        /// The wall clock, in microseconds since 1970.
        wall: u64,
    },
    /// A request was handed to the transport.
    Start {
        /// The reading of the clock that passed the lateness test.
        at: Tick,
        /// What it cost.
        units: u32,
    },
    /// A call is over.
    Call {
        /// When it was made.
        asked: Tick,
        /// When it was over.
        over: Tick,
        /// `ok`, the kind of its error, the status of an answer, or `dropped`.
        outcome: String,
    },
    /// Something else happened in the throttle.
    Event {
        /// When.
        at: Tick,
        /// What, in one line.
        what: String,
    },
    /// All has been said.
    Done,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clocks { boot, wall } => write!(f, "clocks {} {wall}", boot.0),
            Self::Start { at, units } => write!(f, "start {} {units}", at.0),
            Self::Call { asked, over, outcome } => write!(f, "call {} {} {outcome}", asked.0, over.0),
            Self::Event { at, what } => write!(f, "event {} {what}", at.0),
            Self::Done => f.write_str("done"),
        }
    }
}

/// Reads what its `Display` writes.
impl FromStr for Said {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let unknown = || format!("a worker says {line:?}");
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (first, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let tick = |text: &str| text.parse().map(Tick).map_err(|_| unknown());
        Ok(match what {
            "clocks" => Self::Clocks { boot: tick(first)?, wall: rest.parse().map_err(|_| unknown())? },
            "start" => Self::Start { at: tick(first)?, units: rest.parse().map_err(|_| unknown())? },
            "call" => {
                let (over, outcome) = rest.split_once(' ').ok_or_else(unknown)?;
                Self::Call { asked: tick(first)?, over: tick(over)?, outcome: outcome.to_owned() }
            }
            "event" => Self::Event { at: tick(first)?, what: rest.to_owned() },
            "done" => Self::Done,
            _ => return Err(unknown()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        let said = [
            Said::Clocks { boot: Tick(1), wall: 2 },
            Said::Start { at: Tick(3), units: 4 },
            Said::Call { asked: Tick(5), over: Tick(6), outcome: "status 429".to_owned() },
            Said::Event { at: Tick(7), what: "Late { by: 1ms }".to_owned() },
            Said::Done,
        ];
        for said in said {
            assert_eq!(said.to_string().parse(), Ok(said));
        }
        assert!("start x 1".parse::<Said>().is_err());
    }
}
