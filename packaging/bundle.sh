#!/usr/bin/env bash
# bundle.sh - quern and the libraries that clusters often lack as one file of source, which builds without network or root.
# usage: packaging/bundle.sh [--bare] [FILE.tar.gz]      quern-VERSION-bundle.tar.gz in this folder when left out
#   --bare  quern alone, without the libraries: nothing is fetched then
# Libraries are fetched once, here, as Debian's source packages (apt-get, with lists of its own: no root, no change to the
# system), and checked by apt's signatures: libyaml, xxHash, ISA-L, and nasm, which ISA-L is built with. On the cluster:
#   tar xf quern-*-bundle.tar.gz && cd quern-*-bundle && ./build.sh ~/quern
# There must be a C compiler, CMake 3.25, make, pkg-config, an MPI, a parallel HDF5 and OpenSSL (libcrypto): modules.
set -euo pipefail
bare=
case ${1:-} in
--help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
--bare) bare=1; shift ;;
-*) echo "bundle.sh: unknown option $1" >&2; exit 2 ;;
esac
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
version=$(sed -n 's/^project(quern VERSION \([0-9.]*\).*/\1/p' "$top/CMakeLists.txt")
name=quern-$version-bundle
file=$(realpath -m "${1:-$name.tar.gz}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/$name/libraries" "$work/$name/quern"
# What git keeps; of an unpacked tree without git, all but what was built.
if git -C "$top" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git -C "$top" ls-files -z | tar -C "$top" --null -T - -cf - | tar -C "$work/$name/quern" -xf -
else
    tar -C "$top" --exclude=./build --exclude=./out -cf - . | tar -C "$work/$name/quern" -xf -
fi
install -m 755 "$here/bundle-build.sh" "$work/$name/build.sh"

if [ -z "$bare" ]; then
    mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial"
    echo "deb-src ${QUERN_DEBIAN:-http://deb.debian.org/debian} bookworm main" >"$work/apt/sources.list"
    apt=(apt-get -qq -o "Dir::Etc::sourcelist=$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt" -o "APT::Sandbox::User=$(id -un)")
    "${apt[@]}" update
    (cd "$work/$name/libraries" && "${apt[@]}" source --download-only libyaml xxhash libisal nasm >/dev/null)
    rm -f "$work/$name"/libraries/*.dsc "$work/$name"/libraries/*.debian.tar.* "$work/$name"/libraries/*.asc
    [ "$(find "$work/$name/libraries" -name '*.orig.tar.*' | wc -l)" = 4 ] ||
        { echo "bundle.sh: not all of the libraries came" >&2; exit 1; }
fi
tar -C "$work" --owner=0 --group=0 --sort=name -czf "$file.part" "$name"
mv "$file.part" "$file"
echo "$file"
