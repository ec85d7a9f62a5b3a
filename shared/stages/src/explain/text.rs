//! Explanations in words: the only place where they are put into text. The reason comes first, then the facts it
//! stands on, each line under a word that says what it is.

use super::{
    Became, Because, CardTold, DayTold, Explained, Explanation, ExportTold, FileExplained, FileTold, LineExplained,
    NearPayment, NearSale, Note, PaymentExplained, PaymentLine, SaleExplained,
};
use harmonia_domain::{
    Source,
    answer::ReceiverAnswer,
    export::{ExportState, MatchType, Redress},
    feed::{Kind, Transport},
    file::FileState,
    identifier::IdentifierType,
    outcome::{ParkReason, Reject},
};
use harmonia_matching::Money;
use jiff::Timestamp;
use std::fmt::{self, Display, Formatter, Result};

/// Width of the word that begins a line.
const LABEL: usize = 10;

/// One line: what it is, and the thing.
fn line(f: &mut Formatter<'_>, label: &str, text: impl Display) -> Result {
    writeln!(f, "  {label:LABEL$} {text}")
}

/// An instant as people read it.
struct At(Timestamp);

impl Display for At {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%d %H:%M:%S%.f UTC"))
    }
}

impl Display for Explained {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for (number, answer) in self.answers.iter().enumerate() {
            f.write_str(if number > 0 { "\n" } else { "" })?;
            write!(f, "{answer}")?;
        }
        Ok(())
    }
}

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Payment(payment) => write!(f, "{payment}"),
            Self::Sale(sale) => write!(f, "{sale}"),
            Self::File(file) => write!(f, "{file}"),
            Self::Line(line) => write!(f, "{line}"),
        }
    }
}

impl Display for PaymentExplained {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "payment {} {}: {}", self.scheme, self.id, self.because)?;
        for one in self.lines.iter().chain(&self.refunds) {
            line(f, &one.kind.as_str().to_ascii_lowercase(), one)?;
        }
        for one in &self.differing {
            let facts = PaymentLine { counts: true, ..one.clone() };
            let kind = one.kind.as_str().to_ascii_lowercase();
            line(f, "differs", format!("{kind} {facts}; not used: another one with this id came first"))?;
        }
        if let Some(merchant) = &self.merchant {
            let place = merchant.location_id.as_ref().map(|id| format!(", location {id}")).unwrap_or_default();
            let text = format!("{}, by {} {}{place}", merchant.merchant, Type(merchant.kind), merchant.text);
            line(f, "merchant", with_version(&text, self.definition.as_deref()))?;
        }
        if let Some(card) = &self.card {
            line(f, "card", card)?;
        }
        exports(f, &self.exports)?;
        if !self.nearest.is_empty() {
            line(f, "nearest", "sales (the payment's value against the sale's)")?;
        }
        for near in &self.nearest {
            line(f, "", near)?;
        }
        if let Some(day) = &self.day {
            line(f, "files", day)?;
        }
        notes(f, &self.notes)
    }
}

impl Display for SaleExplained {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let sale = &self.sale;
        writeln!(f, "sale {} of {}: {}", sale.id, sale.merchant, self.because)?;
        let mids = if sale.mids.is_empty() { String::new() } else { format!(", MID {}", sale.mids.join(" or ")) };
        let place = sale.location.as_ref().map(|id| format!(", location {id}")).unwrap_or_default();
        let money = Money(sale.amount, sale.currency);
        let code = Code(&sale.auth_code);
        let card = Digits(sale.card.first_six.as_deref(), sale.card.last_four.as_deref());
        line(f, "sale", format!("{} at {}, {}{mids}{place}{code}{card}", money, At(sale.at), sale.scheme))?;
        line(f, "came", Came(self.arrived, &self.source))?;
        if let Some(file) = &self.file {
            line(f, "file", file)?;
        }
        exports(f, &self.exports)?;
        if !self.nearest.is_empty() {
            line(f, "nearest", "open payments (the payment's value against the sale's)")?;
        }
        for near in &self.nearest {
            line(f, "", near)?;
        }
        notes(f, &self.notes)
    }
}

