//! `harmonia users` and `harmonia cards`: whose cards there are. A card token is never an argument: other users of the
//! machine could read it.

use crate::{
    Failure,
    identifiers::{rejected, text},
    registry::{Place, Registry},
    reopen::follow,
};
use harmonia_domain::{card::TOKEN_BYTES_MAX, feed::Slug};
use harmonia_stages::registry::read_users;
use secrecy::SecretString;
use std::{io::Read, path::PathBuf, process::ExitCode};
use zeroize::Zeroizing;

#[derive(clap::Subcommand)]
pub(crate) enum UsersAction {
    /// Load members into the second user directory, for those who have no directory to ask. A CSV file with the
    /// header `merchant,token,loyalty_id,scheme_account_id,user_id,credentials,first_six,last_four` and optionally
    /// `expiry_month,expiry_year,payment_card_account_id`.
    Import {
        /// The file.
        file: PathBuf,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(clap::Args)]
pub(crate) struct Card {
    /// The merchant whose member the card is.
    #[arg(long)]
    merchant: Slug,
    /// A file with the card token; read from standard input unless given.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
pub(crate) enum CardsAction {
    /// A member has linked a card: the user directory is asked again, and lines parked for the card are re-opened.
    Link {
        #[command(flatten)]
        card: Card,
        /// Only list the parked lines.
        #[arg(long)]
        dry_run: bool,
    },
    /// A member has unlinked a card: earlier answers of the user directory are not used any more, and the second
    /// directory forgets the card.
    Unlink {
        #[command(flatten)]
        card: Card,
    },
}

impl Card {
    /// The token: one line.
    fn token(&self) -> Result<SecretString, Failure> {
        let mut read = Zeroizing::new(String::new());
        // a little more than the longest token, so that a longer one is noticed
        let most = u64::try_from(TOKEN_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(3);
        let done = match &self.token_file {
            Some(file) => std::fs::File::open(file).and_then(|file| file.take(most).read_to_string(&mut read)),
            None => std::io::stdin().take(most).read_to_string(&mut read),
        };
        done.map_err(|e| format!("the card token: {e}"))?;
        match read.trim() {
            "" => Err("no card token: give it on standard input or with --token-file".into()),
            long if long.len() > TOKEN_BYTES_MAX => {
                Err(format!("more than {TOKEN_BYTES_MAX} bytes: no card token").into())
            }
            lines if lines.contains(['\n', '\r']) => Err("more than one line where one card token is read".into()),
            token => Ok(SecretString::from(token)),
        }
    }
}

pub(crate) async fn users(place: &Place, action: UsersAction) -> Result<ExitCode, Failure> {
    let UsersAction::Import { file, dry_run } = action;
    let read = read_users(&text(&file)?);
    rejected(&file, &read.rejected);
    let registry = Registry::open(place).await?;
    let done = async {
        let done = registry.harmonia.import_users(&read.users, !dry_run).await?;
        let would = if dry_run { "would be " } else { "" };
        println!(
            "users: {} {would}added, {} {would}changed, {} just so already, {} rejected",
            done.added,
            done.changed,
            done.unchanged,
            read.rejected.len()
        );
        follow(&registry, &done.change, dry_run).await
    }
    .await;
    registry.close().await?;
    done?;
    Ok(if read.rejected.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) async fn cards(place: &Place, action: CardsAction) -> Result<ExitCode, Failure> {
    let (CardsAction::Link { card, .. } | CardsAction::Unlink { card }) = &action;
    let token = card.token()?;
    let registry = Registry::open(place).await?;
    let done = act(&registry, &action, &token).await;
    registry.close().await?;
    done?;
    Ok(ExitCode::SUCCESS)
}

async fn act(registry: &Registry, action: &CardsAction, token: &SecretString) -> Result<(), Failure> {
    let harmonia = &registry.harmonia;
    match action {
        CardsAction::Link { card, dry_run: true } => {
            follow(registry, &harmonia.linking(&card.merchant, token), true).await
        }
        CardsAction::Link { card, dry_run: false } => {
            let change = harmonia.linked(&card.merchant, token).await?;
            follow(registry, &change, false).await
        }
        CardsAction::Unlink { card } => {
            harmonia.unlink(&card.merchant, token).await?;
            println!("unlinked: the user directory is asked again for this card at {}", card.merchant);
            Ok(())
        }
    }
}
