//! What may be shown of a text from outside.

/// As much of `text` as a message can bear, without control characters and without what URLs may
/// hold of logins and tokens.
pub(crate) fn shown(text: &str) -> String {
    excerpt(&without_secrets(text))
}

fn excerpt(text: &str) -> String {
    const LEN: usize = 120;
    match text.char_indices().nth(LEN) {
        Some((end, _)) => printable(&text[..end]) + "…",
        None => printable(text),
    }
}

pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// URLs without user information and query values.
fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        let (url, behind) = after.split_at(end);
        shown.push_str(&url_without_secrets(url));
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

/// The same of what stands after `://`.
fn url_without_secrets(url: &str) -> String {
    let authority = &url[..url.find(['/', '?', '#']).unwrap_or(url.len())];
    // A password may hold what ends an authority: then what stands before is no host and port.
    let odd = authority.split_once(':').is_some_and(|(_, port)| {
        !port.bytes().all(|byte| byte.is_ascii_digit()) && !authority.contains('@')
    });
    let within = if odd { url } else { authority };
    let mut shown = String::new();
    let mut rest = url;
    if let Some(at) = within.rfind('@') {
        shown.push_str("***");
        rest = &url[at..];
    }
    if let Some(query) = rest.find('?') {
        let fragment = rest[query..].find('#').map_or("", |at| &rest[query + at..]);
        shown.push_str(&rest[..query]);
        shown.push_str("?…");
        rest = fragment;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_login_of_any_url_in_a_text() {
        for (text, expected) in [
            ("a @ https://me:secret@h.example/a.whl", "a @ https://***@h.example/a.whl"),
            ("https://secret@h.example", "https://***@h.example"),
            ("https://me:se/cret@h.example/x", "https://***@h.example/x"),
            ("https://me:se?c#ret@h.example/x", "https://***@h.example/x"),
            ("https://h.example/a?token=secret#sha256=1 ; x", "https://h.example/a?…#sha256=1 ; x"),
            ("https://h.example:8443/a@1/b", "https://h.example:8443/a@1/b"),
            ("x http://a:b@h/ y https://c:d@i/ z", "x http://***@h/ y https://***@i/ z"),
            ("git+ssh://git@h.example/x@v1", "git+ssh://***@h.example/x@v1"),
            ("a\u{1b}[0m\nb", "a\u{fffd}[0m\u{fffd}b"),
        ] {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(shown(&"x".repeat(200)).chars().count(), 121);
    }
}
