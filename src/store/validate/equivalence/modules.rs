//! Random YANG modules: a module with every kind of constraint, one that augments it, one that deviates it.
//!
//! A `when` reads only nodes that come before its own in the text and that no other `when` decides about: libyang 5 does
//! not tell such chains right where defaults are on the way, and crashes on some.

use std::fmt::Write;

use super::random::Random;

/// The module, the one that augments it, the one that deviates it: names are also prefixes.
pub(super) const NAMES: [&str; 3] = ["ma", "mb", "mc"];

/// A node on its way into a text.
#[derive(Clone, Debug)]
struct Node {
    name: String,
    /// Index in [`NAMES`].
    module: usize,
    kind: Kind,
    parent: Option<usize>,
    when: Option<String>,
    musts: Vec<String>,
    /// No `when` decides about it: libyang's own check of `unique` crashes on a leaf with a default that is not there.
    stays: bool,
    /// A `when` of its own or of the augment that it comes by decides about it.
    guarded: bool,
}

#[derive(Clone, Debug)]
enum Kind {
    Container { presence: bool },
    List { ordered: bool, min: usize, max: usize, unique: String },
    Leaf { ty: Ty, key: bool, mandatory: bool, default: Option<&'static str> },
    LeafList { ty: Ty, ordered: bool, min: usize, max: usize, defaults: Vec<&'static str> },
    Choice { mandatory: bool, default: Option<usize> },
    Case,
    Uses,
}

#[derive(Clone, Debug, PartialEq)]
enum Ty {
    Small,
    Word,
    Text,
    Bool,
    Empty,
    Identity,
    /// Path of a leafref and whether it stands in a union.
    Ref(String, bool),
}

impl Ty {
    /// Values to compare with and to have by default.
    fn values(&self) -> &'static [&'static str] {
        match self {
            Self::Small => &["0", "1", "2", "3"],
            Self::Word | Self::Text => &["a", "b", "c"],
            Self::Bool => &["true", "false"],
            Self::Empty => &[""],
            Self::Identity => &["ma:red", "ma:dark"],
            Self::Ref(..) => &["a", "b", "1", "2"],
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Small => "type uint8 { range \"0..3\"; }".into(),
            Self::Word => "type enumeration { enum a; enum b; enum c; }".into(),
            Self::Text => "type string;".into(),
            Self::Bool => "type boolean;".into(),
            Self::Empty => "type empty;".into(),
            Self::Identity => "type identityref { base ma:colour; }".into(),
            Self::Ref(path, false) => format!("type leafref {{ path \"{path}\"; }}"),
            Self::Ref(path, true) => {
                format!("type union {{ type leafref {{ path \"{path}\"; }} type uint8 {{ range \"0..1\"; }} }}")
            }
        }
    }
}

/// The three modules of a seed, as name and text.
pub(super) fn modules(random: &mut Random) -> Vec<(&'static str, String)> {
    let mut garden = Garden { random, nodes: Vec::new() };
    let presence = garden.random.chance(80);
    let top = garden.add(None, 0, "top", Kind::Container { presence });
    garden.grow(top, 0, 0);
    if garden.random.chance(40) {
        let other = garden.add(None, 0, "other", Kind::Container { presence: true });
        garden.grow(other, 0, 1);
    }
    let mut augments = Vec::new();
    for _ in 0..garden.random.below(3) {
        augments.extend(garden.augment());
    }
    garden.guard();
    for (at, children, when) in &mut augments {
        let nested = |garden: &Garden<'_>, node: usize| {
            let around = children.iter().any(|child| garden.line(node).contains(child) && node != *child);
            around && garden.nodes[node].guarded
        };
        let is_free = !(0..garden.nodes.len()).any(|node| nested(&garden, node))
            && children.iter().all(|&child| garden.may_be_guarded(child));
        if is_free && garden.random.chance(50) {
            *when = garden.condition(children.first().copied().unwrap_or(0), *at, 1);
        }
        children.iter().filter(|_| when.is_some()).for_each(|&child| garden.nodes[child].guarded = true);
    }
    garden.constrain();
    let mut texts = [String::new(), String::new(), String::new()];
    let roots: Vec<usize> = (0..garden.nodes.len()).filter(|&node| garden.nodes[node].parent.is_none()).collect();
    roots.into_iter().for_each(|root| garden.print(root, 0, &mut texts[0]));
    for (at, children, when) in augments {
        let path = garden.schema_path(at);
        let mut body = String::new();
        children.iter().for_each(|&child| garden.print(child, 1, &mut body));
        let when = when.map(|when| format!("when \"{when}\"; ")).unwrap_or_default();
        let _ = writeln!(texts[1], "augment \"{path}\" {{ {when}\n{body}}}");
    }
    for _ in 0..garden.random.below(3) {
        let text = garden.deviation();
        texts[2].push_str(&text);
    }
    let groupings = garden.groupings();
    let heads = [
        format!("identity colour; identity red {{ base colour; }} identity dark {{ base red; }}\n{groupings}"),
        "import ma { prefix ma; }\n".to_owned(),
        "import ma { prefix ma; }\n".to_owned(),
    ];
    let module = |((name, head), body): ((&&'static str, String), String)| {
        (*name, format!("module {name} {{ yang-version 1.1; namespace urn:{name}; prefix {name};\n{head}{body}}}\n"))
    };
    NAMES.iter().zip(heads).zip(texts).map(module).collect()
}

/// Nodes so far, in the order of the text.
struct Garden<'r> {
    random: &'r mut Random,
    nodes: Vec<Node>,
}

