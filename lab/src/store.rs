//! What a fleet shares its budget in.

use std::fmt;
use std::path::Path;

use tempfile::TempDir;

use crate::redis::Redis;

/// A store of a test's own.
#[derive(Debug)]
pub enum Store {
    /// A Redis server.
    Redis(Redis),
    /// A SQLite file in this folder.
    Sqlite(TempDir),
}

impl Store {
    /// One of each kind.
    ///
    /// # Panics
    ///
    /// If one cannot be had.
    #[must_use]
    pub fn each(redis: &Path) -> [Self; 2] {
        [Self::redis(redis), Self::sqlite()]
    }

    /// A Redis server that this program is.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn redis(program: &Path) -> Self {
        Self::Redis(Redis::start(program))
    }

    /// A SQLite file.
    ///
    /// # Panics
    ///
    /// If no folder for it can be had.
    #[must_use]
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// Where it is, as a worker is told.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Redis(redis) => redis.url(),
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("store.db").display()),
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redis(_) => "Redis",
            Self::Sqlite(_) => "SQLite",
        })
    }
}
