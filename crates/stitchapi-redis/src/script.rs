//! The scripts, and how one is run.
//!
//! **Atomic**: Redis runs a script alone, from its start to its end; no other command of anybody comes between its read
//! and its write. A server that dies inside has written all of it or nothing. Each script touches the one key that is
//! declared in `KEYS`, and reads the time once, from the server. Whatever can fail in it comes before its first write, so
//! a script that fails has changed nothing.

use std::borrow::Cow;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use sha1_smol::Sha1;
use stitchapi_core::micros_up;

use crate::client::{ClientError, RedisClient, Reply};
use crate::error::Failure;

/// A script, and the name under which a server keeps it.
pub(crate) struct Script {
    text: &'static str,
    sha: String,
}

macro_rules! scripts {
    ($($name:ident: $($part:literal)+;)+) => {
        $(pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!($(include_str!(concat!("lua/", $part, ".lua"))),+)));)+
    };
}

scripts! {
    SET: "set";
    INCR: "incr";
    WRITE_IF: "write_if";
    ACQUIRE: "lease" "acquire";
    RENEW: "lease" "renew";
    RELEASE: "lease" "release";
    RESERVE: "usual" "pace" "reserve";
    REFUND: "pace" "refund";
    SETTLE: "pace" "settle";
    HOLD: "pace" "hold";
}

/// What a script answers if the value under the key is not its own.
const FOREIGN: Reply = Reply::Bytes(Bytes::from_static(b"corrupt"));

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, sha: Sha1::from(text).digest().to_string() }
    }

    /// Runs it on one key.
    ///
    /// One round trip, and one more where the server does not know the script (yet, or any more): it says so and does
    /// nothing, so the second command repeats nothing.
    pub(crate) async fn run(
        &self,
        client: &dyn RedisClient,
        key: &str,
        arguments: &Arguments<'_>,
    ) -> Result<Reply, Failure> {
        let mut words: Vec<&[u8]> = vec![b"EVALSHA", self.sha.as_bytes(), b"1", key.as_bytes()];
        words.extend(arguments.0.iter().map(|argument| &**argument));
        let reply = match client.command(&words).await {
            Err(ClientError::Server { line, .. }) if line.starts_with("NOSCRIPT") => {
                words[0] = b"EVAL";
                words[1] = self.text.as_bytes();
                client.command(&words).await?
            }
            other => other?,
        };
        if reply == FOREIGN { Err(Failure::Foreign) } else { Ok(reply) }
    }
}

/// The arguments of a script, in order.
#[derive(Debug, Default)]
pub(crate) struct Arguments<'a>(Vec<Cow<'a, [u8]>>);

/// One more than the largest number in a cell, for whatever is larger: the double of a script holds it exactly.
pub(crate) const BEYOND: u64 = 1 << 53;

impl<'a> Arguments<'a> {
    pub(crate) fn bytes(mut self, bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        self.0.push(bytes.into());
        self
    }

    pub(crate) fn text(self, text: impl Into<String>) -> Self {
        self.bytes(text.into().into_bytes())
    }

    /// A number as a script can hold it.
    pub(crate) fn number(self, number: u64) -> Self {
        self.text(number.min(BEYOND).to_string())
    }

    /// Microseconds, rounded up.
    pub(crate) fn micros(self, duration: Duration) -> Self {
        self.number(micros_up(duration))
    }

    /// Milliseconds to live, rounded up; nothing for a value that stays.
    pub(crate) fn ttl(self, ttl: impl Into<Option<Duration>>) -> Self {
        match ttl.into() {
            Some(ttl) => self.number(millis_up(ttl)),
            None => self.text(""),
        }
    }
}

/// The milliseconds of a ttl, rounded up. What Redis cannot add to its clock is cut by [`BEYOND`]: 285,000 years.
fn millis_up(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_rounded_up_never_zero_and_cut_to_what_redis_takes() {
        let millis = |ttl| Arguments::default().ttl(ttl).0;
        assert_eq!(*millis(Some(Duration::from_nanos(1))), [Cow::from(b"1")]);
        assert_eq!(*millis(Some(Duration::from_micros(1_001))), [Cow::from(b"2")]);
        assert_eq!(*millis(Some(Duration::MAX)), [Cow::from(b"9007199254740992")]);
        assert_eq!(*millis(None), [Cow::from(b"")]);
    }

    #[test]
    fn a_script_has_the_name_that_redis_gives_it() {
        assert_eq!(Script::new("return 1").sha, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    }
}
