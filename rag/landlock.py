"""What the kernel takes from a process for good: files outside a few folders (Landlock), and the network (seccomp).

Both need no privilege, only that `no_new_privs` is set. Landlock: Linux 5.13, Documentation/userspace-api/landlock.rst;
seccomp: Documentation/userspace-api/seccomp_filter.rst. Python has neither, and its bindings are not kept.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Collection, Sequence
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_FILES_BY_VERSION = {1: 1 << 13, 2: 1 << 14, 3: 1 << 15, 4: 1 << 15, 5: 1 << 16}
"""One more than all accesses that a version knows."""
_NEVER_MADE = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12
"""Devices, sockets, pipes and links: whoever looks after the folder might follow or wait for one."""
_FILE_ACCESSES = 0b1100000000000111
"""Of all accesses, those that a rule on a file, not a folder, may name: execute, write, read, truncate, ioctl."""
_TCP, _KNOWS_TCP = 0b11, 4
_SCOPES, _KNOWS_SCOPES = 0b11, 6
"""No connection may be made or waited for; no process outside may be signalled or reached by an abstract socket."""
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_REFUSED = {  # by name: number on x86-64, on ARM64 (0: there is none)
    "socket": (41, 198),
    "connect": (42, 203),
    "fork": (57, 0),
    "vfork": (58, 0),
    "execve": (59, 221),
    "execveat": (322, 281),
    "io_uring_setup": (425, 425),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "pidfd_send_signal": (424, 424),
    "chmod": (90, 0),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, 0),
    "lchown": (94, 0),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "mount": (165, 40),
    "keyctl": (250, 219),
}
"""Sockets, other programs, other processes, and the rights of files, which Landlock does not look at."""
_CLONE, _CLONE3 = (56, 220), (435, 435)
"""What makes processes and threads: of the first the filter sees which; without the second the C library takes it."""
_CLONE_THREAD = 0x10000
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""The architecture's audit number, and the column of its numbers."""
_LOAD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EACCES, 0x80000000
_UNKNOWN = 0x00050000 | errno.ENOSYS
_FIRST_ARGUMENT = 16
_X32 = 0x40000000


def restrict_files(readable: Sequence[Path], writable: Sequence[Path]) -> bool:
    """Leave only what lies under `readable`, and under `writable` to change too; false where the kernel cannot."""
    kernel = ctypes.CDLL(None, use_errno=True)
    version = kernel.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < 1:
        return False
    everything = _FILES_BY_VERSION.get(version, 1 << 16) - 1
    attributes = struct.pack("QQQ", everything, _TCP, _SCOPES)[: 8 * _fields(version)]
    ruleset = kernel.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    for path in readable:
        _allow(kernel, ruleset, path, _EXECUTE | _READ_FILE | _READ_DIR)
    for path in writable:
        _allow(kernel, ruleset, path, everything & ~_NEVER_MADE)
    done: int = kernel.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return done == 0


def _fields(version: int) -> int:
    """How many fields the kernel's structure has: files, then TCP, then signals and abstract sockets."""
    return 1 + (version >= _KNOWS_TCP) + (version >= _KNOWS_SCOPES)


def _allow(kernel: ctypes.CDLL, ruleset: int, path: Path, access: int) -> None:
    """A rule for what lies under a path; none for one that is not there."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    allowed = access if path.is_dir() else access & _FILE_ACCESSES
    rule = struct.pack("=Qi", allowed, place)
    kernel.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    os.close(place)


def restrict_calls(kept: Collection[str] = ()) -> bool:
    """Refuse sockets, programs, other processes and changes of rights; false where the kernel or processor cannot.

    `kept` are names of calls that stay; `fork` keeps all that make a process. Threads can always be started.
    """
    if platform.machine() not in _MACHINES:
        return False
    audit, column = _MACHINES[platform.machine()]
    program = [(_LOAD, 0, 0, 4), (_JUMP_EQUAL, 1, 0, audit), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    program += [(0x35, 0, 1, _X32), (_RETURN, 0, 0, _KILL)]  # numbers of another convention
    for numbers in (numbers for name, numbers in _REFUSED.items() if name not in kept):
        program += [(_JUMP_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _REFUSE)] if numbers[column] else []
    program += [] if "fork" in kept else _threads_alone(column)
    program.append((_RETURN, 0, 0, _ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    filters = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code)))
    kernel = ctypes.CDLL(None, use_errno=True)
    return bool(
        kernel.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_ulong(ctypes.addressof(filters)), 0, 0) == 0
    )


def _threads_alone(column: int) -> list[tuple[int, int, int, int]]:
    """The part of a filter that lets threads be made, and no process."""
    return [
        (_JUMP_EQUAL, 0, 1, _CLONE3[column]),
        (_RETURN, 0, 0, _UNKNOWN),
        (_JUMP_EQUAL, 0, 4, _CLONE[column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_SET, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
