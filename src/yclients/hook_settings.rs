//! The salon-wide switchboard of hooks: where they go, and of what.
//!
//! A POST replaces all of it, other applications' addresses included, and there is no conditional write: so it is read, changed in
//! what is ours, and written back with everything that was in it.

use serde_json::{Map, Value, json};

use super::api::{Call, YclientsApi};
use super::envelope::Expect;
use super::error::Error;
use super::wire;
use crate::kernel::crm_id::SalonId;

/// The platform keeps no more addresses than this.
pub const MOST_URLS: usize = 10;
/// What a record's hooks hang on.
const RECORD: &str = "record";
/// Read only: written back, the platform may take it for something else.
const READ_ONLY: [&str; 1] = ["url_settings"];

/// The switchboard as it was read. What we do not know of it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct HookSettings {
    pub urls: Vec<String>,
    rest: Map<String, Value>,
}

impl HookSettings {
    fn read(data: &Value) -> Option<Self> {
        let mut rest = data.as_object()?.clone();
        // An older form has one address.
        let listed = rest.remove("urls").or_else(|| rest.remove("url"))?;
        let listed = match &listed {
            Value::String(_) => vec![&listed],
            other => wire::list(other)?,
        };
        let urls = listed.into_iter().filter_map(wire::text).collect();
        Some(Self { urls, rest })
    }

    fn is_on(&self, flag: &str) -> bool {
        self.rest.get(flag).and_then(wire::flag).unwrap_or(false)
    }

    /// Whether a record's hooks leave at all.
    #[must_use]
    pub fn tells_of_records(&self) -> bool {
        self.is_on("active") && self.is_on(RECORD)
    }

    /// Switches on what a record's hooks need, and nothing else.
    pub fn tell_of_records(&mut self) {
        for flag in ["active", RECORD] {
            self.rest.insert(flag.to_owned(), json!(1));
        }
    }

    fn body(&self) -> Value {
        let mut body = self.rest.clone();
        READ_ONLY.iter().for_each(|key| drop(body.remove(*key)));
        body.insert("urls".to_owned(), json!(self.urls));
        Value::Object(body)
    }
}

impl YclientsApi {
    pub async fn hook_settings(&self, salon: SalonId) -> Result<HookSettings, Error> {
        let call = Call::get("/hooks_settings/{salon}", format!("/api/v1/hooks_settings/{salon}")).of(salon);
        let data = self.send(call).await?.data;
        HookSettings::read(&data).ok_or(Error::Malformed("settings of hooks without addresses"))
    }

    /// Replaces all of it.
    pub async fn set_hook_settings(&self, salon: SalonId, settings: &HookSettings) -> Result<(), Error> {
        let call = Call::post("/hooks_settings/{salon}", format!("/api/v1/hooks_settings/{salon}")).of(salon);
        self.send(Call { body: Some(settings.body()), expect: Expect::Nothing, ..call }).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yclients::fixtures;

    #[test]
    fn the_switchboard_is_read_and_written_back_with_all_that_was_in_it() {
        let data = fixtures::json("rest_hooks_settings.json")["data"].clone();
        let settings = HookSettings::read(&data).expect("settings");
        let body = settings.body();
        for (key, value) in data.as_object().expect("an object") {
            assert_eq!(&body[key], value, "{key}");
        }
        let mut off = HookSettings::read(&json!({
            "urls": ["https://other.example.test/x"], "active": "0", "record": 0, "good": 1, "url_settings": [], "newer": {"a": 1},
        }))
        .expect("settings");
        assert!(!off.tells_of_records());
        off.tell_of_records();
        assert!(off.tells_of_records());
        let written = json!({"urls": ["https://other.example.test/x"], "active": 1, "record": 1, "good": 1, "newer": {"a": 1}});
        assert_eq!(off.body(), written);
    }

    #[test]
    fn a_fresh_salon_has_no_address_and_an_older_form_one() {
        let fresh = fixtures::json("rest_hooks_settings_empty.json");
        let fresh = HookSettings::read(fresh.get("data").unwrap_or(&fresh)).expect("settings");
        assert!(fresh.urls.is_empty());
        let old =
            HookSettings::read(&json!({"url": "https://a.example.test", "active": 1})).expect("settings");
        assert_eq!(old.urls, ["https://a.example.test"]);
        assert_eq!(HookSettings::read(&json!({"active": 1})), None);
        assert_eq!(HookSettings::read(&json!([])), None);
    }
}
