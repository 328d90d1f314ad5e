//! Page tokens of value answers: bound to the question, and after a key rather than a number of rows, so that rows that come or go
//! between two pages neither repeat nor hide others.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;
use sha2::{Digest, Sha256};
use tandem_domain::metrics::{GroupKey, Partial};
use tandem_proto::v1::{self, QueryValueRequest, ValueRow};
use tandem_wire::partial::{from_key, to_key};

/// Version of the token's form.
const VERSION: u8 = 1;
/// Bytes of a question's digest: enough to tell questions apart; a token is no secret.
pub(crate) const DIGEST: usize = 16;
/// Largest page, encoded: most clients take 4 MiB at once.
const PAGE_BYTES_MAX: usize = 3 * 1024 * 1024;

/// What a question asks, without how it is paged and waited for.
pub(crate) fn digest(question: &QueryValueRequest) -> [u8; DIGEST] {
    let bare = QueryValueRequest { at_least: Vec::new(), page_size: 0, page_token: String::new(), ..question.clone() };
    let mut digest = [0; DIGEST];
    digest.copy_from_slice(&Sha256::digest(bare.encode_to_vec())[..DIGEST]);
    digest
}

/// Keys as they are sent, without names.
pub(crate) fn sent(keys: &[GroupKey]) -> Vec<v1::GroupKey> {
    keys.iter().cloned().map(to_key).collect()
}

/// What is sent of a group.
pub(crate) trait Sent {
    /// Its encoded bytes.
    fn bytes(&self) -> usize;
}

impl Sent for ValueRow {
    fn bytes(&self) -> usize {
        self.encoded_len()
    }
}

/// The token of the page after this group.
fn token(digest: [u8; DIGEST], last: &[GroupKey]) -> String {
    let row = ValueRow { keys: sent(last), values: Vec::new() };
    URL_SAFE_NO_PAD.encode([&[VERSION][..], &digest, &row.encode_to_vec()].concat())
}

/// The keys after which a page begins; `None` if it is no token of this question.
pub(crate) fn after(token: &str, digest: [u8; DIGEST]) -> Option<Vec<GroupKey>> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (head, row) = bytes.split_at_checked(1 + DIGEST)?;
    (head[0] == VERSION && head[1..] == digest).then_some(())?;
    ValueRow::decode(row).ok()?.keys.into_iter().map(|key| from_key(key).ok()).collect()
}

/// A page's rows from groups in ascending order of their keys: those after `after`, at most `size` and about [`PAGE_BYTES_MAX`]; and the
/// token of the next page, empty if there is none.
pub(crate) fn cut<T: Sent>(
    groups: &[Partial],
    after: Option<&[GroupKey]>,
    size: usize,
    digest: [u8; DIGEST],
    row: impl Fn(&Partial) -> T,
) -> (Vec<T>, String) {
    let start = after.map_or(0, |after| groups.partition_point(|group| group.keys.as_slice() <= after));
    let mut rows = Vec::new();
    let mut bytes = 0;
    for group in groups[start..].iter().take(size) {
        let row = row(group);
        bytes += row.bytes() + 4;
        // One row at least, however large, or a page would never move on.
        if bytes > PAGE_BYTES_MAX && !rows.is_empty() {
            break;
        }
        rows.push(row);
    }
    let next = start + rows.len();
    let token = if next > start && next < groups.len() { token(digest, &groups[next - 1].keys) } else { String::new() };
    (rows, token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_domain::metrics::Dimension;

    fn groups(values: &[&str]) -> Vec<Partial> {
        let key = |value: &&str| GroupKey { dimension: Dimension::Service, value: value.to_string(), coarser: false, overlaps: false };
        values.iter().map(|value| Partial { keys: vec![key(value)], ..Partial::default() }).collect()
    }

    fn row(group: &Partial) -> ValueRow {
        ValueRow { keys: sent(&group.keys), values: Vec::new() }
    }

    fn values(rows: &[ValueRow]) -> Vec<&str> {
        rows.iter().map(|row| row.keys[0].value.as_str()).collect()
    }

    #[test]
    fn pages_follow_each_other_whatever_comes_or_goes_between() {
        let digest = [7; DIGEST];
        let (page, next) = cut(&groups(&["a", "b", "c", "d"]), None, 2, digest, row);
        assert_eq!(values(&page), ["a", "b"]);
        let keys = after(&next, digest).unwrap();
        let (page, next) = cut(&groups(&["a", "aa", "bb", "c"]), Some(&keys), 2, digest, row);
        assert_eq!((values(&page), next.as_str()), (vec!["bb", "c"], ""));
        let (page, next) = cut(&[], Some(&keys), 2, digest, row);
        assert!(page.is_empty() && next.is_empty());
    }

    #[test]
    fn a_token_is_of_one_question() {
        let question = QueryValueRequest { metrics: vec!["citizen_value".into()], page_size: 5, ..Default::default() };
        let other = QueryValueRequest { metrics: vec!["state_value".into()], ..question.clone() };
        let next = token(digest(&question), &groups(&["a"])[0].keys);
        assert!(after(&next, digest(&QueryValueRequest { page_size: 9, page_token: next.clone(), ..question })).is_some());
        assert!(after(&next, digest(&other)).is_none());
        assert!(after("nonsense", digest(&other)).is_none());
    }

    #[test]
    fn a_page_ends_before_it_is_too_large() {
        let large = |megabytes: usize| "x".repeat(megabytes * 1024 * 1024);
        let names: Vec<String> = (0..5).map(|n| format!("{n}{}", large(1))).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(cut(&groups(&names), None, 100, [0; DIGEST], row).0.len(), 2);
        let (page, next) = cut(&groups(&[&large(4), "y"]), None, 100, [0; DIGEST], row);
        assert_eq!((page.len(), next.is_empty()), (1, false));
    }
}
