//! `harmonia explain`: why a payment, a sale, a file or a line of one is what it is.

use crate::{
    Failure,
    registry::{Place, Registry},
};
use harmonia_domain::feed::{Scheme, Slug};
use harmonia_stages::explain::Question;
use std::{io::Write, process::ExitCode};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The id of a payment or a sale; or the uid that a receiver was told; or a file by its name, key or id; or a line
    /// of it: `FILE:LINE`.
    what: String,
    /// Only payments of this scheme: visa, mastercard or amex.
    #[arg(long, value_name = "SCHEME", conflicts_with = "merchant")]
    payment_scheme: Option<Scheme>,
    /// Only this merchant's sales and files.
    #[arg(long)]
    merchant: Option<Slug>,
    /// Print JSON instead.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(place: &Place, options: Options) -> Result<ExitCode, Failure> {
    let Options { what, payment_scheme, merchant, json } = options;
    let registry = Registry::open_existing(place).await?;
    let asked = registry.harmonia.explain(&Question { what, scheme: payment_scheme, merchant }).await;
    registry.close().await?;
    let explained = asked?;
    if explained.answers.is_empty() {
        return Err(format!("nothing goes by that name; looked for {}", explained.looked.join(", ")).into());
    }
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&explained.answers)?)?;
    } else {
        write!(out, "{explained}")?;
    }
    Ok(ExitCode::SUCCESS)
}
