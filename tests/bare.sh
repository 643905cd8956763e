#!/usr/bin/env bash
# bare.sh - the Debian package on a bare machine: a fresh Debian, what the package depends on, dpkg -i, and the demo job by a
# user without rights there. usage: tests/bare.sh BUILD [SUITE] [--help]      SUITE: bookworm when left out
# BUILD is a folder of a release build. Compares the digests with those of BUILD's own program. Needs root, debootstrap and a
# Debian mirror (QUERN_DEBIAN), 1.5 GB in TMPDIR and some minutes; where it may not run it says why and exits 77.
set -euo pipefail
case "${1:---help}" in
--help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
esac
if [ "${QUERN_BARE:-}" != inside ]; then # mounts end with this namespace, however it ends
    [ "$(id -u)" -eq 0 ] || { echo "skipped: a chroot needs root"; exit 77; }
    command -v debootstrap >/dev/null || { echo "skipped: debootstrap is not installed"; exit 77; }
    unshare --mount true 2>/dev/null || { echo "skipped: this container may not mount"; exit 77; }
    exec env QUERN_BARE=inside unshare --mount --propagation private "$0" "$@"
fi
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(realpath "$1")
suite=${2:-bookworm}
work=$(mktemp -d)
trap 'cd /; umount -R "$work"/root/{proc,sys,dev} 2>/dev/null; rm -rf --one-file-system "$work"' EXIT
root=$work/root
say() { echo "== $*"; }
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
as_user() { inside su - somebody -s /bin/bash -c "$*"; }

say "a bare Debian: $suite"
debootstrap --variant=minbase "$suite" "$root" "${QUERN_DEBIAN:-http://deb.debian.org/debian}" >"$work/debootstrap.log" ||
    { tail -5 "$work/debootstrap.log"; exit 1; }
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/dev/shm"
cp /etc/resolv.conf "$root/etc/resolv.conf"
inside useradd --create-home somebody

say "the package"
(cd "$work" && cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work" >/dev/null)
package=("$work"/quern_*.deb)
cp "${package[0]}" "$root/root/quern.deb"
inside dpkg -i /root/quern.deb >"$work/dpkg.log" 2>&1 && { echo "it asks for nothing"; exit 1; }
grep -q 'depends on libopenmpi' "$work/dpkg.log" # which a bare machine does not have
inside dpkg --purge quern >/dev/null 2>&1
depends=$(dpkg-deb -f "${package[0]}" Depends | sed 's/ *([^)]*)//g; s/ *|[^,]*//g; s/,/ /g')
inside apt-get -qq update
# shellcheck disable=SC2086 # names of packages
inside apt-get -qq install -y --no-install-recommends $depends >/dev/null 2>&1
inside dpkg -i /root/quern.deb
inside dpkg --audit | grep . && exit 1

say "what it brings"
for file in /usr/share/man/man1/quern.1 /usr/share/bash-completion/completions/quern /usr/share/quern/jobs/demo.yaml \
    /usr/share/quern/slurm/submit.sh /usr/share/doc/quern/docs/cluster.md; do
    inside dpkg -L quern | grep -x "$file\(.gz\)\?"
    [ -s "$root$file" ] || [ -s "$root$file.gz" ]
done
# shellcheck disable=SC2016 # for the shell inside
as_user 'compopt() { :; }; . /usr/share/bash-completion/completions/quern; COMP_WORDS=(quern extr); COMP_CWORD=1; _quern
    [ "${COMPREPLY[*]}" = extract ]'

say "quern run on the demo job"
as_user 'quern --version && cp -r /usr/share/quern/datasets /usr/share/quern/jobs . && OMPI_MCA_rmaps_base_oversubscribe=1 \
    mpirun -n 2 quern run --quiet jobs/demo.yaml && quern show out/demo 10.80.7.41 | head -3
    quern info --digest out/demo/store out/demo/model.h5 out/demo/scores.h5 | cut -d" " -f1 >digests'
(cd "$top" && "$build/quern" run --quiet jobs/demo.yaml --set "output.dir=$work/here" >/dev/null)
"$build/quern" info --digest "$work"/here/{store,model.h5,scores.h5} | cut -d' ' -f1 >"$work/digests"
diff "$root/home/somebody/digests" "$work/digests"
say "the same digests as here: $(tr '\n' ' ' <"$work/digests")"
