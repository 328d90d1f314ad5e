//! Vectors that were published elsewhere: the reference tree of certificate-transparency and transparency-dev/merkle, the examples of the
//! C2SP specifications, and those of Go's golang.org/x/mod/sumdb/note.

use crate::common::{Levels, bytes, hash};
use tandem_book::checkpoint::Checkpoint;
use tandem_book::key::{SigningKey, Use, VerifierKey};
use tandem_book::note::{Note, Signature};
use tandem_book::proof::{self, verify_consistency, verify_inclusion};
use tandem_book::tile::{Kind, Tile};
use tandem_book::tree::{EMPTY_ROOT, Frontier, Hash, leaf_hash};
use tandem_book::witness::{Request, cosignature, size};

const LEAVES: [&str; 8] = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// (index, size, hashes)
const INCLUSION: [(u64, u64, &[&str]); 7] = [
    (0, 1, &[]),
    (0, 2, &["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"]),
    (1, 2, &["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"]),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

/// (from, to, hashes)
const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (2, 5, &["5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e", "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"]),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

fn tree() -> Levels {
    Levels::new(LEAVES.iter().map(|leaf| bytes(leaf)))
}

#[test]
fn the_reference_tree_has_its_roots_at_every_size() {
    assert_eq!(EMPTY_ROOT, hash(ROOTS[0]));
    let mut frontier = Frontier::new();
    for (leaf, roots) in LEAVES.iter().zip(ROOTS.windows(2)) {
        assert_eq!(frontier.root(), hash(roots[0]));
        frontier.append(leaf_hash(&bytes(leaf)));
        assert_eq!(frontier.root(), hash(roots[1]));
        assert_eq!(proof::root(&mut tree(), frontier.size()).unwrap(), hash(roots[1]));
    }
}

#[test]
fn the_reference_tree_has_its_inclusion_proofs() {
    for (index, size, hashes) in INCLUSION {
        let expected: Vec<Hash> = hashes.iter().map(|hex| hash(hex)).collect();
        assert_eq!(proof::inclusion(&mut tree(), index, size).unwrap(), expected, "{index} in {size}");
        let leaf = leaf_hash(&bytes(LEAVES[index as usize]));
        verify_inclusion(&leaf, index, size, &expected, &hash(ROOTS[size as usize])).unwrap();
    }
}

#[test]
fn the_reference_tree_has_its_consistency_proofs() {
    for (from, to, hashes) in CONSISTENCY {
        let expected: Vec<Hash> = hashes.iter().map(|hex| hash(hex)).collect();
        assert_eq!(proof::consistency(&mut tree(), from, to).unwrap(), expected, "{from} to {to}");
        verify_consistency(from, &hash(ROOTS[from as usize]), to, &hash(ROOTS[to as usize]), &expected).unwrap();
    }
}

#[test]
fn the_example_of_signed_note_verifies() {
    let key: VerifierKey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse().unwrap();
    let text = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let note = Note::parse(text.as_bytes()).unwrap();
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.verify(std::slice::from_ref(&key)).unwrap()[0].name, "example.com/foo");
    assert_eq!(note.to_string(), text);
    assert_eq!(key.to_string(), "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
}

const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PETER_TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const ENOCH_LINE: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=";

/// Ed25519 has one signature for a key and a text, so ours are Go's byte for byte.
#[test]
fn we_sign_what_go_signs() {
    let key = SigningKey::from_secret_text(PETER_SECRET).unwrap();
    assert_eq!((key.verifier().to_string().as_str(), key.to_secret_text().as_str()), (PETER, PETER_SECRET));
    let mut note = Note::new(PETER_TEXT).unwrap();
    note.sign(&key).unwrap();
    assert_eq!(note.to_string(), format!("{PETER_TEXT}\n{PETER_LINE}\n"));
}

#[test]
fn notes_of_go_with_two_signatures_verify_by_either_key_and_by_both() {
    let note = Note::parse(format!("{PETER_TEXT}\n{PETER_LINE}\n{ENOCH_LINE}\n").as_bytes()).unwrap();
    let names = |keys: &[&str]| {
        let keys: Vec<VerifierKey> = keys.iter().map(|key| key.parse().unwrap()).collect();
        note.verify(&keys).unwrap().into_iter().map(|verified| verified.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&[PETER]), ["PeterNeumann"]);
    assert_eq!(names(&[ENOCH]), ["EnochRoot"]);
    assert_eq!(names(&[ENOCH, PETER]), ["PeterNeumann", "EnochRoot"]);
}

/// A verifier key of a running witness, from the tests of transparency-dev/formats.
#[test]
fn the_verifier_key_of_a_witness_is_read() {
    let text = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
    let key: VerifierKey = text.parse().unwrap();
    assert_eq!((key.purpose(), key.name(), key.id(), key.to_string().as_str()), (Use::Cosignature, "remora.n621.de", 0xda77_ade7, text));
}

/// The example of tlog-checkpoint and tlog-cosignature. Its keys are not published: what can be checked is the form.
#[test]
fn the_example_of_tlog_cosignature_is_read() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let note = Note::parse(text.as_bytes()).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(checkpoint.to_string(), note.text());
    assert_eq!(note.signatures().iter().map(Signature::id).collect::<Vec<_>>(), [0x033d_e0ae, 0x8d66_cf3f]);
    assert_eq!(note.to_string(), text);
}

