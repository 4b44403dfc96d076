//! Path resolution: any path resolves or is refused, and what it resolves to, written as a path, resolves to the same.

#![cfg_attr(fuzzing, no_main)]

use ganymede::codec::{PathForm, decode_path, encode_path};
use ganymede::path::{KeyMatch, Pattern, RawElem, RawPath};
use ganymede_fuzz::draw::Draw;
use ganymede_fuzz::{resolver, schema};

fn run(data: &[u8]) {
    let mut draw = Draw::new(data);
    let raw = draw.path();
    let resolver = resolver();
    if let Ok(place) = resolver.write(&raw) {
        let message = encode_path(schema(), place.steps(), PathForm::Elem);
        // A canonical value may be longer than the text it came from.
        if let Ok(again) = decode_path(&message) {
            assert_eq!(resolver.write(&again), Ok(place), "{raw} became {again}");
        }
    }
    for pattern in resolver.read(&raw).into_iter().flatten() {
        assert_eq!(resolver.read(&to_raw(&pattern)), Ok(vec![pattern]), "{raw}");
    }
    for pattern in resolver.delete(&raw).into_iter().flatten() {
        assert_eq!(resolver.delete(&to_raw(&pattern)), Ok(vec![pattern]), "{raw}");
    }
}

/// A pattern as a path: names with their module, because another module may use the same one; every key stated.
fn to_raw(pattern: &Pattern) -> RawPath {
    let schema = schema();
    let elems = pattern.steps().iter().map(|step| {
        let node = schema.node(step.node);
        let text = |position: usize| match &step.keys {
            KeyMatch::Exact(key) => Some(key[position].key_text()),
            KeyMatch::Partial(keys) => Some(keys[position].as_ref().map_or("*".to_owned(), |key| key.key_text())),
            KeyMatch::All => Some("*".to_owned()),
            KeyMatch::NotList => None,
        };
        let keys = node.keys().iter().enumerate();
        let keys = keys.filter_map(|(position, &key)| Some((schema.node(key).name.to_string(), text(position)?)));
        RawElem { name: format!("{}:{}", schema.module(node.module).name, node.name), keys: keys.collect() }
    });
    RawPath { origin: None, elems: elems.collect() }
}

ganymede_fuzz::target!(run);
