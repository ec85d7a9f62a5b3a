//! One attempt: the protocol says what to send, the web sends it, the protocol reads the answer, the schedule decides
//! what it leads to.

use super::door::Reach;
use crate::{Harmonia, StageError};
use harmonia_definitions::Export as Target;
use harmonia_domain::{
    export::{LastAttempt, Verdict},
    feed::Slug,
    ids::short_digest,
};
use harmonia_exports::{
    Answer, Attempt, BatchRun, BuildError, Fault, File, Finding, Outcome, Purpose, Request, Step, Telling, begin,
    verdict,
};
use harmonia_ports::{Bucket, Call, ExportSecrets, WebAnswer};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

/// No protocol needs more requests for one attempt; a conversation that does is a bug and ends as one.
const REQUESTS_MAX: usize = 8;
/// After the last moment at which an attempt can end, so long before somebody else believes that its function died.
const DIED_S: i64 = 60;

/// What an attempt is about.
pub(super) struct About<'a> {
    pub(super) merchant: &'a Slug,
    pub(super) tellings: &'a [Telling<'a>],
    pub(super) batch: Option<BatchRun<'a>>,
    /// The original's rc.
    pub(super) before: u32,
    /// An earlier attempt may have told the merchant.
    pub(super) unsure: bool,
}

/// What came of it.
pub(super) struct Came {
    pub(super) verdict: Verdict,
    pub(super) last: LastAttempt,
    /// It ended without an answer: the merchant may have it.
    pub(super) unsure: bool,
    pub(super) reach: Reach,
}

/// A conversation that is over.
struct Heard {
    finding: Finding,
    /// Of the last request that tells.
    status: Option<u16>,
    /// What it said, and what came back, as digests for the audit log.
    digests: (Option<String>, Option<String>),
    /// The last request that tells has no answer.
    unknown: bool,
    retry_after: Option<String>,
    reach: Reach,
    /// It ended because the merchant, or the member's credentials, did not take the secrets.
    denied: bool,
}

impl Heard {
    fn not_built(error: &BuildError) -> Self {
        Self {
            finding: error.finding(),
            status: None,
            digests: (None, None),
            unknown: false,
            retry_after: None,
            reach: Reach::NotTried,
            denied: matches!(error.fault, Fault::Credentials(_) | Fault::NoSecret { .. }),
        }
    }

    fn note(&mut self, tells: bool, came: &WebAnswer) {
        self.unknown = tells && matches!(came, WebAnswer::Unknown { .. });
        self.reach = match came {
            WebAnswer::Response { status: 500.., .. } | WebAnswer::NotSent { .. } | WebAnswer::Unknown { .. } => {
                Reach::Failed
            }
            WebAnswer::Response { .. } => Reach::Reached,
        };
        if let WebAnswer::Response { status, retry_after, body } = came {
            self.denied = *status == 401;
            self.retry_after.clone_from(retry_after);
            if tells {
                self.status = Some(*status);
                self.digests.1 = Some(short_digest(body));
            }
        }
    }
}

fn call(request: Request, deadline_s: u16) -> Call {
    Call {
        tells: request.purpose == Purpose::Tell,
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body.expose_secret().to_vec(),
        deadline_ms: u32::from(deadline_s) * 1_000,
    }
}

fn answer(web: WebAnswer) -> Answer {
    match web {
        WebAnswer::Response { status, body, .. } => Answer::Response { status, body },
        WebAnswer::NotSent { why } => Answer::NotSent { why },
        WebAnswer::Unknown { why } => Answer::Unknown { why },
    }
}

