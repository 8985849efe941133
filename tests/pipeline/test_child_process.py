"""Programs that are started end with this one, even if it is killed; nobody is left who works for nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from select import select

import pytest

from pipeline.child_process import _kill_with_parent, run_child

PATIENCE = 60
# It begins, says so through a pipe that closes when it ends, and would last for an hour.
LONG = "import os, sys, time; os.write(int(sys.argv[1]), b'!'); time.sleep(3600)"
PARENT = f"""
import os, sys
from pipeline.child_process import run_child
os.set_inheritable(int(sys.argv[1]), True)
from subprocess import Popen
import functools, subprocess
subprocess.Popen = functools.partial(Popen, pass_fds=(int(sys.argv[1]),))
run_child([sys.executable, "-S", "-c", {LONG!r}, sys.argv[1]])
"""


def test_what_a_program_prints_and_how_it_ends_is_returned() -> None:
    done = run_child([sys.executable, "-c", "import sys; print(sys.stdin.read(), end='é'); sys.exit('no')"])
    assert (done.returncode, done.stdout, done.stderr) == (1, "é", "no\n")
    with pytest.raises(subprocess.TimeoutExpired):
        run_child([sys.executable, "-c", "import time; time.sleep(3600)"], seconds=0.2)
    with pytest.raises(FileNotFoundError):
        run_child(["/no/such/program"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no child is told that its parent is gone")
def test_a_child_ends_when_its_parent_is_killed() -> None:
    reader, writer = os.pipe()
    with subprocess.Popen([sys.executable, "-c", PARENT, str(writer)], pass_fds=(writer,)) as parent:
        os.close(writer)
        assert os.read(reader, 1) == b"!"  # the child runs
        parent.kill()
    assert select([reader], [], [], PATIENCE)[0], "the child lives on, and keeps the pipe open"
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_child_whose_parent_has_ended_before_it_could_ask_ends_at_once() -> None:
    child = os.fork()
    if child == 0:
        _kill_with_parent(os.getpid())()  # this is the parent of nobody here
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
