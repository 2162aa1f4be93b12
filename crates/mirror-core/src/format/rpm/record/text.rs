//! Texts of a header as XML can hold them.

use std::borrow::Cow;

use super::super::{FormatError, excerpt};
use crate::limits;

/// A text: of the header where that has it in UTF-8, else made of it.
pub type Text<'a> = Cow<'a, str>;

/// Takes a text, of which messages speak as `what`.
pub(super) fn text<'a>(bytes: &'a [u8], what: &str) -> Result<Text<'a>, FormatError> {
    if let Some(byte) = bytes.iter().find(|byte| is_forbidden(**byte)) {
        return Err(wrong(format!("has the control character {byte:#04x} in its {what}")));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Ok(Cow::Owned(from_latin1(bytes)));
    };
    // The two that XML excludes, and createrepo_c does not.
    if let Some(c) = text.chars().find(|c| matches!(c, '\u{fffe}' | '\u{ffff}')) {
        return Err(wrong(format!("has the character {} in its {what}", c.escape_unicode())));
    }
    Ok(Cow::Borrowed(text))
}

/// The same of a text that was put together.
pub(super) fn owned_text<'a>(bytes: Vec<u8>, what: &str) -> Result<Text<'a>, FormatError> {
    match text(&bytes, what)? {
        Cow::Owned(made) => Ok(Cow::Owned(made)),
        // It was just seen to be UTF-8, so nothing is lost.
        Cow::Borrowed(_) => Ok(Cow::Owned(String::from_utf8(bytes).unwrap_or_default())),
    }
}

/// What the package's identity is made of is there, and no more than that.
pub(super) fn check_name(text: &str, what: &'static str) -> Result<(), FormatError> {
    if text.is_empty() {
        return Err(wrong(format!("lacks its {what}")));
    }
    if text.len() > limits::PACKAGE_FIELD {
        let what = "bytes in a package's name, version, release or architecture";
        return Err(FormatError::Limit { what, limit: limits::PACKAGE_FIELD as u64 });
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(wrong(format!("has blanks in its {what}, {:?}", excerpt(text))));
    }
    Ok(())
}

pub(in super::super) fn wrong(reason: String) -> FormatError {
    FormatError::Binary { what: "header", reason }
}

fn is_forbidden(byte: u8) -> bool {
    byte < 32 && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// Latin-1 as createrepo_c takes it: the bytes between its two halves are dropped.
fn from_latin1(bytes: &[u8]) -> String {
    bytes.iter().filter(|byte| !matches!(byte, 0x80..=0xbf)).map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_latin1_and_refuses_what_xml_cannot_hold() {
        let ok = |bytes| text(bytes, "summary").unwrap().into_owned();
        assert_eq!(ok(b"a\tb\r\n\x7f"), "a\tb\r\n\x7f");
        assert_eq!(ok("Zdeněk".as_bytes()), "Zdeněk");
        assert_eq!(ok(b"caf\xe9 \x80\xbf\xff"), "café ÿ");
        let error = text(b"bell\x07", "summary").unwrap_err().to_string();
        assert_eq!(error, "its header has the control character 0x07 in its summary");
        assert!(text("\u{ffff}".as_bytes(), "summary").is_err());
        assert_eq!(owned_text(b"caf\xe9".to_vec(), "path").unwrap(), "café");
        assert_eq!(owned_text(b"plain".to_vec(), "path").unwrap(), "plain");
    }
}
