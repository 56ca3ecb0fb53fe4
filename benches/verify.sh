#!/usr/bin/env bash
# `watchpost verify` of a healthy stack: `standard`, and `standard` with 1,000 targets more and 500 rules more.
# Aims: under 2 s in at most 25 MB; under 5 s.
#
# RUNS: how often each is measured (5). SETTLE: seconds that may pass until all targets were scraped (180).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
watchpost=${WATCHPOST:-$here/../target/release/watchpost}
[ -x "$watchpost" ] || { echo "no $watchpost: run \`cargo build --release\` first" >&2; exit 1; }

work=$(mktemp -d)
name=wpb-$$-verify
cleanup() {
  "$watchpost" down --name "$name" --purge-data --yes -q >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
cat >"$work/watchpost.yaml" <<SPEC
name: $name
stack: standard
components:
  prometheus: {port: $(free_port), scrape_interval: 5s, scrape_timeout: 5s, evaluation_interval: 5s}
  alertmanager: {port: $(free_port)}
  grafana: {port: $(free_port)}
SPEC
cd "$work"
row() { printf '%-32s ' "$1"; shift; python3 "$here/measure.py" "$@"; }

# Until the proof is green: panels of rates want two scrapes.
settle() {
  local until=$((SECONDS + ${SETTLE:-180}))
  until "$watchpost" verify -q >proof.txt 2>&1; do
    if [ $SECONDS -ge $until ]; then cat proof.txt >&2; exit 1; fi
    sleep 1
  done
}

"$watchpost" up --yes -q --no-verify
settle
row 'verify, standard' --runs "${RUNS:-5}" -- "$watchpost" verify -q

# A thousand targets that are up: the same small exporter under a thousand labels. Its scrapes are spread over half a
# minute. The rules use what those targets have.
mkdir rules
{
  printf 'targets:\n'
  for job in $(seq 20); do
    for shard in $(seq 50); do
      printf '  - {job: fleet-%s-%s, static: ["blackbox-exporter:9115"], labels: {shard: "%s"}, interval: 30s}\n' "$job" "$shard" "$shard"
    done
  done
  printf 'rules: [./rules]\n'
} >>watchpost.yaml
for group in $(seq 25); do
  printf 'groups:\n  - name: fleet-%s\n    rules:\n' "$group"
  for rule in $(seq 20); do
    printf '      - alert: Fleet%sBusy%s\n        expr: rate(process_cpu_seconds_total{job="fleet-%s-%s"}[2m]) > 0.9\n        for: 5m\n' \
      "$group" "$rule" "$(((group - 1) % 20 + 1))" "$rule"
    printf '        labels: {severity: warning}\n        annotations: {summary: "busy", description: "Shard %s is busy."}\n' "$rule"
  done
done | awk '/^groups:/ { file = "rules/" ++n ".yml" } { print > file }'
"$watchpost" up --yes -q --no-verify
settle
row 'verify, 1,000 targets, 500 rules' --runs "${RUNS:-5}" -- "$watchpost" verify -q
