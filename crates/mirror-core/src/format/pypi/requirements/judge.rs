//! Requirements files mean what pip takes them for: pip itself is the judge.

use std::process::Command;

use mirror_fixtures::tool;

use super::*;

/// Prints for each file of the list given, as pip reads it: `refused`, or its requirements (line, name
/// or file, extras, digests, whether there is a marker) and indexes.
const PIP: &str = r#"
import json, logging, os, sys, tempfile
logging.disable(logging.CRITICAL)
try:
    from pip._internal.index.collector import LinkCollector
    from pip._internal.index.package_finder import PackageFinder
    from pip._internal.models.search_scope import SearchScope
    from pip._internal.models.selection_prefs import SelectionPreferences
    from pip._internal.network.session import PipSession
    from pip._internal.req.constructors import install_req_from_parsed_requirement
    from pip._internal.req.req_file import parse_requirements
    from pip._vendor.packaging.utils import canonicalize_name
except ImportError:
    sys.exit(77)
os.chdir(tempfile.mkdtemp())
def judge(text):
    with open("requirements.txt", "w", newline="") as file:
        file.write(text)
    for name in ("more.txt", "constraints.txt"):
        open(name, "w").close()
    finder = PackageFinder.create(
        LinkCollector(PipSession(), SearchScope.create([], [], False)), SelectionPreferences(allow_yanked=True))
    lines = []
    try:
        for parsed in parse_requirements("requirements.txt", PipSession(), finder=finder):
            line = parsed.comes_from.rsplit("line ", 1)[1].rstrip(")")
            found = install_req_from_parsed_requirement(parsed)
            what = found.link.filename if found.link else canonicalize_name(found.req.name)
            digests = sum(len(set(d)) for d in (parsed.options or {}).get("hashes", {}).values())
            extras = ",".join(sorted(canonicalize_name(extra) for extra in found.extras))
            lines.append(f"{line} {what} [{extras}] {digests} {'marker' if found.markers else '-'}")
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, AttributeError, NameError)):
            raise
        return "refused"
    return "; ".join(lines + list(finder.index_urls))
for text in json.load(sys.stdin):
    print(judge(text))
"#;

fn ours(text: &str) -> String {
    let variable = |name: &str| (name == "NAME").then(|| "value".to_owned());
    let mut reading = Reading::new(&variable);
    reading.add(Location::parse("requirements.txt").unwrap(), Role::Requirements);
    while let Some(file) = reading.wanted() {
        let content = if file.at.is_none() { text } else { "" };
        if reading.take(content.as_bytes()).is_err() {
            return "refused".to_owned();
        }
    }
    let Requirements { entries, options, .. } = reading.finish();
    let mut lines: Vec<String> = entries.iter().map(line).collect();
    let indexes = options.index_url.iter().chain(&options.extra_index_urls);
    lines.extend(indexes.map(|index| index.value.to_string()));
    lines.join("; ")
}

fn line(entry: &Entry) -> String {
    let (what, extras) = match &entry.wanted {
        Wanted::Project(requirement) => (requirement.name.to_string(), &requirement.extras),
        Wanted::File(file) => (file.filename.clone(), &file.extras),
    };
    let mut extras: Vec<_> = extras.iter().map(ToString::to_string).collect();
    extras.sort();
    let marker = if entry.marker().is_true() { "-" } else { "marker" };
    let (number, extras) = (entry.at.line.unwrap(), extras.join(","));
    format!("{number} {what} [{extras}] {} {marker}", entry.hashes.len())
}

#[test]
#[allow(clippy::print_stdout)] // where a tool is missing, the test says so
fn requirements_files_mean_what_pip_takes_them_for() {
    let Some(python) = tool("python3") else { return };
    let sha = "a".repeat(64);
    let hash = format!("--hash=sha256:{sha}");
    let mut cases: Vec<String> = Vec::new();
    let requirements = [
        "requests",
        "A_b.C[X_y, z]",
        "a (>=1)",
        "a==1.* ; os_name == 'nt'",
        "a;os_name=='nt'",
        "a ;",
        "a @ https://pypi.example/a-1.0-py3-none-any.whl",
        "a[x]@https://pypi.example/a-1.0.tar.gz",
        "a @ https://pypi.example/a-1.0.tar.gz ; os_name == 'nt'",
        "https://pypi.example/b-1.0-py3-none-any.whl ; os_name == 'nt'",
        "./wheels/c-1.0-py3-none-any.whl[x]",
        "./c-1.0.tar.gz",
        "file:///srv/c-1.0.zip",
        "${NAME}-x",
        "$NAME",
        "${UNSET}",
        "a=1",
        "a b",
        "a ; x == 'y'",
        "-a",
    ];
    let behind = ["", "  # comment", "#no-comment", " \\\n", " \\\n  # comment", "\t", "\r"];
    for requirement in requirements {
        cases.push(format!("\n{requirement}\n"));
        cases.push(format!("first\n{requirement} {hash} \\\n  --hash sha512:{sha}{sha}\nlast"));
        cases.push(format!("{requirement} --hash=md5:{sha}\n"));
        cases.extend(behind.map(|behind| format!("{requirement}{behind}\nlast\n")));
    }
    // pip takes old forms of versions until 24.1, such as `>=1.*` or `<2#no-comment`: those are left
    // out.
    cases.push("A_b.C[X_y, z] >=1, <2  # comment\nlast\n".to_owned());
    let options = [
        "-i https://a.example/simple",
        "-ihttps://a.example/simple",
        "--index-url=https://a.example/simple\n--extra-index-url https://b.example/simple",
        "--pypi-url 'https://a.example/simple'",
        "--ind https://a.example/simple",
        "--no-index",
        "-r more.txt",
        "-rmore.txt",
        "--requirement=more.txt",
        "-c constraints.txt",
        "--pre",
        "--pre=yes",
        "--prefer-binary --only-binary :all: --no-binary=a,b",
        "--require-hashes",
        "--trusted-host a.example:8443",
        "--frobnicate",
        "--no",
        "-x",
        "-i",
        "--hash=sha256",
        "\"--pre",
    ];
    cases.extend(options.map(|option| format!("{option}\nlast\n")));

    let mut child = Command::new(python)
        .args(["-I", "-c", PIP])
        .env_clear()
        .env("NAME", "value")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let input = serde_json::to_vec(&cases).unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &input).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.code() == Some(77) {
        println!("skipped: there is no pip");
        return;
    }
    assert!(output.status.success());
    let theirs = String::from_utf8(output.stdout).unwrap();
    let differ: Vec<String> = cases
        .iter()
        .zip(theirs.lines())
        .filter(|(case, theirs)| ours(case) != **theirs)
        .map(|(case, theirs)| format!("{case:?}\n  ours {}\n  pip  {theirs}", ours(case)))
        .collect();
    assert_eq!(theirs.lines().count(), cases.len());
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
