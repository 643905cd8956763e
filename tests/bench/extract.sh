#!/usr/bin/env bash
# extract.sh - reading a log by quern and by others, in turn, on the same generated log; prints tables.
# usage: tests/bench/extract.sh [QUERN]    QUERN: the program, build/release/quern
#   LINES=2000000 ROUNDS=3 change the runs, LOG=FILE takes a log of your own (then without the peers' features).
#   PYTHON=VENV/bin/python is asked for duckdb and pandas; what is not installed is left out. Needs mawk.
set -euo pipefail
case "${1:-}" in --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
quern=$(realpath "${1:-build/release/quern}") here=$PWD/tests/bench python=${PYTHON:-/usr/bin/python3} dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
. tests/mpi-env.sh
export LC_ALL=C OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 QUERN_DATA=$PWD
log=${LOG:-}
if [ -z "$log" ]; then
    cc -O2 -ffp-contract=off -o "$dir/genlog" "$here/genlog.c"
    log=$dir/queries.log
    "$dir/genlog" -l "${LINES:-2000000}" >"$log"
fi
cat >"$dir/job.yaml" <<EOF
archive: {paths: ['$log'], timezone: UTC}
features: {suffixes: '$PWD/datasets/suffixes.dat'}
output: {dir: '$dir/out'}
EOF
cat "$log" >/dev/null # into the page cache
count_awk='{ split($7, a, "#"); n[substr($0, 1, 14) " " a[1]]++ } END { for (k in n) rows++; print NR, rows }'
count_sql="select sum(n)::bigint, count(*) from (select d, t[1:2], split_part(c, '#', 1), count(*) n from read_csv('$log',
  delim=' ', quote='', escape='', header=false, auto_detect=false, columns={'d':'VARCHAR','t':'VARCHAR','c2':'VARCHAR',
  'c3':'VARCHAR','c4':'VARCHAR','c5':'VARCHAR','c':'VARCHAR','c7':'VARCHAR','c8':'VARCHAR','c9':'VARCHAR','c10':'VARCHAR',
  'c11':'VARCHAR','c12':'VARCHAR','c13':'VARCHAR'}) group by all)"
{
    printf 'wc -l\twc -l <%q\n' "$log"
    # Not to /dev/null: grep would then stop at the first match.
    printf 'grep -c\tgrep -c query: %q | cat\n' "$log"
    for set in talk full; do
        printf 'quern %s\t%q bench extract %q --feature-set %s --json\n' $set "$quern" "$log" $set
    done
    for level in avx2 plain; do
        printf 'quern full, %s\tQUERN_SIMD=%s %q bench extract %q --json\n' $level $level "$quern" "$log"
    done
    printf 'quern extract, store written\trm -rf %q/out; %q extract %q --quiet\n' "$dir" "$quern" "$dir/job.yaml"
    printf 'the same, limits.memory 2G\trm -rf %q/out; %q extract %q --quiet --set limits.memory=2G\n' "$dir" "$quern" \
        "$dir/job.yaml"
    printf "mawk, a count\tmawk '%s' %q\n" "$count_awk" "$log"
    if [ -z "${LOG:-}" ]; then
        printf 'DuckDB, a count\t%q %q "%s"\n' "$python" "$here/duckdb_peer.py" "${count_sql//$'\n'/ }"
        printf 'DuckDB, 24 features\t%q %q @%q LOG=%q OUT=%q\n' "$python" "$here/duckdb_peer.py" "$here/features_peer.sql" \
            "$log" "$dir/duckdb.csv"
        printf 'pandas, 24 features\t%q %q %q %q\n' "$python" "$here/features_peer.py" "$log" "$dir/pandas.csv"
    fi
} | /usr/bin/python3 "$here/log_table.py" "$(stat -c %s "$log")" 'grep -c' "${ROUNDS:-3}"
