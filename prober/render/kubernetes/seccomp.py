"""A seccomp profile under which Chromium's own sandbox works: user namespaces, but nothing that reaches the node.

It lies on the nodes, under /var/lib/kubelet/seccomp, and the pods name it. Unlike the runtimes' default it allows what
it does not name, and denies by name what that default denies too; clone, unshare, setns and chroot are Chromium's.
"""

from __future__ import annotations

import json

# The kernel with its modules, keys, clocks and power; mounts, and files by handle; the memory of others, and io_uring,
# which would be a way around this filter.
DENIED = """
acct add_key bpf clock_adjtime clock_settime create_module delete_module finit_module init_module ioperm iopl
kexec_file_load kexec_load keyctl lookup_dcookie nfsservctl perf_event_open query_module quotactl reboot request_key
settimeofday swapoff swapon syslog userfaultfd vhangup
fsconfig fsmount fsopen fspick mount mount_setattr move_mount name_to_handle_at open_by_handle_at open_tree pivot_root
umount2
io_uring_enter io_uring_register io_uring_setup kcmp move_pages process_vm_writev
"""

PROFILE = (
    json.dumps(
        {
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
            "syscalls": [{"names": sorted(DENIED.split()), "action": "SCMP_ACT_ERRNO", "errnoRet": 1}],
        },
        indent=2,
    )
    + "\n"
)
