//! A person's own token: for who has no system user in the application's settings.

use serde_json::{Value, json};

use super::api::{Auth, Call, YclientsApi};
use super::error::Error;
use super::wire;
use crate::kernel::secret::Secret;

/// What came of a login and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedIn {
    Token(Secret),
    /// The person signs in with a code besides; a token is then given out on the site only.
    CodeAsked,
}

impl YclientsApi {
    /// `login` is a phone as 79000000000 or an e-mail. [`Error::Unauthorised`] is a wrong password too.
    pub async fn sign_in(&self, login: &str, password: &Secret) -> Result<SignedIn, Error> {
        let call = Call::post("/auth", "/api/v1/auth".to_owned());
        let body = json!({"login": login, "password": password.expose()});
        let answer = self.send(Call { body: Some(body), auth: Auth::Partner, ..call }).await?;
        read(&answer.data).ok_or(Error::Malformed("a sign-in without a token"))
    }
}

fn read(data: &Value) -> Option<SignedIn> {
    if let Some(token) = data.get("user_token").and_then(wire::text).filter(|token| !token.is_empty()) {
        return Some(SignedIn::Token(Secret::new(token)));
    }
    data.get("uuid").map(|_| SignedIn::CodeAsked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_or_the_wish_for_a_code_is_read() {
        for (data, wanted) in [
            (json!({"id": 1, "user_token": "abc"}), Some(SignedIn::Token(Secret::new("abc")))),
            (json!({"uuid": "x"}), Some(SignedIn::CodeAsked)),
            (json!({"id": 1, "user_token": ""}), None),
            (json!([]), None),
        ] {
            assert_eq!(read(&data), wanted, "{data}");
        }
    }
}
