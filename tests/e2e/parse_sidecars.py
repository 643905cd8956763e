#!/usr/bin/env python3
"""Every row of every sidecar in tests/data/bind-lines against `quern parse --tsv`.

usage: parse_sidecars.py QUERN [FOLDER]

Flags compare as a set. A file whose zone its README does not know (public-lines) has no utc_ms to compare.
"""
import pathlib
import re
import subprocess
import sys

NAMES = ('line kind time utc_ms client port key view qname qname_lc qname_wire class type type_num flags ecs server '
         'server_port rcode counts').split()


def zone_of(stem):
    if '-berlin-' in stem:
        return 'Europe/Berlin'
    return 'America/St_Johns' if '-stjohns-' in stem else 'Asia/Tokyo'


def rows_of(text):
    return [line.split('\t') for line in text.split('\n')[1:] if line]


def flag_set(text):
    return set(re.findall(r'E\(\d+\)|.', text))


def differences(log, expected, found):
    for name, want, got in zip(NAMES, expected, found):
        # Published lines: nobody knows their zone, and the times of two were not typed.
        if log == 'public-lines' and name in ('time', 'utc_ms') and want == '':
            continue
        if name == 'flags' and flag_set(want) == flag_set(got):
            continue
        if want != got:
            yield name, want, got


def main():
    quern = sys.argv[1]
    folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parents[1] / 'data/bind-lines')
    files, rows, faults = 0, 0, 0
    for log in sorted(folder.glob('*.log')):
        sidecar = log.with_suffix('.tsv').read_bytes().decode('latin-1')
        ran = subprocess.run([quern, 'parse', '--tsv', '--timezone', zone_of(log.stem), '--year', '2026', log],
                             capture_output=True, check=True)
        expected, found = rows_of(sidecar), rows_of(ran.stdout.decode('latin-1'))
        files += 1
        rows += len(expected)
        if len(expected) != len(found):
            print(f'{log.name}: {len(found)} rows, expected {len(expected)}')
            faults += 1
        for want, got in zip(expected, found):
            for name, value, other in differences(log.stem, want, got):
                faults += 1
                if faults < 60:
                    print(f'{log.name}:{want[0]}: {name} is {other[:80]!r}, expected {value[:80]!r}')
    print(f'{files} files, {rows} rows, {faults} differences')
    return 1 if faults or rows < 2000 else 0


if __name__ == '__main__':
    sys.exit(main())
