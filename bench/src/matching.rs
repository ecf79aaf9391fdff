//! Whose record is this, among a hundred thousand clients: the product's own look-up, by number, by code, and for nobody.

use std::path::Path;
use std::time::Instant;

use salonbridge::app::faces;
use salonbridge::domain::client::Card;
use salonbridge::domain::code::Code;
use salonbridge::domain::matching::{self, Match, Signs};
use salonbridge::kernel::clock::{Clock as _, SystemClock};
use salonbridge::kernel::crm_id::ClientId;
use salonbridge::kernel::id::{ClientKey, TenantId};
use salonbridge::kernel::phone::Phone;
use salonbridge::kernel::seal::{DataKey, MasterKeys};
use salonbridge::storage::{Db, client};

use crate::postgres::Cluster;
use crate::process::ENCRYPTION_KEY;
use crate::report::{Latency, Matching, percentiles};
use crate::seed;

/// Clients written in one unit of work.
const PAGE: usize = 2_000;

pub async fn run(cluster: &Cluster, work: &Path, clients: usize, looks: usize) -> anyhow::Result<Matching> {
    let sqlite = format!("sqlite:{}", work.join("matching.db").display());
    Ok(Matching {
        clients,
        sqlite: measure(&sqlite, clients, looks).await?,
        postgres: measure(&cluster.create("matching")?, clients, looks).await?,
    })
}

async fn measure(database_url: &str, clients: usize, looks: usize) -> anyhow::Result<Latency> {
    let salon = seed::salons(database_url, 1).await?.remove(0).tenant;
    let db = Db::open(database_url).await?;
    let (key, _) = MasterKeys::parse(ENCRYPTION_KEY).map_err(anyhow::Error::msg)?.new_data_key(&salon);
    let now = SystemClock.now();
    for first in (0..clients).step_by(PAGE) {
        let mut conn = db.begin().await?;
        for number in first..(first + PAGE).min(clients) {
            let row = faces::row(&key, (ClientKey::new(now), Some(card_id(number))), &card(number)?, now)?;
            anyhow::ensure!(client::insert(&mut conn, &salon, &row).await?, "a new client");
        }
        conn.commit().await?;
    }
    let taken = look(&db, &key, &salon, (clients, looks)).await;
    db.close().await;
    taken
}

async fn look(
    db: &Db,
    key: &DataKey,
    salon: &TenantId,
    (clients, looks): (usize, usize),
) -> anyhow::Result<Latency> {
    let mut conn = db.read().await?;
    let mut took = Vec::with_capacity(looks);
    for look in 0..looks {
        // All over the table, in no order a cache would like.
        let number = look * 7_919 % clients;
        let known = card(number)?;
        let signs = match look % 4 {
            0 => Signs {
                codes: Code::all_in(&format!("Код клиента: {}", code(number))), ..Signs::default()
            },
            1 => Signs { email: known.email, ..Signs::default() },
            2 => Signs { phone: known.phone, card: Some(card_id(number)), ..Signs::default() },
            _ => Signs { phone: Phone::parse(&format!("+7800{number:07}")), ..Signs::default() },
        };
        let began = Instant::now();
        let found = faces::candidates(&mut conn, salon, key, &signs).await?;
        let decided = matching::decide(&found, None);
        took.push(began.elapsed());
        let is_right = matches!(decided, Match::One(..)) == (look % 4 < 3);
        anyhow::ensure!(is_right, "look {look}: {decided:?}");
    }
    percentiles(&mut took)
}

fn code(number: usize) -> Code {
    // Spread over all codes, none twice.
    Code::from_bits((number as u32).wrapping_mul(2_654_435_761))
}

fn card_id(number: usize) -> ClientId {
    ClientId(number as i64 + 1)
}

fn card(number: usize) -> anyhow::Result<Card> {
    Ok(Card {
        code: Some(code(number).to_string()),
        name: format!("Клиент {number}"),
        phone: Phone::parse(&format!("+7900{number:07}")),
        email: Some(format!("client{number}@example.test")),
    })
}
