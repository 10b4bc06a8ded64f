//! Checking bytes against nodes: one pass, an explicit stack, nothing built. (P-11 to P-14)

use alloc::{string::String, vec::Vec};
use core::fmt::Write as _;

use rmp::Marker;

use super::found::{describe, quoted};
use super::mismatch::Mismatch;
use super::node::{Fields, Id, Node, Nodes, Scalar, Tagged, Union, bit};
use crate::payload::Payload;
use crate::wire::Text;
use crate::wire::cursor::{Cursor, Token};
use crate::wire::error::Refusal;

/// Bytes that may be looked at ahead of their turn, as a multiple of the payload: tags that come late
/// in maps that hold each other are looked for again and again. (P-10)
const LOOK_AHEAD: usize = 8;

/// Bytes of a path that are written.
const MAX_PATH: usize = 1024;

/// Everything in `bytes` that does not conform to the first of `nodes`, at most `most` parts. If it is
/// `exact`, what the type would lose or change does not conform either. (P-21)
pub(super) fn check(nodes: &Nodes, bytes: &[u8], most: usize, exact: bool) -> Vec<Mismatch> {
    let mut check = Check {
        nodes,
        exact,
        cursor: Cursor::new(bytes),
        stack: Vec::new(),
        mismatches: Vec::new(),
        most,
        look_ahead: bytes.len().saturating_mul(LOOK_AHEAD),
    };
    match check.whole() {
        Ok(()) | Err(Stop::Enough) => {}
        Err(Stop::Malformed(refusal)) => check.mismatches.push(Mismatch {
            path: check.path(),
            offset: refusal.offset,
            expected: String::from("one well-formed value"),
            found: alloc::format!("{}", refusal.what),
        }),
    }
    check.mismatches
}

struct Check<'n, 'b> {
    nodes: &'n Nodes,
    exact: bool,
    cursor: Cursor<'b>,
    /// The containers around the cursor.
    stack: Vec<Frame<'n, 'b>>,
    mismatches: Vec<Mismatch>,
    most: usize,
    look_ahead: usize,
}

/// A container that was entered.
struct Frame<'n, 'b> {
    inside: Inside<'n, 'b>,
    /// Values or entries that are left.
    left: usize,
}

enum Inside<'n, 'b> {
    List { element: Id, next: usize },
    Tuple { parts: &'n [Id], next: usize },
    Map { key: Id, value: Id, at: At<'b>, next: usize },
    Struct { fields: &'n Fields, start: usize, met: u128, next: usize, last: &'b [u8] },
}

/// Where in an entry of a map.
enum At<'b> {
    /// Before the key, or in it; where it begins.
    Key(Cursor<'b>),
    /// Past the key, which has these bytes.
    Value(&'b [u8]),
}

/// Why a check ends before the end of the bytes.
enum Stop {
    /// As many mismatches as wanted.
    Enough,
    /// No well-formed value.
    Malformed(Refusal),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Malformed(refusal)
    }
}

impl<'n, 'b> Check<'n, 'b> {
    fn whole(&mut self) -> Result<(), Stop> {
        self.value(0)?;
        while let Some(frame) = self.stack.last_mut() {
            let Some(left) = frame.left.checked_sub(1) else {
                self.leave()?;
                continue;
            };
            let due = match &mut frame.inside {
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
                        *at = At::Value(self.cursor.since(start));
                        *value
                    }
                    At::Key(_) | At::Value(_) => {
                        *at = At::Key(self.cursor.clone());
                        *next = next.saturating_add(1);
                        *key
                    }
                },
                Inside::Struct { .. } => {
                    frame.left = left;
                    self.field()?;
                    continue;
                }
            };
            frame.left = left;
            self.value(due)?;
        }
        Ok(self.cursor.finish()?)
    }

    /// A value that is to conform to a node: passed, or entered if it is a container.
    #[inline]
    fn value(&mut self, id: Id) -> Result<(), Stop> {
        let start = self.cursor.clone();
        match self.nodes.get(id) {
            Node::Any => Ok(self.cursor.skip(self.levels())?),
            Node::Scalar(scalar) => {
                if passes(scalar, &mut self.cursor) {
                    return Ok(());
                }
                self.cursor = start.clone();
                let token = self.cursor.token()?;
                if self.admits(scalar, token, &start) {
                    return Ok(());
                }
                self.reject(start, id)
            }
            Node::Union(union) => self.alternative(union, id, start),
            container @ (Node::List(_) | Node::Tuple(_) | Node::Map(..) | Node::Struct(_)) => {
                self.container(container, id, start)
            }
        }
    }

