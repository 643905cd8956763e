#!/usr/bin/env bash
# quickstart.sh - from a fresh checkout to the first results: installs what is missing, builds, runs the demo job with
# two ranks. usage: jobs/quickstart.sh [--help]
set -euo pipefail
case "${1:-}" in
--help) sed -n '2,3s/^# //p' "$0"; exit 0 ;;
'') ;;
*) echo "quickstart.sh: unknown argument $1" >&2; exit 2 ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. jobs/packages.sh
need_packages "${build_packages[@]}"
cmake --preset release -DBUILD_TESTING=OFF  # the tests need more packages: tests/run.sh
cmake --build --preset release --target quern
. tests/mpi-env.sh
mpirun -n 2 build/release/quern run jobs/demo.yaml
