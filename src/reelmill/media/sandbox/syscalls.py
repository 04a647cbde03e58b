"""Numbers of the system calls that a sandboxed process is refused, or allowed with care. Pure.

From the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl, and include/uapi/asm-generic/unistd.h for aarch64.
"""

from collections.abc import Mapping
from dataclasses import dataclass

LAST = 462
"""mseal, of Linux 6.10. What is newer was not judged; it is refused as if the kernel did not know it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A kind of processor, as the kernel names its calls."""

    arch: int
    """AUDIT_ARCH_*, which each call is marked with."""
    numbers: Mapping[str, int]
    """Only of the calls in the tables below, where it has them."""


# fmt: off
# name: (x86_64, aarch64); None: it has no such call.
_TABLE: dict[str, tuple[int | None, int | None]] = {
    # Looked at, with their arguments.
    "clone": (56, 220), "clone3": (435, 435), "open": (2, None), "openat": (257, 56), "openat2": (437, 437),
    "creat": (85, None), "execve": (59, 221), "prctl": (157, 167), "prlimit64": (302, 261), "kill": (62, 129),
    "tgkill": (234, 131), "fcntl": (72, 25), "ioctl": (16, 29), "recvmsg": (47, 212),
    # Sockets.
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206), "recvfrom": (45, 207), "sendmsg": (46, 211),
    "sendmmsg": (307, 269), "recvmmsg": (299, 243), "shutdown": (48, 210), "setsockopt": (54, 208),
    # Processes, and others than itself.
    "fork": (57, None), "vfork": (58, None), "execveat": (322, 281), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "setpriority": (141, 140), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "sched_setattr": (314, 274), "sched_setaffinity": (203, 122),
    "ioprio_set": (251, 30), "migrate_pages": (256, 238), "move_pages": (279, 239),
    # Memory and queues that others share.
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "msgctl": (71, 187), "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191),
    "semtimedop": (220, 192), "mq_open": (240, 180), "mq_unlink": (241, 181), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "vmsplice": (278, 75), "userfaultfd": (323, 282),
    # Namespaces and mounts.
    "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51), "pivot_root": (155, 41), "mount": (165, 40),
    "umount2": (166, 39), "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "statmount": (457, 457), "listmount": (458, 458),
    # Wide doors into the kernel.
    "bpf": (321, 280), "perf_event_open": (298, 241), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "io_setup": (206, 0), "io_submit": (209, 2), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "personality": (135, 92), "modify_ldt": (154, None),
    # The machine's own matters.
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "acct": (163, 89), "syslog": (103, 116), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None),
    "vhangup": (153, 58), "uselib": (134, None),
    # What Landlock does not see of files: modes, owners, times, attributes, watches, handles, links.
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "mknod": (133, None), "mknodat": (259, 33), "symlink": (88, None),
    "symlinkat": (266, 36), "link": (86, None), "linkat": (265, 37), "truncate": (76, 45),
}
# fmt: on

LOOKED_AT = frozenset(
    ("clone", "open", "openat", "creat", "execve", "prctl", "prlimit64", "kill", "tgkill", "fcntl", "ioctl", "recvmsg")
)
"""Allowed, or refused by their arguments or by what the process is for."""
UNKNOWN = frozenset(("clone3", "openat2"))
"""Their arguments lie in memory, where no filter sees them: who hears ENOSYS uses the older call."""
FOR_THE_SERVER = frozenset(("fork", "vfork", "chown", "lchown", "fchownat"))
"""The fork server uses them; its children may not."""
REFUSED = frozenset(_TABLE) - LOOKED_AT - UNKNOWN
"""Never allowed."""


def _machine(arch: int, column: int) -> Machine:
    numbers = {name: number for name, row in _TABLE.items() if (number := row[column]) is not None}
    return Machine(arch=arch, numbers=numbers)


MACHINES = {"x86_64": _machine(0xC000003E, 0), "aarch64": _machine(0xC00000B7, 1)}
"""By what uname calls them."""
