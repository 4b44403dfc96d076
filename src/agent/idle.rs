//! Configuration about safety that a router acts on and this element does not.
//!
//! Invariant: the model is that of the router, so such a leaf is taken, kept and given back; whoever sets one finds a line
//! in the log that says so, with the reason, so that nobody relies on a protection that is not there. A line is said when
//! its leaf comes to be set, not with each commit. What is at its default needs no line.

use std::ops::ControlFlow;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::path::{Pattern, RawPath, Resolver, Views};
use crate::schema::Schema;
use crate::store::{Cursor, Leaf, Store, Tree};

/// Below which path, and with which value when only that one does nothing.
type What = (&'static str, Option<&'static str>);

/// What does nothing, by the reason; paths from /configure/system/security.
const IDLE: [(&str, &[What]); 10] = [
    ("nobody is asked over LDAP", &[("aaa/remote-servers/ldap", None)]),
    ("an RPC cannot answer a challenge", &[("aaa/remote-servers/radius/interactive-authentication", Some("true"))]),
    (
        "there is one routing instance",
        &[("aaa/remote-servers/radius/route-preference", None), ("aaa/remote-servers/tacplus/route-preference", None)],
    ),
    (
        "the server is not asked for it",
        &[("aaa/remote-servers/tacplus/admin-control", None), ("aaa/remote-servers/tacplus/service-request", None)],
    ),
    (
        "there is no CLI, FTP, SSH or NETCONF to log in to",
        &[
            ("aaa/cli-session-group", None),
            ("aaa/local-profiles/profile/cli-session-group", None),
            ("aaa/local-profiles/profile/combined-max-sessions", None),
            ("aaa/local-profiles/profile/ssh-max-sessions", None),
            ("aaa/local-profiles/profile/telnet-max-sessions", None),
            ("aaa/local-profiles/profile/netconf", None),
            ("aaa/user-template/access/netconf", Some("true")),
            ("aaa/user-template/console", None),
            ("aaa/user-template/home-directory", None),
            ("user-params/local-user/user/access/netconf", Some("true")),
            ("user-params/local-user/user/access/ftp", Some("true")),
            ("user-params/local-user/user/access/snmp", Some("true")),
            ("user-params/local-user/user/console/cannot-change-password", None),
            ("user-params/local-user/user/console/login-exec", None),
            ("user-params/local-user/user/console/new-password-at-login", None),
            ("user-params/local-user/user/home-directory", None),
            ("user-params/local-user/user/public-keys", None),
            ("user-params/local-user/user/ssh-authentication-method", None),
        ],
    ),
    (
        "passwords are taken as they come and kept as Argon2id",
        &[("user-params/local-user/password", None), ("hash-control", None)],
    ),
    (
        "nobody is asked over OCSP, so the status stays unknown",
        &[
            ("pki/ca-profile/ocsp", None),
            ("tls/server-tls-profile/status-verify/ee-revocation/primary", Some("ocsp")),
            ("tls/server-tls-profile/status-verify/ee-revocation/secondary", Some("ocsp")),
            ("tls/client-tls-profile/status-verify/ee-revocation/primary", Some("ocsp")),
            ("tls/client-tls-profile/status-verify/ee-revocation/secondary", Some("ocsp")),
        ],
    ),
    (
        "revocation lists are not fetched; a new file is read when it is there",
        &[("pki/ca-profile/auto-crl-update/admin-state", Some("enable"))],
    ),
    ("sessions keep the keys they were opened with", &[("tls/server-tls-profile/tls-re-negotiate-timer", None)]),
    (
        "certificate files are read as they are, and authorities not learned from peers",
        &[
            ("pki/certificate-display-format", None),
            ("pki/dynamic-ca", Some("true")),
            ("pki/imported-format", Some("secure")),
        ],
    ),
];

/// One path that does nothing.
#[derive(Debug)]
struct Row {
    path: &'static str,
    only: Option<&'static str>,
    why: &'static str,
    patterns: Vec<Pattern>,
    /// Whether it was set when looked at last.
    set: bool,
}

/// All of them.
#[derive(Debug)]
struct Idle(Vec<Row>);

impl Idle {
    /// Those that the schema has; nothing is known to be set.
    fn new(schema: &Schema) -> Self {
        let resolver = Resolver { schema, views: Views::ALL, name_wildcards: false };
        let row = |why, (path, only): What| {
            let raw = RawPath::parse(&format!("/configure/system/security/{path}")).ok()?;
            Some(Row { path, only, why, patterns: resolver.read(&raw).ok()?, set: false })
        };
        let rows = IDLE.iter().flat_map(|&(why, rows)| rows.iter().filter_map(move |&what| row(why, what)));
        Self(rows.collect())
    }

    /// A line for each that is set and was not before.
    fn look(&mut self, tree: &Tree) -> Vec<String> {
        let mut lines = Vec::new();
        for row in &mut self.0 {
            let before = std::mem::replace(&mut row.set, is_set(tree, &row.patterns, row.only));
            if row.set && !before {
                let (path, why) = (row.path, row.why);
                lines.push(format!("/configure/system/security/{path} is kept and has no effect: {why}"));
            }
        }
        lines
    }
}

fn is_set(tree: &Tree, patterns: &[Pattern], only: Option<&str>) -> bool {
    let counts = |leaf: &Leaf| !leaf.is_default() && only.is_none_or(|only| leaf.value.to_string() == only);
    patterns.iter().any(|pattern| {
        let mut found = false;
        let mut pause = || ControlFlow::Continue(());
        Cursor::new().read(tree, pattern, &mut |_, _, leaf| found |= counts(leaf), &mut pause);
        found
    })
}

/// Tells what is set and does nothing, until `stop`.
pub(super) async fn watch(store: &Arc<Store>, stop: &CancellationToken) {
    let mut commits = store.watch_configuration();
    let mut idle = Idle::new(store.schema());
    loop {
        let newest = commits.borrow_and_update().clone();
        idle.look(&newest.tree).iter().for_each(|line| tracing::warn!("{line}"));
        tokio::select! {
            () = stop.cancelled() => return,
            changed = commits.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Sources, load};
    use crate::store::Branch;
    use crate::time::Timestamp;
    use crate::value::Value;

    #[test]
    fn tells_once_what_does_nothing() {
        let loaded = load(&Sources::default()).unwrap();
        let schema = &loaded.schema;
        let mut idle = Idle::new(schema);
        let rows: usize = IDLE.iter().map(|(_, rows)| rows.len()).sum();
        assert_eq!(idle.0.len(), rows, "each names a node of the model");
        let tree = |format: &str| {
            let resolver = Resolver { schema, views: Views::ALL, name_wildcards: false };
            let raw = RawPath::parse("/configure/system/security/pki").unwrap();
            let path = resolver.write(&raw).unwrap();
            let mut tree = Tree::of(Branch::default());
            let leaf = schema.child(path.node(), None, "imported-format").unwrap();
            let value = Leaf::new(Value::Enum(format.into()), Timestamp::default());
            tree.branch_mut(schema, path.steps(), Timestamp::default()).put_leaf(leaf, value);
            tree
        };
        assert_eq!(idle.look(&tree("any")), [""; 0], "only the other value does nothing");
        let lines = idle.look(&tree("secure"));
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("/configure/system/security/pki/imported-format is kept"), "{lines:?}");
        assert!(idle.look(&tree("secure")).is_empty(), "it has been said");
        assert!(idle.look(&Tree::default()).is_empty());
        assert_eq!(idle.look(&tree("secure")).len(), 1, "set again");
    }
}
