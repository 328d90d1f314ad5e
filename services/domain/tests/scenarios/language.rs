//! The language of the scenarios. Each line is one record, in the order of the log:
//!
//! ```text
//! service    SERVICE
//! measure    MEASURE citizen|state UNIT [contra=MEASURE] [role=1…4] [name=…]
//! indicator  INDICATOR [unit=%] [places=0] [better=higher|lower] [name=…]
//! area       AREA [vintage=v1] [name=…]
//! valuation  VALUATION MEASURE=PRICE… [version=1]
//! gives      WHO|nobody QUANTITY MEASURE SERVICE     a contribution
//! inputs     QUANTITY MEASURE SERVICE [for=WHO]      a state input
//! pledges    WHO QUANTITY MEASURE SERVICE            for the days of on=
//! observes   INDICATOR NUMERATOR/DENOMINATOR SERVICE for the days of on=
//! reverses   ID [of=SOURCE]
//! again      ID [quantity=N]                         the same event once more, perhaps with another quantity
//! nonsense   record|envelope|council|body|empty|facts|person    something broken in this place
//! ```
//!
//! Everywhere: `id=` a name for the event, `from=` the source (else `desk`), `by=officer`, `on=` a day or two with `..` between, which
//! holds for the lines that follow as well, `received=` and `appended=` the gateway's and the log's clock (else a minute after the line
//! before, and both the same). With gifts: `exchange=`, `area=`, `evidence=` 1 to 5 (else 1), `pledge=` the id of a pledge, `pledged-to=`
//! its source. After `#` comes a remark.

use crate::encode::{Message, envelope, record, uuid};
use std::collections::BTreeMap;
use tandem_domain::date::{DAY_US, Date};

pub const COUNCIL: &str = "E09000001";

/// One record and when it was appended.
#[derive(Clone)]
pub struct Sent {
    pub record: Vec<u8>,
    pub append_us: u64,
}

/// What was sent so far.
pub struct Letterbox {
    pub sent: Vec<Sent>,
    /// Parts of the lines that were given an id, to send them again.
    lines: BTreeMap<String, String>,
    /// Names of ids, to show them.
    pub ids: BTreeMap<u128, String>,
    clock_us: u64,
    on: String,
}

struct Words<'a> {
    plain: Vec<&'a str>,
    options: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Self {
        let (options, plain): (Vec<_>, Vec<_>) = line.split_whitespace().partition(|word| word.contains('='));
        Self { plain, options: options.into_iter().filter_map(|word| word.split_once('=')).collect() }
    }

    fn option(&self, name: &str) -> Option<&'a str> {
        self.options.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    fn or(&self, name: &str, default: &'a str) -> &'a str {
        self.option(name).unwrap_or(default)
    }

    fn number(&self, at: usize) -> i64 {
        let word = self.plain[at];
        self.option("quantity").unwrap_or(word).parse().unwrap_or_else(|_| panic!("{word} is no number"))
    }
}

