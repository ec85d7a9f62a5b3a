//! `harmonia match`, `unmatch`, `sweep`: what a person may do to matches.

use crate::{
    Failure,
    registry::{Place, Registry},
};
use harmonia_domain::{
    feed::{Scheme, Slug},
    purchase::{PurchaseKey, Slot},
};
use harmonia_stages::redress::{Told, Undone, Unmatched, Words};
use std::{process::ExitCode, str::FromStr};

/// Who and why: stored with the match.
#[derive(clap::Args)]
pub(crate) struct Reason {
    /// Who does it.
    #[arg(long)]
    by: String,
    /// Why.
    #[arg(long)]
    why: String,
}

impl Reason {
    pub(crate) fn words(&self) -> Result<Words, Failure> {
        Ok(Words::new(&self.by, &self.why)?)
    }
}

/// Names a payment.
#[derive(clap::Args)]
pub(crate) struct Payment {
    /// The payment as `<payment scheme>/<provider's id>`, e.g. `visa/582228491099278`.
    payment: Name<Scheme>,
    /// The second purchase with this id: an auth and a settlement of another purchase share it (Mastercard).
    #[arg(long)]
    second: bool,
}

impl Payment {
    fn key(&self) -> PurchaseKey {
        let slot = if self.second { Slot::P2 } else { Slot::P };
        PurchaseKey { scheme: self.payment.of, id: self.payment.id.clone(), slot }
    }
}

#[derive(clap::Args)]
pub(crate) struct Match {
    #[command(flatten)]
    payment: Payment,
    /// The sale as `<merchant>/<merchant's id>`, e.g. `wasabi-club/0000A-1`.
    sale: Name<Slug>,
    #[command(flatten)]
    reason: Reason,
}

#[derive(clap::Args)]
pub(crate) struct Unmatch {
    #[command(flatten)]
    payment: Payment,
    #[command(flatten)]
    reason: Reason,
}

#[derive(clap::Args)]
pub(crate) struct Sweep {
    /// Only this merchant's payments.
    #[arg(long)]
    merchant: Option<Slug>,
}

/// Whose, and which: two texts with a slash between; the id may hold more of them.
#[derive(Clone)]
struct Name<O> {
    of: O,
    id: String,
}

impl<O: FromStr<Err: std::fmt::Display>> FromStr for Name<O> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (of, id) = text.split_once('/').ok_or("two texts with a slash between are needed")?;
        let of = of.parse().map_err(|e| format!("{of:?}: {e}"))?;
        Ok(Self { of, id: id.to_owned() })
    }
}

async fn open(place: &Place) -> Result<Registry, Failure> {
    Registry::open(place).await
}

pub(crate) async fn force(place: &Place, options: &Match) -> Result<ExitCode, Failure> {
    let words = options.reason.words()?;
    let registry = open(place).await?;
    let (p, sale) = (options.payment.key(), &options.sale);
    let forced = registry.harmonia.force_match(&p, &sale.of, &sale.id, &words).await;
    registry.close().await?;
    let forced = forced?;
    println!("matched {} {} with sale {} of {}; its export is on its way", p.scheme, p.id, sale.id, sale.of);
    if !forced.differs.is_empty() {
        println!("they differ: {}", forced.differs.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn unmatch(place: &Place, options: &Unmatch) -> Result<ExitCode, Failure> {
    let words = options.reason.words()?;
    let registry = open(place).await?;
    let p = options.payment.key();
    let undone = registry.harmonia.unmatch(&p, &words).await;
    registry.close().await?;
    let (Unmatched { sale, told, .. }, before) = match undone? {
        Undone::Now(undone) => (undone, ""),
        Undone::Before(undone) => (undone, " (it was before)"),
    };
    println!("unmatched {} {} from sale {sale}{before}: both are open again, not for each other", p.scheme, p.id);
    println!(
        "{}",
        match told {
            Told::No => "the merchant has not been told and will not be",
            Told::ReversalAsked => "the merchant has been told; it is asked to take it back",
            Told::NoReversal => "the merchant has been told and has no way to take it back: speak to it",
        }
    );
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn sweep(place: &Place, options: &Sweep) -> Result<ExitCode, Failure> {
    let registry = open(place).await?;
    let mut left = 0;
    for definition in registry.harmonia.definitions.iter().filter(|d| d.matching.is_some()) {
        let merchant = &definition.merchant;
        if options.merchant.as_ref().is_some_and(|wanted| wanted != merchant) {
            continue;
        }
        let swept = registry.harmonia.sweep_book(merchant).await?;
        println!("{merchant}: {} open payments, {} could be matched", swept.open, swept.matched);
        left += swept.matched;
    }
    registry.close().await?;
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
