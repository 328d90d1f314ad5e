//! Who calls. Every server knows its callers by bearer tokens, of which it keeps only hashes:
//!
//! ```toml
//! [[principal]]
//! name = "veolia-import"
//! token_sha256 = "…64 hexadecimal digits: printf %s "$TOKEN" | sha256sum…"
//! councils = ["E09000001"]        # or ["*"]
//! sources = ["veolia/*"]          # exact ids, prefixes that end in *, or ["*"]; what it may write as
//! roles = ["writer"]              # writer, officer, reader, auditor
//! ```
//!
//! A token is at least 128 random bits (`openssl rand -hex 32`), which is why a plain hash is enough. A name may stand twice, with the
//! old and the new token, while a token is being changed.

use crate::{Error, status::Failure};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::{fs, path::Path, sync::Arc};
use tandem_domain::event::{ID_BYTES_MAX, Invalid, is_council};
use tonic::{Status, metadata::MetadataMap};

/// What a principal may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May record events of its sources.
    Writer,
    /// May record too, and reverse any source's events.
    Officer,
    /// May ask questions.
    Reader,
    /// May read entries with their contents.
    Auditor,
}

impl Role {
    fn bit(self) -> u8 {
        1 << self as u8
    }

    fn name(self) -> &'static str {
        match self {
            Self::Writer => "writer",
            Self::Officer => "officer",
            Self::Reader => "reader",
            Self::Auditor => "auditor",
        }
    }
}

/// Somebody who may call.
#[derive(Debug)]
pub struct Principal {
    name: String,
    roles: u8,
    /// `None`: all.
    councils: Option<HashSet<String>>,
    sources: Vec<Source>,
}

/// Which source ids.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Exact(String),
    Prefix(String),
}

impl Principal {
    /// Everybody on this machine, where authentication is off: all roles but officer, all councils and sources.
    fn local() -> Self {
        let roles = [Role::Writer, Role::Reader, Role::Auditor].map(Role::bit).iter().sum();
        Self { name: "local".into(), roles, councils: None, sources: vec![Source::Prefix(String::new())] }
    }

    /// Its name, at most 128 bytes, which every record that it writes carries.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has a role.
    pub fn has(&self, role: Role) -> bool {
        self.roles & role.bit() != 0
    }

    /// Whether it may see or write this council's ledger.
    pub fn may_council(&self, council: &str) -> bool {
        self.councils.as_ref().is_none_or(|councils| councils.contains(council))
    }

    /// Whether it may write as this source.
    pub fn may_source(&self, source: &str) -> bool {
        self.sources.iter().any(|allowed| match allowed {
            Source::Exact(id) => id == source,
            Source::Prefix(prefix) => source.starts_with(prefix.as_str()),
        })
    }

    /// Refuses a server that may not read everything for its own callers: it needs both reading roles and all councils.
    pub fn require_all_reading(&self) -> Result<(), Failure> {
        self.require(&[Role::Reader])?;
        self.require(&[Role::Auditor])?;
        match self.councils {
            None => Ok(()),
            Some(_) => {
                Err(Failure::Forbidden(Invalid::new("", format!("principal {} may not use every council: give it councils = [\"*\"]", self.name))))
            }
        }
    }

    /// Refuses unless it has one of these roles.
    pub fn require(&self, any_of: &[Role]) -> Result<(), Failure> {
        if any_of.iter().any(|&role| self.has(role)) {
            return Ok(());
        }
        let roles = any_of.iter().map(|role| role.name()).collect::<Vec<_>>().join(" or ");
        Err(Failure::Forbidden(Invalid::new("", format!("principal {} lacks the role {roles}: ask whoever keeps the tokens file", self.name))))
    }

    /// Refuses unless it may see this council; `field` is where the request named it.
    pub fn require_council(&self, field: &str, council: &str) -> Result<(), Failure> {
        if self.may_council(council) {
            return Ok(());
        }
        Err(Failure::Forbidden(Invalid::new(field, format!("principal {} may not use council {council}", self.name))))
    }
}

/// Knows callers by their tokens.
#[derive(Clone, Debug)]
pub struct Authenticator(Arc<Known>);

#[derive(Debug)]
enum Known {
    /// Authentication is off: one principal for all.
    Local(Arc<Principal>),
    /// By SHA-256 of the token. Looking up a hash gives no timing to learn a token from.
    Tokens(HashMap<[u8; 32], Arc<Principal>>),
}

impl Authenticator {
    /// Takes every caller for "local". For loopback only: see [`crate::listen::check_listen`].
    pub fn local() -> Self {
        Self(Arc::new(Known::Local(Arc::new(Principal::local()))))
    }

