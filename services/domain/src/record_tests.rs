//! Vectors computed with Python's hashlib from the format's description in frame.proto.
use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const ENVELOPE: &str =
    "0a2430303030303030302d303030302d303030302d303030302d30303030303030303030303112094530393030303030311a046465736b220a323032352d30332d3031";
const FACTS: &str = "2a280a2430303030303030302d303030302d303030302d303030302d3030303030303030303030321802";
const PERSON: &str = "0a03616e61";
const RECORD: &str = "0a430a2430303030303030302d303030302d303030302d303030302d30303030303030303030303112094530393030303030311a046465736b220a323032352d30332d3031\
    122a2a280a2430303030303030302d303030302d303030302d303030302d3030303030303030303030321802\
    1a050a03616e61217b4057d9f92f06002a056c6f63616c30013a10000102030405060708090a0b0c0d0e0f4210101112131415161718191a1b1c1d1e1f";

#[test]
fn a_record_is_read_and_written_byte_for_byte() {
    let encoded = bytes(RECORD);
    let record = Record::decode(&encoded).unwrap();
    assert_eq!([record.parts.envelope, record.parts.facts, record.parts.person].map(hex), [ENVELOPE, FACTS, PERSON]);
    assert_eq!((record.received_us, record.principal, record.officer, record.kind()), (1_741_600_000_000_123, "local", true, 5 | 128));
    assert_eq!([hex(record.facts_salt), hex(record.person_salt)], ["000102030405060708090a0b0c0d0e0f", "101112131415161718191a1b1c1d1e1f"]);
    let mut again = Vec::new();
    record.encode(&mut again);
    assert_eq!(again, encoded);
}

#[test]
fn the_commitment_of_an_officers_reversal() {
    let encoded = bytes(RECORD);
    let commitment = Record::decode(&encoded).unwrap().commitment(1_741_600_000_000_000);
    assert_eq!(
        hex(&commitment),
        "018500062ff9d9574000553b9584be325972dd3e79471b7ebb1d22fa5abd4393bc051d5cc5c35bfa99545a1cf541fe4f330c86854e8fd6a2b63fee46ea29f08ca3e04ca73436586bf7e7"
    );
    assert_eq!(hex(&leaf_hash(&commitment)), "315a3345f19948950414657d616f6eb37226a82fe62779b9dc8094dec2f2a110");
}

#[test]
fn the_commitment_of_a_forgotten_person_and_an_envelope_with_an_unknown_field() {
    let mut envelope = bytes(ENVELOPE);
    envelope.extend([0x7a, 0xc8, 0x01]);
    envelope.extend([b'x'; 200]);
    let salt = bytes("000102030405060708090a0b0c0d0e0f");
    let parts = Parts { envelope: &envelope, ..Parts::default() };
    let commitment = Record { parts, facts_salt: &salt, ..Record::default() }.commitment(7);
    assert_eq!(
        hex(&commitment),
        "01000000000000000007188fcdb72db8f5a42b21041d930584fe298c257d73b733f3134f33923b3bb217e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(hex(&leaf_hash(&commitment)), "5743029ea6135d340c4b8734927ac9716846a295d2778cb8f343354bfd6d3c06");
}

#[test]
fn what_is_no_record() {
    for broken in ["ff", "0801", "0a05", "2a01ff", "2001", "3101"] {
        assert_eq!(Record::decode(&bytes(broken)), Err(Malformed), "{broken}");
    }
    assert_eq!(Record::decode(&bytes("4a0178")), Ok(Record::default()), "unknown fields are passed over");
}
