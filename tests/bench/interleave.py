#!/usr/bin/python3
"""Times commands against each other in turn and prints a table: medians, ratios, by wall clock and by CPU time.

usage: interleave.py KEY BASE [ROUNDS [MORE,...]] < commands      a line a command: NAME, tab, COMMAND

A command prints a JSON object with KEY and, by CPU time, cpu_KEY or what CPU_KEYS names for it. ms_… is better when it
is less, …_per_s when it is more. Round r runs every command once before round r + 1, so that a neighbour's load falls
on all alike. MORE are further keys to show; of inertia it is how far it lies above BASE's. A command that fails is left
out, with its error.
"""
import json
import statistics
import subprocess
import sys

CPU_KEYS = {'ms_per_iteration': 'cpu_ms_per_iteration', 'ms_to_end': 'cpu_ms_to_end',
            'samples_per_s': 'samples_per_cpu_s'}


def run(command):
    """The figures that a command prints last, or its error."""
    done = subprocess.run(['bash', '-c', command], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ['failed'])[-1]
    try:
        return json.loads(done.stdout[done.stdout.index('{'):]), None
    except ValueError:
        return None, 'printed no JSON'


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    key, base, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 3
    more = sys.argv[4].split(',') if len(sys.argv) > 4 else ['peak_share']
    rows = [line.rstrip('\n').split('\t') for line in sys.stdin if line.strip()]
    figures, failed = {name: [] for name, _ in rows}, {}
    for _ in range(rounds):
        for name, command in rows:
            if name not in failed:
                found, fault = run(command)
                if fault:
                    failed[name] = fault
                else:
                    figures[name].append(found)

    def median(name, what):
        values = [f[what] for f in figures[name] if what in f]
        return statistics.median(values) if values else None

    def ratio(name, what):
        mine, other = median(name, what), median(base, what) if figures.get(base) else None
        if not mine or not other:
            return '-'
        return f'{other / mine:.2f}' if key.startswith('ms') else f'{mine / other:.2f}'

    def shown(name, what):
        value = median(name, what)
        if value is None:
            return ''
        if what == 'peak_share':
            return f'{value:.0%}'
        if what == 'inertia':
            return f'{value / median(base, what) - 1:+.1e}' if figures.get(base) else f'{value:.6g}'
        return f'{value:,.0f}'

    cpu = CPU_KEYS[key]
    digits = 2 if key == 'ms_per_iteration' else 0
    heads = ['share of the limit' if what == 'peak_share' else what for what in more]
    print(f'| | {key} | {cpu} | times {base}, wall | times {base}, CPU | {" | ".join(heads)} |')
    print('|---|' + '--:|' * (4 + len(more)))
    for name, _ in rows:
        if name in failed or not figures[name]:
            continue
        print(f'| {name} | {median(name, key):,.{digits}f} | {median(name, cpu) or 0:,.{digits}f} | {ratio(name, key)} '
              f'| {ratio(name, cpu)} | {" | ".join(shown(name, what) for what in more)} |')
    for name, fault in failed.items():
        print(f'\nleft out: {name}: {fault[:200]}')


main()
