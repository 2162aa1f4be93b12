//! rpm's order of versions (`rpmvercmp`).
//!
//! A version is cut into segments of digits and of letters; what is neither separates them and means
//! nothing else. Segments compare one by one: numbers by value, letters by their bytes, a number after
//! letters, a longer version after its beginning. Two signs are segments of their own: `~` sorts
//! before everything, the end included (`1.0~rc1` < `1.0`), and `^` right after the end
//! (`1.0` < `1.0^git1` < `1.0.1`).

use std::cmp::Ordering;

/// Compares two versions, or two releases, as rpm does.
///
/// Different texts may be equal, as `1.0` and `1_00`.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (Segments(a.as_bytes()), Segments(b.as_bytes()));
    loop {
        let (left, right) = (a.next(), b.next());
        let order = left.cmp(&right);
        if order != Ordering::Equal || left == Segment::End {
            return order;
        }
    }
}

/// In the order of their kinds.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Segment<'a> {
    Tilde,
    End,
    Caret,
    Letters(&'a [u8]),
    Number(Number<'a>),
}

/// Digits without leading zeros: of any length, as some versions are dates and hashes.
#[derive(PartialEq, Eq)]
struct Number<'a>(&'a [u8]);

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.cmp(other.0))
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

struct Segments<'a>(&'a [u8]);

impl<'a> Segments<'a> {
    fn next(&mut self) -> Segment<'a> {
        let is_separator = |b: &u8| !b.is_ascii_alphanumeric() && !matches!(b, b'~' | b'^');
        self.take(is_separator);
        match self.0 {
            [] => Segment::End,
            [b'~', rest @ ..] => {
                self.0 = rest;
                Segment::Tilde
            }
            [b'^', rest @ ..] => {
                self.0 = rest;
                Segment::Caret
            }
            [b'0'..=b'9', ..] => {
                self.take(|b| *b == b'0');
                Segment::Number(Number(self.take(u8::is_ascii_digit)))
            }
            _ => Segment::Letters(self.take(u8::is_ascii_alphabetic)),
        }
    }

    fn take(&mut self, wanted: impl Fn(&u8) -> bool) -> &'a [u8] {
        let len = self.0.iter().take_while(|b| wanted(b)).count();
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn orders_as_rpm_does() {
        for (a, order, b) in [
            ("1.0", Ordering::Equal, "1.0"),
            ("1.0", Ordering::Less, "2.0"),
            ("2.0.1", Ordering::Less, "2.0.1a"),
            ("5.5p1", Ordering::Less, "5.5p10"),
            ("10xyz", Ordering::Less, "10.1xyz"),
            ("xyz10", Ordering::Less, "xyz10.1"),
            ("xyz.4", Ordering::Less, "8"),
            ("5.5p2", Ordering::Less, "5.6p1"),
            ("6.0.rc1", Ordering::Greater, "6.0"),
            ("10b2", Ordering::Greater, "10a1"),
            ("10.0001", Ordering::Equal, "10.1"),
            ("10.0039", Ordering::Less, "10.0040"),
            ("4.999.9", Ordering::Less, "5.0"),
            ("20101121", Ordering::Less, "20101122"),
            ("99999999999999999999999", Ordering::Less, "100000000000000000000000"),
            ("2_0", Ordering::Equal, "2.0"),
            ("a+", Ordering::Equal, "a_"),
            ("1.", Ordering::Equal, "1"),
            ("", Ordering::Less, "0"),
            ("1é1", Ordering::Equal, "1.1"),
            ("1.0~rc1", Ordering::Less, "1.0"),
            ("1.0~rc1", Ordering::Less, "1.0~rc2"),
            ("1.0~rc1~git123", Ordering::Less, "1.0~rc1"),
            ("1.0^", Ordering::Greater, "1.0"),
            ("1.0^git1", Ordering::Less, "1.01"),
            ("1.0^20160101", Ordering::Less, "1.0.1"),
            ("1.0^20160101^git1", Ordering::Greater, "1.0^20160101"),
            ("1.0~rc1^git1", Ordering::Greater, "1.0~rc1"),
            ("1.0^git1~pre", Ordering::Less, "1.0^git1"),
        ] {
            assert_eq!(compare(a, b), order, "{a} and {b}");
            assert_eq!(compare(b, a), order.reverse(), "{b} and {a}");
        }
    }

    proptest! {
        #[test]
        fn is_a_total_order(versions in proptest::array::uniform3("[0-2ab.~^]{0,6}")) {
            let [a, b, c] = &versions;
            prop_assert_eq!(compare(a, a), Ordering::Equal);
            prop_assert_eq!(compare(a, b), compare(b, a).reverse());
            if compare(a, b) == compare(b, c) {
                prop_assert_eq!(compare(a, c), compare(a, b));
            }
            if compare(a, b) == Ordering::Equal {
                prop_assert_eq!(compare(a, c), compare(b, c));
            }
        }
    }
}
