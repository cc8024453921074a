"""What the servers in Python share: their options, and what they answer, as bench/network/server.hpp says."""

import argparse
import json
import sys

HELLO = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!"
HEADER_END = b"\r\n\r\n"

# The work of that setting is the same number of steps in all languages, which takes Python far longer than 50 us.
WITHOUT = ["echo_work_64"]


def parse(modes, version, most_threads=1, **more):
    """The options of the command line. `more` are further options, each with the values that it may have."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--mode", choices=modes, default=modes[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--port", type=int, default=0)
    for option, values in more.items():
        parser.add_argument(f"--{option}", choices=values, default=values[0])
    options = parser.parse_args()
    if options.list:
        for mode in modes:
            print(json.dumps({"mode": mode, "version": version, "without": WITHOUT} |
                             ({"most_threads": most_threads} if most_threads else {})))
        sys.exit(0)
    if most_threads and options.threads > most_threads:
        parser.error("it does not run on so many threads")
    return options


def print_port(port):
    print("port", port, flush=True)


class Responder:
    """What one connection answers."""

    def __init__(self, mode):
        self.answer = getattr(self, mode)
        self.rest = b""

    @staticmethod
    def echo(data):
        return data

    def http(self, data):
        *requests, self.rest = (self.rest + data).split(HEADER_END)
        return HELLO * len(requests)
