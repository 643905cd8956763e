#!/usr/bin/env bash
# kmeans.sh - k-means by quern and by others, in turn, on the same 1,000,000 x 24 rows; prints tables: an iteration, and a
# run from the same start to its end.
# usage: tests/bench/kmeans.sh [QUERN]    QUERN: the program, build/release/quern
#   KS="2 8 64" ROUNDS=3 change the runs; PARTS="iteration end" says which. LIAO: folder with the source of W.-k. Liao's MPI
#   k-means (mpi_main.c, mpi_kmeans.c, mpi_io.c, file_io.c), which is then built and timed as well. Peers that are not
#   installed are left out: Debian's python3-sklearn; python3-faiss.
set -euo pipefail
case "${1:-}" in --help) sed -n '2,7s/^# //p' "$0"; exit 0 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
quern=$(realpath "${1:-build/release/quern}") here=tests/bench folder=$(mktemp -d) python=/usr/bin/python3
rows=$folder/rows.f32
trap 'rm -rf "$folder"' EXIT
export OMPI_MCA_mpi_yield_when_idle=0 # two ranks have two cores here
. tests/mpi-env.sh
export LC_ALL=C OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
"$python" $here/rows.py "$rows" 1000000 24
if [[ -n ${LIAO:-} ]]; then
    mpicc -w -O3 -march=native -ffast-math -funroll-loops -I"$LIAO" -o "$folder/liao" \
        "$LIAO"/{mpi_main,mpi_kmeans,mpi_io,file_io}.c
    { printf '\x40\x42\x0f\x00\x18\x00\x00\x00'; cat "$rows"; } >"$folder/rows.liao" # 1,000,000 and 24
fi
has() { "$python" -c "import $1" 2>/dev/null; }
ours() { # the lines of quern, with these options
    for level in avx512 avx2 plain; do
        printf 'quern, %s\tQUERN_SIMD=%s %s bench kmeans %s %s --json\n' $level $level "$quern" "$rows" "$1"
    done
    printf 'quern, 2 processes\tmpirun -n 2 %s bench kmeans %s %s --json\n' "$quern" "$rows" "$1"
}
theirs() { # the lines of scikit-learn, with these words
    for peer in lloyd elkan; do
        printf 'scikit-learn %s\t%s %s/kmeans_peer.py %s %s 24 %s\n' $peer $python $here $peer "$rows" "$1"
    done
}
iteration() {
    printf '\nk = %s, an iteration\n\n' "$1"
    {
        ours "--k $1"
        theirs "$1"
        has faiss && printf 'faiss\t%s %s/kmeans_peer.py faiss %s 24 %s\n' $python $here "$rows" "$1"
        for ranks in ${LIAO:+1 2}; do
            printf 'Liao, processes: %s\t%s %s/kmeans_peer.py liao %s %s %s %s\n' "$ranks" $python $here \
                "$folder/liao" "$ranks" "$folder/rows.liao" "$1"
        done
    } | "$python" $here/interleave.py ms_per_iteration 'scikit-learn lloyd' "${ROUNDS:-3}"
}
end() {
    printf '\nk = %s, from the same start to its end\n\n' "$1"
    {
        ours "--k $1 --to-end"
        theirs "$1 end"
    } | "$python" $here/interleave.py ms_to_end 'scikit-learn lloyd' "${ROUNDS:-3}" passes,inertia,prepare_ms
}
for part in ${PARTS:-iteration end}; do
    for k in ${KS:-2 8 64}; do
        "$part" "$k"
    done
done
