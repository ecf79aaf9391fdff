//! The operator's own channel: an address that takes a POST of JSON. A chat's incoming webhook does, and so does a program.

use std::time::Duration;

use serde_json::Value;

use crate::kernel::fault::{Fault, Retry};

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the operator's address cannot be used: {0}")]
    Settings(String),
    #[error("the operator's address answered {0}")]
    Refused(u16),
    #[error("the operator's address did not answer")]
    Unreachable,
}

impl Fault for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Settings(_) => Retry::Never,
            Self::Refused(_) | Self::Unreachable => Retry::Backoff,
        }
    }
}

pub struct Alarm {
    http: reqwest::Client,
    url: String,
}

impl Alarm {
    pub fn new(url: &str) -> Result<Self, Error> {
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            // What is meant for one address is not carried to another.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::Settings(error.to_string()))?;
        Ok(Self { http, url: url.to_owned() })
    }

    /// 2xx is "heard"; anything else is tried again by the caller.
    pub async fn tell(&self, body: &Value) -> Result<(), Error> {
        // The address may hold a secret of the receiver: no error names it.
        let answer = self.http.post(&self.url).json(body).send().await.map_err(|_| Error::Unreachable)?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(Error::Refused(status.as_u16())) }
    }
}
