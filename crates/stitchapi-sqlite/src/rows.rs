//! The operations on the rows of the table, each in one transaction.
//!
//! `store` runs these functions on the thread of `worker`. Plain values have the wall clock, values of facets the boot
//! clock (`schema`).

use std::time::Duration;

use bytes::Bytes;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};
use stitchapi_core::{Change, MAX_OVERHEAD, StoreTime};

use crate::clock::{Clock, to_column};
use crate::error::Failure;
use crate::worker::Session;

/// Longest value in bytes. A longer one would not be written within the library's timeout of 250 ms, and would delay the
/// bookings of all processes.
pub(crate) const MAX_VALUE: usize = 32 << 20;

/// Maximum number of expired rows of each kind that one write deletes: more than it adds, so expired rows do not accumulate.
const MAX_DELETED_PER_WRITE: u32 = 4;

const SELECT: &str = "SELECT value, ends, clock, sweep FROM stitchapi WHERE key = ?1";
const UPSERT: &str = "
    INSERT INTO stitchapi (key, value, ends, clock, sweep) VALUES (?1, ?2, ?3, ?4, ?3)
    ON CONFLICT (key) DO UPDATE
    SET value = excluded.value, ends = excluded.ends, clock = excluded.clock, sweep = excluded.sweep";
const REPLACE_VALUE: &str = "UPDATE stitchapi SET value = ?2, ends = ?3 WHERE key = ?1";
const DELETE: &str = "DELETE FROM stitchapi WHERE key = ?1";
const SELECT_DUE: &str = "SELECT key, ends FROM stitchapi WHERE clock = ?1 AND sweep <= ?2 ORDER BY sweep LIMIT ?3";
const MOVE_SWEEP: &str = "UPDATE stitchapi SET sweep = ?2 WHERE key = ?1";
/// Two ranges of the index instead of `<>`, which would scan all rows of this boot.
const DELETE_OTHER_BOOTS: &str = "
    DELETE FROM stitchapi WHERE key IN (
        SELECT key FROM stitchapi WHERE clock > '' AND clock < ?1
        UNION ALL SELECT key FROM stitchapi WHERE clock > ?1
        LIMIT ?2)";

