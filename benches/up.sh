#!/usr/bin/env bash
# `watchpost up` beside `docker compose up` on the same bundle, alternately in one run: the first deploy with images
# present, and with nothing to do, both without the proof, which Compose has not. Then what the idle `standard` stack costs.
# Aims: nothing to do at most Compose's time; first deploy at most Compose's `--wait` plus our two seconds of
# watching it stay up, in at most 25 MB.
#
# WATCHPOST_TEST_COMPOSE: Compose v2's binary, when `docker compose` is not installed.
# IDLE: how many seconds the idle stack is watched (60); 0 leaves it out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
watchpost=${WATCHPOST:-$here/../target/release/watchpost}
[ -x "$watchpost" ] || { echo "no $watchpost: run \`cargo build --release\` first" >&2; exit 1; }
if [ -n "${WATCHPOST_TEST_COMPOSE:-}" ]; then compose=("$WATCHPOST_TEST_COMPOSE"); else compose=(docker compose); fi
"${compose[@]}" version >/dev/null 2>&1 || compose=()

work=$(mktemp -d)
ours=wpb-$$-ours
theirs=wpb-$$-theirs
cleanup() {
  "$watchpost" down --name "$ours" --purge-data --yes -q >/dev/null 2>&1 || true
  [ ${#compose[@]} -eq 0 ] || "${compose[@]}" -p "$theirs" -f "$work/bundle/compose.yaml" down -v >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

# Ports nobody has; both stacks use the same, one after the other.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
cat >"$work/watchpost.yaml" <<SPEC
name: $ours
stack: standard
components:
  prometheus: {port: $(free_port)}
  alertmanager: {port: $(free_port)}
  grafana: {port: $(free_port)}
SPEC
cd "$work"
"$watchpost" render --out bundle -q
sed -i.orig "s/^name: .*/name: $theirs/" bundle/compose.yaml
# Plain Compose takes secrets from files or variables; which does not matter here.
while read -r variable; do export "$variable=benchmark-only"; done < <(sed -n 's/^ *environment: \([A-Z_0-9]*\)$/\1/p' bundle/compose.yaml)
mkdir -p bundle/secrets
for secret in $(sed -n 's/^ *file: \.\/secrets\/\(.*\)$/\1/p' bundle/compose.yaml); do
  printf benchmark-only >"bundle/secrets/$secret"
done
chmod -R a+rX bundle

our_down="$watchpost down --purge-data --yes"
row() { printf '%-32s ' "$1"; shift; python3 "$here/measure.py" "$@"; }

row 'watchpost up, first' --runs "${RUNS:-3}" --before "$our_down" -- "$watchpost" up --yes -q --no-verify
row 'watchpost up, nothing to do' --runs 15 -- "$watchpost" up --yes -q --no-verify

if [ "${IDLE:-60}" -gt 0 ]; then
  echo "idle standard stack, ${IDLE:-60} s:"
  python3 "$here/idle.py" "$ours" "${IDLE:-60}"
fi
$our_down >/dev/null 2>&1

if [ ${#compose[@]} -gt 0 ]; then
  their_down="${compose[*]} -f bundle/compose.yaml down -v"
  row 'compose up -d --wait, first' --runs "${RUNS:-3}" --before "$their_down" -- "${compose[@]}" -f bundle/compose.yaml up -d --wait
  row 'compose up -d, nothing to do' --runs 15 -- "${compose[@]}" -f bundle/compose.yaml up -d
else
  echo 'Compose is not installed: nothing to compare with (WATCHPOST_TEST_COMPOSE names its binary).'
fi
