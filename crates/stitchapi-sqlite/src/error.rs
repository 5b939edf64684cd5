//! Failures of the store, and the one place that turns them into [`StoreError`]s.

use std::io;

use rusqlite::ErrorCode;
use rusqlite::types::FromSqlError;
use stitchapi_core::{StoreError, StoreErrorKind};

/// Name of the store in messages and events.
pub(crate) const STORE: &str = "sqlite";

/// Failure of an operation, without the name of the operation.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite returned an error.
    Sqlite(rusqlite::Error),
    /// A column of the table holds a value that this store never writes.
    Damaged(FromSqlError),
    /// The key holds a plain value and a facet accessed it, or the reverse.
    OtherKind,
    /// A table named `stitchapi` has other columns.
    ForeignTable,
    /// SQLite opened the file read-only.
    ReadOnly,
    /// The file cannot use a write-ahead log, which several processes need.
    NoWal,
    /// The kernel's boot id cannot be read.
    NoBootId(io::Error),
    /// The store's thread cannot be started.
    NoThread(io::Error),
    /// The job panicked on the store's thread, so there is no result.
    Panicked,
    /// The key is longer than the store accepts.
    LongKey,
    /// The value is longer than the store accepts.
    LongValue,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<FromSqlError> for Failure {
    fn from(error: FromSqlError) -> Self {
        Self::Damaged(error)
    }
}

impl Failure {
    /// Returns the failure as a [`StoreError`] of `operation`, with SQLite's error kept whole as the source.
    pub(crate) fn of(self, operation: &'static str) -> StoreError {
        use StoreErrorKind::{Corrupt, InvalidConfig, TooLarge, Unavailable, Unsupported};
        let error = |kind, reason| StoreError::new(kind, STORE, operation).with_reason(reason);
        match self {
            Self::Sqlite(source) => {
                let (kind, reason) = classify(&source, operation);
                error(kind, reason).with_source(source)
            }
            Self::Damaged(source) => {
                error(Corrupt, "a column holds a value that this store never writes").with_source(source)
            }
            Self::OtherKind => error(Corrupt, "the key holds a plain value and a facet accessed it, or the reverse"),
            Self::ForeignTable => {
                error(InvalidConfig, "the file has a table stitchapi with other columns; use another file")
            }
            Self::ReadOnly => error(StoreErrorKind::Denied, "the file is read-only"),
            Self::NoWal => error(InvalidConfig, "the file has no write-ahead log; use a file on a local file system"),
            Self::NoBootId(source) => {
                error(Unsupported, "the boot id in /proc/sys/kernel/random/boot_id cannot be read").with_source(source)
            }
            Self::NoThread(source) => error(Unavailable, "the store's thread cannot be started").with_source(source),
            Self::Panicked => error(Unavailable, "the job panicked, and nothing was changed"),
            Self::LongKey => error(TooLarge, "the key is longer than 64 KiB"),
            Self::LongValue => error(TooLarge, "the value is longer than 32 MiB"),
        }
    }
}

/// Returns the kind of SQLite's error, and the reason for the message. The README has the same table.
fn classify(error: &rusqlite::Error, operation: &'static str) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind::{Corrupt, Denied, InvalidConfig, Other, TooLarge, Unavailable, Unsupported};
    let Some(code) = error.sqlite_error_code() else {
        return match error {
            rusqlite::Error::InvalidPath(_) | rusqlite::Error::NulError(_) => {
                (InvalidConfig, "the path is not a valid path")
            }
            _ => (Other, "the SQLite client failed"),
        };
    };
    match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            (Unavailable, "another connection holds the lock of the file")
        }
        ErrorCode::FileLockingProtocolFailed => (Unavailable, "too many processes opened the file at once"),
        ErrorCode::DiskFull => (Unavailable, "the disk is full"),
        ErrorCode::SystemIoFailure => (Unavailable, "the disk reported an error"),
        ErrorCode::OutOfMemory => (Unavailable, "the process is out of memory"),
        ErrorCode::CannotOpen if operation == "open" => {
            (InvalidConfig, "the path cannot be opened or created; check that its folder exists")
        }
        ErrorCode::CannotOpen => (Unavailable, "the file cannot be opened"),
        ErrorCode::NotADatabase => (InvalidConfig, "the file is not a SQLite database"),
        ErrorCode::ReadOnly => (Denied, "the file or its folder is read-only"),
        ErrorCode::PermissionDenied => (Denied, "the process has no permission for the file"),
        ErrorCode::DatabaseCorrupt => (Corrupt, "the file is damaged"),
        ErrorCode::TooBig => (TooLarge, "the key or the value is longer than SQLite accepts"),
        ErrorCode::NoLargeFileSupport => (Unsupported, "the file is larger than this system supports"),
        ErrorCode::ConstraintViolation => (Other, "a constraint or trigger of another application refused the row"),
        _ => (Other, "the table is missing, or SQLite was misused"),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use rusqlite::ffi;

    use super::*;

    fn of_code(code: i32, operation: &'static str) -> StoreError {
        Failure::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).of(operation)
    }

    #[test]
    fn a_lock_a_full_disk_and_a_disk_error_are_retryable() {
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_BUSY_SNAPSHOT, ffi::SQLITE_FULL, ffi::SQLITE_IOERR_WRITE] {
            let error = of_code(code, "update");
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
            assert!(error.is_retryable());
        }
    }

    #[test]
    fn a_failure_that_needs_an_operator_is_not_retryable() {
        let kinds = [
            (ffi::SQLITE_NOTADB, StoreErrorKind::InvalidConfig),
            (ffi::SQLITE_CANTOPEN, StoreErrorKind::InvalidConfig),
            (ffi::SQLITE_READONLY, StoreErrorKind::Denied),
            (ffi::SQLITE_CORRUPT, StoreErrorKind::Corrupt),
            (ffi::SQLITE_TOOBIG, StoreErrorKind::TooLarge),
            (ffi::SQLITE_ERROR, StoreErrorKind::Other),
        ];
        for (code, kind) in kinds {
            let error = of_code(code, "open");
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.is_retryable());
        }
    }

    #[test]
    fn the_error_of_sqlite_is_kept_whole() {
        let error = of_code(ffi::SQLITE_BUSY_SNAPSHOT, "set");
        assert_eq!(
            error.to_string(),
            "set on the sqlite store failed: the store is unavailable: another connection holds the lock of the file"
        );
        let source = error.source().and_then(|source| source.downcast_ref::<rusqlite::Error>());
        assert_eq!(
            source.and_then(rusqlite::Error::sqlite_error).map(|error| error.extended_code),
            Some(ffi::SQLITE_BUSY_SNAPSHOT)
        );
    }
}
