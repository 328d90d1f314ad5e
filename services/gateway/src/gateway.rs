//! The three calls.

use crate::limits::Budget;
use crate::log_failure::failure;
use crate::metrics::InFlight;
use crate::prepare::{EVENT_OVERHEAD, Group, Known, Prepared, Refused, Rules, councils, prepare, refusal};
use crate::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX, Limits, Metrics};
use bytes::Bytes;
use futures::future::try_join_all;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tandem_domain::position::Position;
use tandem_log::EventLog;
use tandem_proto::v1::{CouncilPosition, RecordBatchResponse, RecordResponse};
use tandem_wire::auth::{Authenticator, Principal, Role};
use tandem_wire::raw::Events;
use tandem_wire::status::{Failure, unreadable};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status, Streaming};

/// How a gateway is set up.
pub struct Settings {
    /// Who may call.
    pub authenticator: Authenticator,
    /// The catalogue for `require_known`; `None`: calls that set it are refused.
    pub known: Option<Arc<dyn Known>>,
    /// Bounds.
    pub limits: Limits,
    /// The clock: microseconds since 1970 UTC.
    pub clock: fn() -> u64,
}

impl Default for Settings {
    /// No authentication, no catalogue, the default limits and the machine's clock.
    fn default() -> Self {
        Self { authenticator: Authenticator::local(), known: None, limits: Limits::default(), clock: machine_clock }
    }
}

fn machine_clock() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// Checks events and gives them to the log.
pub struct Gateway<L> {
    log: Arc<L>,
    settings: Settings,
    metrics: Metrics,
    draining: CancellationToken,
    pub(crate) records: Budget,
    pub(crate) batches: Budget,
    pub(crate) streams: Budget,
    pub(crate) unary_bytes: Budget,
    pub(crate) streams_bytes: Budget,
}

/// Whether a full log is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Refuse at once.
    None,
    /// Wait.
    Wait,
}

