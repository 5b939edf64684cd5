//! A clause of the contract.

use std::fmt;

use stitchapi_core::BoxFuture;

use crate::harness::{ClauseResult, Fixture};

/// One rule of the contract, with the check that tests it.
///
/// ```
/// use stitchapi_testing::{Clause, Facet};
///
/// let clause = Clause::all().iter().find(|clause| clause.id() == "counter/starts-at-one").unwrap();
/// assert_eq!(clause.facet(), Facet::Counter);
/// assert_eq!(clause.says(), "a counter counts one, two, three");
/// ```
pub struct Clause {
    pub(super) id: &'static str,
    pub(super) facet: Facet,
    pub(super) says: &'static str,
    pub(super) check: fn(Fixture) -> BoxFuture<'static, ClauseResult>,
}

/// The part of the contract that a [`Clause`] belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Facet {
    /// `get`, `set` and `delete`, and the keys of all operations.
    Plain,
    /// [`Counter`](stitchapi_core::Counter).
    Counter,
    /// [`Pacer`](stitchapi_core::Pacer).
    Pacer,
    /// [`Leases`](stitchapi_core::Leases).
    Leases,
    /// [`Versioned`](stitchapi_core::Versioned).
    Versioned,
}

impl Clause {
    /// Returns the stable identifier, such as `counter/starts-at-one`.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// Returns the facet that the clause belongs to.
    #[must_use]
    pub fn facet(&self) -> Facet {
        self.facet
    }

    /// Returns the rule, as one sentence.
    #[must_use]
    pub fn says(&self) -> &'static str {
        self.says
    }

    pub(crate) fn check(&self, fixture: Fixture) -> BoxFuture<'static, ClauseResult> {
        (self.check)(fixture)
    }
}

impl fmt::Debug for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clause({})", self.id)
    }
}

/// Compares the identifiers.
impl PartialEq for Clause {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Clause {}
