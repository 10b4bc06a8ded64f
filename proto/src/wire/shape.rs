//! The fields of each message, as a spec: for reports and for readers, not for the decoder.

use alloc::{format, string::String, vec::Vec};
use core::fmt::Write as _;

use super::message::MsgKind;
use crate::spec::{PldSpec, Spec};

impl MsgKind {
    /// Kinds that carry values of the application.
    pub const PAYLOAD: [Self; 3] = [Self::Started, Self::Yield, Self::Return];

    /// Kinds that carry none.
    pub const RUNTIME: [Self; 7] =
        [Self::Aid, Self::SpawnSpec, Self::Start, Self::StartAck, Self::Stop, Self::CancelAck, Self::Error];

    /// The fields of a message of this kind and their types, as in `wire.md`.
    pub fn spec(self) -> PldSpec {
        let text = format!("M where M = struct(msg_type='{self}'{})", self.fields());
        let shared: Vec<Spec> = SHARED.iter().filter_map(|text| text.parse().ok()).collect();
        // Never the default: each of the ten texts is parsed by a test.
        Spec::parse_with(&text, &shared)
            .ok()
            .and_then(|spec| PldSpec::new(spec).ok())
            .unwrap_or_else(PldSpec::any)
    }

    const fn fields(self) -> &'static str {
        match self {
            Self::Aid => {
                ", name: str, uuid: str, pid?: int|None, is_registrar?: bool|None, is_probe: bool = False"
            }
            Self::SpawnSpec => {
                ", _parent_main_data: dict[str, Any], _runtime_vars: dict[str, Any], \
                 enable_modules: dict[str, str], reg_addrs: list[addr], bind_addrs: list[addr]|None"
            }
            Self::Start => {
                ", cid: str, ns: str, func: str, kwargs: dict[str, Any], uid: uid, \
                 pld_spec: str = 'typing.Any'"
            }
            Self::StartAck => ", cid: str, functype: Literal['asyncfunc', 'asyncgen', 'context']",
            Self::Started | Self::Yield | Self::Return => ", cid: str, pld: Any",
            Self::Stop => ", cid: str",
            Self::CancelAck => ", cid: str, pld: bool",
            Self::Error => {
                ", src_uid: uid, src_type_str: str, boxed_type_str: str, relay_path: list[uid], \
                 message: str|None = None, tb_str: str = '', canceller: uid|None = None, \
                 sender: uid|None = None, cid: str|None = None, \
                 _bad_msg: Started|Yield|Return|None = None, _bad_msg_as_dict: dict[str, Any]|None = None"
            }
        }
    }
}

/// Types that stand in several messages.
const SHARED: [&str; 5] = [
    "uid where uid = tuple[str, str]",
    "addr where addr = tuple[str, str|int]",
    "Started where Started = struct(msg_type='Started', cid: str, pld: Any)",
    "Yield where Yield = struct(msg_type='Yield', cid: str, pld: Any)",
    "Return where Return = struct(msg_type='Return', cid: str, pld: Any)",
];

/// The ten messages as a table: kind and group, then a line for each field with its type and default.
pub fn message_table() -> String {
    let mut table = String::new();
    for kind in MsgKind::ALL {
        let group = if kind.is_payload() { "payload" } else { "runtime" };
        // Writing to memory cannot fail.
        let _ = writeln!(table, "{kind} ({group})");
        let spec = kind.spec();
        let Spec::Struct(definition) = spec.spec() else { continue };
        table.push_str(&definition.table());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_fields_and_one_group() {
        for kind in MsgKind::ALL {
            assert!(!kind.spec().is_any(), "{kind}");
            assert_eq!(MsgKind::PAYLOAD.contains(&kind), kind.is_payload());
            assert_ne!(MsgKind::RUNTIME.contains(&kind), kind.is_payload());
        }
        let table = message_table();
        assert_eq!(table.lines().filter(|line| !line.starts_with(' ')).count(), 10);
        let error: Vec<&str> = table.lines().skip_while(|line| !line.starts_with("Error")).take(5).collect();
        assert_eq!(
            error,
            [
                "Error (runtime)",
                "  src_uid          uid",
                "  src_type_str     str",
                "  boxed_type_str   str",
                "  relay_path       list[uid]"
            ]
        );
    }
}
