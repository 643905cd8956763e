#!/usr/bin/env bash
# run.sh - all tests: installs what they need, then units, the real program under mpirun, lints, again under ASan
# and UBSan, and by MPICH. usage: tests/run.sh [--fast | --long | --help]     --fast: the release build only; --long:
# also 1,000 random archives, a job that is killed 30 times, one that its time limit cuts under Slurm, live tunnels, and the
# package on a bare machine
set -euo pipefail
fast= long=
case "${1:-}" in
--help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
--fast) fast=1 ;;
--long) long=1 ;;
'') ;;
*) echo "run.sh: unknown argument $1" >&2; exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. jobs/packages.sh
slurm=()  # only root can bring one up
[ "$(id -u)" -ne 0 ] || slurm=(slurm-wlm munge libpmix-dev)
need_packages "${build_packages[@]}" libcmocka-dev mpich libmpich-dev libhdf5-mpich-dev \
    clang-format-14 clang-tidy-14 python3 python3-numpy python3-h5py \
    python3-netcdf4 python3-xarray python3-h5netcdf python3-sklearn netcdf-bin hdf5-tools publicsuffix \
    libpsl5 dpkg-dev file man-db tcl binutils iproute2 zstd xz-utils tabix bind9 bind9-dnsutils "${slurm[@]}"
. tests/mpi-env.sh

suite() {
    local preset=$1
    shift
    cmake --preset "$preset"
    cmake --build --preset "$preset"
    ctest --preset "$preset" -j2 "$@"
}
suite release
if [ -z "$fast" ]; then
    # The sanitized build is a debug build: what runs whole in it is not run a second time.
    cmake --preset debug
    cmake --build --preset debug --target quern job_doc
    ctest --preset debug -j2 -L 'lint|debug'
    suite sanitize -LE lint
    # The other MPI that clusters have: what asks most of it, and the digests of both.
    cmake --preset mpich
    cmake --build --preset mpich --target quern test_team test_work
    ctest --preset mpich -R '^test_(team|work)_'
    /usr/bin/python3 tests/e2e/two_mpis.py "$PWD/build/release/quern" mpirun "$PWD/build/mpich/quern" mpirun.mpich
fi
if [ -n "$long" ]; then
    need_packages iodine dns2tcp unbound debootstrap
    /usr/bin/python3 tests/e2e/random_archives.py build/release/quern mpirun 1000
    /usr/bin/python3 tests/e2e/kills.py build/release/quern mpirun 30
    may_skip() { # 77: no root, no mounts or no /dev/net/tun; it says which
        local status=0
        "$@" || status=$?
        [ "$status" -eq 0 ] || [ "$status" -eq 77 ]
    }
    may_skip /usr/bin/python3 tests/e2e/slurm.py "$PWD/build/release/quern" mpirun --long
    may_skip /usr/bin/python3 tests/e2e/tunnels.py build/release/quern mpirun --live
    may_skip tests/bare.sh build/release
fi