/// Children that augment a node, with the condition they share.
type Augment = (usize, Vec<usize>, Option<String>);

impl Garden<'_> {
    fn add(&mut self, parent: Option<usize>, module: usize, stem: &str, kind: Kind) -> usize {
        let name = format!("{stem}{}", self.nodes.len());
        self.nodes.push(Node {
            name,
            module,
            kind,
            parent,
            when: None,
            musts: Vec::new(),
            stays: false,
            guarded: false,
        });
        self.nodes.len() - 1
    }

    fn children(&self, of: usize) -> Vec<usize> {
        (0..self.nodes.len()).filter(|&index| self.nodes[index].parent == Some(of)).collect()
    }

    /// Puts some children into a node.
    fn grow(&mut self, parent: usize, module: usize, depth: usize) {
        let wanted = if depth == 0 { 3 + self.random.below(4) } else { 1 + self.random.below(3) };
        for _ in 0..wanted {
            if self.nodes.len() < 26 {
                self.child(parent, module, depth + 1);
            }
        }
    }

    fn child(&mut self, parent: usize, module: usize, depth: usize) {
        let kind = match (self.random.below(12), depth) {
            (0 | 1, ..4) => return self.container(parent, module, depth),
            (2..=4, ..4) => return self.list(parent, module, depth),
            (5, ..4) if !self.is_in_case(parent) => return self.choice(parent, module, depth),
            (6, ..4) if module == 0 => {
                let uses = self.add(Some(parent), module, "u", Kind::Uses);
                return self.grow(uses, module, depth);
            }
            (7, _) => self.leaf_list(),
            _ => self.leaf(),
        };
        let node = self.add(Some(parent), module, "n", kind);
        self.refer(node);
    }

    fn leaf(&mut self) -> Kind {
        let all = [Ty::Small, Ty::Small, Ty::Word, Ty::Text, Ty::Bool, Ty::Empty, Ty::Identity];
        let ty = self.random.pick(&all).cloned().unwrap_or(Ty::Text);
        let mandatory = self.random.chance(12);
        let default = self.random.chance(35).then(|| self.random.pick(ty.values()).copied()).flatten();
        let default = default.filter(|_| !mandatory && ty != Ty::Empty);
        Kind::Leaf { ty, key: false, mandatory, default }
    }

    fn leaf_list(&mut self) -> Kind {
        let ty = self.random.pick(&[Ty::Small, Ty::Text]).cloned().unwrap_or(Ty::Text);
        let (ordered, min) = (self.random.chance(30), if self.random.chance(20) { 1 } else { 0 });
        let max = if self.random.chance(30) { 2 } else { 0 };
        let defaults =
            if min == 0 && self.random.chance(25) { self.random.some(&ty.values()[..2], 60) } else { vec![] };
        Kind::LeafList { ty, ordered, min, max, defaults }
    }

    fn container(&mut self, parent: usize, module: usize, depth: usize) {
        let presence = self.random.chance(25);
        let node = self.add(Some(parent), module, "c", Kind::Container { presence });
        self.grow(node, module, depth);
    }

    fn list(&mut self, parent: usize, module: usize, depth: usize) {
        let (ordered, min) = (self.random.chance(15), if self.random.chance(12) { 1 } else { 0 });
        let max = if self.random.chance(20) { 2 } else { 0 };
        let node = self.add(Some(parent), module, "l", Kind::List { ordered, min, max, unique: String::new() });
        for ty in [Ty::Text, Ty::Small].into_iter().take(if self.random.chance(20) { 2 } else { 1 }) {
            self.add(Some(node), module, "k", Kind::Leaf { ty, key: true, mandatory: false, default: None });
        }
        self.grow(node, module, depth);
        if self.random.chance(35) {
            let found = self.unique(node);
            if let Kind::List { unique, .. } = &mut self.nodes[node].kind {
                *unique = found;
            }
        }
    }

    /// One or two leaves of an entry, directly or in a container, as a `unique` argument.
    fn unique(&mut self, list: usize) -> String {
        let leaves = |of: usize| {
            let mut found = self.children(of);
            found.retain(
                |&node| matches!(&self.nodes[node].kind, Kind::Leaf { ty, key: false, .. } if *ty != Ty::Empty),
            );
            found
        };
        let name = |node: usize| &*self.nodes[node].name;
        let direct: Vec<String> = leaves(list).into_iter().map(|leaf| name(leaf).to_owned()).collect();
        let mut containers = self.children(list);
        containers.retain(|&child| matches!(self.nodes[child].kind, Kind::Container { .. }));
        let deep: Vec<String> = containers
            .into_iter()
            .flat_map(|around| leaves(around).into_iter().map(move |leaf| (around, leaf)))
            .map(|(around, leaf)| format!("{}/{}", name(around), name(leaf)))
            .collect();
        let all: Vec<String> = direct.into_iter().chain(deep).collect();
        let mut chosen = self.random.some(&all, 60);
        chosen.truncate(2);
        for node in chosen.iter().flat_map(|path| path.split('/')) {
            let Some(found) = self.nodes.iter().position(|known| known.name == node) else { continue };
            let around = self.nodes[found].parent.filter(|&around| around != list);
            let presence = around.is_some_and(|at| matches!(self.nodes[at].kind, Kind::Container { presence: true }));
            match &mut self.nodes[found].kind {
                Kind::Leaf { default, .. } if presence => *default = None,
                _ => self.nodes[found].stays = true,
            }
        }
        chosen.join(" ")
    }

    fn choice(&mut self, parent: usize, module: usize, depth: usize) {
        let mandatory = self.random.chance(25);
        let node = self.add(Some(parent), module, "x", Kind::Choice { mandatory, default: None });
        let mut cases = Vec::new();
        for _ in 0..2 + self.random.below(2) {
            let case = self.add(Some(node), module, "y", Kind::Case);
            // A choice in a case stands alone: libyang leaves out the defaults beside it.
            if self.random.chance(20) && depth < 3 {
                self.choice(case, module, depth + 1);
            } else {
                self.grow(case, module, depth + 1);
            }
            if self.children(case).is_empty() {
                let leaf = self.leaf();
                self.add(Some(case), module, "n", leaf);
            }
            cases.push(case);
        }
        if !mandatory && self.random.chance(50) {
            let chosen = self.random.pick(&cases).copied();
            self.soften(chosen);
            if let Kind::Choice { default, .. } = &mut self.nodes[node].kind {
                *default = chosen;
            }
        }
    }

    fn is_choice_in_case(&self, node: usize) -> bool {
        matches!(self.nodes[node].kind, Kind::Choice { .. })
            && self.nodes[node].parent.is_some_and(|parent| matches!(self.nodes[parent].kind, Kind::Case))
    }

    fn is_in_case(&self, parent: usize) -> bool {
        let inner = self.line(parent).into_iter().rev().find(|&at| !matches!(self.nodes[at].kind, Kind::Uses));
        inner.is_some_and(|at| matches!(self.nodes[at].kind, Kind::Case))
    }

    /// A default case has nothing mandatory in it (RFC 7950 7.9.3).
    fn soften(&mut self, case: Option<usize>) {
        let Some(case) = case else { return };
        for node in case..self.nodes.len() {
            if self.line(node).contains(&case) {
                match &mut self.nodes[node].kind {
                    Kind::Leaf { mandatory, .. } | Kind::Choice { mandatory, .. } => *mandatory = false,
                    Kind::List { min, .. } | Kind::LeafList { min, .. } => *min = 0,
                    _ => {}
                }
            }
        }
    }

    /// Makes some leaves refer to one that stands before them.
    fn refer(&mut self, node: usize) {
        if !self.random.chance(25) {
            return;
        }
        let is_target = |index: &usize| match &self.nodes[*index].kind {
            Kind::Leaf { ty, .. } | Kind::LeafList { ty, .. } => matches!(ty, Ty::Small | Ty::Text | Ty::Word),
            _ => false,
        };
        let targets: Vec<usize> = (0..node).filter(is_target).collect();
        let Some(&target) = self.random.pick(&targets) else { return };
        let union = self.random.chance(25);
        let path = self.leafref_path(node, target);
        match &mut self.nodes[node].kind {
            Kind::Leaf { ty, default, .. } => {
                *ty = Ty::Ref(path, union);
                *default = None;
            }
            Kind::LeafList { ty, defaults, .. } => {
                *ty = Ty::Ref(path, union);
                defaults.clear();
            }
            _ => {}
        }
    }

    /// Adds nodes of the second module below a node of the first.
    fn augment(&mut self) -> Option<Augment> {
        let open: Vec<usize> = (0..self.nodes.len())
            .filter(|&index| self.nodes[index].module == 0)
            .filter(|&index| matches!(self.nodes[index].kind, Kind::Container { .. } | Kind::List { .. } | Kind::Case))
            .filter(|&index| !self.children(index).iter().any(|&child| self.is_choice_in_case(child)))
            .filter(|&index| !self.line(index).iter().any(|&above| self.nodes[above].parent.is_none() && above != 0))
            .collect();
        let at = *self.random.pick(&open)?;
        let start = self.nodes.len();
        for _ in 0..1 + self.random.below(3) {
            self.child(at, 1, 3);
        }
        // What is added to the nodes of another module must not be mandatory.
        for node in &mut self.nodes[start..] {
            match &mut node.kind {
                Kind::Leaf { mandatory, .. } | Kind::Choice { mandatory, .. } => *mandatory = false,
                Kind::List { min, .. } | Kind::LeafList { min, .. } => *min = 0,
                _ => {}
            }
        }
        let children = (start..self.nodes.len()).filter(|&node| self.nodes[node].parent == Some(at)).collect();
        Some((at, children, None))
    }

    /// From the top down to a node, choices and the like included.
    fn line(&self, node: usize) -> Vec<usize> {
        let mut line: Vec<usize> = std::iter::successors(Some(node), |&at| self.nodes[at].parent).collect();
        line.reverse();
        line
    }
}

mod print;
mod xpath;
