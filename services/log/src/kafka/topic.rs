//! The topic: made if it is not there and may be made, else looked at with care, and refused with what to set.

use super::client::{Heard, io, one_line, reason};
use super::format::{Identity, Kind, kind};
use super::options::{Create, MESSAGE_BYTES_MAX, Options};
use crate::Error;
use futures::executor::block_on;
use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::topic_partition_list::Offset;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tandem_domain::position::LogId;

/// Settings of the topic without which the log could not keep what it promises.
const SETTINGS: [(&str, &str); 5] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("message.timestamp.type", "LogAppendTime"),
    ("unclean.leader.election.enable", "false"),
];
/// Between two looks at a topic that another process makes at this moment.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What `open` needs of the brokers.
pub(super) struct Topic<'a> {
    options: &'a Options,
    heard: &'a Heard,
    admin: AdminClient<Heard>,
    consumer: BaseConsumer<Heard>,
}

/// How a topic is spread.
struct Spread {
    partitions: u32,
    /// Replicas of the partition that has fewest.
    replicas: usize,
}

impl<'a> Topic<'a> {
    pub fn new(options: &'a Options, heard: &'a Heard) -> Result<Self, Error> {
        let unusable = |error: KafkaError| Error::Invalid(format!("no client can be made of the Kafka settings: {}", one_line(&error.to_string())));
        let admin = AdminClient::from_config_and_context(&options.admin(), heard.clone()).map_err(unusable)?;
        let consumer = BaseConsumer::from_config_and_context(&options.consumer(), heard.clone()).map_err(unusable)?;
        Ok(Self { options, heard, admin, consumer })
    }

    /// Makes the topic, or checks it; says which log is in it.
    pub fn open(&self) -> Result<Identity, Error> {
        let create = self.options.create;
        let made = match (self.spread()?, create) {
            (Some(_), _) => None,
            (None, Some(create)) => self.make(create)?,
            (None, None) => return Err(self.refuse("is not there: name another, or have it made by saying how many partitions it is to have".into())),
        };
        let spread = self.settled(made.map(|identity| identity.partitions))?;
        self.check(&spread)?;
        if let Some(identity) = made {
            self.begin(identity)?;
        }
        let identity = self.identify(spread.partitions)?;
        if let Some(Create { partitions }) = create
            && partitions != identity.partitions
        {
            let found = identity.partitions;
            return Err(self.refuse(format!(
                "has {found} partitions, not {partitions}, and keeps them for ever: ask for {found}, or copy it to a new topic with `tandem log copy`"
            )));
        }
        Ok(identity)
    }

    /// See [`super::KafkaLog::open_on_mock`].
    #[cfg(feature = "testing")]
    pub fn open_on_mock(&self) -> Result<Identity, Error> {
        let spread = self.settled(None)?;
        let (_, end) = self.consumer.fetch_watermarks(&self.options.topic, 0, self.options.request_timeout).map_err(self.failed("look at"))?;
        if end == 0 {
            self.begin(Identity { id: LogId(rand::random()), partitions: spread.partitions })?;
        }
        self.identify(spread.partitions)
    }

    fn refuse(&self, what: String) -> Error {
        Error::Topic { topic: self.options.topic.clone(), what }
    }

    fn failed(&self, what: &str) -> impl Fn(KafkaError) -> Error {
        let (what, trouble) =
            (format!("cannot {what} the Kafka topic {} at {}", self.options.topic, self.options.brokers.join(",")), self.heard.0.clone());
        move |error| io(&what, &error, &trouble)
    }

    fn admin_options(&self) -> AdminOptions {
        AdminOptions::new().request_timeout(Some(self.options.request_timeout)).operation_timeout(Some(self.options.request_timeout))
    }

