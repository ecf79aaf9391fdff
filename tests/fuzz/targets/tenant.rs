//! An operator's files for a salon: `rules.toml` and the texts.

use salonbridge::app::tenants::Overrides;
use salonbridge::domain::message::MessageKind;
use salonbridge::domain::rules::Rules;
use salonbridge::domain::wording::{Filling, Wording};
use salonbridge::kernel::crm_id::SalonId;
use salonbridge::kernel::locale::Locale;

use super::{Reader, texts};

pub struct Tenants {
    rules: Rules,
    wording: Wording,
    folder: tempfile::TempDir,
    runs: u64,
}

impl Default for Tenants {
    fn default() -> Self {
        Self {
            rules: Rules::defaults().expect("shipped rules"),
            wording: Wording::defaults().expect("shipped texts"),
            folder: tempfile::tempdir().expect("a folder"),
            runs: 0,
        }
    }
}

impl Reader for Tenants {
    fn beginnings(&self) -> Vec<Vec<u8>> {
        let mut inputs = texts(&[
            "min_shift_minutes = 15\nsettle_ms = 0\nwording = 'festive'\nlanguage = \"auto\"",
            "settle_ms = 60000\nlanguage = 'en'",
            "[plain]\ncancel = 'Отмена {date}'\n[loud]\nconfirmation = '''\n{greeting}\n{date}'''",
        ]);
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tenants/_default");
        for file in ["rules.toml", "wording/ru.toml", "wording/en.toml"] {
            inputs.push(std::fs::read(root.join(file)).expect("shipped"));
        }
        inputs
    }

    fn read(&mut self, input: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(input);
        let rules = self.rules.with(&text);
        if let Ok(rules) = &rules {
            assert!(
                (0..=3_600_000).contains(&rules.settle_ms) && (1..=1_440).contains(&rules.min_shift_minutes)
            );
            assert_eq!(&rules.with(&text).expect("as before"), rules, "a file put twice is a file put once");
        }
        let wording = self.wording.clone().with(Locale::En, &text);
        if let Ok(wording) = &wording {
            assert_eq!(&wording.clone().with(Locale::En, &text).expect("as before"), wording);
            let filling = Filling { date: "14 March".into(), time: "15:00".into(), ..Filling::default() };
            for kind in MessageKind::ALL {
                let said = wording.render(Locale::En, "plain", kind, &filling);
                assert!(said.chars().count() <= 2_000);
            }
        }
        self.runs += 1;
        if self.runs.is_multiple_of(64) {
            self.load(input, rules.is_ok());
        }
        let word =
            |problem: &String| problem.split(['`', '\'', '"', '{']).next().unwrap_or_default().to_owned();
        Some(format!("{:?} {:?}", rules.as_ref().err().map(word), wording.as_ref().err().map(word)))
    }
}

impl Tenants {
    /// As at a start: a mistake is told, whatever is in the file.
    fn load(&self, input: &[u8], is_right: bool) {
        let salon = self.folder.path().join("990101");
        std::fs::create_dir_all(&salon).expect("made");
        std::fs::write(salon.join("rules.toml"), input).expect("written");
        match Overrides::load(self.folder.path()) {
            Ok(loaded) => {
                assert!(is_right);
                assert!(loaded.wording(SalonId(990_101)).has_set(&loaded.rules(SalonId(990_101)).wording));
                assert_eq!(loaded.rules(SalonId(1)), &self.rules, "another salon's rules");
            }
            Err(problems) => assert_eq!(problems.len(), 1, "{problems:?}"),
        }
    }
}
