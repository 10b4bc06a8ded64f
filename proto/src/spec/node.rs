//! A spec as it is checked: nodes that name each other by number, unions sorted by what they can meet.

use alloc::{boxed::Box, string::String, vec::Vec};

use super::scalar::Scalar;
use super::shape::{Literal, Spec};

/// The number of a node.
pub(super) type Id = u32;

/// All nodes of a spec, the whole first, and how each is written.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    labels: Vec<Box<str>>,
}

impl Nodes {
    /// The node of this number; numbers are only made together with their nodes.
    #[inline]
    pub(super) fn get(&self, id: Id) -> &Node {
        self.nodes.get(id as usize).unwrap_or(&Node::Any)
    }

    /// How it is written, shortened.
    pub(super) fn label(&self, id: Id) -> &str {
        self.labels.get(id as usize).map_or("", |label| label)
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// A place for a node, to be filled by [`set`](Self::set).
    pub(super) fn reserve(&mut self, label: String) -> Option<Id> {
        let id = Id::try_from(self.nodes.len()).ok()?;
        self.nodes.push(Node::Any);
        self.labels.push(label.into());
        Some(id)
    }

    pub(super) fn set(&mut self, id: Id, node: Node) {
        if let Some(place) = self.nodes.get_mut(id as usize) {
            *place = node;
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    Any,
    Scalar(Scalar),
    List(Id),
    Tuple(Box<[Id]>),
    Map(Id, Id),
    Struct(Box<Fields>),
    Union(Box<Union>),
}

#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub(super) name: String,
    /// The tag is the first.
    pub(super) fields: Box<[FieldNode]>,
    /// Bits of those that must be there.
    pub(super) required: u128,
    pub(super) closed: bool,
    pub(super) tag: Option<(String, Literal)>,
}

#[derive(Debug, Clone)]
pub(super) struct FieldNode {
    pub(super) name: String,
    pub(super) node: Id,
}

/// The alternatives of a union.
#[derive(Debug, Clone, Default)]
pub(super) struct Union {
    pub(super) scalars: Vec<Scalar>,
    pub(super) array: Option<Id>,
    pub(super) map: Option<Id>,
    pub(super) tagged: Option<Tagged>,
}

/// The structs of a union, by the value of their tag.
#[derive(Debug, Clone)]
pub(super) struct Tagged {
    pub(super) key: String,
    pub(super) choices: Vec<(Literal, Id)>,
}

impl Tagged {
    /// The values that the tag may have.
    pub(super) fn values(&self) -> Spec {
        Spec::Union(self.choices.iter().map(|(value, _)| Spec::Literal(value.clone())).collect())
    }
}

impl Fields {
    pub(super) fn is_required(&self, at: usize) -> bool {
        self.required & bit(at) != 0
    }
}

/// The bit of the field at `at`.
pub(super) fn bit(at: usize) -> u128 {
    u32::try_from(at).ok().and_then(|at| 1_u128.checked_shl(at)).unwrap_or(0)
}
