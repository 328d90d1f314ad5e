//! What is not of its format is refused with a reason, and nothing that anybody can send makes a parser panic.

use crate::common::{Random, book, log_key};
use crate::receipts::case;
use tandem_book::checkpoint::{self, Checkpoint, Trust};
use tandem_book::key::{SigningKey, Use, VerifierKey, is_name};
use tandem_book::note::{Note, Signature};
use tandem_book::receipt::{Extra, Receipt};
use tandem_book::tile::{Kind, Tile};
use tandem_book::tree::Frontier;
use tandem_book::{Error, bundle};

fn refusals<T: std::fmt::Debug>(parse: impl Fn(&str) -> Result<T, Error>, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
        assert!(!error.contains('\n'), "one line: {error}");
    }
}

#[test]
fn tile_paths() {
    refusals(
        |path| path.parse::<Tile>(),
        &[
            ("", r#"tile path: "": does not begin with tile/"#),
            ("/tile/0/000", "does not begin with tile/"),
            ("checkpoint", "does not begin with tile/"),
            ("tile/0", "has no index"),
            ("tile/00/000", r#"tile path, level: "00" has a leading zero"#),
            ("tile/-1/000", r#""-1" is not a decimal number"#),
            ("tile/data/000", r#""data" is not a decimal number"#),
            ("tile/64/000", "the highest level is 63"),
            ("tile/0/", "a group of the index has three digits"),
            ("tile/0/0", "a group of the index has three digits"),
            ("tile/0/0000", "a group of the index has three digits"),
            ("tile/0/x000", "a group of the index has three digits"),
            ("tile/0/+00", "a group of the index has three digits"),
            ("tile/0/x000/001", "the index begins with an empty group"),
            ("tile/0/001/002", "all groups of the index but the last begin with x"),
            ("tile/0/x01/002", "a group of the index has three digits"),
            ("tile/0//002", "all groups of the index but the last begin with x"),
            ("tile/0//x001/002", "all groups of the index but the last begin with x"),
            ("tile/0/x001/002/", "all groups of the index but the last begin with x"),
            ("tile/0/x018/x446/x744/x073/x709/x551/616", "the index is larger than 2^64 - 1"),
            ("tile/0/x999/x999/x999/x999/x999/x999/x999/999", "the index is larger than 2^64 - 1"),
            ("tile/0/000.p/0", "a partial tile is 1 to 255 wide"),
            ("tile/0/000.p/256", "a partial tile is 1 to 255 wide"),
            ("tile/0/000.p/01", "has a leading zero"),
            ("tile/0/000.p/", "is not a decimal number"),
            ("tile/0/000.p", "a group of the index has three digits"),
            ("tile/0/000/p/1", "all groups of the index but the last begin with x"),
            ("tile/0/000?x", "a group of the index has three digits"),
        ],
    );
    assert!(Tile::new(Kind::Hashes(64), 0, 1).is_none() && Tile::new(Kind::Entries, 0, 0).is_none() && Tile::new(Kind::Entries, 0, 257).is_none());
}

#[test]
fn notes() {
    let good = "— a AAAAAAA=";
    refusals(
        |note| Note::parse(note.as_bytes()),
        &[
            ("", "note: has no empty line between text and signatures"),
            ("text\n", "has no empty line"),
            ("text\n\n", "signature lines: do not end with a newline"),
            (&format!("text\n\n{good}"), "do not end with a newline"),
            (&format!("text\n{good}\n"), "has no empty line"),
            (&format!("text\n\n{good}\n\n"), "do not end with a newline"),
            (&format!("te\txt\n\n{good}\n"), "note: has the control character U+0009 at byte 2"),
            (&format!("text\r\n\n{good}\n"), "note: has the control character U+000D at byte 4"),
            ("text\n\n-- a AAAAAAA=\n", "does not begin with an em dash and a space"),
            ("text\n\n—a AAAAAAA=\n", "does not begin with an em dash and a space"),
            ("text\n\n— a\n", "has no signature after the name"),
            ("text\n\n—  AAAAAAA=\n", "the name is empty"),
            ("text\n\n— a+b AAAAAAA=\n", "has a space, plus or control character"),
            ("text\n\n— a\u{a0}b AAAAAAA=\n", "has a space, plus or control character"),
            ("text\n\n— a b AAAAAAA=\n", "is not standard base64"),
            ("text\n\n— a AAAAAAA\n", "is not standard base64"),
            ("text\n\n— a AAAAAAB=\n", "is not standard base64"),
            ("text\n\n— a AAAAAA==\n", "has no signature after the key id"),
            ("text\n\n— a \n", "has no signature after the key id"),
            (&format!("text\n\n{}", format!("{good}\n").repeat(101)), "signature lines: are more than 100"),
        ],
    );
    let many = Note::parse(format!("text\n\n{}", format!("{good}\n").repeat(100)).as_bytes()).unwrap();
    let error = many.verify(&[log_key().verifier()]).unwrap_err().to_string();
    assert!(error.ends_with(r#"; its signatures are of "a+00000000", "a+00000000", "a+00000000", "a+00000000", 96 more"#), "{error}");
    let long = format!("{}\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", "x".repeat(10_000));
    let mut note = Note::new(long).unwrap();
    note.sign(&log_key()).unwrap();
    let error = checkpoint::open(note.to_string().as_bytes(), &Trust::of(log_key().verifier())).unwrap_err().to_string();
    assert!(error.len() < 300 && error.contains("xxx\"…, but the reader says "), "foreign text is cut: {error}");
    assert_eq!(Note::parse(b"text\xff\n\n").unwrap_err().to_string(), "note: is not UTF-8 from byte 4 on");
    assert_eq!(Note::parse(&vec![b'x'; 1_000_001]).unwrap_err().to_string(), "note: is 1000001 bytes; the limit is 1000000");
    assert_eq!(Note::new("text").unwrap_err().to_string(), "note: the text does not end with a newline");
    for name in ["", " ", "a b", "a+b", "a\u{2003}b", "a\nb", "a\u{1}b"] {
        assert!(!is_name(name), "{name:?}");
    }
}

#[test]
fn verifier_keys_and_signing_keys() {
    refusals(
        |text| text.parse::<VerifierKey>(),
        &[
            ("", r#"verifier key "": is not of the form name+id+key"#),
            ("a+00000000", "is not of the form name+id+key"),
            ("+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", r#"the name "" is empty"#),
            ("example.com/foo+530d903+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "not 8 lower-case hexadecimal digits"),
            ("example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "not 8 lower-case hexadecimal digits"),
            ("example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "the key id should be 530d903a"),
            ("example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "the key id should be "),
            ("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k+", "the key is not standard base64"),
            ("example.com/foo+530d903a+", "the key is empty"),
            ("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==", "the key is not standard base64"),
            ("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "the key has type 0x65; known are 0x01 (notes) and 0x04"),
            ("a+00000000+AQAA", "the key has 2 bytes after its type, not 32"),
        ],
    );
    let secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let cases = [
        ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".to_owned(), "signing key: does not begin with PRIVATE+KEY+"),
        (secret.replace("c74f", "c74e"), r#"the key id of "PeterNeumann" does not belong to the rest"#),
        (format!("{secret}\n"), "the key is not standard base64"),
    ];
    for (text, expected) in cases {
        let error = SigningKey::from_secret_text(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("FALVFGyNhPJEMzD1"), "no error shows a secret: {error}");
    }
    assert_eq!(format!("{:?}", SigningKey::from_secret_text(secret).unwrap()), "SigningKey(PeterNeumann+c74f20a3)", "nor does Debug");
}

#[test]
fn keys_do_only_what_they_are_for() {
    let (note_key, witness) = (log_key(), SigningKey::from_seed("w", Use::Cosignature, &[1; 32]).unwrap());
    let mut note = Checkpoint::new("a", 0, tandem_book::tree::EMPTY_ROOT).sign(&note_key).unwrap();
    let error = checkpoint::cosign(&mut note, &note_key, 1).unwrap_err().to_string();
    assert!(error.ends_with("signs notes; a witness needs a key of type 0x04"), "{error}");
    assert!(note.sign(&witness).unwrap_err().to_string().ends_with("it does not sign notes"));
    let error = checkpoint::cosign(&mut note, &witness, 1 << 63).unwrap_err().to_string();
    assert!(error.ends_with("cannot cosign a time above 2^63 - 1"), "{error}");
    assert!(checkpoint::cosign(&mut Note::new("no checkpoint\n").unwrap(), &witness, 1).is_err());
    checkpoint::cosign(&mut note, &witness, (1 << 63) - 1).unwrap();
    checkpoint::cosign(&mut note, &witness, 5).unwrap();
    assert_eq!(note.signatures().len(), 2, "a newer cosignature takes the place of the older");
    assert_eq!(note.verify(&[witness.verifier()]).unwrap()[0].time, Some(5));
}

#[test]
fn checkpoints() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    refusals(
        Checkpoint::parse,
        &[
            ("", "checkpoint: does not end with a newline"),
            ("\n", "checkpoint, line 1: is empty"),
            ("a\n5\n", "checkpoint, line 3: is missing"),
            (&format!("a\n5\n{root}"), "does not end with a newline"),
            (&format!("\n5\n{root}\n"), "checkpoint, line 1: is empty"),
            (&format!("a\n05\n{root}\n"), r#"checkpoint, line 2: "05" has a leading zero"#),
            (&format!("a\n+5\n{root}\n"), r#""+5" is not a decimal number"#),
            (&format!("a\n5 \n{root}\n"), r#""5 " is not a decimal number"#),
            (&format!("a\n18446744073709551616\n{root}\n"), "is larger than 2^64 - 1"),
            (&format!("a\n0\n{root}\n"), "checkpoint, line 3: is not the root of an empty tree"),
            ("a\n5\nAAAA\n", "checkpoint, line 3: is 3 bytes; a hash has 32"),
            (&format!("a\n5\n{}\n", root.replace("I=", "J=")), "is not standard base64"),
            (&format!("a\n5\n{root}\n\n"), "checkpoint, line 4: is empty"),
            (&format!("a\n5\n{root}\nx\n\n"), "checkpoint, line 5: is empty"),
        ],
    );
    let extended = format!("a\n18446744073709551615\n{root}\nx\ny z\n");
    let checkpoint = Checkpoint::parse(&extended).unwrap();
    assert_eq!((checkpoint.size, checkpoint.extensions.len(), checkpoint.to_string()), (u64::MAX, 2, extended));
    for origin in ["", "a\nb", "a\n5"] {
        assert!(Checkpoint::new(origin, 5, [0; 32]).sign(&log_key()).is_err(), "{origin:?}");
    }
    let broken = Checkpoint { extensions: vec!["x\ny".to_owned()], ..Checkpoint::new("a", 5, [0; 32]) };
    assert!(broken.sign(&log_key()).is_err());
}

#[test]
fn receipts() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    refusals(
        |text| Receipt::parse(text.as_bytes()),
        &[
            ("", "receipt: has no empty line before its checkpoint"),
            ("\n\n", r#"receipt: the first line is "", not c2sp.org/tlog-proof@v1"#),
            ("c2sp.org/tlog-proof@v2\nindex 0\n\n", r#"the first line is "c2sp.org/tlog-proof@v2""#),
            ("c2sp.org/tlog-proof@v1\n\n", "has no index line where one belongs"),
            ("c2sp.org/tlog-proof@v1\nextra \nindex 0\n\n", "has an extra line with nothing in it"),
            ("c2sp.org/tlog-proof@v1\nextra AAA\nindex 0\n\n", "receipt, extra: \"AAA\" is not standard base64"),
            ("c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA\n\n", "receipt, hash 0 of the proof"),
            ("c2sp.org/tlog-proof@v1\nindex 00\n\n", r#"receipt, index: "00" has a leading zero"#),
            ("c2sp.org/tlog-proof@v1\nindex -1\n\n", "is not a decimal number"),
            (&format!("c2sp.org/tlog-proof@v1\nindex 0\n{root}\nAAAA\n\n"), "receipt, hash 1 of the proof: is 3 bytes; a hash has 32"),
            (&format!("c2sp.org/tlog-proof@v1\nindex 0\n{}\n", format!("{root}\n").repeat(66)), "has more than 65 hashes"),
        ],
    );
    for (bytes, expected) in [
        (vec![1; 41], "receipt, extra: is 41 bytes; it has 42, or 58 once the person is forgotten"),
        (vec![1; 59], "is 59 bytes"),
        (vec![2; 42], "has version 2; this program knows 1"),
    ] {
        assert!(Extra::from_bytes(&bytes).unwrap_err().to_string().contains(expected), "{expected}");
    }
    assert_eq!(Receipt::parse(b"\xff").unwrap_err().to_string(), "receipt: is not UTF-8 from byte 0 on");
}

#[test]
fn bundles_tiles_and_frontiers() {
    let tile = Tile::new(Kind::Entries, 3, 2).unwrap();
    for (bytes, expected) in [
        (&[][..], "tile/entries/003.p/2: ends within entry 0 of 2"),
        (&[0], "ends within entry 0 of 2"),
        (&[0, 1, 9, 0], "ends within entry 1 of 2"),
        (&[0, 1, 9, 0, 2, 9], "ends within entry 1 of 2"),
        (&[0, 1, 9, 0, 0, 7], "has 1 bytes after its 2 entries"),
    ] {
        assert!(bundle::entries(tile, bytes).unwrap_err().to_string().contains(expected), "{expected}");
    }
    assert_eq!(bundle::entries(tile, &[0, 1, 9, 0, 0]).unwrap(), [&[9][..], &[]]);
    let tile = Tile::new(Kind::Hashes(1), 0, 2).unwrap();
    assert_eq!(tile.hashes(&[0; 65]).unwrap_err().to_string(), "tile/1/000.p/2: is 65 bytes, not 64");
    for (bytes, expected) in [
        (vec![1; 8], "frontier: is 8 bytes; the least is 9"),
        (vec![2, 0, 0, 0, 0, 0, 0, 0, 0], "frontier: has version 2; this program knows 1"),
        (vec![1, 0, 0, 0, 0, 0, 0, 0, 3], "frontier: of size 3 has 0 bytes of hashes, not 64"),
        (vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0], "of size 0 has 1 bytes of hashes, not 0"),
    ] {
        assert!(Frontier::from_bytes(&bytes).unwrap_err().to_string().contains(expected), "{expected}");
    }
}

#[test]
#[should_panic(expected = "an entry has at most 65,535 bytes")]
fn an_entry_that_no_bundle_can_hold_is_our_own_bug() {
    bundle::push(&mut Vec::new(), &[0; 65_536]);
}

/// What a parser reads it writes back byte for byte: there is no second form of anything.
fn one_form(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes);
        let _ = note.verify(&[log_key().verifier()]);
    }
    if let Ok(receipt) = Receipt::parse(bytes) {
        assert_eq!(receipt.to_string().as_bytes(), bytes);
    }
    if let Ok(extra) = Extra::from_bytes(bytes) {
        assert_eq!(extra.to_bytes(), bytes);
    }
    if let Ok(frontier) = Frontier::from_bytes(bytes) {
        assert_eq!(frontier.to_bytes(), bytes);
        frontier.root();
    }
    for width in [1, 2, 3, 256] {
        let tile = Tile::new(Kind::Entries, 0, width).unwrap();
        if let Ok(entries) = bundle::entries(tile, bytes) {
            let mut again = Vec::new();
            entries.iter().for_each(|entry| bundle::push(&mut again, entry));
            assert_eq!(again, bytes);
        }
        let _ = tile.hashes(bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(tile) = text.parse::<Tile>() {
        assert_eq!(tile.to_string(), text);
        assert_eq!(tile.is_in(u64::MAX), Tile::at(tile.kind(), tile.index(), u64::MAX).is_some_and(|at| at.width() >= tile.width()));
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(key) = SigningKey::from_secret_text(text) {
        assert_eq!(key.to_secret_text(), text);
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(signatures) = Signature::parse_lines(text) {
        assert_eq!(signatures.iter().map(|line| format!("{line}\n")).collect::<String>(), text);
    }
}

#[test]
fn nothing_panics_and_nothing_has_a_second_form() {
    let mut random = Random::new();
    let (store, checkpoint) = book(300);
    let case = case(false);
    let mut seeds: Vec<Vec<u8>> = [
        case.receipt.to_string(),
        case.receipt.checkpoint.clone(),
        checkpoint.to_string(),
        log_key().verifier().to_string(),
        log_key().to_secret_text(),
        case.receipt.checkpoint.split_once("\n\n").unwrap().1.to_owned(),
        "tile/entries/x001/x234/067.p/8".to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec();
    seeds.push(case.receipt.extra.clone().unwrap());
    seeds.push(store.files.values().min_by_key(|bytes| bytes.len()).unwrap().clone());
    seeds.push(Frontier::new().to_bytes());
    seeds.push(vec![0, 2, 7, 7, 0, 0, 0, 1, 9]);
    seeds.iter().for_each(|bytes| one_form(bytes));
    for _ in 0..60_000 {
        let length = random.below(100) as usize;
        one_form(&random.bytes(length));
        let mut bytes = seeds[random.below(seeds.len() as u64) as usize].clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() as u64 + 1) as usize;
            match random.below(5) {
                0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.insert(at, random.bits() as u8),
                3 => bytes.truncate(at),
                _ => {
                    let other = &seeds[random.below(seeds.len() as u64) as usize];
                    let (from, to) = (random.below(other.len() as u64 + 1) as usize, random.below(other.len() as u64 + 1) as usize);
                    bytes.splice(at..at, other[from.min(to)..from.max(to)].iter().copied());
                }
            }
        }
        one_form(&bytes);
    }
}
