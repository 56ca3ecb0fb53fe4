#!/usr/bin/python3
"""A stand-in for cAdvisor in tests: the same flags, errors, labels and metric families, with invented numbers.

cAdvisor is in no Debian package. The families come from a recording (`cadvisor.prom`) and from upstream's
`metrics/prometheus.go` for what is newer; the containers are the real ones of the Docker socket. Without the socket
there are only nameless cgroups, as with the real one. Counters grow from each start of a container; its start time is the time
it was created and its restarts are a label, as upstream's `container/docker/handler.go` has it.
"""

import hashlib
import http.client
import json
import math
import os
import re
import signal
import socket
import sys
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

RECORDING = "/usr/share/cadvisor/cadvisor.prom"
VERSION = os.environ.get("WATCHPOST_DOUBLE_VERSION", "v0.60.5")

# --- flags: cadvisor's own and those of the libraries it links ------------------------------------------------------

KINDS = (
    "advtcp app cpu cpuLoad cpu_topology cpuset disk diskIO hugetlb memory memory_numa network oom_event percpu "
    "perf_event pressure process referenced_memory resctrl sched tcp udp"
).split()
DISABLED = "advtcp,cpu_topology,cpuset,hugetlb,memory_numa,process,referenced_memory,resctrl,sched,tcp,udp"

FLAGS = {
    "bool": {
        "add_dir_header": False, "allow_dynamic_housekeeping": True, "alsologtostderr": False,
        "disable_root_cgroup_stats": False, "docker-tls": False, "docker_only": False, "enable_load_reader": False,
        "log_cadvisor_usage": False, "logtostderr": True, "one_output": False, "profiling": False,
        "skip_headers": False, "skip_log_headers": False, "storage_driver_es_enable_sniffer": False,
        "storage_driver_kafka_ssl_verify": True, "storage_driver_secure": False, "store_container_labels": True,
        "version": False,
    },
    "int": {
        "application_metrics_count_limit": 100, "log_file_max_size": 1800, "max_procs": 0, "port": 8080,
        "referenced_reset_interval": 0, "stderrthreshold": 2, "v": 2,
    },
    "duration": {
        "crio_client_timeout": "0s", "global_housekeeping_interval": "1m0s", "housekeeping_interval": "1s",
        "max_housekeeping_interval": "1m0s", "mesos_agent_timeout": "10s", "resctrl_interval": "0s",
        "storage_driver_buffer_duration": "1m0s", "storage_duration": "2m0s", "update_machine_info_interval": "5m0s",
    },
    "metrics": {"disable_metrics": DISABLED, "enable_metrics": ""},
    "string": {
        "boot_id_file": "/proc/sys/kernel/random/boot_id", "bq_account": "", "bq_credentials_file": "", "bq_id": "",
        "bq_project_id": "", "bq_secret": "notasecret", "collector_cert": "", "collector_key": "",
        "container_hints": "/etc/cadvisor/container_hints.json", "containerd": "/run/containerd/containerd.sock",
        "containerd-namespace": "k8s.io", "containerd_env_metadata_whitelist": "",
        "docker": "unix:///var/run/docker.sock", "docker-tls-ca": "ca.pem", "docker-tls-cert": "cert.pem",
        "docker-tls-key": "key.pem", "docker_env_metadata_whitelist": "", "docker_root": "/var/lib/docker",
        "env_metadata_whitelist": "", "event_storage_age_limit": "default=24h",
        "event_storage_event_limit": "default=100000", "http_auth_file": "", "http_auth_realm": "localhost",
        "http_digest_file": "", "http_digest_realm": "localhost", "listen_ip": "", "log_backtrace_at": "",
        "log_dir": "", "log_file": "", "machine_id_file": "/etc/machine-id,/var/lib/dbus/machine-id",
        "mesos_agent": "127.0.0.1:5051", "perf_events_config": "", "podman": "unix:///var/run/podman/podman.sock",
        "prometheus_endpoint": "/metrics", "raw_cgroup_prefix_whitelist": "", "storage_driver": "",
        "storage_driver_db": "cadvisor", "storage_driver_es_host": "http://localhost:9200",
        "storage_driver_es_index": "cadvisor", "storage_driver_es_type": "stats",
        "storage_driver_host": "localhost:8086", "storage_driver_influxdb_retention_policy": "",
        "storage_driver_kafka_broker_list": "localhost:9092", "storage_driver_kafka_ssl_ca": "",
        "storage_driver_kafka_ssl_cert": "", "storage_driver_kafka_ssl_key": "",
        "storage_driver_kafka_topic": "stats", "storage_driver_password": "root", "storage_driver_table": "stats",
        "storage_driver_user": "root", "url_base_prefix": "", "vmodule": "", "whitelisted_container_labels": "",
    },
}
TYPE_OF = {name: kind for kind, flags in FLAGS.items() for name in flags}


