#!/usr/bin/env bash
# How large the released binary is. Fails above 15 MB, which is what a download over a slow line may cost.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
watchpost=${WATCHPOST:-$here/../target/release/watchpost}
[ -f "$watchpost" ] || { echo "no $watchpost: run \`cargo build --release\` first" >&2; exit 1; }
limit=15000000
size=$(wc -c <"$watchpost")
printf 'size      %s.%s MB of at most %s MB\n' $((size / 1000000)) $((size / 100000 % 10)) $((limit / 1000000))
[ "$size" -le "$limit" ] || { echo "error: the binary has grown past the limit" >&2; exit 1; }
