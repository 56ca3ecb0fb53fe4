"""What a deployed stack takes while nobody uses it: `python3 benches/idle.py STACK SECONDS`.

Memory without what the kernel would give back (inactive file pages, as `docker stats` counts), CPU over the whole
span, from the daemon's own counters.
"""

import concurrent.futures
import json
import subprocess
import sys
import time


def docker(*arguments):
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout


def stats(container):
    answer = subprocess.run(
        ["curl", "-sf", "--unix-socket", "/var/run/docker.sock", f"http://docker/containers/{container}/stats?stream=false&one-shot=true"],
        check=True, capture_output=True, text=True,
    ).stdout
    found = json.loads(answer)
    memory = found["memory_stats"]
    reclaimable = memory["stats"].get("inactive_file", memory["stats"].get("total_inactive_file", 0))
    return found["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, (memory["usage"] - reclaimable) / 1e6


def all_stats(containers):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return dict(zip(containers, pool.map(stats, containers)))


def main():
    stack, seconds = sys.argv[1], float(sys.argv[2])
    listed = docker("ps", "--filter", f"label=watchpost.stack={stack}", "--format", "{{.ID}} {{.Label \"com.docker.compose.service\"}}")
    services = dict(line.split(" ", 1) for line in listed.splitlines())
    before, began = all_stats(services), time.monotonic()
    time.sleep(seconds)
    after, span = all_stats(services), time.monotonic() - began
    total_memory = total_cpu = 0
    for container, service in sorted(services.items(), key=lambda item: item[1]):
        cpu = (after[container][0] - before[container][0]) / span * 100
        memory = after[container][1]
        total_cpu, total_memory = total_cpu + cpu, total_memory + memory
        print(f"  {service:<20} {memory:7.1f} MB  {cpu:6.2f} % of one CPU")
    print(f"  {'together':<20} {total_memory:7.1f} MB  {total_cpu:6.2f} % of one CPU")


main()
