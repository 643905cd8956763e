#!/usr/bin/env bash
# submit.sh - look at a job's logs, propose nodes, memory and time, and submit it.
# usage: slurm/submit.sh [-y | -n] JOB.yaml [SCRIPT [OPTION…]]
#   SCRIPT  train.sbatch beside this file when left out; OPTION…: for quern run, such as --quiet
#   -y      submit without asking;  -n  print the command only
# Runs `quern check`, which reads samples of the logs, for 1, 2, 4, … ranks until the job takes less than an hour (MINUTES=60)
# or more ranks gain little, at most as many as the partition has CPUs. Ends with check's status when that fails.
set -euo pipefail

usage() { sed -n '3,5s/^# \{0,1\}//p' "$0"; }
how=ask
case ${1:-} in
--help) usage; exit 0 ;;
-y) how=yes; shift ;;
-n) how=no; shift ;;
esac
[ $# -ge 1 ] && [[ $1 != -* ]] || { usage >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
quern=${QUERN:-build/release/quern}
job=$1
script=${2:-$here/train.sbatch}
shift $(($# > 1 ? 2 : 1))

# The largest nodes of the default partition: CPUs and MB of each, and how many.
read -r nodes cpus memory < <(sinfo -h -o '%D %c %m %P' | tr -d + | awk '
    $4 ~ /\*$/ && ($2 > c || ($2 == c && $3 > m)) { c = $2; m = $3; n = 0 }
    $4 ~ /\*$/ && $2 == c && $3 == m { n += $1 }
    END { print n, c, m }')
[ "${cpus:-0}" -gt 0 ] || { echo "submit.sh: sinfo tells no node of a default partition" >&2; exit 1; }

ask() { # ask RANKS: sets ranks, mb (of all ranks) and minutes that check proposes
    local line hours rest
    line=$("$quern" check "$job" --ranks "$1") || return
    [ -n "${told:-}" ] || { told=1; echo "$line" | sed '/^split over/,$d'; }
    line=$(sed -n 's/^slurm  *--ntasks=\([0-9]*\) --mem=\([0-9]*\)M --time=\([0-9]*\):\([0-9]*\):.*/\1 \2 \3 \4/p' <<<"$line")
    read -r ranks mb hours rest <<<"$line"
    minutes=$((10#$hours * 60 + 10#$rest))
}

ask 1 || exit
best="$ranks $mb $minutes"
for ((try = 2; try <= nodes * cpus && minutes > ${MINUTES:-60}; try *= 2)); do
    before=$minutes
    ask "$try" || exit
    ((minutes * 5 <= before * 4)) || break
    best="$ranks $mb $minutes"
done
read -r ranks mb minutes <<<"$best"
# As few nodes as have the CPUs, and the memory.
wanted=$(((ranks + cpus - 1) / cpus))
while ((wanted < nodes && (ranks + wanted - 1) / wanted * (mb / ranks) > memory)); do
    wanted=$((wanted + 1))
done
each=$(((ranks + wanted - 1) / wanted))
((each * (mb / ranks) <= memory)) ||
    echo "submit.sh: a node has $memory MB; $each ranks want $((each * (mb / ranks))): try store.parts, or other nodes" >&2
command=(sbatch --nodes="$wanted" --ntasks-per-node="$each" --mem-per-cpu="$((mb / ranks + 1))M"
    --time="$((minutes / 60)):$(printf %02d $((minutes % 60))):00" "$script" "$job" "$@")
printf '\n%q' "${command[0]}"
printf ' %q' "${command[@]:1}"
echo
if [ "$how" = ask ]; then
    [ -t 0 ] || exit 0
    read -r -p 'Submit it? [y/N] ' answer
    [[ $answer =~ ^[yYjJ] ]] && how=yes
fi
[ "$how" != yes ] || "${command[@]}"