def usage_exit(message):
    """Ends as Go's flag package does: the message, the usage, exit status 2."""
    print(message, file=sys.stderr)
    print(f"Usage of {sys.argv[0]}:", file=sys.stderr)
    for name in sorted(TYPE_OF):
        kind = TYPE_OF[name]
        print(f"  -{name}" + ("" if kind == "bool" else f" {kind}"), file=sys.stderr)
    sys.exit(2)


def checked(name, value):
    """The value of a flag in its type, or the end with Go's words."""
    kind = TYPE_OF[name]
    invalid = f'invalid value "{value}" for flag -{name}: '
    if kind == "bool":
        if value.lower() not in ("1", "t", "true", "0", "f", "false"):
            usage_exit(f'invalid boolean value "{value}" for -{name}: parse error')
        return value.lower() in ("1", "t", "true")
    if kind == "int" and not re.fullmatch(r"-?\d+", value):
        usage_exit(invalid + "parse error")
    if kind == "duration" and not re.fullmatch(r"0|(\d+(\.\d+)?(ns|us|ms|s|m|h))+", value):
        usage_exit(invalid + "parse error")
    if kind == "metrics":
        for metric in value.split(",") if value else ():
            if metric not in KINDS:
                usage_exit(invalid + f'unsupported metric "{metric}" specified')
    return int(value) if kind == "int" else value


def parse_flags(arguments):
    """Go's rules: `-x` is `--x`; a bool takes `=value` only; the first word without a dash ends the flags."""
    values = {name: default for flags in FLAGS.values() for name, default in flags.items()}
    queue = list(arguments)
    while queue and queue[0].startswith("-") and queue[0] != "-":
        word = queue.pop(0)
        if word == "--":
            break
        name, equals, value = word.lstrip("-").partition("=")
        if name in ("h", "help"):
            usage_exit("flag: help requested")
        if name not in TYPE_OF or word.startswith("---"):
            usage_exit(f"flag provided but not defined: -{name}")
        if not equals:
            if TYPE_OF[name] == "bool":
                value = "true"
            elif queue:
                value = queue.pop(0)
            else:
                usage_exit(f"flag needs an argument: -{name}")
        values[name] = checked(name, value)
    return values


def enabled_kinds(flags):
    if flags["enable_metrics"]:
        return set(flags["enable_metrics"].split(","))
    return set(KINDS) - set(flags["disable_metrics"].split(","))


# --- families -------------------------------------------------------------------------------------------------------

# Which kind of `-disable_metrics` switches a family off; the rest is always there.
KIND_OF = [
    (r"container_cpu_load_average_10s|container_tasks_state", "cpuLoad"),
    (r"container_cpu_(usage|user|system|cfs)_.*", "cpu"),
    (r"container_memory_.*", "memory"),
    (r"container_network_.*", "network"),
    (r"container_fs_(inodes_.*|limit_bytes|usage_bytes)", "disk"),
    (r"container_(fs|blkio)_.*", "diskIO"),
    (r"container_oom_events_total", "oom_event"),
    (r"container_pressure_.*", "pressure"),
    (r"container_(processes|threads|threads_max|file_descriptors|sockets|ulimits_soft)", "process"),
]

