//! YANG types as the schema keeps them.
//!
//! Invariant: a `Type` holds everything needed to judge a value without libyang, except what depends on other data
//! (the existence a leafref or instance-identifier asks for), which the store judges at commit.

use std::sync::Arc;

use super::{NodeId, TextPattern};
use crate::value::{Identity, Text};

/// An inclusive range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<N> {
    /// Smallest allowed.
    pub min: N,
    /// Largest allowed.
    pub max: N,
}

/// A resolved YANG type: typedefs followed, restrictions of the whole chain applied.
#[derive(Debug)]
pub enum Type {
    /// `int8` to `int64`, `uint8` to `uint64`.
    Integer {
        /// 8, 16, 32 or 64.
        bits: u8,
        /// Signed or not.
        signed: bool,
        /// Allowed ranges, never empty: the range of the built-in type when none is stated.
        ranges: Box<[Range<i128>]>,
    },
    /// `decimal64`.
    Decimal {
        /// fraction-digits.
        scale: u8,
        /// Allowed ranges in digits (value times 10^scale), never empty.
        ranges: Box<[Range<i64>]>,
    },
    /// `string`.
    Text {
        /// Allowed lengths in characters; empty means any.
        lengths: Box<[Range<u64>]>,
        /// Patterns that all have to agree.
        patterns: Box<[TextPattern]>,
    },
    /// `boolean`.
    Bool,
    /// `empty`.
    Empty,
    /// `enumeration`: names and their values in schema order.
    Enum(Box<[(Text, i32)]>),
    /// `bits`: names and positions, by position.
    Bits(Box<[(Text, u32)]>),
    /// `binary`.
    Binary {
        /// Allowed lengths in bytes; empty means any.
        lengths: Box<[Range<u64>]>,
    },
    /// `identityref`: every identity derived from all of the bases.
    Identity(Box<[Arc<Identity>]>),
    /// `instance-identifier`.
    Instance {
        /// Whether the node has to exist.
        require_instance: bool,
    },
    /// `leafref`.
    Leafref {
        /// The leaf or leaf-list it points to, when it is a data node of this schema.
        target: Option<NodeId>,
        /// The path to it as the module writes it.
        path: Text,
        /// Type of that leaf, not itself a leafref.
        real: Arc<Type>,
        /// Whether such a value has to exist there.
        require_instance: bool,
    },
    /// `union`: members in schema order, unions inside flattened.
    Union(Box<[Arc<Type>]>),
}
