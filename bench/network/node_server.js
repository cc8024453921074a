#!/usr/bin/node
// The servers of bench/network on Node.js: one thread; with --http-module its own module for HTTP. Options and modes are
// those of bench/network/server.hpp.
"use strict";
const dgram = require("dgram");
const http = require("http");
const net = require("net");

const HELLO = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
const HEADER_END = "\r\n\r\n";

// A fixed amount of computation: about as much as bench/network/server.cc, in the integers that there are.
let worked = 1;
function work(microseconds) {
  let x = worked;
  for (let i = 0; i < microseconds * 500; ++i) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
  }
  worked = x || 1;
}

const serve = {
  echo(peer, options) {
    peer.on("data", (bytes) => {
      if (options.workUs > 0) work(options.workUs);
      peer.write(bytes);
    });
  },
  http(peer) {
    let rest = "";
    peer.on("data", (bytes) => {
      const parts = (rest + bytes.toString("latin1")).split(HEADER_END);
      rest = parts.pop();
      peer.write(HELLO.repeat(parts.length));
    });
  },
  sink(peer) {
    let count = 0;
    peer.on("data", (bytes) => { count += bytes.length; });
    peer.on("end", () => {
      const number = Buffer.alloc(8);
      number.writeBigUInt64LE(BigInt(count));
      peer.end(number);
    });
  },
};
let modes = [...Object.keys(serve), "udp"];

function refuse(why) {
  process.stderr.write(`${why}\n`);
  process.exit(2);
}

const options = { mode: "echo", threads: 1, port: 0, workUs: 0 };
const withModule = process.argv.includes("--http-module");
if (withModule) modes = ["http"];
for (const argument of process.argv.slice(2)) {
  const [option, value] = argument.split("=");
  if (option === "--list") {
    for (const mode of modes) console.log(JSON.stringify({ mode, version: process.version, most_threads: 1 }));
    process.exit(0);
  } else if (option === "--mode" && modes.includes(value)) options.mode = value;
  else if (option === "--threads") options.threads = Number(value);
  else if (option === "--port") options.port = Number(value);
  else if (option === "--work-us") options.workUs = Number(value);
  else if (option !== "--http-module") refuse(`not understood: ${argument}`);
}
if (options.threads !== 1) refuse("it does not run on so many threads");

if (options.mode === "udp") {
  const socket = dgram.createSocket("udp4");
  socket.on("message", (bytes, peer) => socket.send(bytes, peer.port, peer.address));
  socket.bind(options.port, "127.0.0.1", () => console.log(`port ${socket.address().port}`));
} else {
  const server = withModule
    ? http.createServer((request, response) => {
      response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": 13 });
      response.end("Hello, World!");
    })
    : net.createServer({ noDelay: true, allowHalfOpen: options.mode === "sink" }, (peer) => {
      peer.on("error", () => peer.destroy()); // a client that resets
      serve[options.mode](peer, options);
    });
  server.listen({ port: options.port, host: "127.0.0.1", backlog: 4096 },
    () => console.log(`port ${server.address().port}`));
}