impl Display for FileExplained {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let file = &self.file;
        writeln!(f, "file {}: {}", file.object, State(&file.state))?;
        line(f, "came", format!("{}, {} bytes, id {}", At(file.arrived), self.bytes, file.id))?;
        let t = &file.totals;
        let counts = format!(
            "{} read = {} accepted + {} duplicate ({} of them differ) + {} skipped + {} rejected + {} parked",
            t.read, t.accepted, t.duplicate, t.differs, t.skipped, t.rejected, t.parked
        );
        line(f, "lines", with_version(&counts, self.definition.as_deref()))?;
        if let Some((from, to)) = file.dates {
            line(f, "dates", format!("{} to {}", At(from), At(to)))?;
        }
        for (label, counts) in [("skipped", &self.skipped), ("parked", &self.parked), ("results", &self.results)] {
            for (reason, count) in counts {
                line(f, label, format!("{count} {reason}"))?;
            }
        }
        for reject in &self.rejects {
            line(f, "rejected", format!("line {}: {}", reject.line, Rejected(&reject.reject)))?;
        }
        let untold = t.rejected.saturating_sub(u64::try_from(self.rejects.len()).unwrap_or(u64::MAX));
        if untold > 0 {
            line(f, "rejected", format!("and {untold} more: see the reject report beside the archived file"))?;
        }
        if !self.missing.is_empty() {
            let missing: Vec<String> = self.missing.iter().map(ToString::to_string).collect();
            let of = format!("of {} ranges, after {} rounds", self.ranges, self.round);
            line(f, "missing", format!("ranges {} {of}", missing.join(", ")))?;
        }
        if self.wrongly_empty {
            line(f, "note", "it is empty, and its merchant's definition says that it may not be")?;
        }
        notes(f, &self.notes)
    }
}

impl Display for LineExplained {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "line {} of {}: {}", self.line, self.file.object, self.became)?;
        line(f, "file", &self.file)?;
        notes(f, &self.notes)?;
        match &self.now {
            Some(now) => write!(f, "\n{now}"),
            None => Ok(()),
        }
    }
}

impl Display for Because {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Matched { by, with, linked_later } => {
                match (by, with) {
                    (MatchType::Spotted, _) => f.write_str("matched by itself: its merchant has no sales here")?,
                    (_, Some(with)) => write!(f, "matched with {with}")?,
                    (_, None) => f.write_str("matched")?,
                }
                match linked_later {
                    Some(at) => write!(f, "; its card was linked later, at {}: it waited until then", At(*at)),
                    None => Ok(()),
                }
            }
            Self::Streamed => f.write_str("its merchant is told of each line by itself"),
            Self::Stored => f.write_str("stored, and nothing follows: its merchant's definition asks for nothing"),
            Self::UnknownMid { scheme, texts, since } => {
                write!(f, "parked since {}: nobody has onboarded {scheme} {}", At(*since), Texts(texts))
            }
            Self::DisputedMid { scheme, texts, merchants, since } => {
                let who: Vec<&str> = merchants.iter().map(harmonia_domain::feed::Slug::as_str).collect();
                write!(f, "parked since {}: {} both claim {scheme} {}", At(*since), who.join(" and "), Texts(texts))
            }
            Self::CardNotKnown { member_known, since, linked_at } => {
                let why =
                    if *member_known { "knows the member but not the card's digits" } else { "does not know the card" };
                write!(f, "parked since {}: the user directory {why}", At(*since))?;
                match linked_at {
                    Some(at) => write!(f, " (last linked or unlinked at {})", At(*at)),
                    None => f.write_str("; it is not linked yet, or nobody has told us"),
                }
            }
            Self::DirectoryUnavailable { since, due } => {
                write!(f, "parked since {}: the user directory did not answer", At(*since))?;
                due.map_or(Ok(()), |due| write!(f, "; it is asked again at {}", At(due)))
            }
            Self::UnknownLocation { location, since } => {
                write!(f, "parked since {}: location {location} has no till of its payment scheme", At(*since))
            }
            Self::NoDefinition { merchant } => write!(f, "open: {merchant} has no definition"),
            Self::NoPolicy { merchant, scheme } => {
                write!(f, "open: the definition of {merchant} does not match {scheme} payments")
            }
            Self::Tied { left, barred } => {
                let tied = harmonia_matching::Difference::Tied { left: *left, barred: *barred };
                write!(f, "open: {tied}; none is guessed")
            }
            Self::Nearest { says } => write!(f, "open: {says}"),
            Self::BelowMinimum { merchant, filter, below, currency } => {
                write!(f, "open: sales of {merchant} below {} are left out: {filter}", Money(*below, *currency))
            }
            Self::FileNotClosed { file } => write!(f, "open: file {} is {}", file.object, State(&file.state)),
            Self::FileRefused { file } => write!(f, "open: file {} was {}", file.object, State(&file.state)),
            Self::NoFile { merchant, day, latest, transport } => {
                let what = if *transport == Transport::File { "sales file" } else { "sale message" };
                write!(f, "open: no {what} of {merchant} covers {day}")?;
                match latest {
                    Some(latest) => write!(f, "; the latest covers up to {}", At(*latest)),
                    None => f.write_str("; none of those weeks has come"),
                }
            }
            Self::MidNotOnboarded { mids, scheme } => {
                write!(f, "open: nobody has onboarded {scheme} MID {} for its merchant", mids.join(" or "))
            }
            Self::PaymentParked { payment, why } => {
                write!(f, "open: payment {payment} would fit, but it is parked: {}", Parked(*why))
            }
            Self::UnderWay => f.write_str("under way: it has not been examined with all that is there now"),
            Self::NothingNear => f.write_str("open: nothing on the other side comes near"),
        }
    }
}

