//! The servers of bench/network on tokio: a task for each connection, on the multi_thread runtime, or with
//! --current-thread on the other. Options and modes are those of bench/network/server.hpp.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
const HEADER_END: &[u8] = b"\r\n\r\n";
const MODES: [&str; 4] = ["echo", "udp", "http", "sink"];

#[derive(Clone)]
struct Options {
    mode: String,
    threads: usize,
    port: u16,
    work_us: u32,
    current_thread: bool,
}

/// A fixed amount of computation, as in bench/network/server.cc.
fn work(microseconds: u32) {
    let mut x: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..microseconds * 500 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    // Rust 1.63 has no stable black_box.
    assert_ne!(x, 0);
}

// Not by readable(), try_read() and try_write(), as Brigade's server does: that took 431 ns of user time for an echo in
// place of 284 (64 connections, one thread, median of 5).
async fn serve_echo(mut peer: TcpStream, work_us: u32) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let n = peer.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        if work_us > 0 {
            work(work_us);
        }
        peer.write_all(&buffer[..n]).await?;
    }
}

/// How many ends of a header are in there; `matched` bytes of one have been seen.
fn count_requests(bytes: &[u8], matched: &mut usize) -> usize {
    let mut requests = 0;
    for c in bytes {
        if *c == HEADER_END[*matched] {
            *matched += 1;
            if *matched == HEADER_END.len() {
                requests += 1;
                *matched = 0;
            }
        } else {
            *matched = (*c == HEADER_END[0]) as usize;
        }
    }
    requests
}

async fn serve_http(mut peer: TcpStream, many: &'static [u8]) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    let mut matched = 0;
    loop {
        let n = peer.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        let requests = count_requests(&buffer[..n], &mut matched);
        peer.write_all(&many[..requests * HELLO.len()]).await?;
    }
}

async fn serve_sink(mut peer: TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 65536];
    let mut count = 0u64;
    loop {
        let n = peer.read(&mut buffer).await?;
        if n == 0 {
            return peer.write_all(&count.to_le_bytes()).await;
        }
        count += n as u64;
    }
}

async fn serve_datagrams(socket: UdpSocket) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let (n, peer) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..n], peer).await?;
    }
}

async fn serve(options: Options) -> std::io::Result<()> {
    if options.mode == "udp" {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        println!("port {}", socket.local_addr()?.port());
        return serve_datagrams(socket).await;
    }
    let many: &'static [u8] = HELLO.repeat(4096 / HEADER_END.len()).leak();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    println!("port {}", listener.local_addr()?.port());
    loop {
        let (peer, _) = listener.accept().await?;
        peer.set_nodelay(true)?;
        match options.mode.as_str() {
            "http" => tokio::spawn(serve_http(peer, many)),
            "sink" => tokio::spawn(serve_sink(peer)),
            _ => tokio::spawn(serve_echo(peer, options.work_us)),
        };
    }
}

fn refuse(why: String) -> ! {
    eprintln!("{why}");
    std::process::exit(2);
}

fn number<T: std::str::FromStr>(argument: &str, value: &str) -> T {
    value.parse().unwrap_or_else(|_| refuse(format!("not a number: {argument}")))
}

fn main() {
    let mut options =
        Options { mode: "echo".to_string(), threads: 1, port: 0, work_us: 0, current_thread: false };
    let mut list = false;
    for argument in std::env::args().skip(1) {
        let (option, value) = argument.split_once('=').unwrap_or((&argument, ""));
        match option {
            "--list" => list = true,
            "--mode" if MODES.contains(&value) => options.mode = value.to_string(),
            "--threads" => options.threads = number(&argument, value),
            "--port" => options.port = number(&argument, value),
            "--work-us" => options.work_us = number(&argument, value),
            "--current-thread" => options.current_thread = true,
            _ => refuse(format!("not understood: {argument}")),
        }
    }
    if list {
        let most = if options.current_thread { ", \"most_threads\": 1" } else { "" };
        for mode in MODES {
            println!("{{\"mode\": \"{mode}\", \"version\": \"1.24.2\"{most}}}");
        }
        return;
    }
    let mut builder = match options.current_thread {
        true => tokio::runtime::Builder::new_current_thread(),
        false => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(options.threads).enable_all().build().unwrap();
    // On a worker, and not on this thread, which is none.
    let served = match options.current_thread {
        true => runtime.block_on(serve(options)),
        false => runtime.block_on(async move { tokio::spawn(serve(options)).await.unwrap() }),
    };
    if let Err(error) = served {
        refuse(error.to_string());
    }
}