/// Computed with Python's cryptography and hashlib from the specification: seed 32 × 0x08, name witness.example/w1.
#[test]
fn a_cosignature_is_the_one_that_another_implementation_makes() {
    let key = SigningKey::from_seed("witness.example/w1", Use::Cosignature, &[8; 32]).unwrap();
    assert_eq!(key.verifier().to_string(), COSIGNER);
    let mut note = Note::new("example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n").unwrap();
    tandem_book::checkpoint::cosign(&mut note, &key, 1_679_315_147).unwrap();
    assert_eq!(note.signatures()[0].to_string(), COSIGNATURE);
    let verified = note.verify(&[key.verifier()]).unwrap();
    assert_eq!(verified[0].time, Some(1_679_315_147));
}

const COSIGNER: &str = "witness.example/w1+fea3b187+BBOY9ixtGkV8UbpqS189vS9p/KkyFiGNyJl+QWvRfZPK";
const COSIGNATURE: &str =
    "— witness.example/w1 /qOxhwAAAABkGFDL3zfNz0s4H1tr7Roq5F6IqfkQ0k3PY4CJLE5G4rmDqn7FHt52UoeOd5YRq5ihPFwQPId93UDmDJlfrte+Eg4yCw==";

#[test]
fn the_path_example_of_tlog_tiles() {
    let tile = Tile::new(Kind::Hashes(0), 1_234_067, 256).unwrap();
    assert_eq!(tile.to_string(), "tile/0/x001/x234/067");
    assert_eq!("tile/0/x001/x234/067".parse::<Tile>().unwrap(), tile);
    assert_eq!("tile/entries/x001/x234/067.p/8".parse::<Tile>().unwrap(), Tile::new(Kind::Entries, 1_234_067, 8).unwrap());
}

/// "A tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0 tile of width 112, one full level 1 tile, one
/// partial level 1 tile of width 17, and one partial level 2 tile of width 1."
#[test]
fn the_tree_of_70_000_entries_of_tlog_tiles() {
    let of = |kind: Kind| Tile::all(70_000).filter(|tile| tile.kind() == kind).collect::<Vec<_>>();
    let widths = |kind: Kind| (of(kind).iter().filter(|tile| tile.is_full()).count(), of(kind).last().unwrap().width());
    assert_eq!(widths(Kind::Entries), (273, 112));
    assert_eq!(widths(Kind::Hashes(0)), (273, 112));
    assert_eq!(widths(Kind::Hashes(1)), (1, 17));
    assert_eq!(widths(Kind::Hashes(2)), (0, 1));
    assert_eq!(of(Kind::Hashes(3)), []);
    let paths: Vec<String> = Tile::all(256).map(|tile| tile.to_string()).collect();
    assert_eq!(paths, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"], "a tree of size 256");
}

/// The examples of tlog-witness. Their keys are not published: what can be checked is the form.
#[test]
fn the_examples_of_tlog_witness_are_read() {
    let request = "old 20852014\n\
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
        \n\
        example.com/behind-the-sofa\n\
        20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
        \n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";
    let read = Request::parse(request.as_bytes()).unwrap();
    assert_eq!((read.old, read.proof.len(), read.note.signatures().len()), (20_852_014, 4, 2));
    assert_eq!(read.to_string(), request);
    let answer = "— witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==\n\
        — witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==\n\
        — witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==\n";
    assert_eq!(Signature::parse_lines(answer).unwrap().len(), 3);
    // None of them is of a key that is known.
    let known: VerifierKey = COSIGNER.parse().unwrap();
    assert!(cosignature(answer.as_bytes(), &read.note, &known).unwrap_err().to_string().contains("not signed by witness.example/w1+fea3b187"));
    assert_eq!((size(b"20852014\n").unwrap(), size(b"20852014").is_err(), size(b"020\n").is_err()), (20_852_014, true, true));
}
