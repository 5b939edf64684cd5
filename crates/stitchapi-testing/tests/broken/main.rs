//! Every clause of the kit catches a store that breaks it, and accuses no store that does not.
//!
//! Each store here has one defect and states all clauses that the defect breaks. The kit must find exactly these.

mod counter;
mod harness;
mod leases;
mod pacer;
mod plain;
mod shared;
mod versioned;

use std::collections::BTreeSet;

use harness::{Defect, NoDefect, report_of};
use leases::{holding as lease_holding, queue as lease_queue, ttl as lease_ttl};
use pacer::{booking, corrections, loss, process_count, rejoin};
use plain::{keys, values as plain_values};
use shared::{clock_back, contention, sizes};
use stitchapi_testing::Clause;
use versioned::{ttl as versioned_ttl, values as versioned_values};

/// Seed of the runs. A defect that breaks its clauses by chance only would break others with another seed.
const SEED: u64 = 7;

/// Runs the kit on a store with this defect, and compares the violated clauses with those that the defect states.
fn check<D: Defect>(seed: u64) {
    let report = report_of::<D>(seed);
    let violated: BTreeSet<_> = report.violated().map(|(clause, _)| clause.id()).collect();
    let stated: BTreeSet<_> = D::BREAKS.iter().copied().collect();
    assert_eq!(violated, stated, "violated is left, stated is right\n{report}");
    assert_eq!(report.passed().count() + violated.len(), Clause::all().len(), "some clauses were not judged\n{report}");
}

macro_rules! broken {
    ($($module:ident: $($defect:ident)+;)+) => {
        mod the_kit_finds_what_is_broken_by {
            $(mod $module {
                $(#[test]
                #[expect(non_snake_case, reason = "the test has the name of the store")]
                fn $defect() {
                    crate::check::<crate::$module::$defect>(crate::SEED);
                })+
            })+
        }
        const BREAKS: &[&[&str]] = &[$($($module::$defect::BREAKS),+),+];
    };
}

