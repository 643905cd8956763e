#!/usr/bin/python3
"""Times readers of a log in turn and prints two tables: MB a second of processor time, and quern's nanoseconds by stage.

usage: log_table.py BYTES BASE [ROUNDS] < commands      a line a command: NAME, tab, COMMAND

CPU seconds are those of the command and of all that it waited for, start-up included; of a command that prints JSON with
mb_per_cpu_s (quern bench extract, which reads the log several times) its own figure is taken. Round r runs every command
once before round r + 1, so that a neighbour's load falls on all alike. A command that fails is left out, with its error.
"""
import json
import os
import statistics
import subprocess
import sys
import time


def run(command, megabytes):
    """(MB per CPU-second, MB per second, stages or None), or the error as text."""
    start = time.perf_counter()
    child = subprocess.Popen(['bash', '-c', command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             stdin=subprocess.DEVNULL)
    out, err = child.stdout.read(), child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status):
        return (err.strip().splitlines() or ['failed'])[-1]
    if out.lstrip().startswith('{'):
        found = json.loads(out)
        return found['mb_per_cpu_s'], found['mb_per_s'], found['ns_per_line']
    return megabytes / (used.ru_utime + used.ru_stime), megabytes / wall, None


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    megabytes, base, rounds = int(sys.argv[1]) / 1e6, sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 3
    rows = [line.rstrip('\n').split('\t') for line in sys.stdin if line.strip()]
    found, failed = {name: [] for name, _ in rows}, {}
    for _ in range(rounds):
        for name, command in rows:
            if name in failed:
                continue
            figures = run(command, megabytes)
            if isinstance(figures, str):
                failed[name] = figures
            else:
                found[name].append(figures)
    rows = [name for name, _ in rows if name not in failed]

    def median(name, at):
        return statistics.median(figures[at] for figures in found[name])

    print(f'| {megabytes:.0f} MB | MB per CPU-second | MB/s | times {base}, CPU |\n|---|--:|--:|--:|')
    for name in rows:
        ratio = f'{median(name, 0) / median(base, 0):.3f}' if base in rows else '-'
        print(f'| {name} | {median(name, 0):,.0f} | {median(name, 1):,.0f} | {ratio} |')
    staged = [name for name in rows if found[name][0][2]]
    if staged:
        stages = list(found[staged[0]][0][2])
        print('\n| ns a line | ' + ' | '.join(stages) + ' |\n|---|' + '--:|' * len(stages))
        for name in staged:
            values = [statistics.median(figures[2][stage] for figures in found[name]) for stage in stages]
            print(f'| {name} | ' + ' | '.join(f'{value:.1f}' for value in values) + ' |')
    for name, fault in failed.items():
        print(f'\nleft out: {name}: {fault[:200]}')


main()