# Families that are newer than the recording: name, type, help, labels of its own.
NEWER = [
    ("container_cpu_cfs_periods_total", "counter", "Number of elapsed enforcement period intervals.", {}),
    ("container_cpu_cfs_throttled_periods_total", "counter", "Number of throttled period intervals.", {}),
    ("container_cpu_cfs_throttled_seconds_total", "counter", "Total time duration the container has been throttled.", {}),
    ("container_health_state", "gauge", "The result of the container's health check", {}),
    ("container_fs_reads_bytes_total", "counter", "Cumulative count of bytes read", {"device": "/dev/sda1"}),
    ("container_fs_writes_bytes_total", "counter", "Cumulative count of bytes written", {"device": "/dev/sda1"}),
    ("container_memory_kernel_usage", "gauge", "Size of kernel memory allocated in bytes.", {}),
    ("container_memory_total_active_file_bytes", "gauge", "Current total active file in bytes.", {}),
    ("container_memory_total_inactive_file_bytes", "gauge", "Current total inactive file in bytes.", {}),
    ("container_oom_events_total", "counter", "Count of out of memory events observed for the container", {}),
    ("container_processes", "gauge", "Number of processes running inside the container.", {}),
    ("container_threads", "gauge", "Number of threads running inside the container", {}),
    ("container_threads_max", "gauge", "Maximum number of threads allowed inside the container, infinity if value is zero", {}),
    ("container_file_descriptors", "gauge", "Number of open file descriptors for the container.", {}),
    ("container_sockets", "gauge", "Number of open sockets for the container.", {}),
    ("container_ulimits_soft", "gauge", "Soft ulimit values for the container root process. Unlimited if -1, except priority and nice",
     {"ulimit": "max_open_files"}),
] + [
    (f"container_pressure_{what}_{how}_seconds_total", "counter", f"Total time duration {whom} due to {what} congestion.", {})
    for what in ("cpu", "memory", "io")
    for how, whom in (("stalled", "no tasks in the container could make progress"), ("waiting", "tasks in the container have waited"))
]

# What a counter grows by in a second; others by nothing.
PER_SECOND = [
    (r"container_cpu_cfs_periods_total", 10), (r"container_cpu_cfs_throttled_periods_total", 0.5),
    (r"container_cpu_cfs_throttled_seconds_total", 0.02),
    (r"container_cpu_usage_seconds_total", 0.02), (r"container_cpu_user_.*", 0.013), (r"container_cpu_system_.*", 0.007),
    (r"container_network_(receive|transmit)_bytes_total", 1500), (r"container_network_(receive|transmit)_packets_total", 12),
    (r"container_fs_(reads|writes)_bytes_total", 8192), (r"container_fs_(reads|writes)_total", 0.5),
    (r"container_fs_.*_seconds_total", 0.001), (r"container_memory_failures_total", 5),
    (r"container_pressure_.*_waiting_seconds_total", 0.002), (r"container_pressure_.*_stalled_seconds_total", 0.001),
    (r"(go|process)_.*_total", 0.01),
]
GAUGES = {
    "container_memory_usage_bytes": 48e6, "container_memory_working_set_bytes": 32e6, "container_memory_rss": 24e6,
    "container_memory_cache": 12e6, "container_memory_kernel_usage": 1e6, "container_fs_usage_bytes": 64e3,
    "container_memory_total_active_file_bytes": 4e6, "container_memory_total_inactive_file_bytes": 8e6,
    "container_memory_max_usage_bytes": 64e6, "container_memory_mapped_file": 6e6, "container_processes": 2,
    "container_threads": 12, "container_file_descriptors": 24, "container_sockets": 6,
}

SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def read_recording(path):
    """The families of the recording: name -> (type, help, [(labels, value)])."""
    families, name = {}, None
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if line.startswith("# HELP "):
                name, text = line[7:].split(" ", 1)
                families[name] = ["untyped", text, []]
            elif line.startswith("# TYPE "):
                families[name][0] = line.split()[3]
            else:
                sample, labels, value = SAMPLE.match(line).groups()
                families[name][2].append((sample, dict(LABEL.findall(labels or "")), float(value)))
    for name, kind, text, own in NEWER:
        families[name] = [kind, text, [(name, {"id": "/docker/recorded", "name": "recorded", **own}, 0.0)]]
    return families


def first_match(table, name, otherwise):
    return next((value for pattern, value in table if re.fullmatch(pattern, name)), otherwise)


# --- containers -----------------------------------------------------------------------------------------------------


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def docker_get(endpoint, path):
    connection = UnixConnection(endpoint.removeprefix("unix://"))
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return json.load(answer) if answer.status == 200 else None
    finally:
        connection.close()


def seconds_of(moment):
    """The Unix time of Docker's `2026-01-02T03:04:05.123456789Z`."""
    return datetime.fromisoformat(moment[:19] + "+00:00").timestamp()


def labels_with_restarts(detail):
    """The labels of a container; how often its restart policy started it again is one of them, once it has."""
    labels = dict(detail["Config"]["Labels"] or {})
    if detail["RestartCount"] > 0:
        labels["restartcount"] = str(detail["RestartCount"])
    return labels


