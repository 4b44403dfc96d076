//! From libyang's compiled schema to the arena.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use yang5::context::Context;

use super::LoadError;
use crate::schema::libyang::{self, CompiledType, IdentityView, NodeKind, SchemaNode, TypeView};
use crate::schema::{
    CaseRef, Input, Kind, LeafInfo, LeafListInfo, ListInfo, Module, ModuleId, Node, NodeId, Range, Rule, Schema,
    TextPattern, Type, mixed,
};
use crate::value::{Identity, Text, Value};

/// Builds the arena: first every node without its type, then the types, which may point to any node.
pub(super) fn schema(context: &Context) -> Result<Schema, LoadError> {
    let mut modules: Vec<_> = libyang::modules(context).collect();
    modules.sort_by_key(|module| module.name());
    let mut builder = Builder::default();
    for module in &modules {
        let id = ModuleId(u16::try_from(builder.modules.len()).map_err(|_| too_many(module.name()))?);
        builder.module_ids.insert(module.name().to_owned(), id);
        builder.modules.push(Module {
            name: builder.names.intern(module.name()),
            namespace: module.namespace().into(),
            revision: module.revision().map(Text::from),
            organization: module.organization().split_whitespace().collect::<Vec<_>>().join(" ").into(),
            openconfig_version: module.extension("openconfig-version").map(Text::from),
        });
    }
    let mut roots = Vec::new();
    for module in &modules {
        for node in module.data() {
            builder.add(node, None, &[], &mut roots)?;
        }
    }
    builder.finish(roots)
}

fn too_many(path: &str) -> LoadError {
    LoadError::Unsupported { path: path.to_owned(), reason: "more modules or nodes than ids" }
}

#[derive(Default)]
struct Builder<'a> {
    nodes: Vec<Node>,
    modules: Vec<Module>,
    module_ids: HashMap<String, ModuleId>,
    names: Names,
    /// The compiled node behind each arena node, by index.
    compiled: Vec<SchemaNode<'a>>,
    ids: HashMap<SchemaNode<'a>, NodeId>,
    types: HashMap<(CompiledType<'a>, Vec<NodeId>), Arc<Type>>,
    identities: HashMap<IdentityView<'a>, Arc<Identity>>,
    choices: u32,
    cases: u32,
}

/// Names seen so far, so that the same name is kept once.
#[derive(Default)]
struct Names(BTreeSet<Text>);

impl Names {
    fn intern(&mut self, name: &str) -> Text {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let new = Text::from(name);
        self.0.insert(new.clone());
        new
    }
}

impl<'a> Builder<'a> {
    /// Adds a compiled node and all below it; choices and cases dissolve into their data nodes.
    fn add(
        &mut self,
        compiled: SchemaNode<'a>,
        parent: Option<NodeId>,
        cases: &[CaseRef],
        siblings: &mut Vec<NodeId>,
    ) -> Result<(), LoadError> {
        match compiled.kind() {
            NodeKind::Other => return Ok(()),
            NodeKind::Choice => return self.add_choice(compiled, parent, cases, siblings),
            NodeKind::Case => {
                return compiled.children().try_for_each(|child| self.add(child, parent, cases, siblings));
            }
            NodeKind::Container | NodeKind::Leaf | NodeKind::LeafList | NodeKind::List | NodeKind::Any => {}
        }
        let id = NodeId(u32::try_from(self.nodes.len()).map_err(|_| too_many(compiled.name()))?);
        let module = *self.module_ids.get(compiled.module()).ok_or_else(|| too_many(compiled.module()))?;
        self.nodes.push(Node {
            name: self.names.intern(compiled.name()),
            module,
            parent,
            // Replaced in `finish`, when every node has its id.
            kind: if compiled.kind() == NodeKind::Container {
                Kind::Container { presence: compiled.is_presence() }
            } else {
                Kind::Any
            },
            config: compiled.is_config(),
            mandatory: compiled.is_mandatory(),
            has_when: compiled.has_when(),
            cases: cases.into(),
            children: Box::default(),
            by_name: Box::default(),
            units: compiled.units().map(|units| self.names.intern(units)),
        });
        self.compiled.push(compiled);
        self.ids.insert(compiled, id);
        siblings.push(id);
        let mut children = Vec::new();
        if matches!(compiled.kind(), NodeKind::Container | NodeKind::List) {
            for child in compiled.children() {
                self.add(child, Some(id), &[], &mut children)?;
            }
        }
        let by_name = self.sorted_by_name(&children);
        if let Some(node) = self.nodes.get_mut(id.index()) {
            node.children = children.into();
            node.by_name = by_name;
        }
        Ok(())
    }