    /// How it is spread; `None` if it is not there.
    fn spread(&self) -> Result<Option<Spread>, Error> {
        use rdkafka::types::RDKafkaRespErr::{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART};
        let metadata = self.consumer.fetch_metadata(Some(&self.options.topic), self.options.request_timeout).map_err(self.failed("look at"))?;
        let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == self.options.topic) else { return Ok(None) };
        match topic.error() {
            Some(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART | RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) => return Ok(None),
            Some(error) => {
                return Err(Error::Io { what: format!("cannot look at the Kafka topic {}: {}", self.options.topic, RDKafkaErrorCode::from(error)) });
            }
            None if topic.partitions().is_empty() => return Ok(None),
            None => {}
        }
        let replicas = topic.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
        let has_leaders = topic.partitions().iter().all(|partition| partition.leader() >= 0);
        match has_leaders {
            true => Ok(Some(Spread { partitions: topic.partitions().len() as u32, replicas })),
            false => {
                Err(Error::Io { what: format!("some partition of the Kafka topic {} has no leader: are enough brokers up?", self.options.topic) })
            }
        }
    }

    /// The same once all brokers know it.
    fn settled(&self, partitions: Option<u32>) -> Result<Spread, Error> {
        let deadline = Instant::now() + self.options.request_timeout;
        loop {
            let found = self.spread();
            match found {
                Ok(Some(spread)) if partitions.is_none_or(|partitions| partitions == spread.partitions) => return Ok(spread),
                Ok(Some(spread)) if Instant::now() > deadline => {
                    return Err(self.refuse(format!("has {} partitions, although it was made with others: was it made twice?", spread.partitions)));
                }
                Err(error) if Instant::now() > deadline => return Err(error),
                Ok(None) if Instant::now() > deadline => return Err(self.refuse("was made, but the brokers do not show it".into())),
                _ => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// Makes it; `None` if another process was faster.
    fn make(&self, create: Create) -> Result<Option<Identity>, Error> {
        let Options { topic, replication_factor, min_insync_replicas, .. } = self.options;
        let least = min_insync_replicas.to_string();
        let partitions = i32::try_from(create.partitions).unwrap_or(i32::MAX);
        let replication = TopicReplication::Fixed(i32::from(*replication_factor));
        let mut new = NewTopic::new(topic, partitions, replication).set("min.insync.replicas", &least);
        for (key, value) in SETTINGS {
            new = new.set(key, value);
        }
        let results = block_on(self.admin.create_topics(&[new], &self.admin_options())).map_err(self.failed("make"))?;
        match results.into_iter().next() {
            Some(Ok(_)) => {
                tracing::info!(topic, partitions, replication_factor, "kafka topic made");
                Ok(Some(Identity { id: LogId(rand::random()), partitions: create.partitions }))
            }
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(None),
            Some(Err((_, RDKafkaErrorCode::InvalidReplicationFactor))) => {
                Err(self.refuse(format!("cannot have {replication_factor} replicas: there are fewer brokers; start more, or ask for fewer replicas")))
            }
            Some(Err((_, code))) => Err(self.refuse(format!("could not be made: {code}"))),
            None => Err(self.refuse("could not be made: the brokers did not say why".into())),
        }
    }

    /// Refuses a topic that would not keep what is promised.
    fn check(&self, spread: &Spread) -> Result<(), Error> {
        let Options { topic, replication_factor, min_insync_replicas, .. } = self.options;
        if spread.replicas < usize::from(*replication_factor) {
            let found = spread.replicas;
            return Err(self.refuse(format!("has {found} replicas, not {replication_factor}: reassign its partitions, or ask for {found}")));
        }
        let deadline = Instant::now() + self.options.request_timeout;
        let wrong = loop {
            let wrong = wrong_settings(&self.settings()?, *min_insync_replicas);
            // A broker that has just come back may not know all of a topic's settings yet.
            if wrong.iter().all(|(_, found, _)| found != NOTHING) || Instant::now() > deadline {
                break wrong;
            }
            std::thread::sleep(LOOK_EVERY);
        };
        if wrong.is_empty() {
            return Ok(());
        }
        let set = wrong.iter().map(|(key, _, needed)| format!("{key}={needed}")).collect::<Vec<_>>().join(",");
        let found = wrong.iter().map(|(key, found, _)| format!("{key}={found}")).collect::<Vec<_>>().join(", ");
        let bootstrap = self.options.brokers.join(",");
        Err(self.refuse(format!(
            "has {found}, with which events could be lost or dated wrongly: kafka-configs.sh --bootstrap-server {bootstrap} --alter --topic {topic} --add-config {set}"
        )))
    }

    fn settings(&self) -> Result<ConfigResource, Error> {
        let asked = [ResourceSpecifier::Topic(&self.options.topic)];
        let resources = block_on(self.admin.describe_configs(&asked, &self.admin_options())).map_err(self.failed("look at"))?;
        match resources.into_iter().next() {
            Some(Ok(settings)) => Ok(settings),
            Some(Err(code)) => Err(self.refuse(format!("does not show its settings: {code}"))),
            None => Err(self.refuse("does not show its settings".into())),
        }
    }

    /// Writes what each partition of a new topic begins with.
    fn begin(&self, identity: Identity) -> Result<(), Error> {
        let failed = self.failed("begin");
        let producer: BaseProducer<Begun> = BaseProducer::from_config_and_context(&self.options.producer(), Begun::default()).map_err(&failed)?;
        let header = identity.header();
        for partition in 0..identity.partitions {
            let record = BaseRecord::<(), [u8], ()>::to(&self.options.topic).partition(partition as i32).payload(&header[..]);
            producer.send(record).map_err(|(error, _)| failed(error))?;
        }
        producer.flush(self.options.delivery_timeout).map_err(&failed)?;
        let outcomes = std::mem::take(&mut *crate::lock(&producer.context().outcomes));
        for outcome in &outcomes {
            match outcome {
                Ok(0) => {}
                Ok(_) => return Err(self.refuse("was written to by somebody else while it was made: delete it, and start again".into())),
                Err(why) => return Err(self.refuse(format!("could not be begun ({why}): nothing is in it; delete it, and start again"))),
            }
        }
        Ok(())
    }

    /// Which log is in it: every partition's first message says so, and all say the same.
    fn identify(&self, partitions: u32) -> Result<Identity, Error> {
        let deadline = Instant::now() + self.options.request_timeout;
        let first = loop {
            let first = self.first_messages(partitions)?;
            if first.iter().all(Option::is_some) {
                break first;
            }
            if Instant::now() > deadline {
                let missing = first.iter().position(Option::is_none).unwrap_or(0);
                return Err(self.refuse(format!(
                    "has nothing in partition {missing} that says which log it is: if it is new, whatever made it was no server of this kind, or ended before it was done; delete it, and have it made anew"
                )));
            }
            std::thread::sleep(LOOK_EVERY);
        };
        let mut identity = None;
        for (partition, found) in first.into_iter().flatten().enumerate() {
            let found = found.map_err(|what| self.refuse(format!("is no log: of the first message of partition {partition}: {what}")))?;
            match *identity.get_or_insert(found) {
                first if first == found => {}
                first => return Err(self.refuse(format!("holds two logs: partition 0 is of {}, partition {partition} of {}", first.id, found.id))),
            }
        }
        match identity {
            Some(identity) if identity.partitions == partitions => Ok(identity),
            Some(Identity { partitions: made, .. }) => Err(self.refuse(format!(
                "has {partitions} partitions, and was made with {made}: councils would change their place; copy it to a new topic with `tandem log copy`"
            ))),
            None => Err(self.refuse("has no partitions".into())),
        }
    }

    /// The first message of each partition, if there is one.
    #[allow(clippy::type_complexity)]
    fn first_messages(&self, partitions: u32) -> Result<Vec<Option<Result<Identity, &'static str>>>, Error> {
        let failed = self.failed("read");
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(&self.options.topic, partition as i32, Offset::Beginning).map_err(&failed)?;
        }
        self.consumer.assign(&list).map_err(&failed)?;
        let mut first: Vec<Option<_>> = (0..partitions).map(|_| None).collect();
        let deadline = Instant::now() + self.options.request_timeout;
        while first.iter().any(Option::is_none) && Instant::now() < deadline {
            let Some(Ok(message)) = self.consumer.poll(LOOK_EVERY) else { continue };
            let slot = &mut first[message.partition() as usize];
            if slot.is_none() {
                let found = kind(message.key(), message.payload().unwrap_or_default());
                *slot = Some(found.map(|kind| match kind {
                    Kind::Header(identity) | Kind::Frame(identity) => identity,
                }));
                // No need of the rest of it.
                let mut done = TopicPartitionList::new();
                done.add_partition(&self.options.topic, message.partition());
                self.consumer.incremental_unassign(&done).map_err(&failed)?;
            }
        }
        self.consumer.unassign().map_err(&failed)?;
        Ok(first)
    }
}

