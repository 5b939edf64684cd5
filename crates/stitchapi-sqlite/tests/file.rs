//! The content of the file, its clean-up, and failures: locks, other tables, damaged values, other boots.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures_executor::block_on;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use rusqlite::{Connection, Params};
use stitchapi_core::{
    Cells, Change, Key, MAX_OVERHEAD, Prefix, StitchStore, StoreError, StoreErrorKind, StoreTime, Tick, Version,
};
use stitchapi_sqlite::SqliteStore;
use tempfile::TempDir;

/// Environment variable with the file that a child process locks.
const LOCKED_FILE: &str = "STITCHAPI_SQLITE_HOLDER";
const MINUTE: Duration = Duration::from_secs(60);

/// Folder with the file of a store, and further connections to the file.
struct File {
    folder: TempDir,
}

impl File {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
    fn path(&self) -> PathBuf {
        self.folder.path().join("fleet.db")
    }
    fn open(&self) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(self.path()).unwrap())
    }
    fn connect(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }
    fn execute(&self, sql: &str, params: impl Params) -> usize {
        self.connect().execute(sql, params).unwrap()
    }
    fn rows(&self) -> i64 {
        self.connect().query_row("SELECT count(*) FROM stitchapi", [], |row| row.get(0)).unwrap()
    }
}

fn key(name: impl AsRef<[u8]>) -> Key {
    Key::new("test").part(name)
}

fn get(store: &SqliteStore, name: &str) -> Result<Option<Bytes>, StoreError> {
    block_on(store.get(&key(name)))
}

fn set(
    store: &SqliteStore,
    name: impl AsRef<[u8]>,
    value: &'static str,
    ttl: Option<Duration>,
) -> Result<(), StoreError> {
    block_on(store.set(&key(name), value.into(), ttl))
}

fn incr(store: &Arc<SqliteStore>, name: &str) -> Result<u64, StoreError> {
    block_on(store.clone().counter().unwrap().incr(&key(name), MINUTE))
}

fn kind<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
    result.unwrap_err().kind()
}

fn open_error(path: impl AsRef<Path>) -> StoreErrorKind {
    kind(SqliteStore::open(path))
}

#[test]
fn values_and_counts_survive_a_restart_of_the_process() {
    let file = File::new();
    let store = file.open();
    set(&store, "a", "hello", None).unwrap();
    assert_eq!(incr(&store, "n").unwrap(), 1);
    drop(store);
    let store = file.open();
    assert_eq!(get(&store, "a").unwrap().as_deref(), Some(&b"hello"[..]));
    assert_eq!(incr(&store, "n").unwrap(), 2);
}

#[test]
fn the_file_is_closed_when_the_last_clone_is_dropped() {
    let file = File::new();
    let log = file.folder.path().join("fleet.db-wal");
    let store = file.open();
    let clone = store.with_prefix(Prefix::new("other"));
    set(&clone, "a", "hello", None).unwrap();
    drop(store);
    assert!(log.exists());
    drop(clone);
    assert!(!log.exists(), "SQLite removes the log when the last connection is closed");
}

#[test]
fn stores_with_different_prefixes_share_no_keys() {
    let file = File::new();
    let store = file.open();
    set(&store.with_prefix(Prefix::new("mine:")), "a", "hello", None).unwrap();
    assert_eq!(get(&store, "a").unwrap(), None);
    assert_eq!(get(&store.with_prefix(Prefix::new("mine:")), "a").unwrap().as_deref(), Some(&b"hello"[..]));
}

#[test]
fn eight_stores_can_open_a_new_file_at_once() {
    for _ in 0..5 {
        let file = File::new();
        thread::scope(|scope| {
            let counts: Vec<_> = (0..8).map(|_| scope.spawn(|| incr(&file.open(), "n").unwrap())).collect();
            let mut counts: Vec<_> = counts.into_iter().map(|count| count.join().unwrap()).collect();
            counts.sort_unstable();
            assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7, 8]);
        });
    }
}