impl<L: EventLog> Gateway<L> {
    /// A gateway in front of `log`.
    pub fn new(log: Arc<L>, settings: Settings) -> Self {
        let limits = &settings.limits;
        Self {
            records: Budget::new(limits.records_max, "too many Record calls at once"),
            batches: Budget::new(limits.batches_max, "too many RecordBatch calls at once"),
            streams: Budget::new(limits.streams_max, "too many RecordStream calls at once"),
            unary_bytes: Budget::new(limits.unary_bytes_max, "too many bytes are on their way to the log"),
            streams_bytes: Budget::new(limits.streams_bytes_max, "too many bytes of streams are on their way to the log"),
            log,
            settings,
            metrics: Metrics::default(),
            draining: CancellationToken::new(),
        }
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What is going on at this moment.
    pub fn in_flight(&self) -> InFlight {
        InFlight {
            records: self.records.taken(),
            batches: self.batches.taken(),
            streams: self.streams.taken(),
            bytes: self.unary_bytes.taken() + self.streams_bytes.taken(),
        }
    }

    /// Appends counters and gauges in Prometheus' text format.
    pub fn render_metrics(&self, out: &mut String) {
        self.metrics.render(self.in_flight(), out);
    }

    /// Begins a graceful stop: new calls are refused, streams are read no further, and what was read is answered. Call it before the
    /// server's own shutdown, which waits for streams to end.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    pub(crate) fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// Who calls, if they may write and we still take calls.
    pub(crate) fn admit(&self, metadata: &MetadataMap) -> Result<Arc<Principal>, Status> {
        if self.draining.is_cancelled() {
            return Err(stopping().into());
        }
        let principal = self.settings.authenticator.authenticate(metadata)?;
        principal.require(&[Role::Writer, Role::Officer])?;
        Ok(principal)
    }

    /// `Record`.
    pub(crate) async fn record(&self, metadata: &MetadataMap, request: Streaming<Events>) -> Result<RecordResponse, Status> {
        let principal = self.admit(metadata)?;
        let _slot = self.records.try_take(1)?;
        let request = self.read(request, tandem_domain::event::EVENT_BYTES_MAX).await?;
        if request.events.len() != 1 {
            return Err(Failure::invalid("event", "is required, exactly once").into());
        }
        let _bytes = self.unary_bytes.try_take(charge(&request))?;
        self.learn(&principal, &request).await?;
        let Prepared { groups, bytes, refused, .. } = self.prepare(&principal, &request)?;
        drop(request);
        if let Some((_, refused)) = refused.into_iter().next() {
            return Err(call_failure(refused).into());
        }
        let positions = self.append(groups, Patience::None).await?;
        self.count_recorded(1, bytes);
        Ok(RecordResponse { position: positions.into_iter().next().map(|at| at.position).unwrap_or_default() })
    }

    /// `RecordBatch`.
    pub(crate) async fn record_batch(&self, metadata: &MetadataMap, request: Streaming<Events>) -> Result<RecordBatchResponse, Status> {
        let principal = self.admit(metadata)?;
        let _slot = self.batches.try_take(1)?;
        let request = self.read(request, BATCH_BYTES_MAX).await?;
        check_batch(&request)?;
        let _bytes = self.unary_bytes.try_take(charge(&request))?;
        self.learn(&principal, &request).await?;
        Ok(self.batch(&principal, request, Patience::None)?.await?)
    }

    /// One batch, unary or of a stream: checks and encodes now, appends when awaited.
    pub(crate) fn batch<'a>(
        &'a self,
        principal: &Principal,
        request: Events,
        patience: Patience,
    ) -> Result<impl Future<Output = Result<RecordBatchResponse, Failure>> + Send + use<'a, L>, Failure> {
        let Prepared { groups, recorded, bytes, refused } = self.prepare(principal, &request)?;
        let refuse = |(index, refused): (u32, Refused)| refusal(index, &request.events[index as usize], refused);
        let refusals = refused.into_iter().map(refuse).collect();
        // The request's bytes go here, before the wait: from now on there is one copy of each event.
        drop(request);
        Ok(async move {
            let positions = self.append(groups, patience).await?;
            self.count_recorded(recorded, bytes);
            Ok(RecordBatchResponse { recorded, refusals, positions })
        })
    }

    /// Reads a unary request. It is read as a stream of one, so that who calls and whether there is room is known before a byte of it
    /// is, and so that what tonic says of an unreadable one can be put in clear words.
    async fn read(&self, mut request: Streaming<Events>, bytes_max: usize) -> Result<Events, Status> {
        let read = async {
            let events = request.message().await?.ok_or_else(|| Failure::Unreadable("the request has no message".into()))?;
            match request.message().await? {
                None => Ok(events),
                Some(_) => Err(Failure::Unreadable("the request has more than one message".into()).into()),
            }
        };
        let late =
            |_| Failure::Expired(format!("the request did not arrive within {} s; nothing was recorded", self.limits().read_time_max.as_secs()));
        timeout(self.limits().read_time_max, read).await.map_err(late)?.map_err(|status| unreadable(status, bytes_max))
    }

    /// Gets the catalogue ready for a request that is to be checked against it.
    pub(crate) async fn learn(&self, principal: &Principal, request: &Events) -> Result<(), Failure> {
        match &self.settings.known {
            Some(known) if request.require_known => known.learn(councils(&request.events, principal)).await,
            _ => Ok(()),
        }
    }

    fn prepare(&self, principal: &Principal, request: &Events) -> Result<Prepared, Failure> {
        let known = match (request.require_known, &self.settings.known) {
            (false, _) => None,
            (true, Some(known)) => Some(known.as_ref()),
            (true, None) => return Err(no_catalogue()),
        };
        let prepared = prepare(&request.events, &Rules { principal, known, now_us: (self.settings.clock)() });
        let count = |is: fn(&Refused) -> bool| prepared.refused.iter().filter(|(_, refused)| is(refused)).count() as u64;
        if !prepared.refused.is_empty() {
            Metrics::add(&self.metrics.events_invalid, count(|refused| matches!(refused, Refused::Invalid(_))));
            Metrics::add(&self.metrics.events_forbidden, count(|refused| matches!(refused, Refused::Forbidden(_))));
            Metrics::add(&self.metrics.events_unknown, count(|refused| matches!(refused, Refused::Unknown(_))));
        }
        Ok(prepared)
    }

    /// Appends each council's records, all councils at once. If one fails the whole request does, although others may be durable: sending
    /// the same ids again records nothing twice. So of several councils none is ever said to be unrecorded.
    async fn append(&self, groups: Vec<Group>, patience: Patience) -> Result<Vec<CouncilPosition>, Failure> {
        let one = async |group: Group| {
            let position = self.append_one(&group.council, group.records, patience).await?;
            Ok(CouncilPosition { council: group.council, position: position.token() })
        };
        let all = async {
            let mut groups = groups;
            match groups.len() {
                0 => Ok(Vec::new()),
                1 => Ok(vec![one(groups.remove(0)).await?]),
                _ => try_join_all(groups.into_iter().map(one)).await.map_err(|failure| match failure {
                    Failure::Unavailable { why, .. } => Failure::OutcomeUnknown { timed_out: false, why },
                    failure => failure,
                }),
            }
        };
        let limit = self.limits().append_time_max;
        let late = |_| Failure::OutcomeUnknown { timed_out: true, why: format!("the log did not answer within {} s", limit.as_secs()) };
        timeout(limit, all).await.map_err(late)?
    }

    async fn append_one(&self, council: &str, records: Vec<Bytes>, patience: Patience) -> Result<Position, Failure> {
        let result = match patience {
            Patience::None => self.log.try_append(council, records).await,
            Patience::Wait => self.log.append(council, records).await,
        };
        result.map_err(failure)
    }

    fn count_recorded(&self, events: u32, bytes: u64) {
        Metrics::add(&self.metrics.events_recorded, u64::from(events));
        Metrics::add(&self.metrics.bytes_recorded, bytes);
    }

    /// Counts what became of a request.
    pub(crate) fn count_request<T>(&self, result: &Result<T, Status>) {
        let counter = match result {
            Ok(_) => &self.metrics.requests_answered,
            Err(status) if status.code() == Code::ResourceExhausted => &self.metrics.requests_overloaded,
            Err(_) => &self.metrics.requests_failed,
        };
        Metrics::add(counter, 1);
    }
}

