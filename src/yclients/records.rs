//! Records over REST: one by id, and what changed since.

use chrono::NaiveDateTime;
use serde_json::Value;

use super::api::{Call, YclientsApi};
use super::error::Error;
use super::{record_body, wire};
use crate::domain::record::Record;
use crate::kernel::crm_id::{RecordId, SalonId};

/// One page of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPage {
    pub records: Vec<Record>,
    /// Rows without an id. Worth a warning: they can never be reconciled.
    pub unreadable: usize,
    /// Whether a next page is worth asking for: the CRM's own total is not to be trusted, a short page is the last.
    pub has_more: bool,
}

impl YclientsApi {
    /// One record as the journal has it now; `None` when there is none (a deleted one is there, with `deleted`).
    pub async fn record(&self, salon: SalonId, id: RecordId) -> Result<Option<Record>, Error> {
        let call = Call::get("/record/{salon}/{id}", format!("/api/v1/record/{salon}/{id}")).of(salon);
        match self.send(call).await {
            Ok(answer) => record_body::read_kept(one(&answer.data), Some(id.0))
                .filter(|record| record.id == id)
                .map(Some)
                .ok_or(Error::Malformed("a record that is none, or another one")),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A page (from 1) of the records created or changed after a moment, deleted ones included.
    ///
    /// `changed_after` is the salon's wall clock: its zone is documented nowhere, so ask with a generous overlap.
    /// `count` up to 200 is known to work.
    pub async fn changed_records(
        &self,
        salon: SalonId,
        changed_after: NaiveDateTime,
        page: u32,
        count: u32,
    ) -> Result<RecordPage, Error> {
        let mut call = Call::get("/records/{salon}", format!("/api/v1/records/{salon}")).of(salon);
        call.query = vec![
            ("page", page.to_string()),
            ("count", count.to_string()),
            ("changed_after", changed_after.format("%Y-%m-%dT%H:%M:%S").to_string()),
            ("with_deleted", "1".to_owned()),
        ];
        read_page(&self.send(call).await?.data, count)
    }
}

/// Where the documents say object, some answers were lists of one.
fn one(data: &Value) -> &Value {
    match data {
        Value::Array(items) if items.len() == 1 => &items[0],
        other => other,
    }
}

fn read_page(data: &Value, count: u32) -> Result<RecordPage, Error> {
    let rows = wire::list(data).ok_or(Error::Malformed("a list of records that is no list"))?;
    let records: Vec<Record> = rows.iter().filter_map(|row| record_body::read_kept(row, None)).collect();
    Ok(RecordPage {
        unreadable: rows.len() - records.len(),
        has_more: !rows.is_empty() && rows.len() >= count as usize,
        records,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::Field;
    use crate::yclients::fixtures;

    #[test]
    fn a_page_of_records_is_read_with_clients_in_all_three_forms() {
        let page = read_page(&fixtures::json("rest_records_page.json")["data"], 3).expect("a page");
        assert_eq!((page.records.len(), page.unreadable, page.has_more), (3, 0, true));
        assert!(page.records.iter().all(Record::is_whole));
        assert!(page.records[0].phone().is_some());
        assert_eq!((&page.records[1].client, page.records[1].is_deleted()), (&Field::Empty, true));
        assert_eq!(page.records[2].client, Field::Empty);
        let costs = page.records[0].services.value().map(|lines| lines[0].cost);
        assert_eq!(costs, Some(Some(225_000)));
        assert!(
            page.records[0].raw.as_deref().is_some_and(|raw| raw.contains("660000401")),
            "the whole payload"
        );
    }

    #[test]
    fn a_short_page_is_the_last_and_a_row_without_an_id_is_counted() {
        let page = read_page(&serde_json::json!([{"id": 1}, {"date": "x"}]), 50).expect("a page");
        assert_eq!((page.records.len(), page.unreadable, page.has_more), (1, 1, false));
        assert!(!read_page(&serde_json::json!([]), 50).expect("a page").has_more);
        assert!(read_page(&Value::Null, 50).is_err());
    }
}
