//! Where a check is: the containers that it has entered, and how that is written.

use alloc::string::String;
use core::fmt::Write as _;

use super::found::{describe, quoted};
use super::limits::{NAME, PATH};
use super::node::{Fields, Id};
use super::text::is_identifier;
use crate::wire::cursor::{Cursor, Token};

/// A container that was entered.
pub(super) struct Frame<'n, 'b> {
    pub(super) inside: Inside<'n, 'b>,
    /// Values or entries that are left.
    pub(super) left: usize,
}

pub(super) enum Inside<'n, 'b> {
    List { element: Id, next: usize },
    Tuple { parts: &'n [Id], next: usize },
    Map { key: Id, value: Id, at: At<'b>, next: usize },
    Struct { fields: &'n Fields, start: usize, met: u128, next: usize, last: &'b [u8] },
}

impl<'n> Inside<'n, '_> {
    /// In the map at `start`, before its first entry.
    pub(super) const fn within(fields: &'n Fields, start: &Cursor<'_>) -> Self {
        Self::Struct { fields, start: start.offset(), met: 0, next: 0, last: &[] }
    }
}

/// Where in an entry of a map.
pub(super) enum At<'b> {
    /// Before the key, or in it; where it begins.
    Key(Cursor<'b>),
    /// Past the key, which has these bytes.
    Value(&'b [u8]),
}

/// What is due in a container.
pub(super) enum Due {
    Value(Id),
    /// An entry of a struct.
    Entry,
    End,
}

impl<'b> Frame<'_, 'b> {
    /// Goes on to what is due next; `cursor` is past what was due before.
    #[inline]
    pub(super) fn step(&mut self, cursor: &Cursor<'b>) -> Due {
        let Some(left) = self.left.checked_sub(1) else { return Due::End };
        self.left = left;
        Due::Value(match &mut self.inside {
            Inside::List { element, next } => {
                *next = next.saturating_add(1);
                *element
            }
            Inside::Tuple { parts, next } => {
                let part = parts.get(*next).copied();
                *next = next.saturating_add(1);
                part.unwrap_or_default()
            }
            Inside::Map { key, value, at, next } => match at {
                At::Key(start) if *next > 0 => {
                    *at = At::Value(cursor.since(start));
                    *value
                }
                At::Key(_) | At::Value(_) => {
                    *at = At::Key(cursor.clone());
                    *next = next.saturating_add(1);
                    *key
                }
            },
            Inside::Struct { .. } => return Due::Entry,
        })
    }
}

/// The way through these containers. (P-12)
#[cold]
pub(super) fn path(stack: &[Frame<'_, '_>]) -> String {
    let mut path = String::new();
    for frame in stack {
        match &frame.inside {
            Inside::List { next, .. } | Inside::Tuple { next, .. } => {
                let _ = write!(path, "[{}]", next.saturating_sub(1));
            }
            Inside::Map { at: At::Key(_), next, .. } => {
                let _ = write!(path, "<key {}>", next.saturating_sub(1));
            }
            Inside::Map { at: At::Value(key), .. } => match Cursor::new(key).token() {
                Ok(Token::Str(key)) => push_name(&mut path, key),
                _ => path.push_str(&alloc::format!("[{}]", describe(key))),
            },
            Inside::Struct { last, .. } if !last.is_empty() => push_name(&mut path, last),
            Inside::Struct { .. } => {}
        }
        if path.len() > PATH {
            path.push('…');
            break;
        }
    }
    if path.is_empty() { String::from(".") } else { path }
}

/// One more name of a path.
pub(super) fn push_name(path: &mut String, name: &[u8]) {
    if path == "." {
        path.clear();
    }
    if !path.is_empty() {
        path.push('.');
    }
    match core::str::from_utf8(name) {
        Ok(text) if is_identifier(text) && text.len() <= NAME => path.push_str(text),
        _ => path.push_str(&quoted(name)),
    }
}
