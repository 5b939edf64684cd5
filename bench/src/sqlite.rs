//! A booking in the SQLite store beside the bare transaction that it needs, in nanoseconds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_executor::block_on;
use rusqlite::{Connection, TransactionBehavior, params};
use stitchapi_core::pace::{LimitId, LimitSpec, ReserveRequest, limits};
use stitchapi_core::{Key, StitchStore};
use stitchapi_sqlite::SqliteStore;

use crate::comparison::{ComparisonTable, nanos_per_run};

/// Measures one reserve, and one call of 50 in a reserve.
pub fn measure(table: &mut ComparisonTable) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Arc::new(SqliteStore::open(folder.path().join("stitchapi.db")).expect("the file can be opened"));
    let pacer = store.pacer().expect("a SQLite store has a pacer");
    let declared = LimitSpec { id: LimitId::calls(Duration::from_secs(1)), permits: 1_000_000, burst: None };
    let limits = limits(&[declared]).expect("the rate is valid");
    let request = |calls| ReserveRequest::new(limits.clone(), Duration::from_millis(5), 7).with_calls(calls);
    let key = Key::new("bench");
    let reserve = |request: &ReserveRequest| {
        nanos_per_run(500, || drop(block_on(pacer.reserve(&key, request)).expect("the store reserves")))
    };

    let mut connection = open_bare(&folder.path().join("bare.db")).expect("the file can be opened");
    let mut bare = || nanos_per_run(500, || transaction(&mut connection).expect("the transaction commits"));
    let (one, many) = (request(1), request(50));
    table.compare("SQLite, reserve one", || reserve(&one), "bare transaction, same thread", &mut bare);
    table.compare("SQLite, one of 50 in a reserve", || reserve(&many) / 50.0, "bare transaction, same thread", bare);
}

/// Opens a database with the settings of the store. The caller's own thread runs its transactions.
fn open_bare(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.execute_batch("CREATE TABLE t (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")?;
    connection.execute("INSERT INTO t VALUES ('bench', x'00')", [])?;
    Ok(connection)
}

/// Runs the statements that a booking needs: reads one value and writes another.
fn transaction(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value: Vec<u8> =
        transaction.prepare_cached("SELECT value FROM t WHERE key = ?1")?.query_row(["bench"], |row| row.get(0))?;
    let next = vec![value[0].wrapping_add(1); 90];
    transaction.prepare_cached("UPDATE t SET value = ?2 WHERE key = ?1")?.execute(params!["bench", next])?;
    transaction.commit()
}
