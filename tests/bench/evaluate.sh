#!/usr/bin/env bash
# evaluate.sh - the long evaluation: an archive made and read day by day, models, what was known on each test day's
# evening, tables, and other detectors on the same rows.
# usage: tests/bench/evaluate.sh [SPEC JOB FROM CALIBRATE]
#   FROM: the first test day, CALIBRATE: the first calibration day, as the job has it
#   (jobs/evaluate-spec.yaml jobs/evaluate.yaml 2022-04-25 2022-04-18). QUERN: the program, RANKS: 2
# Everything goes to the job's output.dir. 50 million lines: 6 GB of text, of which a day at a time is there.
set -euo pipefail
case "${1:-}" in --help) sed -n '2,7s/^# //p' "$0"; exit 0 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
spec=${1:-jobs/evaluate-spec.yaml} job=${2:-jobs/evaluate.yaml} test_from=${3:-2022-04-25} calibrate_from=${4:-2022-04-18}
quern=${QUERN:-build/release/quern} ranks=${RANKS:-2}
. tests/mpi-env.sh
value() { sed -n "s/.*$2: *\([^,}]*\).*/\1/p" "$1" | head -n 1; }
out=$(value "$job" 'output: {dir') first=$(value "$spec" from) days=$(value "$spec" days)
day() { date -u -d "$first + $1 days" +%F; }
step() { mpirun -n "$ranks" "$quern" "$@" --quiet; }
rm -rf "$out"
mkdir -p "$out"
for ((d = 0; d < days; d++)); do
    rm -rf "$out/logs"
    step generate "$spec" "$out/logs" --from "$(day $d)" --to "$(day $((d + 1)))"
    cp "$out/logs/labels.csv" "$out/logs/listed.txt" "$out/"
    step extract "$job"
done
rm -rf "$out/logs"
step train "$job"
step score "$job"
for ((d = 0; d < days; d++)); do
    [[ "$(day $d)" < "$test_from" ]] && continue
    step score "$job" --model "$out/model.h5" --set "archive.to=$(day $((d + 1)))" --set "store.dir=$out/store" \
        --set "output.dir=$out/past/$(day $d)" >/dev/null
done
"$quern" evaluate "$out" "$out/labels.csv" --from "$test_from" --past "$out/past" --json >"$out/evaluation.json"
"$quern" evaluate "$out" "$out/labels.csv" --from "$test_from" --past "$out/past" --csv >"$out/evaluation.csv"
"$quern" evaluate "$out" "$out/labels.csv" --from "$test_from" --past "$out/past" | tee "$out/evaluation.txt"
/usr/bin/python3 tests/bench/detectors.py "$out" "$out/labels.csv" "$test_from" "$calibrate_from" "$out/evaluation.json" |
    tee "$out/detectors.txt"
