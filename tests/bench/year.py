"""The months of tests/bench/year.sh: makes, reads and removes the logs of each, and prints the table.

usage: year.py QUERN FOLDER      FOLDER is filled, not emptied; settings are environment variables: year.sh --help

It ends with an error when a run parses other bytes than those of the month, when a second run parses anything, or when a day
is missing from the store. CPU seconds and memory are those of mpirun and all ranks, as the system counts them.
"""
import calendar
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

QUERN, TOP = sys.argv[1], pathlib.Path(sys.argv[2])
RANKS, MEMORY = os.environ.get('RANKS', '2'), os.environ.get('MEMORY', '128M')
QUERIES, DAYS = int(os.environ.get('QUERIES', '850000000')), int(os.environ.get('DAYS', '365'))
FIRST = datetime.date.fromisoformat(os.environ.get('FROM', '2022-01-01'))
END = FIRST + datetime.timedelta(days=DAYS)
CLIENTS, ACTIVE = os.environ.get('CLIENTS', '1400'), os.environ.get('ACTIVE', '400')
GZIP, WHOLE, JUDGE = os.environ.get('GZIP', '1'), os.environ.get('WHOLE') == '1', os.environ.get('JUDGE') == '1'
STORE = TOP / 'out/store'


def quern(*words):
    """(what it printed, wall seconds, CPU seconds, most memory of a process in bytes)."""
    start = time.perf_counter()
    command = ['mpirun', '-n', RANKS, QUERN, *map(str, words), '--quiet']
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    out = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit(f'year.py: failed: {" ".join(command)}')
    return out, time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f'year.py: {what}: {found}, and not {wanted}')


def months():
    """[first day, end) of each month, or of what of it is asked for."""
    day = FIRST
    while day < END:
        end = min(END, day.replace(day=calendar.monthrange(day.year, day.month)[1]) + datetime.timedelta(days=1))
        yield day, end
        day = end


def settings():
    (TOP / 'spec.yaml').write_text(
        f'seed: 4\nfrom: {FIRST}\ndays: {DAYS}\ntimezone: Asia/Tokyo\ncalendar: [datasets/calendar/jp.csv]\n'
        f'clients: {CLIENTS}\nactive: {ACTIVE}\nqueries: {QUERIES}\ngzip: {GZIP}\nattacks:\n'
        '  - {family: iodine, hosts: 2, hours: 2, rate: 2000}\n  - {family: txt_flood, hosts: 2, hours: 1}\n'
        '  - {family: dga, hosts: 2}\n  - {family: beacon, hosts: 2, hours: 8}\n')
    for name in ('out', 'whole'):
        (TOP / f'{name}.yaml').write_text(
            "archive:\n  sources:\n" + ''.join(
                f"    - {{paths: ['{TOP}/logs*/ns{i}'], resolver: ns{i}}}\n" for i in (1, 2)) +
            f"  timezone: Asia/Tokyo\nfeatures: {{calendar: [datasets/calendar/jp.csv]}}\n"
            f"limits: {{memory: {MEMORY}}}\noutput: {{dir: '{TOP}/{name}'}}\n")


def store_bytes():
    return sum(path.stat().st_size for path in STORE.glob('*.h5'))


def digest(name):
    return subprocess.run([QUERN, 'info', '--digest', TOP / name / 'store'], capture_output=True, text=True,
                          check=True).stdout.split()[0]


def table_line(name, *numbers):
    print('|', ' | '.join([name, *(f'{n:,.1f}' if isinstance(n, float) else f'{n:,}' for n in numbers)]), '|', flush=True)


def main():
    settings()
    total, spent, peak, made = [0] * 5, [0.0] * 3, 0, 0.0
    print('| month | queries | rows | text, MB | logs, MB | wall, s | CPU, s | MB/s | MB per CPU-second | peak of a rank, MB | '
          'store, MB | `log_bytes_parsed` | of a second run | its wall, s |')
    print('|---' + '|--:' * 13 + '|', flush=True)
    last = None
    for first, end in months():
        logs = TOP / f'logs-{first:%Y-%m}'
        if last and not WHOLE:
            shutil.rmtree(last)
        last = logs
        before = store_bytes()
        out, _, cpu, _ = quern('generate', TOP / 'spec.yaml', logs, '--from', first, '--to', end, '--json')
        text, made = json.loads(out)['bytes'], made + cpu
        stored = sum(path.stat().st_size for path in logs.glob('ns?/*'))
        out, wall, cpu, _ = quern('extract', TOP / 'out.yaml', '--json')
        answer = json.loads(out)
        expect('log_bytes_parsed', answer['log_bytes_parsed'], text)
        out, again_wall, _, _ = quern('extract', TOP / 'out.yaml', '--json')
        again = json.loads(out)
        expect('the second run parses, writes', (again['log_bytes_parsed'], again['shards_written']), (0, 0))
        expect('days in the store', len(list(STORE.glob('2*.h5'))), (end - FIRST).days)
        new = answer['rows'] - total[1] if 'rows' in answer else 0
        queries = answer['queries'] - (total[0] if WHOLE else 0)
        peak = max(peak, answer['peak_bytes'])
        for i, value in enumerate((queries, new, text, stored, store_bytes() - before)):
            total[i] += value
        for i, value in enumerate((wall, cpu, again_wall)):
            spent[i] += value
        table_line(f'{first:%Y-%m}', queries, new, text // 10**6, stored // 10**6, wall, cpu, text / wall / 1e6, text / cpu / 1e6,
                   answer['peak_bytes'] // 10**6, (store_bytes() - before) // 10**6, answer['log_bytes_parsed'],
                   again['log_bytes_parsed'], again_wall)
    table_line('all', total[0], total[1], total[2] // 10**6, total[3] // 10**6, spent[0], spent[1], total[2] / spent[0] / 1e6,
               total[2] / spent[1] / 1e6, peak // 10**6, total[4] // 10**6, total[2], 0, spent[2])
    expect('queries of all months', total[0], QUERIES)
    print(f'\nstore: {100 * total[4] / total[2]:.1f} % of the text; making the logs took {made:,.0f} CPU-seconds', flush=True)
    if WHOLE:
        quern('extract', TOP / 'whole.yaml')
        expect('digest of the store', digest('out'), digest('whole'))
        print(f'made at once, the store has the same digest {digest("whole")}')
    if JUDGE:
        print('\n| | wall, s | CPU, s | peak of a rank, MB |\n|---|--:|--:|--:|')
        for name, words in (('run', ['run']), ('score --model', ['score', '--stored', '--model', TOP / 'out/model.h5']),
                            ('decide', ['decide'])):
            _, wall, cpu, most = quern(*words, TOP / 'out.yaml')
            table_line(f'quern {name}', wall, cpu, most // 10**6)


if __name__ == '__main__':
    main()
