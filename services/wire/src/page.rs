//! Pages: how many rows, and from where. The tokens are a projection's, and of whoever merges the pages of several.

use crate::status::Failure;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;
use sha2::{Digest, Sha256};
use tandem_proto::v1::{GetStatusRequest, ListBooksRequest};

/// Rows of a page that asks for none in particular.
pub const DEFAULT: u32 = 100;
/// Rows of the largest page.
pub const MAX: u32 = 1_000;

/// Rows of a page: 1 to [`MAX`]; 0 is unset.
pub fn size(page_size: u32) -> Result<usize, Failure> {
    match page_size {
        0 => Ok(DEFAULT as usize),
        1..=MAX => Ok(page_size as usize),
        _ => Err(Failure::invalid("page_size", format!("is {page_size}; the limits are 1 and {MAX}"))),
    }
}

/// Bytes of the question that a token holds: enough to notice a mistake. It keeps nobody from anything.
const QUESTION_BYTES: usize = 8;

/// A question without its paging fields: a token of another one is refused.
pub struct Question([u8; QUESTION_BYTES]);

impl Question {
    /// `request` has its paging fields and `at_least` cleared; `method` tells questions apart that have the same fields.
    pub fn of(method: &str, request: &impl Message) -> Self {
        let digest = Sha256::new().chain_update(method).chain_update([0]).chain_update(request.encode_to_vec()).finalize();
        let mut head = [0; QUESTION_BYTES];
        head.copy_from_slice(&digest[..QUESTION_BYTES]);
        Self(head)
    }

    /// `GetStatus`, whose pages go on after a council.
    pub fn get_status(request: &GetStatusRequest) -> Self {
        Self::of("GetStatus", &GetStatusRequest { councils: request.councils.clone(), ..Default::default() })
    }

    /// `ListBooks`, whose pages go on after a council.
    pub fn list_books() -> Self {
        Self::of("ListBooks", &ListBooksRequest::default())
    }

    /// The token of the page that goes on after a key.
    pub fn token(&self, last: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode([&self.0[..], last].concat())
    }

    /// The key that a token goes on after; `None`: the first page.
    pub fn after(&self, token: &str) -> Result<Option<Vec<u8>>, Failure> {
        if token.is_empty() {
            return Ok(None);
        }
        let refuse = || Failure::invalid("page_token", "is not a token of this question: take it from the page before, and change nothing else");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refuse())?;
        match bytes.split_at_checked(QUESTION_BYTES) {
            Some((question, last)) if question == self.0 => Ok(Some(last.to_vec())),
            _ => Err(refuse()),
        }
    }

    /// Where a scan goes on: the least key after the token's, or the first.
    pub fn from(&self, token: &str) -> Result<Vec<u8>, Failure> {
        let after = self.after(token)?;
        Ok(after.map_or_else(Vec::new, |mut last| {
            last.push(0);
            last
        }))
    }

    /// The sequence that a token goes on after.
    pub fn after_sequence(&self, token: &str) -> Result<Option<u64>, Failure> {
        let refuse = |_| Failure::invalid("page_token", "is not a token of this question: take it from the page before");
        self.after(token)?.map(|last| last.try_into().map(u64::from_be_bytes).map_err(refuse)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_proto::v1::ListSuspenseRequest;

    #[test]
    fn a_token_belongs_to_its_question() {
        let request = ListSuspenseRequest { council: "E09000001".into(), ..Default::default() };
        let question = Question::of("ListSuspense", &request);
        let token = question.token(&7u64.to_be_bytes());
        assert_eq!(question.after_sequence(&token), Ok(Some(7)));
        assert_eq!(question.from(&token), Ok([&7u64.to_be_bytes()[..], &[0]].concat()));
        assert_eq!((question.after(""), question.from("")), (Ok(None), Ok(Vec::new())));
        let other = Question::of("ListSuspense", &ListSuspenseRequest { council: "E09000002".into(), ..Default::default() });
        for (question, token) in [(&other, token.as_str()), (&question, "x"), (&question, "AAAA"), (&question, "AAAAAAAAAAA")] {
            assert!(question.after(token).is_err(), "{token}");
        }
        assert!(question.after_sequence(&question.token(b"abc")).is_err());
    }

    #[test]
    fn page_sizes_have_limits() {
        assert_eq!([0, 1, 1_000].map(|asked| size(asked).unwrap()), [100, 1, 1_000]);
        assert_eq!(size(1_001), Err(Failure::invalid("page_size", "is 1001; the limits are 1 and 1000")));
    }
}
