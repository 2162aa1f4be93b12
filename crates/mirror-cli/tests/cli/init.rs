//! `mirror init`.

use std::fs;
use std::process::Command;

use mirror_fixtures::{samples, tool};

use crate::support::Site;

#[test]
fn writes_a_configuration_and_overwrites_none() {
    let site = Site::empty();
    let ran = site.run("init --root there");
    assert_eq!(
        ran.text(),
        "mirror.toml: written\n\nnext: say in mirror.toml what to mirror, then `mirror sync`\nexit 0\n"
    );
    let text = fs::read_to_string(site.path("mirror.toml")).unwrap();
    let root = site.path("there").display().to_string().replace("/./", "/");
    assert!(text.contains(&format!("root = \"{root}\"")), "{text}");
    assert_eq!(
        site.run("init").text(),
        "error: mirror.toml: is there already\nhint: --force overwrites it; nothing was \
         written\nexit 1\n"
    );
    assert_eq!(site.run("init --force").code, Some(0));
    let elsewhere = site.run("init --config other.toml");
    assert!(
        elsewhere.out.contains("then `mirror sync --config other.toml`\n"),
        "{}",
        elsewhere.out
    );
}

#[test]
fn the_units_are_sound_and_what_they_start_syncs() {
    let site = Site::of(&samples::plain(1));
    let config = format!("[[repo]]\nurl = \"{}/up/\"\npath = \"up\"\n", site.upstream.url());
    fs::write(site.path("mirror.toml"), format!("root = \"my mirror\"\n{config}")).unwrap();
    let ran = site.run("init --timer --unit-dir units --on-calendar hourly");
    assert_eq!(
        ran.out,
        "mirror.toml: kept as it is\nunits/mirror-sync.service: written\n\
         units/mirror-sync.timer: written\n\nnext:\n\n\
         systemctl daemon-reload\nsystemctl enable --now mirror-sync.timer\n"
    );
    let service = fs::read_to_string(site.path("units/mirror-sync.service")).unwrap();
    let start = service.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let started = Command::new("sh").args(["-c", start]).current_dir("/").output().unwrap();
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    assert!(site.path("my mirror/up/repodata/repomd.xml").exists());
    let timer = fs::read_to_string(site.path("units/mirror-sync.timer")).unwrap();
    assert!(timer.contains("\nOnCalendar=hourly\n"), "{timer}");

    assert_eq!(site.run("init --timer --unit-dir units").code, Some(1), "nothing is overwritten");
    let again = site.run("init --timer --unit-dir units --force --on-calendar weekly");
    assert!(again.out.starts_with("mirror.toml: kept as it is\n"), "{}", again.out);
    let kept = fs::read_to_string(site.path("mirror.toml")).unwrap();
    assert!(kept.ends_with(&config), "other units are no other configuration: {kept}");
    if let Some(analyze) = tool("systemd-analyze") {
        let units = ["units/mirror-sync.service", "units/mirror-sync.timer"];
        let judged = Command::new(analyze)
            .args(["verify", "--man=no"])
            .args(units)
            .current_dir(site.path("."))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&judged.stderr).into_owned();
        // It judges the host's own units too.
        assert!(!said.contains("mirror-sync"), "{said}");
    }
}

#[test]
fn a_time_that_is_none_goes_to_no_unit() {
    let site = Site::empty();
    let ran = |when: &str, path: Option<&str>| {
        let mut command = site.command("init --timer --unit-dir units --root there");
        command.args(["--on-calendar", when]);
        if let Some(path) = path {
            command.env("PATH", path);
        }
        site.ran(command.output().unwrap())
    };
    // With systemd's own judgement where it is installed, and without.
    for path in [None, Some("/nowhere")] {
        for wrong in ["nonsense", "", "daily\n[Service]\nExecStart=/bin/sh", "%h"] {
            let ran = ran(wrong, path);
            let begin = format!("error: --on-calendar {wrong:?}: ");
            assert!(ran.err.starts_with(&begin), "{}", ran.err);
            assert!(ran.err.contains("hint: a time is such as daily, 02:00"), "{}", ran.err);
            assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
        }
        assert!(!site.path("units").exists() && !site.path("mirror.toml").exists());
    }
    assert_eq!(ran("Mon..Fri 02:00", Some("/nowhere")).code, Some(0));
    let timer = fs::read_to_string(site.path("units/mirror-sync.timer")).unwrap();
    assert!(timer.contains("\nOnCalendar=Mon..Fri 02:00\n"), "{timer}");
}

#[test]
fn units_of_a_user_go_to_the_users_folder() {
    let site = Site::empty();
    let home = site.path("home");
    let mut command = site.command("init --timer --user --root there");
    let ran = site.ran(command.env("HOME", &home).output().unwrap());
    assert!(ran.out.contains("systemctl --user enable --now mirror-sync.timer\n"), "{}", ran.out);
    assert!(home.join(".config/systemd/user/mirror-sync.timer").exists());
    let service = fs::read_to_string(home.join(".config/systemd/user/mirror-sync.service"));
    assert!(!service.unwrap().contains("ProtectSystem"));
}
