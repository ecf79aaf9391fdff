//! What a salon wants said, and when: the defaults of `tenants/_default/rules.toml` and a salon's overrides.

use serde::Deserialize;

use super::bonus::{BonusFile, Programme};
use super::breaker::{BreakerFile, BreakerRules};
use super::pacing::{Pacing, PacingFile};
use super::sync::{SyncFile, SyncRules};
use crate::kernel::locale::Locale;

/// Rules in force for one salon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long after a hook the edits of one record may still be settling, in milliseconds.
    pub settle_ms: i64,
    /// A move by less than so many minutes is not worth a message. 1 tells every move.
    pub min_shift_minutes: i64,
    /// Which set of texts: `plain` or `festive`.
    pub wording: String,
    /// The language clients are written to; `None`: the one the salon's own name and address are written in.
    pub language: Option<Locale>,
    /// How the salon's number writes.
    pub pacing: Pacing,
    /// When sending that fails is stopped for a while.
    pub breaker: BreakerRules,
    /// How often the journal is read beside the hooks.
    pub sync: SyncRules,
    /// What a visit earns.
    pub bonus: Programme,
}

/// One rules file: every key may be missing, none may be misspelt.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesFile {
    settle_ms: Option<i64>,
    min_shift_minutes: Option<i64>,
    wording: Option<String>,
    language: Option<String>,
    #[serde(default)]
    pacing: PacingFile,
    #[serde(default)]
    breaker: BreakerFile,
    #[serde(default)]
    sync: SyncFile,
    #[serde(default)]
    bonus: BonusFile,
}

const DEFAULTS: &str = include_str!("../../tenants/_default/rules.toml");

impl Rules {
    /// What every salon starts from.
    pub fn defaults() -> Result<Self, String> {
        Self::plain().with(DEFAULTS)
    }

    /// What the shipped file is put over.
    fn plain() -> Self {
        Self {
            settle_ms: 3000,
            min_shift_minutes: 1,
            wording: "plain".to_owned(),
            language: None,
            pacing: Pacing::careful(),
            breaker: BreakerRules::usual(),
            sync: SyncRules::usual(),
            bonus: Programme::off(),
        }
    }

    /// These rules with a file's own put over them.
    pub fn with(&self, text: &str) -> Result<Self, String> {
        let file: RulesFile = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        let language = match file.language.as_deref() {
            None => self.language,
            Some("auto") => None,
            Some(code) => Some(Locale::parse(code).ok_or("language must be \"auto\", \"ru\" or \"en\"")?),
        };
        let rules = Self {
            settle_ms: file.settle_ms.unwrap_or(self.settle_ms),
            min_shift_minutes: file.min_shift_minutes.unwrap_or(self.min_shift_minutes),
            wording: file.wording.unwrap_or_else(|| self.wording.clone()),
            language,
            pacing: self.pacing.with(file.pacing)?,
            breaker: self.breaker.with(&file.breaker)?,
            sync: self.sync.with(&file.sync)?,
            bonus: self.bonus.with(&file.bonus)?,
        };
        if !(0..=3_600_000).contains(&rules.settle_ms) {
            return Err("settle_ms must lie between 0 and 3600000".to_owned());
        }
        if !(1..=1440).contains(&rules.min_shift_minutes) {
            return Err("min_shift_minutes must lie between 1 and 1440".to_owned());
        }
        Ok(rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_defaults_are_valid_and_a_salon_overrides_what_it_names() {
        let rules = Rules::defaults().expect("shipped defaults");
        let own = rules.with("min_shift_minutes = 15").expect("valid");
        assert_eq!((own.min_shift_minutes, own.settle_ms), (15, rules.settle_ms));
        let slow = rules.with("[pacing]\nper_hour = 30\n[breaker]\nminutes = 1").expect("valid");
        assert_eq!((slow.pacing.per_hour, slow.breaker.after_ms), (30, 60_000));
        assert_eq!(slow.pacing.pause_ms, rules.pacing.pause_ms);
        assert_eq!(rules.bonus.rate, 0, "off until a salon wants it");
        let generous =
            rules.with("[bonus]\npercent = 2.5\nmin_price = 500\nsince = '2026-03-01'").expect("valid");
        assert_eq!((generous.bonus.rate, generous.bonus.min_price), (250, 50_000));
        assert_eq!(generous.with("[bonus]\nsince = ''").expect("valid").bonus.since, None);
        let english = rules.with("language = 'en'").expect("valid");
        assert_eq!((rules.language, english.language), (None, Some(Locale::En)));
        assert_eq!(english.with("language = 'auto'").expect("valid").language, None);
    }

    #[test]
    fn misspelt_and_senseless_rules_are_refused() {
        let rules = Rules::defaults().expect("shipped defaults");
        for text in [
            "min_shift = 5",
            "settle_ms = -1",
            "min_shift_minutes = 0",
            "language = 'de'",
            "settle_ms = 'x'",
            "pacing.pause_ms = [9, 3]",
            "pacing.per_hour = 0",
            "pacing.new_chats = []",
            "pacing.new_chats = [0]",
            "pacing.near_percent = 101",
            "pacing.rest_hours = 0",
            "pacing.burst = 0",
            "pacing.client_pause_ms = -1",
            "pacing.speed = 1",
            "breaker.failures = 0",
            "breaker.minutes = -1",
            "breaker.pause_minutes = 0",
            "sync.minutes = 4",
            "sync.minutes = -1",
            "sync.hours = 1",
            "bonus.percent = 101",
            "bonus.percent = -1",
            "bonus.percent = nan",
            "bonus.percents = 5",
            "bonus.min_price = -1",
            "bonus.most_percent = 0",
            "bonus.since = 'spring'",
            "bonus.expire_days = -1",
        ] {
            assert!(rules.with(text).is_err(), "{text}");
        }
    }
}
