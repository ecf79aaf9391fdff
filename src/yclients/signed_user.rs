//! What the marketplace claims when it sends an owner to us: the salons, and perhaps a signed word about who pressed the button.
//!
//! The signature covers the *user* alone, has no salon in it, no nonce and no expiry. A right one proves only that the CRM once
//! gave this user to this partner; which salon may be bound is for the marketplace's connection status to say.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::wire;
use crate::kernel::crm_id::SalonId;
use crate::kernel::phone::Phone;
use crate::kernel::secret::{Secret, hmac_sha256, same};

/// Salons in one visit.
pub const MAX_SALONS: usize = 50;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What is wrong with a visit. No text of the query is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    #[error("the visit names no salon")]
    NoSalon,
    #[error("a salon id is not a positive integer")]
    BadSalon,
    #[error("the visit names more than {MAX_SALONS} salons")]
    TooManySalons,
    /// `user_data` is not base64 of a JSON object with an id, or it is there twice with different values.
    #[error("user_data cannot be read")]
    BadEncoding,
    #[error("user_data_sign does not fit user_data")]
    WrongSignature,
    #[error("user_data came without user_data_sign")]
    SignatureMissing,
}

/// A visit's claims, checked as far as a query can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Never empty; in the order given, each once.
    pub salons: Vec<SalonId>,
    pub application_id: Option<i64>,
    /// Only with a right signature; `None` when the application's card does not ask for user data.
    pub user: Option<Owner>,
}

/// The CRM user who pressed the button. Debug shows the id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Owner {
    pub id: i64,
    pub name: String,
    pub phone: Option<Phone>,
    pub email: Option<String>,
    pub salon_name: Option<String>,
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Claims {
    /// Reads the query of the registration redirect (without `?`). Salon ids come as `salon_id`, `salon_ids[]`,
    /// `salon_ids[0]` or a comma-separated list; whatever else is in the query is ignored.
    pub fn parse(query: &str, partner_token: &Secret) -> Result<Self, ClaimError> {
        let mut salons = Vec::new();
        let mut application_id = None;
        let (mut data, mut sign) = (None, None);
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "application_id" => application_id = value.trim().parse().ok().or(application_id),
                "user_data" => once(&mut data, value.into_owned())?,
                "user_data_sign" => once(&mut sign, value.into_owned())?,
                key if is_salon_key(key) => add_salons(&mut salons, &value)?,
                _ => {}
            }
        }
        if salons.is_empty() {
            return Err(ClaimError::NoSalon);
        }
        let user = match (data, sign) {
            (None, _) => None,
            (Some(_), None) => return Err(ClaimError::SignatureMissing),
            (Some(data), Some(sign)) => Some(owner(&signed_bytes(&data, &sign, partner_token)?)?),
        };
        Ok(Self { salons, application_id, user })
    }
}

/// Keeps the first non-empty value and refuses another one: two values are two readings, and one of them is not ours.
fn once(slot: &mut Option<String>, value: String) -> Result<(), ClaimError> {
    if value.is_empty() {
        return Ok(());
    }
    match slot {
        Some(known) if *known != value => Err(ClaimError::BadEncoding),
        _ => {
            *slot = Some(value);
            Ok(())
        }
    }
}

fn is_salon_key(key: &str) -> bool {
    let Some(rest) = key.strip_prefix("salon_id") else { return false };
    let rest = rest.strip_prefix('s').unwrap_or(rest);
    rest.is_empty() || (rest.starts_with('[') && rest.ends_with(']'))
}

fn add_salons(salons: &mut Vec<SalonId>, value: &str) -> Result<(), ClaimError> {
    for part in value.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        // Digits only: the number parser would also take a sign.
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        let id = part.parse::<i64>().ok().filter(|id| digits && *id > 0).ok_or(ClaimError::BadSalon)?;
        if salons.contains(&SalonId(id)) {
            continue;
        }
        if salons.len() == MAX_SALONS {
            return Err(ClaimError::TooManySalons);
        }
        salons.push(SalonId(id));
    }
    Ok(())
}

/// The decoded bytes, once the signature over exactly these bytes holds.
fn signed_bytes(data: &str, sign: &str, partner_token: &Secret) -> Result<Vec<u8>, ClaimError> {
    let bytes = LENIENT.decode(standard_alphabet(data)).map_err(|_| ClaimError::BadEncoding)?;
    let given = hex::decode(sign.trim()).map_err(|_| ClaimError::WrongSignature)?;
    let expected = hmac_sha256(partner_token.expose().as_bytes(), &bytes);
    if same(&expected, &given) { Ok(bytes) } else { Err(ClaimError::WrongSignature) }
}

/// The URL-safe alphabet becomes the standard one, and a space is a plus that a form decoder ate.
fn standard_alphabet(data: &str) -> String {
    let standard = |c| match c {
        '-' | ' ' => Some('+'),
        '_' => Some('/'),
        '\r' | '\n' | '\t' => None,
        other => Some(other),
    };
    data.chars().filter_map(standard).collect()
}

