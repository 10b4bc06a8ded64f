//! Ids for the dialogs we open.

use alloc::{string::String, sync::Arc};
use core::fmt::Write as _;

/// Makes uuid4-shaped texts from a seed. The same seed gives the same ids.
#[derive(Debug, Clone)]
pub(crate) struct CidSource(u64);

impl CidSource {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next id. (W-17)
    pub(crate) fn next(&mut self) -> Arc<str> {
        let (high, low) = (self.random(), self.random());
        let bits =
            (u128::from(high) << 64 | u128::from(low)) & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let mut text = String::with_capacity(36);
        for (at, byte) in bits.to_be_bytes().into_iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.into()
    }

    /// SplitMix64.
    const fn random(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    /// W-17.
    #[test]
    fn ids_have_the_shape_of_a_uuid4_and_do_not_repeat() {
        let mut source = CidSource::new(7);
        let ids: BTreeSet<_> = (0..1000).map(|_| source.next()).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            let parts: alloc::vec::Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12]);
            assert_eq!(&id[14..15], "4");
            assert!("89ab".contains(&id[19..20]), "{id}");
        }
    }
}
