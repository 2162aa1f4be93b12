//! Bytes → text, as pip does it: a byte order mark, else a comment of PEP 263, else UTF-8.
//!
//! pip falls back to the locale's encoding; here that is an error, as the file means the same on
//! every host.

use std::borrow::Cow;

use super::super::input::Fault;

/// The text of a requirements file.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    // The mark of UTF-16 is the beginning of UTF-32's.
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return utf8(rest, 3);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe\0\0") {
        return utf32(rest, u32::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\0\0\xfe\xff") {
        return utf32(rest, u32::from_be_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return utf16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return utf16(rest, u16::from_be_bytes);
    }
    let Some(name) = declared(bytes) else { return utf8(bytes, 0) };
    match &*name.to_ascii_lowercase().replace('_', "-") {
        "utf-8" | "utf8" | "u8" | "utf-8-sig" => utf8(bytes, 0),
        "ascii" | "us-ascii" => match bytes.iter().position(|byte| !byte.is_ascii()) {
            Some(position) => Err(Fault::NotText { encoding: "ASCII", position }),
            None => utf8(bytes, 0),
        },
        "latin-1" | "latin1" | "l1" | "iso-8859-1" | "iso8859-1" | "8859" => {
            Ok(bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into())
        }
        "cp1252" | "windows-1252" | "1252" => cp1252(bytes),
        _ => Err(Fault::Encoding { found: name.chars().take(40).collect() }),
    }
}

/// The encoding that a comment on one of the first two lines names (`coding[:=]\s*([-\w.]+)`).
fn declared(bytes: &[u8]) -> Option<&str> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    bytes.split(|byte| *byte == b'\n').take(2).filter(|line| line.first() == Some(&b'#')).find_map(
        |line| {
            (0..line.len()).find_map(|at| {
                let rest = line[at..].strip_prefix(b"coding")?;
                let rest = rest.strip_prefix(b":").or_else(|| rest.strip_prefix(b"="))?;
                let rest = rest.trim_ascii_start();
                let len = rest.iter().position(|byte| !is_name(byte)).unwrap_or(rest.len());
                std::str::from_utf8(&rest[..len]).ok().filter(|name| !name.is_empty())
            })
        },
    )
}

fn utf8(bytes: &[u8], skipped: usize) -> Result<Cow<'_, str>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|error| Fault::NotText {
        encoding: "UTF-8",
        position: skipped + error.valid_up_to(),
    })?;
    Ok(text.into())
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'static, str>, Fault> {
    let wrong = |position| Fault::NotText { encoding: "UTF-16", position: 2 + position };
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong(bytes.len()));
    }
    let mut text = String::with_capacity(units.len());
    let mut position = 0;
    for c in char::decode_utf16(units.iter().map(|pair| unit(*pair))) {
        let c = c.map_err(|_| wrong(position))?;
        position += 2 * c.len_utf16();
        text.push(c);
    }
    Ok(text.into())
}

fn utf32(bytes: &[u8], unit: fn([u8; 4]) -> u32) -> Result<Cow<'static, str>, Fault> {
    let wrong = |position| Fault::NotText { encoding: "UTF-32", position: 4 + position };
    let (units, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(wrong(bytes.len()));
    }
    let chars = units.iter().enumerate();
    let text: Result<String, Fault> =
        chars.map(|(at, four)| char::from_u32(unit(*four)).ok_or_else(|| wrong(4 * at))).collect();
    Ok(text?.into())
}

/// What the bytes from 0x80 are in Windows' encoding of western Europe; five mean nothing.
const CP1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘',
    '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

fn cp1252(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let mut text = String::with_capacity(bytes.len());
    for (position, byte) in bytes.iter().enumerate() {
        text.push(match byte {
            0x80..=0x9f => match CP1252[usize::from(byte - 0x80)] {
                '\0' => return Err(Fault::NotText { encoding: "cp1252", position }),
                c => c,
            },
            byte => char::from(*byte),
        });
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_pip_reads() {
        let text = "é # €\n";
        let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(order).collect()
        };
        let utf32 = |order: fn(u32) -> [u8; 4]| -> Vec<u8> {
            let units = std::iter::once('\u{feff}').chain(text.chars());
            units.map(u32::from).flat_map(order).collect()
        };
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
            utf32(u32::to_le_bytes),
            utf32(u32::to_be_bytes),
        ] {
            assert_eq!(decode(&bytes).unwrap(), text, "{bytes:x?}");
        }
        let named = |bytes: &[u8]| decode(bytes).unwrap().into_owned();
        assert_eq!(named(b"# -*- coding: latin-1 -*-\n\xe9"), "# -*- coding: latin-1 -*-\né");
        assert_eq!(
            named(b"#\n# vim: set fileencoding=cp1252 :\n\x80"),
            "#\n# vim: set fileencoding=cp1252 :\n€"
        );
        assert_eq!(named(b"a # coding: latin-1\n\xc3\xa9"), "a # coding: latin-1\né");
        assert_eq!(named(b"\n\n# coding: latin-1\n\xc3\xa9"), "\n\n# coding: latin-1\né");
    }

    #[test]
    fn names_what_it_cannot_read() {
        let error = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
        assert!(error(b"a\n\xe9").starts_with("is not UTF-8 at byte 2; expected UTF-8, or"));
        assert!(error(b"# coding: ascii\n\xe9").starts_with("is not ASCII at byte 16"));
        assert!(error(b"# coding=cp1252\n\x81").starts_with("is not cp1252 at byte 16"));
        assert!(
            error(b"# coding: koi8-r\n").starts_with("is encoded as \"koi8-r\", expected utf-8")
        );
        assert!(error(b"\xff\xfea").contains("is not UTF-16 at byte 3"));
        assert!(error(b"\xff\xfe\0\xd8").contains("is not UTF-16 at byte 2"));
        assert!(error(b"\xff\xfe\0\0\0\0\0\x11").contains("is not UTF-32 at byte 4"));
    }
}
