//! So many calls at a time: of this process, or of a whole fleet if the seam's store lends.
//!
//! A call takes a *place* before it waits for any slot, and gives it back when its answer has been read. On a store each
//! place is a lease. One [agent](super::agent) of the process asks for places on behalf of all who wait here, renews those
//! in use, and gives back what nobody here wants. It ends when nobody waits and nothing is held.

mod away;
mod lending;
mod operation;
mod places;
mod register;
mod taken;
mod terms;
mod waiting;

pub(super) use places::Places;
pub(crate) use taken::Taken;
