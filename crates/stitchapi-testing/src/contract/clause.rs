//! The table of all clauses.

use std::fmt;

use stitchapi_core::BoxFuture;

use super::{Checked, Scene};
use crate::clauses::{
    booking, comeback, counter, expiry, foreign, give_back, hold, keys, lease_ttl, leases, loss, plain, processes,
    queue, roll, vectors, versioned, versioned_ttl,
};

/// One promise of the contract.
pub struct Clause {
    id: &'static str,
    facet: Facet,
    says: &'static str,
    check: fn(Scene) -> BoxFuture<'static, Checked>,
}

/// Whose promise a [`Clause`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Facet {
    /// `get`, `set` and `delete`.
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
    /// Every clause, in the order in which they run.
    #[must_use]
    pub fn all() -> &'static [Self] {
        CLAUSES
    }

    /// Its name, for good: `counter/starts-at-one`.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// Whose promise it is.
    #[must_use]
    pub fn facet(&self) -> Facet {
        self.facet
    }

    /// The promise, in a sentence.
    #[must_use]
    pub fn says(&self) -> &'static str {
        self.says
    }

    pub(crate) fn check(&self, scene: Scene) -> BoxFuture<'static, Checked> {
        (self.check)(scene)
    }
}

macro_rules! clauses {
    ($($facet:ident $id:literal $check:path: $says:literal)+) => {
        const CLAUSES: &[Clause] = &[$(Clause {
            id: $id,
            facet: Facet::$facet,
            says: $says,
            check: |scene| Box::pin($check(scene)),
        }),+];
    };
}

