//! A map from task ids, made for ids that come in runs.
//!
//! A session numbers its submissions, so most ids of a table follow one another, and they are added, looked up and removed
//! roughly in that order. They share *pages* of 64 consecutive ids: what is wanted next lies beside what was wanted
//! last, where one large hash table would fetch each entry from another corner of the memory. An id that stands alone, such
//! as the hash of a key, goes into an ordinary hash table, since a page for it alone would waste 63 places.
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use longshore_proto::TaskId;
use std::cell::Cell;

/// Consecutive ids in a page.
const PAGE_LEN: u64 = 64;
/// A directory of more pages than that gives its memory back when it runs empty.
const KEEP_PAGES: usize = 1024;

/// Names a page: where its ids come from, and which of their runs of 64 it is.
type PageKey = (u64, u64);

/// The map.
#[derive(Debug)]
pub(crate) struct IdMap<V> {
    /// Where in `pages` each of them is.
    directory: HashMap<PageKey, u32, FixedState>,
    pages: Vec<Box<Page<V>>>,
    /// The page that was used last, which mostly is the one that is wanted next.
    recent: Cell<u32>,
    alone: HashMap<TaskId, V, FixedState>,
    /// Added last; the next in line opens a page.
    newest: TaskId,
    len: usize,
}

#[derive(Debug)]
struct Page<V> {
    key: PageKey,
    len: u32,
    values: [Option<V>; PAGE_LEN as usize],
}

impl<V> Page<V> {
    fn new(key: PageKey) -> Box<Self> {
        Box::new(Page { key, len: 0, values: [const { None }; PAGE_LEN as usize] })
    }
}

impl<V> IdMap<V> {
    /// Nothing in it. The seed is for callers whose peers choose ids and could choose ones that collide.
    pub(crate) fn new(hash_seed: u64) -> Self {
        IdMap {
            directory: HashMap::with_hasher(FixedState::with_seed(hash_seed)),
            pages: Vec::new(),
            recent: Cell::new(0),
            alone: HashMap::with_hasher(FixedState::with_seed(hash_seed)),
            newest: TaskId { origin: 0, seq: 0 },
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, id: TaskId) -> Option<&V> {
        let (key, offset) = place(id);
        if let Some(page) = self.page(key)
            && let Some(value) = &self.pages[page].values[offset]
        {
            return Some(value);
        }
        if self.alone.is_empty() { None } else { self.alone.get(&id) }
    }

    /// Where the page of that name is.
    fn page(&self, key: PageKey) -> Option<usize> {
        let recent = self.recent.get() as usize;
        if self.pages.get(recent).is_some_and(|page| page.key == key) {
            return Some(recent);
        }
        let page = *self.directory.get(&key)?;
        self.recent.set(page);
        Some(page as usize)
    }

    /// Adds an entry; gives back what the id had before.
    pub(crate) fn insert(&mut self, id: TaskId, value: V) -> Option<V> {
        let follows = id.origin == self.newest.origin && id.seq == self.newest.seq.wrapping_add(1);
        self.newest = id;
        if !self.alone.is_empty()
            && let Some(old) = self.alone.get_mut(&id)
        {
            return Some(std::mem::replace(old, value));
        }
        let (key, offset) = place(id);
        let page = match self.page(key) {
            Some(page) => page,
            None if follows => self.open(key),
            None => {
                self.len += 1;
                return self.alone.insert(id, value);
            }
        };
        let page = &mut self.pages[page];
        let old = page.values[offset].replace(value);
        page.len += u32::from(old.is_none());
        self.len += usize::from(old.is_none());
        old
    }

    fn open(&mut self, key: PageKey) -> usize {
        if let [empty] = &mut self.pages[..]
            && empty.len == 0
        {
            self.directory.remove(&empty.key);
            self.directory.insert(key, 0);
            empty.key = key;
            return 0;
        }
        let page = u32::try_from(self.pages.len()).expect("fewer than 2^32 pages");
        self.directory.insert(key, page);
        self.pages.push(Page::new(key));
        self.recent.set(page);
        page as usize
    }

    pub(crate) fn remove(&mut self, id: TaskId) -> Option<V> {
        let removed = match self.remove_from_page(id) {
            Some(value) => Some(value),
            None if self.alone.is_empty() => None,
            None => self.alone.remove(&id),
        };
        self.len -= usize::from(removed.is_some());
        removed
    }

    fn remove_from_page(&mut self, id: TaskId) -> Option<V> {
        let (key, offset) = place(id);
        let at = self.page(key)?;
        let page = &mut self.pages[at];
        let value = page.values[offset].take()?;
        page.len -= 1;
        if page.len == 0 {
            self.close(at);
        }
        Some(value)
    }

    /// Drops an empty page, unless it is the only one: that is used again, or a table of one task at a time would
    /// allocate one for each.
    fn close(&mut self, at: usize) {
        if self.pages.len() == 1 {
            return self.shrink();
        }
        self.directory.remove(&self.pages[at].key);
        self.pages.swap_remove(at);
        if let Some(moved) = self.pages.get(at) {
            #[expect(clippy::cast_possible_truncation, reason = "there are fewer than 2^32 pages")]
            self.directory.insert(moved.key, at as u32);
        }
    }

    /// Gives the memory of a directory back that had been large.
    fn shrink(&mut self) {
        if self.directory.capacity() > KEEP_PAGES {
            self.directory.shrink_to(1);
            self.pages.shrink_to(1);
        }
    }

    /// Empties it. The values come in no particular order.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = V> {
        self.len = 0;
        self.directory.clear();
        let pages = std::mem::take(&mut self.pages);
        let alone = std::mem::take(&mut self.alone);
        pages.into_iter().flat_map(|page| page.values.into_iter().flatten()).chain(alone.into_values())
    }
}

