//! The table, and how a file gets it.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use stitchapi_core::Tick;

use crate::error::Failure;
use crate::patience::Patience;

/// `ends` is in microseconds of the clock named by `clock`: `''` is the wall clock of plain values, anything else the
/// boot whose clock ends the value of a facet. `sweep` says when to look whether the row has ended: then, or earlier,
/// so that a busy cell whose end moves with every booking leaves the index alone.
///
/// Not `STRICT`: the file may be an application's, whose own SQLite may be too old to read a schema with that word.
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

/// Name, type and place in the primary key of every column.
const COLUMNS: [(&str, &str, u32); 5] =
    [("key", "TEXT", 1), ("value", "BLOB", 0), ("ends", "INTEGER", 0), ("clock", "TEXT", 0), ("sweep", "INTEGER", 0)];

/// Opens the file, in write-ahead mode and with our table; makes what is missing.
///
/// A table of our name is looked at before anything is changed. Two processes may open a new file at once: the table
/// and its index are made in one transaction that holds the write lock, and the second finds them.
pub(crate) fn open(path: &Path) -> Result<(Connection, Arc<Patience>), Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    let patience = Patience::on(&mut connection)?;
    patience.asked(Tick::of_boot_clock());
    let found = has_table(&connection)?;
    if connection.is_readonly("main")? {
        return Err(Failure::ReadOnly);
    }
    patience.asked(Tick::of_boot_clock());
    let mode = loop {
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0)) {
            // SQLite does not wait by itself here: two that change the mode at once would wait for each other.
            Err(busy) if busy.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && patience.wait() => {}
            mode => break mode?,
        }
    };
    if mode != "wal" {
        return Err(Failure::NoWal);
    }
    // With a write-ahead log a process that dies loses nothing and a machine that dies the last commits: of facets
    // nothing survives a boot anyway, and plain values are caches.
    connection.pragma_update(None, "synchronous", "normal")?;
    if !found {
        patience.asked(Tick::of_boot_clock());
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !has_table(&transaction)? {
            transaction.execute_batch(CREATE)?;
        }
        transaction.commit()?;
    }
    Ok((connection, patience))
}

/// Whether our table is there; a table or a view of its name with other columns is a failure.
fn has_table(connection: &Connection) -> Result<bool, Failure> {
    let mut columns = connection.prepare("SELECT name, type, pk FROM pragma_table_info('stitchapi')")?;
    let found = columns
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(String, String, u32)>>>()?;
    let ours = || found.iter().map(|(name, sort, key)| (name.as_str(), sort.as_str(), *key)).eq(COLUMNS);
    match found.is_empty() {
        true => Ok(false),
        false if ours() => Ok(true),
        false => Err(Failure::ForeignTable),
    }
}
