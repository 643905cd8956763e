#!/usr/bin/env bash
# record.sh - records quern's demo archive anew: real servers (BIND's named), real queries, in a network namespace of its
# own. usage: datasets/record.sh OUTDIR     needs root, and Debian's bind9 and iproute2, which it installs when missing
set -euo pipefail
case "${1:-}" in
'' | --help) sed -n '2,3s/^# //p' "$0"; [ "${1:-}" = --help ] && exit 0 || exit 2 ;;
esac
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
. "$here/../jobs/packages.sh"
need_packages bind9 iproute2 python3
work=$(mktemp -d)
space=quern-record-$$
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    ip netns del "$space" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
ip netns add "$space"
ip -n "$space" link set lo up
while read -r address; do
    case $address in
    *:*) ip -n "$space" addr add "$address/128" dev lo nodad ;;
    *) ip -n "$space" addr add "$address/32" dev lo ;;
    esac
done < <(/usr/bin/python3 "$here/record/record.py" addresses)
cp "$here/record/root.zone" "$work/"
start() { # NAME ADDRESS V6 CHANNEL-OPTIONS
    mkdir -p "$work/$1"
    cat >"$work/$1/named.conf" <<CONF
options {
    directory "$work/$1"; pid-file "$work/$1/named.pid"; listen-on { $2; }; listen-on-v6 { $3; };
    recursion no; dnssec-validation no; allow-query { !10.80.9.9; any; };
};
controls { };
zone "." { type primary; file "$work/root.zone"; check-names ignore; };
logging {
    channel all { file "$work/$1/queries.log"; $4 };
    category queries { all; }; category default { all; };
};
CONF
    ip netns exec "$space" named -f -c "$work/$1/named.conf" &
    pids+=($!)
}
start ns1 10.80.0.53 fd00:80::53 'print-time yes; print-category yes; print-severity yes;'
start ns2 10.80.0.54 fd00:80::54 'print-time iso8601;'
sleep 2
ip netns exec "$space" /usr/bin/python3 "$here/record/record.py" send "$work" "$out"
