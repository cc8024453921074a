#!/usr/bin/python3
"""The servers on Twisted: its epoll reactor and protocols."""

import twisted
from twisted.internet import epollreactor

import server_options


def main():
    options = server_options.parse(["echo", "http"], twisted.__version__)
    epollreactor.install()
    # pylint: disable=import-outside-toplevel  # this import would install another reactor
    from twisted.internet import protocol, reactor

    class Serving(protocol.Protocol):
        def __init__(self):
            self.answer = server_options.Responder(options.mode).answer

        def connectionMade(self):
            self.transport.setTcpNoDelay(True)

        def dataReceived(self, data):
            self.transport.write(self.answer(data))

    port = reactor.listenTCP(options.port, protocol.Factory.forProtocol(Serving), backlog=4096, interface="127.0.0.1")
    server_options.print_port(port.getHost().port)
    reactor.run()


if __name__ == "__main__":
    main()
