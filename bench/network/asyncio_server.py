#!/usr/bin/python3
"""The servers on asyncio, by protocols or by streams, with its own loop or with uvloop."""

import asyncio
import platform

import server_options


class Serving(asyncio.Protocol):
    def __init__(self, mode):
        self.answer = server_options.Responder(mode).answer
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(self.answer(data))


async def serve(mode, reader, writer):
    answer = server_options.Responder(mode).answer
    try:
        while data := await reader.read(4096):
            writer.write(answer(data))
            await writer.drain()
    except ConnectionError:
        pass  # a client that resets
    finally:
        writer.close()


async def run(options):
    where = {"host": "127.0.0.1", "port": options.port, "backlog": 4096}
    if options.style == "protocol":
        server = await asyncio.get_running_loop().create_server(lambda: Serving(options.mode), **where)
    else:
        server = await asyncio.start_server(lambda r, w: serve(options.mode, r, w), **where)
    server_options.print_port(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def main():
    try:
        import uvloop  # pylint: disable=import-outside-toplevel  # only one of the loops needs it
    except ImportError:
        uvloop = None
    loops = ["asyncio", "uvloop"] if uvloop else ["asyncio"]
    versions = f"Python {platform.python_version()}" + (f", uvloop {uvloop.__version__}" if uvloop else "")
    options = server_options.parse(["echo", "http"], versions, loop=loops, style=["protocol", "streams"])
    if options.loop == "uvloop":
        uvloop.install()
    asyncio.run(run(options))


if __name__ == "__main__":
    main()
