#!/usr/bin/env bash
# sensitivity.sh - what all thresholds of evidence twice and half as high would have found: builds quern with them, and judges
# scores that are there anew.
# usage: tests/bench/sensitivity.sh JOB FROM     (jobs/evaluate.yaml 2022-04-25, after tests/bench/evaluate.sh)
set -euo pipefail
case "${1:-}" in --help) sed -n '2,4s/^# //p' "$0"; exit 0 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
job=${1:-jobs/evaluate.yaml} test_from=${2:-2022-04-25} ranks=${RANKS:-2}
. tests/mpi-env.sh
out=$(sed -n 's/.*output: {dir: *\([^,}]*\).*/\1/p' "$job" | head -n 1)
for percent in 50 100 200; do
    tree=out/thresholds/$percent
    mkdir -p "$tree"
    tar -c --exclude=./build --exclude=./out --exclude=./.git --exclude=./datasets/demo . | tar -x -C "$tree"
    # The rows of mechanisms.def: name, name, statistic, cause, three thresholds; lists have none.
    python3 - "$tree/src/evidence/mechanisms.def" "$percent" <<'PY'
import re, sys
path, percent = sys.argv[1], int(sys.argv[2])
text = open(path, encoding='utf-8').read()
row = re.compile(r'^(X\((?!LISTED)\w+, \w+, \d+, \w+), (\d+), (\d+), (\d+)', re.M)
text, count = row.subn(lambda m: ', '.join([m[1], *(str(max(1, int(m[i]) * percent // 100)) for i in (2, 3, 4))]), text)
assert count > 8, 'the rows of mechanisms.def have another form'
open(path, 'w', encoding='utf-8').write(text)
PY
    cmake --preset release -S "$tree" -B "$tree/build" -DBUILD_TESTING=OFF >/dev/null
    cmake --build "$tree/build" --target quern >/dev/null
    mkdir -p "$tree/results"
    cp "$out/scores.h5" "$tree/results/"
    QUERN_DATA=datasets mpirun -n "$ranks" "$tree/build/quern" decide "$job" --quiet --set "output.dir=$tree/results" \
        --set "store.dir=$out/store" >/dev/null
    "$tree/build/quern" evaluate "$tree/results" "$out/labels.csv" --from "$test_from" --json >"$tree/results/evaluation.json"
    python3 - "$percent" "$tree/results/evaluation.json" <<'PY'
import json, sys
got = json.load(open(sys.argv[2], encoding='utf-8'))
sets = {found['name']: found for found in got['sets']}
cells = [f"{sets[name]['detectors']['evidence']['recall']:.3f}" for name in sets]
kinds = sorted(((kind['warned'] / max(1, kind['host_days']), kind['name']) for kind in got['benign']), reverse=True)[:3]
print(f"thresholds x {int(sys.argv[1]) / 100}: PR-AUC {sets['all']['detectors']['evidence']['pr_auc']:.3f}; recall "
      + ', '.join(f'{name} {cell}' for name, cell in zip(sets, cells))
      + f"; incidents a day {sum(got['incidents'][v] for v in ('critical', 'warning', 'notice')) / got['incidents']['days']:.1f}; "
      + 'warnings ' + ', '.join(f'{name} {share:.3f}' for share, name in kinds))
PY
done
