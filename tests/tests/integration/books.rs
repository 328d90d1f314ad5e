//! The published books, as anybody reads and verifies them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use tandem_book::checkpoint::{Opened, Trust, open};
use tandem_book::receipt::Receipt;
use tandem_book::tile::{Kind, Tile};
use tandem_book::{Error, verify};
use tandem_proto::v1::{GetReceiptRequest, ListBooksRequest, Side};
use tandem_tests::client::{Gateway, audit, batch_request, connect};
use tandem_tests::given::{COUNCIL, contributed, contribution, event_id, measure_defined, service_defined};
use tandem_tests::server::{PATIENCE, Server, run};
use tonic::Code;
use tonic::transport::Channel;

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// A plain HTTP request.
fn ask(server: &Server, method: &str, path: &str) -> Answer {
    let mut socket = std::net::TcpStream::connect(&server.http).unwrap();
    write!(socket, "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.http).unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Answer { status, headers: headers.collect(), body: answer[end + 4..].to_vec() }
}

fn get(server: &Server, rest: &str) -> Answer {
    ask(server, "GET", &format!("/books/{COUNCIL}/{rest}"))
}

/// Waits until so many entries are published.
fn checkpoint(server: &Server, trust: &Trust, size: u64) -> Opened {
    let started = Instant::now();
    loop {
        let answer = get(server, "checkpoint");
        if answer.status == 200 {
            let opened = open(&answer.body, trust).unwrap();
            if opened.checkpoint.size >= size {
                assert_eq!(opened.checkpoint.size, size);
                assert_eq!((&*answer.headers["content-type"], &*answer.headers["cache-control"]), ("text/plain; charset=utf-8", "no-cache"));
                return opened;
            }
        }
        assert!(started.elapsed() < PATIENCE, "{size} entries are not published");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn tile(server: &Server, tile: Tile) -> Result<Vec<u8>, Error> {
    let answer = get(server, &tile.to_string());
    match answer.status {
        200 => Ok(answer.body),
        status => Err(Error::Unreadable { tile: tile.to_string(), why: format!("HTTP {status}") }),
    }
}

async fn record(channel: &Channel, numbers: std::ops::Range<u64>) -> String {
    let batch: Vec<_> = numbers.map(|number| contributed(number, contribution())).collect();
    Gateway::new(channel).batch(batch_request(&batch, false)).await.unwrap().positions.remove(0).position
}

/// The vkey of the council's book, as the command line derives it from the key file.
fn vkey(file: &str) -> String {
    let output = run(&["keygen", "--show", file, "--council", COUNCIL]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_is_verified_from_what_the_server_publishes() {
    let data_dir = tempfile::tempdir().unwrap();
    let server = Server::start(data_dir.path()).unwrap();
    let file = data_dir.path().join("signing.key");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let trust = Trust::of(vkey(file.to_str().unwrap()).parse().unwrap());
    assert_eq!(trust.origin, format!("tandem.local/{COUNCIL}"));
    assert!(server.output().contains("made the key that signs the books"), "{}", server.output());
    assert_eq!(get(&server, "checkpoint").status, 404);

    let channel = connect(&server.grpc).await.unwrap();
    let catalogue = [service_defined(1), measure_defined(2, "tutoring", Side::Citizen)];
    Gateway::new(&channel).batch(batch_request(&catalogue, false)).await.unwrap();
    let position = record(&channel, 10..308).await;
    let first = checkpoint(&server, &trust, 300).checkpoint;
    verify::book(&|at| tile(&server, at), &first).unwrap();
    let last = record(&channel, 308..1_208).await;
    let second = checkpoint(&server, &trust, 1_200).checkpoint;
    verify::book(&|at| tile(&server, at), &second).unwrap();
    // What was published stays published, though its tiles have grown.
    verify::book(&|at| tile(&server, at), &first).unwrap();

    let answer = get(&server, "tile/entries/004.p/176");
    assert_eq!((answer.status, answer.body.len()), (200, 176 * 76));
    assert_eq!(
        (&*answer.headers["content-type"], &*answer.headers["cache-control"]),
        ("application/octet-stream", "public, max-age=31536000, immutable")
    );
    let head = ask(&server, "HEAD", &format!("/books/{COUNCIL}/tile/0/000"));
    assert_eq!((head.status, head.body.len(), &*head.headers["content-length"]), (200, 0, "8192"));
    let unknown =
        ["tile/0/004", "tile/0/004.p/177", "tile/1/000.p/5", "tile/0/4", "tile/0/004.p/0", "tile/entries/x000/004", "tile/2/000", "../x", "", "tile"];
    for rest in unknown {
        assert_eq!(get(&server, rest).status, 404, "{rest:?}");
    }
    for path in ["/books/E09000009/checkpoint", "/books/no%20council/checkpoint", "/books/", "/books", "/books/E09000001"] {
        assert_eq!(ask(&server, "GET", path).status, 404, "{path}");
    }
    assert_eq!(ask(&server, "POST", &format!("/books/{COUNCIL}/checkpoint")).status, 405);

    let books = audit(&channel).list_books(ListBooksRequest::default()).await.unwrap().into_inner().books;
    assert_eq!((books[0].published_size, &books[0].verifier_key), (1_200, &trust.log.to_string()));
    for (number, at_least) in [(10, position), (1_207, last)] {
        let request = GetReceiptRequest { council: COUNCIL.into(), event_id: event_id(number), at_least: vec![at_least], ..Default::default() };
        let answer = audit(&channel).get_receipt(request).await.unwrap().into_inner();
        let proved = Receipt::parse(answer.receipt.as_bytes()).unwrap().verify(&contributed(number, contribution()).event(), &trust).unwrap();
        assert_eq!((proved.sequence, proved.size), (number - 8, 1_200));
    }

    // Recorded a moment ago: there, but not published, or published meanwhile.
    let position = record(&channel, 2_000..2_001).await;
    let request = GetReceiptRequest { council: COUNCIL.into(), event_id: event_id(2_000), at_least: vec![position], ..Default::default() };
    match audit(&channel).get_receipt(request).await {
        Err(status) => assert_eq!(status.code(), Code::FailedPrecondition, "{status}"),
        Ok(answer) => assert_eq!(answer.into_inner().size, 1_201),
    }
    let third = checkpoint(&server, &trust, 1_201).checkpoint;

    // Killed: what was published is served again, and the book goes on from it.
    server.kill();
    let server = Server::start(data_dir.path()).unwrap();
    let channel = connect(&server.grpc).await.unwrap();
    record(&channel, 3_000..3_001).await;
    let fourth = checkpoint(&server, &trust, 1_202).checkpoint;
    for checkpoint in [&first, &second, &third, &fourth] {
        verify::book(&|at| tile(&server, at), checkpoint).unwrap();
    }
    assert!(Tile::at(Kind::Hashes(1), 0, 1_202).is_some_and(|at| tile(&server, at).is_ok()));
    assert_eq!(ask(&server, "GET", "/readyz").body, b"ready\n");
}

#[test]
fn a_server_signs_with_no_key_that_others_may_use_and_makes_no_second_one() {
    let data_dir = tempfile::tempdir().unwrap();
    let key = data_dir.path().join("my.key");
    let path = key.to_str().unwrap();
    assert!(run(&["keygen", "--out", path, "--book-name", "books.example.org"]).status.success());
    assert!(vkey(path).starts_with(&format!("books.example.org/{COUNCIL}+")));
    assert!(!run(&["keygen", "--out", path]).status.success(), "it would have overwritten a key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = Server::start_with(data_dir.path(), &["--signing-key", path]).unwrap_err();
    assert!(refused.output.contains("chmod 600"), "{}", refused.output);

    std::fs::create_dir(data_dir.path().join("checkpoints")).unwrap();
    std::fs::write(data_dir.path().join("checkpoints/E09000001.checkpoint"), "published before").unwrap();
    let refused = Server::start(data_dir.path()).unwrap_err();
    assert!(refused.output.contains("signing.key is missing"), "{}", refused.output);
}
