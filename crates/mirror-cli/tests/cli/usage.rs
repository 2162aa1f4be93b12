//! What is said to who asks for what makes no sense: all of it, and exit 2.

use crate::support::Site;

fn refused(arguments: &str) -> String {
    let ran = Site::empty().run(arguments);
    assert_eq!(ran.out, "", "on standard output");
    ran.text()
}

#[test]
fn an_unknown_command_names_the_near_one() {
    assert_eq!(
        refused("snc"),
        "\
error: unrecognized subcommand 'snc'

  tip: a similar subcommand exists: 'sync'

Usage: mirror <COMMAND>

For more information, try '--help'.
exit 2
"
    );
}

#[test]
fn an_unknown_option_names_the_near_one() {
    assert_eq!(
        refused("sync rocky --newest"),
        "\
error: unexpected argument '--newest' found

  tip: a similar argument exists: '--newest-only'

Usage: mirror sync --newest-only[=<N>] <PRESET>...

For more information, try '--help'.
exit 2
"
    );
}

#[test]
fn a_url_needs_its_path() {
    assert_eq!(
        refused("sync --url http://h/"),
        "\
error: http://h/ has no path below the root to go to
hint: add --path, the tree's path below the root; `.` is the root itself
exit 2
"
    );
}

#[test]
fn a_setting_needs_something_that_it_applies_to() {
    let text = refused("sync --path x");
    assert!(text.starts_with("error: --path applies to a preset, a .repo file or a URL"), "{text}");
}

#[test]
fn a_value_apart_from_its_option_is_none_of_it() {
    let text = |command: &str, option: &str| {
        let told = format!(
            "error: --{option} takes its value behind an equals sign, found \"60\" after a space\n\
             hint: --{option}=60; where 60 is the name of a preset or a tree, that comes first or after \
             `--`\nexit 2\n"
        );
        assert_eq!(refused(command), told);
    };
    text("sync rocky --lock-wait 60", "lock-wait");
    text("prune --lock-wait 60", "lock-wait");
    text("sync --newest-only 60 rocky", "newest-only");
}

#[test]
fn values_are_held_against_what_is_expected() {
    assert_eq!(
        refused("sync --lock-wait=soon"),
        "\
error: invalid value 'soon' for '--lock-wait[=<SECS>]': expected seconds, or a time such as 10m

For more information, try '--help'.
exit 2
"
    );
    assert_eq!(
        refused("sync -j 0"),
        "\
error: invalid value '0' for '--jobs <N>': 0 is not in 1..=256

For more information, try '--help'.
exit 2
"
    );
    assert_eq!(
        refused("serve --listen nowhere"),
        "\
error: invalid value 'nowhere' for '--listen <ADDR>': expected an address and a port, such as \
         0.0.0.0:8080

For more information, try '--help'.
exit 2
"
    );
}

#[test]
fn a_proxy_that_cannot_be_used_is_named_without_its_password() {
    let site = Site::empty();
    let mut command = site.command(&site.sync_arguments(""));
    command.env("https_proxy", "socks5://me:secret@proxy");
    assert_eq!(
        site.ran(command.output().unwrap()).text(),
        "\
error: https_proxy: socks5 proxies are not supported, expected http or https
hint: a proxy is a URL such as http://proxy.example.com:3128
exit 2
"
    );
}

#[test]
fn a_list_that_took_a_preset_says_so() {
    assert_eq!(
        refused("sync --repo baseos rocky"),
        "\
error: --repo takes \"rocky\", which is the name of a preset
hint: presets come first or after `--`: mirror sync rocky --repo baseos
exit 2
"
    );
    assert_eq!(
        refused("sync rocky --arch x86_64 epel"),
        "\
error: --arch takes \"epel\", which is the name of a preset
hint: presets come first or after `--`: mirror sync rocky epel --arch x86_64
exit 2
"
    );
}

#[test]
fn unknown_presets_and_repositories_name_the_near_one() {
    let hint = |arguments| refused(arguments).lines().rev().nth(1).unwrap().to_owned();
    assert_eq!(hint("sync roky"), "hint: did you mean rocky?");
    assert_eq!(hint("repos roky"), "hint: did you mean rocky?");
    assert_eq!(hint("sync rocky --repo appstrem"), "hint: did you mean appstream?");
}

#[test]
fn nothing_to_mirror_says_what_could_be() {
    let text = refused("sync");
    assert!(text.starts_with("error: nothing to mirror"), "{text}");
    assert!(text.contains("\nhint: name a preset ("), "{text}");
    assert!(text.ends_with("exit 2\n"), "{text}");
}
