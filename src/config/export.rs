//! A configuration as tables of the TOML file.
//!
//! Invariant: what is written here is read by [`super::edits`] as the same configuration. The way leads over JSON_IETF,
//! whose names and values the tables take; only an `empty` leaf looks different.

use super::configure::bare;

/// The tables `[configure]` and `[models.*]` of a configuration in JSON_IETF.
///
/// # Errors
///
/// When the text is not a JSON object.
pub fn toml_from_json(json: &str) -> Result<String, serde_json::Error> {
    let roots: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json)?;
    let (mut file, mut models) = (toml::Table::new(), toml::Table::new());
    for (name, content) in roots {
        match bare(&name) {
            "configure" => file.insert("configure".to_owned(), value(content)),
            _ => models.insert(name, value(content)),
        };
    }
    if !models.is_empty() {
        file.insert("models".to_owned(), models.into());
    }
    Ok(file.to_string())
}

fn value(json: serde_json::Value) -> toml::Value {
    match json {
        serde_json::Value::Object(members) => {
            toml::Value::Table(members.into_iter().map(|(name, member)| (name, value(member))).collect())
        }
        // RFC 7951 6.9: the value of an `empty` leaf.
        serde_json::Value::Array(items) if items == [serde_json::Value::Null] => true.into(),
        serde_json::Value::Array(items) => items.into_iter().map(value).collect::<Vec<_>>().into(),
        serde_json::Value::String(text) => text.into(),
        serde_json::Value::Bool(value) => value.into(),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| number.to_string().into(), toml::Value::from)
        }
        serde_json::Value::Null => true.into(),
    }
}
