//! How fast a large primary is read: 60,000 records, plain and compressed.
//!
//! Run by hand: `cargo bench -p mirror-core --bench formats`. The best of five is printed, with no
//! judgement: machines differ.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fmt::Write as _;
use std::io::{self, BufRead, Write as _};
use std::time::Instant;

use mirror_core::format::compression::{decoder, read_ahead};
use mirror_core::format::rpm::FormatError;
use mirror_core::format::rpm::primary::read_packages;
use mirror_core::limits::METADATA_OPEN_SIZE;

const PACKAGES: usize = 60_000;

fn main() {
    // `cargo test --all-targets` runs this too, without the flag.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let document = primary();
    println!("{} MB, {PACKAGES} packages", document.len() / 1_000_000);
    measure("plain", || count(&mut document.as_bytes()));
    let odd = document.replacen("<metadata", "<!-- --><metadata", 1);
    measure("plain, full reader", || count(&mut odd.as_bytes()));

    let level = flate2::Compression::new(6);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), level);
    gz.write_all(document.as_bytes()).unwrap();
    let gz = gz.finish().unwrap();
    let zstd = zstd::encode_all(document.as_bytes(), 5).unwrap();
    for (name, bytes) in [("gz", &gz), ("zstd", &zstd)] {
        let open = || decoder(&bytes[..], METADATA_OPEN_SIZE).unwrap();
        measure(&format!("{name}, decompressed only"), || {
            io::copy(&mut open(), &mut io::sink()).unwrap();
        });
        measure(name, || count(&mut open()));
        measure(&format!("{name}, read ahead"), || {
            read_ahead(open(), count);
        });
    }
}

fn measure(what: &str, run: impl Fn()) {
    let seconds = (0..5).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    });
    println!("{what}: {:.3} s", seconds.fold(f64::MAX, f64::min));
}

/// Reads all packages into owned fields, as a mirror does.
fn count(reader: &mut impl BufRead) {
    let mut packages = Vec::new();
    read_packages(reader, |package| {
        let name = (package.name.to_owned(), package.version.to_owned());
        packages.push((name, package.href.to_owned(), package.checksum, package.size));
        Ok::<_, FormatError>(())
    })
    .unwrap();
    assert_eq!(packages.len(), PACKAGES);
}

fn primary() -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata xmlns=\"http://linux.duke.edu/metadata\
         /common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"60000\">\n",
    );
    for n in 0..PACKAGES {
        package(n, &mut out).unwrap();
    }
    out.push_str("</metadata>");
    out
}

fn package(n: usize, out: &mut String) -> std::fmt::Result {
    let description = "What the package is for, said in some sentences. ".repeat(6 + n % 5);
    write!(
        out,
        r#"<package type="rpm">
  <name>package-{n}</name>
  <arch>x86_64</arch>
  <version epoch="0" ver="1.{n}.3" rel="2.el9"/>
  <checksum type="sha256" pkgid="YES">{n:064x}</checksum>
  <summary>What it is</summary>
  <description>{description}</description>
  <packager>Some One &lt;one@example.com&gt;</packager>
  <url>https://example.com/{n}</url>
  <time file="1749069429" build="1749069400"/>
  <size package="{n}" installed="81920" archive="82944"/>
  <location href="Packages/p/package-{n}-1.{n}.3-2.el9.x86_64.rpm"/>
  <format>
    <rpm:license>MIT</rpm:license>
    <rpm:vendor>Example</rpm:vendor>
    <rpm:header-range start="4504" end="{n}"/>
    <rpm:provides>
"#
    )?;
    for entry in 0..8 + n % 5 {
        writeln!(
            out,
            "      <rpm:entry name=\"lib{entry}.so.{n}\" flags=\"EQ\" epoch=\"0\" ver=\"1\" rel=\"2\"/>"
        )?;
    }
    out.push_str("    </rpm:provides>\n    <file>/usr/bin/x</file>\n  </format>\n</package>\n");
    Ok(())
}
