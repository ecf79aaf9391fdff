//! The registration visit: which salons, and a user signed by YClients.
//!
//! The signature is HMAC-SHA256 under the partner token over the base64-*decoded* bytes of `user_data`. It covers the user
//! alone, not the salon, and carries neither nonce nor expiry: it proves "YClients once issued this user to us", no more.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::wire;
use crate::kernel::crm_id::SalonId;
use crate::kernel::secret::{Secret, hmac_sha256, same};

const MOST_SALONS: usize = 50;

/// Who pressed Connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub id: i64,
    pub name: String,
    pub phone: String,
    pub email: String,
    pub salon_name: String,
}

/// What a visit claims. The salons are claims until the marketplace confirms them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub salons: Vec<SalonId>,
    pub application_id: Option<i64>,
    /// Present only with a good signature.
    pub user: Option<Owner>,
}

/// What is wrong with a visit; each has its own page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimError {
    NoSalon,
    BadSalon,
    TooManySalons,
    /// `user_data` without its signature, or a signature without data.
    SignatureMissing,
    BadEncoding,
    WrongSignature,
}

impl Claims {
    /// Reads the query of `GET /marketplace/register`: `salon_id`, `salon_ids[]`, `salon_ids[0]`, `salon_ids=1,2`, and the user.
    pub fn parse(query: &str, partner_token: &Secret) -> Result<Self, ClaimError> {
        let mut salons = Vec::new();
        let (mut data, mut sign, mut application_id) = (None, None, None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "salon_id" | "salon_ids" => add_salons(&mut salons, &value)?,
                name if name.starts_with("salon_ids[") && name.ends_with(']') => {
                    add_salons(&mut salons, &value)?
                }
                "application_id" => application_id = value.trim().parse().ok(),
                "user_data" if !value.is_empty() => data = Some(value.into_owned()),
                "user_data_sign" if !value.is_empty() => sign = Some(value.into_owned()),
                _ => {}
            }
        }
        if salons.is_empty() {
            return Err(ClaimError::NoSalon);
        }
        let user = match (data, sign) {
            (None, None) => None,
            (Some(data), Some(sign)) => Some(owner(&data, &sign, partner_token)?),
            _ => return Err(ClaimError::SignatureMissing),
        };
        Ok(Self { salons, application_id, user })
    }
}

fn add_salons(salons: &mut Vec<SalonId>, text: &str) -> Result<(), ClaimError> {
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let id = part.parse::<i64>().ok().filter(|id| *id > 0).map(SalonId).ok_or(ClaimError::BadSalon)?;
        if !salons.contains(&id) {
            salons.push(id);
        }
        if salons.len() > MOST_SALONS {
            return Err(ClaimError::TooManySalons);
        }
    }
    Ok(())
}

fn owner(data: &str, sign: &str, partner_token: &Secret) -> Result<Owner, ClaimError> {
    let bytes = decode(data).ok_or(ClaimError::BadEncoding)?;
    let expected = hex::encode(hmac_sha256(partner_token.expose().as_bytes(), &bytes));
    if !same(expected.as_bytes(), sign.trim().to_ascii_lowercase().as_bytes()) {
        return Err(ClaimError::WrongSignature);
    }
    let user: Value = serde_json::from_slice(&bytes).map_err(|_| ClaimError::BadEncoding)?;
    let text = |key: &str| user.get(key).and_then(wire::text).unwrap_or_default();
    let id =
        user.get("id").or_else(|| user.get("user_id")).and_then(wire::int).ok_or(ClaimError::BadEncoding)?;
    Ok(Owner {
        id,
        name: text("name"),
        phone: text("phone"),
        email: text("email"),
        salon_name: text("salon_name"),
    })
}

/// Base64 as it was seen: both alphabets, with and without padding, a space where a plus was.
fn decode(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let plain: String = text
        .trim()
        .chars()
        .map(|c| match c {
            ' ' | '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    LENIENT.decode(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector() -> Value {
        serde_json::from_str(include_str!("../../tests/fixtures/yclients/registration_user_data.json"))
            .expect("JSON")
    }

    fn parse(query: &str) -> Result<Claims, ClaimError> {
        Claims::parse(query, &Secret::new("test_partner_token_not_real"))
    }

    fn text<'a>(vector: &'a Value, pointer: &str) -> &'a str {
        vector.pointer(pointer).and_then(Value::as_str).expect("in the vector")
    }

    #[test]
    fn every_spelling_of_the_salons_is_read() {
        let vector = vector();
        for (name, salons) in [
            ("query_single", vec![990_101]),
            ("query_without_user_data", vec![990_101]),
            ("query_multi_brackets", vec![990_101, 990_102]),
            ("query_multi_indexed", vec![990_101, 990_102]),
            ("query_multi_csv", vec![990_101, 990_102]),
        ] {
            let claims = parse(text(&vector, &format!("/{name}"))).expect(name);
            assert_eq!(claims.salons.iter().map(|s| s.0).collect::<Vec<_>>(), salons, "{name}");
        }
    }

    #[test]
    fn every_spelling_of_the_signed_user_is_read() {
        let vector = vector();
        let sign = text(&vector, "/user_data_sign");
        for name in ["user_data", "user_data_urlsafe", "user_data_unpadded", "user_data_plus_as_space"] {
            let data: String =
                url::form_urlencoded::byte_serialize(text(&vector, &format!("/{name}")).as_bytes()).collect();
            let claims = parse(&format!("salon_id=1&user_data={data}&user_data_sign={sign}")).expect(name);
            assert_eq!(claims.user.expect("a user").id, 3_300_901, "{name}");
        }
        let (data, sign) =
            (text(&vector, "/legacy_shape/user_data"), text(&vector, "/legacy_shape/user_data_sign"));
        assert!(
            parse(&format!("salon_id=1&user_data={data}&user_data_sign={sign}"))
                .expect("legacy")
                .user
                .is_some()
        );
    }

    #[test]
    fn each_bad_visit_is_told_for_what_it_is() {
        let vector = vector();
        let (data, wrong) =
            (text(&vector, "/user_data_unpadded"), text(&vector, "/wrong_sign_over_base64_text"));
        let data: String = url::form_urlencoded::byte_serialize(data.as_bytes()).collect();
        for (query, error) in [
            (String::new(), ClaimError::NoSalon),
            ("salon_id=".into(), ClaimError::NoSalon),
            ("salon_id=abc".into(), ClaimError::BadSalon),
            ("salon_id=-1".into(), ClaimError::BadSalon),
            ("salon_id=99999999999999999999".into(), ClaimError::BadSalon),
            ((1..=51).map(|n| format!("salon_ids[]={n}&")).collect(), ClaimError::TooManySalons),
            (format!("salon_id=1&user_data={data}"), ClaimError::SignatureMissing),
            (format!("salon_id=1&user_data={data}&user_data_sign={wrong}"), ClaimError::WrongSignature),
            ("salon_id=1&user_data=%21%21&user_data_sign=00".into(), ClaimError::BadEncoding),
        ] {
            assert_eq!(parse(&query), Err(error), "{query}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_query_makes_the_reader_panic(query in ".*") {
            let _ = parse(&query);
        }
    }
}
