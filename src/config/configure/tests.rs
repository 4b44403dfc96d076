//! Tables against the schema that is built in.

use std::sync::{Arc, LazyLock};

use crate::aaa::local;
use crate::config::parse;
use crate::path::{RawPath, Resolver, Views};
use crate::schema::{Loaded, Schema, Sources, load};
use crate::store::{Content, Edit, Tree, Validator, prepare};
use crate::time::Timestamp;
use crate::value::Value;

static LOADED: LazyLock<Loaded> =
    LazyLock::new(|| load(&Sources { test_modules: true, ..Sources::default() }).unwrap());

fn schema() -> &'static Arc<Schema> {
    &LOADED.schema
}

fn edits(text: &str) -> Result<Vec<Edit>, String> {
    let config = parse("g.toml", text).map_err(|error| error.to_string())?;
    super::edits(&config.models, schema()).map_err(|error| error.to_string())
}

/// The tree that the tables make out of nothing.
fn tree(text: &str) -> Tree {
    let edits = edits(text).unwrap();
    let empty = Tree::default();
    prepare(schema(), &mut Validator::new(&LOADED), &empty, empty.clone(), &edits, Timestamp::EPOCH).unwrap().0
}

fn value(tree: &Tree, path: &str) -> Option<Value> {
    let resolver = Resolver { schema: schema(), views: Views::ALL, name_wildcards: false };
    let path = resolver.write(&RawPath::parse(path).unwrap()).unwrap();
    tree.leaf(path.steps()).map(|leaf| leaf.value.clone())
}

#[test]
fn tables_become_configuration() {
    let tree = tree(
        r#"
        [configure.system]
        name = "lab"
        [configure.system.grpc]
        allow-unsecure-connection = true
        listening-port = 40000
        [configure.system.grpc.gnoi]
        file.admin-state = "enable"
        [[configure.system.security.aaa.local-profiles.profile]]
        user-profile-name = "one"
        default-action = "permit-all"
        [[configure.system.security.aaa.local-profiles.profile]]
        user-profile-name = "two"
        [[configure.system.security.user-params.local-user.user]]
        user-name = "ro"
        password = "ro"
        access = { grpc = true, console = false }
        console.member = ["two", "one"]
        "#,
    );
    assert_eq!(value(&tree, "/configure/system/name"), Some(Value::text("lab")));
    assert_eq!(value(&tree, "/configure/system/grpc/allow-unsecure-connection"), Some(Value::Empty));
    assert_eq!(value(&tree, "/configure/system/grpc/listening-port"), Some(Value::Int(40000)));
    let user = "/configure/system/security/user-params/local-user/user[user-name=ro]";
    assert_eq!(value(&tree, &format!("{user}/access/grpc")), Some(Value::Bool(true)));
    let members = value(&tree, &format!("{user}/console/member"));
    assert_eq!(members, Some(Value::List([Value::text("two"), Value::text("one")].into())));
    // Shorter than the type of the leaf allows, but it never gets there as it is.
    let Some(Value::Text(hash)) = value(&tree, &format!("{user}/password")) else { panic!("no password") };
    assert!(local::is_hash(&hash) && local::verify(&hash, b"ro") && !local::verify(&hash, b"r0"), "{hash}");
}

#[test]
fn false_leaves_an_empty_leaf_out() {
    let tree = tree("configure.system.grpc.allow-unsecure-connection = false\nconfigure.system.name = \"x\"");
    assert_eq!(value(&tree, "/configure/system/grpc/allow-unsecure-connection"), None);
}

#[test]
fn other_models_stand_below_models() {
    let found = edits("[models.\"openconfig-system:system\".config]\nhostname = \"x\"\n").unwrap();
    let [Edit::Update(path, Content::Branch(_))] = &found[..] else { panic!("{found:?}") };
    assert_eq!(path.display(schema()).to_string(), "/system");
}

