//! The lines that a worker prints and the test reads.

use std::fmt;
use std::str::FromStr;

use stitchapi::Tick;

/// One line of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Readings of the clocks of the worker, one after the other.
    Clocks {
        /// Boot clock.
        boot: Tick,
        /// Wall clock in microseconds since 1970.
        wall: u64,
    },
    /// The throttle passed a request to the transport.
    Start {
        /// Reading of the clock that the lateness check used.
        at: Tick,
        /// Cost in units.
        units: u32,
    },
    /// A call ended.
    Call {
        /// Begin of the call.
        asked: Tick,
        /// End of the call.
        over: Tick,
        /// `ok`, the kind of the error, the status of a response, or `dropped`.
        outcome: String,
    },
    /// Another event of the throttle.
    Event {
        /// Time of the event.
        at: Tick,
        /// The event in one line.
        text: String,
    },
    /// The worker ends; this is its last line.
    Done,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clocks { boot, wall } => write!(f, "clocks {} {wall}", boot.0),
            Self::Start { at, units } => write!(f, "start {} {units}", at.0),
            Self::Call { asked, over, outcome } => write!(f, "call {} {} {outcome}", asked.0, over.0),
            Self::Event { at, text } => write!(f, "event {} {text}", at.0),
            Self::Done => f.write_str("done"),
        }
    }
}

/// Parses what `Display` writes.
impl FromStr for Message {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let unknown = || format!("a worker printed {line:?}, which is not a message");
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (first, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let tick = |text: &str| text.parse().map(Tick).map_err(|_| unknown());
        Ok(match kind {
            "clocks" => Self::Clocks { boot: tick(first)?, wall: rest.parse().map_err(|_| unknown())? },
            "start" => Self::Start { at: tick(first)?, units: rest.parse().map_err(|_| unknown())? },
            "call" => {
                let (over, outcome) = rest.split_once(' ').ok_or_else(unknown)?;
                Self::Call { asked: tick(first)?, over: tick(over)?, outcome: outcome.to_owned() }
            }
            "event" => Self::Event { at: tick(first)?, text: rest.to_owned() },
            "done" => Self::Done,
            _ => return Err(unknown()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_message_is_parsed_back() {
        let messages = [
            Message::Clocks { boot: Tick(1), wall: 2 },
            Message::Start { at: Tick(3), units: 4 },
            Message::Call { asked: Tick(5), over: Tick(6), outcome: "status 429".to_owned() },
            Message::Event { at: Tick(7), text: "Late { by: 1ms }".to_owned() },
            Message::Done,
        ];
        for message in messages {
            assert_eq!(message.to_string().parse(), Ok(message));
        }
        assert!("start x 1".parse::<Message>().is_err());
    }
}
