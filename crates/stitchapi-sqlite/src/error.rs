//! The one place where failures become [`StoreError`]s.

use std::io;

use rusqlite::ErrorCode;
use rusqlite::types::FromSqlError;
use stitchapi_core::{StoreError, StoreErrorKind};

/// The store's name in messages and events.
pub(crate) const STORE: &str = "sqlite";

/// What can go wrong, before it is known in which operation.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite said no.
    Sqlite(rusqlite::Error),
    /// A column of our table holds what we never write.
    Damaged(FromSqlError),
    /// The key is plain and a facet asked, or the other way round.
    OtherSort,
    /// The table of our name is somebody else's.
    ForeignTable,
    /// SQLite opened the file for reading only.
    ReadOnly,
    /// The file has no write-ahead log, which several processes need.
    NoWal,
    /// The kernel does not tell the boot.
    NoBootId(io::Error),
    /// The store's thread did not start.
    NoThread(io::Error),
    /// The store's thread gave no answer: the step panicked.
    NoAnswer,
    LongKey,
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
    /// The failure as that of `operation`, with SQLite's own error kept whole as the source.
    pub(crate) fn of(self, operation: &'static str) -> StoreError {
        use StoreErrorKind::{Corrupt, InvalidConfig, TooLarge, Unavailable, Unsupported};
        let say = |kind, reason| StoreError::new(kind, STORE, operation).with_reason(reason);
        match self {
            Self::Sqlite(error) => {
                let (kind, reason) = sort(&error, operation);
                say(kind, reason).with_source(error)
            }
            Self::Damaged(error) => say(Corrupt, "a column holds what this store never writes").with_source(error),
            Self::OtherSort => say(Corrupt, "a key is plain or belongs to a facet, for life"),
            Self::ForeignTable => say(InvalidConfig, "the file has a table named stitchapi that is not ours"),
            Self::ReadOnly => say(StoreErrorKind::Denied, "the file is read-only"),
            Self::NoWal => say(InvalidConfig, "several processes need a real file on a local file system"),
            Self::NoBootId(error) => say(Unsupported, "the kernel does not tell its boot id").with_source(error),
            Self::NoThread(error) => say(Unavailable, "the thread of the store did not start").with_source(error),
            Self::NoAnswer => say(Unavailable, "the step panicked, and nothing was changed"),
            Self::LongKey => say(TooLarge, "the key"),
            Self::LongValue => say(TooLarge, "the value"),
        }
    }
}

/// What sort of failure SQLite's error is, and in our words. The table that the README promises.
fn sort(error: &rusqlite::Error, operation: &'static str) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind::{Corrupt, Denied, InvalidConfig, Other, TooLarge, Unavailable, Unsupported};
    let Some(code) = error.sqlite_error_code() else {
        return match error {
            rusqlite::Error::InvalidPath(_) | rusqlite::Error::NulError(_) => (InvalidConfig, "the path is none"),
            _ => (Other, "the client failed"),
        };
    };
    match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => (Unavailable, "somebody else holds the file locked"),
        ErrorCode::FileLockingProtocolFailed => (Unavailable, "too many processes opened the file at once"),
        ErrorCode::DiskFull => (Unavailable, "the disk is full"),
        ErrorCode::SystemIoFailure => (Unavailable, "the disk failed"),
        ErrorCode::OutOfMemory => (Unavailable, "there is no memory left"),
        ErrorCode::CannotOpen if operation == "open" => (InvalidConfig, "the path cannot be opened or created"),
        ErrorCode::CannotOpen => (Unavailable, "the file cannot be opened"),
        ErrorCode::NotADatabase => (InvalidConfig, "the file is not a database"),
        ErrorCode::ReadOnly => (Denied, "the file or its folder is read-only"),
        ErrorCode::PermissionDenied => (Denied, "the file may not be used"),
        ErrorCode::DatabaseCorrupt => (Corrupt, "the file is damaged"),
        ErrorCode::TooBig => (TooLarge, "the key or the value"),
        ErrorCode::NoLargeFileSupport => (Unsupported, "the file is larger than this system takes"),
        ErrorCode::ConstraintViolation => (Other, "a constraint or a trigger that is not ours refused the row"),
        _ => (Other, "the table is gone, or SQLite was used wrongly"),
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
    fn a_lock_a_full_disk_and_a_broken_disk_may_pass() {
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_BUSY_SNAPSHOT, ffi::SQLITE_FULL, ffi::SQLITE_IOERR_WRITE] {
            let error = of_code(code, "update");
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
            assert!(error.is_retryable());
        }
    }

    #[test]
    fn what_only_a_person_can_mend_is_not_retried() {
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
    fn sqlites_own_error_is_kept_whole() {
        let error = of_code(ffi::SQLITE_BUSY_SNAPSHOT, "set");
        assert_eq!(
            error.to_string(),
            "set on the sqlite store failed: the store is unavailable: somebody else holds the file locked"
        );
        let source = error.source().and_then(|source| source.downcast_ref::<rusqlite::Error>());
        assert_eq!(
            source.and_then(rusqlite::Error::sqlite_error).map(|error| error.extended_code),
            Some(ffi::SQLITE_BUSY_SNAPSHOT)
        );
    }
}
