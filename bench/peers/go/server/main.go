// The servers of bench/network in Go: a goroutine for each connection; with --net-http its own
// package for HTTP. Options and modes are those of bench/network/server.hpp.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
)

const hello = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!"
const headerEnd = "\r\n\r\n"

var many = []byte(strings.Repeat(hello, 4096/len(headerEnd)))

var modes = []string{"echo", "udp", "http", "sink"}

// A fixed amount of computation, as in bench/network/server.cc.
func work(microseconds int) uint64 {
	x := uint64(0x9E3779B97F4A7C15)
	for i := 0; i < microseconds*500; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// Where the work goes, so that it is needed.
var worked uint64

func serveEcho(peer net.Conn, workMicroseconds int) {
	defer peer.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := peer.Read(buffer)
		if err != nil {
			return
		}
		if workMicroseconds > 0 && work(workMicroseconds) == 0 {
			worked++
		}
		if _, err := peer.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func serveHTTP(peer net.Conn) {
	defer peer.Close()
	buffer := make([]byte, 4096)
	matched := 0
	for {
		n, err := peer.Read(buffer)
		if err != nil {
			return
		}
		requests := 0
		for _, c := range buffer[:n] {
			if c == headerEnd[matched] {
				if matched++; matched == len(headerEnd) {
					requests++
					matched = 0
				}
			} else if c == headerEnd[0] {
				matched = 1
			} else {
				matched = 0
			}
		}
		if _, err := peer.Write(many[:requests*len(hello)]); err != nil {
			return
		}
	}
}

func serveSink(peer net.Conn) {
	defer peer.Close()
	buffer := make([]byte, 65536)
	count := uint64(0)
	for {
		n, err := peer.Read(buffer)
		count += uint64(n)
		if err == io.EOF {
			binary.LittleEndian.PutUint64(buffer, count)
			peer.Write(buffer[:8])
		}
		if err != nil {
			return
		}
	}
}

func serveDatagrams(socket *net.UDPConn) {
	buffer := make([]byte, 4096)
	for {
		n, peer, err := socket.ReadFromUDPAddrPort(buffer)
		check(err)
		_, err = socket.WriteToUDPAddrPort(buffer[:n], peer)
		check(err)
	}
}

func serveNetHTTP(listener net.Listener) {
	body := []byte("Hello, World!")
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write(body)
	}
	check(http.Serve(listener, http.HandlerFunc(handler)))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	list := flag.Bool("list", false, "print the modes")
	mode := flag.String("mode", "echo", strings.Join(modes, ", "))
	threads := flag.Int("threads", 1, "GOMAXPROCS")
	port := flag.Int("port", 0, "to listen on")
	workMicroseconds := flag.Int("work-us", 0, "of work for each message")
	netHTTP := flag.Bool("net-http", false, "serve HTTP by net/http, and nothing else")
	flag.Parse()
	if *netHTTP {
		modes = []string{"http"}
	}
	if *list {
		for _, mode := range modes {
			fmt.Printf("{\"mode\": %q, \"version\": %q}\n", mode, runtime.Version())
		}
		return
	}
	runtime.GOMAXPROCS(*threads)
	loopback := net.IPv4(127, 0, 0, 1)
	if *mode == "udp" {
		socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback, Port: *port})
		check(err)
		fmt.Println("port", socket.LocalAddr().(*net.UDPAddr).Port)
		serveDatagrams(socket)
	}
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: loopback, Port: *port})
	check(err)
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	if *netHTTP {
		serveNetHTTP(listener)
	}
	for {
		peer, err := listener.Accept()
		check(err)
		switch *mode {
		case "echo":
			go serveEcho(peer, *workMicroseconds)
		case "http":
			go serveHTTP(peer)
		case "sink":
			go serveSink(peer)
		}
	}
}
