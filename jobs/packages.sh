# shellcheck shell=bash
# packages.sh - makes sure that Debian packages are there. To be sourced.
# usage:  need_packages NAME…
# Installs what is missing when it may (root, or sudo without a password); else names it, and what to load on a cluster.

need_packages() {
    local missing=() name modules='module load gcc cmake ninja openmpi hdf5 (with MPI) libyaml xxhash isa-l zstd xz'
    if ! command -v dpkg-query >/dev/null 2>&1; then
        echo "This is no Debian or Ubuntu. On a cluster, load what it calls these, then run this again:" >&2
        echo "  $modules" >&2
        command -v cmake >/dev/null 2>&1 && command -v mpicc >/dev/null 2>&1
        return
    fi
    for name in "$@"; do
        dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    local as=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            echo "These packages are missing; ask for them, or on a cluster load the modules that bring them:" >&2
            echo "  apt-get install ${missing[*]}" >&2
            echo "  $modules" >&2
            return 1
        fi
        as=(sudo -n)
    fi
    echo "Installing ${missing[*]}" >&2
    "${as[@]}" apt-get update -qq </dev/null &&
        "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            "${missing[@]}" </dev/null >/dev/null
}

build_packages=(gcc libc6-dev make cmake ninja-build pkg-config openmpi-bin libopenmpi-dev libhdf5-openmpi-dev libisal-dev
    libyaml-dev libxxhash-dev libssl-dev libzstd-dev liblzma-dev tzdata)
