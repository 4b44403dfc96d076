//! From the compiled schema of libyang to the arena, in two passes: the first gives every data node its id, so that
//! the second can point anywhere.

use std::collections::HashMap;
use std::sync::Arc;

use yang5::context::Context;

use super::super::libyang::{self, NodeKind, SchemaModule, SchemaNode};
use super::super::{
    Case, CaseRef, Choice, Feature, Input, Kind, LeafInfo, LeafListInfo, ListInfo, Module, ModuleId, Naming, Node,
    NodeId, Range, Rule, Schema, Type,
};
use super::statement::{self, Statement};
use super::types::{Names, Types};
use super::{LeafPlace, Library, LoadError, Sources};
use crate::value::Value;

/// Schema path of the port of the gRPC server.
const GRPC_PORT: &str = "/configure/system/grpc/listening-port";

/// Builds the arena of everything implemented in a context, and lists the compiled nodes by id.
pub(super) fn schema<'a>(
    context: &'a Context,
    sources: &Sources,
    library: &Library,
) -> Result<(Schema, Vec<SchemaNode<'a>>), LoadError> {
    let mut modules: Vec<_> = libyang::modules(context).collect();
    modules.sort_by_key(|module| module.name());
    let mut words: Vec<_> = libyang::words(context).collect();
    words.sort_by_key(|module| (module.name(), module.revision()));
    let mut survey = Survey::default();
    let mut roots = Vec::new();
    for module in &modules {
        for node in module.data() {
            survey.visit(node, None, &[], &mut roots)?;
        }
    }
    let schema = Builder::new(&survey, &modules, sources, library)?.build(roots, &words)?;
    Ok((schema, survey.places.into_iter().map(|place| place.node).collect()))
}

/// What the first pass finds.
#[derive(Default)]
struct Survey<'a> {
    places: Vec<Place<'a>>,
    ids: HashMap<SchemaNode<'a>, NodeId>,
    choices: Vec<ChoicePlace<'a>>,
    case_count: u32,
}

/// A data node on its way into the arena.
struct Place<'a> {
    node: SchemaNode<'a>,
    parent: Option<NodeId>,
    cases: Box<[CaseRef]>,
    children: Vec<NodeId>,
}

struct ChoicePlace<'a> {
    node: SchemaNode<'a>,
    parent: Option<NodeId>,
    within: Option<CaseRef>,
    /// Number, name and mandatory leaves of each case.
    cases: Vec<(u32, &'a str, Vec<NodeId>)>,
}

impl<'a> Survey<'a> {
    /// Gives ids to a node and all below it, in pre-order, and adds those that are data children to `siblings`.
    fn visit(
        &mut self,
        node: SchemaNode<'a>,
        parent: Option<NodeId>,
        cases: &[CaseRef],
        siblings: &mut Vec<NodeId>,
    ) -> Result<(), LoadError> {
        match node.kind() {
            NodeKind::Choice => self.visit_choice(node, parent, cases, siblings),
            NodeKind::Case | NodeKind::Other => Ok(()),
            NodeKind::Container | NodeKind::Leaf | NodeKind::LeafList | NodeKind::List | NodeKind::Any => {
                let id = NodeId(u32::try_from(self.places.len()).map_err(|_| too_many(node))?);
                self.places.push(Place { node, parent, cases: cases.into(), children: Vec::new() });
                self.ids.insert(node, id);
                siblings.push(id);
                let mut children = Vec::new();
                for child in node.children() {
                    self.visit(child, Some(id), &[], &mut children)?;
                }
                if let Some(place) = self.places.get_mut(id.index()) {
                    place.children = children;
                }
                Ok(())
            }
        }
    }

    fn visit_choice(
        &mut self,
        node: SchemaNode<'a>,
        parent: Option<NodeId>,
        cases: &[CaseRef],
        siblings: &mut Vec<NodeId>,
    ) -> Result<(), LoadError> {
        let number = u32::try_from(self.choices.len()).map_err(|_| too_many(node))?;
        self.choices.push(ChoicePlace { node, parent, within: cases.last().copied(), cases: Vec::new() });
        let default = node.default_case();
        for case in node.children() {
            let reference = CaseRef { choice: number, case: self.case_count, is_default: Some(case) == default };
            self.case_count = self.case_count.checked_add(1).ok_or_else(|| too_many(node))?;
            let inside: Vec<_> = cases.iter().copied().chain([reference]).collect();
            let mut members = Vec::new();
            for child in case.children() {
                self.visit(child, parent, &inside, &mut members)?;
            }
            // Members of a choice inside have that choice as their innermost and are mandatory only there.
            let mandatory = members
                .iter()
                .copied()
                .filter(|id| self.places.get(id.index()).is_some_and(|place| place.cases.last() == Some(&reference)))
                .filter(|id| self.places.get(id.index()).is_some_and(|place| is_mandatory(place.node)))
                .collect();
            if let Some(choice) = self.choices.get_mut(number as usize) {
                choice.cases.push((reference.case, case.name(), mandatory));
            }
            siblings.append(&mut members);
        }
        Ok(())
    }
}

