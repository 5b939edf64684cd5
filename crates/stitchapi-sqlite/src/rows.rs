//! What the operations do to the rows, each in one transaction.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};
use stitchapi_core::{Change, ENVELOPE_LEN, StoreTime};

use crate::clock::{Clock, column};
use crate::error::Failure;
use crate::worker::Session;

/// The longest value: longer ones would not be written within the library's timeout of 250 ms, and would hold up
/// everybody else's bookings.
pub(crate) const MAX_VALUE: usize = 32 << 20;

/// At each write so many ended rows go, if there are any: more than are written, so none pile up.
const SWEEP: u32 = 4;

const SELECT: &str = "SELECT value, ends, clock, sweep FROM stitchapi WHERE key = ?1";
const UPSERT: &str = "
    INSERT INTO stitchapi (key, value, ends, clock, sweep) VALUES (?1, ?2, ?3, ?4, ?3)
    ON CONFLICT (key) DO UPDATE
    SET value = excluded.value, ends = excluded.ends, clock = excluded.clock, sweep = excluded.sweep";
const REPLACE_VALUE: &str = "UPDATE stitchapi SET value = ?2, ends = ?3 WHERE key = ?1";
const DELETE: &str = "DELETE FROM stitchapi WHERE key = ?1";
const SELECT_ENDED: &str = "SELECT key, ends FROM stitchapi WHERE clock = ?1 AND sweep <= ?2 ORDER BY sweep LIMIT ?3";
const MOVE_SWEEP: &str = "UPDATE stitchapi SET sweep = ?2 WHERE key = ?1";
/// Two ranges of the index instead of `<>`, which would walk over all of this boot's rows.
const DELETE_OTHER_BOOTS: &str = "
    DELETE FROM stitchapi WHERE key IN (
        SELECT key FROM stitchapi WHERE clock > '' AND clock < ?1
        UNION ALL SELECT key FROM stitchapi WHERE clock > ?1
        LIMIT ?2)";

