//! Text paths: any text parses or is refused, and what parses prints as text that means the same (PATH-033, PATH-034).

#![cfg_attr(fuzzing, no_main)]

use ganymede::path::{PathTextError, RawPath};

fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(mut path) = RawPath::parse(text) else { return };
    for elem in &mut path.elems {
        elem.keys.sort();
    }
    // Printing does not quote, so a value that begins with a quote is read differently: it survives in wire keys only.
    if path.elems.iter().flat_map(|elem| &elem.keys).any(|(_, value)| value.starts_with(['"', '\''])) {
        return;
    }
    let printed = path.to_string();
    match RawPath::parse(&printed) {
        Ok(again) => assert_eq!(again, path, "{text:?} prints as {printed:?}"),
        // Escaping may take a text over the limit.
        Err(error) => {
            assert!(matches!(error, PathTextError::TooLong { .. }), "{text:?} prints as {printed:?}: {error}")
        }
    }
}

ganymede_fuzz::target!(run);