clauses! {
    Plain "plain/absent-is-none" plain::absent: "a value that was never set is none"
    Plain "plain/get-after-set" plain::get_after_set: "what one client set every client gets"
    Plain "plain/overwrite" plain::overwrite: "a second set replaces the value"
    Plain "plain/empty-value" plain::empty_value: "an empty value is a value"
    Plain "plain/any-bytes" plain::any_bytes: "a value may hold any bytes"
    Plain "plain/delete" plain::delete: "a deleted value is gone for every client"
    Plain "plain/delete-absent" plain::delete_absent: "deleting what is not there is no failure"
    Plain "plain/dropped" plain::dropped: "a dropped operation is done or not done, and the store goes on"
    Plain "plain/ttl-ends" expiry::ends: "a value is gone when its ttl is over"
    Plain "plain/ttl-not-early" expiry::not_early: "a value stays until its ttl is over"
    Plain "plain/no-ttl-stays" expiry::stays: "a value without a ttl stays"
    Plain "plain/set-resets-ttl" expiry::resets: "a second set counts its own ttl from its own time"
    Plain "plain/set-clears-ttl" expiry::clears: "a second set without a ttl makes the value stay"
    Plain "plain/long-ttl" expiry::long: "a ttl of decades is taken as it is"
    Plain "plain/ttl-zero" expiry::zero: "a ttl of zero is refused and changes nothing"
    Plain "key/longest" keys::longest: "keys of the longest length are told apart to the last byte"
    Plain "key/hostile" keys::hostile: "keys of any bytes are taken as they are"
    Plain "key/case" keys::case: "upper and lower case are different"
    Plain "key/parts" keys::parts: "the same bytes in other parts are another key"
    Plain "key/kinds" keys::kinds: "the same parts of another kind are another key"
    Plain "key/prefixes" keys::prefixes: "two prefixes on one backend never see each other"

    Counter "counter/starts-at-one" counter::starts_at_one: "a counter counts one, two, three"
    Counter "counter/keys-apart" counter::keys_apart: "two keys count apart"
    Counter "counter/concurrent" counter::concurrent: "64 callers at once count exactly to 64, each number once"
    Counter "counter/two-clients" counter::two_clients: "callers of two clients at once lose no count"
    Counter "counter/processes" processes::count: "callers in several processes at once lose no count"
    Counter "counter/delete" counter::delete_starts_anew: "a deleted counter starts at one"
    Counter "counter/ttl-zero" counter::ttl_zero: "incr with a ttl of zero is refused and does not count"
    Counter "counter/ttl-not-early" counter::ttl_not_early: "a counter counts on until its ttl is over"
    Counter "counter/ttl-of-creator" counter::ttl_of_the_creator: "only the call that creates a counter sets its ttl"
    Counter "counter/restarts" counter::restarts: "after its ttl a counter starts at one, with a ttl of its own"
    Counter "counter/lost-ttl" counter::lost_ttl: "a counter that lost its ttl is given that of the next call"
    Counter "counter/plain-access" foreign::plain_on_a_counter: "get and set of a counter are refused and change nothing"
    Counter "counter/foreign-value" foreign::counter_on_a_value: "incr on a value is refused and changes nothing"

    Pacer "pacer/in-order" booking::in_order: "starts follow each other at the rate, whoever asks"
    Pacer "pacer/keys-apart" booking::keys_apart: "two keys are paced apart"
    Pacer "pacer/never-overlaps" booking::never_overlaps: "callers at once never get starts closer than the spacing"
    Pacer "pacer/processes" processes::reserve: "callers in several processes never get starts closer than the spacing"
    Pacer "pacer/horizon" booking::horizon: "nothing is booked past the horizon"
    Pacer "pacer/expires" booking::expires: "nothing is booked for a caller that is gone"
    Pacer "pacer/touch" booking::touch: "a reserve without calls books nothing"
    Pacer "pacer/backlog" booking::outlives_its_backlog: "a cell lives until its last booking is over"
    Pacer "pacer/one-clock" booking::one_clock: "every client is on one clock, which never goes back"
    Pacer "pacer/fresh-start" booking::fresh_start: "a new cell waits for its fresh start"
    Pacer "pacer/delete" booking::deleted_is_forgotten: "a deleted cell is forgotten"
    Pacer "pacer/lost" loss::lost: "a lost cell goes on behind what a caller remembers, in a new epoch"
    Pacer "pacer/lost-credit" loss::lost_without_credit: "a lost cell has no credit for one who remembers little"
    Pacer "pacer/lost-lately" loss::lost_lately: "a cell that is gone within an hour of a booking was lost"
    Pacer "pacer/rolled-back" loss::rolled_back: "a cell that went back goes on behind what a caller remembers"
    Pacer "pacer/not-older" loss::remembered_otherwise: "a mark of another epoch or of now changes nothing"
    Pacer "pacer/unremembered" loss::unremembered: "a cell that nobody remembers has full credit"
    Pacer "pacer/first-back" comeback::is_first: "the first one back from an outage has all stay alone, and then pause"
    Pacer "pacer/stays-alone" comeback::stays_alone: "one who comes back while all stay alone changes nothing"
    Pacer "pacer/joins-back" comeback::joins: "one who comes back to a cell in use joins at once"
    Pacer "pacer/joins-late" comeback::joins_gathered: "one who comes back after all the others joins them at once"
    Pacer "pacer/counts-once" roll::once_a_window: "each process that asks is counted once a window"
    Pacer "pacer/counts-last" roll::of_the_last_window: "the count of a window is known in the next one"
    Pacer "pacer/counts-anew" roll::in_this_cell: "a new cell counts those again whom a lost one had counted"
    Pacer "pacer/refund" give_back::refund: "a refund gives the tail of a booking to the next caller"
    Pacer "pacer/refund-changed" give_back::refund_after_a_change: "a refund counts only at its own epoch and seq"
    Pacer "pacer/refund-twice" give_back::refund_twice: "the same refund counts once"
    Pacer "pacer/refund-absent" give_back::refund_of_nothing: "a refund where there is no cell is refused"
    Pacer "pacer/debt" give_back::debt: "a debt moves the limit by its cost"
    Pacer "pacer/give-back" give_back::give_back: "a negative settlement gives the units to the next caller"
    Pacer "pacer/settle-one-limit" give_back::one_limit_only: "settling moves no other limit"
    Pacer "pacer/settle-now" give_back::never_below_now: "no settlement gives back below now"
    Pacer "pacer/settle-absent" give_back::settle_of_nothing: "a cell or a limit that is not there is not settled"
    Pacer "pacer/hold" hold::holds_everybody: "nobody starts during a hold"
    Pacer "pacer/hold-absolute" hold::absolute: "a hold ends when it was said to"
    Pacer "pacer/hold-twice" hold::twice_is_once: "the same hold twice is one hold"
    Pacer "pacer/hold-later" hold::later_extends: "a later hold extends an earlier one, an earlier one changes nothing"
    Pacer "pacer/hold-cap" hold::capped: "a hold is cut to its cap when it is written"
    Pacer "pacer/hold-read" hold::capped_when_read: "a hold is cut to the reader's longest when it is read"
    Pacer "pacer/hold-absent" hold::on_nothing: "a hold waits for a cell that is not there"
    Pacer "pacer/hold-burst" hold::no_burst_behind: "a hold leaves no burst behind it, and takes the credit once"
    Pacer "pacer/vectors" vectors::replay: "cell and answers are those of the arithmetic, byte for byte"
    Pacer "pacer/plain-access" foreign::plain_on_a_cell: "get and set of a cell are refused and change nothing"
    Pacer "pacer/foreign-value" foreign::pacer_on_a_value: "no operation takes a value for a cell, nor changes it"
    Pacer "pacer/other-facet" foreign::facets_on_each_other: "counters and cells are never taken for each other"

    Leases "leases/free" leases::free: "a free place is given to whoever asks"
    Leases "leases/limit" leases::limit: "no more owners hold a place than there are"
    Leases "leases/concurrent" leases::concurrent: "of ten owners at once no more than the limit are given a place"
    Leases "leases/processes" processes::lend: "owners in several processes never hold the one place together"
    Leases "leases/keys-apart" leases::keys_apart: "two keys have places of their own"
    Leases "leases/same-owner" leases::same_owner: "an owner holds one place, with one fence, however often it asks"
    Leases "leases/release" leases::release: "a place that is given back is free at once"
    Leases "leases/given-back" leases::given_back: "a place that was given back is not renewed"
    Leases "leases/stranger" leases::stranger: "who holds no place renews none and gives none back"
    Leases "leases/repeated" leases::repeated: "a repeated renewal or release changes nothing more"
    Leases "leases/busy" leases::busy: "who finds no place is told to come back by the end of its holder"
    Leases "leases/delete" leases::delete: "a deleted key has no holders"
    Leases "leases/dropped" leases::dropped: "a dropped lease operation is done or not done, and the store goes on"
    Leases "leases/ttl-zero" leases::ttl_zero: "a lease with a ttl of zero is refused and changes nothing"
    Leases "leases/limit-zero" leases::limit_zero: "a limit of zero is refused and changes nothing"
    Leases "leases/ttl-ends" lease_ttl::ends: "the place of a holder that died is free when its ttl is over"
    Leases "leases/ttl-not-early" lease_ttl::not_early: "the place of a holder that died is not free any earlier"
    Leases "leases/renew" lease_ttl::renewed: "a renewal holds the place for its own ttl from its own time"
    Leases "leases/ask-again" lease_ttl::asked_again: "a holder that asks again holds its place for longer"
    Leases "leases/renew-late" lease_ttl::not_renewed: "a place whose ttl is over is not renewed"
    Leases "leases/fence-grows" lease_ttl::fences: "every holder has a larger fence than those before"
    Leases "leases/fence-delete" lease_ttl::fence_after_delete: "fences grow past a delete"
    Leases "leases/fence-end" lease_ttl::fence_after_end: "fences grow though the last holder is long forgotten"
    Leases "leases/queue-order" queue::order: "places are given in the order of asking"
    Leases "leases/queue-again" queue::keeps_its_turn: "who asks again in time keeps its turn"
    Leases "leases/queue-passer-by" queue::passer_by: "one who passes by does not overtake one who waits"
    Leases "leases/queue-spare" queue::spare: "a free place that nobody waits for is given though others wait"
    Leases "leases/queue-park" queue::stops_asking: "who stops asking keeps its turn for its park and no longer"
    Leases "leases/queue-zero" queue::park_of_zero: "a park of zero takes no turn and gives up one that was taken"
    Leases "leases/queue-release" queue::release_leaves: "a release gives up a turn in the queue"
    Leases "leases/queue-renew" queue::waits_and_holds_nothing: "who waits holds nothing to renew or to give back"
    Leases "leases/queue-answer" queue::answered_within_its_park: "who waits is answered within its park"
    Leases "leases/queue-served" queue::keeps_asking: "who keeps asking has the place soon after it is given back"
    Leases "leases/plain-access" foreign::plain_on_a_lease: "get and set of a lease are refused and change nothing"
    Leases "leases/foreign-value" foreign::leases_on_a_value: "no operation takes a value for a lease, nor changes it"
    Leases "leases/other-facet" foreign::leases_and_others: "leases are never taken for counters or cells, nor these for them"

    Versioned "versioned/absent-is-none" versioned::absent: "a versioned value that was never written is none"
    Versioned "versioned/create" versioned::creates: "what one client creates every client reads, with its version"
    Versioned "versioned/replace" versioned::replaces: "a write over the version that is there replaces value and version"
    Versioned "versioned/another-version" versioned::another_version: "a write over another version is refused and changes nothing"
    Versioned "versioned/not-absent" versioned::not_absent: "a write over nothing is refused where a value is"
    Versioned "versioned/not-there" versioned::not_there: "a write over a version is refused where nothing is"
    Versioned "versioned/own-write" versioned::own_write: "a repeated write is said to be done and changes nothing"
    Versioned "versioned/concurrent" versioned::concurrent: "of 16 writers over one version exactly one writes"
    Versioned "versioned/processes" processes::write: "writers in several processes lose nothing that one of them wrote"
    Versioned "versioned/for-life" versioned::for_life: "no later value is taken for a version that was deleted"
    Versioned "versioned/keys-apart" versioned::keys_apart: "two keys have values and versions of their own"
    Versioned "versioned/empty-value" versioned::empty_value: "an empty versioned value is a value"
    Versioned "versioned/any-bytes" versioned::any_bytes: "versioned values and versions may hold any bytes"
    Versioned "versioned/delete" versioned::delete: "a deleted versioned value is gone for every client"
    Versioned "versioned/dropped" versioned::dropped: "a dropped write is done or not done, and the store goes on"
    Versioned "versioned/ttl-ends" versioned_ttl::ends: "a versioned value is gone when its ttl is over"
    Versioned "versioned/ttl-not-early" versioned_ttl::not_early: "a versioned value stays until its ttl is over"
    Versioned "versioned/no-ttl-stays" versioned_ttl::stays: "a versioned value written without a ttl stays"
    Versioned "versioned/write-resets-ttl" versioned_ttl::resets: "a second write counts its own ttl from its own time"
    Versioned "versioned/ttl-kept" versioned_ttl::kept: "a refused or a repeated write leaves the ttl as it was"
    Versioned "versioned/ttl-zero" versioned_ttl::zero: "a write with a ttl of zero is refused and changes nothing"
    Versioned "versioned/plain-access" foreign::plain_on_a_version: "get and set of a versioned value are refused and change nothing"
    Versioned "versioned/foreign-value" foreign::versions_on_a_value: "no operation takes a value for a versioned one, nor changes it"
    Versioned "versioned/other-facet" foreign::versions_and_others: "versioned values are never taken for another facet's"
}

impl fmt::Debug for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clause({})", self.id)
    }
}

/// By their id.
impl PartialEq for Clause {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Clause {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_clauses_have_one_id_or_one_sentence() {
        let ids: HashSet<_> = Clause::all().iter().map(Clause::id).collect();
        let sentences: HashSet<_> = Clause::all().iter().map(Clause::says).collect();
        assert_eq!((ids.len(), sentences.len()), (Clause::all().len(), Clause::all().len()));
    }
}
