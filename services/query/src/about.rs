//! Questions to a projection about one council.

use tandem_proto::internal::v1::{AggregateRequest, GetLatticeRequest, ReadTileRequest};
use tandem_proto::v1::{
    GetCatalogueRequest, GetCheckpointRequest, GetConsistencyProofRequest, GetEntryRequest, GetExchangeRequest, GetReceiptRequest,
    GetStatementRequest, ListExchangesRequest, ListSuspenseRequest, ReadEntriesRequest,
};

/// A question about one council, which may name positions that the answer must reflect.
pub(crate) trait About: Clone {
    /// The council.
    fn council(&self) -> &str;
    /// The positions.
    fn at_least(&self) -> &[String];
    /// The same question with other positions.
    fn set_at_least(&mut self, at_least: Vec<String>);
}

macro_rules! about {
    ($($waiting:ty),*; $($prompt:ty),*) => {
        $(impl About for $waiting {
            fn council(&self) -> &str {
                &self.council
            }

            fn at_least(&self) -> &[String] {
                &self.at_least
            }

            fn set_at_least(&mut self, at_least: Vec<String>) {
                self.at_least = at_least;
            }
        })*
        $(impl About for $prompt {
            fn council(&self) -> &str {
                &self.council
            }

            fn at_least(&self) -> &[String] {
                &[]
            }

            /// It waits for none.
            fn set_at_least(&mut self, _: Vec<String>) {}
        })*
    };
}

about!(
    AggregateRequest, GetCatalogueRequest, GetEntryRequest, GetExchangeRequest, GetLatticeRequest, GetReceiptRequest, GetStatementRequest, ListExchangesRequest,
    ListSuspenseRequest;
    GetCheckpointRequest, GetConsistencyProofRequest, ReadEntriesRequest, ReadTileRequest
);