fn too_many(node: SchemaNode<'_>) -> LoadError {
    LoadError::Unsupported { path: format!("/{}", node.name()), reason: "more nodes than can be numbered" }
}

fn is_mandatory(node: SchemaNode<'_>) -> bool {
    matches!(node.kind(), NodeKind::Leaf | NodeKind::Any) && node.is_mandatory() && !node.is_key()
}

/// The second pass.
struct Builder<'a, 's> {
    survey: &'s Survey<'a>,
    modules: HashMap<&'a str, ModuleId>,
    table: Vec<Module>,
    /// Which name the nodes go by that have two.
    called: Naming,
    port_fixed: bool,
    library: &'s Library,
    names: Names,
    types: Types<'a>,
}

impl<'a, 's> Builder<'a, 's> {
    fn new(
        survey: &'s Survey<'a>,
        modules: &[SchemaModule<'a>],
        sources: &Sources,
        library: &'s Library,
    ) -> Result<Self, LoadError> {
        let mut names = Names::default();
        let mut ids = HashMap::new();
        for (index, module) in modules.iter().enumerate() {
            let id = u16::try_from(index).map_err(|_| LoadError::Unsupported {
                path: format!("module {}", module.name()),
                reason: "more modules than can be numbered",
            })?;
            ids.insert(module.name(), ModuleId(id));
        }
        let table = modules.iter().map(|module| describe(*module, library, &mut names)).collect();
        let Sources { naming: called, port_fixed, .. } = *sources;
        Ok(Self { survey, modules: ids, table, called, port_fixed, library, names, types: Types::default() })
    }

    fn build(mut self, roots: Vec<NodeId>, words: &[SchemaModule<'a>]) -> Result<Schema, LoadError> {
        let survey = self.survey;
        let choices = survey.choices.iter().map(|choice| self.choice(choice)).collect();
        let nodes: Vec<Node> = survey.places.iter().map(|place| self.node(place)).collect::<Result<_, _>>()?;
        let roots_by_name = self.by_name(&roots);
        let mixed = super::super::mixed(&nodes);
        let words = words.iter().map(|module| describe(*module, self.library, &mut self.names)).collect();
        let secrets = super::super::secret::secrets(&nodes);
        let modules = self.table;
        Ok(Schema { nodes, modules, words, choices, roots: roots.into(), roots_by_name, mixed, secrets })
    }

    fn choice(&mut self, choice: &ChoicePlace<'a>) -> Choice {
        let cases = choice.cases.iter().map(|(number, name, mandatory)| Case {
            number: *number,
            name: self.names.intern(name),
            mandatory: mandatory.as_slice().into(),
        });
        Choice {
            cases: cases.collect(),
            name: self.names.intern(choice.node.name()),
            parent: choice.parent,
            within: choice.within,
            mandatory: choice.node.is_mandatory(),
        }
    }

    fn node(&mut self, place: &Place<'a>) -> Result<Node, LoadError> {
        let node = place.node;
        let Some(&module) = self.modules.get(node.module()) else {
            let reason = "belongs to a module that is not implemented";
            return Err(LoadError::Unsupported { path: self.path(place), reason });
        };
        Ok(Node {
            kind: self.kind(place)?,
            name: self.names.intern(self.name(place)),
            module,
            parent: place.parent,
            config: node.is_config(),
            mandatory: place.cases.is_empty() && is_mandatory(node),
            has_when: node.has_when(),
            cases: place.cases.clone(),
            children: place.children.as_slice().into(),
            by_name: self.by_name(&place.children),
            units: node.units().map(|units| self.names.intern(units)),
        })
    }

    fn name(&self, place: &Place<'a>) -> &'a str {
        let around = place.parent.and_then(|parent| self.survey.places.get(parent.index()));
        self.called.of(around.map(|around| around.node.name()), place.node.name())
    }

    fn kind(&mut self, place: &Place<'a>) -> Result<Kind, LoadError> {
        let node = place.node;
        let (min_elements, max_elements) = node.elements();
        // libyang counts every list of state as user-ordered; order means something only where a user can set it.
        let user_ordered = node.is_user_ordered() && node.is_config();
        Ok(match node.kind() {
            NodeKind::Container => Kind::Container { presence: node.is_presence() },
            NodeKind::List => Kind::List(ListInfo {
                keys: place.children.iter().copied().filter(|&id| self.is_key(id)).collect(),
                user_ordered,
                min_elements,
                max_elements,
                uniques: node.uniques().iter().map(|leaves| self.known(leaves)).collect(),
            }),
            NodeKind::Leaf => {
                let ty = self.ty(place)?;
                let default = self.defaults(place, &ty)?.into_iter().next();
                let ty = self.narrowed(place, ty, default.as_ref());
                Kind::Leaf(LeafInfo { ty, default, is_key: node.is_key() })
            }
            NodeKind::LeafList => {
                let ty = self.ty(place)?;
                let defaults = self.defaults(place, &ty)?.into();
                Kind::LeafList(LeafListInfo { ty, defaults, user_ordered, min_elements, max_elements })
            }
            NodeKind::Choice | NodeKind::Case | NodeKind::Any | NodeKind::Other => Kind::Any,
        })
    }

    fn is_key(&self, id: NodeId) -> bool {
        self.survey.places.get(id.index()).is_some_and(|place| place.node.is_key())
    }

    /// Ids of the nodes that are in the arena.
    fn known(&self, nodes: &[SchemaNode<'a>]) -> Box<[NodeId]> {
        nodes.iter().filter_map(|node| self.survey.ids.get(node).copied()).collect()
    }

    fn by_name(&self, ids: &[NodeId]) -> Box<[NodeId]> {
        let mut sorted: Box<[NodeId]> = ids.into();
        sorted.sort_by_key(|id| (self.survey.places.get(id.index()).map(|place| self.name(place)), *id));
        sorted
    }

    fn ty(&mut self, place: &Place<'a>) -> Result<Arc<Type>, LoadError> {
        let Some(compiled) = place.node.ty() else {
            return Err(LoadError::Unsupported { path: self.path(place), reason: "a leaf without a type" });
        };
        let targets = place.node.leafref_targets();
        let targets: Vec<_> = targets.iter().map(|target| self.survey.ids.get(target).copied()).collect();
        match self.types.resolve(compiled, &targets, &mut self.names) {
            Ok(Some(ty)) => Ok(ty),
            Ok(None) => Err(LoadError::Unsupported { path: self.path(place), reason: "a type RFC 7950 does not know" }),
            Err(source) => Err(LoadError::Pattern { at: Box::new(self.text_place(place)), source }),
        }
    }

    /// The type of a leaf as the release has it: in old ones the port of the gRPC server is what its default is (C-01).
    fn narrowed(&self, place: &Place<'a>, ty: Arc<Type>, default: Option<&Value>) -> Arc<Type> {
        match (&*ty, default) {
            (&Type::Integer { bits, signed, .. }, Some(&Value::Int(port)))
                if self.port_fixed && self.path(place) == GRPC_PORT =>
            {
                let port = port.into();
                Arc::new(Type::Integer { bits, signed, ranges: Box::new([Range { min: port, max: port }]) })
            }
            _ => ty,
        }
    }

    fn defaults(&self, place: &Place<'a>, ty: &Type) -> Result<Vec<Value>, LoadError> {
        place
            .node
            .defaults()
            .into_iter()
            .map(|value| {
                ty.accept(Input::Text(&value), Rule::Text, place.node.module()).map_err(|source| LoadError::Default {
                    at: Box::new(self.text_place(place)),
                    value,
                    source,
                })
            })
            .collect()
    }

    /// Where a leaf is defined, for errors.
    fn text_place(&self, place: &Place<'a>) -> LeafPlace {
        let (module, path) = (place.node.module(), self.path(place));
        let line = |statements: &[Statement]| statement::line_of_path(statements, &path);
        LeafPlace { place: super::place(self.library, module, line), module: module.to_owned(), path: path.clone() }
    }

    /// Schema path, for errors.
    fn path(&self, place: &Place<'a>) -> String {
        let above = place.parent.and_then(|parent| self.survey.places.get(parent.index()));
        let above = above.map_or_else(String::new, |above| self.path(above));
        format!("{above}/{}", place.node.name())
    }
}

fn describe(module: SchemaModule<'_>, library: &Library, names: &mut Names) -> Module {
    let organization: Vec<_> = module.organization().split_whitespace().collect();
    let features = module.features().into_iter();
    let submodules = module.submodules().into_iter();
    Module {
        name: names.intern(module.name()),
        namespace: names.intern(module.namespace()),
        revision: module.revision().map(|revision| names.intern(revision)),
        organization: names.intern(&organization.join(" ")),
        openconfig_version: module.extension("openconfig-version").map(|version| names.intern(version)),
        origin: library.origin(module.name(), module.revision()),
        features: features.map(|(name, enabled)| Feature { name: names.intern(name), enabled }).collect(),
        submodules: submodules
            .map(|(name, revision)| {
                let origin = library.origin(name, Some(revision).filter(|revision| !revision.is_empty()));
                (names.intern(name), names.intern(revision), origin)
            })
            .collect(),
        augmented_by: module.augmented_by().into_iter().map(|name| names.intern(name)).collect(),
        deviated_by: module.deviated_by().into_iter().map(|name| names.intern(name)).collect(),
    }
}