/// Each mistake is one line that names the place, the path and the rule.
#[test]
fn mistakes_are_led_back_to_their_lines() {
    let check = |text: &str, expected: &str| {
        let line = edits(text).map_or_else(|error| error, |edits| format!("{edits:?}"));
        assert_eq!(line, expected, "{text}");
    };
    check(
        "[configure.system]\n\nnaem = \"x\"",
        "g.toml:3: MINOR: MGMT_CORE #2201: /configure/system/naem - Unknown element, did you mean 'name'?",
    );
    check("[configure.bogus]", "g.toml:1: MINOR: MGMT_CORE #2201: /configure/bogus - Unknown element");
    check(
        "[models.interfacs]\nx = 1",
        "g.toml:1: MINOR: MGMT_CORE #2201: /interfacs - Unknown element, did you mean 'interfaces'?",
    );
    check("[models.configure]\nx = 1", "g.toml:1: key 'models.configure': is written as [configure]");
    check(
        "[models.state.system]\nx = 1",
        "g.toml:1: MINOR: MGMT_CORE #2301: /state - Invalid element value - it is state, not configuration",
    );
    let invalid = |path: &str, rule: &str| format!("MINOR: MGMT_CORE #2301: {path} - Invalid element value - {rule}");
    let system = "/configure/system";
    check("configure.system = 5", &format!("g.toml:1: {}", invalid(system, "it is a container and takes a table")));
    check(
        "configure.system.name = true",
        &format!("g.toml:1: {}", invalid("/configure/system/name", "expected a string, got true")),
    );
    check(
        "configure.system.name = [\"x\"]",
        &format!("g.toml:1: {}", invalid("/configure/system/name", "it takes one value, not an array")),
    );
    check(
        "[configure.system.grpc]\nallow-unsecure-connection = \"yes\"",
        &format!(
            "g.toml:2: {}",
            invalid("/configure/system/grpc/allow-unsecure-connection", "it has no value and takes true")
        ),
    );
    let users = "/configure/system/security/user-params/local-user/user";
    check(
        "[configure.system.security.user-params.local-user.user]\nuser-name = \"x\"",
        &format!("g.toml:1: {}", invalid(users, "it is a list and takes an array of tables, [[...]]")),
    );
    check(
        "[[configure.system.security.user-params.local-user.user]]\npassword = \"x\"",
        &format!("g.toml:1: {}", invalid(users, "an entry needs its key 'user-name'")),
    );
    let user = "[[configure.system.security.user-params.local-user.user]]\nuser-name = \"x\"\n";
    check(
        &format!("{user}{user}"),
        &format!("g.toml:3: {}", invalid(&format!("{users}[user-name=x]"), "the entry is given twice")),
    );
    check(
        &format!("{user}console.member = \"x\""),
        &format!(
            "g.toml:3: {}",
            invalid(&format!("{users}[user-name=x]/console/member"), "it is a leaf-list and takes an array")
        ),
    );
}

#[test]
fn values_out_of_range_name_the_range() {
    let error = edits("[configure.system.grpc]\nlistening-port = 80").unwrap_err();
    assert!(error.starts_with("g.toml:2: MINOR: MGMT_CORE #2301: /configure/system/grpc/listening-port - "), "{error}");
    assert!(error.contains("57400"), "{error}");
    let error = edits("[configure.system.grpc]\nadmin-state = \"on\"").unwrap_err();
    assert!(error.contains("enable"), "{error}");
}

/// A number passes through no float and no 64-bit sign on its way to the type that judges it.
#[test]
fn digits_survive() {
    let tree = tree(
        r#"
        [models.test.types]
        uint64 = 18446744073709551615
        int64 = "-9223372036854775808"
        decimal = -999.999
        boolean = false
        bits = "second first"
        "#,
    );
    let text = |leaf: &str| value(&tree, &format!("/test/types/{leaf}")).map(|value| value.to_string());
    assert_eq!(text("uint64").as_deref(), Some("18446744073709551615"));
    assert_eq!(text("int64").as_deref(), Some("-9223372036854775808"));
    assert_eq!(text("decimal").as_deref(), Some("-999.999"));
    assert_eq!(text("boolean").as_deref(), Some("false"));
}
