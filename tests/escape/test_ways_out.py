"""Every technique gets out of an unlocked process, or is void for a reason; none out of a locked one."""

import os

import pytest

from appliance.egress.attacks.network import NETWORK
from appliance.egress.attacks.services import SERVICES
from appliance.egress.probe import TECHNIQUES
from tests.escape.conftest import ALL_STEPS, Attack

# What this or that kernel or machine does not have, so that it cannot be tried on it.
MAY_BE_VOID = {
    "accepted_socket_rerouted",
    "call_by_the_32_bit_table",
    "call_by_the_x32_table",
    "crypto_socket",
    "handle_page_faults",
    "io_uring",
    "load_a_module",
    "load_another_kernel",
    "multipath_tcp",
    "open_a_network_device",
    "open_by_handle",
    "open_the_disk",
    "open_the_machines_memory",
    "ping",
    "reach_the_emergency_key",
    "reach_the_ports_of_the_machine",
    "udp_lite",
    "use_the_kernels_keys",
    "vsock_to_the_hypervisor",
    "watch_by_perf",
    "write_into_the_services",
    "write_into_the_timetable",
}
# Their socket alone is the leak: nobody outside could hear it.
SILENT = {
    "accepted_socket_rerouted",
    "crypto_socket",
    "every_kind_of_socket",
    "netlink",
    "own_door",
    "packet_socket",
    "ping",
    "see_the_machines_connections",
    "raw_icmp",
    "raw_icmp6",
    "raw_with_our_own_headers",
    "udp_lite",
    "vsock_to_the_hypervisor",
}
OWN_FILES = {
    "runtime": set[str](),
    "web": {"look_around_in_the_data_folder", "read_database", "read_root_key"},
    "sealer": {"read_log_key"},
}

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="what only root may do unlocked")


@needs_root
def test_every_technique_works_where_nothing_stops_it(attack: Attack) -> None:
    result = attack("web", without=ALL_STEPS, connected=True)
    assert set(TECHNIQUES) - result.named("LEAKED") <= MAY_BE_VOID


def test_somebody_outside_hears_what_an_unlocked_process_says(attack: Attack) -> None:
    names = [
        attempt.__name__ for attempt in (*NETWORK, *SERVICES) if attempt.__name__ not in SILENT | MAY_BE_VOID
    ]
    result = attack("web", names, without=ALL_STEPS, connected=True)
    assert [name for name in names if f"web:{name}" not in result.heard] == []


@pytest.mark.parametrize("role", ["runtime", "web", "sealer"])
def test_no_technique_gets_out_of_a_locked_process(attack: Attack, role: str) -> None:
    result = attack(role)
    assert result.named("LEAKED") == OWN_FILES[role]
    assert result.named("void") == set()
    assert result.heard == ""


WALLS = {
    # each wall alone left out: what then gets out, while all the others stand
    ("_prepare",): {"leave_a_readable_file", "read_secrets_in_the_environment"},
    ("environment",): {"read_secrets_in_the_environment"},
    ("limits",): {"leave_memory_in_a_core_file", "leave_a_readable_file"},
    ("census",): {"use_an_open_connection"},
    ("ipc",): {"live_in_the_machines_ipc"},
    ("network",): {"see_the_machines_connections"},
    ("root",): {
        *("read_log_key", "read_tls_key", "change_the_settings", "exchange_the_settings"),
        *("exchange_the_run_folder", "exchange_the_policies", "exchange_the_keys"),
    },
    ("_give_up",): {"override_file_permissions"},
    ("_files",): {"look_around_in_the_root", "look_around_in_the_checkout"},
    ("_calls",): {"io_uring", "netlink", "every_kind_of_socket", "accepted_socket_fast_opened"},
    # two at once: what one of them alone still holds
    ("_isolate", "_calls"): {"udp_sendto", "unix_path_stream", "connected_socket_as_a_gift", "multipath_tcp"},
    ("_isolate", "_files"): {"read_outside", "write_outside", "see_the_machines_processes"},
    ("_files", "_calls"): {"listener_turned_client", "accepted_socket_dialled_again"},
}


@pytest.mark.parametrize("without", WALLS, ids="+".join)
def test_a_missing_wall_is_noticed(attack: Attack, without: tuple[str, ...]) -> None:
    if without == ("_give_up",) and os.geteuid() != 0:
        pytest.skip("only root has capabilities to give up")
    result = attack("web", sorted(WALLS[without]), without=without, connected=without == ("census",))
    assert result.named("LEAKED") == WALLS[without]


def test_a_connection_that_is_open_before_the_lock_keeps_the_process_from_starting(attack: Attack) -> None:
    result = attack("web", ["use_an_open_connection"], connected=True)
    assert result.rows["use_an_open_connection"].layer == "the jail did not close: ConfigError"
    assert result.heard == ""
