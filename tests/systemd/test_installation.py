"""install.sh and uninstall.sh in the container: twice, to another version and back, and off again."""

from __future__ import annotations

from installed_service import Installed
from nspawn import UNIT, until

UNITS = (
    "second-skin.service",
    "second-skin-record.service",
    "second-skin-panel.service",
    "second-skin-dashboard.service",
    "second-skin-fleet.service",
)
INSTALL = "/opt/checkout/systemd/install.sh"
UNINSTALL = "/opt/checkout/systemd/uninstall.sh"


def _version(installed: Installed) -> str:
    return installed.container.run("readlink", "-f", "/opt/second-skin/current").strip().rpartition("/")[2]


def test_the_installed_units_are_without_fault(service: Installed) -> None:
    assert service.container.run("systemd-analyze", "verify", "--man=no", *UNITS) == ""


def test_it_can_be_run_twice_and_leaves_the_config_alone(service: Installed) -> None:
    config = service.container.run("cat", "/etc/second-skin/suit.toml")
    version = _version(service)
    service.container.run(INSTALL, "--from", f"/releases/{version}")
    assert until(service.runs)
    assert _version(service) == version
    assert service.container.run("cat", "/etc/second-skin/suit.toml") == config
    assert service.container.run("stat", "-c", "%U %G %a", "/etc/second-skin/suit.toml").split() == [
        "root",
        "second-skin",
        "640",
    ]


def test_another_version_and_back(service: Installed) -> None:
    service.container.run(INSTALL, "--from", "/releases/1.0")
    service.container.run(INSTALL, "--from", "/releases/1.1")
    assert _version(service) == "1.1"
    assert until(service.runs)
    service.container.run(INSTALL, "--rollback")
    assert _version(service) == "1.0"
    assert until(service.runs)


def test_a_version_that_does_not_start_is_switched_back_by_itself(service: Installed) -> None:
    run = service.container.run
    service.container.run(INSTALL, "--from", "/releases/1.0")
    broken = "/var/tmp/broken"
    run("sh", "-c", f"rm -rf {broken}; cp -r /releases/1.1 {broken}")
    run("sh", "-c", f"printf '#!/bin/sh\\nexit 1\\n' > {broken}/bin/second-skin")
    said = run(INSTALL, "--from", broken, check=False)
    assert "broken does not become ready: back to 1.0" in said
    assert _version(service) == "1.0"
    assert until(service.runs), service.container.journal()


def test_what_did_not_become_ready_is_no_version_to_go_back_to(service: Installed) -> None:
    run = service.container.run
    run(INSTALL, "--from", "/releases/1.0")
    run(INSTALL, "--from", "/releases/1.1")
    broken = "/var/tmp/never-ready"
    run("sh", "-c", f"rm -rf {broken}; cp -r /releases/1.1 {broken}")
    run("sh", "-c", f"printf '#!/bin/sh\\nexit 1\\n' > {broken}/bin/second-skin")
    run(INSTALL, "--from", broken, check=False)
    run(INSTALL, "--rollback")
    assert _version(service) == "1.0"
    assert until(service.runs), service.container.journal()


def test_without_a_version_before_a_rollback_changes_nothing(service: Installed) -> None:
    run = service.container.run
    run(INSTALL, "--from", "/releases/1.0")
    run("rm", "-f", "/opt/second-skin/previous")
    pid = service.pid()
    said = run(INSTALL, "--rollback", check=False)
    assert "no version ran before this one" in said
    assert (_version(service), service.pid()) == ("1.0", pid)


def test_what_is_no_release_is_refused(service: Installed) -> None:
    said = service.container.run(INSTALL, "--from", "/etc", check=False)
    assert "/etc: is no release" in said
    assert "Traceback" not in said
    assert until(service.runs)
    assert "unknown option --form" in service.container.run(INSTALL, "--form", check=False)


def test_uninstalled_twice_config_and_state_stay_and_it_can_come_back(service: Installed) -> None:
    run = service.container.run
    version = _version(service)
    run(UNINSTALL)
    run(UNINSTALL)
    assert run("systemctl", "show", "-P", "LoadState", UNIT).strip() == "not-found"
    assert run("ls", "/etc/second-skin").split() == ["fleet.toml", "keys", "suit.toml"]
    assert run("ls", "-A", "/opt/second-skin").split() == ["bundle"]
    run(INSTALL, "--from", f"/releases/{version}")
    service.permit_real_time()
    assert until(service.runs), service.container.journal()
