#!/usr/bin/env bash
# parse.sh - libFuzzer on the parser, under ASan and UBSan; the genuine lines are the corpus.
# usage: tests/fuzz/parse.sh [SECONDS [FOLDER]]     300 seconds; what it finds and learns stays in FOLDER (build/fuzz)
# Needs clang-14 and libclang-rt-14-dev.
set -euo pipefail
case "${1:-}" in --help) sed -n '2,4s/^# //p' "$0"; exit 0 ;; esac
seconds=${1:-300}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=${2:-build/fuzz}
mkdir -p "$folder/corpus" "$folder/include/base" "$folder/include/parse"
ln -sf "$PWD"/src/base/*.h "$PWD"/src/base/*.def "$folder/include/base/"
ln -sf "$PWD"/src/parse/parse.h "$PWD"/src/parse/*.def "$folder/include/parse/"
clang-14 -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    -I "$folder/include" -iquote src/parse tests/fuzz/parse_fuzz.c src/parse/*.c \
    src/base/{zone,ip,error}.c -o "$folder/parse_fuzz"
# Two lines an input, every seventh pair: the first octet chooses a zone and a year.
for log in tests/data/bind-lines/*.log; do
    awk -v name="$folder/corpus/$(basename "$log")" \
        'NR % 7 < 2 { if (NR % 7 == 0 || NR == 1) { close(out); out = name "." NR; printf "3" > out }
                      if (out) print >> out }' "$log"
done
export ASAN_OPTIONS=strict_string_checks=1
exec "$folder/parse_fuzz" -max_total_time="$seconds" -max_len=4096 -timeout=5 -print_final_stats=1 \
    -artifact_prefix="$folder/" "$folder/corpus"
