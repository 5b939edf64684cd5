//! Where the budget, the session and the cached resource are kept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stitchapi::{MemoryStore, StitchStore};
use stitchapi_redis::RedisStore;
use stitchapi_sqlite::SqliteStore;
use url::Url;

use crate::failure::{Failure, with_causes};

/// A store as the command line names it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Store {
    /// Each worker's own.
    Memory,
    /// One file.
    Sqlite(PathBuf),
    /// A server, by its URL, which may hold a password.
    Redis(String),
}

impl Store {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite(_) => "sqlite",
            Self::Redis(_) => "redis",
        }
    }

    /// Its name among people.
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite(_) => "SQLite",
            Self::Redis(_) => "Redis",
        }
    }

    /// Whether the workers share it.
    pub(super) fn is_shared(&self) -> bool {
        *self != Self::Memory
    }

    /// Opens it once, to say early that it cannot be.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        self.open().await.map(drop)
    }

    /// Opens it.
    pub(super) async fn open(&self) -> Result<Arc<dyn StitchStore>, Failure> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Sqlite(path) => Arc::new(open(path)?),
            Self::Redis(url) => Arc::new(connect(url).await?),
        })
    }
}

fn open(path: &Path) -> Result<SqliteStore, Failure> {
    SqliteStore::open(path)
        .map_err(|error| Failure::wrong_because(format!("the store {} cannot be opened", path.display()), &error))
}

async fn connect(url: &str) -> Result<RedisStore, Failure> {
    let what = format!("the store {} cannot be reached", without_secrets(url));
    if Url::parse(url).is_err() {
        return Err(Failure::wrong(format!("{what}: it is no URL")));
    }
    RedisStore::connect(url).await.map_err(|error| {
        // What is below may quote the URL.
        Failure::wrong(with_causes(&what, &error).replace(url, &without_secrets(url)))
    })
}

/// Scheme, host and port of a URL; it may have a user and a password, in the query, too.
fn without_secrets(url: &str) -> String {
    let Ok(parsed) = Url::parse(url) else { return "redis://..".to_owned() };
    let port = parsed.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}", parsed.scheme(), parsed.host_str().unwrap_or_default())
}

impl FromStr for Store {
    /// It does not quote the text, which may hold a password.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("redis" | "rediss", rest)) if rest.starts_with("//") => Ok(Self::Redis(text.to_owned())),
            _ => Err("a store is memory:, sqlite:PATH or redis://HOST"),
        }
    }
}

/// No user and no password.
impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Redis(url) => f.write_str(&without_secrets(url)),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_read_as_it_is_written() {
        for text in ["memory:", "sqlite:fleet.db", "sqlite:/tmp/a:b.db", "redis://localhost", "rediss://a.example:6380"]
        {
            assert_eq!(text.parse::<Store>().unwrap().to_string(), text);
        }
        for wrong in ["", "memory", "memory:x", "sqlite:", "sqlite", "redis:localhost", "postgres:x", "postgres://x"] {
            assert!(wrong.parse::<Store>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "redis://user:s3cret@[::1]:6380/2",
            "redis://s3cret@localhost",
            "rediss://:s3cret@localhost/0?password=s3cret#s3cret",
            "redis://:s3cret@local host",
        ] {
            let store: Store = text.parse().unwrap();
            for shown in [store.to_string(), format!("{store:?}")] {
                assert!(!shown.contains("s3cret"), "{shown}");
            }
        }
        let store: Store = "redis://user:s3cret@[::1]:6380/2".parse().unwrap();
        assert_eq!(store.to_string(), "redis://[::1]:6380");
    }
}