#[test]
fn a_row_of_a_facet_from_another_boot_is_lost_state() {
    let file = File::new();
    let store = file.open();
    assert_eq!(incr(&store, "n").unwrap(), 1);
    assert_eq!(incr(&store, "n").unwrap(), 2);
    file.execute("UPDATE stitchapi SET clock = 'another boot'", []);
    assert_eq!(get(&store, "n").unwrap(), None);
    assert_eq!(incr(&store, "n").unwrap(), 1);
    assert_eq!(incr(&store, "n").unwrap(), 2);
}

#[test]
fn plain_values_survive_a_boot_and_expire_on_the_wall_clock() {
    let file = File::new();
    let store = file.open();
    let wall = || i64::try_from(StoreTime::from_system_clock().0).unwrap();
    let before = wall();
    set(&store, "a", "hello", Some(MINUTE)).unwrap();
    let after = wall();
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (ends, clock): (i64, String) = file.connect().query_row("SELECT ends, clock FROM stitchapi", [], read).unwrap();
    assert!(before <= ends - 60_000_000 && ends - 60_000_000 <= after);
    assert_eq!(clock, "");
    file.execute("UPDATE stitchapi SET ends = ?1", [after]);
    assert_eq!(get(&store, "a").unwrap(), None);
}

#[test]
fn a_live_key_is_plain_or_of_a_facet_and_an_expired_key_is_free() {
    let file = File::new();
    let store = file.open();
    set(&store, "plain", "hello", None).unwrap();
    incr(&store, "facet").unwrap();
    assert_eq!(kind(incr(&store, "plain")), StoreErrorKind::Corrupt);
    assert_eq!(kind(get(&store, "facet")), StoreErrorKind::Corrupt);
    assert_eq!(kind(set(&store, "facet", "hello", None)), StoreErrorKind::Corrupt);
    assert_eq!(get(&store, "plain").unwrap().as_deref(), Some(&b"hello"[..]));
    assert_eq!(incr(&store, "facet").unwrap(), 2);
    file.execute("UPDATE stitchapi SET ends = 1", []);
    assert_eq!(incr(&store, "plain").unwrap(), 1);
    set(&store, "facet", "hello", None).unwrap();
    block_on(store.delete(&key("plain"))).unwrap();
    block_on(store.delete(&key("facet"))).unwrap();
    assert_eq!(file.rows(), 0);
}

#[test]
fn each_write_deletes_up_to_four_expired_rows() {
    let file = File::new();
    let store = file.open();
    for name in 0..10 {
        set(&store, name.to_string(), "hello", Some(MINUTE)).unwrap();
    }
    file.execute("UPDATE stitchapi SET ends = 1, sweep = 1", []);
    let mut left = Vec::new();
    for _ in 0..4 {
        incr(&store, "n").unwrap();
        left.push(file.rows() - 1);
    }
    assert_eq!(left, [6, 2, 0, 0]);
}

#[test]
fn each_write_deletes_up_to_four_rows_of_other_boots() {
    let file = File::new();
    let store = file.open();
    for name in 0..6 {
        incr(&store, &name.to_string()).unwrap();
        file.execute("UPDATE stitchapi SET clock = ?1", [if name % 2 == 0 { "!" } else { "~" }]);
    }
    set(&store, "a", "hello", None).unwrap();
    set(&store, "b", "hello", None).unwrap();
    assert_eq!(file.rows(), 2);
}

#[test]
fn a_row_that_is_written_often_is_swept_early_and_kept_until_its_deadline() {
    let file = File::new();
    let store = file.open();
    let put = |ttl| block_on(store.update(&key("cell"), move |_, _| (Change::Put("x".into(), ttl), ()))).unwrap();
    let sweep = || {
        let sql = "SELECT sweep, ends FROM stitchapi WHERE clock > ''";
        file.connect()
            .query_row(sql, [], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)))
            .unwrap()
    };
    put(Some(MINUTE));
    let (first, ends) = sweep();
    assert_eq!(first, ends);
    put(Some(2 * MINUTE));
    let (second, ends) = sweep();
    assert!(second == first && ends > first, "the index was not changed");
    file.execute("UPDATE stitchapi SET sweep = 1", []);
    set(&store, "a", "hello", None).unwrap();
    assert_eq!(sweep(), (ends, ends));
    put(Some(MINUTE));
    let (third, shorter) = sweep();
    assert!(third == shorter && shorter < ends, "a shorter ttl moves the sweep");
    put(None);
    assert_eq!(sweep(), (None, None));
}

