//! Futures by the task they await.
//!
//! One token per future and nothing else: a future's state lives in the future, so a million of them cost a million words
//! here. Several futures may await one task: the first stands in a map, the others in a table of their own.
use super::event::Token;
use crate::id_map::IdMap;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use longshore_proto::TaskId;
use std::hash::BuildHasher;

#[derive(Debug)]
pub(super) struct Futures<D> {
    first: IdMap<D>,
    /// Futures of tasks that already have one.
    others: HashTable<D>,
    hash: FixedState,
    /// Whether a task may have several futures. Most sessions never share one, and need not look for more.
    shares: bool,
}

impl<D: Token> Futures<D> {
    pub(super) fn new() -> Self {
        Futures { first: IdMap::new(0), others: HashTable::new(), hash: FixedState::default(), shares: false }
    }

    pub(super) fn insert(&mut self, token: D) {
        if let Some(older) = self.first.insert(token.id(), token) {
            let hash = &self.hash;
            self.others.insert_unique(hash.hash_one(older.id()), older, |t| hash.hash_one(t.id()));
        }
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
        self.first.get(id)
    }

    /// All futures of `id`.
    pub(super) fn of(&self, id: TaskId) -> impl Iterator<Item = &D> {
        let others = self.others.iter_hash(self.hash.hash_one(id)).filter(move |t| t.id() == id);
        self.first.get(id).into_iter().chain(others)
    }

    /// Removes this very future; whether it was there.
    pub(super) fn remove(&mut self, token: &D) -> bool {
        let id = token.id();
        // Nearly always it is the first: to take it out and look costs one search, to look and take it out two.
        match self.first.remove(id) {
            Some(first) if first == *token => {}
            other => {
                drop(other.map(|other| self.first.insert(id, other)));
                return self.remove_other(|t| t == token, id).is_some();
            }
        }
        if !self.others.is_empty()
            && let Some(next) = self.remove_other(|t| t.id() == id, id)
        {
            self.first.insert(id, next);
        }
        true
    }

    fn remove_other(&mut self, is_it: impl Fn(&D) -> bool, id: TaskId) -> Option<D> {
        let found = self.others.find_entry(self.hash.hash_one(id), is_it).ok()?;
        Some(found.remove().0)
    }

    /// Removes all of them, in the order of their ids.
    pub(super) fn take_all(&mut self) -> Vec<D> {
        let mut all: Vec<D> = self.first.drain().chain(self.others.drain()).collect();
        // Map order must decide nothing, not even who learns of a loss first.
        all.sort_by_key(Token::id);
        all
    }

    pub(super) fn len(&self) -> usize {
        self.first.len() + self.others.len()
    }
}
