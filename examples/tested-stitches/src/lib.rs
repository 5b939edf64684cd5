//! The stitches of one API in a struct, declared on whatever seam they are given.

use serde::{Deserialize, Serialize};
use stitchapi::{Result, Seam, Stitch};

/// Who somebody is.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct User {
    /// Their number.
    pub id: u64,
    /// What they call themselves, if they do.
    pub name: Option<String>,
}

/// What is wrong, and where.
#[derive(Debug, Serialize)]
pub struct NewIssue {
    /// Whose repository.
    pub owner: String,
    /// Which repository.
    pub repo: String,
    /// In one line.
    pub title: String,
}

/// What was made of it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Issue {
    /// Its number.
    pub number: u64,
}

/// The part of the API that this application uses.
#[derive(Debug, Clone)]
pub struct GitHub {
    /// A user by name.
    pub user: Stitch<str, User>,
    /// Opens an issue.
    pub open_issue: Stitch<NewIssue, Issue>,
}

impl GitHub {
    /// Declares it on a seam.
    ///
    /// # Errors
    ///
    /// If a declaration is wrong.
    pub fn on(seam: &Seam) -> Result<Self> {
        Ok(Self {
            user: seam.get("/users/{name}").build()?,
            open_issue: seam.post("/repos/{owner}/{repo}/issues").build()?,
        })
    }
}