impl Display for Became {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Stored { name } => write!(f, "stored as {name}"),
            Self::Duplicate { name, of, arrived } => {
                write!(f, "a duplicate of {name}, which came {}", Came(*arrived, of))
            }
            Self::Repeated { differs } => {
                f.write_str("a duplicate: an earlier line of the file has its id")?;
                f.write_str(if *differs { ", and says something else" } else { "" })
            }
            Self::Skipped { filter } => write!(f, "left out: {filter}"),
            Self::Rejected { reject } => write!(f, "rejected: {}", Rejected(reject)),
            Self::NotStored { name } => write!(f, "not stored; it would be {name}"),
            Self::OfRepeatedFile { of } => write!(f, "a duplicate: the file has the same bytes as file {of}"),
            Self::Unread => f.write_str("not rejected; what it was is not known any more"),
            Self::NoRecord => f.write_str("no record begins there"),
            Self::Refused { why } => write!(f, "nothing of the file was imported: {why}"),
        }
    }
}

impl Display for Note {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::NotAllCompared { each_max } => {
                write!(f, "not all lines of its till were compared: at most {each_max} of each part of the book")
            }
            Self::NotAllTills { tills_max } => write!(f, "at most {tills_max} other tills were looked at"),
            Self::NotAllFiles { files_max } => write!(f, "at most {files_max} files of each month were looked at"),
            Self::NotAllReports { files_max } => {
                write!(f, "counts and other tills are of at most {files_max} files of that day")
            }
            Self::NotAllRanges { ranges_max } => write!(f, "counts are of at most {ranges_max} ranges"),
            Self::NotInBook => f.write_str("it has no entry in the book: new sales do not find it"),
            Self::OnboardedByNow => {
                f.write_str("its identifier is onboarded by now: onboard it once more to re-open what waits for it")
            }
            Self::OtherDefinition { then, now } => {
                write!(f, "decided by version {then} of the definition; in force is version {now}")
            }
            Self::ReadByOtherDefinition { then, now } => {
                let now = now.as_deref().unwrap_or("none");
                write!(f, "the file was read by version {then} of the definition, this line now by {now}")
            }
            Self::TooLargeToReadAgain => f.write_str("the file is large, and its plan is not kept any more"),
            Self::BytesGone => f.write_str("its raw bytes are not kept any more"),
            Self::LinkedCardsOnly => {
                f.write_str("only payments of linked cards wait for sales: others are not compared")
            }
        }
    }
}

fn notes(f: &mut Formatter<'_>, notes: &[Note]) -> Result {
    notes.iter().try_for_each(|note| line(f, "note", note))
}

fn with_version(text: &str, version: Option<&str>) -> String {
    let version = version.map(|version| format!("; definition version {version}")).unwrap_or_default();
    format!("{text}{version}")
}

