"""Launcher script: replaces itself with a program that does not outlive its parent process.

It runs in a process of its own, because these steps are not safe between fork and exec in a process with
threads::

    python -I -S launch.py PARENT DEATH_SIGNAL UID GID PROGRAM [ARGUMENT ...]

``PARENT`` is the id of the parent process. Empty ``UID`` and ``GID`` keep the current account.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Option of prctl(2) that sets the signal sent to this process when its parent dies."""


def main(parent: int, death_signal: int, uid: str, gid: str, program: list[str]) -> None:
    """Drop privileges, tie the process to its parent, and execute the program.

    Args:
        parent: process id of the parent.
        death_signal: signal sent to the program when the parent dies.
        uid: user id to switch to; empty to keep the current account.
        gid: group id to switch to; used only with ``uid``.
        program: absolute path and arguments.

    Raises:
        OSError: prctl or exec failed.
    """
    # An ignored stop signal is inherited across exec, so the program would ignore it too.
    if death_signal != signal.SIGKILL:
        signal.signal(death_signal, signal.SIG_DFL)
    if uid:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    # Changing the user clears this setting, so it comes afterwards.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit("the parent died first")
    os.umask(0o077)
    os.execv(program[0], program)  # noqa: S606 -- replaces this process on purpose, without a shell


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:])
