//! `Aid` and `SpawnSpec`: the messages before any dialog.

use alloc::{string::String, vec::Vec};

use bytes::Bytes;

use super::cursor::{Cursor, Token};
use super::decode::Limits;
use super::entries::{Entries, Slot};
use super::error::Refusal;
use super::fields::{kept, wrong_type};
use super::message::{SpawnSpec, WireAddr};
use crate::identity::{Era, Identity, Uid};
use crate::payload::Payload;

/// Of either era: what was added since is optional.
pub(super) fn aid(entries: &mut Entries<'_>, limits: &Limits) -> Result<Identity, Refusal> {
    let mut name = Slot::new("name");
    let mut uuid = Slot::new("uuid");
    let mut pid = Slot::new("pid");
    let mut is_registrar = Slot::new("is_registrar");
    let mut is_probe = Slot::new("is_probe");
    while let Some((at, key)) = entries.next_field()? {
        let cursor = &mut entries.cursor;
        match key {
            b"name" => name.put(at, cursor.text("name", limits.name))?,
            b"uuid" => uuid.put(at, cursor.text("uuid", limits.name))?,
            b"pid" => pid.put(at, cursor.optional(process_id))?,
            b"is_registrar" => {
                is_registrar.put(at, cursor.optional(|cursor| cursor.boolean("is_registrar")))?;
            }
            b"is_probe" => is_probe.put(at, cursor.boolean("is_probe"))?,
            _ => cursor.skip(limits.field_levels())?,
        }
    }
    let uid = Uid::new(name.required(entries)?.as_str(), uuid.required(entries)?.as_str());
    let (pid, is_registrar, is_probe) = (pid.optional(), is_registrar.optional(), is_probe.optional());
    let early = pid.is_none() && is_registrar.is_none() && is_probe.is_none();
    Ok(Identity {
        uid,
        pid: pid.flatten(),
        is_registrar: is_registrar.flatten(),
        is_probe: is_probe.unwrap_or(false),
        era: if early { Era::March2025 } else { Era::Current },
    })
}

fn process_id(cursor: &mut Cursor<'_>) -> Result<i64, Refusal> {
    let offset = cursor.offset();
    let token = cursor.token()?;
    if let Token::Negative(pid) = token {
        return Ok(pid);
    }
    if let Token::Unsigned(pid) = token {
        if let Ok(pid) = i64::try_from(pid) {
            return Ok(pid);
        }
    }
    Err(wrong_type("pid", "an int of 64 bits with sign", token, offset))
}

/// Settings for the application; nothing is done about them.
pub(super) fn spawn_spec(
    entries: &mut Entries<'_>,
    body: &Bytes,
    limits: &Limits,
) -> Result<SpawnSpec, Refusal> {
    let levels = limits.field_levels();
    let mut parent_main_data = Slot::new("_parent_main_data");
    let mut runtime_vars = Slot::new("_runtime_vars");
    let mut enable_modules = Slot::new("enable_modules");
    let mut reg_addrs = Slot::new("reg_addrs");
    let mut bind_addrs = Slot::new("bind_addrs");
    while let Some((at, key)) = entries.next_field()? {
        let cursor = &mut entries.cursor;
        match key {
            b"_parent_main_data" => {
                parent_main_data.put(at, cursor.raw_names("_parent_main_data", levels))?;
            }
            b"_runtime_vars" => runtime_vars.put(at, cursor.raw_names("_runtime_vars", levels))?,
            b"enable_modules" => enable_modules.put(at, modules(cursor, limits))?,
            b"reg_addrs" => reg_addrs.put(at, addresses(cursor, "reg_addrs", limits))?,
            b"bind_addrs" => {
                let addrs = cursor.optional(|cursor| addresses(cursor, "bind_addrs", limits));
                bind_addrs.put(at, addrs)?;
            }
            _ => cursor.skip(levels)?,
        }
    }
    Ok(SpawnSpec {
        parent_main_data: Payload::trusted(body.slice_ref(parent_main_data.required(entries)?)),
        runtime_vars: Payload::trusted(body.slice_ref(runtime_vars.required(entries)?)),
        enable_modules: enable_modules.required(entries)?,
        reg_addrs: reg_addrs.required(entries)?,
        bind_addrs: bind_addrs.required(entries)?,
    })
}

/// Module names and file paths; paths are bounded as texts, not as names.
fn modules(cursor: &mut Cursor<'_>, limits: &Limits) -> Result<Vec<(String, String)>, Refusal> {
    let mut modules = Vec::new();
    let offset = cursor.offset();
    if let Ok(Token::Map(len)) = cursor.clone().token() {
        kept(len, "enable_modules", offset)?;
    }
    cursor.names("enable_modules", |cursor, name| {
        let path = cursor.text("enable_modules", limits.text)?;
        modules.push((String::from(name.as_str()), String::from(path.as_str())));
        Ok(())
    })?;
    Ok(modules)
}

fn addresses(
    cursor: &mut Cursor<'_>,
    field: &'static str,
    limits: &Limits,
) -> Result<Vec<WireAddr>, Refusal> {
    let len = cursor.list(field)?;
    let mut addrs = Vec::new();
    for _ in 0..len {
        addrs.push(address(cursor, field, limits)?);
    }
    Ok(addrs)
}

/// The kind of the second element decides.
fn address(cursor: &mut Cursor<'_>, field: &'static str, limits: &Limits) -> Result<WireAddr, Refusal> {
    let offset = cursor.offset();
    let token = cursor.token()?;
    let Token::Array(2) = token else {
        return Err(wrong_type(field, "a text and a text or port", token, offset));
    };
    let first = String::from(cursor.text(field, limits.text)?.as_str());
    let mut second = cursor.clone();
    if let Token::Unsigned(port) = second.token()? {
        *cursor = second;
        return Ok(WireAddr::Tcp(first, port));
    }
    Ok(WireAddr::Unix(first, String::from(cursor.text(field, limits.text)?.as_str())))
}