/// The value of a setting that the brokers do not show.
const NOTHING: &str = "nothing";

/// Settings that are not as they have to be: name, what it is, what it should be.
fn wrong_settings(found: &ConfigResource, min_insync_replicas: u16) -> Vec<(&'static str, String, String)> {
    let value = |key: &str| found.get(key).and_then(|entry| entry.value.clone()).unwrap_or_else(|| NOTHING.into());
    let mut wrong = Vec::new();
    for (key, needed) in SETTINGS {
        if value(key) != needed {
            wrong.push((key, value(key), needed.to_owned()));
        }
    }
    for (key, least) in [("min.insync.replicas", u32::from(min_insync_replicas)), ("max.message.bytes", MESSAGE_BYTES_MAX)] {
        if !value(key).parse::<u32>().is_ok_and(|found| found >= least) {
            wrong.push((key, value(key), least.to_string()));
        }
    }
    wrong
}

/// Forgets a partition's messages below Kafka's offset.
pub(super) fn delete_records(options: &Options, heard: &Heard, partition: u32, before: i64) -> Result<(), Error> {
    let failed = |error: &KafkaError| io(&format!("cannot trim partition {partition} of the Kafka topic {}", options.topic), error, &heard.0);
    let admin = AdminClient::from_config_and_context(&options.admin(), heard.clone()).map_err(|error| failed(&error))?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&options.topic, partition as i32, Offset::Offset(before)).map_err(|error| failed(&error))?;
    let timeout = AdminOptions::new().request_timeout(Some(options.request_timeout)).operation_timeout(Some(options.request_timeout));
    let done = block_on(admin.delete_records(&list, &timeout)).map_err(|error| failed(&error))?;
    done.elements().iter().try_for_each(|element| element.error()).map_err(|error| failed(&error))
}

/// Where the first messages went.
#[derive(Default)]
struct Begun {
    outcomes: Mutex<Vec<Result<i64, String>>>,
}

impl rdkafka::ClientContext for Begun {}

impl ProducerContext for Begun {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let outcome = match result {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => Err(one_line(&reason(error))),
        };
        crate::lock(&self.outcomes).push(outcome);
    }
}
