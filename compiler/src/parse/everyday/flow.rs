//! Collections in braces and brackets, on one line.

use granit_parser::{Event, StructureStyle};

use super::scalar::Context;
use super::{DEPTH_MAX, Reader, Taken};
use crate::source::Span;

impl Reader<'_> {
    pub(super) fn is_at_flow(&self) -> bool {
        matches!(self.byte(), Some(b'{' | b'['))
    }

    /// The collection that opens here.
    pub(super) fn flow(&mut self) -> Taken {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let at = Span::of(self.at..self.at + 1);
        if self.byte() == Some(b'{') {
            self.event(Event::MappingStart(StructureStyle::Flow, 0, None), at);
            let end = self.members(b'}', |reader| {
                let key = reader.scalar(Context::Flow)?;
                reader.key(key)?;
                reader.skip_spaces();
                reader.member()
            })?;
            self.event(Event::MappingEnd, Span::of(end..end + 1));
        } else {
            self.event(Event::SequenceStart(StructureStyle::Flow, 0, None), at);
            let end = self.members(b']', Self::member)?;
            self.event(Event::SequenceEnd, Span::of(end..end + 1));
        }
        self.depth -= 1;
        Some(())
    }

    /// All between the brackets. Where the closing one stands.
    fn members(&mut self, close: u8, one: impl Fn(&mut Self) -> Taken) -> Option<usize> {
        self.at += 1;
        self.skip_spaces();
        if self.byte() != Some(close) {
            one(self)?;
            self.skip_spaces();
            while self.byte() == Some(b',') {
                self.at += 1;
                self.skip_spaces();
                one(self)?;
                self.skip_spaces();
            }
        }
        let end = self.at;
        self.at += 1;
        (self.bytes.get(end) == Some(&close)).then_some(end)
    }

    fn member(&mut self) -> Taken {
        if self.is_at_flow() {
            return self.flow();
        }
        let scalar = self.scalar(Context::Flow)?;
        self.take(scalar);
        Some(())
    }
}
