"""The proxies that are measured, each as one process on one core, with the same work to do: HTTP/1.1 both ways, kept connections to the
application and to clients, X-Forwarded-For, -Proto and -Host set, WebSockets, no access log."""

import functools
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import ROOT

PROXY_CORE, LOAD_CORE = 0, 1
KEEP_ALIVE_SECONDS = 3600  # clients' idle connections outlast what is measured of them
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


def write_back(program):
    """A program just linked is not on the disk yet; its pages would count as written by whoever runs it (1,856 instead of 872 KiB at the start)."""
    with open(shutil.which(program), "rb") as file:
        os.fsync(file.fileno())


class Server:
    """A process that serves `port`. CPU time and memory are the kernel's figures of it."""

    def __init__(self, name, command, port, *cores):
        self.name, self.port = name, port
        write_back(command[0])
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


def nginx(folder, upstream, buffer_kib=16):
    # worker_connections: below a sixteenth of it free, nginx closes connections whose request has not come yet, or not the next one.
    # It makes room for them at its start: 11,120 KiB of private memory with 24,000, 1,408 with 1,000.
    # proxy_buffer_size: what is read at once when nothing is held back (proxy_buffering off), and what a tunnel keeps each way.
    port = free_port()
    conf = pathlib.Path(folder) / f"nginx-{port}.conf"
    conf.write_text(f"""
daemon off; master_process off; pid {folder}/nginx-{port}.pid; error_log {folder}/nginx.log crit; worker_processes 1; worker_rlimit_nofile 20000;
events {{ worker_connections 24000; }}
http {{
  access_log off; keepalive_timeout {KEEP_ALIVE_SECONDS}s; keepalive_requests 1000000000; keepalive_time 24h;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream application {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    proxy_http_version 1.1; proxy_buffering off; proxy_buffer_size {buffer_kib}k; proxy_buffers 8 {buffer_kib}k;
    proxy_read_timeout 1h; proxy_send_timeout 1h;
    proxy_set_header Host $host; proxy_set_header Connection $connection_upgrade; proxy_set_header Upgrade $http_upgrade;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $host;
    location / {{ proxy_pass http://application; }}
  }}
}}
""")
    return Server("nginx", ["nginx", "-p", folder, "-c", conf], port, PROXY_CORE)


def haproxy(folder, upstream, splice=False):
    # Descriptors: twice maxconn and twice maxpipes must be below the machine's limit, else HAProxy does not start.
    # `option splice-auto` is no help here: 2.6 made not one call of splice with it (strace), with splice-response five a megabyte (33 with
    # pipes of the usual 64 KiB).
    bounds = "maxconn 1000\n  maxpipes 64\n  tune.pipesize 1048576" if splice else "maxconn 9950"
    port = free_port()
    conf = pathlib.Path(folder) / f"haproxy-{port}.cfg"
    conf.write_text(f"""
global
  nbthread 1
  {bounds}
defaults
  mode http
  option http-keep-alive
  {"option splice-response" if splice else ""}
  http-reuse always
  timeout connect 5s
  timeout client 1h
  timeout http-keep-alive {KEEP_ALIVE_SECONDS}s
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
               f"--session-file={folder}/session-{port}", f"--keep-alive-seconds={KEEP_ALIVE_SECONDS}", "--log-level=error"]
    return Server("spawner", command, port, PROXY_CORE)


PROXIES = {"nginx": nginx, "HAProxy": haproxy, "spawner": spawner}
# The same as somebody would set them who knows large bodies, for these alone: nginx would pay with 128 KiB a tunnel; HAProxy, whose small requests
# and echoes take no longer so, with descriptors.
FOR_LARGE = {"nginx, buffer of 128 KiB": functools.partial(nginx, buffer_kib=128), "HAProxy, splice": functools.partial(haproxy, splice=True)}


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
        return (PROXIES | FOR_LARGE)[name](self.folder.name, self.application.port)
