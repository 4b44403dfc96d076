//! Everything that is wrong with modules, not only the first thing.
//!
//! Invariant: a module that libyang refuses is left out with all that depend on it, and the rest is loaded again, so each
//! problem is told once and none is a consequence of another.

use std::collections::{BTreeMap, BTreeSet};

use super::{Library, LoadError, Loaded, Sources, check_features, compile};

/// The result of a check.
#[derive(Debug, Default)]
pub struct Checked {
    /// What is wrong; empty when everything loads.
    pub problems: Vec<LoadError>,
    /// Modules that could not be judged, and the wrong one that each depends on.
    pub unchecked: Vec<(String, String)>,
    /// What libyang finds strange, without refusing it.
    pub warnings: Vec<String>,
    /// What loads without the modules that are wrong.
    pub loaded: Option<Loaded>,
}

/// Loads modules as [`load`](super::load) does, and goes on after an error.
pub fn check(sources: &Sources) -> Checked {
    let mut found = Checked::default();
    let opened = Library::scan(sources).and_then(|library| Ok((library.wanted(sources)?, library)));
    let (mut wanted, library) = match opened {
        Ok(opened) => opened,
        Err(error) => return Checked { problems: vec![error], ..found },
    };
    let mut sources = sources.clone();
    if let Err(error) = check_features(&library, &sources, &wanted) {
        found.problems.push(error);
        sources.features.clear();
    }
    let uses = Uses::of(&library, &wanted);
    loop {
        match compile(&library, &sources, &wanted) {
            Ok(loaded) => {
                found.warnings = loaded.warnings.to_vec();
                found.loaded = Some(loaded);
                return found;
            }
            Err(error) => {
                let culprit = error.module().map(str::to_owned);
                found.problems.push(error);
                let Some(culprit) = culprit else { return found };
                let before = wanted.len();
                for module in std::mem::take(&mut wanted) {
                    if module == culprit {
                        continue;
                    }
                    if uses.leads(&module, &culprit) {
                        found.unchecked.push((module, culprit.clone()));
                    } else {
                        wanted.insert(module);
                    }
                }
                if wanted.len() == before {
                    return found;
                }
            }
        }
    }
}

/// By module or submodule: the names it imports and includes.
struct Uses(BTreeMap<String, BTreeSet<String>>);

impl Uses {
    fn of(library: &Library, wanted: &BTreeSet<String>) -> Self {
        let mut uses = BTreeMap::new();
        let mut open: Vec<String> = wanted.iter().cloned().collect();
        while let Some(name) = open.pop() {
            if uses.contains_key(&name) {
                continue;
            }
            let statements = library.statements(&name);
            let of = statements.first();
            let names: BTreeSet<String> = of
                .into_iter()
                .flat_map(|text| text.arguments("import").chain(text.arguments("include")))
                .map(str::to_owned)
                .collect();
            open.extend(names.iter().cloned());
            uses.insert(name, names);
        }
        Self(uses)
    }

    /// Whether a module depends on another, directly or not.
    fn leads(&self, module: &str, to: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![module];
        while let Some(name) = open.pop() {
            for used in self.0.get(name).into_iter().flatten() {
                if used == to {
                    return true;
                }
                if seen.insert(used.as_str()) {
                    open.push(used);
                }
            }
        }
        false
    }
}
