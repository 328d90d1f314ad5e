//! Ids that are functions of what they name, so that sending again is sending the same.

use sha2::{Digest, Sha256};
use std::collections::HashMap;
use uuid::Uuid;

/// The namespace of every UUIDv5 that imports derive: UUIDv5 of the URL namespace and "tag:tandem,2026:import". It never changes, since the
/// ids of all that was ever imported rest on it.
pub const NAMESPACE: Uuid = Uuid::from_u128(0xf906_260f_be01_5f7e_8cd3_6e3c_40e6_b32c);

/// A UUIDv5 name of several parts, each as its length in bytes, a colon, itself and a comma (a netstring), so that no two lists of parts
/// have the same name.
pub fn name<'a>(parts: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut name = Vec::new();
    for part in parts {
        name.extend_from_slice(part.len().to_string().as_bytes());
        name.push(b':');
        name.extend_from_slice(part.as_bytes());
        name.push(b',');
    }
    name
}

/// The UUIDv5 of some parts.
pub fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Uuid {
    Uuid::new_v5(&NAMESPACE, &name(parts))
}

/// Numbers equal rows of a file from 1, so that rows without a key have ids: equal rows are interchangeable, and the same file gives the
/// same ids in whichever order they come.
#[derive(Debug, Default)]
pub struct Ordinals(HashMap<[u8; 16], u32>);

impl Ordinals {
    /// The digest of a row's columns, in the order of their names, and the row's ordinal among those that are equal.
    pub fn next<'a>(&mut self, columns: impl Iterator<Item = (&'a str, &'a str)>) -> (String, u32) {
        let mut columns: Vec<_> = columns.collect();
        columns.sort_unstable();
        let content = of(columns.into_iter().flat_map(|(name, value)| [name, value]));
        let ordinal = self.0.entry(content.into_bytes()).or_default();
        *ordinal += 1;
        (content.to_string(), *ordinal)
    }
}

/// How a person's key in the source becomes a pseudonym. The key itself is never sent.
#[derive(Clone, Debug)]
pub enum Pseudonyms {
    /// UUIDv5 of source and key: anyone who has the source's keys can compute it. For published data whose keys name nobody.
    Public,
    /// The first half of HMAC-SHA-256 of source and key, under a secret that only the importer holds.
    Keyed(Vec<u8>),
}

impl Pseudonyms {
    /// `source:32 hexadecimal digits`.
    pub fn of(&self, source: &str, key: &str) -> String {
        let digits = match self {
            Self::Public => of(["person", source, key]).simple().to_string(),
            Self::Keyed(secret) => hmac_sha256(secret, &name(["person", source, key]))[..16].iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        format!("{source}:{digits}")
    }
}

/// RFC 2104.
fn hmac_sha256(secret: &[u8], message: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut key = [0u8; BLOCK];
    match secret.len() <= BLOCK {
        true => key[..secret.len()].copy_from_slice(secret),
        false => key[..32].copy_from_slice(&Sha256::digest(secret)),
    }
    let padded = |pad: u8| key.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_is_what_it_says() {
        assert_eq!(NAMESPACE, Uuid::new_v5(&Uuid::NAMESPACE_URL, b"tag:tandem,2026:import"));
    }

    #[test]
    fn parts_cannot_run_into_each_other() {
        assert_eq!(name(["ab", "c"]), b"2:ab,1:c,");
        assert_ne!(of(["ab", "c"]), of(["a", "bc"]));
        assert_ne!(of(["a", ""]), of(["a"]));
    }

    #[test]
    fn equal_rows_are_numbered_whatever_the_order_of_their_columns() {
        let mut ordinals = Ordinals::default();
        let first = ordinals.next([("a", "1"), ("b", "2")].into_iter());
        let second = ordinals.next([("b", "2"), ("a", "1")].into_iter());
        let other = ordinals.next([("a", "2"), ("b", "1")].into_iter());
        assert_eq!((first.1, second.1, other.1), (1, 2, 1));
        assert_eq!(first.0, second.0);
        assert_ne!(first.0, other.0);
    }

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(hmac_sha256(b"Jefe", b"what do ya want for nothing?")), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let message = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(hex(hmac_sha256(&[0xaa; 131], message)), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn a_pseudonym_does_not_hold_the_key() {
        for pseudonyms in [Pseudonyms::Public, Pseudonyms::Keyed(b"0123456789abcdef".to_vec())] {
            let pseudonym = pseudonyms.of("atus", "20030100013280");
            assert!(pseudonym.starts_with("atus:") && pseudonym.len() == 5 + 32 && !pseudonym.contains("20030100013280"));
            assert_eq!(pseudonym, pseudonyms.of("atus", "20030100013280"));
            assert_ne!(pseudonym, pseudonyms.of("atus", "20030100013281"));
        }
    }
}
