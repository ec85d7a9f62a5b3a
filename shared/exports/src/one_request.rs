//! A merchant that is told with one request, openly or with a token: the conversation that most protocols share.

use crate::{
    answer::{Answer, Finding},
    build::Attempt,
    conversation::{Request, Step, Talks, Token},
    login::{self, Login},
};
use secrecy::{ExposeSecret, SecretString};

/// HTTP's answer to a token that is not good any more.
const UNAUTHORIZED: u16 = 401;

/// One request, and what its answer means. Behind a login it is sent with the token that is there already; if that
/// one is not good any more, a new one is got, once.
pub(crate) struct OneRequest {
    tell: Request,
    read: Box<dyn Fn(Option<Answer>) -> Finding + Send>,
    login: Option<Login>,
    cached: Option<SecretString>,
    stage: Stage,
    fresh: Option<Token>,
}

enum Stage {
    Begins,
    LogsIn { scheme: SecretString, good_for_s: Option<u32> },
    Tells,
}

impl OneRequest {
    /// Without a token.
    pub(crate) fn open(tell: Request, read: impl Fn(Option<Answer>) -> Finding + Send + 'static) -> Self {
        Self { tell, read: Box::new(read), login: None, cached: None, stage: Stage::Begins, fresh: None }
    }

    /// With a token in the `Authorization` header, the attempt's if it has one.
    pub(crate) fn behind(
        login: Login,
        attempt: &Attempt<'_>,
        tell: Request,
        read: impl Fn(Option<Answer>) -> Finding + Send + 'static,
    ) -> Self {
        let cached = attempt.token.filter(|token| login::is_token(token.expose_secret())).cloned();
        Self { login: Some(login), cached, ..Self::open(tell, read) }
    }

    fn log_in(&mut self, login: Login) -> Step {
        self.stage = Stage::LogsIn { scheme: login.scheme, good_for_s: login.good_for_s };
        Step::Send(login.request)
    }

    fn tell(&mut self, authorization: Option<SecretString>) -> Step {
        self.stage = Stage::Tells;
        let mut tell = self.tell.clone();
        tell.headers.extend(authorization.map(|value| ("Authorization".into(), value)));
        Step::Send(tell)
    }
}

impl Talks for OneRequest {
    fn next(&mut self, answer: Option<Answer>) -> Step {
        match std::mem::replace(&mut self.stage, Stage::Tells) {
            Stage::Begins => match (self.login.take(), self.cached.take()) {
                (None, _) => self.tell(None),
                (Some(login), None) => self.log_in(login),
                (Some(login), Some(token)) => {
                    let authorization = login::authorization(&login.scheme, &token);
                    self.login = Some(login);
                    self.tell(Some(authorization))
                }
            },
            Stage::LogsIn { scheme, good_for_s } => match login::token(answer, good_for_s) {
                Err(failure) => Step::Done(failure),
                Ok(token) => {
                    let authorization = login::authorization(&scheme, &token.value);
                    self.fresh = Some(token).filter(|token| token.good_for_s > 0);
                    self.tell(Some(authorization))
                }
            },
            Stage::Tells => {
                if let Some(Answer::Response { status: UNAUTHORIZED, .. }) = answer {
                    // a token that does not open anything is not handed on
                    self.fresh = None;
                    if let Some(login) = self.login.take() {
                        return self.log_in(login);
                    }
                }
                Step::Done((self.read)(answer))
            }
        }
    }

    fn token(&mut self) -> Option<Token> {
        self.fresh.take()
    }
}