fn owner(bytes: &[u8]) -> Result<Owner, ClaimError> {
    let card: Value = serde_json::from_slice(bytes).map_err(|_| ClaimError::BadEncoding)?;
    // `user_id` is the older spelling.
    let id = ["id", "user_id"].into_iter().filter_map(|key| card.get(key)).find_map(wire::int);
    let field = |key: &str| card.get(key).and_then(wire::text);
    Ok(Owner {
        id: id.ok_or(ClaimError::BadEncoding)?,
        name: field("name").unwrap_or_default(),
        phone: card.get("phone").and_then(wire::phone),
        email: field("email"),
        salon_name: field("salon_name"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yclients::fixtures;

    fn token() -> Secret {
        Secret::new(fixtures::PARTNER_TOKEN)
    }

    fn vector(key: &str) -> String {
        fixtures::json("registration_user_data.json")[key].as_str().expect("a text").to_owned()
    }

    fn visit(data: &str, sign: &str) -> Result<Claims, ClaimError> {
        let mut query = url::form_urlencoded::Serializer::new(String::from("salon_id=990101&"));
        Claims::parse(
            &query.append_pair("user_data", data).append_pair("user_data_sign", sign).finish(),
            &token(),
        )
    }

    fn salons(query: &str) -> Result<Vec<i64>, ClaimError> {
        Claims::parse(query, &token()).map(|claims| claims.salons.into_iter().map(|id| id.0).collect())
    }

    #[test]
    fn every_spelling_of_the_salons_is_read() {
        for (query, expected) in [
            (vector("query_single"), vec![990_101]),
            (vector("query_without_user_data"), vec![990_101]),
            (vector("query_multi_brackets"), vec![990_101, 990_102]),
            (vector("query_multi_indexed"), vec![990_101, 990_102]),
            (vector("query_multi_csv"), vec![990_101, 990_102]),
            ("salon_id=7&salon_ids=7,8,+7&utm=x&salon_idle=9".to_owned(), vec![7, 8]),
        ] {
            assert_eq!(salons(&query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn bad_salons_are_told_apart() {
        for (query, error) in [
            ("", ClaimError::NoSalon),
            ("salon_id=&salon_ids[]=", ClaimError::NoSalon),
            ("salon_id=0", ClaimError::BadSalon),
            ("salon_id=-5", ClaimError::BadSalon),
            ("salon_id=%2B5", ClaimError::BadSalon),
            ("salon_id=abc", ClaimError::BadSalon),
            ("salon_id=1%27--", ClaimError::BadSalon),
            ("salon_ids=1,2,99999999999999999999", ClaimError::BadSalon),
        ] {
            assert_eq!(salons(query), Err(error), "{query}");
        }
        let many = |n: i64| (1..=n).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
        assert_eq!(salons(&format!("salon_ids={}", many(50))).map(|s| s.len()), Ok(50));
        assert_eq!(salons(&format!("salon_ids={}", many(51))), Err(ClaimError::TooManySalons));
    }

    #[test]
    fn every_encoding_of_the_user_is_read_and_checked_over_the_decoded_bytes() {
        let sign = vector("user_data_sign");
        for key in ["user_data", "user_data_urlsafe", "user_data_unpadded", "user_data_plus_as_space"] {
            let user = visit(&vector(key), &sign).expect(key).user.expect("signed");
            assert_eq!((user.id, user.name.as_str()), (3_300_901, "Ирина Владелец"), "{key}");
            assert_eq!(user.salon_name.as_deref(), Some("Студия «Пример»"));
            assert_eq!(user.phone, Phone::parse("79000000099"));
        }
        assert!(visit(&vector("user_data"), &sign.to_uppercase()).is_ok());
        let whole = Claims::parse(&vector("query_single"), &token()).expect("right");
        assert!(whole.user.is_some());
    }

    #[test]
    fn the_older_shape_with_user_id_is_read() {
        let legacy = &fixtures::json("registration_user_data.json")["legacy_shape"];
        let text = |key: &str| legacy[key].as_str().expect("a text");
        let claims = visit(text("user_data"), text("user_data_sign")).expect("right");
        assert_eq!(claims.user.map(|user| user.id), Some(3_300_901));
    }

    #[test]
    fn a_forged_user_is_refused_and_says_why() {
        let (data, sign) = (vector("user_data"), vector("user_data_sign"));
        let unknown = ClaimError::WrongSignature;
        assert_eq!(visit(&data, &vector("wrong_sign_over_base64_text")), Err(unknown));
        assert_eq!(visit(&data, "not hex"), Err(unknown));
        assert_eq!(visit(&data, &sign[..32]), Err(unknown));
        assert_eq!(visit(&data, ""), Err(ClaimError::SignatureMissing));
        assert_eq!(visit("***", &sign), Err(ClaimError::BadEncoding));
        let twice = format!("{}&user_data=e30", vector("query_single"));
        assert_eq!(Claims::parse(&twice, &token()), Err(ClaimError::BadEncoding));
        let not_json = hex::encode(hmac_sha256(fixtures::PARTNER_TOKEN.as_bytes(), b"hello"));
        assert_eq!(visit("aGVsbG8", &not_json), Err(ClaimError::BadEncoding));
    }

    #[test]
    fn claims_do_not_print_the_owner() {
        let printed = format!("{:?}", Claims::parse(&vector("query_single"), &token()).expect("right"));
        assert!(!printed.contains("owner@") && !printed.contains("Ирина"), "{printed}");
    }

    proptest::proptest! {
        #[test]
        fn no_query_makes_the_parser_panic(query in ".*", data in ".*", sign in ".*") {
            let _ = Claims::parse(&query, &token());
            let _ = visit(&data, &sign);
        }
    }
}
