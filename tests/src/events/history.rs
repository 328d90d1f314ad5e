//! Events with a gateway's stamps, in a log's frames.

use super::{Generator, Manner, Parts};
use crate::random::Random;
use prost::Message;
use tandem_proto::v1::Record;

/// A record in its place in a log.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Its bytes.
    pub record: Vec<u8>,
    /// When its frame was appended.
    pub append_us: u64,
    /// Which frame.
    pub offset: u64,
    /// Which of the frame's records.
    pub index: u32,
}

impl Taken {
    /// A record in a frame of its own.
    pub fn alone(parts: Parts, offset: u64, random: &mut Random) -> Self {
        let now_us = START_US + offset * 1_000_000;
        Self { record: record(parts, now_us, false, random), append_us: now_us, offset, index: 0 }
    }
}

fn record(parts: Parts, received_us: u64, officer: bool, random: &mut Random) -> Vec<u8> {
    let Parts { envelope, facts, person } = parts;
    let [facts_salt, person_salt] = [random.bytes::<16>().to_vec(), random.bytes::<16>().to_vec()];
    Record { envelope, facts, person, received_us, principal: "local".into(), officer, facts_salt, person_salt }.encode_to_vec()
}

/// A council and its records.
#[derive(Clone, Debug)]
pub struct Council {
    /// Its code.
    pub code: String,
    /// In order.
    pub taken: Vec<Taken>,
}

/// 2025-05-30T22:00Z, microseconds: near the end of a month, so that journals see more than one.
const START_US: u64 = 1_748_642_400_000_000;
const HOUR_US: u64 = 3_600_000_000;

/// One council's records. Clocks jump, the gateway's and the log's.
pub fn history(code: &str, random: &mut Random, count: usize) -> Council {
    let mut generator = Generator::new(code, Random::new(random.bits()), Manner::Anything);
    let (mut now_us, mut offset, mut left, mut append_us) = (START_US, 0, 0, START_US);
    let mut index = 0;
    let mut taken = Vec::new();
    for _ in 0..count {
        if left == 0 {
            // A frame of another council, or none, may stand between.
            offset += 1 + random.below(3);
            left = 1 + random.below(6);
            index = 0;
            now_us += random.below(5 * HOUR_US);
            append_us = jump(random, now_us + 1_000);
        }
        left -= 1;
        let (parts, received_us, officer) = (generator.event(), jump(random, now_us), random.percent(15));
        taken.push(Taken { record: record(parts, received_us, officer, random), append_us, offset, index });
        index += 1;
    }
    Council { code: code.to_owned(), taken }
}

/// A clock that is wrong now and then.
fn jump(random: &mut Random, now_us: u64) -> u64 {
    match random.below(100) {
        0..=1 => now_us + random.below(90 * 24 * HOUR_US),
        2..=4 => now_us - random.below(90 * 24 * HOUR_US),
        5 => 0,
        _ => now_us,
    }
}