    #[inline]
    fn admits(&self, scalar: &Scalar, token: Token<'b>, start: &Cursor<'b>) -> bool {
        let is_changed = self.exact && *scalar == Scalar::Float && token != Token::Float;
        !is_changed && scalar.admits(token, self.cursor.since(start))
    }

    fn container(&mut self, node: &'n Node, id: Id, start: Cursor<'b>) -> Result<(), Stop> {
        let inside = match (node, self.cursor.token()?) {
            (Node::List(element), Token::Array(left)) => (Inside::List { element: *element, next: 0 }, left),
            (Node::Tuple(parts), Token::Array(left)) if left == parts.len() => {
                (Inside::Tuple { parts, next: 0 }, left)
            }
            (Node::Map(key, value), Token::Map(left)) => {
                let at = At::Key(self.cursor.clone());
                (Inside::Map { key: *key, value: *value, at, next: 0 }, left.saturating_mul(2))
            }
            (Node::Struct(fields), Token::Map(left)) => {
                (Inside::Struct { fields, start: start.offset(), met: 0, next: 0, last: &[] }, left)
            }
            _ => return self.reject(start, id),
        };
        if self.levels() == 0 {
            self.cursor = start;
            return Ok(self.cursor.skip(0)?);
        }
        self.stack.push(Frame { inside: inside.0, left: inside.1 });
        Ok(())
    }

    /// Of a union at most one alternative can fit the first byte. (P-9)
    fn alternative(&mut self, union: &'n Union, id: Id, start: Cursor<'b>) -> Result<(), Stop> {
        let chosen = match (self.cursor.token()?, &union.tagged) {
            (Token::Array(_), _) => union.array,
            (Token::Map(entries), Some(tagged)) => return self.tagged(tagged, entries, start),
            (Token::Map(_), None) => union.map,
            (token, _) => {
                if union.scalars.iter().any(|scalar| self.admits(scalar, token, &start)) {
                    return Ok(());
                }
                None
            }
        };
        match chosen {
            Some(id) => {
                self.cursor = start.clone();
                self.container(self.nodes.get(id), id, start)
            }
            None => self.reject(start, id),
        }
    }

    /// The map just entered, of `entries`, belongs to the struct that its tag names. A tag that does not
    /// come first is looked for, within limits. (P-10)
    fn tagged(&mut self, tagged: &Tagged, entries: usize, start: Cursor<'b>) -> Result<(), Stop> {
        let mut found = (start.offset(), String::from("no such field"));
        for _ in 0..entries {
            let is_tag = self.cursor.token()? == Token::Str(tagged.key.as_bytes());
            let before = self.cursor.clone();
            if is_tag {
                let token = self.cursor.token()?;
                if let Some((_, id)) = tagged.choices.iter().find(|(value, _)| value.is(token)) {
                    self.cursor = start.clone();
                    return self.container(self.nodes.get(*id), *id, start);
                }
                found = (before.offset(), describe(before.rest()));
                break;
            }
            self.cursor.skip(self.levels())?;
            let passed = self.cursor.offset().saturating_sub(before.offset());
            match self.look_ahead.checked_sub(passed) {
                Some(left) => self.look_ahead = left,
                None => {
                    found.1 = String::from("it too late");
                    break;
                }
            }
        }
        self.cursor = start;
        self.cursor.skip(self.levels())?;
        let mut path = self.path();
        push_name(&mut path, tagged.key.as_bytes());
        let expected = super::text::label(&tagged.values());
        self.push(Mismatch { path, offset: found.0, expected, found: found.1 })
    }

    /// The next entry of a struct. (P-7)
    fn field(&mut self) -> Result<(), Stop> {
        let before = self.cursor.offset();
        let key = match self.cursor.short_text() {
            Some(key) => Some(key),
            None => self.other_key()?,
        };
        let Some(Frame { inside: Inside::Struct { fields, met, next, last, .. }, .. }) =
            self.stack.last_mut()
        else {
            return Ok(());
        };
        let Some(key) = key else { return Ok(()) };
        *last = key;
        let fields = *fields;
        let name = |at: usize| fields.fields.get(at).map(|field| field.name.as_bytes());
        let at = match *next {
            // Fields mostly come in order.
            at if name(at) == Some(key) => Some(at),
            _ => fields.fields.iter().position(|field| field.name.as_bytes() == key),
        };
        let Some((at, field)) = at.and_then(|at| Some((at, fields.fields.get(at)?))) else {
            if fields.closed || self.exact {
                self.note(before, alloc::format!("a field of {}", fields.name), quoted(key))?;
            }
            return Ok(self.cursor.skip(self.levels())?);
        };
        *next = at.saturating_add(1);
        if *met & bit(at) != 0 {
            self.note(before, String::from("each field once"), quoted(key))?;
            return Ok(self.cursor.skip(self.levels())?);
        }
        *met |= bit(at);
        self.value(field.node)
    }

