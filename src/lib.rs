//! Salonbridge: the bridge between YClients salons and their clients' WhatsApp.
//!
//! This page is the map. A floor may use what is below it; neighbours never use each other (`tests/it/tidy.rs` holds it).
//!
//! ```text
//! 5  main · cli                              the door
//! 4  boot                                    the only place that knows everything
//! 3  web · jobs · live · views               entrances: HTTP, worker, socket.io
//! 2  app                                     use cases: load, decide, write, tell
//! 1  storage · yclients · whatsapp · cache · alarm   the outside, one module each
//! 0  domain over kernel                      rules and words; no async, no I/O
//! ```
//!
//! Words: a *tenant* is one installation, a *salon* is the CRM's, a *record* is an appointment in its journal, a *session* is a
//! linked WhatsApp device, a *login* is a person who uses our pages, a *sitting* is a browser they are signed in with, the *inbox* is
//! what arrived, the *outbox* what we intend to say, a *job* is a bell that rings for them.

pub mod alarm;
pub mod app;
pub mod boot;
pub mod cache;
pub mod cli;
pub mod domain;
pub mod jobs;
pub mod kernel;
pub mod live;
pub mod storage;
pub mod views;
pub mod web;
pub mod whatsapp;
pub mod yclients;