def docker_containers(endpoint):
    """The running containers as the metrics see them; None when the Docker API does not answer."""
    try:
        found = []
        for entry in docker_get(endpoint, "/containers/json") or ():
            detail = docker_get(endpoint, f"/containers/{entry['Id']}/json")
            if detail is None:
                continue
            found.append({
                "id": f"/docker/{entry['Id']}", "name": detail["Name"].lstrip("/"), "image": detail["Config"]["Image"],
                "labels": labels_with_restarts(detail), "started": seconds_of(detail["State"]["StartedAt"]),
                "created": seconds_of(detail["Created"]),
                "memory": detail["HostConfig"]["Memory"], "pids": max(0, detail["HostConfig"].get("PidsLimit") or 0),
                "quota": detail["HostConfig"].get("NanoCpus") or detail["HostConfig"].get("CpuQuota") or 0,
                "health": detail["State"].get("Health", {}).get("Status", ""),
            })
        return found
    except OSError:
        return None


def raw_cgroup(path, started):
    return {"id": path, "name": "", "image": "", "labels": {}, "started": started, "created": started, "memory": 0, "pids": 0, "quota": 0, "health": ""}


# --- the exposition -------------------------------------------------------------------------------------------------


class Exposition:
    def __init__(self, flags):
        self.flags = flags
        self.kinds = enabled_kinds(flags)
        self.families = read_recording(RECORDING)
        self.started = time.time()

    def containers(self):
        """Root, Docker's containers and, unless `-docker_only`, the cgroup above them."""
        docker = docker_containers(self.flags["docker"])
        found = [] if self.flags["disable_root_cgroup_stats"] else [raw_cgroup("/", self.started)]
        if not self.flags["docker_only"]:
            found.append(raw_cgroup("/docker", self.started))
        return found + (docker or [])

    def labels_of(self, container):
        """The labels of a container's series by `-store_container_labels` and its whitelist."""
        labels = {"id": container["id"], "image": container["image"], "name": container["name"]}
        allowed = self.flags["whitelisted_container_labels"].split(",")
        for key, value in container["labels"].items():
            if self.flags["store_container_labels"] or key in allowed:
                labels["container_label_" + re.sub(r"[^a-zA-Z0-9_]", "_", key)] = value
        return labels

    def value(self, name, kind, recorded, container, now):
        """An invented value that is steady for a container and moves as its kind should."""
        share = int(hashlib.sha256(container["id"].encode()).hexdigest()[:6], 16) / 0xFFFFFF
        age = max(0.0, now - container["started"])
        if name == "container_last_seen":
            return math.floor(now)
        if name == "container_start_time_seconds":
            return math.floor(container["created"])
        if name == "container_spec_memory_limit_bytes":
            return container["memory"]
        if name == "container_threads_max":
            return container["pids"]
        if name == "container_ulimits_soft":
            return 1048576
        if name == "container_health_state":
            return {"healthy": 1, "": -1}.get(container["health"], 0)
        if kind == "counter":
            return age * first_match(PER_SECOND, name, 0) * (0.5 + share)
        if name in GAUGES:
            steady = GAUGES[name] * (0.5 + share) * (1 + 0.02 * math.sin(now / 300))
            if container["memory"] and name.startswith("container_memory_"):
                steady = min(steady, 0.6 * container["memory"])
            return max(1, math.floor(steady))
        return recorded

    def container_lines(self, name, kind, samples, containers, every_label, now):
        """The series of one family: the recorded container's shape for each real one, the root's for the root."""
        named = [sample for sample in samples if sample[1].get("name")] or samples
        root = [sample for sample in samples if sample[1].get("id") == "/"] or named
        total_only = name == "container_cpu_usage_seconds_total" and "percpu" not in self.kinds
        for container in containers:
            if name.startswith("container_cpu_cfs_") and not container["quota"]:
                continue
            shape = root if container["id"] == "/" else named
            for _, recorded, value in shape[:1] if total_only else shape:
                own = {key: text for key, text in recorded.items() if key not in ("id", "image", "name")}
                if total_only:
                    own["cpu"] = "total"
                labels = {**dict.fromkeys(every_label, ""), **self.labels_of(container), **own}
                yield line(name, labels, self.value(name, kind, value, container, now), stamp(name, now))

    def machine_lines(self):
        ids = {"boot_id": read("/proc/sys/kernel/random/boot_id"), "machine_id": "", "system_uuid": ""}
        meminfo = dict(re.findall(r"^(\w+):\s+(\d+) kB", read("/proc/meminfo"), re.M))
        for name, text, value in (
            ("machine_cpu_cores", "Number of logical CPU cores.", os.cpu_count()),
            ("machine_cpu_physical_cores", "Number of physical CPU cores.", os.cpu_count()),
            ("machine_cpu_sockets", "Number of CPU sockets.", 1),
            ("machine_memory_bytes", "Amount of memory installed on the machine.", int(meminfo["MemTotal"]) * 1024),
            ("machine_swap_bytes", "Amount of swap memory available on the machine.", int(meminfo["SwapTotal"]) * 1024),
            ("machine_scrape_error", "1 if there was an error while getting machine metrics, 0 otherwise.", 0),
        ):
            yield f"# HELP {name} {text}\n# TYPE {name} gauge\n"
            yield line(name, {} if name == "machine_scrape_error" else ids, value)

    def text(self):
        now = time.time()
        containers = self.containers()
        every_label = sorted({key for container in containers for key in self.labels_of(container)})
        out = ["# A stand-in's: the numbers are invented. Not recorded, but written after upstream's sources:\n"]
        out += [f"#   {name}\n" for name in sorted(name for name, *_ in NEWER)]
        for name in sorted(self.families):
            kind, text, samples = self.families[name]
            wanted = first_match(KIND_OF, name, None)
            if name.startswith("machine_") or (wanted and wanted not in self.kinds):
                continue
            out.append(f"# HELP {name} {text}\n# TYPE {name} {kind}\n")
            if name.startswith("container_") and name != "container_scrape_error":
                out.extend(self.container_lines(name, kind, samples, containers, every_label, now))
                continue
            for sample, labels, value in samples:
                if kind == "counter":
                    value += (now - self.started) * first_match(PER_SECOND, name, 0)
                if name == "process_start_time_seconds":
                    value = self.started
                if name == "cadvisor_version_info":
                    labels = {**labels, "cadvisorVersion": VERSION}
                out.append(line(sample, labels, value))
        out.extend(self.machine_lines())
        return "".join(out)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def stamp(name, now):
    """Statistics carry the time they were taken; a container's specification does not."""
    return "" if re.match(r"container_(spec|start_time)_", name) else f" {int(now * 1000)}"


