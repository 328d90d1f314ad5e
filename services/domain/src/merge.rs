//! How stored operands combine, for any store that can merge.

use crate::bitmap::Change;
use crate::bytes::Corrupt;
use crate::cell::Cell;
use crate::tables::Merge;

impl Merge {
    /// Combines a row, if there is one, with operands in order. With `partial` the result is itself an operand.
    pub fn combine<'a>(self, row: Option<&'a [u8]>, operands: impl IntoIterator<Item = &'a [u8]>, partial: bool) -> Result<Vec<u8>, Corrupt> {
        let mut out = Vec::new();
        match self {
            Self::Add => {
                let mut sum = row.map_or(Ok(Cell::default()), Cell::decode)?;
                for operand in operands {
                    sum = sum.checked_add(Cell::decode(operand)?).ok_or(Corrupt("Cell"))?;
                }
                sum.encode(&mut out);
            }
            Self::Sheet => out = crate::sheet::combine(row.into_iter().chain(operands))?,
            Self::Bitmap => {
                let mut sum = row.map_or(Ok(Change::default()), Change::decode)?;
                for operand in operands {
                    sum.then(&Change::decode(operand)?);
                }
                if !partial {
                    sum.removed.clear();
                }
                sum.encode(&mut out);
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(added: &[u32], removed: &[u32]) -> Vec<u8> {
        let mut out = Vec::new();
        Change { added: added.iter().copied().collect(), removed: removed.iter().copied().collect() }.encode(&mut out);
        out
    }

    #[test]
    fn bitmaps_merge_in_order_however_they_are_grouped() {
        let operands = [change(&[1, 2], &[]), change(&[], &[2]), change(&[3], &[1]), change(&[1], &[3])];
        let slices = || operands.iter().map(Vec::as_slice);
        let all = Merge::Bitmap.combine(None, slices(), false).unwrap();
        for cut in 0..=operands.len() {
            let head = Merge::Bitmap.combine(None, slices().take(cut), false).unwrap();
            let tail = Merge::Bitmap.combine(None, slices().skip(cut), true).unwrap();
            assert_eq!(Merge::Bitmap.combine(Some(&head), [tail.as_slice()], false).unwrap(), all);
        }
        assert_eq!(Change::decode(&all).unwrap().added.iter().collect::<Vec<_>>(), [1]);
    }
}
