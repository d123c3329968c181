//! A map from peers, who are numbered in the order in which they came.
//!
//! It is asked several times for every task, so a look-up is three loads and no hashing. Numbers are never used again; a
//! page of 64 of them gives its memory back when the last of its peers is gone, and leaves eight bytes behind.
use longshore_proto::PeerId;

/// Consecutive numbers in a page.
const PAGE_LEN: usize = 64;

/// The map. It goes by the order of arrival, so nothing depends on the order of a hash table.
#[derive(Debug)]
pub(crate) struct PeerMap<T> {
    pages: Vec<Option<Box<Page<T>>>>,
    order: Vec<PeerId>,
}

#[derive(Debug)]
struct Page<T> {
    len: usize,
    peers: [Option<Box<T>>; PAGE_LEN],
}

impl<T> Default for PeerMap<T> {
    fn default() -> Self {
        PeerMap { pages: Vec::new(), order: Vec::new() }
    }
}

impl<T> PeerMap<T> {
    /// Adds a peer, the youngest of all. It must not be there.
    pub(crate) fn insert(&mut self, peer: PeerId, value: T) {
        let (page, at) = place(peer);
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        let page = self.pages[page]
            .get_or_insert_with(|| Box::new(Page { len: 0, peers: [const { None }; PAGE_LEN] }));
        let before = page.peers[at].replace(Box::new(value));
        debug_assert!(before.is_none(), "a peer is added once");
        page.len += 1;
        self.order.push(peer);
    }

    pub(crate) fn remove(&mut self, peer: PeerId) -> Option<T> {
        let (number, at) = place(peer);
        let page = self.pages.get_mut(number)?.as_mut()?;
        let value = page.peers[at].take()?;
        page.len -= 1;
        if page.len == 0 {
            self.pages[number] = None;
        }
        self.order.retain(|p| *p != peer);
        Some(*value)
    }

    pub(crate) fn get(&self, peer: PeerId) -> Option<&T> {
        let (page, at) = place(peer);
        self.pages.get(page)?.as_ref()?.peers[at].as_deref()
    }

    pub(crate) fn get_mut(&mut self, peer: PeerId) -> Option<&mut T> {
        let (page, at) = place(peer);
        self.pages.get_mut(page)?.as_mut()?.peers[at].as_deref_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// All peers, oldest first.
    pub(crate) fn peers(&self) -> &[PeerId] {
        &self.order
    }

    /// All peers and what is known of them, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (PeerId, &T)> {
        self.order.iter().filter_map(|peer| Some((*peer, self.get(*peer)?)))
    }
}

fn place(peer: PeerId) -> (usize, usize) {
    let number = peer.0 as usize;
    (number / PAGE_LEN, number % PAGE_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(numbers: impl IntoIterator<Item = u32>) -> PeerMap<u32> {
        let mut map = PeerMap::default();
        numbers.into_iter().for_each(|n| map.insert(PeerId(n), n * 10));
        map
    }

    #[test]
    fn peers_are_found_and_listed_oldest_first() {
        let mut map = filled([5, 900, 64]);
        assert_eq!(map.get(PeerId(900)), Some(&9_000));
        assert_eq!((map.get(PeerId(6)), map.get(PeerId(70_000))), (None, None));
        assert_eq!(map.remove(PeerId(900)), Some(9_000));
        assert_eq!(map.remove(PeerId(900)), None);
        *map.get_mut(PeerId(64)).unwrap() += 1;
        assert_eq!(map.iter().collect::<Vec<_>>(), [(PeerId(5), &50), (PeerId(64), &641)]);
        assert_eq!(map.len(), 2);
    }

    #[test]
    fn pages_of_those_who_left_are_given_back() {
        let mut map = filled(0..640);
        assert!((0..630).all(|n| map.remove(PeerId(n)).is_some()));
        assert_eq!(map.pages.iter().flatten().count(), 1);
        assert_eq!(map.peers().len(), 10);
    }
}
