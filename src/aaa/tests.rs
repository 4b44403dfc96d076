//! Users, profiles and passwords as commits have them.

use std::sync::{Arc, LazyLock};

use super::entry::Match;
use super::local::{Users, hash_password, is_hash, verify};
use super::*;
use crate::path::{RawPath, Resolver, Views};
use crate::schema::{Loaded, Schema, Sources, load};
use crate::store::{Content, Edit, Tree, Validator, prepare};
use crate::time::Timestamp;
use crate::value::Value;

static LOADED: LazyLock<Loaded> = LazyLock::new(|| load(&Sources::default()).unwrap());

const USERS: &str = "/configure/system/security/user-params/local-user/user";
const PROFILES: &str = "/configure/system/security/aaa/local-profiles/profile";

fn schema() -> &'static Arc<Schema> {
    &LOADED.schema
}

fn update(path: &str, value: Value) -> Edit {
    let resolver = Resolver { schema: schema(), views: Views::ALL, name_wildcards: false };
    Edit::Update(resolver.write(&RawPath::parse(path).unwrap()).unwrap(), Content::Leaf(value))
}

fn user(name: &str, grpc: bool, profiles: &[&str]) -> Vec<Edit> {
    let at = |leaf: &str| format!("{USERS}[user-name={name}]/{leaf}");
    let members: Vec<_> = profiles.iter().map(|&profile| Value::text(profile)).collect();
    vec![
        update(&at("password"), Value::text("secret")),
        update(&at("access/grpc"), Value::Bool(grpc)),
        update(&at("console/member"), Value::List(members.into())),
    ]
}

fn profile(name: &str, action: &str, denied: &[&str]) -> Vec<Edit> {
    let at = |leaf: &str| format!("{PROFILES}[user-profile-name={name}]/{leaf}");
    let mut edits = vec![update(&at("default-action"), Value::Enum(action.into()))];
    let deny = |rpc: &&str| update(&at(&format!("grpc/rpc-authorization/{rpc}")), Value::Enum("deny".into()));
    edits.extend(denied.iter().map(deny));
    edits
}

fn commit(edits: &[Edit]) -> Tree {
    let empty = Tree::default();
    prepare(schema(), &mut Validator::new(&LOADED), &empty, empty.clone(), edits, Timestamp::EPOCH).unwrap().0
}

/// AUTH-009, AUTH-027, AUTH-028.
#[test]
fn rights_come_from_user_and_profiles() {
    let mut edits = [
        profile("all", "permit-all", &[]),
        profile("read", "read-only-all", &["gnmi-capabilities"]),
        profile("open", "none", &[]),
        profile("shut", "deny-all", &["gnmi-get", "gnmi-set"]),
        user("admin", true, &["all"]),
        user("ro", true, &["read", "all"]),
        user("undecided", true, &["open", "all"]),
        user("shut", true, &["shut"]),
        user("plain", true, &[]),
        user("nogrpc", false, &["all"]),
    ]
    .concat();
    seal(schema(), &mut edits);
    let tree = commit(&edits);
    let users = Users::new(schema()).unwrap();
    let rights = |name: &str| {
        let user = users.lookup(&tree, name).unwrap();
        let rpcs = ["gnmi-capabilities", "gnmi-get", "gnmi-set", "gnmi-subscribe"];
        let permitted = rpcs.map(|rpc| if user.permits_rpc(rpc) { 'y' } else { 'n' });
        (user.grpc_access, permitted.iter().collect::<String>(), user.may_write())
    };
    assert_eq!(rights("admin"), (true, "yyyy".to_owned(), true));
    assert_eq!(rights("ro"), (true, "nyyy".to_owned(), false));
    assert_eq!(rights("undecided"), (true, "yyyy".to_owned(), true));
    assert_eq!(rights("shut"), (true, "ynny".to_owned(), false));
    assert_eq!(rights("plain"), (true, "yyyy".to_owned(), false));
    assert_eq!(rights("nogrpc"), (false, "yyyy".to_owned(), true));
    assert!(users.lookup(&tree, "nobody").is_none());
    assert!(users.lookup(&Tree::default(), "admin").is_none());
    // gNOI is denied by default where the model says so, whoever asks.
    assert!(!users.lookup(&tree, "admin").unwrap().permits_rpc("gnoi-system-reboot"));
    assert!(!users.lookup(&tree, "plain").unwrap().permits_rpc("gnoi-system-reboot"));
}