/// What a row is worth now.
enum Found<'a> {
    Plain(&'a [u8]),
    /// With the time of its sweep.
    Facet(&'a [u8], Option<i64>),
    /// A facet's whose end has come.
    EndedFacet(Option<i64>),
    /// A plain one whose end has come, or a facet's of another boot: lost state.
    Absent,
}

fn found<'a>(row: &'a Row<'_>, clock: &Clock, now: StoreTime) -> Result<Found<'a>, Failure> {
    let ends = row.get_ref(1)?.as_i64_or_null()?;
    let ended = |now| ends.is_some_and(|ends| ends <= column(now));
    Ok(match row.get_ref(2)?.as_str()? {
        "" if ended(clock.wall()) => Found::Absent,
        "" => Found::Plain(row.get_ref(0)?.as_blob()?),
        boot if boot != clock.boot() => Found::Absent,
        _ if ended(now) => Found::EndedFacet(row.get_ref(3)?.as_i64_or_null()?),
        _ => Found::Facet(row.get_ref(0)?.as_blob()?, row.get_ref(3)?.as_i64_or_null()?),
    })
}

/// Reads a plain value, without the write lock: with a write-ahead log a reader sees the last commit and waits for
/// nobody.
pub(crate) fn get(session: &Session, key: &str) -> Result<Option<Bytes>, Failure> {
    let mut select = session.connection.prepare_cached(SELECT)?;
    let mut rows = select.query([key])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    match found(row, &session.clock, session.clock.now())? {
        Found::Plain(value) => Ok(Some(Bytes::copy_from_slice(value))),
        Found::Facet(..) => Err(Failure::OtherSort),
        Found::EndedFacet(_) | Found::Absent => Ok(None),
    }
}

/// Writes a plain value.
///
/// `BEGIN IMMEDIATE` takes the file's only write lock, so no facet can take the key between the look and the write. A
/// process that dies before the commit leaves frames in the log that nobody reads; after it the whole change stands.
pub(crate) fn set(session: &mut Session, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<(), Failure> {
    let (transaction, clock) = session.begin()?;
    let (now, wall) = (clock.now(), clock.wall());
    let facet = transaction
        .prepare_cached("SELECT 1 FROM stitchapi WHERE key = ?1 AND clock = ?2 AND (ends IS NULL OR ends > ?3)")?
        .query_row(params![key, clock.boot(), column(now)], |_| Ok(()))
        .optional()?;
    if facet.is_some() {
        return Err(Failure::OtherSort);
    }
    let ends = ttl.map(|ttl| column(wall + ttl));
    transaction.prepare_cached(UPSERT)?.execute(params![key, value, ends, ""])?;
    sweep(&transaction, clock, now)?;
    transaction.commit()?;
    Ok(())
}

/// Removes a value of any sort.
pub(crate) fn delete(session: &mut Session, key: &str) -> Result<(), Failure> {
    let (transaction, _) = session.begin()?;
    transaction.prepare_cached(DELETE)?.execute([key])?;
    transaction.commit()?;
    Ok(())
}

/// Reads, computes and writes a value of a facet.
///
/// `BEGIN IMMEDIATE` takes the file's only write lock before the row is read and keeps it to the commit: nobody's
/// change comes between, in any process. The time is read while the lock is held, from a clock that all processes
/// share and nobody sets, so a later holder never has an earlier time. A process that dies before the commit leaves
/// frames in the log that nobody reads, and the kernel frees its lock; after the commit the whole change stands.
pub(crate) fn update<R>(
    session: &mut Session,
    key: &str,
    step: impl Fn(Option<&[u8]>, StoreTime) -> (Change, R),
) -> Result<R, Failure> {
    let (transaction, clock) = session.begin()?;
    let now = clock.now();
    let mut select = transaction.prepare_cached(SELECT)?;
    let mut rows = select.query([key])?;
    let row = rows.next()?.map(|row| found(row, clock, now)).transpose()?;
    let (value, kept) = match row {
        Some(Found::Plain(_)) => return Err(Failure::OtherSort),
        Some(Found::Facet(value, sweep)) => (Some(value), sweep),
        Some(Found::EndedFacet(sweep)) => (None, sweep),
        Some(Found::Absent) | None => (None, None),
    };
    let (change, reply) = step(value, now);
    drop(rows);
    drop(select);
    match change {
        Change::Keep => return Ok(reply),
        Change::Delete => {
            transaction.prepare_cached(DELETE)?.execute([key])?;
        }
        Change::Put(value, _) if value.len() > MAX_VALUE + ENVELOPE_LEN => return Err(Failure::LongValue),
        Change::Put(value, ttl) => {
            let ends = ttl.map(|ttl| column(now + ttl));
            // The sweep comes early or in time and will move on by itself.
            if kept.is_some_and(|sweep| ends.is_some_and(|ends| sweep <= ends)) {
                transaction.prepare_cached(REPLACE_VALUE)?.execute(params![key, &*value, ends])?;
            } else {
                transaction.prepare_cached(UPSERT)?.execute(params![key, &*value, ends, clock.boot()])?;
            }
            sweep(&transaction, clock, now)?;
        }
    }
    transaction.commit()?;
    Ok(reply)
}

/// Removes a few rows whose end has come, and a few of other boots.
fn sweep(connection: &Connection, clock: &Clock, now: StoreTime) -> rusqlite::Result<()> {
    for (name, now) in [("", clock.wall()), (clock.boot(), now)] {
        let now = column(now);
        let mut select = connection.prepare_cached(SELECT_ENDED)?;
        let due = select.query_map(params![name, now, SWEEP], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let due: Vec<(Value, Value)> = due.collect::<rusqlite::Result<_>>()?;
        for (key, ends) in due {
            if matches!(ends, Value::Integer(ends) if ends <= now) {
                connection.prepare_cached(DELETE)?.execute([key])?;
            } else {
                connection.prepare_cached(MOVE_SWEEP)?.execute(params![key, ends])?;
            }
        }
    }
    connection.prepare_cached(DELETE_OTHER_BOOTS)?.execute(params![clock.boot(), SWEEP])?;
    Ok(())
}
