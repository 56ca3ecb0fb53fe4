#!/usr/bin/env bash
# What rendering costs, as a whole process: `standard`, and 200 instances of one exporter.
# Aims: under 20 ms and 20 MB; under 150 ms.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
watchpost=${WATCHPOST:-$here/../target/release/watchpost}
[ -x "$watchpost" ] || { echo "no $watchpost: run \`cargo build --release\` first" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

printf 'stack: standard\n' >"$work/standard.yaml"
{
  printf 'stack: standard\ncomponents:\n  redis-exporter:\n'
  for i in $(seq 200); do printf '    - {name: n%s, address: "cache-%s:6379"}\n' "$i" "$i"; done
} >"$work/many.yaml"

for spec in standard many; do
  printf '%-9s ' "$spec"
  python3 "$here/measure.py" --runs "${RUNS:-20}" -- "$watchpost" render -f "$work/$spec.yaml" --out "$work/$spec"
done
