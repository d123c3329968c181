//! Bytes on their way in.
use super::landing::Landing;
use super::{FrameError, HEADER_BYTES, Header, Place, checksum};
use crate::limit::FRAME_BYTES_MAX;
use bytes::BytesMut;
use serde::Deserialize;

/// What a reader begins with. A link that carries little keeps it, and there may be ten thousand of them.
const SPACE_BYTES_MIN: usize = 4 * 1024;
/// What it comes to have for the next read, twice as much after each that filled all there was.
const SPACE_BYTES_MAX: usize = 64 * 1024;
/// Memory that an idle reader keeps.
const KEEP_BYTES_MAX: usize = 1024 * 1024;
/// What is read after a tail: likely the short message before the next tail, of which little is to be read in passing,
/// because that has to be copied.
const AFTER_TAIL_BYTES: usize = 256;

/// Bytes on their way in.
#[derive(Debug, Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// How often the space was filled, as far as it matters.
    doublings: u32,
    tail: TailState,
    landing: Landing,
}

/// What is known of the tail that is to come.
#[derive(Debug, Default)]
enum TailState {
    /// There is none.
    #[default]
    None,
    /// There was one right before.
    Past,
    /// Its header has not come yet.
    Announced(Option<Place>),
    /// It is coming in.
    Coming(Header),
}

impl FrameReader {
    /// Room to read into. Call [`filled`](Self::filled) with what was read.
    pub fn space(&mut self) -> &mut [u8] {
        match self.tail {
            TailState::Coming(header) => self.landing.space(header.bytes),
            TailState::Announced(_) => self.frame_space(AFTER_TAIL_BYTES),
            TailState::Past if self.is_drained() => self.frame_space(AFTER_TAIL_BYTES),
            TailState::Past | TailState::None => self.frame_space(usize::MAX),
        }
    }

    fn frame_space(&mut self, max: usize) -> &mut [u8] {
        if self.is_drained() {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > KEEP_BYTES_MAX {
                self.bytes = Vec::new();
            }
        }
        let room = self.room();
        let want = self.frame_bytes().unwrap_or(0).max(room);
        if self.start + want > self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.bytes.len() < want.max(self.end + room / 2) {
                self.bytes.resize(want.max(2 * self.end), 0);
            }
        }
        let space = &mut self.bytes[self.end..];
        let max = max.min(space.len());
        &mut space[..max]
    }

    /// So many bytes were read into [`space`](Self::space).
    pub fn filled(&mut self, bytes: usize) {
        if let TailState::Coming(_) = self.tail {
            return self.landing.filled(bytes);
        }
        self.end += bytes;
        debug_assert!(self.end <= self.bytes.len(), "more was filled than there was space");
        if self.end == self.bytes.len() && self.room() < SPACE_BYTES_MAX {
            self.doublings += 1;
        }
    }

    /// What is to be there for the next read.
    fn room(&self) -> usize {
        SPACE_BYTES_MIN << self.doublings
    }

    fn is_drained(&self) -> bool {
        self.start == self.end
    }

    /// Whether all that came in was taken: an end of the stream here is a clean one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_drained() && matches!(self.tail, TailState::None | TailState::Past)
    }

    fn header(&self) -> Option<Header> {
        self.bytes[self.start..self.end].first_chunk().map(|header| Header::from_bytes(*header))
    }

    /// Size of the frame that is coming in, header included, once its header is there and believable.
    fn frame_bytes(&self) -> Option<usize> {
        let header = self.header()?;
        (header.bytes <= FRAME_BYTES_MAX).then_some(header.bytes + HEADER_BYTES)
    }

    /// Takes the next whole frame and gives each of its messages to `each`, with whether a tail belongs to it. `false` when
    /// no whole frame is there. After a message to which a tail belongs comes [`expect_tail`](Self::expect_tail).
    ///
    /// # Errors
    /// The bytes are not a frame of such messages. Messages before the fault were given out.
    pub fn next_frame<'a, T: Deserialize<'a>>(
        &'a mut self,
        mut each: impl FnMut(T, bool),
    ) -> Result<bool, FrameError> {
        debug_assert!(
            !matches!(self.tail, TailState::Announced(_) | TailState::Coming(_)),
            "a tail comes first"
        );
        let Some(header) = self.header() else { return Ok(false) };
        if header.bytes > FRAME_BYTES_MAX {
            return Err(FrameError::TooLong { bytes: header.bytes });
        }
        let here = &self.bytes[self.start..self.end];
        let Some(mut content) = here.get(HEADER_BYTES..HEADER_BYTES + header.bytes) else { return Ok(false) };
        if checksum(content, header.tail_follows) != header.checksum {
            return Err(FrameError::Checksum);
        }
        if header.tail_follows && content.is_empty() {
            return Err(FrameError::Tail { bytes: 0 });
        }
        self.start += HEADER_BYTES + header.bytes;
        self.tail = if header.tail_follows { TailState::Announced(None) } else { TailState::None };
        while !content.is_empty() {
            let before = content.len();
            let (message, after) = postcard::take_from_bytes(content).map_err(FrameError::Undecodable)?;
            if after.len() == before {
                // A message always takes at least its tag; a type without content would never end.
                return Err(FrameError::Undecodable(postcard::Error::DeserializeUnexpectedEnd));
            }
            content = after;
            each(message, header.tail_follows && content.is_empty());
        }
        Ok(true)
    }

    /// Says which part of a value the coming tail is, so that it comes to lie beside the part before it. `None` for memory
    /// of its own.
    pub fn expect_tail(&mut self, place: Option<Place>) {
        if let TailState::Announced(known) = &mut self.tail {
            *known = place;
        }
    }

    /// The tail that belongs to the last message, once it is whole.
    ///
    /// # Errors
    /// It is too long, or was changed on its way.
    pub fn next_tail(&mut self) -> Result<Option<BytesMut>, FrameError> {
        if let TailState::Announced(place) = self.tail {
            let Some(header) = self.header() else { return Ok(None) };
            if header.bytes > FRAME_BYTES_MAX {
                return Err(FrameError::TooLong { bytes: header.bytes });
            }
            if header.tail_follows {
                return Err(FrameError::Tail { bytes: header.bytes });
            }
            self.start += HEADER_BYTES;
            self.landing.begin(header.bytes, place);
            let here = &self.bytes[self.start..self.end];
            let here = &here[..here.len().min(header.bytes)];
            self.landing.add(here);
            self.start += here.len();
            self.tail = TailState::Coming(header);
        }
        let TailState::Coming(header) = self.tail else { return Ok(None) };
        if self.landing.have() < header.bytes {
            return Ok(None);
        }
        self.tail = TailState::Past;
        self.landing.finish(&header).map(Some)
    }
}
