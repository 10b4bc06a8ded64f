//! Maps with distinct names as keys. (W-24)

use alloc::vec::Vec;

use super::cursor::Cursor;
use super::error::{Refusal, What, refuse};
use super::text::{Text, checked_text};

/// Names that are compared one by one.
const FEW: usize = 8;

impl<'a> Cursor<'a> {
    /// A map with distinct names as keys. `value` reads each value, the name given. (W-24)
    #[inline]
    pub(crate) fn names(
        &mut self,
        field: &'static str,
        value: impl FnMut(&mut Self, Text<'a>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let entries = self.map(|found| What::Type { field, expected: "map", found })?;
        if entries <= FEW {
            self.few_names(entries, field, value)
        } else {
            self.many_names(entries, field, value)
        }
    }

    /// A map with distinct names as keys, values unread and of at most `levels` levels less one.
    #[inline]
    pub(crate) fn raw_names(&mut self, field: &'static str, levels: usize) -> Result<&'a [u8], Refusal> {
        let start = self.clone();
        let inner = levels.saturating_sub(1);
        let mut cursor = self.clone();
        cursor.names(field, |cursor, _| cursor.skip(inner))?;
        *self = cursor;
        Ok(self.since(&start))
    }

    #[inline]
    fn few_names(
        &mut self,
        entries: usize,
        field: &'static str,
        mut value: impl FnMut(&mut Self, Text<'a>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut names: [&[u8]; FEW] = [&[]; FEW];
        for at in 0..entries.min(FEW) {
            let offset = self.offset();
            let name = checked_text(self.key()?, field, usize::MAX, offset)?;
            let (earlier, later) = names.split_at_mut(at);
            if earlier.iter().any(|earlier| *earlier == name.as_bytes()) {
                return Err(again(field, offset));
            }
            if let Some(place) = later.first_mut() {
                *place = name.as_bytes();
            }
            value(self, name)?;
        }
        Ok(())
    }

    /// Of many names the places are kept, four bytes each, which is twice what the shortest entry has on
    /// the wire, and sorted by name at the end: one that is repeated stands beside itself. (W-40)
    #[inline(never)]
    fn many_names(
        &mut self,
        entries: usize,
        field: &'static str,
        mut value: impl FnMut(&mut Self, Text<'a>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let map = self.clone();
        let mut places: Vec<u32> = Vec::new();
        for _ in 0..entries {
            let offset = self.offset();
            let name = checked_text(self.key()?, field, usize::MAX, offset)?;
            // No frame is longer than a place can tell.
            let Ok(place) = u32::try_from(offset.saturating_sub(map.offset())) else {
                let (len, limit) = (map.rest().len(), u32::MAX as usize);
                return Err(refuse(What::TooLong { field, len, limit }, map.offset()));
            };
            places.push(place);
            value(self, name)?;
        }
        let name = |place: u32| {
            let key = map.rest().get(place as usize..).unwrap_or_default();
            Cursor::new(key).key().unwrap_or_default()
        };
        places.sort_unstable_by(|&one, &other| (name(one), one).cmp(&(name(other), other)));
        let repeated = places.windows(2).filter_map(|pair| match *pair {
            [earlier, place] if name(earlier) == name(place) => Some(place),
            _ => None,
        });
        match repeated.min() {
            Some(place) => Err(again(field, map.offset().saturating_add(place as usize))),
            None => Ok(()),
        }
    }
}

#[cold]
fn again(field: &'static str, offset: usize) -> Refusal {
    refuse(What::DuplicateName { field }, offset)
}
