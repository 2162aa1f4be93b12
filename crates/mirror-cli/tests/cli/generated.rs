//! Completions and man pages, as the tools that read them judge them.

use std::fs;
use std::process::Command;

use mirror_fixtures::tool;

use crate::support::Site;

#[test]
fn completions_are_made_for_each_shell() {
    let site = Site::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = site.run(&format!("completions {shell}"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        assert!(ran.out.contains("newest-only"), "{shell}");
        let path = site.path(shell);
        fs::write(&path, &ran.out).unwrap();
        if ["bash", "zsh"].contains(&shell) && tool(shell).is_some() {
            assert!(Command::new(shell).arg("-n").arg(&path).status().unwrap().success());
        }
        if shell == "fish" && tool(shell).is_some() {
            assert!(Command::new(shell).arg("--no-execute").arg(&path).status().unwrap().success());
        }
    }
}

#[test]
fn bash_completes_options() {
    if tool("bash").is_none() {
        return;
    }
    let site = Site::empty();
    fs::write(site.path("mirror.bash"), site.run("completions bash").out).unwrap();
    let script = "source mirror.bash; COMP_WORDS=(mirror sync --lo); COMP_CWORD=2; \
                  _mirror mirror --lo sync; echo ${COMPREPLY[@]}";
    let output =
        Command::new("bash").args(["-c", script]).current_dir(site.path(".")).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "--lock-wait\n");
}

#[test]
fn every_command_has_a_man_page() {
    let site = Site::empty();
    let ran = site.run("man pages");
    assert_eq!(ran.text(), "exit 0\n");
    let names = [
        "mirror",
        "mirror-sync",
        "mirror-pypi",
        "mirror-repos",
        "mirror-index",
        "mirror-serve",
        "mirror-completions",
    ];
    let all = site.run("man").out;
    for name in names {
        let path = site.path(&format!("pages/{name}.1"));
        let page = fs::read_to_string(&path).unwrap();
        assert!(all.contains(&page), "{name}");
        assert!(page.contains(&format!(".TH {} 1 ", name.to_uppercase())), "{page}");
        if tool("man").is_some() {
            let output = Command::new("man")
                .args(["--warnings", "-l"])
                .arg(&path)
                .env("MANPAGER", "cat")
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{name}");
            assert!(output.status.success());
        }
    }
}
