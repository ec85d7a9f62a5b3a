//! Lines become messages and files, some of them more than once.

use std::collections::BTreeMap;

use crate::clock::{Clock, HOUR, MINUTE, Slot};
use crate::dice::Dice;
use crate::lines::{Leg, Outcome, Payment, Sale};
use crate::merchants::{self, Merchant, Till};
use crate::world::Scheme;
use crate::{Drop, DropKind, amex, mastercard, tills, visa};

/// Every so many accepted lines one comes again.
const REPEAT_EVERY: usize = 40;

/// One line as it is written, and what import says about it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) outcome: Outcome,
    text: String,
    when: i64,
    repeatable: bool,
}

impl Line {
    fn again(&self) -> Self {
        Self { outcome: Outcome::Duplicate, repeatable: false, ..self.clone() }
    }
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Message,
    FixedWidth,
    Csv(&'static Till),
}

/// A delivery in the making.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) feed: &'static str,
    pub(crate) name: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) same_bytes_as: Option<String>,
    format: Format,
    /// When the partner wrote it, which is part of a fixed-width file.
    made: i64,
    at: i64,
}

impl Draft {
    pub(crate) fn is_file(&self) -> bool {
        !matches!(self.format, Format::Message)
    }

    fn text(&self) -> String {
        let mut lines = self.lines.iter().map(|line| line.text.clone());
        match self.format {
            Format::Message => lines.next().unwrap_or_default(),
            Format::FixedWidth => mastercard::file(lines, self.made),
            Format::Csv(till) => tills::file(till, lines),
        }
    }
}

/// All deliveries of the day, with the repetitions partners are known for.
pub(crate) fn drafts(payments: &[Payment], sales: &[Sale], clock: &Clock, dice: &mut Dice) -> Vec<Draft> {
    let mut drafts = messages(payments, sales, clock);
    repeat_messages(&mut drafts, dice);
    for (leg, feed, stem, slots) in [
        (Leg::Settled, "mastercard-settled", "TGX2", clock.settlement_slots()),
        (Leg::Refund, "mastercard-refund", "TGX2-refund", clock.refund_slots()),
    ] {
        let lines = mastercard_lines(payments, leg, clock);
        drafts.extend(repeat_lines(files(feed, stem, Format::FixedWidth, &slots, lines), dice));
    }
    for (merchant, till) in merchants::with_till().filter(|(merchant, _)| merchant.has_files()) {
        let (slots, lines) = (clock.merchant_slots(merchant), sale_lines(merchant, sales, clock));
        drafts.extend(repeat_lines(files(merchant.slug, merchant.slug, Format::Csv(till), &slots, lines), dice));
    }
    drafts
}

/// The deliveries in their order. Two of the same second keep the order of their names.
pub(crate) fn deliver(mut drafts: Vec<Draft>) -> Vec<Drop> {
    drafts.sort_by(|one, other| (one.at, &one.name).cmp(&(other.at, &other.name)));
    let drop = |draft: Draft| Drop {
        at: Clock::timestamp(draft.at),
        feed: draft.feed.to_owned(),
        kind: if draft.is_file() { DropKind::File } else { DropKind::Message },
        bytes: draft.text().into_bytes(),
        name: draft.name,
    };
    drafts.into_iter().map(drop).collect()
}

fn messages(payments: &[Payment], sales: &[Sale], clock: &Clock) -> Vec<Draft> {
    let lines = payments.iter().flat_map(|payment| payment.legs().map(move |(leg, at)| (payment, leg, at)));
    let of_payments = lines.filter_map(|(payment, leg, at)| {
        let (feed, text) = payment_message(payment, leg, clock)?;
        Some((feed, at, payment_line(payment, leg, text)))
    });
    let of_sales = sales.iter().filter(|sale| !sale.merchant.has_files());
    let of_sales = of_sales.map(|sale| (sale.merchant.slug, sale.sent, sale_line(sale, clock)));
    let draft = |(number, (feed, at, line)): (usize, (&'static str, i64, Line))| {
        let name = format!("{feed}-{:07}.json", number + 1);
        Draft { feed, name, lines: vec![line], same_bytes_as: None, format: Format::Message, made: at, at }
    };
    of_payments.chain(of_sales).enumerate().map(draft).collect()
}

/// `None` for a line that comes in a file, or that its payment scheme has no feed for.
fn payment_message(payment: &Payment, leg: Leg, clock: &Clock) -> Option<(&'static str, String)> {
    Some(match (payment.site.scheme, leg) {
        (Scheme::Visa, Leg::Auth) => ("visa-auth", visa::auth(payment, clock)),
        (Scheme::Visa, Leg::Settled) => ("visa-settlement", visa::settlement(payment)),
        (Scheme::Visa, Leg::Refund) => ("visa-refund", visa::refund(payment)),
        (Scheme::Mastercard, Leg::Auth) => ("mastercard-auth", mastercard::auth(payment, clock)),
        (Scheme::Amex, Leg::Auth) => ("amex-auth", amex::auth(payment)),
        (Scheme::Amex, Leg::Settled) => ("amex-settlement", amex::settlement(payment, clock)),
        (Scheme::Mastercard, Leg::Settled | Leg::Refund) | (Scheme::Amex, Leg::Refund) => return None,
    })
}

fn payment_line(payment: &Payment, leg: Leg, text: String) -> Line {
    let outcome = payment.outcome(leg);
    Line { outcome, text, when: payment.when, repeatable: outcome == Outcome::Accepted }
}

fn sale_line(sale: &Sale, clock: &Clock) -> Line {
    let (outcome, text) = (sale.outcome(), tills::line(sale.till, sale, clock));
    Line { outcome, text, when: sale.when, repeatable: outcome == Outcome::Accepted && !sale.alone }
}

/// The same message twice, the second time minutes or hours later.
fn repeat_messages(drafts: &mut Vec<Draft>, dice: &mut Dice) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut due = |feed| {
        let count = seen.entry(feed).or_default();
        *count += 1;
        *count % REPEAT_EVERY == 1
    };
    let accepted = drafts.iter().filter(|draft| draft.lines.iter().all(|line| line.repeatable));
    let again = accepted.filter(|draft| due(draft.feed)).map(|draft| Draft {
        name: draft.name.replace(".json", "-again.json"),
        lines: draft.lines.iter().map(Line::again).collect(),
        at: draft.at + dice.between(20, 3 * HOUR),
        ..draft.clone()
    });
    let again: Vec<_> = again.collect();
    drafts.extend(again);
}