/// What a request takes from a budget: about the memory that its records hold.
pub(crate) fn charge(request: &Events) -> usize {
    request.events.iter().map(|event| event.len() + EVENT_OVERHEAD).sum()
}

/// Refuses a batch that is empty or too large.
pub(crate) fn check_batch(request: &Events) -> Result<(), Failure> {
    let count = request.events.len();
    if count == 0 {
        return Err(Failure::invalid("events", "is empty: send at least one event"));
    }
    if count > BATCH_EVENTS_MAX {
        return Err(Failure::invalid("events", format!("has {count} events; the limit is {BATCH_EVENTS_MAX}: split the batch")));
    }
    // Each event's tag and length take 2 to 5 bytes on the wire; the decoder's limit, a little higher, has seen the whole.
    let bytes: usize = request.events.iter().map(|event| event.len() + 2).sum();
    if bytes > BATCH_BYTES_MAX {
        return Err(Failure::invalid("events", format!("has {bytes} bytes; the limit is {BATCH_BYTES_MAX}: split the batch")));
    }
    Ok(())
}

pub(crate) fn stopping() -> Failure {
    Failure::Unavailable { why: "the gateway is stopping and takes no more".into(), retry_after: std::time::Duration::from_secs(1) }
}

fn no_catalogue() -> Failure {
    Failure::Precondition {
        reason: "NO_CATALOGUE",
        subject: "require_known".into(),
        description: "require_known: this gateway follows no catalogue; unset it to record the event, which then waits in suspense for what it needs"
            .into(),
    }
}

/// A single event's refusal is the call's.
fn call_failure(refused: Refused) -> Failure {
    match refused {
        Refused::Invalid(about) => about.into(),
        Refused::Forbidden(about) => Failure::Forbidden(about),
        Refused::Unknown(about) => Failure::Precondition { reason: "UNKNOWN_CATALOGUE_ID", description: about.to_string(), subject: about.field },
    }
}
