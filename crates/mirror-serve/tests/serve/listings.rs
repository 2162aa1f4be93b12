//! Folder listings.

use std::fs;

use crate::support::Site;

fn hrefs(page: &str) -> Vec<&str> {
    page.split("<a href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn a_listing_escapes_names_and_its_links_lead_there() {
    let site = Site::new();
    let names = [
        "<script>alert(1)<",
        "a&amp;b",
        "\"onclick='x'",
        "a b",
        "100%",
        "100%25",
        "q?x#y",
        "libstdc++-1^2~3.rpm",
        "n-1:2.rpm",
        "javascript:alert(1)",
        "é",
    ];
    for name in names {
        site.write(&format!("d/{name}"), name);
    }
    let page = site.get("/d/");
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let text = page.text();
    assert!(!text.contains("<script") && !text.contains("'x'"), "{text}");
    assert!(text.contains("&lt;script&gt;alert(1)&lt;</a>"));
    assert!(text.contains(">a&amp;amp;b</a>"));
    assert!(!text.contains("href=\"javascript:"));
    let mut found: Vec<String> = hrefs(text)
        .into_iter()
        .filter(|href| *href != "../")
        .map(|href| {
            let answer = site.get(&format!("/d/{href}"));
            assert_eq!(answer.status, 200, "{href}");
            answer.text().to_owned()
        })
        .collect();
    let mut sorted = names.map(str::to_owned);
    sorted.sort();
    assert_eq!(found, sorted, "in the order of names");
    found.sort();
    assert_eq!(found, sorted);
}

#[test]
fn a_listing_shows_what_can_be_had_and_nothing_else() {
    let site = Site::new();
    site.write("z", "12345").write("a/f", "x").write(".treeinfo", "x");
    site.write(".mirror/state", "x").write(".mirror-stage/x", "x").write("a/.mirrorx", "x");
    site.write("new\nline", "x").write("back\\slash", "x");
    let root = site.get("/");
    assert_eq!(hrefs(root.text()), [".treeinfo", "a/", "z"]);
    assert!(!root.text().contains("mirror"));
    let line = root.text().lines().find(|l| l.contains("\"z\"")).unwrap();
    assert!(line.ends_with(" 5"), "{line}");
    let a = site.get("/a/");
    assert_eq!(hrefs(a.text()), ["../", "f"]);
    assert!(a.text().contains("<title>Index of /a/</title>"));
}

#[test]
fn a_listing_is_the_same_each_time_and_follows_the_folder() {
    let site = Site::new();
    fs::create_dir(site.path("d")).unwrap();
    assert_eq!(hrefs(site.get("/d/").text()), ["../"]);
    // Several pieces long, created out of order.
    for i in 0..3000 {
        fs::write(site.path(&format!("d/{:05}-name.rpm", (i * 7919) % 3000)), "").unwrap();
    }
    let first = site.get("/d/");
    assert_eq!(first.body, site.get("/d/").body);
    assert_eq!(first.header("content-length").unwrap(), first.body.len().to_string());
    let links = hrefs(first.text());
    assert_eq!(links.len(), 3001);
    assert!(links[1..].is_sorted());
    assert!(first.text().ends_with("</html>\n"));
    fs::remove_file(site.path("d/00000-name.rpm")).unwrap();
    assert_eq!(hrefs(site.get("/d/").text()).len(), 3000);
}
