//! What the simulated element reads of configuration.
//!
//! Invariant: only what differs between two trees is looked at, so a tree that differs in the state of other objects
//! costs next to nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::path::{DataPath, KeyMatch, Pattern, PatternStep, Step};
use crate::platform::map::{Datum, Gaps, Place, entry, nokia};
use crate::schema::{Kind, NodeId, Schema};
use crate::store::{Tree, diff};
use crate::value::{Text, Value};

/// Port-ids and interface names whose configuration differs.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changes {
    pub(super) ports: BTreeSet<Text>,
    pub(super) interfaces: BTreeSet<Text>,
}

/// The nodes read, each as its place with keys left open, and the tree last looked at.
pub(super) struct Config {
    schema: Arc<Schema>,
    port_admin: Option<Place>,
    interface: Option<Place>,
    interface_admin: Option<Place>,
    interface_port: Option<Place>,
    openconfig_enabled: Option<Place>,
    state_index: Option<Place>,
    patterns: Vec<(What, Pattern)>,
    known: Tree,
}

/// What a pattern watches; its last list key names which.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Port,
    Interface,
}

impl Config {
    /// Looks the nodes up. One that the schema lacks switches nothing.
    pub(super) fn new(schema: &Arc<Schema>) -> Self {
        let mut unreported = Gaps::default();
        let mut find = |path: &str| Place::find(schema, path, &mut unreported);
        let port_admin = find("nokia-conf:configure/port/admin-state");
        let interface = find("nokia-conf:configure/router/interface");
        let interface_admin = find("nokia-conf:configure/router/interface/admin-state");
        let interface_port = find("nokia-conf:configure/router/interface/port");
        let openconfig_enabled = find("openconfig-interfaces:interfaces/interface/config/enabled");
        let state_index = find("nokia-state:state/router/interface/if-index");
        let patterns =
            [(What::Port, &port_admin), (What::Interface, &interface), (What::Interface, &openconfig_enabled)];
        let patterns = patterns
            .into_iter()
            .filter_map(|(what, place)| Some((what, pattern(schema, place.as_ref()?.nodes()))))
            .collect();
        Self {
            schema: schema.clone(),
            port_admin,
            interface,
            interface_admin,
            interface_port,
            openconfig_enabled,
            state_index,
            patterns,
            known: Tree::default(),
        }
    }

    /// What differs from the tree last looked at.
    pub(super) fn changes(&mut self, schema: &Schema, tree: &Tree) -> Changes {
        let mut changes = Changes::default();
        for (what, pattern) in &self.patterns {
            let names = match what {
                What::Port => &mut changes.ports,
                What::Interface => &mut changes.interfaces,
            };
            diff(schema, &self.known, tree, pattern, &mut |steps, _| {
                let named = steps.iter().take(pattern.steps().len()).rev().find_map(|step| step.key.as_ref());
                if let Some(Value::Text(name)) = named.and_then(|key| key.last()) {
                    names.insert(name.clone());
                }
            });
        }
        self.known = tree.clone();
        changes
    }

    /// Takes a tree as looked at.
    pub(super) fn skip(&mut self, tree: &Tree) {
        self.known = tree.clone();
    }

    /// Whether `/configure/port[port-id]/admin-state` is `disable`.
    pub(super) fn disables_port(&self, tree: &Tree, port_id: &Text) -> bool {
        let value = self.value(tree, &self.port_admin, &[Datum::Shared(port_id)]);
        value.is_some_and(|value| value.as_text() == Some("disable"))
    }

    /// Whether the interface of the Base router is switched off.
    pub(super) fn disables_interface(&self, tree: &Tree, name: &Text) -> bool {
        let value = self.value(tree, &self.interface_admin, &[Datum::word(nokia::ROUTER), Datum::Shared(name)]);
        value.is_some_and(|value| value.as_text() == Some("disable"))
    }

    /// Whether the OpenConfig interface is switched off.
    pub(super) fn disables_openconfig(&self, tree: &Tree, name: &Text) -> bool {
        self.value(tree, &self.openconfig_enabled, &[Datum::Shared(name)]) == Some(Value::Bool(false))
    }

    /// Whether the interface is configured on the Base router.
    pub(super) fn has_interface(&self, tree: &Tree, name: &Text) -> bool {
        let keys = [Datum::word(nokia::ROUTER), Datum::Shared(name)];
        self.path(&self.interface, &keys).is_some_and(|path| tree.exists(&path))
    }

    /// The port that the interface is bound to, without encapsulation.
    pub(super) fn bound_port(&self, tree: &Tree, name: &Text) -> Option<Text> {
        let value = self.value(tree, &self.interface_port, &[Datum::word(nokia::ROUTER), Datum::Shared(name)])?;
        let port = value.as_text()?;
        Some(port.split_once(':').map_or(port, |(port, _)| port).into())
    }

    /// The interface index that the state of the interface shows, whoever wrote it.
    pub(super) fn state_index(&self, tree: &Tree, name: &Text) -> Option<u64> {
        match self.value(tree, &self.state_index, &[Datum::word(nokia::ROUTER), Datum::Shared(name)])? {
            Value::Int(index) => u64::try_from(index).ok(),
            Value::Uint(index) => Some(index.into()),
            _ => None,
        }
    }

    fn path(&self, place: &Option<Place>, keys: &[Datum<'_>]) -> Option<DataPath> {
        place.as_ref()?.at(&self.schema, keys)
    }

    fn value(&self, tree: &Tree, place: &Option<Place>, keys: &[Datum<'_>]) -> Option<Value> {
        Some(tree.leaf(self.path(place, keys)?.steps())?.value.clone())
    }
}

/// All objects at a place.
fn pattern(schema: &Schema, nodes: &[NodeId]) -> Pattern {
    let router = Datum::word(nokia::ROUTER);
    let step = |&node: &NodeId| {
        let keys = match &schema.node(node).kind {
            Kind::List(_) if *schema.node(node).name == *"router" => base_router(schema, node, &router),
            Kind::List(_) => KeyMatch::All,
            _ => KeyMatch::NotList,
        };
        PatternStep { node, keys }
    };
    Pattern::new(nodes.iter().map(step).collect::<Vec<_>>())
}

/// Only interfaces of the Base router are followed.
fn base_router(schema: &Schema, list: NodeId, name: &Datum<'_>) -> KeyMatch {
    match entry(schema, list, std::slice::from_ref(name)) {
        Some(Step { key: Some(key), .. }) => KeyMatch::Exact(key),
        _ => KeyMatch::All,
    }
}
