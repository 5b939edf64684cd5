//! The store in which a fleet shares its budget.

use std::fmt;

use stitchapi_testing::RedisServer;
use tempfile::TempDir;

use crate::redis;

/// A store for one test.
#[derive(Debug)]
pub enum Store {
    /// A Redis server.
    Redis(RedisServer),
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
    pub fn each() -> [Self; 2] {
        [Self::redis(), Self::sqlite()]
    }

    /// Starts a Redis server.
    ///
    /// # Panics
    ///
    /// If the server does not start.
    #[must_use]
    pub fn redis() -> Self {
        Self::Redis(redis::start())
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