    /// Reads a tokens file.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })?;
        Self::from_toml(&text).map_err(|problem| Error::Tokens { path: path.into(), problem })
    }

    /// Reads a tokens file's text; says what is wrong with it.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| one_line(text, &error))?;
        let mut tokens = HashMap::new();
        for entry in file.principal {
            let about = format!("principal {:?}: ", entry.name);
            let (hash, principal) = entry.check().map_err(|problem| about.clone() + &problem)?;
            if tokens.insert(hash, Arc::new(principal)).is_some() {
                return Err(about + "another principal has the same token_sha256");
            }
        }
        if tokens.is_empty() {
            return Err("has no [[principal]], so nobody could call".into());
        }
        Ok(Self(Arc::new(Known::Tokens(tokens))))
    }

    /// Whether callers need a token.
    pub fn is_configured(&self) -> bool {
        matches!(*self.0, Known::Tokens(_))
    }

    /// Who calls, by the metadata `authorization: Bearer TOKEN`.
    pub fn authenticate(&self, metadata: &MetadataMap) -> Result<Arc<Principal>, Status> {
        let tokens = match &*self.0 {
            Known::Local(principal) => return Ok(principal.clone()),
            Known::Tokens(tokens) => tokens,
        };
        let refuse = |text| Status::from(Failure::Unauthenticated(text));
        let header = metadata.get("authorization").ok_or_else(|| refuse("a token is needed: send metadata `authorization: Bearer TOKEN`"))?;
        let token = bearer(header.as_bytes()).ok_or_else(|| refuse("authorization must be `Bearer TOKEN`"))?;
        let hash: [u8; 32] = Sha256::digest(token).into();
        tokens.get(&hash).cloned().ok_or_else(|| refuse("this token is not known here: check it, or ask whoever keeps the tokens file"))
    }
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter (RFC 7235).
fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = header.split_at_checked("Bearer ".len())?;
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then(|| token.trim_ascii())
}

/// toml shows errors over several lines, with the source; ours are one line, without (it could show a secret put in the wrong place).
fn one_line(text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    format!("line {line}: {}", error.message().replace('\n', " "))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    principal: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    token_sha256: String,
    #[serde(default)]
    councils: Vec<String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    roles: Vec<Role>,
}

impl Entry {
    fn check(self) -> Result<([u8; 32], Principal), String> {
        if self.name.len() > ID_BYTES_MAX || !is_id(&self.name) {
            return Err(format!("name must be 1 to {ID_BYTES_MAX} bytes of [A-Za-z0-9._/:-]"));
        }
        let hash = hash_from_hex(&self.token_sha256).ok_or("token_sha256 must be 64 hexadecimal digits (sha256sum of the token)")?;
        if hash[..] == Sha256::digest(b"")[..] {
            return Err("token_sha256 is that of an empty token".into());
        }
        if let Some(bad) = self.councils.iter().find(|council| *council != "*" && !is_council(council)) {
            return Err(format!("councils: {bad:?} is neither \"*\" nor 2 to 32 bytes of [A-Za-z0-9_-]"));
        }
        let sources = self.sources.into_iter().map(source).collect::<Result<_, _>>()?;
        let all_councils = self.councils.iter().any(|council| council == "*");
        let councils = (!all_councils).then(|| self.councils.into_iter().collect());
        let roles = self.roles.iter().fold(0, |roles, role| roles | role.bit());
        Ok((hash, Principal { name: self.name, roles, councils, sources }))
    }
}

fn source(pattern: String) -> Result<Source, String> {
    let (id, prefix) = pattern.strip_suffix('*').map_or((pattern.as_str(), false), |prefix| (prefix, true));
    if !(is_id(id) || prefix && id.is_empty()) {
        return Err(format!("sources: {pattern:?} is neither an id of [A-Za-z0-9._/:-] nor a prefix of one that ends in *"));
    }
    Ok(if prefix { Source::Prefix(id.into()) } else { Source::Exact(id.into()) })
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/:-".contains(&byte))
}

