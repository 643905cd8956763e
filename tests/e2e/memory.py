#!/usr/bin/env python3
"""Peak memory of extract (getrusage) against the formula of docs/archive.md, at two lengths of an archive: memory.py QUERN."""
import json
import pathlib
import subprocess
import sys
import tempfile

QUERN = sys.argv[1]
LIMIT = 8 << 20
LINES = 12000  # a day


def write(path, days, lines):
    with open(path, 'w') as file:
        for day in range(days):
            for i in range(lines):
                second = i * 86400 // lines
                name = f'n{i * 7919 % 20011}.d{i % 1499}.example'
                file.write(f'{day + 1:02d}-Feb-2022 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000 queries: info: '
                           f'client @0x7f00 10.0.{i % 7}.{i * i % 251}#1024 ({name}): query: {name} IN A +E(0)K (10.1.0.53)\n')


def extract(top, days, lines, limit):
    out = top / f'{days}-{lines}-{limit}'
    log = top / f'{days}-{lines}.log'
    if not log.exists():
        write(log, days, lines)
    (top / 'job.yaml').write_text(f'archive: {{paths: [{log}], timezone: UTC}}\noutput: {{dir: {out}}}\n')
    ran = subprocess.run([QUERN, 'extract', top / 'job.yaml', '--json', '--quiet', '--set', f'limits.memory={limit}'],
                         capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    file = max(path.stat().st_size for path in (out / 'store').glob('2*.h5'))
    digest = subprocess.run([QUERN, 'info', '--digest', out / 'store'], capture_output=True, text=True, check=True).stdout.split()[0]
    return json.loads(ran.stdout)['peak_bytes'], file, digest


with tempfile.TemporaryDirectory() as folder:
    top = pathlib.Path(folder)
    base, _, _ = extract(top, 1, 10, LIMIT)
    short, file, _ = extract(top, 3, LINES, LIMIT)
    long, _, digest = extract(top, 27, LINES, LIMIT)
    whole, _, same = extract(top, 27, LINES, '2G')
    print(f'one line a day {base:,}, 3 days {short:,}, 27 days {long:,}, 27 days without a limit {whole:,}')
    for limit, peak in (LIMIT, long), ('2G', whole):
        check = json.loads(subprocess.run([QUERN, 'check', top / 'job.yaml', '--json', '--set', f'limits.memory={limit}',
                                           '--set', f'output.dir={top}/nowhere'], capture_output=True, text=True, check=True).stdout)
        assert not check['exact'], 'make the archive longer: of a short one nothing is estimated'
        # Rows are for training, which extract does not do.
        assert peak <= check['memory_bytes'] <= max(2 * peak, 60_000_000 + 900 * check['rows']), (limit, peak, check)
    assert digest == same, 'memory changes what is stored'
    assert long <= 1.1 * short, 'memory grows with the archive'
    # The program and its buffers; tallies and what they are packed and merged into, or the day's file with its largest column.
    formula = base + (20 << 20) + max(LIMIT * 11 // 5, file + LINES * (39 + 24))
    assert long <= formula, f'more than the formula says, {formula:,}'
    assert whole > formula, 'the formula would hold with all days in memory: make the archive longer'
