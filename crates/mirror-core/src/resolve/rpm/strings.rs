//! Texts that are kept once, and numbered.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// A text's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Text(pub(super) u32);

impl Text {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// All texts of a pool, one behind the other, and a hash table over them: a third of what a map of
/// strings takes.
#[derive(Debug, Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<u32>,
    /// Numbers, from 1; 0 is a free place.
    table: Vec<u32>,
    state: RandomState,
}

impl Strings {
    pub(super) fn get(&self, text: Text) -> &str {
        let at = text.index();
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start as usize..self.ends[at] as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many bytes there are.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// A hash that no upstream can foresee.
    pub(super) fn hash(&self, text: &str) -> u64 {
        self.state.hash_one(text)
    }

    pub(super) fn find(&self, text: &str) -> Option<Text> {
        if self.table.is_empty() {
            return None;
        }
        match self.table[self.place(text)] {
            0 => None,
            number => Some(Text(number - 1)),
        }
    }

    pub(super) fn intern(&mut self, text: &str) -> Text {
        if self.table.len() < (self.ends.len() + 1) * 2 {
            self.grow();
        }
        let place = self.place(text);
        if self.table[place] != 0 {
            return Text(self.table[place] - 1);
        }
        self.text.push_str(text);
        // The pool bounds both: neither passes 32 bits.
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        self.table[place] = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        Text(self.table[place] - 1)
    }

    /// Where a text is, or would be.
    fn place(&self, text: &str) -> usize {
        let mask = self.table.len() - 1;
        #[allow(clippy::cast_possible_truncation, reason = "only the low bits count")]
        let mut place = self.hash(text) as usize & mask;
        while self.table[place] != 0 && self.get(Text(self.table[place] - 1)) != text {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        let size = (self.ends.len() * 4).next_power_of_two().max(1024);
        self.table = vec![0; size];
        for number in 0..self.ends.len() {
            let text = Text(u32::try_from(number).unwrap_or(u32::MAX));
            let place = self.place(self.get(text));
            self.table[place] = text.0 + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_each_text_once() {
        let mut strings = Strings::default();
        assert_eq!(strings.find("a"), None);
        let texts: Vec<String> = (0..5000).map(|number| format!("text-{number}")).collect();
        let numbers: Vec<Text> = texts.iter().map(|text| strings.intern(text)).collect();
        assert_eq!(strings.len(), 5000);
        for (text, number) in texts.iter().zip(numbers) {
            assert_eq!(strings.get(number), text);
            assert_eq!(strings.intern(text), number);
            assert_eq!(strings.find(text), Some(number));
        }
        assert_eq!(strings.find("text-5000"), None);
        let empty = strings.intern("");
        assert_eq!(strings.get(empty), "");
    }
}
