//! Every clause of the kit catches a store that breaks it, and no clause accuses one that does not: each store here has
//! one thing wrong and says which clauses that breaks, and the kit must find exactly these.

mod booking;
mod comeback;
mod corrections;
mod counter;
mod fault;
mod good;
mod keys;
mod leases;
mod loss;
mod plain;
mod queue;
mod roll;
mod versioned;

use std::collections::BTreeSet;

use fault::{Fault, Sound, report_of};
use stitchapi_testing::Clause;

/// Runs the kit on a store with this fault.
fn check<F: Fault>() {
    let report = report_of::<F>();
    let found: BTreeSet<_> = report.violated().map(|(clause, _)| clause.id()).collect();
    let declared: BTreeSet<_> = F::BREAKS.iter().copied().collect();
    assert_eq!(found, declared, "found is left, declared is right\n{report}");
    assert_eq!(report.passed().count() + found.len(), Clause::all().len(), "not every clause was judged\n{report}");
}

macro_rules! broken {
    ($($module:ident: $($fault:ident)+;)+) => {
        mod the_kit_catches_one_that {
            $(mod $module {
                $(#[test]
                #[expect(non_snake_case, reason = "named like the store")]
                fn $fault() {
                    crate::check::<crate::$module::$fault>();
                })+
            })+
        }
        const BREAKS: &[&[&str]] = &[$($($module::$fault::BREAKS),+),+];
    };
}

broken! {
    plain:
        IgnoresTheTtl RoundsTheTtlDown RoundsTheTtlUpToSeconds TakesATtlOfZeroForNone KeepsTheFirstTtl
        KeepsTheTtlWhenThereIsNone HasADefaultTtl CountsTheTtlIn32Bits TakesEmptyForAbsent TakesAbsentForEmpty
        KeepsTextOnly SetsOnlyOnce FailsToDeleteWhatIsAbsent DeletesNothing NeverAnswersADelete
        LeavesALockBehind SetsWhateverIsThere GetsWhateverIsThere;
    keys:
        CutsKeys IgnoresCase JoinsParts IgnoresTheKind WritesKeysInAscii IgnoresThePrefix SharesNothing;
    counter:
        StartsAtZero ReadsThenWrites LocksInTheClient LocksInTheProcess ExtendsTheTtl NeverEnds EndsAtOnce
        EndsOnce LeavesALostTtlLost CountsWithATtlOfZero CountsRefusedCalls CountsKeysTogether
        KeepsDeletedCounters CountsOverValues CountsOnFromText;
    booking:
        ReadsThenBooks LocksInTheProcess IgnoresTheHorizon BooksForTheDead BooksWhenTouched ForgetsAfterAPeriod
        HasNoClock StartsFreshAtOnce SpacesWithoutTheGuard RoundsDown PacesKeysTogether KeepsDeletedCells
        BooksOverValues TakesANewerFormatForNone SettlesValuesSilently;
    loss:
        IgnoresMarks NoticesLossOnly GivesCreditAfterALoss ForgetsWhatIsOver BelievesEveryMark GivesNewCellsNoCredit;
    comeback:
        LetsEverybodyBackAtOnce SharesAgainWithoutAPause LetsTheSecondBackAtOnce LetsNobodyJoin ForgetsWhoWasBack;
    corrections:
        TakesEveryRefund TakesRefundsOfNothing TakesNoRefund TakesRefundsTwice RefundsAcrossEpochs
        SettlesEveryLimit GivesBackBelowNow TakesNoDebt GivesNothingBack SettlesWithoutASeq MakesACellToSettle
        HoldsNobody HoldsFromNow HoldsLaterByTheWay HoldsForever BelievesLongHolds AddsHoldsUp CountsEveryHold
        LetsTheLastHoldWin HoldsOnlyACell KeepsTheBurstBehindAHold;
    roll:
        CountsEveryRequest DoesNotTellThatItCounted ForgetsTheLastWindow BelievesWhatALostCellCounted;
    leases:
        LendsOnePlaceOnly LendsOneMore ReadsThenLends LocksInTheProcess LendsKeysTogether LendsTheSameOwnerAnother
        FencesTheSameOwnerAnew KeepsWhatIsGivenBack RenewsWhatIsFree RenewsForAnybody ReleasesForAnybody
        FailsToReleaseWhatIsNotHeld TellsTheTtlOfWhoAsks TellsToComeBackAtOnce KeepsDeletedLeases LeavesALockBehind
        LendsForATtlOfZero EndsWhatItRefuses TakesALimitOfZeroForNone HoldsForWholeSeconds EndsWithTheKey
        EndsAtHalfTime RenewsNothing TellsAHolderOnlyThatItHolds RenewsTheDead
        FencesByTheClockAlone CountsFencesInTheKey LendsOverValues ReleasesValuesSilently RenewsTheTextOfALease;
    queue:
        KeepsNoQueue ServesTheLatestFirst QueuesAnewEachTime LendsNothingWhileSomebodyWaits KeepsTurnsForever
        KeepsTurnsForAMoment QueuesWhoDoesNotWait KeepsTheTurnOfWhoStops KeepsTheTurnOfWhoReleases RenewsTurns
        WaitsForThePlace ServesNobodyWhoWaits;
    versioned:
        ReadsAbsentAsEmpty ReadsFromTheClientsMemory KeepsTheFirstVersion WritesOverAnyVersion WritesWhatItRefuses
        TakesNoneForAnything CreatesWhatIsGone RefusesItsOwnWrite RepeatsItsOwnWrite ReadsThenWrites
        LocksInTheProcess CountsVersions KeepsKeysTogether TakesEmptyForAbsent KeepsTextOnly CutsVersions
        KeepsDeletedValues WritesInTwoSteps LeavesALockBehind IgnoresTheTtl EndsAtHalfTime HasADefaultTtl
        KeepsTheFirstTtl ExtendsTheTtlOfWhatItKeeps TakesATtlOfZeroForNone WritesWithATtlOfZero WritesOverValues
        ReadsPlainValues;
}

#[test]
fn the_kit_has_nothing_to_say_against_a_sound_store() {
    check::<Sound>();
}

#[test]
fn every_clause_is_broken_by_a_store() {
    let broken: BTreeSet<_> = BREAKS.iter().copied().flatten().copied().collect();
    let clauses: BTreeSet<_> = Clause::all().iter().map(Clause::id).collect();
    assert_eq!(broken, clauses);
}
