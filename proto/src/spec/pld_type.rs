//! Rust types as specs.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{borrow::Cow, boxed::Box, string::String, sync::Arc, vec::Vec};

use super::shape::{Presence, Spec};
use crate::{EndpointPath, Payload, Timestamp};

/// A Rust type whose values are payloads of a known type.
///
/// Implemented for the usual types; [`pld_struct!`](crate::pld_struct) implements it for structs. What
/// it says has to be what `serde` writes and reads for the type; for the implementations here it is.
pub trait PldType {
    /// Whether a field of this type may be absent.
    const MAY_BE_ABSENT: bool = false;

    /// What its values look like. A type that can contain itself is described inside
    /// [`Names::define`].
    fn describe(names: &mut Names) -> Spec;

    /// How a field of this type is present.
    fn presence() -> Presence {
        if Self::MAY_BE_ABSENT { Presence::Optional } else { Presence::Required }
    }
}

/// Names of the types that are being described: a type inside itself stands there by its name.
#[derive(Debug, Default)]
pub struct Names(Vec<&'static str>);

impl Names {
    /// The type with this name, by `describe` unless it is being described already.
    pub fn define(&mut self, name: &'static str, describe: impl FnOnce(&mut Self) -> Spec) -> Spec {
        if self.0.contains(&name) {
            return Spec::Ref(name.into());
        }
        self.0.push(name);
        let spec = describe(self);
        self.0.pop();
        spec
    }
}

macro_rules! plain {
    ($($type:ty => $spec:expr;)*) => {$(
        impl PldType for $type {
            fn describe(_: &mut Names) -> Spec {
                $spec
            }
        }
    )*};
}

plain! {
    () => Spec::Nil;
    bool => Spec::Bool;
    f32 => Spec::Float;
    f64 => Spec::Float;
    str => Spec::Str;
    String => Spec::Str;
    EndpointPath => Spec::Path;
    Payload => Spec::Any;
    Timestamp => Spec::Timestamp;
}

macro_rules! integers {
    ($($type:ty)*) => {plain! {$($type => Spec::Int { min: <$type>::MIN as i128, max: <$type>::MAX as i128 };)*}};
}

integers! { u8 u16 u32 u64 usize i8 i16 i32 i64 isize }

macro_rules! like {
    ($($type:ty)*) => {$(
        impl<T: PldType + ?Sized> PldType for $type {
            const MAY_BE_ABSENT: bool = T::MAY_BE_ABSENT;

            fn describe(names: &mut Names) -> Spec {
                T::describe(names)
            }
        }
    )*};
}

like! { Box<T> Arc<T> &T }

impl<T: PldType + alloc::borrow::ToOwned + ?Sized> PldType for Cow<'_, T> {
    fn describe(names: &mut Names) -> Spec {
        T::describe(names)
    }
}

impl<T: PldType> PldType for Option<T> {
    const MAY_BE_ABSENT: bool = true;

    fn describe(names: &mut Names) -> Spec {
        T::describe(names).or_nil()
    }
}

macro_rules! lists {
    ($($type:ty)*) => {$(
        impl<T: PldType> PldType for $type {
            fn describe(names: &mut Names) -> Spec {
                Spec::list(T::describe(names))
            }
        }
    )*};
}

lists! { Vec<T> BTreeSet<T> [T] }

impl<K: PldType, V: PldType> PldType for BTreeMap<K, V> {
    fn describe(names: &mut Names) -> Spec {
        Spec::map(K::describe(names), V::describe(names))
    }
}

macro_rules! tuples {
    ($(($($part:ident)+))*) => {$(
        impl<$($part: PldType),+> PldType for ($($part,)+) {
            fn describe(names: &mut Names) -> Spec {
                Spec::Tuple(alloc::vec![$($part::describe(names)),+])
            }
        }
    )*};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) }

/// Defines a struct with named fields, and says what its payloads look like: as `serde` writes it, a map
/// with a field each, of which those with an `Option` may be absent. Attributes are passed on and not
/// looked at: of one by which `serde` writes other names or other values nothing is known here.
///
/// ```
/// use scipp_proto::pld_struct;
/// use scipp_proto::spec::PldSpec;
///
/// pld_struct! {
///     /// An order.
///     #[derive(Debug)]
///     pub struct Order {
///         pub symbol: String,
///         pub sizes: Vec<u32>,
///         note: Option<String>,
///     }
/// }
///
/// let spec = PldSpec::of::<Vec<Order>>()?;
/// assert_eq!(
///     format!("{spec:#}"),
///     "list[Order] where Order = struct(symbol: str, sizes: list[int[0..=4294967295]], note?: str|None)"
/// );
/// # Ok::<(), scipp_proto::spec::SpecError>(())
/// ```
#[macro_export]
macro_rules! pld_struct {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$of:meta])* $see:vis $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$of])* $see $field: $type),* }

        impl $crate::spec::PldType for $name {
            fn describe(names: &mut $crate::spec::Names) -> $crate::spec::Spec {
                names.define(stringify!($name), |names| {
                    let spec = $crate::spec::Struct::new(stringify!($name));
                    $(let spec = spec.with(
                        stringify!($field),
                        <$type as $crate::spec::PldType>::describe(names),
                        <$type as $crate::spec::PldType>::presence(),
                    );)*
                    spec.into()
                })
            }
        }
    };
}
