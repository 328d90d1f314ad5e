//! Proofs about trees: made as RFC 6962, sections 2.1.1 and 2.1.2, define them, checked as RFC 9162, sections 2.1.3.2 and 2.1.4.2, say
//! (the two RFCs have the same proofs).

use crate::error::Error;
use crate::nodes::Nodes;
use crate::tree::{EMPTY_ROOT, Hash, node_hash, root_of};

/// Most hashes in a proof of either kind about a tree of at most 2^64 - 1 leaves. Inclusion needs at most 64, consistency one more.
pub const HASHES_MAX: usize = 65;

/// The largest power of two below `n`, which is at least 2: where RFC 6962 splits a tree.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The root of the tree's first `size` leaves.
pub fn root(nodes: &mut impl Nodes, size: u64) -> Result<Hash, Error> {
    reach("the root", size, nodes)?;
    range_root(nodes, 0, size)
}

/// The proof that leaf `index` is in the tree of the first `size` leaves: PATH(index, D[size]), from the leaf's sibling up.
pub fn inclusion(nodes: &mut impl Nodes, index: u64, size: u64) -> Result<Vec<Hash>, Error> {
    reach("an inclusion proof", size, nodes)?;
    if index >= size {
        return Err(Error::Beyond { what: format!("entry {index}"), size });
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range_root(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(range_root(nodes, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of the first `to` leaves begins with that of the first `from`: PROOF(from, D[to]). Empty if `from` is 0 or `to`.
pub fn consistency(nodes: &mut impl Nodes, from: u64, to: u64) -> Result<Vec<Hash>, Error> {
    reach("a consistency proof", to, nodes)?;
    if from > to {
        return Err(Error::Beyond { what: format!("size {from}"), size: to });
    }
    let (mut start, mut end) = (0, to);
    let mut path = Vec::new();
    while from > 0 && from != end {
        let middle = start + split(end - start);
        if from <= middle {
            path.push(range_root(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(range_root(nodes, start, middle)?);
            start = middle;
        }
    }
    // The subtree that ends both: the verifier knows it only if it is the whole old tree.
    if from > 0 && start > 0 {
        path.push(range_root(nodes, start, end)?);
    }
    path.reverse();
    Ok(path)
}

fn reach(what: &str, size: u64, nodes: &impl Nodes) -> Result<(), Error> {
    if size > nodes.size() { Err(Error::Beyond { what: format!("{what} at size {size}"), size: nodes.size() }) } else { Ok(()) }
}

/// MTH(D[start:end]) of a range as RFC 6962 cuts them: it begins where a perfect tree of its largest part can.
fn range_root(nodes: &mut impl Nodes, start: u64, end: u64) -> Result<Hash, Error> {
    let mut perfect = Vec::new();
    let mut at = start;
    while at < end {
        let level = (end - at).ilog2();
        perfect.push(nodes.node(level, at >> level)?);
        at += 1 << level;
    }
    Ok(root_of(&perfect))
}

/// Checks that a leaf is entry `index` of the tree with this size and root.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), Error> {
    if index >= size {
        return Err(Error::Beyond { what: format!("entry {index}"), size });
    }
    let what = || format!("inclusion proof of entry {index} in the tree of size {size}");
    check_length(what, proof, inclusion_hashes(index, size))?;
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // The right edge has no siblings on the levels where it is a left child.
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    matches(|| format!("the root that the {} leads to", what()), hash, "the checkpoint", root)
}

/// Checks that the tree of size `to` and root `to_root` begins with that of size `from` and root `from_root`.
pub fn verify_consistency(from: u64, from_root: &Hash, to: u64, to_root: &Hash, proof: &[Hash]) -> Result<(), Error> {
    if from > to {
        return Err(Error::Beyond { what: format!("size {from}"), size: to });
    }
    let what = || format!("consistency proof from size {from} to {to}");
    check_length(what, proof, consistency_hashes(from, to))?;
    if from == 0 {
        return matches(|| "the root of size 0".to_owned(), *from_root, "RFC 6962", &EMPTY_ROOT);
    }
    if from == to {
        return matches(|| format!("one root of size {from}"), *from_root, "the other", to_root);
    }
    // A perfect old tree is itself the first hash.
    let (first, path) = if from.is_power_of_two() { (from_root, proof) } else { (&proof[0], &proof[1..]) };
    let shift = (from - 1).trailing_ones();
    let (mut node, mut last) = ((from - 1).checked_shr(shift).unwrap_or(0), (to - 1).checked_shr(shift).unwrap_or(0));
    let (mut old, mut new) = (*first, *first);
    for hash in path {
        if node & 1 == 1 || node == last {
            (old, new) = (node_hash(hash, &old), node_hash(hash, &new));
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            new = node_hash(&new, hash);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    matches(|| format!("the old root that the {} leads to", what()), old, "the older checkpoint", from_root)?;
    matches(|| format!("the new root that the {} leads to", what()), new, "the newer checkpoint", to_root)
}

fn check_length(what: impl Fn() -> String, proof: &[Hash], needed: usize) -> Result<(), Error> {
    if proof.len() == needed { Ok(()) } else { Err(Error::ProofLength { what: what(), found: proof.len(), needed }) }
}

fn matches(what: impl Fn() -> String, found: Hash, by: &str, expected: &Hash) -> Result<(), Error> {
    if found == *expected { Ok(()) } else { Err(Error::Mismatch { what: what(), found, by: by.to_owned(), expected: *expected }) }
}

/// Hashes in an inclusion proof: one for each level until the way to `index` parts from that to the last leaf, then one for each left
/// neighbour of the right edge.
fn inclusion_hashes(index: u64, size: u64) -> usize {
    let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
    (inner + index.checked_shr(inner).unwrap_or(0).count_ones()) as usize
}

/// Hashes in a consistency proof: those of an inclusion proof of the last perfect subtree of the old tree in the new one, and that
/// subtree's own unless it is the old tree.
fn consistency_hashes(from: u64, to: u64) -> usize {
    if from == 0 || from == to {
        return 0;
    }
    let level = from.trailing_zeros();
    // Perfect subtrees of that size which the new tree has, the last perhaps only in part.
    let (node, last) = ((from - 1) >> level, (to - 1) >> level);
    inclusion_hashes(node, last + 1) + usize::from(!from.is_power_of_two())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the number that the makers' loops come to, at every size to 300.
    #[test]
    fn proofs_have_as_many_hashes_as_are_asked_of_them() {
        struct Blank(u64);
        impl Nodes for Blank {
            fn size(&self) -> u64 {
                self.0
            }
            fn node(&mut self, level: u32, index: u64) -> Result<Hash, Error> {
                assert!((index + 1) << level <= self.0, "node {index} of level {level} is in the tree");
                Ok([0; 32])
            }
        }
        for to in 1..=300 {
            for from in 0..=to {
                let proof = consistency(&mut Blank(to), from, to).unwrap();
                assert_eq!(proof.len(), consistency_hashes(from, to), "from {from} to {to}");
                if from < to {
                    assert_eq!(inclusion(&mut Blank(to), from, to).unwrap().len(), inclusion_hashes(from, to), "entry {from} of {to}");
                }
            }
        }
        assert_eq!(inclusion_hashes(0, u64::MAX), 64);
        assert!(consistency_hashes(u64::MAX - 1, u64::MAX) <= HASHES_MAX);
    }
}