    fn add_choice(
        &mut self,
        choice: SchemaNode<'a>,
        parent: Option<NodeId>,
        cases: &[CaseRef],
        siblings: &mut Vec<NodeId>,
    ) -> Result<(), LoadError> {
        self.choices += 1;
        let number = self.choices;
        for case in choice.children() {
            self.cases += 1;
            let is_default = choice.default_case() == Some(case);
            let inner = CaseRef { choice: number, case: self.cases, is_default };
            let line: Vec<CaseRef> = cases.iter().copied().chain([inner]).collect();
            self.add(case, parent, &line, siblings)?;
        }
        Ok(())
    }

    fn sorted_by_name(&self, ids: &[NodeId]) -> Box<[NodeId]> {
        let mut sorted = ids.to_vec();
        sorted.sort_by(|a, b| (&self.nodes[a.index()].name, a).cmp(&(&self.nodes[b.index()].name, b)));
        sorted.into()
    }

    fn finish(mut self, roots: Vec<NodeId>) -> Result<Schema, LoadError> {
        for index in 0..self.nodes.len() {
            let compiled = self.compiled[index];
            let kind = match compiled.kind() {
                NodeKind::Leaf => self.leaf(index, compiled)?,
                NodeKind::LeafList => self.leaf_list(index, compiled)?,
                NodeKind::List => self.list(index, compiled),
                _ => continue,
            };
            self.nodes[index].kind = kind;
        }
        let roots_by_name = self.sorted_by_name(&roots);
        let mixed = mixed(&self.nodes);
        Ok(Schema { nodes: self.nodes, modules: self.modules, roots: roots.into(), roots_by_name, mixed })
    }

    fn list(&self, index: usize, compiled: SchemaNode<'a>) -> Kind {
        let keys = compiled.children().filter(|child| child.is_key()).filter_map(|key| self.ids.get(&key).copied());
        let uniques = compiled.uniques();
        let uniques = uniques.iter().map(|leaves| leaves.iter().filter_map(|leaf| self.ids.get(leaf).copied()).collect());
        let (min_elements, max_elements) = compiled.elements();
        // libyang marks every state list as user-ordered; order means something only where a user can set it.
        let user_ordered = compiled.is_user_ordered() && self.nodes[index].config;
        Kind::List(ListInfo {
            keys: keys.collect(),
            user_ordered,
            min_elements,
            max_elements,
            uniques: uniques.collect(),
        })
    }

    fn leaf(&mut self, index: usize, compiled: SchemaNode<'a>) -> Result<Kind, LoadError> {
        let ty = self.type_of(index, compiled)?;
        let default = self.defaults(index, compiled, &ty)?.pop();
        Ok(Kind::Leaf(LeafInfo { ty, default, is_key: compiled.is_key() }))
    }

    fn leaf_list(&mut self, index: usize, compiled: SchemaNode<'a>) -> Result<Kind, LoadError> {
        let ty = self.type_of(index, compiled)?;
        let defaults = self.defaults(index, compiled, &ty)?.into();
        let (min_elements, max_elements) = compiled.elements();
        let user_ordered = compiled.is_user_ordered() && self.nodes[index].config;
        Ok(Kind::LeafList(LeafListInfo { ty, defaults, user_ordered, min_elements, max_elements }))
    }

    fn defaults(&self, index: usize, compiled: SchemaNode<'a>, ty: &Type) -> Result<Vec<Value>, LoadError> {
        let judge = |value: String| {
            ty.accept(Input::Text(&value), Rule::Text, compiled.module())
                .map_err(|source| LoadError::Default { path: self.path(index), value, source })
        };
        compiled.defaults().into_iter().map(judge).collect()
    }

    fn type_of(&mut self, index: usize, compiled: SchemaNode<'a>) -> Result<Arc<Type>, LoadError> {
        let ty = compiled.ty().ok_or_else(|| self.unsupported(index))?;
        let targets: Vec<NodeId> =
            compiled.leafref_targets().iter().filter_map(|target| self.ids.get(target).copied()).collect();
        self.resolve(index, ty, &targets)
    }

    /// A type is shared by all leaves that use it; leafrefs only by those that point to the same leaf.
    fn resolve(&mut self, index: usize, ty: CompiledType<'a>, targets: &[NodeId]) -> Result<Arc<Type>, LoadError> {
        let key = (ty, targets.to_vec());
        if let Some(known) = self.types.get(&key) {
            return Ok(known.clone());
        }
        let view = ty.view().ok_or_else(|| self.unsupported(index))?;
        let resolved = Arc::new(self.convert(index, view, targets)?);
        self.types.insert(key, resolved.clone());
        Ok(resolved)
    }

