//! The operator hears of what a person must know, on a channel that is not WhatsApp. An alert is written with the fact itself,
//! once for each fact, and told by a job; without an address to tell it to, it stays in the table and the log.

use serde_json::json;

use super::error::Error;
use super::{App, enqueue};
use crate::domain::alert::AlertKind;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{AlertId, TenantId};
use crate::storage::alert::{self, NewAlert};
use crate::storage::{Conn, tenant};

/// Later it is no news.
const WORTH_TELLING_MS: i64 = 24 * 3_600_000;

/// Writes an alert in the unit of work of its fact. `fact` names which one it is: told once, however often it is looked at.
/// `tenant` is '' for the platform's own.
pub async fn raise(
    conn: &mut Conn,
    tenant: &str,
    kind: AlertKind,
    (fact, detail): (&str, &str),
    now: UnixMs,
) -> Result<(), Error> {
    let id = AlertId::new(now);
    let new = NewAlert { id: &id, tenant, kind, fact, detail };
    if alert::insert(conn, &new, now).await? {
        enqueue::alert(conn, tenant, &id, now).await?;
    }
    Ok(())
}

/// The job: tells one alert.
pub async fn tell(app: &App, tenant: &str, id: &AlertId) -> Result<(), Error> {
    let row = alert::find(&mut app.db.read().await?, tenant, id).await?;
    let Some(row) = row.filter(|row| row.told_at.is_none()) else { return Ok(()) };
    let Some(kind) = AlertKind::parse(&row.kind) else { return Ok(()) };
    let (company, salon_id, title) = salon(app, tenant).await?;
    let text = kind.sentence(&title, &row.detail);
    let now = app.now();
    let Some(alarm) = app.alarm.as_ref().filter(|_| now.since(UnixMs(row.created_at)) < WORTH_TELLING_MS)
    else {
        tracing::warn!(alert = kind.as_str(), tenant.id = tenant, text, "for the operator");
        return Ok(());
    };
    alarm
        .tell(&json!({
            "id": id, "kind": kind.as_str(), "company_id": company, "salon_id": salon_id, "title": title, "text": text,
            "at": row.created_at,
        }))
        .await?;
    let mut conn = app.db.begin().await?;
    alert::mark_told(&mut conn, tenant, id, now).await?;
    Ok(conn.commit().await?)
}

/// Whom it is about, as an operator knows it.
async fn salon(app: &App, id: &str) -> Result<(Option<String>, Option<i64>, String), Error> {
    let platform = (None, None, "Salonbridge".to_owned());
    let Some(tenant_id) = TenantId::parse(id) else { return Ok(platform) };
    let Some(stored) = tenant::find(&mut app.db.read().await?, &tenant_id).await? else {
        return Ok(platform);
    };
    let known = stored.tenant;
    let title = if known.title.is_empty() { format!("Salon {}", known.salon_id) } else { known.title };
    Ok((Some(id.to_owned()), Some(known.salon_id.0), title))
}
