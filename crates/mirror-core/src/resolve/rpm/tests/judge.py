"""What dnf would install: reads goals, a line of JSON each, and writes what it chooses of each.

Arguments: a folder to work in, then the URLs of repositories.
"""

import json
import os
import sys

import dnf

folder, urls = sys.argv[1], sys.argv[2:]
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
for line in sys.stdin:
    goal = json.loads(line)
    base.reset(goal=True)
    conf.install_weak_deps = goal["weak"]
    answer = {}
    try:
        for name in goal["install"]:
            base.install(name)
        base.resolve()
        chosen = base.transaction.install_set if base.transaction else []
        answer["packages"] = sorted(str(package) for package in chosen)
    except dnf.exceptions.Error as error:
        answer["error"] = str(error)
    print(json.dumps(answer), flush=True)
