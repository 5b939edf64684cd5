//! The result of a pure function that changes a cell, the state of one bucket or of the leases under one key.

/// Result of a change: the reply to the caller, and the cell to write.
///
/// `C` is the type of the cell: a [pacing cell](crate::pace::Cell) or a [lease cell](crate::lease::LeaseCell).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition<C, R> {
    /// Reply to the caller.
    pub reply: R,
    /// Cell that the store writes; `None` leaves the stored cell unchanged.
    pub write: Option<C>,
}

impl<C, R> Transition<C, R> {
    /// Creates a transition that leaves the stored cell unchanged.
    pub(crate) fn unchanged(reply: R) -> Self {
        Self { reply, write: None }
    }
}