    /// A key of a rare form. An entry whose key is no text is noted and passed.
    #[cold]
    fn other_key(&mut self) -> Result<Option<&'b [u8]>, Stop> {
        let before = self.cursor.clone();
        if let Token::Str(key) = self.cursor.token()? {
            return Ok(Some(key));
        }
        self.cursor = before.clone();
        self.cursor.skip(self.levels())?;
        let raw = self.cursor.since(&before);
        if let Some(Frame { inside: Inside::Struct { last, .. }, .. }) = self.stack.last_mut() {
            *last = &[];
        }
        self.note(before.offset(), String::from("a field's name as key"), describe(raw))?;
        self.cursor.skip(self.levels())?;
        Ok(None)
    }

    /// The end of a container. (P-8)
    fn leave(&mut self) -> Result<(), Stop> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let Inside::Struct { fields, start, met, .. } = frame.inside else { return Ok(()) };
        if fields.required & !met == 0 {
            return Ok(());
        }
        for (at, field) in fields.fields.iter().enumerate() {
            if fields.is_required(at) && met & bit(at) == 0 {
                let mut path = self.path();
                push_name(&mut path, field.name.as_bytes());
                let expected = String::from(self.nodes.label(field.node));
                self.push(Mismatch { path, offset: start, expected, found: String::from("no such field") })?;
            }
        }
        Ok(())
    }

    /// The value at `start` does not conform: notes it and passes it.
    #[cold]
    fn reject(&mut self, start: Cursor<'b>, id: Id) -> Result<(), Stop> {
        let offset = start.offset();
        self.cursor = start.clone();
        self.cursor.skip(self.levels())?;
        let found = describe(self.cursor.since(&start));
        self.note(offset, String::from(self.nodes.label(id)), found)
    }

    #[cold]
    fn note(&mut self, offset: usize, expected: String, found: String) -> Result<(), Stop> {
        let path = self.path();
        self.push(Mismatch { path, offset, expected, found })
    }

    fn push(&mut self, mismatch: Mismatch) -> Result<(), Stop> {
        self.mismatches.push(mismatch);
        if self.mismatches.len() >= self.most { Err(Stop::Enough) } else { Ok(()) }
    }

    /// Levels of containers that may be entered from here.
    fn levels(&self) -> usize {
        Payload::MAX_DEPTH.saturating_sub(self.stack.len())
    }

    /// The way to the present value.
    #[cold]
    fn path(&self) -> String {
        let mut path = String::new();
        for frame in &self.stack {
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
            if path.len() > MAX_PATH {
                path.push('…');
                break;
            }
        }
        if path.is_empty() { String::from(".") } else { path }
    }
}

/// Passes a value that belongs to `scalar` in one of its usual forms; all others are told by their token.
#[inline]
fn passes(scalar: &Scalar, cursor: &mut Cursor<'_>) -> bool {
    match scalar {
        Scalar::Str => cursor.short_text().is_some_and(|text| Text::checked(text).is_some()),
        Scalar::Float => cursor.pass(FLOAT64, 8),
        Scalar::Nil => cursor.nil(),
        Scalar::Bool => cursor.pass(TRUE, 0) || cursor.pass(FALSE, 0),
        Scalar::Int(..)
        | Scalar::Path
        | Scalar::Bytes
        | Scalar::Timestamp
        | Scalar::Ext(_)
        | Scalar::Literal(_) => false,
    }
}

const FLOAT64: u8 = Marker::F64.to_u8();
const TRUE: u8 = Marker::True.to_u8();
const FALSE: u8 = Marker::False.to_u8();

