//! Responses in few words, for comparison in tests.

use std::fmt::Write as _;

use ganymede::pb::gnmi::typed_value::Value;
use ganymede::pb::gnmi::{GetResponse, Notification, Path, SetResponse, TypedValue, update_result};
use ganymede::pb::gnmi_ext::extension::Ext;
use ganymede::pb::gnmi_ext::{Extension, config_subscription};
use tonic::{Code, Status};

/// A path as text: `/a/b[k=v]`, `origin:/a` with an origin, and `~/a/b[k=v]` when it came in the `element` form. The
/// target does not show.
#[expect(deprecated, reason = "the form of old collectors is tested too")]
pub(crate) fn path_text(path: &Path) -> String {
    let mut text = String::new();
    if !path.origin.is_empty() {
        write!(text, "{}:", path.origin).unwrap();
    }
    if !path.element.is_empty() {
        assert!(path.elem.is_empty(), "both forms in one path: {path:?}");
        return format!("{text}~/{}", path.element.join("/"));
    }
    for elem in &path.elem {
        write!(text, "/{}", elem.name).unwrap();
        for (key, value) in &elem.key {
            write!(text, "[{key}={value}]").unwrap();
        }
    }
    if path.elem.is_empty() { text + "/" } else { text }
}

/// A value as text: bare for JSON, otherwise with the field it came in.
pub(crate) fn value_text(value: Option<&TypedValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::JsonVal(text)) => String::from_utf8(text.to_vec()).unwrap(),
        Some(Value::JsonIetfVal(text)) => format!("ietf {}", String::from_utf8(text.to_vec()).unwrap()),
        Some(Value::StringVal(text)) => format!("string {text}"),
        Some(Value::IntVal(number)) => format!("int {number}"),
        Some(Value::UintVal(number)) => format!("uint {number}"),
        Some(Value::BoolVal(value)) => format!("bool {value}"),
        #[expect(deprecated, reason = "what gNMI 0.7.0 has for decimals")]
        Some(Value::DecimalVal(decimal)) => format!("decimal {}e-{}", decimal.digits, decimal.precision),
        Some(Value::DoubleVal(number)) => format!("double {number}"),
        Some(Value::BytesVal(bytes)) => format!("bytes {bytes:?}"),
        Some(Value::LeaflistVal(members)) => {
            let members: Vec<_> = members.element.iter().map(|member| value_text(Some(member))).collect();
            format!("list [{}]", members.join(", "))
        }
        other => format!("{other:?}"),
    }
}

/// The updates and deletes of a notification with their full paths, on one line.
pub(crate) fn notification_text(notification: &Notification) -> String {
    let full = |path: &Path| path_text(&joined(notification.prefix.as_ref(), path));
    let update = notification.update.iter().map(|update| {
        let duplicates = if update.duplicates > 0 { format!(" (+{})", update.duplicates) } else { String::new() };
        let path = full(update.path.as_ref().expect("an update has a path"));
        format!("{path} = {}{duplicates}", value_text(update.val.as_ref()))
    });
    let delete = notification.delete.iter().map(|path| format!("delete {}", full(path)));
    update.chain(delete).collect::<Vec<_>>().join("; ")
}

/// Each update of a notification as its full path and its value.
pub(crate) fn update_texts(notification: &Notification) -> Vec<(String, String)> {
    let text = |update: &ganymede::pb::gnmi::Update| {
        let path = joined(notification.prefix.as_ref(), update.path.as_ref().expect("an update has a path"));
        (path_text(&path), value_text(update.val.as_ref()))
    };
    notification.update.iter().map(text).collect()
}

/// Prefix and path put together (SUB-026).
#[expect(deprecated, reason = "the form of old collectors is tested too")]
fn joined(prefix: Option<&Path>, path: &Path) -> Path {
    let mut whole = prefix.cloned().unwrap_or_default();
    whole.elem.extend(path.elem.iter().cloned());
    whole.element.extend(path.element.iter().cloned());
    if whole.origin.is_empty() {
        whole.origin.clone_from(&path.origin);
    }
    whole
}

/// An extension of a response: only the end of a commit is known.
pub(crate) fn extension_text(extension: &Extension) -> String {
    let Some(Ext::ConfigSubscription(said)) = &extension.ext else { panic!("{extension:?}") };
    let Some(config_subscription::Action::SyncDone(done)) = &said.action else { panic!("{extension:?}") };
    assert!(done.done, "{done:?}");
    format!("commit {} confirm {:?} done", done.server_commit_id, done.commit_confirm_id)
}

/// One line for each notification of a Get.
pub(crate) fn get_text(response: &GetResponse) -> Vec<String> {
    response.notification.iter().map(notification_text).collect()
}

/// One line for each result of a Set.
pub(crate) fn set_text(response: &SetResponse) -> Vec<String> {
    let result = |result: &ganymede::pb::gnmi::UpdateResult| {
        let operation = update_result::Operation::try_from(result.op).unwrap();
        format!("{} {}", operation.as_str_name(), path_text(result.path.as_ref().unwrap()))
    };
    response.response.iter().map(result).collect()
}

/// Checks a refusal: its code, and a text of one line that holds each of the parts.
#[track_caller]
pub(crate) fn check_refused<T: std::fmt::Debug>(result: Result<T, Status>, code: Code, parts: &[&str]) {
    let status = result.unwrap_err();
    assert_eq!(status.code(), code, "{status:?}");
    let text = status.message();
    assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
    for part in parts {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
}

/// The time, as the wire tells it.
pub(crate) fn now_nanos() -> i64 {
    ganymede::time::Clock::System.now().nanos()
}
