"""network_test.py LOAD SERVER...: each server, and those beside it that this machine can run, under each kind of load.

Nothing here depends on how fast anything is.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

import network
import runs
import runtimes

network.LOAD = pathlib.Path(sys.argv[1]).resolve()
SERVERS = [runtimes.Program(pathlib.Path(path).stem, (os.path.abspath(path),)) for path in sys.argv[2:]]
LIMIT = 30

# One of each kind of load.
WORKS = ("echo_64", "echo_pipelined_64", "echo_work_64", "churn_64", "udp_64", "stream", "idle_9500", "http_64")

# Answers the first bytes rightly, and then does not.
BROKEN = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1], flush=True)
while True:
    peer = listener.accept()[0]
    while data := peer.recv(4096):
        peer.sendall(data)
        data = peer.recv(4096)
        if sys.argv[1] == "--close":
            break
        peer.sendall(data[:-1] + bytes([data[-1] ^ 1]))
    peer.close()
"""


def is_there(program):
    """Whether what the script needs is installed."""
    if not shutil.which(pathlib.Path(program.command[0]).read_text(encoding="utf-8").splitlines()[0][2:]):
        return False
    return subprocess.run([*program.command, "--list"], capture_output=True, check=False).returncode == 0


SCRIPTS = [program for program in runtimes.PROGRAMS
           if program.is_server and pathlib.Path(program.command[0]).parent.name == "network" and
           pathlib.Path(program.command[0]).suffix in (".py", ".js") and is_there(program)]


class ServersTest(unittest.TestCase):
    def test_every_answer_is_right(self):
        for program in [*SERVERS, *SCRIPTS]:
            works = network.works_of(runs.list_lines(program))
            self.assertTrue(works, program.runtime)
            for name in WORKS:
                if name not in works:
                    continue
                workers = min(2, works[name].get("most_workers", 2))
                with self.subTest(server=program.runtime, work=name, workers=workers):
                    self.check(program, name, workers)

    def check(self, program, name, workers):
        work = network.WORKS[name]
        if work.load == "wrk":  # which takes seconds, and may not be installed
            with network.serving(program.command, work, workers) as (_, port):
                network.check_http(port)
            return
        result = network.measure(program, name, work.small, workers, LIMIT, small=True)
        self.assertEqual(result["result"], 0)
        self.assertGreater(result["peak_memory"], 0)
        if work.load == "idle":
            self.assertEqual(result["connections"], work.small)
        elif name == "stream":
            self.assertEqual(result["bytes"], 1 << 20)
        else:
            self.assertGreater(result["requests"], 0)
            self.assertGreaterEqual(result["max"], result["p50"])

    def test_misuse_is_refused(self):
        for program in SERVERS:
            done = subprocess.run([*program.command, "--mode=nothing"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("there is no mode 'nothing'", done.stderr)


class LoadTest(unittest.TestCase):
    def refusal(self, *arguments):
        program = runtimes.Program("broken", (sys.executable, "-c", BROKEN, *arguments))
        with self.assertRaises(runs.RunError) as caught:
            network.measure(program, "echo_1", 1, 1, LIMIT, small=True)
        return str(caught.exception)

    def test_a_wrong_answer_is_noticed(self):
        self.assertIn("the server has not sent back what it got", self.refusal())

    def test_a_connection_that_breaks_is_noticed(self):
        self.assertIn("the server has closed a connection", self.refusal("--close"))

    def test_a_server_that_ends_is_noticed(self):
        program = runtimes.Program("gone", ("sh", "-c", "echo broken >&2; exit 3"))
        with self.assertRaisesRegex(runs.RunError, "does not say its port: broken"):
            network.measure(program, "echo_1", 1, 1, LIMIT, small=True)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
