"""The system calls that a sandboxed program may not make, as a filter for bubblewrap's `--seccomp`.

Namespaces take away what a program could reach; this filter takes away the ways around its limits: memory that belongs
to no process (memfd, System V segments, kernel keyrings), sockets that no network namespace confines (vsock, netlink,
AF_ALG), new namespaces, and looking into other processes. The filter is classic BPF over `struct seccomp_data`
(linux/seccomp.h), which four instructions suffice to write; see seccomp(2).
"""

from __future__ import annotations

import errno
import platform
import struct

# linux/bpf_common.h: load a word at an offset; jump if equal, if at least, if any bit is set; return.
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets; the low word of an argument, on little-endian machines
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000

X32 = 0x40000000  # bit of the second set of system calls that x86-64 kernels may have
NEW_NAMESPACE = 0x7E020000 | 0x80  # every CLONE_NEW* flag, linux/sched.h
SOCKETS = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6: confined by the network namespace

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
REFUSED = {  # name: number on x86_64, on aarch64
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
}
CLONE, CLONE3, SOCKET = (56, 220), (435, 435), (41, 198)


def program() -> bytes | None:
    """The filter for this machine; None on a processor whose system calls are not listed here."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        return None
    column = list(ARCHITECTURES).index(machine)
    code = [
        _op(LOAD, ARCHITECTURE),
        _op(EQUAL, ARCHITECTURES[machine], 1, 0),
        _op(RETURN, KILL),  # 32-bit calls have other numbers
        _op(LOAD, NUMBER),
    ]
    if machine == "x86_64":
        code += [_op(AT_LEAST, X32, 0, 1), _op(RETURN, REFUSE | errno.ENOSYS)]
    for numbers in REFUSED.values():
        code += [_op(EQUAL, numbers[column], 0, 1), _op(RETURN, REFUSE | errno.EPERM)]
    # clone3 hides its flags behind a pointer; the C library falls back to clone when told that it does not exist.
    code += [_op(EQUAL, CLONE3[column], 0, 1), _op(RETURN, REFUSE | errno.ENOSYS)]
    code += [
        _op(EQUAL, CLONE[column], 0, 4),
        _op(LOAD, FIRST_ARGUMENT),
        _op(ANY_BIT, NEW_NAMESPACE, 0, 1),
        _op(RETURN, REFUSE | errno.EPERM),
        _op(RETURN, ALLOW),
    ]
    code += [_op(EQUAL, SOCKET[column], 0, 2 + len(SOCKETS)), _op(LOAD, FIRST_ARGUMENT)]
    code += [_op(EQUAL, family, len(SOCKETS) - place, 0) for place, family in enumerate(SOCKETS)]
    code += [_op(RETURN, REFUSE | errno.EAFNOSUPPORT), _op(RETURN, ALLOW)]
    return b"".join(code)


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One `struct sock_filter`; jumps count the instructions that are left out."""
    return struct.pack("=HBBI", code, if_true, if_false, value)
