//! Where a YAML stream is to be cut into documents.
//!
//! YAML 1.2, 9.1.2 and 9.2: a line that begins with `---` or `...` and a blank is a mark wherever it
//! stands, in texts of any style too. So lines tell the documents apart, whatever is wrong inside them.

use std::ops::Range;

/// The documents of a stream: the line of each, from 1, and its bytes. What holds nothing but comments is
/// none.
pub(super) fn documents(text: &[u8]) -> Vec<(usize, Range<usize>)> {
    let mut documents = Vec::new();
    let bom = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let (mut start, mut first, mut has_content, mut at) = (bom, 1, false, bom);
    let mut push = |start: &mut usize, end: usize, first: &mut usize, next: usize, is: bool| {
        if is {
            documents.push((*first, *start..end));
        }
        (*start, *first) = (end, next);
    };
    for (number, line) in (1..).zip(text[bom..].split_inclusive(|byte| *byte == b'\n')) {
        let end = at + line.len();
        if is_mark(line, b"---") {
            // Directives and comments before it belong to it.
            if has_content {
                push(&mut start, at, &mut first, number, true);
            }
            has_content = true;
        } else if is_mark(line, b"...") {
            push(&mut start, end, &mut first, number + 1, has_content);
            has_content = false;
        } else {
            let plain = line.trim_ascii();
            let is_directive = !has_content && line.starts_with(b"%");
            has_content |= !(plain.is_empty() || plain.starts_with(b"#") || is_directive);
        }
        at = end;
    }
    push(&mut start, text.len(), &mut first, 0, has_content);
    documents
}

/// Whether a document says itself where it begins, and need not be the first one.
pub(super) fn begins_explicitly(document: &[u8]) -> bool {
    document.split(|byte| *byte == b'\n').any(|line| is_mark(line, b"---"))
}

fn is_mark(line: &[u8], mark: &[u8]) -> bool {
    let rest = line.strip_prefix(mark);
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b'\t' | b'\r' | b'\n')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(usize, &str)> {
        documents(text.as_bytes()).into_iter().map(|(line, bytes)| (line, &text[bytes])).collect()
    }

    #[test]
    fn cuts_at_the_marks() {
        assert_eq!(cut("a: 1\n"), [(1, "a: 1\n")]);
        assert_eq!(cut("\u{feff}a: 1"), [(1, "a: 1")]);
        assert_eq!(cut(""), []);
        assert_eq!(cut("# nothing\n\n...\n...\n"), []);
        let text = "---\na: 1\n...\n# of b\n---\nb: 1\n---\nc: |\n ---\n";
        assert_eq!(
            cut(text),
            [(1, "---\na: 1\n...\n"), (4, "# of b\n---\nb: 1\n"), (7, "---\nc: |\n ---\n")]
        );
        let text = "%YAML 1.2\n--- a\r\n...\r\n---\t\n";
        assert_eq!(cut(text), [(1, "%YAML 1.2\n--- a\r\n...\r\n"), (4, "---\t\n")]);
        assert_eq!(cut("a: 1\n---b: 2\n"), [(1, "a: 1\n---b: 2\n")]);
    }
}
