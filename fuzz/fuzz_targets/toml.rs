//! The TOML file: any text is a configuration or is refused, and a configuration prints as one that says the same.

#![cfg_attr(fuzzing, no_main)]

use ganymede::config::{edits, parse};
use ganymede_fuzz::schema;

fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(config) = parse("fuzz.toml", text) else { return };
    let printed = config.print();
    let again = parse("printed.toml", &printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(again.print(), printed);
    let _refused_or_not = edits(&config.models, schema());
}

ganymede_fuzz::target!(run);
