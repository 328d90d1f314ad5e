//! A small server that speaks as much of S3 as backups need: path style, in memory, pages of a few keys, and credentials looked at.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// Keys on a page of a list: few, so that every list has several.
const PAGE: usize = 7;

/// Who may use it.
pub const ACCESS_KEY: &str = "tandem-tests";
/// And their secret. Signatures are not recomputed; that there is one of this key is checked, and that it is of this very content.
pub const SECRET_KEY: &str = "not-much-of-a-secret";
/// The only bucket.
pub const BUCKET: &str = "backups";

/// Objects by key.
#[derive(Debug, Default)]
struct Bucket {
    objects: BTreeMap<String, (Bytes, SystemTime)>,
    /// Parts of uploads that are not complete, by upload and number.
    parts: BTreeMap<(String, u32), Bytes>,
    uploads: u64,
    pages: u64,
}

/// A server on a free port of this machine, for as long as the process runs.
#[derive(Clone, Debug)]
pub struct S3 {
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    bucket: Arc<Mutex<Bucket>>,
}

impl S3 {
    /// Starts one.
    pub fn start() -> Self {
        let bucket = Arc::new(Mutex::new(Bucket::default()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
        let router = Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(bucket.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
                axum::serve(listener, router).await.expect("it serves");
            });
        });
        Self { endpoint, bucket }
    }

    /// Variables for a process that uses it.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.into()),
            ("AWS_REGION", "eu-west-2".into()),
            ("AWS_ENDPOINT", self.endpoint.clone()),
            ("AWS_ALLOW_HTTP", "true".into()),
        ]
    }

    /// Every key.
    pub fn keys(&self) -> Vec<String> {
        self.bucket.lock().expect("no handler panics").objects.keys().cloned().collect()
    }

    /// Changes an object behind everybody's back; `None` removes it.
    pub fn change(&self, key: &str, change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) {
        let mut bucket = self.bucket.lock().expect("no handler panics");
        let (bytes, at) = bucket.objects.remove(key).expect("there is such an object");
        if let Some(bytes) = change(&bytes) {
            bucket.objects.insert(key.into(), (bytes.into(), at));
        }
    }

    /// Uploads in parts that were begun, and pages of lists that were answered.
    pub fn uploads_and_pages(&self) -> (u64, u64) {
        let bucket = self.bucket.lock().expect("no handler panics");
        (bucket.uploads, bucket.pages)
    }
}

async fn answer(State(bucket): State<Arc<Mutex<Bucket>>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let mut bucket = bucket.lock().expect("no handler panics");
    if let Err(why) = authorised(&headers, &body) {
        return xml(StatusCode::FORBIDDEN, format!("<Error><Code>AccessDenied</Code><Message>{why}</Message></Error>"));
    }
    let path = unescaped(uri.path());
    let (name, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    if name != BUCKET {
        return missing("NoSuchBucket");
    }
    let query: BTreeMap<String, String> = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
    bucket.answer(&method, key, &query, body)
}

fn pair(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (unescaped(name), unescaped(value))
}

impl Bucket {
    fn answer(&mut self, method: &Method, key: &str, query: &BTreeMap<String, String>, body: Bytes) -> Response<Body> {
        let upload = query.get("uploadId");
        match (method.as_str(), upload) {
            ("GET", _) if key.is_empty() => self.list(query),
            ("POST", None) if key.is_empty() && query.contains_key("delete") => self.delete_many(&body),
            ("POST", None) if query.contains_key("uploads") => {
                self.uploads += 1;
                xml(StatusCode::OK, format!("<InitiateMultipartUploadResult><UploadId>{}</UploadId></InitiateMultipartUploadResult>", self.uploads))
            }
            ("PUT", Some(upload)) => {
                let number = query["partNumber"].parse().expect("a number");
                let tag = tag(&body);
                self.parts.insert((upload.clone(), number), body);
                empty(StatusCode::OK, &tag)
            }
            ("POST", Some(upload)) => {
                let range = (upload.clone(), 0)..=(upload.clone(), u32::MAX);
                let whole: Bytes = self.parts.range(range).flat_map(|(_, part)| part.to_vec()).collect::<Vec<u8>>().into();
                let tag = tag(&whole);
                self.parts.retain(|(of, _), _| of != upload);
                self.objects.insert(key.into(), (whole, SystemTime::now()));
                xml(StatusCode::OK, format!("<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"))
            }
            ("PUT", None) => {
                let tag = tag(&body);
                self.objects.insert(key.into(), (body, SystemTime::now()));
                empty(StatusCode::OK, &tag)
            }
            ("GET" | "HEAD", _) => self.objects.get(key).map_or_else(|| missing("NoSuchKey"), |(bytes, at)| object(bytes, *at)),
            ("DELETE", _) => {
                self.objects.remove(key);
                empty(StatusCode::NO_CONTENT, "\"\"")
            }
            _ => xml(StatusCode::BAD_REQUEST, "<Error><Code>NotImplemented</Code></Error>".into()),
        }
    }

    fn list(&mut self, query: &BTreeMap<String, String>) -> Response<Body> {
        self.pages += 1;
        let prefix = query.get("prefix").cloned().unwrap_or_default();
        let after = query.get("continuation-token").cloned().unwrap_or_default();
        let mut found = self.objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after);
        let page: Vec<_> = found.by_ref().take(PAGE).collect();
        let mut text = String::from("<ListBucketResult>");
        for (key, (bytes, at)) in &page {
            let (size, at) = (bytes.len(), time(*at).0);
            // Writing to a String cannot fail.
            let _ =
                write!(text, "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>{at}</LastModified><ETag>{}</ETag></Contents>", tag(bytes));
        }
        if let (Some((last, _)), Some(_)) = (page.last(), found.next()) {
            let _ = write!(text, "<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>");
        }
        xml(StatusCode::OK, text + "</ListBucketResult>")
    }

    fn delete_many(&mut self, body: &Bytes) -> Response<Body> {
        let text = String::from_utf8_lossy(body);
        let mut answer = String::from("<DeleteResult>");
        for key in text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
            self.objects.remove(key);
            let _ = write!(answer, "<Deleted><Key>{key}</Key></Deleted>");
        }
        xml(StatusCode::OK, answer + "</DeleteResult>")
    }
}

