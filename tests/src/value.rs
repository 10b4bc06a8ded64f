//! MessagePack values as the JSON of the recordings.
//!
//! The reading here is independent of the core on purpose: it is what the core is checked against.

use std::fmt::Write as _;

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
    to_json(bytes).is_ok_and(|value| alike(recorded, &value))
}

fn alike(recorded: &Value, value: &Value) -> bool {
    match (recorded, value) {
        (Value::Object(left), _) if left.contains_key("$py") => true,
        (Value::Object(left), Value::Object(right))
            if left.contains_key("$ext") && left.contains_key("sha256") =>
        {
            left.get("$ext") == right.get("$ext")
                && left.get("sha256") == right.get("hex").and_then(digest_of_hex).as_ref()
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, one)| right.get(key).is_some_and(|other| alike(one, other)))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(one, other)| alike(one, other))
        }
        _ => recorded == value,
    }
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

    fn value(&mut self) -> Result<Value, NotOneValue> {
        let [marker] = self.array()?;
        match marker {
            0x00..=0x7f => Ok(marker.into()),
            0x80..=0x8f => self.map(usize::from(marker & 0x0f)),
            0x90..=0x9f => self.list(usize::from(marker & 0x0f)),
            0xa0..=0xbf => self.text(usize::from(marker & 0x1f)),
            0xc0 => Ok(Value::Null),
            0xc1 => Err(NotOneValue),
            0xc2 => Ok(false.into()),
            0xc3 => Ok(true.into()),
            0xc4..=0xc6 => {
                let len = self.len(1 << (marker - 0xc4))?;
                Ok(binary(self.bytes(len)?))
            }
            0xc7..=0xc9 => {
                let len = self.len(1 << (marker - 0xc7))?;
                self.extension(len)
            }
            0xca => Ok(float(f32::from_be_bytes(self.array()?).into())),
            0xcb => Ok(float(f64::from_be_bytes(self.array()?))),
            0xcc => Ok(u8::from_be_bytes(self.array()?).into()),
            0xcd => Ok(u16::from_be_bytes(self.array()?).into()),
            0xce => Ok(u32::from_be_bytes(self.array()?).into()),
            0xcf => Ok(u64::from_be_bytes(self.array()?).into()),
            0xd0 => Ok(i8::from_be_bytes(self.array()?).into()),
            0xd1 => Ok(i16::from_be_bytes(self.array()?).into()),
            0xd2 => Ok(i32::from_be_bytes(self.array()?).into()),
            0xd3 => Ok(i64::from_be_bytes(self.array()?).into()),
            0xd4..=0xd8 => self.extension(1 << (marker - 0xd4)),
            0xd9..=0xdb => {
                let len = self.len(1 << (marker - 0xd9))?;
                self.text(len)
            }
            0xdc => self.len(2).and_then(|len| self.list(len)),
            0xdd => self.len(4).and_then(|len| self.list(len)),
            0xde => self.len(2).and_then(|len| self.map(len)),
            0xdf => self.len(4).and_then(|len| self.map(len)),
            0xe0..=0xff => Ok(i8::from_be_bytes([marker]).into()),
        }
    }

    fn list(&mut self, len: usize) -> Result<Value, NotOneValue> {
        (0..len).map(|_| self.value()).collect::<Result<Vec<_>, _>>().map(Value::Array)
    }

    fn text(&mut self, len: usize) -> Result<Value, NotOneValue> {
        let bytes = self.bytes(len)?;
        if len > MAX_STR {
            return Ok(json!({ "$str_len": len, "$str_sha256": sha256(bytes) }));
        }
        std::str::from_utf8(bytes).map(Value::from).map_err(|_| NotOneValue)
    }

    fn extension(&mut self, len: usize) -> Result<Value, NotOneValue> {
        let [code] = self.array()?;
        let (code, bytes) = (i8::from_be_bytes([code]), self.bytes(len)?);
        Ok(json!({ "$ext": code, "hex": hex(bytes) }))
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

fn digest_of_hex(text: &Value) -> Option<Value> {
    let bytes: Option<Vec<u8>> = text
        .as_str()?
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    Some(sha256(&bytes?).into())
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
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
