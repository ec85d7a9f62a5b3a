//! What has to be true of exports at rest. What each merchant's protocol allows is written down here once more, from
//! spec match §8.4 and §9 and decisions D8 to D13: nothing of this asks the schedules or the protocols.

use crate::machine::Machine;
use harmonia_domain::export::{BatchState, Export, ExportState, MatchType};
use harmonia_local::state::Rows;

/// What a merchant makes of the same purchase told twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Twice {
    /// It knows it by its key.
    Knows,
    /// It does not, but can be asked before.
    CanBeAsked,
    /// It rewards it again.
    Rewards,
}

/// Merchants, and after how many attempts at the least one of their exports is given up.
const MERCHANTS: [(&str, Twice, u32); 11] = [
    ("bpl-viator", Twice::Knows, 5),
    ("costa", Twice::Rewards, 5),
    // attempts are the batch's: none of these stories lasts as long as its schedule
    ("iceland-bonus-card", Twice::Knows, u32::MAX),
    ("itsu", Twice::Knows, 5),
    ("slim-chickens", Twice::Rewards, 5),
    ("squaremeal", Twice::Knows, 5),
    ("stonegate", Twice::Knows, 33),
    ("stonegate-unmatched", Twice::Knows, u32::MAX),
    ("tgi-fridays", Twice::CanBeAsked, 9),
    ("the-works", Twice::CanBeAsked, 5),
    ("wasabi-club", Twice::Knows, 8),
];

fn merchant_of(export: &Export) -> Option<(Twice, u32)> {
    let found = MERCHANTS.iter().find(|(name, ..)| *name == export.merchant.as_str());
    found.map(|(_, twice, attempts)| (*twice, *attempts))
}

/// Where an export may rest: told, or not told for a reason that its merchant's protocol has.
fn rests(machine: &Machine, export: &Export) -> bool {
    let Some((twice, attempts)) = merchant_of(export) else { return false };
    match &export.state {
        ExportState::Delivered { .. } | ExportState::Reversed { .. } => true,
        ExportState::Skipped { .. } => {
            twice == Twice::CanBeAsked || (export.merchant.as_str() == "slim-chickens" && export.facts.amount.0 < 750)
        }
        // somebody died, or an answer was lost: the merchant's, or that to the mark
        ExportState::Unconfirmed { .. } => {
            let lost = machine.outside().said().lost > 0 || machine.tables_fail();
            twice == Twice::Rewards && (machine.deaths() > 0 || lost)
        }
        // the storm was longer than the schedule
        ExportState::Failed { .. } => export.attempts >= attempts,
        _ => false,
    }
}

/// Every export has come to rest; attempts that are counted were made; batches and files are whole.
pub(super) fn wrong(machine: &Machine, rows: &Rows) -> Vec<String> {
    let unrest = rows.exports.iter().filter(|export| !rests(machine, export));
    let mut wrong: Vec<String> = unrest
        .map(|export| format!("export {} of {} ends as {:?}", export.id, export.merchant, export.state))
        .collect();
    let open = rows.batches.iter().filter(|batch| batch.state != BatchState::Closed);
    wrong.extend(open.map(|batch| format!("batch {} of {} ends as {:?}", batch.id, batch.merchant, batch.state)));
    wrong.extend(attempts_not_made(machine, rows));
    wrong.extend(files(machine, rows));
    wrong
}

/// An attempt is at least one request; what was put off is none. Members of batches and rows of files are not asked.
fn attempts_not_made(machine: &Machine, rows: &Rows) -> Option<String> {
    let alone = rows.exports.iter().filter(|x| merchant_of(x).is_some_and(|(_, attempts)| attempts < u32::MAX));
    let alone = alone.filter(|export| !matches!(export.state, ExportState::Reversed { .. }));
    let counted: u32 = alone
        .map(|export| {
            // those are written without asking anybody
            let unasked = matches!(export.state, ExportState::Unconfirmed { .. } | ExportState::Skipped { .. });
            export.attempts.saturating_sub(u32::from(unasked))
        })
        .sum();
    let asked = machine.outside().said().asked;
    (u64::from(counted) > asked).then(|| format!("{counted} attempts are counted, {asked} requests were made"))
}

/// A name stands for one content, and what was told by file is in one file.
fn files(machine: &Machine, rows: &Rows) -> Vec<String> {
    let shelf = machine.shelf();
    let several = shelf.files().into_iter().filter(|(_, contents)| contents.len() > 1);
    let mut wrong: Vec<String> =
        several.map(|(name, contents)| format!("{name} was put with {} contents", contents.len())).collect();
    let stored = shelf.stored();
    for export in rows.exports.iter().filter(|x| x.match_type == MatchType::Unmatched) {
        let row = format!("{},", export.facts.transaction_id);
        let times: usize = stored.values().map(|text| text.lines().filter(|line| line.starts_with(&row)).count()).sum();
        let told = matches!(export.state, ExportState::Delivered { .. });
        if times != usize::from(told) {
            wrong.push(format!("{} is {:?} and in {times} files", export.facts.transaction_id, export.state));
        }
    }
    wrong
}

/// What has to be true where nothing but a tale's own trouble happens: nobody is lost, nobody is left to a person who
/// need not be, and nobody is told of what was undone before.
pub(super) fn strictly(machine: &Machine, rows: &Rows, exports: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    if rows.exports.len() != exports {
        wrong.push(format!("{} exports instead of {exports}", rows.exports.len()));
    }
    for export in &rows.exports {
        let twice = merchant_of(export).map(|(twice, _)| twice);
        let well = match &export.state {
            ExportState::Delivered { .. } | ExportState::Reversed { .. } => true,
            ExportState::Unconfirmed { .. } => twice == Some(Twice::Rewards),
            _ => false,
        };
        if !well {
            wrong.push(format!("export {} of {} needs a person: {:?}", export.id, export.merchant, export.state));
        }
    }
    let names = machine.shelf().stored().into_keys();
    let numbers: Vec<usize> =
        names.filter_map(|name| name.rsplit('/').next()?.strip_suffix(".csv")?.parse().ok()).collect();
    if !numbers.iter().copied().eq(1..=numbers.len()) {
        wrong.push(format!("files have the numbers {numbers:?}"));
    }
    let may_be_told = |export: &&Export| match &export.state {
        ExportState::Reversed { told, .. } => told.is_some(),
        _ => export.match_type != MatchType::Unmatched,
    };
    let most = rows.exports.iter().filter(may_be_told).count();
    let told = |state: &ExportState| matches!(state, ExportState::Delivered { .. });
    let least = rows.exports.iter().filter(may_be_told).filter(|export| told(&export.state)).count();
    let rewarded = usize::try_from(machine.outside().partners.report().rewarded()).unwrap_or(usize::MAX);
    if rewarded < least || rewarded > most {
        wrong.push(format!("{rewarded} rewards, and there should be {least} to {most}"));
    }
    wrong
}