/// An id for a name: FNV-1a of 128 bits.
fn id_of(name: &str) -> u128 {
    name.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

fn instant(text: &str) -> u64 {
    let (day, time) = text.split_once('T').unwrap_or((text, "09:00"));
    let (hours, minutes) = time.split_once(':').expect("hours:minutes");
    let minutes = hours.parse::<u64>().expect("hours") * 60 + minutes.parse::<u64>().expect("minutes");
    Date::parse(day).expect("a day").0 as u64 * DAY_US + minutes * 60_000_000
}

impl Letterbox {
    pub fn new() -> Self {
        Self { sent: Vec::new(), lines: BTreeMap::new(), ids: BTreeMap::new(), clock_us: instant("2025-03-10"), on: "2025-03-01".to_owned() }
    }

    /// Sends what a line says.
    pub fn read(&mut self, line: &str) {
        let words = Words::of(line);
        if words.plain[0] == "again" {
            let first = self.lines.get(words.plain[1]).unwrap_or_else(|| panic!("{line}: nothing was sent under this id")).clone();
            let options: Vec<String> = words.options.iter().map(|(key, value)| format!("{key}={value}")).collect();
            return self.send(&format!("{first} {}", options.join(" ")));
        }
        self.send(line);
    }

    fn send(&mut self, line: &str) {
        let words = Words::of(line);
        self.on = words.or("on", &self.on).to_owned();
        let name = words.option("id").map_or_else(|| format!("event-{}", self.sent.len()), str::to_owned);
        let id = id_of(&name);
        self.ids.insert(id, name.clone());
        self.lines.entry(name.clone()).or_insert_with(|| format!("{line} id={name} on={}", self.on));
        self.clock_us = words.option("received").map_or(self.clock_us + 60_000_000, instant);
        let (facts, person) = self.body(&words);
        let (start, end) = self.on.split_once("..").unwrap_or((&self.on, ""));
        let broken = |place| words.plain[0] == "nonsense" && words.plain[1] == place;
        let council = if broken("council") { "E09000002" } else { COUNCIL };
        let mut envelope = envelope(council, words.or("from", "desk"), id, start, end);
        if broken("envelope") {
            envelope = Message(vec![0xff]);
        }
        let mut record = record(&envelope, &facts, &person, self.clock_us, words.option("by") == Some("officer"));
        if broken("record") {
            record = vec![0xff];
        }
        let append_us = words.option("appended").map_or(self.clock_us, instant);
        self.sent.push(Sent { record, append_us });
    }

    fn body(&self, words: &Words<'_>) -> (Message, Message) {
        let plain = &words.plain;
        let empty = Message::default;
        let body = |number, message: Message| (empty().message(number, &message), empty());
        let name = words.or("name", "A name");
        match plain[0] {
            "service" => body(16, empty().text(1, plain[1]).text(2, name).number(3, 1)),
            "measure" => {
                let side = if plain[2] == "citizen" { 1 } else { 2 };
                let role = words.or("role", "1").parse().expect("a role");
                body(17, empty().text(1, plain[1]).text(2, name).number(3, side).text(4, plain[3]).number(5, role).text(6, words.or("contra", "")))
            }
            "indicator" => {
                let direction = if words.or("better", "higher") == "higher" { 1 } else { 2 };
                let places = words.or("places", "0").parse().expect("places");
                body(18, empty().text(1, plain[1]).text(2, name).text(3, words.or("unit", "%")).number(4, places).number(5, direction))
            }
            "area" => body(19, empty().text(1, plain[1]).text(2, words.or("vintage", "v1")).text(3, name)),
            "valuation" => body(20, valuation(words, name)),
            "gives" => gift(words, 1, self.gives(words)),
            "inputs" => gift(words, 2, self.given(words, 1)),
            "pledges" => gift(words, 4, self.period(self.given(words, 2), 6)),
            "observes" => {
                let (numerator, denominator) = plain[2].split_once('/').expect("numerator/denominator");
                let message = empty().text(1, plain[3]).text(2, plain[1]).text(3, words.or("area", ""));
                let [numerator, denominator] = [numerator, denominator].map(|number| number.parse().expect("a number"));
                body(3, self.period(message, 4).number(6, numerator).number(7, denominator))
            }
            "reverses" => body(5, empty().text(1, &uuid(id_of(plain[1]))).text(2, words.or("of", "")).number(3, 2)),
            "nonsense" => nonsense(plain[1]),
            verb => panic!("{verb}: no such verb"),
        }
    }

    fn given(&self, words: &Words<'_>, at: usize) -> Message {
        let message = Message::default().text(1, words.plain[at + 2]).text(2, words.plain[at + 1]).number(3, words.number(at));
        message.text(4, words.or("area", "")).text(5, words.or("exchange", ""))
    }

    fn gives(&self, words: &Words<'_>) -> Message {
        let pledge = words.option("pledge").map_or_else(String::new, |pledge| uuid(id_of(pledge)));
        let evidence = words.or("evidence", "1").parse().expect("evidence");
        self.given(words, 2).number(6, evidence).text(7, &pledge).text(8, words.or("pledged-to", ""))
    }

    fn period(&self, message: Message, number: u32) -> Message {
        let (start, end) = self.on.split_once("..").unwrap_or((&self.on, ""));
        message.text(number, start).text(number + 1, end)
    }
}

fn gift(words: &Words<'_>, number: u32, mut message: Message) -> (Message, Message) {
    let mut person = Message::default();
    match (number, words.plain[1]) {
        (2, _) => {
            message = message.number(6, words.or("evidence", "1").parse().expect("evidence"));
            person = person.text(3, words.or("for", ""));
        }
        (_, "nobody") => {}
        (_, who) => person = person.text(1, who).number(2, 1),
    }
    (Message::default().message(number, &message), person)
}

fn valuation(words: &Words<'_>, name: &str) -> Message {
    let version = words.or("version", "1").parse().expect("a version");
    let mut message = Message::default().text(1, words.plain[1]).number(2, version).text(3, name).text(4, "GBP").number(6, 2);
    for (measure, price) in words.options.iter().filter(|(_, value)| value.parse::<i64>().is_ok()).filter(|(key, _)| *key != "version") {
        message = message.message(12, &Message::default().text(1, measure).number(2, 60).number(3, price.parse().expect("a price")));
    }
    message
}

fn nonsense(place: &str) -> (Message, Message) {
    let fine = Message::default().text(1, "tutoring").text(2, "helping").number(3, 30).number(6, 1);
    match place {
        "empty" => (Message::default(), Message::default()),
        "body" => (Message::default().message(99, &fine), Message::default()),
        "facts" => (Message::default().message(1, &fine.number(6, 9)), Message::default()),
        "person" => (Message::default().message(1, &fine), Message::default().text(1, "not a pseudonym")),
        _ => (Message::default().message(1, &fine), Message::default()),
    }
}
