//! MessagePack values as the JSON of the recordings.
//!
//! The reading here is independent of the core on purpose: it is what the core is checked against.

use serde_json::{Map, Number, Value, json};
use sha2::{Digest, Sha256};

/// Longest binary that recordings spell out.
const MAX_BIN: usize = 1024;
/// Longest text that recordings spell out.
const MAX_STR: usize = 16384;

/// What is wrong with bytes that are not one MessagePack value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one MessagePack value")]
pub struct NotOneValue;

/// The JSON form of the one value that `bytes` hold.
///
/// # Errors
///
/// If they do not hold exactly one.
pub fn to_json(bytes: &[u8]) -> Result<Value, NotOneValue> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value()?;
    if reader.rest.is_empty() { Ok(value) } else { Err(NotOneValue) }
}

/// Whether `bytes` hold what an action line calls `recorded`.
///
/// Python values without a counterpart (`$py`) say nothing about their bytes and match any.
pub fn matches(recorded: &Value, bytes: &[u8]) -> bool {
    let mut reader = Reader { rest: bytes };
    reader.is(recorded).unwrap_or(false) && reader.rest.is_empty()
}

/// A value, up to its elements if it has any.
enum Head<'a> {
    Plain(Value),
    Float(f64),
    Text(&'a [u8]),
    Binary(&'a [u8]),
    Extension(i8, &'a [u8]),
    List(usize),
    Map(usize),
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, len: usize) -> Result<&'a [u8], NotOneValue> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(NotOneValue)?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], NotOneValue> {
        self.bytes(N)?.try_into().map_err(|_| NotOneValue)
    }

    fn len(&mut self, width: usize) -> Result<usize, NotOneValue> {
        Ok(self.bytes(width)?.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)))
    }

    fn head(&mut self) -> Result<Head<'a>, NotOneValue> {
        let [marker] = self.array()?;
        let plain = match marker {
            0x00..=0x7f => marker.into(),
            0x80..=0x8f => return Ok(Head::Map(usize::from(marker & 0x0f))),
            0x90..=0x9f => return Ok(Head::List(usize::from(marker & 0x0f))),
            0xa0..=0xbf => return self.bytes(usize::from(marker & 0x1f)).map(Head::Text),
            0xc0 => Value::Null,
            0xc1 => return Err(NotOneValue),
            0xc2 => false.into(),
            0xc3 => true.into(),
            0xc4..=0xc6 => {
                let len = self.len(1 << (marker - 0xc4))?;
                return self.bytes(len).map(Head::Binary);
            }
            0xc7..=0xc9 => {
                let len = self.len(1 << (marker - 0xc7))?;
                return self.extension(len);
            }
            0xca => return Ok(Head::Float(f32::from_be_bytes(self.array()?).into())),
            0xcb => return Ok(Head::Float(f64::from_be_bytes(self.array()?))),
            0xcc => u8::from_be_bytes(self.array()?).into(),
            0xcd => u16::from_be_bytes(self.array()?).into(),
            0xce => u32::from_be_bytes(self.array()?).into(),
            0xcf => u64::from_be_bytes(self.array()?).into(),
            0xd0 => i8::from_be_bytes(self.array()?).into(),
            0xd1 => i16::from_be_bytes(self.array()?).into(),
            0xd2 => i32::from_be_bytes(self.array()?).into(),
            0xd3 => i64::from_be_bytes(self.array()?).into(),
            0xd4..=0xd8 => return self.extension(1 << (marker - 0xd4)),
            0xd9..=0xdb => {
                let len = self.len(1 << (marker - 0xd9))?;
                return self.bytes(len).map(Head::Text);
            }
            0xdc => return self.len(2).map(Head::List),
            0xdd => return self.len(4).map(Head::List),
            0xde => return self.len(2).map(Head::Map),
            0xdf => return self.len(4).map(Head::Map),
            0xe0..=0xff => i8::from_be_bytes([marker]).into(),
        };
        Ok(Head::Plain(plain))
    }

    fn extension(&mut self, len: usize) -> Result<Head<'a>, NotOneValue> {
        let [code] = self.array()?;
        Ok(Head::Extension(i8::from_be_bytes([code]), self.bytes(len)?))
    }

    fn value(&mut self) -> Result<Value, NotOneValue> {
        match self.head()? {
            Head::Plain(value) => Ok(value),
            Head::Float(value) => Ok(float(value)),
            Head::Text(bytes) => text(bytes),
            Head::Binary(bytes) => Ok(binary(bytes)),
            Head::Extension(code, bytes) => Ok(json!({ "$ext": code, "hex": hex(bytes) })),
            Head::List(len) => {
                (0..len).map(|_| self.value()).collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Head::Map(len) => self.map(len),
        }
    }

    fn map(&mut self, len: usize) -> Result<Value, NotOneValue> {
        let pairs =
            (0..len).map(|_| Ok((self.value()?, self.value()?))).collect::<Result<Vec<_>, NotOneValue>>()?;
        let mut map = Map::new();
        for (key, value) in &pairs {
            match key {
                Value::String(key) if !key.starts_with('$') && !map.contains_key(key) => {
                    map.insert(key.clone(), value.clone());
                }
                _ => return Ok(json!({ "$map": pairs })),
            }
        }
        Ok(Value::Object(map))
    }

    /// Takes the next value and says whether it is `recorded`. After a no the rest is of no use.
    fn is(&mut self, recorded: &Value) -> Result<bool, NotOneValue> {
        if recorded.get("$py").is_some() {
            return self.value().map(|_| true);
        }
        let pairs = recorded.get("$map").and_then(Value::as_array);
        match (self.head()?, recorded) {
            (Head::Plain(value), _) => Ok(value == *recorded),
            (Head::Float(value), _) => Ok(float(value) == *recorded),
            (Head::Text(bytes), _) => Ok(text(bytes)? == *recorded),
            (Head::Binary(bytes), _) => Ok(binary(bytes) == *recorded),
            (Head::Extension(code, bytes), _) => Ok(is_extension(recorded, code, bytes)),
            (Head::List(len), Value::Array(members)) if members.len() == len => {
                members.iter().try_fold(true, |all, member| Ok(all && self.is(member)?))
            }
            (Head::Map(len), _) if pairs.is_some_and(|pairs| pairs.len() == len) => {
                let members = pairs.into_iter().flatten().filter_map(Value::as_array).flatten();
                members.into_iter().try_fold(true, |all, member| Ok(all && self.is(member)?))
            }
            (Head::Map(len), Value::Object(members)) if members.len() == len => {
                (0..len).try_fold(true, |all, _| Ok(all && self.is_member(members)?))
            }
            _ => Ok(false),
        }
    }

    fn is_member(&mut self, members: &Map<String, Value>) -> Result<bool, NotOneValue> {
        let Head::Text(key) = self.head()? else { return Ok(false) };
        match std::str::from_utf8(key).ok().and_then(|key| members.get(key)) {
            Some(member) => self.is(member),
            None => Ok(false),
        }
    }
}

