"""Runs a command several times; prints median wall time and largest resident memory.

    python3 benches/measure.py [--runs N] [--before COMMAND] -- COMMAND...

`--before` is a shell command run before each measured one, outside the measurement.
Output: one JSON object {"seconds": median, "megabytes": largest, "runs": N}.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# The kernel counts this interpreter's own memory to every process it starts; GNU time is small enough not to show.
TIME = shutil.which("time") if sys.platform == "linux" else None


def once(command):
    with tempfile.NamedTemporaryFile() as peak:
        measured = [TIME, "-f", "%M", "-o", peak.name, *command] if TIME else command
        began = time.perf_counter()
        process = subprocess.Popen(measured, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        complaint = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        if os.waitstatus_to_exitcode(status) != 0:
            sys.exit(f"{' '.join(command)} failed:\n{complaint.decode(errors='replace')}")
        if TIME:
            return seconds, int(peak.read().split()[-1]) / 1e3
    # macOS counts bytes.
    return seconds, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--before")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    measured = []
    for _ in range(options.runs):
        if options.before:
            subprocess.run(options.before, shell=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        measured.append(once(options.command))
    seconds = statistics.median(seconds for seconds, _ in measured)
    print(json.dumps({"seconds": round(seconds, 4), "megabytes": round(max(mb for _, mb in measured), 1), "runs": options.runs}))


main()
