#!/usr/bin/env bash
# autoencoder.sh - training an autoencoder 24-16-8-16-24 by quern and by others, in turn, on the same rows; prints tables.
# usage: tests/bench/autoencoder.sh [QUERN]    QUERN: the program, build/release/quern
#   BATCHES="1024 4096" ROUNDS=3 change the runs. Peers that are not installed are left out (Debian: python3-torch,
#   python3-sklearn, python3-numpy).
set -euo pipefail
case "${1:-}" in --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
quern=$(realpath "${1:-build/release/quern}") here=tests/bench rows=$(mktemp --suffix=.f32) python=/usr/bin/python3
trap 'rm -f "$rows"' EXIT
export OMPI_MCA_mpi_yield_when_idle=0 # two ranks have two cores here
. tests/mpi-env.sh
export LC_ALL=C OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
"$python" $here/rows.py "$rows" 1000000 24
for batch in ${BATCHES:-1024 4096}; do
    printf '\nbatch = %s\n\n' "$batch"
    {
        for level in avx512 avx2 plain; do
            printf 'quern, %s\tQUERN_SIMD=%s %s bench autoencoder %s --batch %s --json\n' $level $level "$quern" "$rows" "$batch"
        done
        printf 'quern, 2 processes\tmpirun -n 2 %s bench autoencoder %s --batch %s --json\n' "$quern" "$rows" "$batch"
        for peer in torch numpy sklearn; do
            if "$python" -c "import $peer" 2>/dev/null; then
                printf '%s\t%s %s/autoencoder_peer.py %s %s 24 16,8,16 %s\n' $peer $python $here $peer "$rows" "$batch"
            fi
        done
    } | "$python" $here/interleave.py samples_per_s torch "${ROUNDS:-3}"
done
