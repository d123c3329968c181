//! Futures by the task they await.
//!
//! One token per future and nothing else: a future's state lives in the future, so a million of them cost a million words
//! here. Several futures may await one task; each has an entry of its own.
use super::event::Token;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use longshore_proto::TaskId;
use std::hash::BuildHasher;

#[derive(Debug)]
pub(super) struct Futures<D> {
    table: HashTable<D>,
    hash: FixedState,
    /// Whether a task may have several futures. Most sessions never share one, and need not look for more.
    shares: bool,
}

impl<D: Token> Futures<D> {
    pub(super) fn new() -> Self {
        Futures { table: HashTable::new(), hash: FixedState::default(), shares: false }
    }

    pub(super) fn insert(&mut self, token: D) {
        let hash = &self.hash;
        self.table.insert_unique(hash.hash_one(token.id()), token, |t| hash.hash_one(t.id()));
    }

    /// From now on a task may have several futures.
    pub(super) fn expect_several(&mut self) {
        self.shares = true;
    }

    /// Whether it may.
    pub(super) fn shares(&self) -> bool {
        self.shares
    }

    /// Any future of `id`.
    pub(super) fn any(&self, id: TaskId) -> Option<&D> {
        self.table.find(self.hash.hash_one(id), |t| t.id() == id)
    }

    /// All futures of `id`.
    pub(super) fn of(&self, id: TaskId) -> impl Iterator<Item = &D> {
        self.table.iter_hash(self.hash.hash_one(id)).filter(move |t| t.id() == id)
    }

    /// Removes this very future; whether it was there.
    pub(super) fn remove(&mut self, token: &D) -> bool {
        const KEEP_LEN: usize = 4096;
        let hash = &self.hash;
        let found = self.table.find_entry(hash.hash_one(token.id()), |t| t == token);
        let removed = found.map(|entry| entry.remove()).is_ok();
        let (len, capacity) = (self.table.len(), self.table.capacity());
        if capacity > KEEP_LEN && len < capacity / 8 {
            self.table.shrink_to(2 * len, |t| hash.hash_one(t.id()));
        }
        removed
    }

    /// Removes all of them, in the order of their ids.
    pub(super) fn take_all(&mut self) -> Vec<D> {
        let mut all: Vec<D> = self.table.drain().collect();
        // Map order must decide nothing, not even who learns of a loss first.
        all.sort_by_key(Token::id);
        all
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}
