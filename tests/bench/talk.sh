#!/usr/bin/env bash
# talk.sh - the talk's setting, made up: generates jobs/talk-spec.yaml, runs jobs/talk.yaml, and prints the talk's table beside
# the run's own, with the time it took.
# usage: tests/bench/talk.sh      (QUERN: the program, RANKS: 2; 2.8 GB in out/talk/logs, removed at the end)
set -euo pipefail
case "${1:-}" in --help) sed -n '2,4s/^# //p' "$0"; exit 0 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
quern=${QUERN:-build/release/quern}
. tests/mpi-env.sh
rm -rf out/talk
mpirun -n "${RANKS:-2}" "$quern" generate jobs/talk-spec.yaml out/talk/logs --quiet
mpirun -n "${RANKS:-2}" "$quern" run jobs/talk.yaml --quiet --json >out/talk/run.json
"$quern" evaluate out/talk out/talk/logs/labels.csv --json >out/talk/evaluation.json
/usr/bin/python3 - <<'PY'
import csv, json
import h5py
run = json.load(open('out/talk/run.json'))
with h5py.File('out/talk/scores.h5') as file:
    both = {bytes(b''.join(ip)).rstrip(b'\0').decode() for ip, flag in zip(file['ip_text'][:], file['ip_kmeans2_both'][:]) if flag}
bursts = {row['ip'] for row in csv.DictReader(open('out/talk/logs/labels.csv')) if row['family'] == 'burst'}
print(f"{'':10} {'rows':>7}  {'k-means':>7} {'minority':>8} {'both IPs':>8}  {'autoencoder minority':>20} {'both IPs':>8}")
print(f"{'the talk':10} {86215:7}  {86145:7} {70:8} {7:8}  {193:20} {24:8}")
two, encoder = run['groups']['kmeans2'], run['groups']['autoencoder']
print(f"{'made up':10} {run['rows']:7}  {two['majority']:7} {two['minority']:8} {two['both']:8}  "
      f"{encoder['minority']:20} {encoder['both']:8}")
print(f"planted bursts among the IPs in both groups: {len(bursts & both)} of {len(bursts)}; {run['seconds']:.0f} s on "
      f"{run['ranks']} ranks, logs to scores")
PY
rm -rf out/talk/logs/ns?
