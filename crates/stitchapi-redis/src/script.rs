//! The Lua scripts of the operations, and how the store runs one.
//!
//! **Atomicity**: Redis runs a script alone, from its start to its end. No command of any client runs between its read and
//! its write. A server that dies within a script has written all of its changes or none. Each script accesses only the key
//! in `KEYS`, and reads the server's time once. Everything in a script that can fail comes before its first write, so a
//! script that fails has changed nothing. The arguments of each script are named at its top (`lua/`).

use std::borrow::Cow;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use sha1_smol::Sha1;
use stitchapi_core::micros_up;

use crate::client::{ClientError, RedisClient, Reply};
use crate::error::Failure;

/// Lua script, and the SHA-1 under which a server keeps it.
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
    ACQUIRE: "lease_cell" "acquire";
    RENEW: "lease_cell" "renew";
    RELEASE: "lease_cell" "release";
    RESERVE: "reserve_fast_path" "pacing_cell" "reserve";
    REFUND: "pacing_cell" "refund";
    SETTLE: "pacing_cell" "settle";
    HOLD: "pacing_cell" "hold";
}

/// Reply of a script to a value of another kind, or a damaged one.
const FOREIGN: Reply = Reply::Bytes(Bytes::from_static(b"corrupt"));

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, sha: Sha1::from(text).digest().to_string() }
    }

    /// Runs the script on one key.
    ///
    /// It takes one round trip, and a second one where the server does not have the script (yet, or any more). The first
    /// command has done nothing then, so the second one repeats nothing.
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

/// Arguments of a script, in order.
#[derive(Debug, Default)]
pub(crate) struct Arguments<'a>(Vec<Cow<'a, [u8]>>);

/// Number that stands for any number above the largest one in a cell. The doubles of Lua hold it exactly.
pub(crate) const BEYOND: u64 = 1 << 53;

impl<'a> Arguments<'a> {
    /// Adds a word of any bytes.
    pub(crate) fn bytes(mut self, bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        self.0.push(bytes.into());
        self
    }

    /// Adds a word of text.
    pub(crate) fn text(self, text: impl Into<String>) -> Self {
        self.bytes(text.into().into_bytes())
    }

    /// Adds a number, at most [`BEYOND`].
    pub(crate) fn number(self, number: u64) -> Self {
        self.text(number.min(BEYOND).to_string())
    }

    /// Adds a duration in microseconds, rounded up.
    pub(crate) fn micros(self, duration: Duration) -> Self {
        self.number(micros_up(duration))
    }

    /// Adds a ttl in milliseconds, rounded up; an empty word for no ttl.
    pub(crate) fn ttl(self, ttl: impl Into<Option<Duration>>) -> Self {
        match ttl.into() {
            Some(ttl) => self.number(millis_up(ttl)),
            None => self.text(""),
        }
    }
}

/// Returns the milliseconds of a ttl, rounded up. [`Arguments::number`] cuts them to 285,000 years, the longest ttl that
/// Redis accepts.
fn millis_up(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_rounded_up_and_cut_to_the_longest_that_redis_accepts() {
        let millis = |ttl| Arguments::default().ttl(ttl).0;
        assert_eq!(*millis(Some(Duration::from_nanos(1))), [Cow::from(b"1")]);
        assert_eq!(*millis(Some(Duration::from_micros(1_001))), [Cow::from(b"2")]);
        assert_eq!(*millis(Some(Duration::MAX)), [Cow::from(b"9007199254740992")]);
        assert_eq!(*millis(None), [Cow::from(b"")]);
    }

    #[test]
    fn the_sha_of_a_script_is_the_one_that_redis_computes() {
        assert_eq!(Script::new("return 1").sha, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    }
}
