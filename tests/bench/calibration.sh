#!/usr/bin/env bash
# calibration.sh - are p-values what they say? Three weeks of one organisation without attacks: the first week trains, the
# second calibrates, and p of the third week's rows is held against the uniform law.
# usage: tests/bench/calibration.sh      (QUERN: the program, RANKS: 2, SEED: 77; 1 GB in a temporary folder)
set -euo pipefail
case "${1:-}" in --help) sed -n '2,4s/^# //p' "$0"; exit 0 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
quern=$(realpath "${QUERN:-build/release/quern}") ranks=${RANKS:-2} folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. tests/mpi-env.sh
cat >"$folder/spec.yaml" <<SPEC
seed: ${SEED:-77}
from: 2022-02-07
days: 21
timezone: Asia/Tokyo
calendar: [$PWD/datasets/calendar/jp.csv]
clients: 1000
active: 320
queries: 8000000
SPEC
mpirun -n "$ranks" "$quern" generate "$folder/spec.yaml" "$folder/logs" --quiet
for set in talk full; do
    cat >"$folder/job.yaml" <<JOB
archive: {paths: ["$folder/logs/ns?"], timezone: Asia/Tokyo}
features: {set: $set, calendar: [$PWD/datasets/calendar/jp.csv]}
model:
  train: [{from: 2022-02-07, to: 2022-02-14}]
  calibrate: [{from: 2022-02-14, to: 2022-02-21}]
limits: {memory: 2G}
store: {dir: $folder/store}
output: {dir: $folder/$set}
JOB
    mpirun -n "$ranks" "$quern" run "$folder/job.yaml" --quiet >"$folder/$set.txt"
    /usr/bin/python3 - "$folder/$set/scores.h5" $set <<'PY'
import sys
import h5py
import numpy as np
with h5py.File(sys.argv[1]) as scores:
    later = scores['row_window'][:] >= int(np.datetime64('2022-02-20T15:00', 's').astype(int))  # midnight in Tokyo
    for model in 'kmeans', 'autoencoder':
        p = np.sort(scores[f'row_{model}_p'][:][later].astype(float))
        n = len(p)
        distance = max(np.max(np.arange(1, n + 1) / n - p), np.max(p - np.arange(n) / n))
        print(f'{sys.argv[2]}, {model}: {n} rows, Kolmogorov-Smirnov distance {distance:.3f}, '
              f'p < 0.05: {np.mean(p < 0.05):.4f}, p < 0.01: {np.mean(p < 0.01):.4f}, p < 0.001: {np.mean(p < 0.001):.5f}')
PY
done
