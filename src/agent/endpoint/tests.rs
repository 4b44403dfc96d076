//! What the state says of a server as it is made at start.

use tempfile::TempDir;

use crate::agent::Agent;
use crate::config::parse;
use crate::store::Named;

/// An agent that is not run: the server is as it is made at start.
async fn started(keys: &str, grpc: &str, tables: &str) -> (Agent, TempDir) {
    let data = tempfile::tempdir().unwrap();
    let text = format!(
        "data-dir = {:?}\n{keys}\n[listen]\naddress = \"127.0.0.1\"\nport = 0\n[platform.linux]\nenabled = false\n\
         [configure.system.grpc]\n{grpc}\n{tables}",
        data.path().to_str().unwrap()
    );
    (Agent::bind(parse("test.toml", &text).unwrap()).await.unwrap(), data)
}

/// The leaves of the server itself: state, reason, detail, transport.
fn leaves(agent: &Agent) -> [Option<String>; 4] {
    let store = &agent.datastore.store;
    let newest = store.newest();
    let grpc = Named::new(store.schema(), &newest.tree, "state/system/grpc");
    ["oper-state", "oper-down-reason", "oper-down-detail", "oper-transport"]
        .map(|leaf| grpc.text(leaf).map(str::to_owned))
}

async fn down(keys: &str, grpc: &str, tables: &str, reason: Option<&str>, detail: &str) {
    let (agent, _data) = started(keys, grpc, tables).await;
    let said = leaves(&agent);
    assert_eq!(agent.address(), None, "{said:?}");
    let [state, given, text, transport] = said;
    assert_eq!((state.as_deref(), given.as_deref(), transport), (Some("down"), reason, None));
    assert_eq!(text.as_deref(), Some(detail));
}

/// TLS-010, TLS-012, TLS-015, TLS-027: what keeps the server down is in the state.
#[tokio::test]
async fn says_why_it_is_down() {
    let off = "/configure/system/grpc/admin-state is disable";
    down("", "", "", Some("admin-down"), off).await;
    down("", "allow-unsecure-connection = true", "", Some("admin-down"), off).await;
    let on = "admin-state = \"enable\"";
    let neither = "there is neither TLS nor /configure/system/grpc/allow-unsecure-connection";
    down("", on, "", None, neither).await;
    let flag = format!("{on}\nallow-unsecure-connection = true");
    let never = "release-profile 15.0 serves nothing without TLS";
    down("release-profile = \"15.0\"", &flag, "", None, never).await;
    let waiting = "/configure/system/grpc/delay-on-boot has not passed";
    let delay = format!("{flag}\ndelay-on-boot = 60");
    down("", &delay, "", Some("active-delay-on-boot"), waiting).await;
    let profile = "[[configure.system.security.tls.server-tls-profile]]\nserver-profile-name = \"x\"\n";
    let at = "/configure/system/security/tls/server-tls-profile[server-profile-name=x]";
    let with_profile = format!("{on}\ntls-server-profile = \"x\"");
    down("", &with_profile, profile, None, &format!("{at}/admin-state - is not enable")).await;
    // The TLS of the file does not stand in for a profile that is assigned.
    let file = format!("{profile}[tls]\nself-signed = true\n");
    down("", &with_profile, &file, None, &format!("{at}/admin-state - is not enable")).await;
}

/// TLS-008, TLS-009, TLS-011: with or without TLS, in the state.
#[tokio::test]
async fn says_how_it_is_up() {
    let flag = "admin-state = \"enable\"\nallow-unsecure-connection = true";
    let file = "[tls]\nself-signed = true\n";
    for (keys, tables, transport) in
        [("", "", "unsecure"), ("", file, "tls"), ("release-profile = \"15.0\"", file, "tls")]
    {
        let (agent, _data) = started(keys, flag, tables).await;
        let up = [Some("up".to_owned()), None, None, Some(transport.to_owned())];
        assert_eq!(leaves(&agent), up);
        assert!(agent.address().is_some());
    }
}

/// TLS-004: the port of the model unless another one is configured.
#[test]
fn the_port_is_57400() {
    let config = parse("test.toml", "").unwrap();
    let loaded = crate::schema::load(&config.yang).unwrap();
    let settings = super::Settings::of(&config);
    let wish = super::Wish::read(&settings, &config.profile, &loaded.schema, &crate::store::Tree::default());
    assert_eq!(wish.address.to_string(), "[::]:57400");
}