/// A request names the key that signed it, and its content's hash if the client sent one.
fn authorised(headers: &HeaderMap, body: &Bytes) -> Result<(), &'static str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !text("authorization").starts_with(&format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/")) {
        return Err("no signature of a key that may");
    }
    let hash: String = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    match text("x-amz-content-sha256") {
        "UNSIGNED-PAYLOAD" => Ok(()),
        said if said == hash => Ok(()),
        _ => Err("the content is not what was signed"),
    }
}

fn tag(bytes: &[u8]) -> String {
    let hash: String = Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}\"")
}

fn object(bytes: &Bytes, at: SystemTime) -> Response<Body> {
    let answer = Response::builder().header("etag", tag(bytes)).header("last-modified", time(at).1).header("content-length", bytes.len());
    answer.body(bytes.clone().into()).expect("headers of ours")
}

fn empty(status: StatusCode, tag: &str) -> Response<Body> {
    Response::builder().status(status).header("etag", tag).body(Body::empty()).expect("headers of ours")
}

fn xml(status: StatusCode, text: String) -> Response<Body> {
    Response::builder().status(status).header("content-type", "application/xml").body(text.into()).expect("headers of ours")
}

fn missing(code: &str) -> Response<Body> {
    xml(StatusCode::NOT_FOUND, format!("<Error><Code>{code}</Code></Error>"))
}

/// Decodes %XX.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| after.get(..2)).flatten().and_then(|two| u8::from_str_radix(str::from_utf8(two).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// As in lists, and as in headers.
fn time(at: SystemTime) -> (String, String) {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = at.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
    let date = (0..).try_fold((days, 1970), |(days, year), _: u32| {
        let length = if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) { 366 } else { 365 };
        if days < length { Err((days, year, length)) } else { Ok((days - length, year + 1)) }
    });
    let Err((mut day, year, length)) = date else { unreachable!("some year holds the day") };
    let mut month = 0;
    for days in [31, length - 337, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < days {
            break;
        }
        (day, month) = (day - days, month + 1);
    }
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7) as usize];
    (format!("{year}-{:02}-{:02}T{clock}.000Z", month + 1, day + 1), format!("{weekday}, {:02} {} {year} {clock} GMT", day + 1, MONTHS[month]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_those_of_the_calendar() {
        // date -u -d @1709251199; date -u -d @1795780800
        for (seconds, list, header) in [
            (0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z", "Thu, 29 Feb 2024 23:59:59 GMT"),
            (1_795_780_800, "2026-11-27T12:00:00.000Z", "Fri, 27 Nov 2026 12:00:00 GMT"),
        ] {
            assert_eq!(time(UNIX_EPOCH + Duration::from_secs(seconds)), (list.into(), header.into()));
        }
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(unescaped("a%2Fb%20c%"), "a/b c%");
    }
}
