//! The fast reader: as much of a block as a mirror has a use for.

use memchr::memmem;

use super::super::cut::END;
use super::super::plain::{Scan, decode};
use super::{Package, set};
use crate::digest::Digest;
use crate::limits;

const FORMAT: &[u8] = b"<format";
const FORMAT_END: &[u8] = b"</format>";

/// Reads one block, which begins behind white space and ends with `</package>`, and gives the
/// package's checksum; `None` where the full reader has to.
pub(super) fn read_block(block: &[u8], package: &mut Package) -> Option<Digest> {
    // `<!` and `<?` may hide an end tag, or anything else.
    if memchr::memchr2_iter(b'!', b'?', block).any(|at| at > 0 && block[at - 1] == b'<') {
        return None;
    }
    let text = std::str::from_utf8(block).ok()?;
    let end = match memmem::find(block, FORMAT) {
        None => text.len() - END.len(),
        Some(at) => {
            let format = block[at + FORMAT.len()..].strip_prefix(b">")?;
            // The first end of a format has to be the one right before the package's.
            let end = memmem::find(format, FORMAT_END)? + FORMAT_END.len();
            (format[end..].trim_ascii_start() == END).then_some(())?;
            at
        }
    };
    let record = &text[..end];
    if record.len() > limits::XML_TOKEN {
        return None;
    }
    read_record(Scan { rest: record }, package)
}

fn read_record(mut scan: Scan<'_>, package: &mut Package) -> Option<Digest> {
    package.clear();
    let outer = scan.tag()?;
    (outer.name == "package" && !outer.is_empty).then_some(())?;
    let mut checksum = None;
    scan.blanks();
    while !scan.rest.is_empty() {
        let tag = scan.tag()?;
        let text = if tag.is_empty { "" } else { scan.text(tag.name)? };
        match tag.name {
            "name" => set(&mut package.name, decode(text)?.trim_ascii()),
            "arch" => set(&mut package.arch, decode(text)?.trim_ascii()),
            "checksum" => {
                let algorithm = tag.value("type")?;
                let text = decode(text)?;
                checksum = Some(Digest::parse(&algorithm, text.trim_ascii()).ok()?);
            }
            "version" => {
                tag.put("epoch", &mut package.epoch);
                tag.put("ver", &mut package.version);
                tag.put("rel", &mut package.release);
            }
            "time" => {
                if let Some(time) = tag.value("build") {
                    package.build_time = time.parse().ok();
                }
            }
            "size" => {
                if let Some(size) = tag.value("package") {
                    package.size = size.parse().ok();
                }
            }
            "location" => {
                tag.put("href", &mut package.href);
                tag.put("xml:base", &mut package.base);
            }
            _ => {}
        }
        scan.blanks();
    }
    package.complete(checksum).ok()
}