impl Display for PaymentLine {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let card = Digits(self.card.first_six.as_deref(), self.card.last_four.as_deref());
        let money = Money(self.amount, self.currency);
        write!(
            f,
            "{money} at {}, MID {}{}{card}; came {}",
            At(self.at),
            self.mid,
            Code(&self.auth_code),
            Came(self.arrived, &self.source)
        )?;
        if let Some(why) = self.parked {
            write!(f, "; parked: {}", Parked(why))?;
        }
        match (self.counts || self.parked.is_some(), self.kind) {
            (true, _) => Ok(()),
            (false, Kind::Auth) => f.write_str("; not used: its settlement was known first"),
            (false, _) => f.write_str("; not used yet: whose card it was is not known"),
        }
    }
}

impl Display for CardTold {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(if self.known { "a member's" } else { "no member known" })?;
        if let (Some(six), Some(four)) = (&self.digits.first_six, &self.digits.last_four) {
            write!(f, ", {six}…{four}")?;
        }
        self.linked_at.map_or(Ok(()), |at| write!(f, "; last linked or unlinked at {}", At(at)))
    }
}

fn exports(f: &mut Formatter<'_>, exports: &[ExportTold]) -> Result {
    for export in exports {
        let how = match export.match_type {
            MatchType::Loyalty => "payment and sale",
            MatchType::Spotted => "payment by itself",
            MatchType::Streamed => "line by itself",
            MatchType::Forced => "payment and sale by a person's word",
            MatchType::Correction => "the final amount of a match",
            MatchType::Reversal => "a match is taken back",
            MatchType::Unmatched => "a payment that found no sale in time",
        };
        let money = Money(export.amount, export.currency);
        line(f, "match", format!("{how}, {money} at MID {}, made at {}", export.mid, At(export.created)))?;
        let why = export.evidence_in_words.join(", ");
        if !export.match_type.adjusts() {
            line(f, "evidence", format!("{why}; definition version {}", export.definition))?;
        }
        if let Some(forced) = &export.forced {
            line(f, "forced", By(forced))?;
        }
        if let Some(says) = &export.says {
            line(f, "halves", says)?;
        }
        line(f, "export", export)?;
        if let Some(answer) = &export.answer {
            let ReceiverAnswer { result, rewarded, arrived, src } = answer;
            let means = if *rewarded { "rewarded" } else { "not rewarded" };
            let of = format!("line {} of file {}, which came {}", src.line, src.from, At(*arrived));
            line(f, "answer", format!("{result:?} ({means}), in {of}"))?;
        }
    }
    Ok(())
}

impl Display for ExportTold {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let merchant = &self.merchant;
        match &self.state {
            ExportState::Ready => write!(f, "to be sent to {merchant} at once")?,
            ExportState::Held => write!(f, "held until the definition of {merchant} says whom to tell")?,
            ExportState::Collecting => write!(f, "to be taken by the next batch for {merchant}")?,
            ExportState::Batched { batch } => write!(f, "member of batch {batch} for {merchant}")?,
            ExportState::Waiting { due } if self.attempts == 0 => {
                write!(f, "to be sent to {merchant} at {}", At(*due))?;
            }
            ExportState::Waiting { due } => write!(f, "to be sent to {merchant} again at {}", At(*due))?,
            ExportState::Attempting { until } => {
                write!(f, "on its way to {merchant}, or its function died: known after {}", At(*until))?;
            }
            ExportState::Skipped { why } => write!(f, "not told to {merchant}: {why}")?,
            ExportState::Unconfirmed { why } => {
                write!(f, "{merchant} may have it or not, a person has to ask: {why}")?;
            }
            ExportState::Delivered { on } => write!(f, "{merchant} has it since {}", At(*on))?,
            ExportState::Failed { why } => write!(f, "given up for {merchant}: {why}")?,
            ExportState::Reversed { undone, told, .. } => {
                write!(f, "undone {}; {merchant} ", By(undone))?;
                match told {
                    Some(on) => write!(f, "had it since {}", At(*on))?,
                    None => f.write_str("was not told")?,
                }
            }
        }
        write!(f, "; attempts {}", self.attempts)?;
        if let Some(last) = &self.last {
            let status = last.status.map(|status| format!(" ({status})")).unwrap_or_default();
            write!(f, ", the last at {}: {}{status}", At(last.at), last.verdict)?;
        }
        if self.told_amount != self.amount {
            write!(f, "; {} is told", Money(self.told_amount, self.told_currency))?;
        }
        let Some(later) = &self.corrected else { return Ok(()) };
        let told = if later.x.is_some() { "told by itself" } else { "which is not told" };
        write!(f, "; settled later with {}, {told}", Money(later.amount, self.currency))
    }
}

