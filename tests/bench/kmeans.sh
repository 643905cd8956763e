#!/usr/bin/env bash
# kmeans.sh - an iteration of k-means by quern and by others, in turn, on the same 1,000,000 x 24 rows; prints tables.
# usage: tests/bench/kmeans.sh [QUERN]    QUERN: the program, build/release/quern
#   KS="2 8 64" ROUNDS=3 change the runs. Peers that are not installed are left out: Debian's python3-sklearn; faiss.
set -euo pipefail
case "${1:-}" in --help) sed -n '2,4s/^# //p' "$0"; exit 0 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
quern=$(realpath "${1:-build/release/quern}") here=tests/bench rows=$(mktemp --suffix=.f32) python=/usr/bin/python3
trap 'rm -f "$rows"' EXIT
. tests/mpi-env.sh
export LC_ALL=C OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
"$python" $here/rows.py "$rows" 1000000 24
for k in ${KS:-2 8 64}; do
    printf '\nk = %s\n\n' "$k"
    {
        for level in avx512 avx2 plain; do
            printf 'quern, %s\tQUERN_SIMD=%s %s bench kmeans %s --k %s --json\n' $level $level "$quern" "$rows" "$k"
        done
        printf 'quern, 2 processes\tmpirun -n 2 %s bench kmeans %s --k %s --json\n' "$quern" "$rows" "$k"
        for peer in lloyd elkan; do
            printf 'scikit-learn %s\t%s %s/kmeans_peer.py %s %s 24 %s\n' $peer $python $here $peer "$rows" "$k"
        done
        if "$python" -c 'import faiss' 2>/dev/null; then
            printf 'faiss\t%s %s/kmeans_peer.py faiss %s 24 %s\n' $python $here "$rows" "$k"
        fi
    } | "$python" $here/interleave.py ms_per_iteration 'scikit-learn lloyd' "${ROUNDS:-3}"
done
