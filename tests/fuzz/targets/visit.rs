//! The query an owner comes with: which salons, and who says so.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use salonbridge::kernel::secret::{Secret, hmac_sha256};
use salonbridge::yclients::signed_user::{ClaimError, Claims, MAX_SALONS};
use serde_json::Value;

use super::{Reader, samples, texts};

const TOKEN: &str = "test_partner_token_not_real";

pub struct Visits;

impl Reader for Visits {
    fn beginnings(&self) -> Vec<Vec<u8>> {
        let vectors: Value = serde_json::from_slice(&samples("registration_user_data")[0]).expect("JSON");
        let queries = vectors.as_object().expect("an object").values().filter_map(Value::as_str);
        let mut inputs: Vec<Vec<u8>> = queries.map(|text| text.as_bytes().to_vec()).collect();
        inputs.extend(texts(&[
            r#"{"id":1,"name":"Anna","phone":"79000000001","email":"a@b.example","salon_name":"Iris"}"#,
            r#"{"user_id":"17","phone":79000000001}"#,
            "salon_id=1&salon_ids[]=2&salon_ids[1]=3&salon_ids=4,5&application_id=7",
            "salon_id=990101&user_data=e30=&user_data_sign=00",
        ]));
        inputs
    }

    fn read(&mut self, input: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(input);
        let asked = Claims::parse(&text, &Secret::new(TOKEN));
        let said = match &asked {
            Ok(claims) => {
                let salons: std::collections::BTreeSet<_> = claims.salons.iter().map(|id| id.0).collect();
                assert!((1..=MAX_SALONS).contains(&salons.len()) && salons.len() == claims.salons.len());
                assert!(salons.iter().all(|id| *id > 0));
                if claims.user.is_some() {
                    let other = Claims::parse(&text, &Secret::new("another partner's"));
                    assert_eq!(other, Err(ClaimError::WrongSignature), "believed whoever signed it");
                }
                format!("{} {}", salons.len().min(3), claims.user.is_some())
            }
            Err(reason) => format!("{reason:?}"),
        };
        assert_eq!(asked, Claims::parse(&text, &Secret::new(TOKEN)));
        Some(format!("{said} {}", signed(input)))
    }
}

/// The input as a user's card that was really signed: it is read or refused as unreadable, in every spelling alike.
fn signed(card: &[u8]) -> String {
    let sign = hex::encode(hmac_sha256(TOKEN.as_bytes(), card));
    let visit = |data: String, sign: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::from("salon_id=1&"));
        query.append_pair("user_data", &data).append_pair("user_data_sign", sign);
        Claims::parse(&query.finish(), &Secret::new(TOKEN))
    };
    let read = visit(STANDARD.encode(card), &sign);
    assert_eq!(visit(URL_SAFE_NO_PAD.encode(card), &sign.to_uppercase()), read);
    if card.is_empty() {
        return "no card".to_owned();
    }
    let mut touched = card.to_vec();
    touched[card.len() / 2] ^= 1;
    assert_eq!(visit(STANDARD.encode(&touched), &sign), Err(ClaimError::WrongSignature));
    match read {
        Ok(claims) => {
            let user = claims.user.expect("a right signature over a readable card");
            let parts =
                (user.name.is_empty(), user.phone.is_some(), user.email.is_some(), user.salon_name.is_some());
            user.phone.iter().for_each(super::phone::check);
            format!("{parts:?}")
        }
        Err(reason) => {
            assert_eq!(reason, ClaimError::BadEncoding);
            "unreadable".to_owned()
        }
    }
}
