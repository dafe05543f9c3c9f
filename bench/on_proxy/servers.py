"""The proxies that are measured, each as one process on one core, with the same work to do: HTTP/1.1 both ways, kept connections to the
application, X-Forwarded-For, -Proto and -Host set, WebSockets, no access log."""

import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time

from . import ROOT

PROXY_CORE, LOAD_CORE = 0, 1
HERE = pathlib.Path(__file__).resolve().parent
START_SECONDS = 10


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(*cores):
    def prepare():
        os.sched_setaffinity(0, cores)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return prepare


class Server:
    """A process that serves `port`. CPU time and memory are the kernel's figures of it."""

    def __init__(self, name, command, port, *cores):
        self.name, self.port = name, port
        said = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([str(part) for part in command], stdout=said, stderr=said, preexec_fn=pinned(*cores))
        end = time.monotonic() + START_SECONDS
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if self.process.poll() is not None or time.monotonic() > end:
                self.close()
                said.seek(0)
                raise RuntimeError(f"{name} does not serve: {' '.join(map(str, command))}\n{said.read()}")
            time.sleep(0.02)

    def cpu_by_thread(self):
        """Seconds by the thread's name."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        return {(task / "comm").read_text().strip(): int((task / "schedstat").read_text().split()[0]) / 1e9 for task in tasks}

    def cpu_seconds(self):
        total = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def memory(self):
        """(private dirty KiB: what the process itself wrote, resident KiB)"""
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return tuple(int(re.search(rf"^{field}:\s+(\d+)", text, re.M).group(1)) for field in ("Private_Dirty", "Rss"))

    def close(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


class Application:
    """On a port of 127.0.0.1, or on the address and port given."""

    def __init__(self, folder, *where, cores=(LOAD_CORE,)):
        program = pathlib.Path(folder) / "application"
        subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", program, HERE / "application.c"], check=True)
        self.process = subprocess.Popen([program, *map(str, where)], stdout=subprocess.PIPE, text=True, preexec_fn=pinned(*cores))
        self.port = int(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.communicate()


def nginx(folder, upstream):
    # worker_connections: below a sixteenth of it free, nginx closes connections whose request has not come yet.
    port = free_port()
    conf = pathlib.Path(folder) / "nginx.conf"
    conf.write_text(f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit; worker_processes 1; worker_rlimit_nofile 20000;
events {{ worker_connections 24000; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream application {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    proxy_http_version 1.1; proxy_buffering off; proxy_buffer_size 16k; proxy_buffers 8 16k; proxy_read_timeout 1h; proxy_send_timeout 1h;
    proxy_set_header Host $host; proxy_set_header Connection $connection_upgrade; proxy_set_header Upgrade $http_upgrade;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $host;
    location / {{ proxy_pass http://application; }}
  }}
}}
""")
    return Server("nginx", ["nginx", "-p", folder, "-c", conf], port, PROXY_CORE)


def haproxy(folder, upstream):
    port = free_port()
    conf = pathlib.Path(folder) / "haproxy.cfg"
    conf.write_text(f"""
global
  nbthread 1
  maxconn 9950
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
frontend front
  bind 127.0.0.1:{port} backlog 4096
  option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  default_backend application
backend application
  server application 127.0.0.1:{upstream} maxconn 20000
""")
    return Server("HAProxy", ["haproxy", "-db", "-f", conf], port, PROXY_CORE)


def spawner(folder, upstream):
    port = free_port()
    command = [ROOT / "build/release/spawner", "sidecar", f"--serve-port={port}", "--admin-port=0", "--local-port=0", f"--upstream-port={upstream}",
               f"--session-file={folder}/session-{port}", "--log-level=error"]
    return Server("spawner", command, port, PROXY_CORE)


PROXIES = {"nginx": nginx, "HAProxy": haproxy, "spawner": spawner}


class Lab:
    """The application, and a folder for what the proxies need."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="spawner-bench-")
        self.application = Application(self.folder.name)
        return self

    def __exit__(self, *_):
        self.application.close()
        self.folder.cleanup()

    def start(self, name):
        return PROXIES[name](self.folder.name, self.application.port)
