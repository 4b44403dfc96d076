//! From compiled types to [`Type`], each made once and shared by all leaves that use it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::libyang::{CompiledType, IdentityView, PatternView, TypeView};
use super::super::pattern::{PatternError, Syntax};
use super::super::{NodeId, Range, TextPattern, Type};
use crate::value::{Identity, Text};

/// Names, each kept once.
#[derive(Default)]
pub(super) struct Names(HashSet<Text>);

impl Names {
    /// The shared copy of `name`.
    pub(super) fn intern(&mut self, name: &str) -> Text {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let name = Text::from(name);
        self.0.insert(name.clone());
        name
    }
}

/// Types made so far.
#[derive(Default)]
pub(super) struct Types<'a> {
    /// By compiled type and the nodes its leafrefs point to: leaves share a typedef with a relative path, though it
    /// leads each of them somewhere else.
    types: HashMap<(CompiledType<'a>, Vec<Option<NodeId>>), Arc<Type>>,
    patterns: HashMap<PatternView<'a>, TextPattern>,
    identities: HashMap<IdentityView<'a>, Arc<Identity>>,
}

impl<'a> Types<'a> {
    /// The type, where `targets` are the nodes its leafrefs point to, in order. None for a type that RFC 7950 does
    /// not know.
    ///
    /// # Errors
    ///
    /// [`PatternError`] for a pattern that cannot be translated.
    pub(super) fn resolve(
        &mut self,
        compiled: CompiledType<'a>,
        targets: &[Option<NodeId>],
        names: &mut Names,
    ) -> Result<Option<Arc<Type>>, PatternError> {
        let key = (compiled, targets.to_vec());
        if let Some(known) = self.types.get(&key) {
            return Ok(Some(known.clone()));
        }
        let Some(view) = compiled.view() else { return Ok(None) };
        let Some(ty) = self.make(view, targets, names)? else { return Ok(None) };
        let ty = Arc::new(ty);
        self.types.insert(key, ty.clone());
        Ok(Some(ty))
    }

    fn make(
        &mut self,
        view: TypeView<'a>,
        targets: &[Option<NodeId>],
        names: &mut Names,
    ) -> Result<Option<Type>, PatternError> {
        Ok(Some(match view {
            TypeView::Integer { bits, signed, ranges } => {
                Type::Integer { bits, signed, ranges: or_all(ranges, integer_range(bits, signed)) }
            }
            TypeView::Decimal { scale, ranges } => {
                Type::Decimal { scale, ranges: or_all(ranges, Range { min: i64::MIN, max: i64::MAX }) }
            }
            TypeView::Text { lengths, patterns } => Type::Text {
                lengths: lengths.into(),
                patterns: patterns.into_iter().map(|pattern| self.pattern(pattern)).collect::<Result<_, _>>()?,
            },
            TypeView::Bool => Type::Bool,
            TypeView::Empty => Type::Empty,
            TypeView::Enum(items) => {
                Type::Enum(items.into_iter().map(|(name, value)| (names.intern(name), value)).collect())
            }
            TypeView::Bits(items) => {
                Type::Bits(items.into_iter().map(|(name, position)| (names.intern(name), position)).collect())
            }
            TypeView::Binary { lengths } => Type::Binary { lengths: lengths.into() },
            TypeView::Identity { bases } => Type::Identity(self.derived(&bases, names)),
            TypeView::Instance { require_instance } => Type::Instance { require_instance },
            TypeView::Leafref { real, path, require_instance } => {
                let Some(real) = self.resolve(real, &[], names)? else { return Ok(None) };
                let target = targets.first().copied().flatten();
                Type::Leafref { target, path: names.intern(path), real, require_instance }
            }
            TypeView::Union(members) => return self.union(&members, targets, names),
        }))
    }

    fn union(
        &mut self,
        members: &[CompiledType<'a>],
        targets: &[Option<NodeId>],
        names: &mut Names,
    ) -> Result<Option<Type>, PatternError> {
        let leafrefs = members.iter().filter(|member| matches!(member.view(), Some(TypeView::Leafref { .. }))).count();
        // libyang leaves out a leafref that leads nowhere; then it cannot be told which one it was.
        let mut targets = if leafrefs == targets.len() { targets.iter() } else { [].iter() };
        let mut made = Vec::with_capacity(members.len());
        for &member in members {
            let target = match member.view() {
                Some(TypeView::Leafref { .. }) => targets.next().copied(),
                _ => None,
            };
            let Some(ty) = self.resolve(member, target.as_slice(), names)? else { return Ok(None) };
            made.push(ty);
        }
        Ok(Some(Type::Union(made.into())))
    }

    fn pattern(&mut self, pattern: PatternView<'a>) -> Result<TextPattern, PatternError> {
        if let Some(known) = self.patterns.get(&pattern) {
            return Ok(known.clone());
        }
        let syntax = if pattern.posix { Syntax::Posix } else { Syntax::XmlSchema };
        let made = TextPattern::new(pattern.source, syntax, pattern.inverted)?;
        self.patterns.insert(pattern, made.clone());
        Ok(made)
    }

    /// Every usable identity derived from all of `bases`, sorted by name and then module.
    fn derived(&mut self, bases: &[IdentityView<'a>], names: &mut Names) -> Box<[Arc<Identity>]> {
        let mut sets = bases.iter().map(|base| below(*base));
        let mut common = sets.next().unwrap_or_default();
        for set in sets {
            common.retain(|identity| set.contains(identity));
        }
        let mut found: Vec<_> = common.into_iter().filter(|identity| identity.is_usable()).collect();
        found.sort_by_key(|identity| (identity.name(), identity.module()));
        found
            .into_iter()
            .map(|view| {
                let make = || {
                    let (module, name) = (names.intern(view.module()), names.intern(view.name()));
                    Arc::new(Identity { module, name })
                };
                self.identities.entry(view).or_insert_with(make).clone()
            })
            .collect()
    }
}

/// All identities derived from `base` over any number of steps, itself not included.
fn below(base: IdentityView<'_>) -> HashSet<IdentityView<'_>> {
    let mut found = HashSet::new();
    let mut open = vec![base];
    while let Some(identity) = open.pop() {
        open.extend(identity.derived().filter(|derived| found.insert(*derived)));
    }
    found
}

fn or_all<N>(ranges: Vec<Range<N>>, all: Range<N>) -> Box<[Range<N>]> {
    if ranges.is_empty() { [all].into() } else { ranges.into() }
}

fn integer_range(bits: u8, signed: bool) -> Range<i128> {
    let values = 1_i128 << bits;
    if signed { Range { min: -values / 2, max: values / 2 - 1 } } else { Range { min: 0, max: values - 1 } }
}
