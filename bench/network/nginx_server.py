#!/usr/bin/python3
"""nginx, which answers by a rule of its configuration. It cannot say which port it has, so this chooses one."""

import os
import pathlib
import re
import socket
import subprocess
import tempfile

import server_options

NGINX = "/usr/sbin/nginx"
CONFIGURATION = """
worker_processes {threads};
daemon off;
pid {folder}/pid;
error_log {folder}/errors warn;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        default_type text/plain;
        location / {{ return 200 "Hello, World!"; }}
    }}
}}
"""


def main():
    version = subprocess.run([NGINX, "-v"], capture_output=True, text=True, check=True).stderr
    options = server_options.parse(["http"], re.search(r"nginx/(\S+)", version)[1], most_threads=None)
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", options.port))
        port = free.getsockname()[1]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="nginx"))
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(threads=options.threads, folder=folder, port=port), encoding="utf-8")
    server_options.print_port(port)
    os.execv(NGINX, [NGINX, "-c", str(file), "-e", str(folder / "errors")])


if __name__ == "__main__":
    main()
