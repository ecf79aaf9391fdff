//! Rules and texts in force for a salon: the defaults, with an operator's overrides from `tenants/<salon id>/`.

use std::collections::HashMap;
use std::path::Path;

use crate::domain::rules::Rules;
use crate::domain::wording::Wording;
use crate::kernel::crm_id::SalonId;
use crate::kernel::locale::Locale;

/// Loaded once at start; a mistake in any file is found there and named.
#[derive(Debug, Clone)]
pub struct Overrides {
    defaults: (Rules, Wording),
    salons: HashMap<SalonId, (Rules, Wording)>,
}

impl Overrides {
    /// Reads `folder`; one that is not there means that nothing is overridden. All problems are reported at once.
    pub fn load(folder: &Path) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let shipped = Rules::defaults().and_then(|rules| Ok((rules, Wording::defaults()?)));
        let shipped = shipped.map_err(|problem| vec![format!("the built-in defaults: {problem}")])?;
        let defaults = read_salon(&folder.join("_default"), &shipped, &mut problems);
        let mut salons = HashMap::new();
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !entry.path().is_dir() || name == "_default" {
                continue;
            }
            match name.parse::<i64>() {
                Ok(id) => {
                    salons.insert(SalonId(id), read_salon(&entry.path(), &defaults, &mut problems));
                }
                Err(_) => problems
                    .push(format!("{}: a salon's folder is named by its number", entry.path().display())),
            }
        }
        if problems.is_empty() { Ok(Self { defaults, salons }) } else { Err(problems) }
    }

    #[must_use]
    pub fn rules(&self, salon: SalonId) -> &Rules {
        &self.salons.get(&salon).unwrap_or(&self.defaults).0
    }

    #[must_use]
    pub fn wording(&self, salon: SalonId) -> &Wording {
        &self.salons.get(&salon).unwrap_or(&self.defaults).1
    }

    /// Puts rules over every salon's own: for trying, testing and measuring.
    pub fn put_over(&mut self, text: &str) -> Result<(), String> {
        let all = self.salons.values_mut().chain([&mut self.defaults]);
        for (rules, _) in all {
            *rules = rules.with(text)?;
        }
        Ok(())
    }
}

fn read_salon(folder: &Path, base: &(Rules, Wording), problems: &mut Vec<String>) -> (Rules, Wording) {
    let (mut rules, mut wording) = base.clone();
    if let Some(text) = read(&folder.join("rules.toml"), problems) {
        match rules.with(&text) {
            Ok(own) => rules = own,
            Err(problem) => problems.push(format!("{}: {problem}", folder.join("rules.toml").display())),
        }
    }
    for locale in Locale::ALL {
        let path = folder.join("wording").join(format!("{}.toml", locale.code()));
        if let Some(text) = read(&path, problems) {
            match wording.clone().with(locale, &text) {
                Ok(own) => wording = own,
                Err(problem) => problems.push(format!("{}: {problem}", path.display())),
            }
        }
    }
    if !wording.has_set(&rules.wording) {
        problems.push(format!("{}: there is no set of texts named {:?}", folder.display(), rules.wording));
    }
    (rules, wording)
}

fn read(path: &Path, problems: &mut Vec<String>) -> Option<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            problems.push(format!("{}: {error}", path.display()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salons_folder_overrides_and_every_mistake_is_named_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let salon = folder.path().join("990101");
        std::fs::create_dir_all(salon.join("wording")).expect("made");
        std::fs::write(salon.join("rules.toml"), "min_shift_minutes = 15").expect("written");
        let loaded = Overrides::load(folder.path()).expect("valid");
        assert_eq!(loaded.rules(SalonId(990_101)).min_shift_minutes, 15);
        assert_eq!(loaded.rules(SalonId(1)).min_shift_minutes, 1);

        std::fs::write(salon.join("rules.toml"), "wording = 'loud'").expect("written");
        std::fs::write(salon.join("wording/ru.toml"), "[plain]\ncancel = '{oops}'").expect("written");
        let problems = Overrides::load(folder.path()).expect_err("two mistakes");
        assert_eq!(problems.len(), 2, "{problems:?}");
    }
}
