//! The table, and its creation in a file.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use stitchapi_core::Tick;

use crate::error::Failure;
use crate::lock_wait::LockWait;

/// Schema of the store.
///
/// * `ends` is the deadline of the value, in microseconds of the clock that `clock` names: `''` is the wall clock, for plain
///   values; any other text is the id of a boot, for values of facets.
/// * `sweep` is the time at which to check the row for expiry: its deadline, or earlier. So a cell whose deadline moves with
///   every booking does not change the index.
/// * The table is not `STRICT`: the file may belong to an application whose SQLite is too old for that word.
const CREATE: &str = "
    CREATE TABLE stitchapi (
        key   TEXT    NOT NULL PRIMARY KEY,
        value BLOB    NOT NULL,
        ends  INTEGER,
        clock TEXT    NOT NULL,
        sweep INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX stitchapi_sweep ON stitchapi (clock, sweep);
";

/// Name, type and position in the primary key of each column.
const COLUMNS: [(&str, &str, u32); 5] =
    [("key", "TEXT", 1), ("value", "BLOB", 0), ("ends", "INTEGER", 0), ("clock", "TEXT", 0), ("sweep", "INTEGER", 0)];

/// Opens the file, switches it to write-ahead mode, and creates the table if it is missing.
///
/// A table named `stitchapi` is checked before anything is changed. Two processes may open a new file at once: one
/// transaction creates the table and its index under the write lock, and the second process finds them.
pub(crate) fn open(path: &Path) -> Result<(Connection, Arc<LockWait>), Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    let lock_wait = LockWait::install(&mut connection)?;
    lock_wait.start(Tick::of_boot_clock());
    let found = has_table(&connection)?;
    if connection.is_readonly("main")? {
        return Err(Failure::ReadOnly);
    }
    lock_wait.start(Tick::of_boot_clock());
    let mode = loop {
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0)) {
            // SQLite does not call the busy handler here: two connections that change the mode would wait for each other.
            Err(busy) if busy.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && lock_wait.sleep() => {}
            mode => break mode?,
        }
    };
    if mode != "wal" {
        return Err(Failure::NoWal);
    }
    // With a write-ahead log, a process that dies loses nothing, and a machine that loses power loses the last commits:
    // values of facets do not survive a boot anyway, and plain values are cached responses.
    connection.pragma_update(None, "synchronous", "normal")?;
    if !found {
        lock_wait.start(Tick::of_boot_clock());
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !has_table(&transaction)? {
            transaction.execute_batch(CREATE)?;
        }
        transaction.commit()?;
    }
    Ok((connection, lock_wait))
}

/// Returns `true` if the table exists. A table or a view of its name with other columns is a failure.
fn has_table(connection: &Connection) -> Result<bool, Failure> {
    let mut columns = connection.prepare("SELECT name, type, pk FROM pragma_table_info('stitchapi')")?;
    let found = columns
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(String, String, u32)>>>()?;
    let is_ours = || found.iter().map(|(name, kind, key)| (name.as_str(), kind.as_str(), *key)).eq(COLUMNS);
    match found.is_empty() {
        true => Ok(false),
        false if is_ours() => Ok(true),
        false => Err(Failure::ForeignTable),
    }
}