broken! {
    plain_values:
        IgnoresTheTtl RoundsTheTtlDown RoundsTheTtlUpToSeconds TreatsTtlZeroAsNoTtl KeepsTheFirstTtl
        KeepsTheTtlOnSetWithoutTtl HasADefaultTtl StoresTheTtlIn32Bits ReturnsNoneForEmptyValues
        ReturnsEmptyForAbsentValues StoresTextOnly SetsOnlyOnce FailsToDeleteAbsentValues DeletesNothing
        NeverRepliesToDelete KeepsALockAfterADrop SetsOverOtherFacets GetsValuesOfOtherFacets;
    keys:
        TruncatesKeys IgnoresCase JoinsParts IgnoresTheKind ConvertsKeysToAscii IgnoresThePrefix
        SharesNothingBetweenClients;
    counter:
        StartsAtZero ReadsThenWrites LocksPerClient LocksPerProcess ExtendsTheTtl NeverExpires ExpiresAtOnce
        ExpiresOnlyOnce DoesNotRestoreALostTtl AcceptsTtlZero CountsRefusedCalls SharesOneCounterForAllKeys
        KeepsDeletedCounters CountsOverPlainValues CountsOnFromPlainNumbers;
    booking:
        ReadsThenBooks LocksPerProcess IgnoresTheHorizon BooksForExpiredRequests BooksWithoutCalls
        ExpiresAfterOnePeriod UsesTheClientsClock IgnoresTheInitialDelay IgnoresTheMaximumLateness DropsRemainders
        SharesOneCellForAllKeys KeepsDeletedCells BooksOverPlainValues OverwritesANewerFormat SettlesPlainValues;
    corrections:
        AcceptsEveryRefund AcceptsRefundsOfAbsentCells RefusesEveryRefund AcceptsARefundTwice
        IgnoresTheEpochOfARefund SettlesEveryLimit SettlesBelowNow IgnoresDebts IgnoresCredits
        SettlesWithoutANewSeq CreatesACellToSettle IgnoresHolds AddsTheHoldToNow DelaysAHoldByItsLatency
        IgnoresTheCapOfAHold IgnoresMaxHold AddsHolds IncrementsTheSeqForEveryHold ReplacesAHoldByTheLatest
        IgnoresHoldsOfAbsentCells KeepsTheBurstAfterAHold;
    loss:
        IgnoresSnapshots DetectsLossButNotRollback GivesCreditAfterALoss ForgetsPastBookings
        AcceptsEverySnapshot GivesNewCellsNoCredit;
    process_count:
        CountsEveryRequest DoesNotReportTheCountedWindow ForgetsThePreviousWindow KeepsTheCountOfALostCell;
    rejoin:
        IgnoresRejoins RejoinsWithoutAPause LetsTheSecondProcessJoinAtOnce TreatsEveryRejoinAsTheFirst
        ForgetsEarlierRejoins;
    lease_holding:
        GrantsOneLeaseOnly GrantsOneLeaseMore ReadsThenGrants LocksPerProcess SharesLeasesBetweenKeys
        GrantsASecondLeaseToTheHolder GivesTheHolderANewFence IgnoresReleases RenewsFreeLeases
        RenewsForEveryOwner ReleasesForEveryOwner FailsToReleaseUnheldLeases ReturnsTheCallersTtlAsRetryAfter
        ReturnsARetryAfterOfZero KeepsDeletedLeases KeepsALockAfterADrop TreatsLimitZeroAsUnlimited
        GrantsOverPlainValues ReleasesPlainValues RenewsPlainValues;
    lease_queue:
        HasNoQueue GrantsToTheLatestWaiter MovesAWaiterToTheEnd GrantsNothingWhileAnOwnerWaits KeepsTurnsForever
        KeepsTurnsFor30Milliseconds QueuesOwnersWithAParkOfZero KeepsTheTurnOfALeavingWaiter
        KeepsTheTurnAfterARelease RenewsForWaiters RepliesOnlyWithALease GrantsNothingToWaiters;
    lease_ttl:
        AcceptsTtlZero ReleasesOnARefusedRenew RoundsTheTtlUpToSeconds ExpiresWithTheLastHolder
        ExpiresAtHalfOfTheTtl DoesNotExtendOnRenew DoesNotExtendOnReacquire RenewsExpiredLeases
        DerivesFencesFromTheClockOnly CountsFencesPerKey;
    versioned_values:
        ReturnsEmptyForAbsentValues CachesReadsInTheClient KeepsTheFirstVersion WritesOverAnyVersion
        WritesWhatItRefuses TreatsNoneAsAnyVersion CreatesAbsentValuesOverAVersion RefusesARepeatedWrite
        WritesARepeatedWriteAgain ReadsThenWrites LocksPerProcess ComparesVersionCounts SharesOneValueForAllKeys
        ReturnsNoneForEmptyValues StoresTextOnly EndsVersionsAtAZeroByte KeepsDeletedValues WritesInTwoSteps
        KeepsALockAfterADrop WritesOverPlainValues ReadsPlainValues;
    versioned_ttl:
        IgnoresTheTtl ExpiresAtHalfOfTheTtl HasADefaultTtl KeepsTheFirstTtl ExtendsTheTtlOnARefusedWrite
        TreatsTtlZeroAsNoTtl WritesOnARefusedTtlZero;
    clock_back:
        LosesPlainValues LosesCounters LosesCells LosesLeases LetsFencesGoBack LosesVersionedValues;
    contention:
        FailsAfter100LostRaces RetriesForever TakesALockAfter8LostRaces;
    sizes:
        AcceptsKeysOfAnyLength ChecksTheKeyOfSomeOperations ReportsLongKeysAsInvalid AcceptsValuesOfAnySize
        CountsTheEnvelope TruncatesLargeValues DeletesOnARefusedSet;
}

#[test]
fn the_kit_finds_nothing_in_a_store_without_a_defect() {
    check::<NoDefect>(SEED);
}

#[test]
fn an_optimistic_store_fails_with_every_interleaving() {
    for seed in 0..20 {
        check::<contention::FailsAfter100LostRaces>(seed);
        check::<contention::TakesALockAfter8LostRaces>(seed);
    }
}

#[test]
fn every_clause_is_broken_by_some_store() {
    let broken: BTreeSet<_> = BREAKS.iter().copied().flatten().copied().collect();
    let clauses: BTreeSet<_> = Clause::all().iter().map(Clause::id).collect();
    assert_eq!(broken, clauses);
}