/// State of a row at the current time.
enum RowState<'a> {
    /// Plain value.
    Plain(&'a [u8]),
    /// Value of a facet, and the time of its sweep.
    Facet(&'a [u8], Option<i64>),
    /// Expired value of a facet, with the time of its sweep.
    ExpiredFacet(Option<i64>),
    /// Expired plain value, or the value of a facet from another boot, which is lost state.
    Absent,
}

fn state_of<'a>(row: &'a Row<'_>, clock: &Clock, now: StoreTime) -> Result<RowState<'a>, Failure> {
    let deadline = row.get_ref(1)?.as_i64_or_null()?;
    let is_expired = |now| deadline.is_some_and(|deadline| deadline <= to_column(now));
    Ok(match row.get_ref(2)?.as_str()? {
        "" if is_expired(clock.wall()) => RowState::Absent,
        "" => RowState::Plain(row.get_ref(0)?.as_blob()?),
        boot if boot != clock.boot() => RowState::Absent,
        _ if is_expired(now) => RowState::ExpiredFacet(row.get_ref(3)?.as_i64_or_null()?),
        _ => RowState::Facet(row.get_ref(0)?.as_blob()?, row.get_ref(3)?.as_i64_or_null()?),
    })
}

/// Reads a plain value without the write lock. With a write-ahead log a reader sees the last commit and never waits.
pub(crate) fn get(session: &Session, key: &str) -> Result<Option<Bytes>, Failure> {
    let mut select = session.connection.prepare_cached(SELECT)?;
    let mut rows = select.query([key])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    match state_of(row, &session.clock, session.clock.now())? {
        RowState::Plain(value) => Ok(Some(Bytes::copy_from_slice(value))),
        RowState::Facet(..) => Err(Failure::OtherKind),
        RowState::ExpiredFacet(_) | RowState::Absent => Ok(None),
    }
}

/// Writes a plain value.
///
/// Atomicity: `BEGIN IMMEDIATE` acquires the file's only write lock, so no facet can write the key between the check and the
/// write. If the process dies before the commit, the log has frames that no reader uses; after it the whole change is
/// stored.
pub(crate) fn set(session: &mut Session, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<(), Failure> {
    let (transaction, clock) = session.begin()?;
    let (now, wall) = (clock.now(), clock.wall());
    let facet = transaction
        .prepare_cached("SELECT 1 FROM stitchapi WHERE key = ?1 AND clock = ?2 AND (ends IS NULL OR ends > ?3)")?
        .query_row(params![key, clock.boot(), to_column(now)], |_| Ok(()))
        .optional()?;
    if facet.is_some() {
        return Err(Failure::OtherKind);
    }
    let deadline = ttl.map(|ttl| to_column(wall + ttl));
    transaction.prepare_cached(UPSERT)?.execute(params![key, value, deadline, ""])?;
    sweep(&transaction, clock, now)?;
    transaction.commit()?;
    Ok(())
}

/// Deletes a value of any kind.
pub(crate) fn delete(session: &mut Session, key: &str) -> Result<(), Failure> {
    let (transaction, _) = session.begin()?;
    transaction.prepare_cached(DELETE)?.execute([key])?;
    transaction.commit()?;
    Ok(())
}

/// Reads a value of a facet, applies `step`, and writes the result.
///
/// Atomicity: `BEGIN IMMEDIATE` acquires the file's only write lock before the row is read, and holds it until the commit,
/// so no process changes the row in between. The time is read while the lock is held, from a clock that all processes share
/// and that cannot be set, so a later holder never reads an earlier time. If the process dies before the commit, the log has
/// frames that no reader uses, and the kernel releases the lock; after it the whole change is stored.
pub(crate) fn update<R>(
    session: &mut Session,
    key: &str,
    step: impl Fn(Option<&[u8]>, StoreTime) -> (Change, R),
) -> Result<R, Failure> {
    let (transaction, clock) = session.begin()?;
    let now = clock.now();
    let mut select = transaction.prepare_cached(SELECT)?;
    let mut rows = select.query([key])?;
    let state = rows.next()?.map(|row| state_of(row, clock, now)).transpose()?;
    let (value, stored_sweep) = match state {
        Some(RowState::Plain(_)) => return Err(Failure::OtherKind),
        Some(RowState::Facet(value, sweep)) => (Some(value), sweep),
        Some(RowState::ExpiredFacet(sweep)) => (None, sweep),
        Some(RowState::Absent) | None => (None, None),
    };
    let (change, reply) = step(value, now);
    drop(rows);
    drop(select);
    match change {
        Change::Keep => return Ok(reply),
        Change::Delete => {
            transaction.prepare_cached(DELETE)?.execute([key])?;
        }
        Change::Put(value, _) if value.len() > MAX_VALUE + MAX_OVERHEAD => return Err(Failure::LongValue),
        Change::Put(value, ttl) => {
            let deadline = ttl.map(|ttl| to_column(now + ttl));
            // An early sweep moves itself to the deadline, so the index need not change.
            let is_early = stored_sweep.is_some_and(|sweep| deadline.is_some_and(|deadline| sweep <= deadline));
            if is_early {
                transaction.prepare_cached(REPLACE_VALUE)?.execute(params![key, &*value, deadline])?;
            } else {
                transaction.prepare_cached(UPSERT)?.execute(params![key, &*value, deadline, clock.boot()])?;
            }
            sweep(&transaction, clock, now)?;
        }
    }
    transaction.commit()?;
    Ok(reply)
}

/// Deletes a few expired rows of each clock, and a few rows of other boots.
fn sweep(connection: &Connection, clock: &Clock, now: StoreTime) -> rusqlite::Result<()> {
    for (name, now) in [("", clock.wall()), (clock.boot(), now)] {
        let now = to_column(now);
        let mut select = connection.prepare_cached(SELECT_DUE)?;
        let due = select.query_map(params![name, now, MAX_DELETED_PER_WRITE], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let due: Vec<(Value, Value)> = due.collect::<rusqlite::Result<_>>()?;
        for (key, deadline) in due {
            if matches!(deadline, Value::Integer(deadline) if deadline <= now) {
                connection.prepare_cached(DELETE)?.execute([key])?;
            } else {
                connection.prepare_cached(MOVE_SWEEP)?.execute(params![key, deadline])?;
            }
        }
    }
    connection.prepare_cached(DELETE_OTHER_BOOTS)?.execute(params![clock.boot(), MAX_DELETED_PER_WRITE])?;
    Ok(())
}