fn place(id: TaskId) -> (PageKey, usize) {
    ((id.origin, id.seq / PAGE_LEN), (id.seq % PAGE_LEN) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn id(origin: u64, seq: u64) -> TaskId {
        TaskId { origin, seq }
    }

    fn filled(ids: impl IntoIterator<Item = TaskId>) -> IdMap<u64> {
        let mut map = IdMap::new(0);
        for id in ids {
            map.insert(id, id.seq);
        }
        map
    }

    #[test]
    fn a_run_shares_pages_and_lone_ids_have_none() {
        let map = filled((0..640).map(|seq| id(7, seq)));
        assert_eq!((map.pages.len(), map.alone.len()), (10, 1), "the first of a run is not known as such");
        let map =
            filled((0..640u64).map(|seq| id(seq.wrapping_mul(0x9e37_79b9_7f4a_7c15), seq * 0xc2b2_ae3d)));
        assert_eq!((map.pages.len(), map.alone.len()), (0, 640));
    }

    #[test]
    fn an_empty_map_keeps_one_page() {
        let mut map = filled((0..1_000_000).map(|seq| id(1, seq)));
        for seq in 0..1_000_000 {
            assert_eq!(map.remove(id(1, seq)), Some(seq));
        }
        assert_eq!((map.len(), map.pages.len()), (0, 1));
        assert!(map.directory.capacity() <= KEEP_PAGES && map.pages.capacity() <= KEEP_PAGES);
    }

    proptest! {
        /// Whatever is done in whatever order, it is the same as with an ordinary map.
        #[test]
        fn is_a_map(steps in prop::collection::vec((0u8..4, 0u64..2, 0u64..200), 0..400)) {
            let (mut map, mut model, mut next) = (IdMap::new(1), BTreeMap::new(), 0);
            for (what, origin, seq) in steps {
                // runs, so that there are pages, and numbers from anywhere
                let id = if what == 0 { next += 1; id(3, next) } else { id(origin, seq) };
                match what {
                    0 | 1 => prop_assert_eq!(map.insert(id, seq), model.insert(id, seq)),
                    2 => prop_assert_eq!(map.remove(id), model.remove(&id)),
                    _ => prop_assert_eq!(map.get(id), model.get(&id)),
                }
                prop_assert_eq!(map.len(), model.len());
            }
            prop_assert!(model.iter().all(|(id, value)| map.get(*id) == Some(value)));
            let mut all: Vec<u64> = map.drain().collect();
            let mut expected: Vec<u64> = model.into_values().collect();
            all.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(all, expected);
            prop_assert_eq!(map.len(), 0);
        }
    }
}
