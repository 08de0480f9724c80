"""The trial for `appliance doctor`."""

import os

from appliance.egress import features


def test_doctors_trial_tells_of_every_wall_and_leaves_this_process_alone() -> None:
    umask = os.umask(0o022)
    os.umask(umask)
    layers = {layer.name for layer in features.probe()}
    assert {"system calls", "network namespace", "private root", "files", "privileges"} <= layers
    assert os.umask(umask) == umask
