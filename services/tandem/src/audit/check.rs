//! A whole book against its checkpoint, in parallel: every tile to its place in the tile above it, every entry to its leaf, the partial
//! tiles to the root. Memory grows with the tiles of level 2 and above (32 bytes for 65,536 entries) and one pair of times a bundle.

use super::shelf::Shelf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use tandem_book::checkpoint::Checkpoint;
use tandem_book::tile::{FULL, Kind, Tile};
use tandem_book::tree::Hash;
use tandem_book::{Error, verify};
use tandem_domain::record::COMMITMENT_BYTES;

/// First byte of a commitment.
const COMMITMENT_VERSION: u8 = 1;
/// Places that wait for each worker: one tile of level 1 holds 256.
const WAITING: usize = 64;

/// A tile of level 0 and the bundle under it: which, and the hash that the tile above has for it; none for the partial one.
type Place = (u64, Option<Hash>);

/// First and last book time of a bundle.
type Times = (u64, u64, u64);

/// Checks every byte of the book's tiles and bundles with so many threads. `done` counts entries as they are found true.
pub fn book(shelf: &Shelf<'_>, checkpoint: &Checkpoint, jobs: usize, done: &AtomicU64) -> Result<(), Error> {
    verify::root(shelf, checkpoint)?;
    let size = checkpoint.size;
    let above = upper(shelf, size)?;
    let failed = Failed::default();
    let mut times = Vec::new();
    let (sender, receiver) = sync_channel(jobs * WAITING);
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        let worker = || work(shelf, size, &receiver, &failed, done);
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        if let Err(error) = hand_out(shelf, size, &above, &sender, &failed) {
            failed.set(error);
        }
        drop(sender);
        for worker in workers {
            times.extend(worker.join().expect("a check does not panic"));
        }
    });
    failed.into_result()?;
    in_order(times)
}

/// The hashes of the tiles of level 2, each tile checked against those above it. Empty if there are none.
fn upper(shelf: &Shelf<'_>, size: u64) -> Result<Vec<Hash>, Error> {
    let top = (0..u8::MAX).find(|&level| Kind::Hashes(level).count(size) == 0).unwrap_or_default();
    let mut above: Vec<Hash> = Vec::new();
    for level in (2..top).rev() {
        let mut here = Vec::new();
        for tile in (0..).map_while(|index| Tile::at(Kind::Hashes(level), index, size)) {
            here.extend(hashes(shelf, tile, above.get(tile.index() as usize))?);
        }
        above = here;
    }
    Ok(above)
}

/// The hashes of a tile. A full one has to be what the tile above says; the root has proved the partial ones.
fn hashes(shelf: &Shelf<'_>, tile: Tile, expected: Option<&Hash>) -> Result<Vec<Hash>, Error> {
    shelf.checked(tile, |bytes| {
        if let (Some(expected), Some(parent)) = (expected, parent(tile)) {
            verify::full_tile(tile, bytes, parent, expected)?;
        }
        tile.hashes(bytes)
    })
}

/// The tile above, for messages: its path when it is full.
fn parent(tile: Tile) -> Option<Tile> {
    let Kind::Hashes(level) = tile.kind() else { return None };
    Tile::new(Kind::Hashes(level + 1), tile.index() / u64::from(FULL), FULL).filter(|_| tile.is_full())
}

/// Gives every place to whoever is free, tile of level 1 by tile of level 1.
fn hand_out(shelf: &Shelf<'_>, size: u64, above: &[Hash], places: &SyncSender<Place>, failed: &Failed) -> Result<(), Error> {
    let give = |place| !failed.is_set() && places.send(place).is_ok();
    for tile in (0..).map_while(|index| Tile::at(Kind::Hashes(1), index, size)) {
        let first = tile.index() * u64::from(FULL);
        for (at, hash) in (first..).zip(hashes(shelf, tile, above.get(tile.index() as usize))?) {
            if !give((at, Some(hash))) {
                return Ok(());
            }
        }
    }
    if !size.is_multiple_of(u64::from(FULL)) {
        give((size / u64::from(FULL), None));
    }
    Ok(())
}

fn work(shelf: &Shelf<'_>, size: u64, places: &Mutex<Receiver<Place>>, failed: &Failed, done: &AtomicU64) -> Vec<Times> {
    let mut times = Vec::new();
    loop {
        let place = places.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(place) = place else { return times };
        // What is left in the queue is taken and dropped, so that nobody waits to put more.
        if failed.is_set() {
            continue;
        }
        match check(shelf, size, place) {
            Ok((first, last, entries)) => {
                times.push((place.0, first, last));
                done.fetch_add(entries, Ordering::Relaxed);
            }
            Err(error) => failed.set(error),
        }
    }
}

/// Checks a place; gives the bundle's first and last book time and how many entries it has.
fn check(shelf: &Shelf<'_>, size: u64, (index, expected): Place) -> Result<(u64, u64, u64), Error> {
    let tile = Tile::at(Kind::Hashes(0), index, size).expect("the tree reaches it");
    let leaves = hashes(shelf, tile, expected.as_ref())?;
    let bundle = Tile::at(Kind::Entries, index, size).expect("as wide as its tile");
    let (first, last) = shelf.checked(bundle, |bytes| {
        let entries = verify::entry_bundle(bundle, bytes, &leaves)?;
        commitments(bundle, &entries)
    })?;
    Ok((first, last, u64::from(bundle.width())))
}

/// Checks that the entries are commitments whose book time does not go back; gives the first and last time.
fn commitments(bundle: Tile, entries: &[&[u8]]) -> Result<(u64, u64), Error> {
    let mut times = None;
    for (sequence, entry) in (bundle.index() * u64::from(FULL)..).zip(entries) {
        if entry.len() != COMMITMENT_BYTES || entry[0] != COMMITMENT_VERSION {
            let why = format!("is {} bytes of version {:?}, no commitment", entry.len(), entry.first());
            return Err(Error::malformed(format!("entry {sequence} in {bundle}"), why));
        }
        let time = entry[2..10].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let (first, before) = times.unwrap_or((time, time));
        monotone(sequence, before, time)?;
        times = Some((first, time));
    }
    Ok(times.unwrap_or_default())
}

fn in_order(mut times: Vec<Times>) -> Result<(), Error> {
    times.sort_unstable();
    let mut pairs = times.windows(2);
    pairs.try_for_each(|pair| monotone(pair[1].0 * u64::from(FULL), pair[0].2, pair[1].1))
}

fn monotone(sequence: u64, before: u64, time: u64) -> Result<(), Error> {
    if time >= before {
        return Ok(());
    }
    let why = format!("its book time, {time} µs, is before the {before} µs of the entry before it");
    Err(Error::malformed(format!("entry {sequence}"), why))
}

/// The first thing that was found wrong; failing that, the first that could not be looked at.
#[derive(Default)]
struct Failed {
    is_set: AtomicBool,
    error: Mutex<Option<Error>>,
}

impl Failed {
    fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Relaxed)
    }

    fn set(&self, error: Error) {
        let mut kept = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|kept| kept.is_unreadable() && !error.is_unreadable()) {
            *kept = Some(error);
        }
        self.is_set.store(true, Ordering::Relaxed);
    }

    fn into_result(self) -> Result<(), Error> {
        self.error.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}
