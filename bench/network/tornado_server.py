#!/usr/bin/python3
"""The servers on Tornado: a coroutine for each connection."""

import asyncio

import tornado
import tornado.iostream
import tornado.netutil
import tornado.tcpserver

import server_options


class Server(tornado.tcpserver.TCPServer):
    def __init__(self, mode):
        super().__init__()
        self.mode = mode

    async def handle_stream(self, stream, address):
        answer = server_options.Responder(self.mode).answer
        stream.set_nodelay(True)
        try:
            while True:
                await stream.write(answer(await stream.read_bytes(4096, partial=True)))
        except tornado.iostream.StreamClosedError:
            pass


async def run(options):
    sockets = tornado.netutil.bind_sockets(options.port, "127.0.0.1", backlog=4096)
    Server(options.mode).add_sockets(sockets)
    server_options.print_port(sockets[0].getsockname()[1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(server_options.parse(["echo", "http"], tornado.version)))
