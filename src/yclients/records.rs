//! Records over REST: one by id, and what changed since.

use serde_json::{Value, json};

use super::api::{Call, YclientsApi};
use super::error::Error;
use super::{record_body, wire};
use crate::domain::record::Record;
use crate::domain::sync::Scope;
use crate::kernel::crm_id::{RecordId, SalonId};

/// One page of records.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordPage {
    pub rows: Vec<RecordRow>,
    /// Whether a next page is worth asking for: the CRM's own total is not to be trusted, a short page is the last.
    pub has_more: bool,
}

/// One row of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordRow {
    /// `None` for a row without an id: it can never be reconciled.
    pub record: Option<Record>,
    /// The salon it says to be of.
    pub salon: Option<SalonId>,
    pub raw: Value,
}

impl RecordRow {
    /// The row as a hook would have brought it.
    #[must_use]
    pub fn as_hook(&self, salon: SalonId) -> String {
        let id = self.record.as_ref().map_or(0, |record| record.id.0);
        let hook = json!({"company_id": salon, "resource": "record", "resource_id": id, "status": "update", "data": self.raw});
        hook.to_string()
    }
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

    /// A page (from 1) of a part of the journal, deleted records included. `count` up to 200 is known to work.
    pub async fn records(
        &self,
        salon: SalonId,
        scope: &Scope,
        page: u32,
        count: u32,
    ) -> Result<RecordPage, Error> {
        let mut call = Call::get("/records/{salon}", format!("/api/v1/records/{salon}")).of(salon);
        call.query = vec![("page", page.to_string()), ("count", count.to_string())];
        match scope {
            Scope::Visits { from, to } => {
                call.query.push(("start_date", from.to_string()));
                call.query.push(("end_date", to.to_string()));
            }
            Scope::Changed { after } => {
                call.query.push(("changed_after", after.format("%Y-%m-%dT%H:%M:%S").to_string()));
            }
        }
        call.query.push(("with_deleted", "1".to_owned()));
        read_page(self.send(call).await?.data, count)
    }
}

/// Where the documents say object, some answers were lists of one.
fn one(data: &Value) -> &Value {
    match data {
        Value::Array(items) if items.len() == 1 => &items[0],
        other => other,
    }
}

fn read_page(data: Value, count: u32) -> Result<RecordPage, Error> {
    let list = match data {
        Value::Array(items) => items,
        Value::Object(map) => map.into_iter().map(|(_, value)| value).collect(),
        _ => return Err(Error::Malformed("a list of records that is no list")),
    };
    let has_more = list.len() >= count as usize;
    let row = |raw: Value| RecordRow {
        record: record_body::read_kept(&raw, None),
        salon: raw.get("company_id").and_then(wire::int).map(SalonId),
        raw,
    };
    Ok(RecordPage { rows: list.into_iter().map(row).collect(), has_more })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::Field;
    use crate::yclients::{fixtures, webhook};

    #[test]
    fn a_page_of_records_is_read_with_clients_in_all_three_forms() {
        let page = read_page(fixtures::json("rest_records_page.json")["data"].clone(), 3).expect("a page");
        let records: Vec<_> = page.rows.iter().filter_map(|row| row.record.clone()).collect();
        assert_eq!((records.len(), page.rows.len(), page.has_more), (3, 3, true));
        assert!(records.iter().all(Record::is_whole));
        assert!(records[0].phone().is_some());
        assert_eq!((&records[1].client, records[1].is_deleted()), (&Field::Empty, true));
        assert_eq!(records[2].client, Field::Empty);
        let costs = records[0].services.value().map(|lines| lines[0].cost);
        assert_eq!(costs, Some(Some(225_000)));
        assert!(records[0].raw.as_deref().is_some_and(|raw| raw.contains("660000401")), "the whole payload");
    }

    #[test]
    fn a_row_is_read_the_same_in_the_list_and_as_a_hook() {
        let page = read_page(fixtures::json("rest_records_page.json")["data"].clone(), 3).expect("a page");
        for row in &page.rows {
            let hook = row.as_hook(SalonId(990_101));
            let hooks = webhook::parse(hook.as_bytes()).expect("a hook");
            assert_eq!(hooks[0].record(), row.record);
            assert_eq!((hooks[0].company_id, row.salon), (Some(SalonId(990_101)), Some(SalonId(990_101))));
        }
    }

    #[test]
    fn a_short_page_is_the_last_and_a_row_without_an_id_is_there() {
        let page = read_page(json!([{"id": 1}, {"date": "x"}]), 50).expect("a page");
        assert!(page.rows[0].record.is_some() && page.rows[1].record.is_none() && !page.has_more);
        assert!(!read_page(json!([]), 50).expect("a page").has_more);
        assert!(read_page(Value::Null, 50).is_err());
    }
}