#[test]
fn a_step_that_panics_changes_nothing_and_the_store_stays_usable() {
    let file = File::new();
    let store = file.open();
    set(&store, "a", "hello", None).unwrap();
    let step = |_: Option<&[u8]>, _| -> (Change, ()) { panic!("a step that panics, on purpose") };
    let error = block_on(store.update(&key("n"), step)).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (StoreErrorKind::Unavailable, "update"));
    assert_eq!(incr(&store, "n").unwrap(), 1);
}

#[test]
fn a_future_that_is_dropped_before_its_operation_starts_changes_nothing() {
    let file = File::new();
    let store = file.open();
    let other = file.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (a, b) = (key("a"), key("b"));
    let mut first = store.set(&a, "hello".into(), None);
    assert!((&mut first).now_or_never().is_none());
    assert!(store.set(&b, "hello".into(), None).now_or_never().is_none());
    other.execute_batch("COMMIT").unwrap();
    block_on(first).unwrap();
    assert!(get(&store, "a").unwrap().is_some());
    assert!(get(&store, "b").unwrap().is_none());
}

/// Tolerance: 200 ms beyond the 200 ms that an operation waits.
#[test]
fn a_stuck_lock_fails_the_whole_queue_at_once_and_reads_succeed() {
    let file = File::new();
    let store = file.open();
    set(&store, "a", "hello", None).unwrap();
    let other = file.connect();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(get(&store, "a").unwrap().is_some());
    let start = Tick::of_boot_clock();
    let counter = store.clone().counter().unwrap();
    let key = key("n");
    let all = block_on(join_all((0..50).map(|_| counter.incr(&key, MINUTE))));
    let took = Tick::of_boot_clock().since(start);
    for result in all {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    }
    assert!(took < Duration::from_millis(400), "{took:?}");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(incr(&store, "n").unwrap(), 1);
}

/// Child process: holds a transaction open until it is killed.
#[test]
fn child_process_that_holds_the_lock() {
    let Ok(path) = std::env::var(LOCKED_FILE) else { return };
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE; DELETE FROM stitchapi").unwrap();
    println!("\nheld");
    thread::park();
}

#[test]
fn a_process_inside_a_transaction_is_an_outage_until_it_dies() {
    let file = File::new();
    let store = file.open();
    assert_eq!(incr(&store, "n").unwrap(), 1);
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["child_process_that_holds_the_lock", "--exact", "--nocapture"])
        .env(LOCKED_FILE, file.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"));
    let error = incr(&store, "n").unwrap_err();
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(error.is_retryable(), "{error}");
    assert_eq!(incr(&store, "n").unwrap(), 2);
}

#[test]
fn opening_a_locked_file_is_unavailable() {
    let file = File::new();
    let other = file.connect();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(open_error(file.path()), StoreErrorKind::Unavailable);
    other.execute_batch("COMMIT").unwrap();
    file.open();
}

#[test]
fn a_missing_folder_a_folder_and_memory_are_invalid_paths() {
    let file = File::new();
    let error = SqliteStore::open(file.folder.path().join("missing/fleet.db")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::InvalidConfig);
    assert_eq!(
        error.to_string(),
        "open on the sqlite store failed: an argument or a setting is invalid: \
         the path cannot be opened or created; check that its folder exists"
    );
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(open_error(file.folder.path()), StoreErrorKind::InvalidConfig);
    assert_eq!(open_error(":memory:"), StoreErrorKind::InvalidConfig);
    assert_eq!(open_error(""), StoreErrorKind::InvalidConfig);
}

#[test]
fn a_file_that_is_not_a_database_is_not_changed() {
    let file = File::new();
    let text = "this is not a database, and long enough to tell".repeat(100);
    std::fs::write(file.path(), &text).unwrap();
    assert_eq!(open_error(file.path()), StoreErrorKind::InvalidConfig);
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), text);
}

#[test]
fn opening_a_read_only_file_is_denied() {
    let file = File::new();
    drop(file.open());
    assert_eq!(open_error(format!("file:{}?mode=ro", file.path().display())), StoreErrorKind::Denied);
}

