#!/usr/bin/env bash
# memory.sh - peak memory of quern extract over the length of an archive, and what its store takes; prints tables.
# usage: tests/bench/memory.sh [QUERN]    QUERN: the program, build/release/quern
#   QUERIES=18589831 of eight days, LONG=64 days (a multiple of 8, the same queries again), MEMORY=128M the job's
#   limits.memory, RANKS=1. The logs are made in TMPDIR, 153 bytes a query (23 GB for 64 days), and removed.
set -euo pipefail
case "${1:-}" in --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
quern=$(realpath "${1:-build/release/quern}") here=$PWD/tests/bench dir=$(mktemp -d) ranks=${RANKS:-1}
trap 'rm -rf "$dir"' EXIT
. tests/mpi-env.sh
export QUERN_DATA=$PWD
cc -O2 -ffp-contract=off -o "$dir/genlog" "$here/genlog.c"
printf '| days | text, MB | store, MB | peak of a rank, MB | seconds |\n|--:|--:|--:|--:|--:|\n'
"$dir/genlog" -n "${QUERIES:-18589831}" -H 192 >"$dir/eight.log"
for days in 8 "${LONG:-64}"; do
    log=$dir/queries.log
    for ((from = 0; from < days; from += 8)); do
        for ((day = 0; day < 8; day++)); do # another eight days: each date becomes a later one
            LC_ALL=C date -u -d "2022-02-01 + $((from + day)) days" "+s/^0$((day + 1))-Feb-2022/%d-%b-%Y/;t"
        done >"$dir/dates"
        LC_ALL=C sed -f "$dir/dates" "$dir/eight.log"
    done >"$log"
    cat >"$dir/job.yaml" <<EOF
archive: {paths: ['$log'], timezone: UTC}
limits: {memory: ${MEMORY:-128M}}
output: {dir: '$dir/out'}
EOF
    rm -rf "$dir/out"
    mpirun -n "$ranks" "$quern" extract "$dir/job.yaml" --quiet --json >"$dir/answer"
    /usr/bin/python3 - "$dir" "$days" <<'EOF'
import json, pathlib, sys
top, days = pathlib.Path(sys.argv[1]), sys.argv[2]
answer = json.loads((top / 'answer').read_text())
store = sum(path.stat().st_size for path in (top / 'out/store').glob('2*.h5'))
print(f'| {days} | {answer["log_bytes"] / 1e6:,.0f} | {store / 1e6:,.1f} | {answer["peak_bytes"] / 1e6:,.0f} | {answer["seconds"]:.0f} |')
EOF
    if [ "$days" = 8 ]; then
        gzip -6 -c "$log" | wc -c >"$dir/gzip"
        /usr/bin/python3 "$here/store_bytes.py" "$dir/out/store" "$(stat -c %s "$log")" "$(cat "$dir/gzip")" >"$dir/tables"
    fi
done
printf '\n'
cat "$dir/tables"
