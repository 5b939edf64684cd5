//! The stitches of one API in a struct. The program declares them on a real seam, the tests on a simulated one.

use serde::{Deserialize, Serialize};
use stitchapi::{Result, Seam, Stitch};

/// User account.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct User {
    /// Number of the account.
    pub id: u64,
    /// Display name, if the user has set one.
    pub name: Option<String>,
}

/// Issue to open, and its repository.
#[derive(Debug, Serialize)]
pub struct NewIssue {
    /// Owner of the repository.
    pub owner: String,
    /// Name of the repository.
    pub repo: String,
    /// Title of the issue.
    pub title: String,
}

/// Opened issue.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Issue {
    /// Number of the issue in its repository.
    pub number: u64,
}

/// The part of the API that this application uses.
#[derive(Debug, Clone)]
pub struct GitHub {
    /// Returns a user by name.
    pub user: Stitch<str, User>,
    /// Opens an issue.
    pub open_issue: Stitch<NewIssue, Issue>,
}

impl GitHub {
    /// Declares the stitches on a seam.
    ///
    /// # Errors
    ///
    /// A path template is invalid.
    pub fn on(seam: &Seam) -> Result<Self> {
        Ok(Self {
            user: seam.get("/users/{name}").build()?,
            open_issue: seam.post("/repos/{owner}/{repo}/issues").build()?,
        })
    }
}