/// One more name of a path.
fn push_name(path: &mut String, name: &[u8]) {
    if path == "." {
        path.clear();
    }
    if !path.is_empty() {
        path.push('.');
    }
    match core::str::from_utf8(name) {
        Ok(text) if super::text::is_identifier(text) && text.len() <= 64 => path.push_str(text),
        _ => path.push_str(&quoted(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::PldSpec;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    fn all(spec: &str, bytes: &[u8]) -> Vec<String> {
        let spec: PldSpec = spec.parse().unwrap();
        spec.mismatches(bytes, 9).iter().map(ToString::to_string).collect()
    }

    const ITEM: &str = "Item|None where Item = struct(type='Item', label: str, qty: int = 1)";
    const EITHER: &str = "A|B where A = struct(type='A', n: int); B = struct(type='B', s: str)";

    #[test]
    fn a_mismatch_says_where_what_is_due_and_what_stands_there() {
        let cases: [(&str, &[u8], &[&str]); 19] = [
            ("int", b"\xc3", &[".: expected int, found True (bool), at byte 0"]),
            ("float", b"\x01", &[]),
            ("int", b"\xca\x3f\x80\0\0", &[".: expected int, found 1.0 (float), at byte 0"]),
            ("str", b"\xa2\xff\xfe", &[".: expected str, found text that is not UTF-8 (str), at byte 0"]),
            ("int[0..=9]|None", b"\xff", &[".: expected int[0..=9]|None, found -1 (int), at byte 0"]),
            (
                "list[int]",
                b"\x93\x01\xa1a\xc0",
                &[
                    "[1]: expected int, found 'a' (str), at byte 2",
                    "[2]: expected int, found None, at byte 4",
                ],
            ),
            ("tuple[int, str]", b"\x91\x01", &[".: expected tuple[int, str], found a list of 1, at byte 0"]),
            (
                "dict[str, list[bool]]",
                b"\x82\xa1k\x91\x01\x05\x90",
                &[
                    "k[0]: expected bool, found 1 (int), at byte 4",
                    "<key 1>: expected str, found 5 (int), at byte 5",
                ],
            ),
            ("dict[tuple[int, int], int]", b"\x81\x92\x01\x02\x03", &[]),
            (
                "dict[tuple[int, int], int]",
                b"\x81\x92\x01\xc0\x03",
                &["<key 0>[1]: expected int, found None, at byte 3"],
            ),
            (ITEM, b"\xc0", &[]),
            (ITEM, b"\x82\xa5label\xa1x\xa4type\xa4Item", &[]),
            (ITEM, b"\x81\xa4type\xa4Item", &["label: expected str, found no such field, at byte 0"]),
            (
                ITEM,
                b"\x83\xa4type\xa1X\xa5label\xc0\xa5other\x90",
                &[
                    "type: expected Literal['Item'], found 'X' (str), at byte 6",
                    "label: expected str, found None, at byte 14",
                ],
            ),
            (
                "S where S = struct(a?: int)!",
                b"\x83\xa1a\x01\xa1a\x02\xa1b\xc0",
                &[
                    "a: expected each field once, found 'a', at byte 4",
                    "b: expected a field of S, found 'b', at byte 7",
                ],
            ),
            (EITHER, b"\x82\xa1n\xc0\xa4type\xa1A", &["n: expected int, found None, at byte 3"]),
            (EITHER, b"\x81\xa4type\xa1C", &["type: expected Literal['A', 'B'], found 'C' (str), at byte 6"]),
            (EITHER, b"\x80", &["type: expected Literal['A', 'B'], found no such field, at byte 0"]),
            (
                "Any",
                b"\x92\x01",
                &[
                    ".: expected one well-formed value, found 2 elements declared, but only 1 bytes are left, at byte 0",
                ],
            ),
        ];
        for (spec, bytes, expected) in cases {
            assert_eq!(all(spec, bytes), expected, "{spec}");
        }
    }

    #[test]
    fn texts_of_a_peer_are_escaped_and_shortened() {
        let bytes = [&[0xd9, 60][..], &[b'\n'; 60]].concat();
        let found = all("int", &bytes).remove(0);
        assert_eq!(found, ".: expected int, found '".to_owned() + &"\\n".repeat(40) + "…' (str), at byte 0");
    }

    use alloc::borrow::ToOwned;

    #[test]
    fn the_first_mismatch_ends_the_check() {
        let spec: PldSpec = "list[int]".parse().unwrap();
        assert_eq!(spec.check_bytes(b"\x93\xc0\xc0\xc1").unwrap_err().path, "[0]");
        assert_eq!(spec.mismatches(b"\x93\xc0\xc0\xc0", 2).len(), 2);
    }

    #[test]
    fn depth_is_bounded_without_recursion() {
        let spec: PldSpec = "T where T = list[T]".parse().unwrap();
        let nested = |levels: usize| [&alloc::vec![0x91; levels - 1][..], &[0x90]].concat();
        assert_eq!(spec.check_bytes(&nested(511)), Ok(()));
        assert!(spec.check_bytes(&nested(512)).unwrap_err().found.contains("nested deeper"));
        assert!(spec.check_bytes(&nested(1 << 20)).is_err());
    }

    /// Tags at the ends of maps that hold each other: each level is looked over once more.
    #[test]
    fn a_tag_is_not_looked_for_without_end() {
        let spec: PldSpec = "A|B where A = struct(t='A', a: A|B|None); B = struct(t='B')".parse().unwrap();
        let nested = |levels: usize| {
            (0..levels).fold(b"\xc0".to_vec(), |inner, _| [b"\x82\xa1a", &inner[..], b"\xa1t\xa1A"].concat())
        };
        assert_eq!(spec.check_bytes(&nested(8)), Ok(()));
        assert_eq!(spec.check_bytes(&nested(200)).unwrap_err().found, "it too late");
    }
}