/// Who did it, when and why.
struct By<'a>(&'a Redress);

impl Display for By<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "by {} at {}: {}", self.0.by, At(self.0.on), self.0.why)
    }
}

impl Display for NearSale {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let sale = &self.sale;
        write!(
            f,
            "{} at {}, {}: {}",
            sale.id,
            At(sale.at),
            Money(sale.amount, sale.currency),
            fits(&self.says, self.near.differences.is_empty())
        )
    }
}

impl Display for NearPayment {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let says = fits(&self.says, self.near.differences.is_empty());
        write!(f, "{} {} at {}, {}: {says}", self.scheme, self.id, At(self.at), Money(self.amount, self.currency))?;
        self.parked.map_or(Ok(()), |why| write!(f, "; parked: {}", Parked(why)))
    }
}

fn fits(says: &str, fits: bool) -> String {
    if fits { format!("fits: {says}") } else { says.to_owned() }
}

impl Display for DayTold {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "of {}: {} with sales of that day", self.day, self.covering)?;
        for (files, what) in [(&self.open, "not closed"), (&self.refused, "refused whole")] {
            if !files.is_empty() {
                let names: Vec<&str> = files.iter().map(|file| file.object.as_str()).collect();
                write!(f, ", {} {what}: {}", files.len(), names.join(", "))?;
            }
        }
        for (filter, count) in &self.skipped {
            write!(f, "; {count} lines left out: {filter}")?;
        }
        if self.rejected > 0 {
            write!(f, "; {} lines rejected", self.rejected)?;
        }
        Ok(())
    }
}

impl Display for FileTold {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}, {}; came {}", self.object, State(&self.state), At(self.arrived))
    }
}

struct State<'a>(&'a FileState);

impl Display for State<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.0 {
            FileState::Importing => f.write_str("being imported"),
            FileState::Stuck => f.write_str("stuck: ranges are missing, a person has to try it again"),
            FileState::Closed { forwarded: true } => f.write_str("closed"),
            FileState::Closed { forwarded: false } => f.write_str("closing"),
            FileState::Repeated { of } => write!(f, "the same bytes as file {of}, nothing imported twice"),
            FileState::Unreadable { why, .. } => write!(f, "refused whole: {why}"),
        }
    }
}

struct Came<'a>(Timestamp, &'a Source);

impl Display for Came<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} (from {} line {})", At(self.0), self.1.from, self.1.line)
    }
}

struct Code<'a>(&'a str);

impl Display for Code<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.0.is_empty() { f.write_str(", no auth code") } else { write!(f, ", auth code {}", self.0) }
    }
}

struct Digits<'a>(Option<&'a str>, Option<&'a str>);

impl Display for Digits<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match (self.0, self.1) {
            (None, None) => Ok(()),
            (six, four) => write!(f, ", card {}…{}", six.unwrap_or_default(), four.unwrap_or_default()),
        }
    }
}

struct Type(IdentifierType);

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.0.as_str().to_ascii_lowercase())
    }
}

struct Texts<'a>(&'a [(IdentifierType, String)]);

impl Display for Texts<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let texts: Vec<String> = self.0.iter().map(|(kind, text)| format!("{} {text}", Type(*kind))).collect();
        write!(f, "MID {}", texts.join(" or "))
    }
}

struct Parked(ParkReason);

impl Display for Parked {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self.0 {
            ParkReason::UnknownMid => "nobody has onboarded its MID",
            ParkReason::DisputedMid => "two merchants claim its MID",
            ParkReason::UnknownLocation => "its location has no till",
            ParkReason::CardNotKnown => "the user directory does not know the card",
            ParkReason::NoCardInformation => "the user directory does not know the card's digits",
            ParkReason::DirectoryUnavailable => "the user directory did not answer",
        })
    }
}

/// Field, reason and class of the value; never the value (invariant 7).
struct Rejected<'a>(&'a Reject);

impl Display for Rejected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> Result {
        let word = |value: serde_json::Result<serde_json::Value>| {
            value.ok().and_then(|v| v.as_str().map(|s| s.replace('-', " "))).unwrap_or_default()
        };
        let (reason, class) = (serde_json::to_value(self.0.reason), serde_json::to_value(self.0.class));
        write!(f, "field {}, {} (the value is: {})", self.0.field, word(reason), word(class))
    }
}
