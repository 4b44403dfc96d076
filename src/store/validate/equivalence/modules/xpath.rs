//! Random paths and conditions.

use super::{Garden, Kind, NAMES, Ty};

impl Garden<'_> {
    /// Gives `when` statements to nodes.
    pub(super) fn guard(&mut self) {
        for node in 1..self.nodes.len() {
            let is_key = matches!(self.nodes[node].kind, Kind::Leaf { key: true, .. });
            if !is_key && self.may_be_guarded(node) && self.random.chance(20) {
                let context = self.data_ancestor(node);
                self.nodes[node].when = self.condition(node, context, self.nodes[node].module);
                self.nodes[node].guarded = self.nodes[node].when.is_some();
            }
        }
    }

    /// Gives `must` statements to nodes.
    pub(super) fn constrain(&mut self) {
        for node in 1..self.nodes.len() {
            if self.is_data(node) && self.random.chance(18) {
                let module = self.nodes[node].module;
                let must = self.expression(&self.readable(self.nodes.len(), module, node), node, module);
                self.nodes[node].musts.extend(must);
            }
        }
    }

    /// Whether a `when` may decide about a node. Not within a container without presence that another decides about: that
    /// is where libyang crashes.
    pub(super) fn may_be_guarded(&self, node: usize) -> bool {
        let is_guarded = |at: usize| {
            let outside = self.line(at).into_iter().rev().skip(1).take_while(|&above| !self.is_data(above));
            matches!(self.nodes[at].kind, Kind::Container { presence: false })
                && [at].into_iter().chain(outside).any(|at| self.nodes[at].guarded)
        };
        let above = self.nodes[node].parent.map_or_else(Vec::new, |parent| self.line(parent));
        !self.nodes[node].stays && !above.is_empty() && !above.into_iter().any(is_guarded)
    }

    pub(super) fn is_data(&self, node: usize) -> bool {
        !matches!(self.nodes[node].kind, Kind::Choice { .. } | Kind::Case | Kind::Uses)
    }

    /// The node itself, or the data node around a choice, case or uses.
    fn data_ancestor(&self, node: usize) -> usize {
        self.data_line(node).last().copied().unwrap_or(node)
    }

    fn data_line(&self, node: usize) -> Vec<usize> {
        self.line(node).into_iter().filter(|&at| self.is_data(at)).collect()
    }

    /// The expression of a `when`: it reads nodes before the one it decides about, which nothing else decides about.
    pub(super) fn condition(&mut self, node: usize, context: usize, module: usize) -> Option<String> {
        let mut readable = self.readable(node, module, node);
        readable.retain(|&other| other != node && !self.line(other).iter().any(|&at| self.nodes[at].guarded));
        self.expression(&readable, context, module)
    }

    /// A condition that reads some of these nodes, as seen from `context` in a text of `module`.
    pub(super) fn expression(&mut self, readable: &[usize], context: usize, module: usize) -> Option<String> {
        let simple = |garden: &mut Self| garden.comparison(readable, context, module);
        Some(match self.random.below(10) {
            0 => format!("{} or {}", simple(self)?, simple(self)?),
            1 => format!("{} and {}", simple(self)?, simple(self)?),
            2 => format!("not({})", simple(self)?),
            _ => simple(self)?,
        })
    }

    fn comparison(&mut self, readable: &[usize], context: usize, module: usize) -> Option<String> {
        let target = *self.random.pick(readable)?;
        let path = self.path(context, target, module);
        let ty = self.ty(target);
        let value = ty.as_ref().and_then(|ty| self.random.pick(ty.values()).copied());
        Some(match (self.random.below(15), value) {
            (0 | 1, _) => path,
            (2, _) => format!("not({path})"),
            (3 | 4, _) => format!("count({path}) < {}", 1 + self.random.below(3)),
            (5, _) => format!("count({path}) >= {}", self.random.below(2)),
            (6, Some(_)) if ty == Some(Ty::Small) => format!("sum({path}) <= {}", 2 + self.random.below(4)),
            (7, Some(_)) if ty == Some(Ty::Identity) => format!("derived-from-or-self({path}, 'ma:red')"),
            (7, Some(value)) => format!("starts-with({path}, '{value}') or string-length({path}) = 0"),
            (8, Some(_)) => {
                let other = *self.random.pick(readable)?;
                format!("{path} = {}", self.path(context, other, module))
            }
            (9, Some(_)) if matches!(ty, Some(Ty::Ref(_, false))) => format!("deref({path}) != 'a'"),
            (10, Some(value)) => {
                let other = *self.random.pick(readable)?;
                format!("({path} | {}) = '{value}'", self.path(context, other, module))
            }
            (11, Some(value)) => format!("not({path} != '{value}')"),
            (_, Some(value)) => format!("{path} = '{value}'"),
            (_, None) => format!("boolean({path})"),
        })
    }

    fn ty(&self, node: usize) -> Option<Ty> {
        match &self.nodes[node].kind {
            Kind::Leaf { ty, .. } | Kind::LeafList { ty, .. } => Some(ty.clone()),
            _ => None,
        }
    }

    /// The nodes to read: before the limit, of a module that can be named, and not around the reader.
    pub(super) fn readable(&self, limit: usize, module: usize, own: usize) -> Vec<usize> {
        let around = if own < self.nodes.len() { self.line(own) } else { Vec::new() };
        (0..limit.min(self.nodes.len()))
            .filter(|&node| self.is_data(node) && self.nodes[node].parent.is_some())
            .filter(|&node| self.nodes[node].module == 0 || self.nodes[node].module == module)
            .filter(|node| *node == own || !around.contains(node))
            .filter(|&node| !self.comes_and_goes(node))
            .collect()
    }

    /// A container without presence that is there with its case or `when` alone: the mirror has it once anything is in it.
    fn comes_and_goes(&self, node: usize) -> bool {
        let depends = |at: &usize| self.nodes[*at].guarded || matches!(self.nodes[*at].kind, Kind::Case);
        matches!(self.nodes[node].kind, Kind::Container { presence: false }) && self.line(node).iter().any(depends)
    }

    /// A path of XPath from one node to another.
    fn path(&mut self, from: usize, to: usize, module: usize) -> String {
        let (from, to) = (self.data_line(from), self.data_line(to));
        let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
        if common == to.len() && common == from.len() {
            return ".".into();
        }
        let absolute = self.random.chance(20);
        let (mut steps, down) = if absolute {
            (vec![String::new()], &to[..])
        } else {
            (vec!["..".to_owned(); from.len() - common], &to[common..])
        };
        for &node in down {
            let mut step = self.name(node, module);
            if matches!(self.nodes[node].kind, Kind::List { .. }) && self.random.chance(25) {
                let key = self.children(node).first().copied().map(|key| self.name(key, module)).unwrap_or_default();
                let value = self.random.pick(&["a", "b"]).copied().unwrap_or_default();
                step.push_str(&format!("[{key} = '{value}']"));
            }
            steps.push(step);
        }
        if steps.is_empty() { ".".into() } else { steps.join("/") }
    }

    /// The path of a leafref: no predicates but `[key = current()/../leaf]`.
    pub(super) fn leafref_path(&mut self, from: usize, to: usize) -> String {
        let module = self.nodes[from].module;
        let (from, to) = (self.data_line(from), self.data_line(to));
        let common = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
        let absolute = self.random.chance(30);
        let (mut steps, down) = if absolute {
            (vec![String::new()], &to[..])
        } else {
            (vec!["..".to_owned(); from.len() - common], &to[common..])
        };
        let around = from.len().checked_sub(2).and_then(|above| from.get(above)).copied();
        for &node in down {
            let mut step = self.name(node, module);
            let keys: Vec<usize> = self
                .children(node)
                .into_iter()
                .filter(|&child| matches!(self.nodes[child].kind, Kind::Leaf { key: true, .. }))
                .collect();
            if let (Kind::List { .. }, [key], Some(around)) = (&self.nodes[node].kind, &keys[..], around)
                && self.random.chance(35)
            {
                let siblings: Vec<usize> = self
                    .children(around)
                    .into_iter()
                    .filter(|&child| Some(&child) != from.last() && !to.contains(&child))
                    .filter(|&child| matches!(&self.nodes[child].kind, Kind::Leaf { ty, .. } if *ty != Ty::Empty))
                    .collect();
                if let Some(&other) = self.random.pick(&siblings) {
                    let (key, other) = (self.name(*key, module), self.name(other, module));
                    step.push_str(&format!("[{key} = current()/../{other}]"));
                }
            }
            steps.push(step);
        }
        steps.join("/")
    }

    fn name(&mut self, node: usize, module: usize) -> String {
        let Self { random, nodes } = self;
        let node = &nodes[node];
        if node.module == module && random.chance(50) {
            node.name.clone()
        } else {
            format!("{}:{}", NAMES[node.module], node.name)
        }
    }
}