impl Harmonia {
    /// Tells a merchant about these exports in one conversation; in a second one, if the merchant did not take our
    /// secrets and there are newer ones.
    pub(super) async fn attempt(&self, target: &Target, about: &About<'_>) -> Result<Came, StageError> {
        let secrets = self.ports.secrets.current(false).await?;
        let mut heard = self.converse(target, about, &secrets).await;
        if heard.denied && heard.finding != Finding::Delivered {
            let fresh = self.ports.secrets.current(true).await?;
            let same_key = fresh.aes_key.expose_secret() == secrets.aes_key.expose_secret();
            if !same_key || fresh.of(about.merchant) != secrets.of(about.merchant) {
                heard = self.converse(target, about, &fresh).await;
            }
        }
        let now = self.now();
        let (finding, retry_after) = (&heard.finding, heard.retry_after.as_deref());
        let outcome = Outcome { finding, unknown: heard.unknown, unsure: about.unsure, retry_after };
        let verdict = match verdict(target, about.before, &outcome, now) {
            Verdict::Retry { due, why } => Verdict::Retry { due: super::on_the_minute(due, now), why },
            other => other,
        };
        let (request, answer) = heard.digests.clone();
        let last = LastAttempt { request, answer, ..LastAttempt::new(now, heard.status, verdict.words()) };
        Ok(Came { verdict, last, unsure: heard.unknown, reach: heard.reach })
    }

    /// After this an attempt that began now is over, or its function died.
    pub(super) fn attempt_ends(&self, target: &Target) -> Timestamp {
        let requests = i64::try_from(REQUESTS_MAX).unwrap_or(i64::MAX);
        let most = SignedDuration::from_secs(i64::from(target.deadline_s) * requests + DIED_S);
        self.now().saturating_add(most).unwrap_or(Timestamp::MAX)
    }

    /// Why a request about this purchase cannot be built, if so.
    pub(super) async fn fault(
        &self,
        target: &Target,
        merchant: &Slug,
        telling: Telling<'_>,
        batch: BatchRun<'_>,
    ) -> Result<Option<String>, StageError> {
        let secrets = self.ports.secrets.current(false).await?;
        let about = About { merchant, tellings: &[telling], batch: Some(batch), before: 0, unsure: false };
        Ok(begin(&self.begun(target, &about, &secrets, None)).err().map(|e| e.to_string()))
    }

    fn begun<'a>(
        &self,
        definition: &'a Target,
        about: &'a About<'a>,
        secrets: &'a ExportSecrets,
        token: Option<&'a secrecy::SecretString>,
    ) -> Attempt<'a> {
        let merchant = about.merchant;
        let target =
            harmonia_exports::Target { merchant, definition, aes_key: &secrets.aes_key, secrets: secrets.of(merchant) };
        let About { tellings, batch, before, unsure, .. } = *about;
        Attempt { target, tellings, batch, before, unsure, now: self.now(), token }
    }

    async fn converse(&self, target: &Target, about: &About<'_>, secrets: &ExportSecrets) -> Heard {
        let token = self.telling.token(about.merchant, self.now());
        let mut conversation = match begin(&self.begun(target, about, secrets, token.as_ref())) {
            Ok(conversation) => conversation,
            // D8: a request that cannot be built is classified like every other failure: given up, listed
            Err(e) => return Heard::not_built(&e),
        };
        let mut heard = Heard {
            finding: Finding::Refused { why: format!("more than {REQUESTS_MAX} requests in one attempt") },
            status: None,
            digests: (None, None),
            unknown: false,
            retry_after: None,
            reach: Reach::NotTried,
            denied: false,
        };
        let mut last = None;
        for _ in 0..=REQUESTS_MAX {
            match conversation.next(last.take()) {
                Step::Done(finding) => {
                    heard.finding = finding;
                    break;
                }
                Step::Send(request) => {
                    let tells = request.purpose == Purpose::Tell;
                    if tells {
                        heard.digests = (Some(short_digest(request.body.expose_secret())), None);
                    }
                    let came = self.ports.web.send(call(request, target.deadline_s)).await;
                    heard.note(tells, &came);
                    last = Some(answer(came));
                }
                Step::Put(file) => last = Some(self.put_file(file).await),
            }
        }
        if let Some(token) = conversation.token() {
            self.telling.keep_token(about.merchant, token, self.now());
        }
        heard
    }

    /// Its name is this batch's alone, and its content follows from the batch: one that is there already is the same.
    async fn put_file(&self, file: File) -> Answer {
        match self.ports.objects.put_new(Bucket::Exports, &file.name, file.bytes).await {
            Ok(_) => Answer::Stored,
            Err(_) => Answer::NotSent { why: "the bucket of exports does not answer" },
        }
    }
}
