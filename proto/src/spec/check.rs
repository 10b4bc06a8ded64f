//! Checking bytes against nodes: one pass, an explicit stack, nothing built. (P-11 to P-14)

use alloc::{string::String, vec::Vec};

use rmp::Marker;

use super::found::{describe, quoted};
use super::limits::LOOK_AHEAD;
use super::mismatch::Mismatch;
use super::node::{Fields, Id, Node, Nodes, Tagged, Union, bit};
use super::place::{At, Due, Frame, Inside, path, push_name};
use super::scalar::Scalar;
use super::text::{label, shortened};
use crate::payload::Payload;
use crate::wire::Text;
use crate::wire::cursor::{Cursor, Token};
use crate::wire::error::Refusal;

/// Everything in `bytes` that does not conform to the first of `nodes`, at most `most` parts. If it is
/// `exact`, what the type would lose or change does not conform either. (P-21, P-11)
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
            path: path(&check.stack),
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

/// What became of the search for a tag.
enum Tag<'b> {
    /// Its value is here.
    At(Cursor<'b>),
    Missing,
    /// It was given up.
    Late,
}

const ABSENT: &str = "no such field";
const LATE: &str = "it too late";

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
            match frame.step(&self.cursor) {
                Due::Value(id) => self.value(id)?,
                Due::Entry => self.field()?,
                Due::End => self.leave()?,
            }
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
        let (inside, left) = match (node, self.cursor.token()?) {
            (Node::List(element), Token::Array(left)) => (Inside::List { element: *element, next: 0 }, left),
            (Node::Tuple(parts), Token::Array(left)) if left == parts.len() => {
                (Inside::Tuple { parts, next: 0 }, left)
            }
            (Node::Map(key, value), Token::Map(left)) => {
                let at = At::Key(self.cursor.clone());
                (Inside::Map { key: *key, value: *value, at, next: 0 }, left.saturating_mul(2))
            }
            (Node::Struct(fields), Token::Map(left)) => return self.structure(fields, left, start),
            _ => return self.reject(start, id),
        };
        self.enter(inside, left, start)
    }

    /// A struct that is no alternative. Its tag has the same limits as in a union: what conforms to it also
    /// conforms to a union that has it. (P-10, P-16)
    fn structure(&mut self, fields: &'n Fields, left: usize, start: Cursor<'b>) -> Result<(), Stop> {
        if let (Some((key, _)), Some(tag)) = (&fields.tag, fields.fields.first()) {
            let entries = self.cursor.clone();
            if let Tag::Late = self.find_tag(key, left)? {
                let expected = self.nodes.label(tag.node).into();
                return self.reject_tag(key, expected, (start.offset(), LATE.into()), start);
            }
            self.cursor = entries;
        }
        self.enter(Inside::within(fields, &start), left, start)
    }

    fn enter(&mut self, inside: Inside<'n, 'b>, left: usize, start: Cursor<'b>) -> Result<(), Stop> {
        if self.levels() == 0 {
            self.cursor = start;
            return Ok(self.cursor.skip(0)?);
        }
        self.stack.push(Frame { inside, left });
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

    /// The map just begun, of `left` entries, belongs to the struct that its tag names.
    fn tagged(&mut self, tagged: &'n Tagged, left: usize, start: Cursor<'b>) -> Result<(), Stop> {
        let entries = self.cursor.clone();
        let found = match self.find_tag(&tagged.key, left)? {
            Tag::At(value) => {
                let token = value.clone().token()?;
                let chosen = tagged.choices.iter().find(|(value, _)| value.is(token));
                if let Some(Node::Struct(fields)) = chosen.map(|(_, id)| self.nodes.get(*id)) {
                    self.cursor = entries;
                    return self.enter(Inside::within(fields, &start), left, start);
                }
                (value.offset(), describe(value.rest()))
            }
            Tag::Missing => (start.offset(), ABSENT.into()),
            Tag::Late => (start.offset(), LATE.into()),
        };
        self.reject_tag(&tagged.key, label(&tagged.values()), found, start)
    }

    /// Looks for the tag of the map just begun, of `left` entries. One that does not come first is looked for
    /// within limits. (P-10)
    fn find_tag(&mut self, key: &str, left: usize) -> Result<Tag<'b>, Stop> {
        for _ in 0..left {
            let name = self.cursor.raw(self.levels())?;
            let value = self.cursor.clone();
            if Cursor::new(name).token()? == Token::Str(key.as_bytes()) {
                return Ok(Tag::At(value));
            }
            self.cursor.skip(self.levels())?;
            let passed = self.cursor.offset().saturating_sub(value.offset());
            match self.look_ahead.checked_sub(passed) {
                Some(left) => self.look_ahead = left,
                None => return Ok(Tag::Late),
            }
        }
        Ok(Tag::Missing)
    }

    /// The map at `start` has not the tag that is due: notes it and passes it.
    #[cold]
    fn reject_tag(
        &mut self,
        key: &str,
        expected: String,
        (offset, found): (usize, String),
        start: Cursor<'b>,
    ) -> Result<(), Stop> {
        self.cursor = start;
        self.cursor.skip(self.levels())?;
        let mut path = path(&self.stack);
        push_name(&mut path, key.as_bytes());
        self.push(Mismatch { path, offset, expected, found })
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
        // Fields mostly come in order.
        let numbered = || fields.fields.iter().enumerate();
        let mut due = numbered().skip(*next).chain(numbered().take(*next));
        let Some((at, field)) = due.find(|(_, field)| field.name.as_bytes() == key) else {
            if fields.closed || self.exact {
                self.note(before, shortened(format_args!("a field of {}", fields.name)), quoted(key))?;
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
                let mut path = path(&self.stack);
                push_name(&mut path, field.name.as_bytes());
                let expected = String::from(self.nodes.label(field.node));
                self.push(Mismatch { path, offset: start, expected, found: ABSENT.into() })?;
            }
        }
        Ok(())
    }

    /// The value at `start` does not conform: notes it and passes it. (P-12)
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
        let path = path(&self.stack);
        self.push(Mismatch { path, offset, expected, found })
    }

    /// Ends the check when there are enough. (P-13)
    fn push(&mut self, mismatch: Mismatch) -> Result<(), Stop> {
        self.mismatches.push(mismatch);
        if self.mismatches.len() >= self.most { Err(Stop::Enough) } else { Ok(()) }
    }

    /// Levels of containers that may be entered from here. (P-14)
    fn levels(&self) -> usize {
        Payload::MAX_DEPTH.saturating_sub(self.stack.len())
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
