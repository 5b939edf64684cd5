//! The store in which a fleet shares its budget.

use std::fmt;
use std::path::Path;

use tempfile::TempDir;

use crate::redis::Redis;

/// A store for one test.
#[derive(Debug)]
pub enum Store {
    /// A Redis server.
    Redis(Redis),
    /// A SQLite file in this folder.
    Sqlite(TempDir),
}

impl Store {
    /// Creates one store of each kind.
    ///
    /// # Panics
    ///
    /// If a store cannot be created.
    #[must_use]
    pub fn each(redis: &Path) -> [Self; 2] {
        [Self::redis(redis), Self::sqlite()]
    }

    /// Starts a Redis server from this program.
    ///
    /// # Panics
    ///
    /// If the server does not start.
    #[must_use]
    pub fn redis(program: &Path) -> Self {
        Self::Redis(Redis::start(program))
    }

    /// Creates a folder for a SQLite file.
    ///
    /// # Panics
    ///
    /// If the folder cannot be created.
    #[must_use]
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// Returns the argument `--store` of a worker.
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
