#!/usr/bin/env bash
# year.sh - a year of logs, made a month at a time, read into one store by two ranks, and removed; prints a table by month.
# usage: tests/bench/year.sh [QUERN]    QUERN: the program, build/release/quern
#   QUERIES=850000000 of DAYS=365 from FROM=2022-01-01, CLIENTS=1400 of which ACTIVE=400 ask in an hour on average; GZIP=1
#   (0: plain text), RANKS=2, MEMORY=128M the job's limits.memory. JUDGE=1: then `quern run`, `quern score --model` and `quern decide`, which need 8 GB a
#   rank for a year. WHOLE=1 keeps the logs, and compares with a store that was made at once.
#   Needs 9 GB in TMPDIR: a month of logs (27 MB a million queries) and the store (7 MB a million). The small form takes seconds:
#   QUERIES=300000 FROM=2022-01-30 DAYS=4 CLIENTS=60 ACTIVE=30 WHOLE=1 JUDGE=1 tests/bench/year.sh
set -euo pipefail
case "${1:-}" in --help) sed -n '2,8s/^# //p' "$0"; exit 0 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
quern=$(realpath "${1:-build/release/quern}")
. tests/mpi-env.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export QUERN_DATA=$PWD OMPI_MCA_orte_tmpdir_base=$dir
/usr/bin/python3 tests/bench/year.py "$quern" "$dir"
