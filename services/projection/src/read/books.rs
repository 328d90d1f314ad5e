//! What is published of a book, and proofs about it. Everything is as of the published checkpoint, never of what the store has beyond it.

use super::view::{View, corrupt};
use crate::Error;
use crate::book::{Commitments, Published, Publisher, Stored};
use std::sync::Arc;
use std::time::Duration;
use tandem_book::nodes::TileNodes;
use tandem_book::proof;
use tandem_book::receipt::{Extra, Receipt};
use tandem_book::tile::{Kind, Tile};
use tandem_domain::bytes::{Corrupt, Take};
use tandem_domain::event::{ID_BYTES_MAX, parse_uuid};
use tandem_domain::record::Record;
use tandem_domain::rows::{read_entry, read_sequences};
use tandem_domain::tables::{NameKind, Rows, Table};
use tandem_proto::internal::v1::{ReadTileRequest, ReadTileResponse};
use tandem_proto::v1::{
    GetCheckpointRequest, GetCheckpointResponse, GetConsistencyProofRequest, GetConsistencyProofResponse, GetReceiptRequest, GetReceiptResponse,
    ListBooksResponse,
};
use tandem_wire::status::Failure;

/// A checkpoint is due within this time.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the views of a council can be asked about its published book.
pub(crate) struct Audit<'a, R> {
    view: &'a View<'a, R>,
    publisher: Option<&'a Publisher>,
}

impl<'a, R: Rows<Error = Error>> Audit<'a, R> {
    pub fn new(view: &'a View<'a, R>, publisher: Option<&'a Publisher>) -> Self {
        Self { view, publisher }
    }

    /// The published checkpoint. [`Failure::NotFound`] if there is no such book, a precondition if it is not published.
    fn published(&self) -> Result<(&'a Publisher, Arc<Published>), Failure> {
        let council = self.view.council();
        let unpublished = |reason, description: String| Failure::Precondition { reason, subject: format!("books/{council}"), description };
        if self.view.book()?.is_none_or(|book| book.entries == 0) {
            return Err(Failure::NotFound(format!("council {council} has no book")));
        }
        let Some(publisher) = self.publisher else {
            return Err(unpublished("NOT_PUBLISHING", "this server publishes no checkpoints: it has no signing key".into()));
        };
        let published = publisher.published(council).map_err(internal)?;
        let published = published.ok_or_else(|| not_published(council, format!("nothing of the book of {council} is published yet")))?;
        Ok((publisher, published))
    }

    /// The signed checkpoint.
    pub fn checkpoint(&self, _: &GetCheckpointRequest) -> Result<GetCheckpointResponse, Failure> {
        let (publisher, published) = self.published()?;
        Ok(GetCheckpointResponse {
            checkpoint: published.note.clone(),
            origin: published.checkpoint.origin.clone(),
            size: published.checkpoint.size,
            root: published.checkpoint.root.to_vec(),
            verifier_key: publisher.verifier_key(self.view.council()),
        })
    }

    /// A tile or bundle of the published tree.
    pub fn tile(&self, request: &ReadTileRequest) -> Result<ReadTileResponse, Failure> {
        let (_, published) = self.published()?;
        let level = request.level.map(u8::try_from).transpose().map_err(|_| Failure::invalid("level", "is above 63"))?;
        let width = u16::try_from(request.width).unwrap_or(u16::MAX);
        let tile = Tile::new(level.map_or(Kind::Entries, Kind::Hashes), request.index, width);
        let tile = tile.ok_or_else(|| Failure::invalid("width", "must be 1 to 256, and the level at most 63"))?;
        if !tile.is_in(published.checkpoint.size) {
            let size = published.checkpoint.size;
            return Err(Failure::NotFound(format!("{tile} is not in the published book of {}, which has {size} entries", self.view.council())));
        }
        let stored = Stored::new(self.view.rows(), self.view.council()).tile(tile)?;
        Ok(ReadTileResponse { data: stored.ok_or_else(|| self.lacking())? })
    }

