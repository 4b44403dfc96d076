//! Which services there are, and which of them are served at present.
//!
//! Invariant: whoever speaks of services, be it the router, reflection or health, reads this one list, so that they
//! never disagree. Old releases have no service but gNMI (C-07).

use std::sync::Arc;

use crate::profile::Profile;
use crate::rpc::gnmi::Knobs;
use crate::store::{Store, Tree};

/// A service.
struct Service {
    /// Its full name.
    name: &'static str,
    /// Whether it manages the element. The others only tell about services.
    manages: bool,
    /// Whether the configuration has it switched on.
    enabled: fn(&Knobs, &Tree) -> bool,
}

const GNMI: Service = Service { name: "gnmi.gNMI", manages: true, enabled: Knobs::gnmi_enabled };
const TELLING: [Service; 3] = [
    Service { name: "grpc.health.v1.Health", manages: false, enabled: |_, _| true },
    Service { name: "grpc.reflection.v1.ServerReflection", manages: false, enabled: |_, _| true },
    Service { name: "grpc.reflection.v1alpha.ServerReflection", manages: false, enabled: |_, _| true },
];

/// The services of this process.
#[derive(Debug)]
pub struct Services {
    store: Arc<Store>,
    knobs: Knobs,
    profile: Profile,
}

impl Services {
    /// The services that the release has.
    pub fn new(store: Arc<Store>, profile: Profile) -> Self {
        let knobs = Knobs::new(store.schema());
        Self { store, knobs, profile }
    }

    /// Whether the release has services that tell about services.
    pub fn tell(&self) -> bool {
        self.profile.tells_services
    }

    pub(super) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Names of the services that are served now.
    pub(super) fn served(&self) -> impl Iterator<Item = &'static str> {
        let newest = self.store.newest();
        self.registered()
            .filter(move |service| (service.enabled)(&self.knobs, &newest.tree))
            .map(|service| service.name)
    }

    /// Whether a service is served by this configuration; none when there is no such service. The empty name means the
    /// server as a whole, which serves as long as anything can be managed through it.
    pub(super) fn is_served(&self, name: &str, tree: &Tree) -> Option<bool> {
        let enabled = |service: &Service| (service.enabled)(&self.knobs, tree);
        match name {
            "" => Some(self.registered().filter(|service| service.manages).any(enabled)),
            name => self.registered().find(|service| service.name == name).map(enabled),
        }
    }

    fn registered(&self) -> impl Iterator<Item = &'static Service> {
        std::iter::once(&GNMI).chain(TELLING.iter().filter(|_| self.tell()))
    }
}
