#!/usr/bin/python3
"""The servers on gevent: a greenlet for each connection."""

import gevent.server

import server_options


def main():
    options = server_options.parse(["echo", "http"], gevent.__version__)

    def serve(peer, _address):
        answer = server_options.Responder(options.mode).answer
        try:
            while data := peer.recv(4096):
                peer.sendall(answer(data))
        except ConnectionError:
            pass  # a client that resets

    server = gevent.server.StreamServer(("127.0.0.1", options.port), serve, backlog=4096)
    server.start()
    server_options.print_port(server.server_port)
    server.serve_forever()


if __name__ == "__main__":
    main()