#[test]
fn a_table_of_another_application_is_not_changed() {
    let file = File::new();
    for sql in
        ["CREATE TABLE stitchapi (id INTEGER PRIMARY KEY, name TEXT)", "CREATE VIEW stitchapi AS SELECT 1 AS key"]
    {
        let other = file.connect();
        other.execute_batch("DROP TABLE IF EXISTS stitchapi").unwrap();
        other.execute_batch(sql).unwrap();
        assert_eq!(open_error(file.path()), StoreErrorKind::InvalidConfig);
        let mode: String = other.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "delete", "the mode of the file was not changed");
    }
}

#[test]
fn the_table_stands_beside_those_of_an_application() {
    let file = File::new();
    file.connect()
        .execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (7)")
        .unwrap();
    let store = file.open();
    set(&store, "a", "hello", None).unwrap();
    let id: i64 = file.connect().query_row("SELECT id FROM orders", [], |row| row.get(0)).unwrap();
    assert_eq!(id, 7);
}

#[test]
fn a_value_that_the_store_never_writes_is_corrupt_and_not_changed() {
    let file = File::new();
    let store = file.open();
    set(&store, "a", "hello", None).unwrap();
    incr(&store, "n").unwrap();
    file.execute("UPDATE stitchapi SET value = 'text'", []);
    assert_eq!(kind(get(&store, "a")), StoreErrorKind::Corrupt);
    assert_eq!(kind(incr(&store, "n")), StoreErrorKind::Corrupt);
    assert_eq!(file.execute("DELETE FROM stitchapi WHERE value = 'text'", []), 2);
}

#[test]
fn a_damaged_file_is_corrupt() {
    let file = File::new();
    let store = file.open();
    for name in 0..100 {
        set(&store, name.to_string(), "hello", None).unwrap();
    }
    drop(store);
    let mut bytes = std::fs::read(file.path()).unwrap();
    bytes[4_096..].fill(0xff);
    std::fs::write(file.path(), bytes).unwrap();
    assert_eq!(kind(get(&file.open(), "50")), StoreErrorKind::Corrupt);
}

#[test]
fn a_dropped_table_is_an_error() {
    let file = File::new();
    let store = file.open();
    set(&store, "a", "hello", None).unwrap();
    file.connect().execute_batch("DROP TABLE stitchapi").unwrap();
    assert_eq!(kind(get(&store, "a")), StoreErrorKind::Other);
    assert_eq!(kind(incr(&store, "n")), StoreErrorKind::Other);
}

#[test]
fn a_key_or_value_beyond_the_limits_is_refused_with_nothing_done() {
    let file = File::new();
    let store = file.open();
    let limits = store.limits();
    let long = "k".repeat(limits.max_key);
    assert_eq!(kind(get(&store, &long)), StoreErrorKind::TooLarge);
    assert_eq!(kind(set(&store, &long, "hello", None)), StoreErrorKind::TooLarge);
    assert_eq!(kind(incr(&store, &long)), StoreErrorKind::TooLarge);
    let fits = "k".repeat(limits.max_key - key("").rendered_len() + 1);
    assert_eq!(key(&fits).rendered_len(), limits.max_key);
    set(&store, &fits, "hello", None).unwrap();
    let large = Bytes::from(vec![0; limits.max_value + 1]);
    assert_eq!(kind(block_on(store.set(&key("a"), large.clone(), None))), StoreErrorKind::TooLarge);
    let (versioned, new) = (store.clone().versioned().unwrap(), Version::from_bytes([1; 16]));
    let written = |value| block_on(versioned.write_if(&key("v"), None, &new, value, None));
    assert_eq!(kind(written(large.clone())), StoreErrorKind::TooLarge);
    let larger = Bytes::from(vec![0; limits.max_value + MAX_OVERHEAD + 1]);
    let put = move |_: Option<&[u8]>, _| (Change::Put(larger.clone(), None), ());
    assert_eq!(kind(block_on(store.update(&key("a"), put))), StoreErrorKind::TooLarge);
    assert_eq!(file.rows(), 1);
    assert!(written(large.slice(1..)).unwrap(), "a versioned value of max_value fits, in its envelope");
}
