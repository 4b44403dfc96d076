//! Routes. Those found are ours, all of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Hop, Plan, Step, Task, no_link};
use crate::platform::linux::apply::found::{Found, FoundRoute};
use crate::platform::linux::apply::wanted::{RouteKey, Wanted, WantedRoute};
use crate::value::Text;

impl Plan {
    pub(super) fn routes(&mut self, wanted: &Wanted, found: &Found) {
        let wishes: BTreeMap<RouteKey, (&WantedRoute, Option<Vec<Hop>>)> =
            wanted.routes.iter().map(|(key, route)| (*key, (route, self.hops(route, found)))).collect();
        let mut agreed: BTreeSet<RouteKey> = BTreeSet::new();
        let mut others: Vec<&FoundRoute> = Vec::new();
        for route in &found.routes {
            let agrees = wishes.get(&route.key).is_some_and(|(wish, hops)| {
                route.kind == Some(wish.kind) && hops.as_ref().is_some_and(|hops| same(hops, &route.hops))
            });
            if !agrees || !agreed.insert(route.key) {
                others.push(route);
            }
        }
        let mut replaced: BTreeSet<RouteKey> = BTreeSet::new();
        for route in others {
            let wish = wishes.get(&route.key);
            // One that only differs is replaced, without a moment in which there is none.
            let differs = !agreed.contains(&route.key) && wish.is_some_and(|(_, hops)| hops.is_some());
            if !differs || !replaced.insert(route.key) {
                let path = wish.map_or_else(|| remains(&route.key), |(wish, _)| wish.path.clone());
                let step = Step::RemoveRoute(route.clone());
                self.tasks.push(Task { path, step, claim: None, release: None });
            }
        }
        for (key, (wish, hops)) in wishes {
            let Some(hops) = hops.filter(|_| !agreed.contains(&key)) else { continue };
            let step = Step::AddRoute { key, kind: wish.kind, hops, replace: replaced.contains(&key) };
            self.tasks.push(Task { path: wish.path.clone(), step, claim: None, release: None });
        }
    }

    /// The hops of a route that can be used now. A gateway that is on no network of this machine would make the kernel
    /// refuse the others with it; one that stands alone is left to the kernel to judge. None when nothing is left.
    fn hops(&mut self, route: &WantedRoute, found: &Found) -> Option<Vec<Hop>> {
        let shared = route.hops.len() > 1;
        let mut hops = Vec::new();
        for wish in &route.hops {
            let link = match wish.value.link.as_ref().map(|name| (name, found.links.get(name))) {
                None => None,
                Some((_, Some(link))) => Some(link.index),
                Some((name, None)) => {
                    self.refuse(&wish.path, no_link(name));
                    continue;
                }
            };
            match wish.value.gateway {
                Some(gateway) if shared && !found.reaches(gateway) => {
                    self.refuse(&wish.path, format!("{gateway} is on no network of this machine that is up"));
                }
                gateway => hops.push((gateway, link)),
            }
        }
        (!hops.is_empty() || route.hops.is_empty()).then_some(hops)
    }
}

/// Whether the kernel has these hops, in any order. It names the link also where only the gateway was given.
fn same(asked: &[Hop], there: &[Hop]) -> bool {
    let fits = |asked: &Hop, there: &Hop| asked.0 == there.0 && (asked.1.is_none() || asked.1 == there.1);
    asked.len() == there.len()
        && asked.iter().all(|asked| there.iter().any(|there| fits(asked, there)))
        && there.iter().all(|there| asked.iter().any(|asked| fits(asked, there)))
}

/// What a route of ours is called that nothing asks for any more.
fn remains(key: &RouteKey) -> Text {
    let prefix = format!("{}/{}", key.destination, key.prefix_length);
    format!("/configure/router[router-name=Base]/static-routes/route[ip-prefix={prefix}][route-type=unicast]").into()
}
