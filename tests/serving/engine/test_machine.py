"""Cores, quota and memory, read from the files of several kinds of machines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.engine.machine import (
    Machine,
    machine_of,
    memberships,
    mounts,
    parse_quota,
    read_machine,
)

V2 = "25 21 0:22 {root} /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_CPU = (
    "31 30 0:27 {root} /sys/fs/cgroup/cpu,cpuacct rw shared:15 - cgroup cgroup rw,cpu,cpuacct\n"
)
V1_MEMORY = "34 30 0:30 {root} /sys/fs/cgroup/memory rw shared:18 - cgroup cgroup rw,memory\n"
OTHERS = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\nnonsense\n"
MEMINFO = "MemTotal:       16384 kB\nMemFree: 1 kB\n"


def machine(files: dict[str, str], cores: int = 8, allowed: int = 8) -> Machine:
    return machine_of(files.get, cores, allowed)


def test_a_bare_machine_has_all_of_its_cores_and_memory():
    files = {
        "/proc/self/cgroup": "0::/user.slice/session-1.scope\n",
        "/proc/self/mountinfo": OTHERS + V2.format(root="/"),
        "/sys/fs/cgroup/user.slice/cpu.max": "max 100000\n",
        "/sys/fs/cgroup/user.slice/memory.max": "max\n",
        "/proc/meminfo": MEMINFO,
    }
    assert machine(files) == Machine(8, 8, None, 16384 * 1024)


def test_a_container_with_a_view_of_its_own_on_version_2():
    files = {
        "/proc/self/cgroup": "0::/\n",
        "/proc/self/mountinfo": OTHERS + V2.format(root="/"),
        "/sys/fs/cgroup/cpu.max": "150000 100000\n",
        "/sys/fs/cgroup/memory.max": "4194304\n",
        "/proc/meminfo": MEMINFO,
    }
    assert machine(files, allowed=4) == Machine(8, 4, 1.5, 4194304)


def test_the_narrowest_of_the_groups_around_it_counts():
    files = {
        "/proc/self/cgroup": "0::/kubepods/burstable/pod7\n",
        "/proc/self/mountinfo": V2.format(root="/"),
        "/sys/fs/cgroup/kubepods/burstable/pod7/cpu.max": "400000 100000\n",
        "/sys/fs/cgroup/kubepods/burstable/cpu.max": "max 100000\n",
        "/sys/fs/cgroup/kubepods/cpu.max": "250000 100000\n",
        "/sys/fs/cgroup/kubepods/memory.max": "1000\n",
        "/sys/fs/cgroup/kubepods/burstable/pod7/memory.max": "2000\n",
    }
    assert machine(files) == Machine(8, 8, 2.5, 1000)


def test_a_container_on_version_1_that_is_named_by_its_hosts_path():
    files = {
        "/proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/x\n",
        "/proc/self/mountinfo": V1_CPU.format(root="/docker/abc")
        + V1_MEMORY.format(root="/docker/abc"),
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n",
    }
    assert machine(files) == Machine(8, 8, 0.5, 268435456)


def test_version_1_without_limits_says_so_with_odd_numbers():
    files = {
        "/proc/self/cgroup": "5:cpu,cpuacct:/\n4:memory:/\n",
        "/proc/self/mountinfo": V1_CPU.format(root="/") + V1_MEMORY.format(root="/"),
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    assert machine(files) == Machine(8, 8, None, None)


def test_a_group_outside_of_what_is_mounted_is_read_at_the_mount():
    files = {
        "/proc/self/cgroup": "0::/../other\n",
        "/proc/self/mountinfo": V2.format(root="/mine"),
        "/sys/fs/cgroup/cpu.max": "200000 100000\n",
    }
    assert machine(files).quota == 2.0


def test_a_mount_point_with_a_blank_is_found():
    files = {
        "/proc/self/cgroup": "0::/\n",
        "/proc/self/mountinfo": V2.format(root="/").replace("/sys/fs/cgroup", r"/my\040groups"),
        "/my groups/cpu.max": "100000 100000\n",
    }
    assert machine(files).quota == 1.0


def test_a_system_without_such_files_has_the_cores_that_were_counted():
    assert machine({}, cores=3, allowed=2) == Machine(3, 2, None, None)


@pytest.mark.parametrize("text", ["", "max 100000", "-1 100000", "0 100000", "5 0", "1 2 3", "² ³"])
def test_what_is_no_quota_is_none(text):
    assert parse_quota(text) is None


@given(st.text(), st.text(), st.text())
def test_no_text_in_these_files_stops_the_server(groups, mountinfo, rest):
    files = {"/proc/self/cgroup": groups, "/proc/self/mountinfo": mountinfo}
    assert machine_of(lambda path: files.get(path, rest), 4, 2).allowed_cores == 2


@given(st.lists(st.sampled_from([V1_CPU, V2, V1_MEMORY, OTHERS])), st.text("/.0123456789ax-\n: "))
def test_no_text_below_real_mounts_stops_it_either(lines, text):
    mountinfo = "".join(line.replace("{root}", "/a") for line in lines)
    files = {
        "/proc/self/cgroup": f"0::/{text}\n3:cpu,cpuacct:{text}",
        "/proc/self/mountinfo": mountinfo,
    }
    assert machine_of(lambda path: files.get(path, text), 4, 2).cores == 4
    assert len(list(mounts(mountinfo))) <= len(lines)
    assert "" in memberships(files["/proc/self/cgroup"])


def test_this_machine_has_a_core_for_this_test():
    assert 1 <= read_machine().allowed_cores <= read_machine().cores