    /// That the entry of an event is in the published book.
    pub fn receipt(&self, request: &GetReceiptRequest) -> Result<GetReceiptResponse, Failure> {
        let sequence = self.sequence(request)?;
        let (_, published) = self.published()?;
        let (council, size) = (self.view.council(), published.checkpoint.size);
        if sequence >= size {
            let description = format!("entry {sequence} is not published yet: {size} entries are; ask again in a second");
            return Err(not_published(council, description));
        }
        let mut key = self.view.key(Table::Entry);
        let row = self.view.get(Table::Entry, key.be64(sequence))?.ok_or_else(|| corrupt(Corrupt("Entry")))?;
        let (_, record) = read_entry(&row).map_err(corrupt)?;
        let record = Record::decode(record).map_err(|_| corrupt(Corrupt("Entry")))?;
        // As the tree holds it: the record may have lost its person part since.
        let commitment = Commitments::new(self.view.rows(), council).of(sequence)?;
        let extra = Extra::of(&record, &commitment).map_err(internal)?;
        let stored = Stored::new(self.view.rows(), council);
        let proof = proof::inclusion(&mut TileNodes::new(&stored, size), sequence, size).map_err(|error| self.no_proof(&error))?;
        let checkpoint = String::from_utf8(published.note.clone()).map_err(internal)?;
        let receipt = Receipt { extra: Some(extra.to_bytes()), index: sequence, proof, checkpoint };
        Ok(GetReceiptResponse { receipt: receipt.to_string(), sequence, size })
    }

    /// That the published book begins with what it was.
    pub fn consistency(&self, request: &GetConsistencyProofRequest) -> Result<GetConsistencyProofResponse, Failure> {
        let (_, published) = self.published()?;
        let size = published.checkpoint.size;
        let (from, to) = (request.from_size, request.to_size.unwrap_or(size));
        if to > size {
            return Err(not_published(self.view.council(), format!("to_size {to} is not published yet: {size} entries are; ask again in a second")));
        }
        if from > to {
            return Err(Failure::invalid("from_size", format!("is {from}, above to_size {to}")));
        }
        let stored = Stored::new(self.view.rows(), self.view.council());
        let mut nodes = TileNodes::new(&stored, size);
        let mut root = |size| proof::root(&mut nodes, size).map_err(|error| self.no_proof(&error));
        let (from_root, to_root) = (root(from)?.to_vec(), root(to)?.to_vec());
        let hashes = proof::consistency(&mut nodes, from, to).map_err(|error| self.no_proof(&error))?;
        let hashes = hashes.into_iter().map(|hash| hash.to_vec()).collect();
        Ok(GetConsistencyProofResponse { from_size: from, from_root, to_size: to, to_root, hashes })
    }

    /// The sequence of the first entry of an event, which is the one that can have its effect.
    fn sequence(&self, request: &GetReceiptRequest) -> Result<u64, Failure> {
        let view = self.view;
        let event_id = parse_uuid(&request.event_id).ok_or_else(|| Failure::invalid("event_id", "must be a UUID of 36 lower-case characters"))?;
        if request.source.len() > ID_BYTES_MAX {
            return Err(Failure::invalid("source", format!("is longer than {ID_BYTES_MAX} bytes")));
        }
        let wanted = match request.source.as_str() {
            "" => None,
            source => Some(view.number(NameKind::Source, source)?.ok_or_else(|| self.no_entry(request))?),
        };
        let mut prefix = view.key(Table::Index);
        prefix.bytes(&event_id);
        let mut found = Vec::new();
        view.scan(Table::Index, &prefix, &[], |rest, row| {
            let source = Take::new("Index", rest).be32().map_err(corrupt)?;
            if wanted.is_none_or(|wanted| wanted == source) {
                found.extend(read_sequences(row).map_err(corrupt)?.first());
            }
            Ok(true)
        })?;
        match found.as_slice() {
            [] => Err(self.no_entry(request)),
            [sequence] => Ok(*sequence),
            _ => Err(Failure::invalid("source", format!("is required here: {} sources have an event of this id", found.len()))),
        }
    }

    fn no_entry(&self, request: &GetReceiptRequest) -> Failure {
        Failure::NotFound(format!("council {} has no entry of event {}", self.view.council(), request.event_id))
    }

    /// A crash took entries from the store that were published; they are being folded again.
    fn lacking(&self) -> Failure {
        let why = format!("the newest entries of the book of {} are being folded again", self.view.council());
        Failure::Unavailable { why, retry_after: RETRY_AFTER }
    }

    fn no_proof(&self, error: &tandem_book::Error) -> Failure {
        if error.is_unreadable() { self.lacking() } else { internal(error) }
    }
}

/// Adds to a list of books how they are published.
pub(crate) fn add_published(answer: &mut ListBooksResponse, publisher: &Publisher) -> Result<(), Failure> {
    for book in &mut answer.books {
        book.origin = publisher.origin(&book.council);
        book.verifier_key = publisher.verifier_key(&book.council);
        book.published_size = publisher.published(&book.council).map_err(internal)?.map_or(0, |published| published.checkpoint.size);
    }
    Ok(())
}

fn not_published(council: &str, description: String) -> Failure {
    Failure::Precondition { reason: "NOT_PUBLISHED_YET", subject: format!("books/{council}"), description }
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::Internal(error.to_string())
}