fn mastercard_lines(payments: &[Payment], leg: Leg, clock: &Clock) -> Vec<(usize, Line)> {
    let has_leg = |payment: &&Payment| payment.legs().any(|(other, _)| other == leg);
    let lines = payments.iter().filter(|payment| payment.site.scheme == Scheme::Mastercard).filter(has_leg);
    lines.map(|payment| (payment.slot, payment_line(payment, leg, mastercard::detail(payment, clock)))).collect()
}

fn sale_lines(merchant: &Merchant, sales: &[Sale], clock: &Clock) -> Vec<(usize, Line)> {
    let own = sales.iter().filter(|sale| sale.merchant == merchant);
    own.map(|sale| (sale.slot, sale_line(sale, clock))).collect()
}

/// One file a window, its lines in the order of the day.
fn files(feed: &'static str, stem: &str, format: Format, slots: &[Slot], mut lines: Vec<(usize, Line)>) -> Vec<Draft> {
    lines.sort_by_key(|(_, line)| line.when);
    let extension = if matches!(format, Format::FixedWidth) { "txt" } else { "csv" };
    let mut drafts = Vec::new();
    for (n, slot) in slots.iter().enumerate() {
        let lines = lines.iter().filter(|(place, _)| *place == n).map(|(_, line)| line.clone()).collect();
        let name = format!("{stem}-{}-{}.{extension}", Clock::utc(slot.until, "%Y%m%d"), n + 1);
        drafts.push(Draft { feed, name, lines, same_bytes_as: None, format, made: slot.until, at: slot.at });
    }
    drafts
}

/// Lines again in their own file and in the one delivered next, then the second file whole under another name.
fn repeat_lines(mut files: Vec<Draft>, dice: &mut Dice) -> Vec<Draft> {
    files.sort_by_key(|file| file.at);
    let mut carried = Vec::new();
    for file in &mut files {
        let (mut inside, mut across) = (Vec::new(), Vec::new());
        let len = file.lines.len();
        for (n, (place, line)) in file.lines.iter().enumerate().filter(|(_, line)| line.repeatable).enumerate() {
            // Both kinds come up in a short file too.
            match n % REPEAT_EVERY {
                0 => inside.push((far(place + 1, len, dice), line.again())),
                1 => across.push(line.again()),
                _ => {}
            }
        }
        inside.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
        file.lines = woven(std::mem::take(&mut file.lines), inside);
        file.lines.append(&mut carried);
        carried = across;
    }
    let whole = files.get(1).map(|file| Draft {
        name: file.name.replacen('.', "-resent.", 1),
        lines: file.lines.iter().map(repeated).collect(),
        same_bytes_as: Some(file.name.clone()),
        at: file.at + dice.between(30 * MINUTE, 5 * HOUR),
        ..file.clone()
    });
    files.extend(whole);
    files
}

/// A place from `low` to `high`.
fn far(low: usize, high: usize, dice: &mut Dice) -> usize {
    let span = u64::try_from(high.saturating_sub(low)).unwrap_or(0) + 1;
    low + usize::try_from(dice.below(span)).unwrap_or(0)
}

/// The lines with the extra ones put in before the places they name, which are in falling order.
fn woven(lines: Vec<Line>, mut extra: Vec<(usize, Line)>) -> Vec<Line> {
    let mut all = Vec::with_capacity(lines.len() + extra.len());
    for (n, line) in lines.into_iter().enumerate() {
        while let Some((_, line)) = extra.pop_if(|(place, _)| *place <= n) {
            all.push(line);
        }
        all.push(line);
    }
    all.extend(extra.into_iter().rev().map(|(_, line)| line));
    all
}

/// A line of a file that comes again: whatever got in before is a duplicate now.
fn repeated(line: &Line) -> Line {
    match line.outcome {
        Outcome::Skipped | Outcome::Rejected => line.clone(),
        Outcome::Accepted | Outcome::Duplicate | Outcome::Parked => line.again(),
    }
}