fn hash_from_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    (digits.len() == 64).then_some(bytes)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    /// printf %s secret | sha256sum
    const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    fn call(authenticator: &Authenticator, header: Option<&str>) -> Result<Arc<Principal>, Status> {
        let mut metadata = MetadataMap::new();
        if let Some(header) = header {
            metadata.insert("authorization", header.parse().unwrap());
        }
        authenticator.authenticate(&metadata)
    }

    fn tokens(rest: &str) -> Result<Authenticator, String> {
        Authenticator::from_toml(&format!("[[principal]]\nname = \"imports\"\ntoken_sha256 = \"{SECRET}\"\n{rest}"))
    }

    #[test]
    fn without_a_file_everybody_is_local_and_no_officer() {
        let local = Authenticator::local();
        assert!(!local.is_configured());
        let principal = call(&local, Some("Bearer whatever")).unwrap();
        assert_eq!(principal.name(), "local");
        assert!(principal.may_council("E09000001") && principal.may_source("any/source"));
        assert!([Role::Writer, Role::Reader, Role::Auditor].iter().all(|&role| principal.has(role)));
        assert!(!principal.has(Role::Officer));
    }

    #[test]
    fn a_token_is_known_by_its_hash() {
        let authenticator = tokens("roles = [\"writer\"]").unwrap();
        assert!(authenticator.is_configured());
        for header in ["Bearer secret", "bearer secret", "BEARER secret"] {
            assert_eq!(call(&authenticator, Some(header)).unwrap().name(), "imports");
        }
        for header in [None, Some(""), Some("Bearer"), Some("Bearer "), Some("Basic secret"), Some("Bearer Secret"), Some("secret")] {
            let status = call(&authenticator, header).unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated, "{header:?}");
            assert!(!status.message().contains("ecret"), "a token must not be echoed");
        }
    }

    #[test]
    fn councils_sources_and_roles_bind() {
        let authenticator = tokens("councils = [\"E09000001\"]\nsources = [\"crm\", \"bins/*\"]\nroles = [\"writer\", \"officer\"]").unwrap();
        let principal = call(&authenticator, Some("Bearer secret")).unwrap();
        assert!(principal.may_council("E09000001") && !principal.may_council("E09000002"));
        for (source, allowed) in [("crm", true), ("crm2", false), ("bins/", true), ("bins/north", true), ("bins", false), ("", false)] {
            assert_eq!(principal.may_source(source), allowed, "{source}");
        }
        assert!(principal.has(Role::Officer) && !principal.has(Role::Reader));
        assert!(principal.require(&[Role::Reader, Role::Writer]).is_ok());
        let status = Status::from(principal.require(&[Role::Reader, Role::Auditor]).unwrap_err());
        assert_eq!((status.code(), status.message().contains("reader or auditor")), (Code::PermissionDenied, true));
        let status = Status::from(principal.require_council("councils", "E09000002").unwrap_err());
        assert!(status.message().starts_with("councils: principal imports may not use council E09000002"));
    }

    #[test]
    fn nothing_is_allowed_that_is_not_said() {
        let principal = call(&tokens("").unwrap(), Some("Bearer secret")).unwrap();
        assert!(!principal.may_council("E09000001") && !principal.may_source("crm") && !principal.has(Role::Reader));
        let all = call(&tokens("councils = [\"*\"]\nsources = [\"*\"]").unwrap(), Some("Bearer secret")).unwrap();
        assert!(all.may_council("E09000001") && all.may_source("crm"));
    }

    #[test]
    fn a_server_in_between_needs_to_read_everything() {
        let of = |rest: &str| call(&tokens(rest).unwrap(), Some("Bearer secret")).unwrap().require_all_reading();
        assert_eq!(of("councils = [\"*\"]\nroles = [\"reader\", \"auditor\"]"), Ok(()));
        for rest in ["councils = [\"*\"]\nroles = [\"reader\"]", "councils = [\"E09000001\"]\nroles = [\"reader\", \"auditor\"]"] {
            assert!(matches!(of(rest), Err(Failure::Forbidden(_))), "{rest}");
        }
        assert_eq!(Principal::local().require_all_reading(), Ok(()));
    }

    #[test]
    fn a_bad_file_is_one_clear_line() {
        for (text, expected) in [
            ("", "has no [[principal]]"),
            ("[[principal]]\nname = \"a\"", "token_sha256"),
            ("[[principal]]\nname = \"a\"\ntoken_sha256 = \"abc\"", "64 hexadecimal digits"),
            ("[[principal]]\nname = \"a b\"\ntoken_sha256 = \"abc\"", "name must be"),
            ("[[principle]]", "line 1"),
            ("[[principal]]\nname = 1", "line 2"),
        ] {
            let problem = Authenticator::from_toml(text).map(drop).unwrap_err();
            assert!(problem.contains(expected) && !problem.contains('\n'), "{text:?}: {problem}");
        }
        for (rest, expected) in [
            ("councils = [\"x\"]", "councils"),
            ("sources = [\"a*b\"]", "sources"),
            ("sources = [\"\"]", "sources"),
            ("roles = [\"king\"]", "line 4"),
            ("role = [\"writer\"]", "line 4"),
        ] {
            let problem = tokens(rest).map(drop).unwrap_err();
            assert!(problem.contains(expected) && !problem.contains('\n'), "{rest:?}: {problem}");
        }
        let twice = format!("[[principal]]\nname = \"a\"\ntoken_sha256 = \"{SECRET}\"\n").repeat(2);
        assert!(Authenticator::from_toml(&twice).map(drop).unwrap_err().contains("same token_sha256"));
    }
}
