"""What dnf would install: reads goals, a line of JSON each, and writes what it chooses of each.

Arguments: a folder to work in, then the URLs of repositories.
"""

import json
import os
import sys

import dnf
import dnf.module.module_base
from libdnf.module import ModulePackageContainer

folder, urls = sys.argv[1], sys.argv[2:]


def filled():
    base = dnf.Base()
    conf = base.conf
    conf.installroot = os.path.join(folder, "root")
    conf.cachedir = os.path.join(folder, "cache")
    conf.persistdir = os.path.join(folder, "persist")
    conf.reposdir = [os.path.join(folder, "none")]
    for name in ("arch", "basearch"):
        conf.substitutions[name] = "x86_64"
    conf.substitutions["releasever"] = "9"
    conf.module_platform_id = "platform:el9"
    conf.best = False
    for number, url in enumerate(urls):
        repository = dnf.repo.Repo(f"r{number}", conf)
        repository.baseurl = [url]
        repository.gpgcheck = False
        base.repos.add(repository)
    base.fill_sack(load_system_repo=False)
    base.read_comps(arch_filter=True)
    return base


def only_defaults(error):
    """Whether streams that are chosen by default are all that does not go together: dnf goes on then."""
    others = (error.no_match_group_specs, error.error_group_specs, error.no_match_pkg_specs)
    found = error.module_depsolv_errors
    return found and found[1] == ModulePackageContainer.ModuleErrorType_ERROR_IN_DEFAULTS and not any(others)


def mark(work):
    try:
        work()
    except dnf.exceptions.MarkingErrors as error:
        if not only_defaults(error):
            raise


common = filled()
for line in sys.stdin:
    goal = json.loads(line)
    if "streams" in goal:
        # What is enabled stays so, and what is chosen by default is forgotten with the goal.
        base = filled()
    else:
        base = common
        base.reset(goal=True)
    base.conf.install_weak_deps = goal.get("weak", True)
    answer = {}
    try:
        if goal.get("streams"):
            mark(lambda: dnf.module.module_base.ModuleBase(base).enable(goal["streams"]))
        if "install" not in goal:
            # What there is to be had.
            found = base.sack.query().available()
            print(json.dumps({"packages": sorted({str(package) for package in found})}), flush=True)
            continue
        mark(lambda: base.install_specs(goal["install"]))
        base.resolve()
        chosen = base.transaction.install_set if base.transaction else []
        answer["packages"] = sorted(str(package) for package in chosen)
    except dnf.exceptions.Error as error:
        answer["error"] = str(error)
    print(json.dumps(answer), flush=True)
