//! Rust types as specs.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{borrow::Cow, boxed::Box, format, string::String, sync::Arc, vec::Vec};
use core::any::TypeId;

use super::shape::{Presence, Spec, Struct};
use super::text::is_identifier;
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

/// Names of the types that one spec describes: a type stands there in full where it comes first, elsewhere
/// by its name.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<TypeId, String>);

impl Names {
    /// The type `T`, by `describe` where it comes first. Its name is `name`; if another type has that already,
    /// with as much of its module path before it as tells the two apart.
    pub fn define<T: ?Sized + 'static>(
        &mut self,
        name: &str,
        describe: impl FnOnce(&mut Self) -> Spec,
    ) -> Spec {
        if let Some(name) = self.0.get(&TypeId::of::<T>()) {
            return Spec::Ref(name.clone());
        }
        let name = self.unused(name, core::any::type_name::<T>());
        self.0.insert(TypeId::of::<T>(), name.clone());
        let spec = describe(self);
        if let Spec::Struct(definition) = spec {
            return Spec::Struct(Struct { name, ..definition });
        }
        Spec::named(name, spec)
    }

    fn unused(&self, name: &str, path: &str) -> String {
        let is_used = |name: &String| self.0.values().any(|used| used == name);
        let (path, _) = path.split_once('<').unwrap_or((path, ""));
        let modules = path.rsplit("::").skip(1).filter(|module| is_identifier(module));
        let mut unused = String::from(name);
        for module in modules {
            if !is_used(&unused) {
                return unused;
            }
            unused = format!("{module}.{unused}");
        }
        // Two blocks of a function may each have a type with one path.
        let paths = core::iter::once(unused).chain((2_u64..).map(|nth| format!("{name}_{nth}")));
        paths.into_iter().find(|name| !is_used(name)).unwrap_or_default()
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
                names.define::<Self>(stringify!($name), |names| {
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

#[cfg(test)]
#[allow(dead_code, reason = "of these types only the description is looked at")]
mod tests {
    use super::*;
    use crate::spec::PldSpec;

    mod other {
        use alloc::vec::Vec;

        pld_struct! {
            pub(super) struct Order {
                id: u8,
                parts: Vec<Order>,
            }
        }
    }

    pld_struct! {
        struct Order {
            inner: other::Order,
            next: Option<Box<Order>>,
        }
    }

    fn written<T: PldType + ?Sized>() -> String {
        format!("{:#}", PldSpec::of::<T>().unwrap())
    }

    #[test]
    fn types_with_one_name_are_told_apart() {
        let expected = "Order where Order = struct(inner: other.Order, next?: Order|None); \
                        other.Order = struct(id: int[0..=255], parts: list[other.Order])";
        assert_eq!(written::<Order>(), expected);
        assert_eq!(
            written::<(other::Order, Order)>().split(" where ").next(),
            Some("tuple[Order, tests.Order]")
        );
    }

    /// Type names do not tell such types apart; their ids do.
    #[test]
    fn types_with_one_path_are_told_apart() {
        let first = {
            pld_struct! { struct Local { a: bool } }
            Local::describe
        };
        pld_struct! { struct Local { b: () } }
        let mut names = Names::default();
        let both = Spec::Tuple(alloc::vec![first(&mut names), Local::describe(&mut names)]);
        let spec = PldSpec::new(both).unwrap();
        let local = format!("{spec}").replace("tuple[Local, ", "").replace(']', "");
        assert_ne!(local, "Local");
        assert_eq!(
            format!("{spec:#}"),
            format!("tuple[Local, {local}] where Local = struct(a: bool); {local} = struct(b: None)")
        );
    }

    macro_rules! tower {
        ($($upper:ident $lower:ident,)*) => {$(
            pld_struct! { struct $upper { a: $lower, b: $lower } }
        )*};
    }

    tower! {
        T0 T1, T1 T2, T2 T3, T3 T4, T4 T5, T5 T6, T6 T7, T7 T8, T8 T9, T9 T10, T10 T11, T11 T12, T12 T13, T13 T14,
        T14 T15, T15 T16, T16 T17, T17 T18, T18 T19, T19 Order,
    }

    /// In full at each place there would be a million.
    #[test]
    fn a_type_is_described_once() {
        assert_eq!(written::<T0>().matches("struct(").count(), 22);
    }
}
