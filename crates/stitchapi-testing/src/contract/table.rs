//! The table of all clauses: identifier, check and sentence, in the order in which they run.

use super::clause::{Clause, Facet};
use crate::clauses::counter::{counting, ttl as counter_ttl};
use crate::clauses::keys::{names, prefixes, sizes as key_sizes};
use crate::clauses::leases::{holding, queue, ttl as lease_ttl};
use crate::clauses::pacer::{booking, clock, corrections, hold, loss, process_count, rejoin, vectors};
use crate::clauses::plain::{sizes, ttl, values};
use crate::clauses::shared::{clock_back, contention, foreign, processes};
use crate::clauses::versioned::{sizes as versioned_sizes, ttl as versioned_ttl, values as versioned};

impl Clause {
    /// Returns every clause, in the order in which they run.
    #[must_use]
    pub fn all() -> &'static [Self] {
        CLAUSES
    }
}

macro_rules! clauses {
    ($($facet:ident $id:literal $check:path: $says:literal)+) => {
        const CLAUSES: &[Clause] = &[$(Clause {
            id: $id,
            facet: Facet::$facet,
            says: $says,
            check: |fixture| Box::pin($check(fixture)),
        }),+];
    };
}

clauses! {
    Plain "plain/absent-is-none" values::absent: "get of a key that was never set returns none"
    Plain "plain/get-after-set" values::get_after_set: "a value that one client sets is read by every client"
    Plain "plain/overwrite" values::overwrite: "a second set replaces the value"
    Plain "plain/empty-value" values::empty_value: "an empty value is a value"
    Plain "plain/any-bytes" values::any_bytes: "a value may contain any bytes"
    Plain "plain/largest-value" sizes::largest: "a value of max_value bytes is stored, a larger one is refused as too large and changes nothing"
    Plain "plain/delete" values::delete: "a deleted value is absent for every client"
    Plain "plain/delete-absent" values::delete_absent: "delete of an absent value succeeds"
    Plain "plain/dropped" values::dropped: "a dropped operation is done as a whole or not at all, and the store stays usable"
    Plain "plain/ttl-ends" ttl::not_late: "a value expires when its ttl ends"
    Plain "plain/ttl-not-early" ttl::not_early: "a value stays until its ttl ends"
    Plain "plain/no-ttl-stays" ttl::without_ttl: "a value without a ttl stays"
    Plain "plain/set-resets-ttl" ttl::set_resets: "a second set replaces the ttl, counted from the second set"
    Plain "plain/set-clears-ttl" ttl::set_clears: "a second set without a ttl removes the ttl"
    Plain "plain/long-ttl" ttl::decades: "a ttl of decades is accepted"
    Plain "plain/ttl-zero" ttl::zero: "set with a ttl of zero is refused and changes nothing"
    Plain "plain/contended" contention::plain: "set completes although another set completes after each of its steps, and with 32 callers at once"
    Plain "key/longest" names::longest: "keys of max_key bytes are told apart to the last byte"
    Plain "key/too-long" key_sizes::too_long: "every operation on a key longer than max_key is refused as too large"
    Plain "key/hostile" names::hostile: "a key may contain any bytes"
    Plain "key/case" names::case: "keys that differ in upper and lower case are different"
    Plain "key/parts" names::parts: "keys with the same bytes in other parts are different"
    Plain "key/kinds" names::kinds: "keys with the same parts of another kind are different"
    Plain "key/prefixes" prefixes::isolated: "clients with different prefixes on one backend never see each other's values"

    Counter "counter/starts-at-one" counting::starts_at_one: "a counter counts one, two, three"
    Counter "counter/keys-apart" counting::keys_apart: "two keys are two counters"
    Counter "counter/concurrent" counting::concurrent: "64 callers at once receive the counts 1 to 64, each once"
    Counter "counter/two-clients" counting::two_clients: "64 callers at once on two clients receive the counts 1 to 64, each once"
    Counter "counter/processes" processes::count: "callers in several processes at once lose no count"
    Counter "counter/contended" contention::counter: "incr completes although another incr completes after each of its steps, and with 32 callers at once"
    Counter "counter/delete" counting::delete: "a deleted counter starts at one"
    Counter "counter/ttl-zero" counter_ttl::zero: "incr with a ttl of zero is refused and does not count"
    Counter "counter/ttl-not-early" counter_ttl::not_early: "a counter counts on until its ttl ends"
    Counter "counter/ttl-of-creator" counter_ttl::set_by_creator: "only the call that creates a counter sets its ttl"
    Counter "counter/restarts" counter_ttl::restarts: "after its ttl a counter starts at one, with a new ttl"
    Counter "counter/lost-ttl" counter_ttl::lost: "a counter that lost its ttl gets the ttl of the next call"
    Counter "counter/plain-access" foreign::plain_on_counter: "get and set of a counter are refused and change nothing"
    Counter "counter/foreign-value" foreign::counter_on_plain: "incr of a plain value is refused and changes nothing"

    Pacer "pacer/in-order" booking::in_order: "starts follow each other at the rate, across clients"
    Pacer "pacer/keys-apart" booking::keys_apart: "two keys are two cells"
    Pacer "pacer/never-overlaps" booking::never_overlaps: "callers at once never receive starts closer than the spacing"
    Pacer "pacer/processes" processes::reserve: "callers in several processes never receive starts closer than the spacing"
    Pacer "pacer/contended" contention::pacer: "reserve completes although another reserve completes after each of its steps, and with 32 callers at once"
    Pacer "pacer/horizon" booking::horizon: "no start is booked beyond the horizon"
    Pacer "pacer/expires" booking::expired_caller: "no start is booked for a request that has expired"
    Pacer "pacer/no-calls" booking::without_calls: "a reserve without calls books nothing"
    Pacer "pacer/outlives-bookings" booking::outlives_its_bookings: "a cell stays until its last booked start is over"
    Pacer "pacer/one-clock" clock::one_clock: "all clients read one clock, which does not go back by itself"
    Pacer "pacer/initial-delay" booking::initial_delay: "the first start of a new cell waits for its initial delay"
    Pacer "pacer/delete" booking::deleted: "a deleted cell is absent"
    Pacer "pacer/lost" loss::lost: "a lost cell continues behind the caller's snapshot, in a new epoch"
    Pacer "pacer/lost-credit" loss::lost_without_credit: "a lost cell gives no burst credit to a caller whose snapshot is ahead of now"
    Pacer "pacer/lost-recently" loss::lost_within_the_hour: "a cell that is absent within an hour of a booking was lost and gives no burst credit"
    Pacer "pacer/rolled-back" loss::rolled_back: "a cell that is older than the caller's snapshot continues behind the snapshot"
    Pacer "pacer/snapshot-not-newer" loss::snapshot_not_newer: "a snapshot of another epoch or of the present sequence number changes nothing"
    Pacer "pacer/new-cell-credit" loss::new_cell_credit: "a new cell gives full burst credit to a caller without a snapshot of bookings"
    Pacer "pacer/rejoin-first" rejoin::first_announces: "the first process back from an outage makes all others pace alone for a while, and then pause"
    Pacer "pacer/rejoin-second" rejoin::second_waits: "a process that rejoins while all pace alone changes nothing"
    Pacer "pacer/rejoin-in-use" rejoin::joins_cell_in_use: "a process that rejoins a cell in use books at once"
    Pacer "pacer/rejoin-last" rejoin::joins_after_the_others: "a process that rejoins after all others books at once"
    Pacer "pacer/process-count" process_count::once_per_window: "each process is counted once per window"
    Pacer "pacer/process-count-previous" process_count::previous_window: "the count of a window is known in the next one"
    Pacer "pacer/process-count-new-cell" process_count::new_cell_counts_again: "a new cell counts the processes of a lost one again"
    Pacer "pacer/refund" corrections::refund_frees_starts: "a refund frees the last starts of a booking for the next caller"
    Pacer "pacer/refund-changed" corrections::refund_after_change: "a refund is taken only at its own epoch and sequence number"
    Pacer "pacer/refund-twice" corrections::refund_twice: "the same refund is taken once"
    Pacer "pacer/refund-absent" corrections::refund_of_absent_cell: "a refund of an absent cell is refused"
    Pacer "pacer/settle-debt" corrections::debt_moves_limit: "a positive settlement moves the limit by its cost"
    Pacer "pacer/settle-credit" corrections::credit_frees_starts: "a negative settlement gives the units to the next caller"
    Pacer "pacer/settle-one-limit" corrections::settles_one_limit: "a settlement moves no other limit"
    Pacer "pacer/settle-now" corrections::credit_stops_at_now: "a negative settlement moves no limit below now"
    Pacer "pacer/settle-absent" corrections::settle_of_absent: "a settlement of an absent cell or limit changes nothing"
    Pacer "pacer/hold" hold::delays_starts: "no call starts during a hold"
    Pacer "pacer/hold-absolute" hold::ends_at_its_time: "a hold ends at the time that it states"
    Pacer "pacer/hold-twice" hold::repeated: "the same hold twice is one hold"
    Pacer "pacer/hold-later" hold::later_extends: "a later hold extends an earlier one, an earlier one changes nothing"
    Pacer "pacer/hold-cap" hold::cut_when_written: "a hold is cut to its cap when it is written"
    Pacer "pacer/hold-read" hold::cut_when_read: "a hold is cut to the reader's max_hold when it is read"
    Pacer "pacer/hold-absent" hold::waits_for_absent_cell: "a hold of an absent cell holds the cell that is created next"
    Pacer "pacer/hold-burst" hold::no_burst_afterwards: "no burst follows a hold, and the hold takes the burst credit once"
    Pacer "pacer/vectors" vectors::replay: "cells and replies equal those of the arithmetic, byte for byte"
    Pacer "pacer/plain-access" foreign::plain_on_cell: "get and set of a cell are refused and change nothing"
    Pacer "pacer/foreign-value" foreign::pacer_on_plain: "operations of the pacer on a plain value are refused and change nothing"
    Pacer "pacer/other-facet" foreign::pacer_and_counter: "operations of the pacer on a counter, and incr of a cell, are refused and change nothing"

    Leases "leases/free" holding::granted_if_free: "a free lease is granted"
    Leases "leases/limit" holding::limit: "no more leases are granted than the limit"
    Leases "leases/concurrent" holding::concurrent: "ten owners at once are granted exactly the limit"
    Leases "leases/processes" processes::lease: "owners in several processes never hold the only lease at the same time"
    Leases "leases/contended" contention::leases: "acquire completes although another acquire completes after each of its steps, and with 32 callers at once"
    Leases "leases/keys-apart" holding::keys_apart: "two keys have leases of their own"
    Leases "leases/same-owner" holding::same_owner: "an owner holds one lease with one fence, however often it acquires"
    Leases "leases/release" holding::release: "a released lease is free at once"
    Leases "leases/renew-released" holding::renew_released: "a released lease is not renewed"
    Leases "leases/non-holder" holding::non_holder: "an owner without a lease renews and releases nothing"
    Leases "leases/repeated" holding::repeated: "a repeated renew or release changes nothing more"
    Leases "leases/retry-after" holding::retry_after: "a refused acquire returns a retry_after within the lease holder's ttl"
    Leases "leases/delete" holding::delete: "a deleted key has no lease holders"
    Leases "leases/dropped" holding::dropped: "a dropped operation is done as a whole or not at all, and the key stays usable"
    Leases "leases/ttl-zero" holding::ttl_zero: "acquire and renew with a ttl of zero are refused and change nothing"
    Leases "leases/limit-zero" holding::limit_zero: "a limit of zero is refused and changes nothing"
    Leases "leases/ttl-ends" lease_ttl::not_late: "the lease of a process that died is free when its ttl ends"
    Leases "leases/ttl-not-early" lease_ttl::not_early: "the lease of a process that died is not free before its ttl ends"
    Leases "leases/renew" lease_ttl::renew_extends: "renew extends a lease by its ttl, counted from the renew"
    Leases "leases/reacquire" lease_ttl::reacquire_extends: "acquire by the lease holder extends the lease"
    Leases "leases/renew-late" lease_ttl::renew_expired: "an expired lease is not renewed"
    Leases "leases/fence-grows" lease_ttl::fence_grows: "the fence of every lease holder is larger than those before"
    Leases "leases/fence-delete" lease_ttl::fence_after_delete: "fences grow across a delete"
    Leases "leases/fence-end" lease_ttl::fence_after_expiry: "fences grow although the last lease expired long ago"
    Leases "leases/queue-order" queue::order: "leases are granted in the order of queueing"
    Leases "leases/queue-keeps-turn" queue::keeps_its_turn: "a waiter that queues again in time keeps its turn"
    Leases "leases/queue-no-overtaking" queue::no_overtaking: "an owner that has not queued does not overtake a waiter"
    Leases "leases/queue-free-leases" queue::more_leases_than_waiters: "free leases beyond the number of waiters are granted to any owner"
    Leases "leases/queue-ttl" queue::turn_ends_with_queue_ttl: "a waiter that stops queueing keeps its turn for its queue ttl"
    Leases "leases/queue-ttl-zero" queue::queue_ttl_of_zero: "a queue ttl of zero takes no turn and gives up an earlier one"
    Leases "leases/queue-release" queue::release_leaves: "a release gives up a turn in the queue"
    Leases "leases/queue-holds-nothing" queue::waiter_holds_nothing: "a waiter has no lease to renew or release"
    Leases "leases/queue-reply" queue::replies_within_queue_ttl: "acquire replies within its queue ttl"
    Leases "leases/queue-granted" queue::granted_after_release: "a waiter that keeps queueing is granted the lease soon after its release"
    Leases "leases/plain-access" foreign::plain_on_lease: "get and set of a lease are refused and change nothing"
    Leases "leases/foreign-value" foreign::leases_on_plain: "lease operations on a plain value are refused and change nothing"
    Leases "leases/other-facet" foreign::leases_and_others: "lease operations on counters and cells, and theirs on leases, are refused and change nothing"

    Versioned "versioned/absent-is-none" versioned::absent: "read of a key that was never written returns none"
    Versioned "versioned/create" versioned::creates: "a value that one client creates is read by every client, with its version"
    Versioned "versioned/replace" versioned::replaces: "a write over the stored version replaces value and version"
    Versioned "versioned/stale-version" versioned::stale_version: "a write over another version is refused and changes nothing"
    Versioned "versioned/create-over-value" versioned::create_over_value: "a write that expects no value is refused where a value is stored"
    Versioned "versioned/replace-absent" versioned::replace_absent: "a write that expects a version is refused where no value is stored"
    Versioned "versioned/repeated-write" versioned::repeated_write: "a repeated write returns true and changes nothing"
    Versioned "versioned/concurrent" versioned::concurrent: "of 16 writers over one version exactly one succeeds"
    Versioned "versioned/processes" processes::write: "writers in several processes lose no write"
    Versioned "versioned/unique-versions" versioned::unique_versions: "the version of a deleted value never matches a later value"
    Versioned "versioned/keys-apart" versioned::keys_apart: "two keys have values and versions of their own"
    Versioned "versioned/empty-value" versioned::empty_value: "an empty versioned value is a value"
    Versioned "versioned/any-bytes" versioned::any_bytes: "versioned values and versions may contain any bytes"
    Versioned "versioned/largest-value" versioned_sizes::largest: "a versioned value of max_value bytes is stored, a larger one is refused as too large and changes nothing"
    Versioned "versioned/delete" versioned::delete: "a deleted versioned value is absent for every client"
    Versioned "versioned/dropped" versioned::dropped: "a dropped write is done as a whole or not at all, and the key stays usable"
    Versioned "versioned/ttl-ends" versioned_ttl::not_late: "a versioned value expires when its ttl ends"
    Versioned "versioned/ttl-not-early" versioned_ttl::not_early: "a versioned value stays until its ttl ends"
    Versioned "versioned/no-ttl-stays" versioned_ttl::without_ttl: "a versioned value without a ttl stays"
    Versioned "versioned/write-resets-ttl" versioned_ttl::write_resets: "a second write replaces the ttl, counted from the second write"
    Versioned "versioned/ttl-kept" versioned_ttl::unchanged_by_refused_write: "a refused or repeated write does not change the ttl"
    Versioned "versioned/ttl-zero" versioned_ttl::zero: "a write with a ttl of zero is refused and changes nothing"
    Versioned "versioned/plain-access" foreign::plain_on_versioned: "get and set of a versioned value are refused and change nothing"
    Versioned "versioned/foreign-value" foreign::versioned_on_plain: "versioned operations on a plain value are refused and change nothing"
    Versioned "versioned/other-facet" foreign::versioned_and_others: "versioned operations on values of other facets, and theirs on versioned values, are refused and change nothing"

    // Last: they set the clock back, and nothing sets it ahead again.
    Plain "plain/clock-back" clock_back::plain: "a value stays when the store's clock is set back"
    Counter "counter/clock-back" clock_back::counter: "a counter counts on when the store's clock is set back"
    Pacer "pacer/clock-back" clock_back::pacer: "bookings keep their times when the store's clock is set back"
    Leases "leases/clock-back" clock_back::leases: "a lease stays held and fences grow when the store's clock is set back"
    Versioned "versioned/clock-back" clock_back::versioned: "a versioned value stays when the store's clock is set back"
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn identifiers_and_sentences_are_unique() {
        let ids: HashSet<_> = Clause::all().iter().map(Clause::id).collect();
        let sentences: HashSet<_> = Clause::all().iter().map(Clause::says).collect();
        assert_eq!((ids.len(), sentences.len()), (Clause::all().len(), Clause::all().len()));
    }
}