fn is_extension(recorded: &Value, code: i8, bytes: &[u8]) -> bool {
    recorded.get("$ext") == Some(&code.into())
        && match (recorded.get("hex"), recorded.get("sha256")) {
            (Some(spelled), _) => *spelled == hex(bytes),
            (None, Some(digest)) => *digest == sha256(bytes),
            (None, None) => false,
        }
}

fn text(bytes: &[u8]) -> Result<Value, NotOneValue> {
    if bytes.len() > MAX_STR {
        return Ok(json!({ "$str_len": bytes.len(), "$str_sha256": sha256(bytes) }));
    }
    std::str::from_utf8(bytes).map(Value::from).map_err(|_| NotOneValue)
}

fn binary(bytes: &[u8]) -> Value {
    if bytes.len() > MAX_BIN {
        json!({ "$bin_len": bytes.len(), "$bin_sha256": sha256(bytes) })
    } else {
        json!({ "$bin": hex(bytes) })
    }
}

fn float(value: f64) -> Value {
    Number::from_f64(value)
        .map_or_else(|| json!({ "$float": value.to_string().to_lowercase() }), Value::Number)
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_values_as_the_recordings_do() {
        let cases: [(&[u8], Value); 7] = [
            (&[0xd0, 0xff], json!(-1)),
            (&[0xcf, 255, 255, 255, 255, 255, 255, 255, 255], json!(u64::MAX)),
            (&[0xcb, 0xff, 0xf0, 0, 0, 0, 0, 0, 0], json!({ "$float": "-inf" })),
            (&[0xc4, 2, 0, 0xff], json!({ "$bin": "00ff" })),
            (&[0xd4, 7, 1], json!({ "$ext": 7, "hex": "01" })),
            (&[0x81, 1, 2], json!({ "$map": [[1, 2]] })),
            (&[0x82, 0xa1, b'a', 0xc0, 0xa1, b'b', 0x91, 0xc3], json!({ "a": null, "b": [true] })),
        ];
        for (bytes, expected) in cases {
            assert_eq!(to_json(bytes), Ok(expected.clone()));
            assert!(matches(&expected, bytes));
        }
        assert_eq!(to_json(&[0xc0, 0xc0]), Err(NotOneValue));
        assert_eq!(to_json(&[0x92, 0]), Err(NotOneValue));
        assert!(!matches(&json!(1), &[0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]), "1 is not 1.0");
    }
}
