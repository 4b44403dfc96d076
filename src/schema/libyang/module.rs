//! What a module says of itself and what other modules do to it.

use libyang5_sys as ffi;
use yang5::context::Context;
use yang5::schema::SchemaModule as YangModule;

use super::context::Contents;
use super::{SchemaModule, sized_array, text};

/// The modules of a context that are there for others: only imported, or only types, groupings and extensions.
pub(in crate::schema) fn words(context: &Context) -> impl Iterator<Item = SchemaModule<'_>> {
    context
        .modules(true)
        // SAFETY: a module of a context that is borrowed here and so does not change.
        .filter(|module: &YangModule<'_>| unsafe {
            !module.is_implemented() || Contents::of(&*module.as_raw()) == Contents::Words
        })
        .map(|module| SchemaModule::of(&module))
}

impl<'a> SchemaModule<'a> {
    /// Names of its features, submodules included, and whether each is enabled. Empty once the parsed form is gone.
    pub(in crate::schema) fn features(self) -> Vec<(&'a str, bool)> {
        // SAFETY: `parsed` is null or valid; features and includes are sized arrays that live as long as it does.
        unsafe {
            let Some(parsed) = self.get().parsed.as_ref() else { return Vec::new() };
            let submodules = sized_array(parsed.includes.cast_const())
                .iter()
                .filter_map(|include| include.submodule.as_ref())
                .map(|submodule| submodule.features);
            [parsed.features]
                .into_iter()
                .chain(submodules)
                .flat_map(|features| sized_array(features.cast_const()))
                .map(|feature| (text(feature.name), u32::from(feature.flags) & ffi::LYS_FENABLED != 0))
                .collect()
        }
    }

    /// Names and revisions of its submodules.
    pub(in crate::schema) fn submodules(self) -> Vec<(&'a str, &'a str)> {
        // SAFETY: a sized array that lives as long as the module.
        let all = unsafe { sized_array(self.get().submodules.cast_const()) };
        // SAFETY: null or texts of the context.
        all.iter().map(|submodule| unsafe { (text(submodule.name), text(submodule.revision)) }).collect()
    }

    /// Names of the modules that augment it.
    pub(in crate::schema) fn augmented_by(self) -> Vec<&'a str> {
        names(self.get().augmented_by)
    }

    /// Names of the modules that deviate it.
    pub(in crate::schema) fn deviated_by(self) -> Vec<&'a str> {
        names(self.get().deviated_by)
    }
}

fn names<'a>(modules: *mut *mut ffi::lys_module) -> Vec<&'a str> {
    // SAFETY: a sized array of modules, which live as long as the context that the caller's view borrows.
    let modules = unsafe { sized_array(modules.cast_const()) };
    // SAFETY: as above.
    modules.iter().filter_map(|module| unsafe { Some(text(module.as_ref()?.name)) }).collect()
}
