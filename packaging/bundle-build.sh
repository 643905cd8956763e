#!/usr/bin/env bash
# build.sh - builds and installs quern from this bundle, without network or root.
# usage: ./build.sh [--all] PREFIX
#   --all  build every library of the bundle, also those that pkg-config finds
# Libraries that are not there are built as static ones into PREFIX/deps first. What quern itself needs of the cluster (a C
# compiler, CMake 3.25, make, pkg-config, MPI 3, HDF5 1.10 with MPI, OpenSSL) comes from its modules: load them before.
set -euo pipefail
all=
[ "${1:-}" != --all ] || { all=1; shift; }
[ $# -eq 1 ] && [[ $1 != -* ]] || { sed -n '3,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
prefix=$(realpath -m "$1")
deps=$prefix/deps
work=$here/work
cores=$(nproc)
export PKG_CONFIG_PATH=$deps/lib/pkgconfig:$deps/lib64/pkgconfig:${PKG_CONFIG_PATH:-} PATH=$deps/bin:$PATH

missing=()
for tool in cc cmake make pkg-config mpicc; do
    command -v "$tool" >/dev/null || missing+=("$tool")
done
pkg-config --exists libcrypto || missing+=('libcrypto (OpenSSL)')
[ ${#missing[@]} -eq 0 ] || { echo "build.sh: load the modules that bring: ${missing[*]}" >&2; exit 1; }

wanted() { [ -n "$all" ] || ! pkg-config --exists "$1"; }
unpack() { # unpack PACKAGE: into work/PACKAGE
    rm -rf "${work:?}/$1"
    mkdir -p "$work/$1"
    tar -C "$work/$1" --strip-components=1 -xf "$here/libraries/$1"_*.orig.tar.*
}
pc_write() { # pc_write NAME VERSION LIBS INCLUDES: a file for pkg-config
    mkdir -p "$deps/lib/pkgconfig"
    printf 'Name: %s\nDescription: from the bundle\nVersion: %s\nLibs: -L%s %s\nCflags: -I%s\n' "$1" "$2" "$deps/lib" "$3" "$4" \
        >"$deps/lib/pkgconfig/$1.pc"
}
make_yaml() {
    unpack libyaml
    cmake -S "$work/libyaml" -B "$work/libyaml/made" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$deps" \
        -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_TESTING=OFF
    cmake --build "$work/libyaml/made" -j "$cores" --target install
    pc_write yaml-0.1 0.2.5 -lyaml "$deps/include" # its CMake build brings none
}
make_xxhash() {
    unpack xxhash
    make -C "$work/xxhash" -j "$cores" CFLAGS='-O3 -fPIC' libxxhash.a
    mkdir -p "$deps/include" "$deps/lib"
    cp "$work"/xxhash/xxh*.h "$deps/include"
    cp "$work/xxhash/libxxhash.a" "$deps/lib"
    pc_write libxxhash 0.8.1 -lxxhash "$deps/include"
}
make_isal() {
    if ! command -v nasm >/dev/null || [ -n "$all" ]; then
        unpack nasm
        (cd "$work/nasm" && ./configure --prefix="$deps" && make -j "$cores" && mkdir -p "$deps/bin" && cp nasm "$deps/bin")
    fi
    unpack libisal
    make -C "$work/libisal" -f Makefile.unx -j "$cores" lib
    mkdir -p "$deps/include/isa-l" "$deps/lib"
    cp "$work"/libisal/include/*.h "$deps/include/isa-l"
    cp "$work"/libisal/bin/isa-l.a "$deps/lib/libisal.a"
    pc_write libisal 2.30.0 -lisal "$deps/include"
}
for library in yaml-0.1:make_yaml libxxhash:make_xxhash libisal:make_isal; do
    if wanted "${library%%:*}"; then
        [ -d "$here/libraries" ] && [ -n "$(ls "$here/libraries")" ] ||
            { echo "build.sh: ${library%%:*} is not there, and this bundle was made without libraries" >&2; exit 1; }
        echo "== ${library%%:*}"
        "${library##*:}" >"$here/${library##*:}.log" 2>&1 || { tail -n 20 "$here/${library##*:}.log" >&2; exit 1; }
    fi
done
echo "== quern"
cmake --fresh -S "$here/quern" -B "$work/quern" -DCMAKE_BUILD_TYPE=RelWithDebInfo '-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O3 -g -DNDEBUG' \
    -DBUILD_TESTING=OFF -DCMAKE_INSTALL_PREFIX="$prefix" >"$here/quern.log" 2>&1 &&
    cmake --build "$work/quern" -j "$cores" >>"$here/quern.log" 2>&1 &&
    cmake --install "$work/quern" --strip >>"$here/quern.log" 2>&1 || { tail -n 30 "$here/quern.log" >&2; exit 1; }
"$prefix/bin/quern" --version
echo "installed in $prefix; to use it: module use $prefix/share/quern/modulefiles, or PATH=$prefix/bin:\$PATH"
