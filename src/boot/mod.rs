//! The composition root: the only place that reads the environment and knows every floor.

#[cfg(feature = "sandbox")]
pub mod balancer;
pub mod bookings_check;
pub mod build;
pub mod codes_command;
pub mod config;
#[cfg(feature = "sandbox")]
pub mod demo;
#[cfg(feature = "sandbox")]
pub mod demo_desk;
#[cfg(feature = "sandbox")]
pub mod demo_trip;
pub mod doctor;
#[cfg(feature = "sandbox")]
pub mod gallery;
mod listener;
pub mod login;
mod pace;
mod product;
pub mod ripples;
pub mod run;
pub mod settings;
pub mod sync_command;
pub mod telemetry;
pub mod webhook_command;
mod yclients_check;
pub mod yclients_command;
