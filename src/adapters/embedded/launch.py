"""Becomes another program that does not outlive its parent.

Run as a script in a process of its own, because what it does is not safe between fork and exec of a process
that has threads::

    python -I -S launch.py PARENT DEATH_SIGNAL UID GID PROGRAM [ARGUMENT ...]

``PARENT`` is the id of the process that starts it; ``UID`` and ``GID`` are empty to stay who it is.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that this process gets when its parent dies."""


def main(parent: int, death_signal: int, uid: str, gid: str, program: list[str]) -> None:
    """Drop privileges, tie the process to its parent, and become the program."""
    # What asks it to stop may be ignored where we were started, and would be by the program.
    if death_signal != signal.SIGKILL:
        signal.signal(death_signal, signal.SIG_DFL)
    if uid:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    # After the change of user, which clears it.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit("the parent died first")
    os.umask(0o077)
    os.execv(program[0], program)  # noqa: S606 -- replaces this process on purpose, without a shell


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:])