def line(name, labels, value, suffix=""):
    escaped = (
        (key, str(text).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for key, text in sorted(labels.items())
    )
    inside = ",".join(f'{key}="{text}"' for key, text in escaped)
    return f"{name}{'{' + inside + '}' if inside else ''} {value:.12g}{suffix}\n"


# --- HTTP -----------------------------------------------------------------------------------------------------------


def handler_for(exposition):
    prefix = exposition.flags["url_base_prefix"]
    metrics = prefix + exposition.flags["prometheus_endpoint"]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            path = urlsplit(self.path).path
            if path == metrics:
                self.answer(200, exposition.text(), "text/plain; version=0.0.4; charset=utf-8; escaping=underscores")
            elif path == prefix + "/healthz":
                self.answer(200, "ok", "text/plain; charset=utf-8")
            elif path == prefix + "/":
                self.send_response(307)
                self.send_header("Location", prefix + "/containers/")
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif path == prefix + "/containers/":
                self.answer(200, "<html><title>cAdvisor - /</title></html>", "text/html; charset=utf-8")
            else:
                self.answer(404, "404 page not found\n", "text/plain; charset=utf-8")

        do_HEAD = do_GET

        def answer(self, status, text, kind):
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


class Server(ThreadingHTTPServer):
    """Listens on IPv6 and IPv4, as Go's servers do, unless told an IPv4 address."""

    request_queue_size = 128

    def __init__(self, address, handler):
        both = socket.has_dualstack_ipv6() and "." not in address[0]
        self.address_family = socket.AF_INET6 if both else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self):
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def main():
    flags = parse_flags(sys.argv[1:])
    if flags["version"]:
        print(f"cAdvisor version {VERSION} (stand-in)")
        return
    exposition = Exposition(flags)
    if docker_containers(flags["docker"]) is None:
        print(f"Registration of the docker container factory failed: {flags['docker']} does not answer.", file=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print(f"Starting cAdvisor version: {VERSION} on port {flags['port']}", file=sys.stderr, flush=True)
    Server((flags["listen_ip"], flags["port"]), handler_for(exposition)).serve_forever()


if __name__ == "__main__":
    main()