#[test]
fn passwords_are_sealed_in_every_form_of_edit() {
    let known = hash_password(b"known").unwrap();
    let user_list = schema().child(None, None, "configure").unwrap();
    let mut at = vec![user_list];
    for name in ["system", "security", "user-params", "local-user", "user"] {
        at.push(schema().child(at.last().copied(), None, name).unwrap());
    }
    let password = schema().child(at.last().copied(), None, "password").unwrap();
    let leaf = |text: &str| vec![(password, Content::Leaf(Value::text(text)))];
    let key = |name: &str| Arc::from([Value::text(name)]);
    let list = Content::List(vec![(key("a"), leaf("plain")), (key("b"), leaf(&known)), (key("c"), leaf("*locked*"))]);
    let nested = at[1..].iter().rev().fold((list, None), |(content, above), &node| match above {
        None => (content, Some(node)),
        Some(below) => (Content::Branch(vec![(below, content)]), Some(node)),
    });
    let root = crate::path::DataPath::root().child(at[0], None);
    let branch = Content::Branch(vec![(at[1], nested.0)]);
    let mut edits =
        vec![Edit::Replace(root, branch), update(&format!("{USERS}[user-name=d]/password"), Value::text("d"))];
    seal(schema(), &mut edits);
    let tree = commit(&edits);
    let hash = |name: &str| Users::new(schema()).unwrap().lookup(&tree, name).unwrap().hash;
    assert!(verify(&hash("a"), b"plain") && verify(&hash("d"), b"d"));
    assert_eq!(&*hash("b"), known);
    assert_eq!(&*hash("c"), "*locked*");
    assert!(!verify(&hash("c"), b"*locked*"));
}

#[test]
fn hashes_that_ask_for_absurd_work_are_passwords() {
    assert!(is_hash("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$dGhlIGhhc2ggaXRzZWxmIGhlcmUuLi4uLi4uLi4uLi4"));
    assert!(!is_hash("$argon2id$v=19$m=4000000,t=2,p=1$c2FsdHNhbHRzYWx0$dGhlIGhhc2ggaXRzZWxmIGhlcmUuLi4uLi4uLi4uLi4"));
    assert!(!is_hash("$argon2id$v=19$m=19456,t=999,p=1$c2FsdHNhbHRzYWx0$dGhlIGhhc2ggaXRzZWxmIGhlcmUuLi4uLi4uLi4uLi4"));
    assert!(!is_hash("$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$dGhlIGhhc2ggaXRzZWxmIGhlcmUuLi4uLi4uLi4uLi4"));
    assert!(!is_hash("$argon2id$nonsense"));
}

/// AUTH-005: an unknown user and a wrong password cost the same work and get the same answer.
#[tokio::test]
async fn strangers_wait_as_long_as_users() {
    let mut edits = user("admin", true, &[]);
    seal(schema(), &mut edits);
    let tree = commit(&edits);
    let authenticator = Authenticator::new(Users::new(schema()).unwrap(), 2).unwrap();
    let credentials = |user: &str, password: &str| Credentials { user: user.into(), password: password.into() };
    let check = async |user: &str, password: &str| {
        authenticator.check(&tree, &credentials(user, password), std::time::Instant::now()).await
    };
    assert_eq!(check("admin", "secret").await, Outcome::Accepted);
    // The shortest of some: what else the machine does makes some longer, never shorter.
    let mut shortest = [std::time::Duration::MAX; 2];
    for round in 0..40 {
        for (user, shortest) in ["admin", "stranger"].into_iter().zip(&mut shortest) {
            let start = std::time::Instant::now();
            assert_ne!(check(user, "wrong").await, Outcome::Accepted);
            *shortest = start.elapsed().min(*shortest);
        }
        if round >= 2 && shortest[0].max(shortest[1]) < shortest[0].min(shortest[1]) * 3 {
            break;
        }
    }
    assert!(shortest[0].max(shortest[1]) < shortest[0].min(shortest[1]) * 3, "{shortest:?}");
    let same = authenticator.fingerprint(&credentials("ab", "c"));
    assert!(same == authenticator.fingerprint(&credentials("ab", "c")));
    assert!(same != authenticator.fingerprint(&credentials("a", "bc")));
}

/// SET-036: what a `match` is about. Commands that are no data are nothing to complain of, slips are.
#[test]
fn reads_the_match_of_an_entry() {
    let check = |line: &str, expected: &str| {
        let text = match super::entry::read(schema(), line) {
            Match::Elements(patterns) => {
                patterns.iter().map(|pattern| pattern.display(schema()).to_string()).collect::<Vec<_>>().join(" ")
            }
            Match::Command => "command".to_owned(),
            Match::Unknown { reason } => format!("unknown: {reason}"),
        };
        assert_eq!(text, expected, "{line}");
    };
    check("configure", "/configure");
    check("/configure system security", "/configure/system/security");
    check("  configure   router  interface ", "/configure/router[router-name=*]/interface[interface-name=*]");
    check("configure router <Base>", "/configure/router[router-name=Base]");
    check(r#"configure router "to the core""#, "/configure/router[router-name=to the core]");
    check(r#"configure router <"to the core">"#, "/configure/router[router-name=to the core]");
    let interface = "/configure/router[router-name=*]/interface[interface-name=x]/ipv4";
    check("configure router <.*> interface <x> ipv4", interface);
    check("state port <1/1/1> oper-state", "/state/port[port-id=1/1/1]/oper-state");
    check("openconfig-system:system config", "/system/config");
    check("show router <22> route-table", "command");
    check("", "command");
    check("<x>", "command");
    check("configure systen", "unknown: /configure/systen - Unknown element");
    check("configure system <x>", "unknown: 'system' takes no key 'x'");
    check("configure router <Base", "unknown: '>' is missing in '<Base'");
    check(
        r#"configure card "one""#,
        concat!(
            "unknown: /configure/card[slot-number=one] - Invalid value 'one' for key 'slot-number': ",
            "expected a whole number, got the string \"one\""
        ),
    );
}
