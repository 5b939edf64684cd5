//! The `--store` option: parsed, opened, and shown without credentials.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stitchapi::{MemoryStore, StitchStore};
use stitchapi_redis::RedisStore;
use stitchapi_sqlite::SqliteStore;
use url::Url;

use crate::error::{CliError, with_sources};

/// Store as the command line names it. `Display` and `Debug` omit the user and the password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StoreSpec {
    /// Memory of the process: each worker has a store of its own.
    Memory,
    /// SQLite file at this path.
    Sqlite(PathBuf),
    /// URL of a Redis server. It may contain a password.
    Redis(String),
}

impl StoreSpec {
    /// Returns the name that the command line uses.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite(_) => "sqlite",
            Self::Redis(_) => "redis",
        }
    }

    /// Returns the product's name, for prose.
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite(_) => "SQLite",
            Self::Redis(_) => "Redis",
        }
    }

    /// Returns `true` if all workers use the same store.
    pub(super) fn is_shared(&self) -> bool {
        *self != Self::Memory
    }

    /// Opens the store once and closes it, so that an unreachable store is reported before a worker starts.
    pub(super) async fn check(&self) -> Result<(), CliError> {
        self.open().await.map(drop)
    }

    /// Opens the store.
    pub(super) async fn open(&self) -> Result<Arc<dyn StitchStore>, CliError> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Sqlite(path) => Arc::new(open_sqlite(path)?),
            Self::Redis(url) => Arc::new(connect_redis(url).await?),
        })
    }
}

fn open_sqlite(path: &Path) -> Result<SqliteStore, CliError> {
    SqliteStore::open(path)
        .map_err(|error| CliError::input_because(format!("the store {} cannot be opened", path.display()), &error))
}

async fn connect_redis(url: &str) -> Result<RedisStore, CliError> {
    let message = format!("the store {} cannot be reached", without_credentials(url));
    if Url::parse(url).is_err() {
        return Err(CliError::input(format!("{message}: invalid URL")));
    }
    RedisStore::connect(url).await.map_err(|error| {
        // A source of the error may quote the URL.
        CliError::input(with_sources(&message, &error).replace(url, &without_credentials(url)))
    })
}

/// Returns scheme, host and port of a URL. The user, the password and the query, which may repeat them, are omitted.
fn without_credentials(url: &str) -> String {
    let Ok(parsed) = Url::parse(url) else { return "redis://..".to_owned() };
    let port = parsed.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}", parsed.scheme(), parsed.host_str().unwrap_or_default())
}

impl FromStr for StoreSpec {
    /// Message that does not quote the text, which may contain a password.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("redis" | "rediss", rest)) if rest.starts_with("//") => Ok(Self::Redis(text.to_owned())),
            _ => Err("--store: expected memory:, sqlite:PATH, redis://HOST or rediss://HOST"),
        }
    }
}

impl fmt::Display for StoreSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Redis(url) => f.write_str(&without_credentials(url)),
        }
    }
}

impl fmt::Debug for StoreSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreSpec({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_returns_the_parsed_text() {
        for text in ["memory:", "sqlite:fleet.db", "sqlite:/tmp/a:b.db", "redis://localhost", "rediss://a.example:6380"]
        {
            assert_eq!(text.parse::<StoreSpec>().unwrap().to_string(), text);
        }
        for wrong in ["", "memory", "memory:x", "sqlite:", "sqlite", "redis:localhost", "postgres:x", "postgres://x"] {
            assert!(wrong.parse::<StoreSpec>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn display_and_debug_omit_the_password() {
        for text in [
            "redis://user:s3cret@[::1]:6380/2",
            "redis://s3cret@localhost",
            "rediss://:s3cret@localhost/0?password=s3cret#s3cret",
            "redis://:s3cret@local host",
        ] {
            let store: StoreSpec = text.parse().unwrap();
            for shown in [store.to_string(), format!("{store:?}")] {
                assert!(!shown.contains("s3cret"), "{shown}");
            }
        }
        let store: StoreSpec = "redis://user:s3cret@[::1]:6380/2".parse().unwrap();
        assert_eq!(store.to_string(), "redis://[::1]:6380");
    }
}
