//! A client's row opened and sealed: the card inside, the hashes it is found by, the words of its name.

use super::error::Error;
use crate::domain::client::Card;
use crate::domain::code::Code;
use crate::domain::matching::{Candidate, Signs};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::ClientId;
use crate::kernel::id::{ClientKey, TenantId};
use crate::kernel::phone::Phone;
use crate::kernel::seal::DataKey;
use crate::storage::Conn;
use crate::storage::client::{self, ClientRow, HashedSigns};

/// A word's hash is shorter than another's: there are many, and what it finds is looked at again.
const WORD_CHARS: usize = 16;

pub(super) fn code_hash(key: &DataKey, code: &Code) -> String {
    key.hash("client_code", code.as_str())
}

pub(super) fn tail_hash(key: &DataKey, phone: &Phone) -> String {
    key.hash("client_phone", phone.tail())
}

pub(super) fn word_hash(key: &DataKey, beginning: &str) -> String {
    let mut hash = key.hash("client_word", beginning);
    hash.truncate(WORD_CHARS);
    hash
}

fn email_hash(key: &DataKey, email: &str) -> String {
    key.hash("client_email", email)
}

/// Hashed as whole numbers are, so that a number without a country's code is known by its two hashes being one.
fn phone_hash(key: &DataKey, phone: &Phone) -> String {
    key.hash("client_phone", phone.digits())
}

pub(super) fn open(key: &DataKey, row: &ClientRow) -> Result<Card, Error> {
    Ok(serde_json::from_slice(&key.open("client", row.id.as_str(), &row.body)?)?)
}

pub(super) fn seal(key: &DataKey, id: &ClientKey, card: &Card) -> Result<String, Error> {
    Ok(key.seal("client", id.as_str(), &serde_json::to_vec(card)?))
}

/// A row as its card says.
pub fn row(
    key: &DataKey,
    (id, card_id): (ClientKey, Option<ClientId>),
    card: &Card,
    now: UnixMs,
) -> Result<ClientRow, Error> {
    let code = card.code.as_deref().and_then(Code::parse);
    let signs = HashedSigns {
        code: code.map(|code| code_hash(key, &code)),
        email: card.email.as_deref().map(|email| email_hash(key, email)),
        phone: card.phone.as_ref().map(|phone| phone_hash(key, phone)),
        phone_tail: card.phone.as_ref().map(|phone| tail_hash(key, phone)),
    };
    Ok(ClientRow { body: seal(key, &id, card)?, id, card: card_id, signs, gone_at: None, created_at: now })
}

pub(super) async fn write_words(
    conn: &mut Conn,
    tenant: &TenantId,
    key: &DataKey,
    (id, card): (&ClientKey, &Card),
) -> Result<(), Error> {
    let words: Vec<_> = card.beginnings().iter().map(|beginning| word_hash(key, beginning)).collect();
    Ok(client::set_words(conn, tenant, id, &words).await?)
}

/// Whoever the signs of a record name, and by which of them.
pub async fn candidates(
    conn: &mut Conn,
    tenant: &TenantId,
    key: &DataKey,
    signs: &Signs,
) -> Result<Vec<Candidate>, Error> {
    let phone = signs.phone.as_ref().map(|phone| (phone_hash(key, phone), tail_hash(key, phone)));
    let codes: Vec<_> = signs.codes.iter().map(|code| code_hash(key, code)).collect();
    let mut asked = HashedSigns {
        code: codes.first().cloned(),
        email: signs.email.as_deref().map(|email| email_hash(key, email)),
        phone: None,
        phone_tail: phone.as_ref().map(|(_, tail)| tail.clone()),
    };
    let mut rows = client::list_named(conn, tenant, &asked, signs.card).await?;
    for code in codes.iter().skip(1) {
        asked = HashedSigns { code: Some(code.clone()), ..HashedSigns::default() };
        rows.extend(client::list_named(conn, tenant, &asked, None).await?);
    }
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows.dedup_by(|a, b| a.id == b.id);
    let email = signs.email.as_deref().map(|email| email_hash(key, email));
    Ok(rows
        .into_iter()
        .map(|row| Candidate {
            code: row.signs.code.as_ref().is_some_and(|code| codes.contains(code)),
            email: email.is_some() && row.signs.email == email,
            phone: phone.as_ref().is_some_and(|phone| is_same_phone(&row.signs, phone)),
            card: signs.card.is_some() && row.card == signs.card,
            id: row.id,
        })
        .collect())
}

/// By the last ten digits, unless both numbers say their country and it is another one.
fn is_same_phone(signs: &HashedSigns, (whole, tail): &(String, String)) -> bool {
    let is_bare = |whole: Option<&String>, tail: Option<&String>| whole == tail;
    signs.phone_tail.as_ref() == Some(tail)
        && (signs.phone.as_ref() == Some(whole)
            || whole == tail
            || is_bare(signs.phone.as_ref(), signs.phone_tail.as_ref()))
}
