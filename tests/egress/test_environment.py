"""What of the environment reaches a child."""

from appliance.egress.environment import child_environment


def test_nothing_of_our_environment_reaches_a_child_but_language_and_time_zone() -> None:
    ours = {
        "LANG": "ko_KR.UTF-8",
        "TZ": "Asia/Seoul",
        "LD_PRELOAD": "/tmp/evil.so",  # noqa: S108 - only a word
        "HTTPS_PROXY": "http://proxy.example",
        "PYTHONPATH": "/somewhere",
        "NAESIL_DATA": "/data",
        "PATH": "/evil",
    }
    child = child_environment(ours)
    assert child["LANG"] == "ko_KR.UTF-8"
    assert child["TZ"] == "Asia/Seoul"
    assert child["PATH"] == "/usr/bin:/bin"
    assert not child.keys() & {"LD_PRELOAD", "HTTPS_PROXY", "PYTHONPATH", "NAESIL_DATA"}
