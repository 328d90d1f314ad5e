//! Page tokens of value answers: bound to the question, and after a key rather than a number of rows, so that rows that come or go
//! between two pages neither repeat nor hide others.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;
use sha2::{Digest, Sha256};
use tandem_proto::v1::{GroupKey, QueryValueRequest, ValueRow};

/// Version of the token's form.
const VERSION: u8 = 1;
/// Bytes of a question's digest: enough to tell questions apart; a token is no secret.
const DIGEST: usize = 16;
/// Largest page, encoded: most clients take 4 MiB at once.
const PAGE_BYTES_MAX: usize = 3 * 1024 * 1024;

/// What a question asks, without how it is paged and waited for.
pub(crate) fn digest(question: &QueryValueRequest) -> [u8; DIGEST] {
    let bare = QueryValueRequest { at_least: Vec::new(), page_size: 0, page_token: String::new(), ..question.clone() };
    let mut digest = [0; DIGEST];
    digest.copy_from_slice(&Sha256::digest(bare.encode_to_vec())[..DIGEST]);
    digest
}

/// What rows are ordered by.
pub(crate) fn order(keys: &[GroupKey]) -> Vec<(&str, bool, bool)> {
    keys.iter().map(|key| (key.value.as_str(), key.coarser, key.overlaps)).collect()
}

/// The token of the page after this row.
fn token(digest: [u8; DIGEST], last: &ValueRow) -> String {
    // Labels are no part of a key.
    let keys = last.keys.iter().map(|key| GroupKey { label: String::new(), ..key.clone() }).collect();
    let row = ValueRow { keys, values: Vec::new() };
    let bytes = [&[VERSION][..], &digest, &row.encode_to_vec()].concat();
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The keys of the row after which a page begins; `None` if it is no token of this question.
pub(crate) fn after(token: &str, digest: [u8; DIGEST]) -> Option<Vec<GroupKey>> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (head, row) = bytes.split_at_checked(1 + DIGEST)?;
    (head[0] == VERSION && head[1..] == digest).then_some(())?;
    Some(ValueRow::decode(row).ok()?.keys)
}

/// Cuts a page from ordered rows: after `after`, at most `size` rows and about [`PAGE_BYTES_MAX`], and the token of the next.
pub(crate) fn cut(rows: Vec<ValueRow>, after: Option<&[GroupKey]>, size: usize, digest: [u8; DIGEST]) -> (Vec<ValueRow>, String) {
    let start = after.map_or(0, |after| rows.partition_point(|row| order(&row.keys) <= order(after)));
    let left = rows.len() - start;
    let mut bytes = 0;
    let fits = |row: &ValueRow| {
        bytes += row.encoded_len() + 4;
        bytes <= PAGE_BYTES_MAX
    };
    let count = rows[start..].iter().take(size).take_while({
        let mut fits = fits;
        move |row| fits(row)
    });
    // One row at least, however large, or a page would never move on.
    let count = count.count().max(left.min(1));
    let page: Vec<ValueRow> = rows.into_iter().skip(start).take(count).collect();
    let next = match page.last() {
        Some(last) if count < left => token(digest, last),
        _ => String::new(),
    };
    (page, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: &str) -> ValueRow {
        ValueRow { keys: vec![GroupKey { value: value.into(), label: "a name".into(), ..Default::default() }], values: Vec::new() }
    }

    fn values(rows: &[ValueRow]) -> Vec<&str> {
        rows.iter().map(|row| row.keys[0].value.as_str()).collect()
    }

    #[test]
    fn pages_follow_each_other_whatever_comes_or_goes_between() {
        let rows = || ["a", "b", "c", "d"].map(row).to_vec();
        let digest = [7; DIGEST];
        let (page, next) = cut(rows(), None, 2, digest);
        assert_eq!(values(&page), ["a", "b"]);
        let keys = after(&next, digest).unwrap();
        let changed = ["a", "aa", "bb", "c"].map(row).to_vec();
        let (page, next) = cut(changed, Some(&keys), 2, digest);
        assert_eq!((values(&page), next.as_str()), (vec!["bb", "c"], ""));
        let (page, next) = cut(Vec::new(), Some(&keys), 2, digest);
        assert!(page.is_empty() && next.is_empty());
    }

    #[test]
    fn a_token_is_of_one_question() {
        let question = QueryValueRequest { metrics: vec!["citizen_value".into()], page_size: 5, ..Default::default() };
        let other = QueryValueRequest { metrics: vec!["state_value".into()], ..question.clone() };
        let next = token(digest(&question), &row("a"));
        assert!(after(&next, digest(&QueryValueRequest { page_size: 9, page_token: next.clone(), ..question })).is_some());
        assert!(after(&next, digest(&other)).is_none());
        assert!(after("nonsense", digest(&other)).is_none());
    }

    #[test]
    fn a_page_ends_before_it_is_too_large() {
        let rows: Vec<ValueRow> = (0..5).map(|n| row(&format!("{n}{}", "x".repeat(1024 * 1024)))).collect();
        assert_eq!(cut(rows, None, 100, [0; DIGEST]).0.len(), 2);
        let huge = vec![row(&"x".repeat(4 * 1024 * 1024)), row("y")];
        let (page, next) = cut(huge, None, 100, [0; DIGEST]);
        assert_eq!((page.len(), next.is_empty()), (1, false));
    }
}