    fn convert(&mut self, index: usize, view: TypeView<'a>, targets: &[NodeId]) -> Result<Type, LoadError> {
        Ok(match view {
            TypeView::Integer { bits, signed, ranges } => {
                Type::Integer { bits, signed, ranges: or_whole(ranges, whole_integer(bits, signed)) }
            }
            TypeView::Decimal { scale, ranges } => {
                Type::Decimal { scale, ranges: or_whole(ranges, Range { min: i64::MIN, max: i64::MAX }) }
            }
            TypeView::Text { lengths, patterns } => {
                let patterns = patterns.into_iter().map(|pattern| {
                    TextPattern::new(pattern.source, pattern.inverted, pattern.posix)
                        .map_err(|source| LoadError::Pattern { path: self.path(index), source })
                });
                Type::Text { lengths: lengths.into(), patterns: patterns.collect::<Result<_, _>>()? }
            }
            TypeView::Bool => Type::Bool,
            TypeView::Empty => Type::Empty,
            TypeView::Enum(names) => {
                Type::Enum(names.into_iter().map(|(name, value)| (self.names.intern(name), value)).collect())
            }
            TypeView::Bits(names) => {
                Type::Bits(names.into_iter().map(|(name, position)| (self.names.intern(name), position)).collect())
            }
            TypeView::Binary { lengths } => Type::Binary { lengths: lengths.into() },
            TypeView::Identity { bases } => Type::Identity(self.derived_from_all(&bases)),
            TypeView::Instance { require_instance } => Type::Instance { require_instance },
            TypeView::Leafref { real, require_instance } => {
                let real = self.resolve(index, real, &[])?;
                Type::Leafref { target: targets.first().copied(), real, require_instance }
            }
            TypeView::Union(members) => self.union(index, &members, targets)?,
        })
    }

    /// Members in order. Each leafref among them takes the next of the targets.
    fn union(
        &mut self,
        index: usize,
        members: &[CompiledType<'a>],
        targets: &[NodeId],
    ) -> Result<Type, LoadError> {
        let mut targets = targets.iter();
        let mut resolved = Vec::with_capacity(members.len());
        for &member in members {
            let target: Vec<NodeId> = match member.view() {
                Some(TypeView::Leafref { .. }) => targets.next().copied().into_iter().collect(),
                _ => Vec::new(),
            };
            resolved.push(self.resolve(index, member, &target)?);
        }
        Ok(Type::Union(resolved.into()))
    }

    fn derived_from_all(&mut self, bases: &[IdentityView<'a>]) -> Box<[Arc<Identity>]> {
        let mut common: Option<Vec<IdentityView<'a>>> = None;
        for &base in bases {
            let derived = all_derived(base);
            common = Some(match common {
                None => derived,
                Some(common) => common.into_iter().filter(|identity| derived.contains(identity)).collect(),
            });
        }
        let usable = common.unwrap_or_default().into_iter().filter(|identity| identity.is_usable());
        usable.map(|identity| self.identity(identity)).collect()
    }

    fn identity(&mut self, view: IdentityView<'a>) -> Arc<Identity> {
        let names = &mut self.names;
        let make = || Arc::new(Identity { module: names.intern(view.module()), name: names.intern(view.name()) });
        self.identities.entry(view).or_insert_with(make).clone()
    }

    fn path(&self, index: usize) -> String {
        let mut names = Vec::new();
        let mut at = self.nodes.get(index);
        while let Some(node) = at {
            names.push(format!("/{}", node.name));
            at = node.parent.and_then(|parent| self.nodes.get(parent.index()));
        }
        names.into_iter().rev().collect()
    }

    fn unsupported(&self, index: usize) -> LoadError {
        LoadError::Unsupported { path: self.path(index), reason: "a type that is not in RFC 7950" }
    }
}

/// Every identity derived from `base`, directly or not, each once, in the order of the texts.
fn all_derived(base: IdentityView<'_>) -> Vec<IdentityView<'_>> {
    let mut found = Vec::new();
    let mut next: Vec<_> = base.derived().collect();
    while let Some(identity) = next.pop() {
        if !found.contains(&identity) {
            found.push(identity);
            next.extend(identity.derived());
        }
    }
    found.sort_by_key(|identity| (identity.module(), identity.name()));
    found
}

fn or_whole<N>(ranges: Vec<Range<N>>, whole: Range<N>) -> Box<[Range<N>]> {
    if ranges.is_empty() { Box::new([whole]) } else { ranges.into() }
}

fn whole_integer(bits: u8, signed: bool) -> Range<i128> {
    let span = 1i128 << bits;
    if signed { Range { min: -(span / 2), max: span / 2 - 1 } } else { Range { min: 0, max: span - 1 } }
}
