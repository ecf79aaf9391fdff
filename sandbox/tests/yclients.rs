//! The YClients sandbox over HTTP, as an application and its tests see it.

#[path = "yclients/booking.rs"]
mod booking;
#[path = "yclients/errors.rs"]
mod errors;
#[path = "yclients/fields.rs"]
mod fields;
#[path = "yclients/form.rs"]
mod form;
#[path = "yclients/hooks.rs"]
mod hooks;
#[path = "yclients/install.rs"]
mod install;
#[path = "yclients/kit.rs"]
mod kit;
#[path = "yclients/money.rs"]
mod money;
#[path = "yclients/pages.rs"]
mod pages;
#[path = "yclients/records.rs"]
mod records;
