//! Where the budget is kept.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use stitchapi::{MemoryStore, SeamBuilder};
use stitchapi_sqlite::SqliteStore;

use crate::failure::Failure;

/// A store as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Store {
    /// Each worker's own.
    Memory,
    /// One file.
    Sqlite(PathBuf),
}

impl Store {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite(_) => "sqlite",
        }
    }

    /// Whether the workers share it.
    pub(super) fn is_shared(&self) -> bool {
        *self != Self::Memory
    }

    /// Opens it once, to say early that it cannot be.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Memory => Ok(()),
            Self::Sqlite(path) => open(path).map(drop),
        }
    }

    /// Attaches it to a seam.
    pub(super) fn attach(&self, seam: SeamBuilder) -> Result<SeamBuilder, Failure> {
        Ok(match self {
            Self::Memory => seam.store(MemoryStore::new()),
            Self::Sqlite(path) => seam.store(open(path)?),
        })
    }
}

fn open(path: &PathBuf) -> Result<SqliteStore, Failure> {
    SqliteStore::open(path)
        .map_err(|error| Failure::wrong_because(format!("the store {} cannot be opened", path.display()), &error))
}

impl FromStr for Store {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            _ => Err("a store is memory: or sqlite:PATH".to_owned()),
        }
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_read_as_it_is_written() {
        for text in ["memory:", "sqlite:fleet.db", "sqlite:/tmp/a:b.db"] {
            assert_eq!(text.parse::<Store>().unwrap().to_string(), text);
        }
        for wrong in ["", "memory", "memory:x", "sqlite:", "sqlite", "redis://localhost", "postgres:x"] {
            assert!(wrong.parse::<Store>().is_err(), "{wrong}");
        }
    }
}
