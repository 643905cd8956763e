#!/usr/bin/env python3
"""A job that is killed or stopped at random moments, and goes on each time at another number of ranks, ends in the
bits of a job that nobody disturbed.

usage: kills.py QUERN MPIEXEC [KILLS [SEED]]

KILLS are SIGKILLs of one rank, besides stops by SIGUSR1 or SIGTERM of one rank, a third as many. Their count is
printed.
"""
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUERN, MPIEXEC = sys.argv[1:3]
KILLS = int(sys.argv[3]) if len(sys.argv) > 3 else 4
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(10 ** 6)
RANKS = 1, 2, 3, 5
HUNG_S = 240


def lines():
    """Twelve clients over eight days, by the clock."""
    for day in range(7, 15):
        for hour in range(24):
            for second in range(0, 3600, 40):
                client = (second // 40 * 7 + hour) % 12 + 1
                name = f'host{second % 37}.site{(second + client) % 15}.example'
                yield (f'{day:02d}-Feb-2022 {hour:02d}:{second // 60:02d}:{second % 60:02d}.000 queries: info: client '
                       f'@0x7f00 10.80.7.{client}#1024 ({name}): query: {name} IN A +E(0)K (10.80.0.53)\n')


class Job:
    def __init__(self, top):
        self.top = top
        self.environment = {**os.environ, 'QUERN_CHECKPOINT_S': '0.01'}
        (top / 'logs').mkdir()
        (top / 'logs' / 'queries.log').write_text(''.join(lines()))

    def start(self, name, ranks, *words):
        path = self.top / f'{name}.yaml'
        path.write_text(f'archive: {{paths: [{self.top}/logs], timezone: Asia/Tokyo, piece: 64K}}\n'
                        f'features: {{calendar: [{ROOT}/datasets/calendar/jp.csv]}}\n'
                        'model: {kmeans: {k: 48}, autoencoder: {epochs: 400, batch: 64, hidden: [192, 12, 192], nets: 5}}\n'
                        f'output: {{dir: {self.top / name}}}\n')
        return subprocess.Popen([MPIEXEC, '-n', str(ranks), QUERN, 'run', str(path), '--json', *words], env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def digests(self, name):
        out = self.top / name
        ran = subprocess.run([QUERN, 'info', '--digest', out / 'store', out / 'model.h5', out / 'scores.h5'],
                             capture_output=True, text=True, check=True)
        return [line.split()[0] for line in ran.stdout.splitlines()]


def ranks_of(process):
    """The process numbers of mpirun's ranks."""
    found = []
    for entry in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            fields = (entry / 'stat').read_text().rsplit(') ', 1)
        except OSError:
            continue
        if fields[0].endswith('(quern') and int(fields[1].split()[1]) == process.pid:
            found.append(int(entry.name))
    return found


def disturb(process, wait_s, number, dice):
    """Sends a signal to one rank after some time. Returns whether there was one left."""
    until = time.monotonic() + wait_s
    while time.monotonic() < until and process.poll() is None:
        time.sleep(0.005)
    ranks = ranks_of(process)
    if not ranks or process.poll() is not None:
        return False
    try:
        os.kill(dice.choice(ranks), number)
    except ProcessLookupError:
        return False
    return True


def check_foreign(job):
    """A checkpoint that other settings left is told and passed over."""
    killed = job.start('foreign', 2)
    while not (job.top / 'foreign/checkpoint.h5').exists() and killed.poll() is None:
        time.sleep(0.005)
    assert disturb(killed, 0, signal.SIGKILL, random.Random(1)), 'over before its first checkpoint'
    killed.communicate(timeout=HUNG_S)
    words = '--set', 'model.autoencoder.epochs=2'
    for name, told in (('foreign', True), ('fresh', False)):
        process = job.start(name, 2, *words)
        text = process.communicate(timeout=HUNG_S)[0]
        assert process.returncode == 0, text
        assert ('model.autoencoder.epochs=400, here model.autoencoder.epochs=2; training starts anew' in text) == told, text
        assert not (job.top / name / 'checkpoint.h5').exists()
    assert job.digests('foreign') == job.digests('fresh')


def main():
    dice = random.Random(SEED)
    print(f'seed {SEED}', flush=True)
    with tempfile.TemporaryDirectory() as folder:
        job = Job(pathlib.Path(folder))
        began = time.monotonic()
        whole = job.start('whole', 2)
        text = whole.communicate(timeout=HUNG_S)[0]
        assert whole.returncode == 0, text
        span_s = time.monotonic() - began
        expected = job.digests('whole')
        kills = stops = rounds = went_on = 0
        while kills < KILLS or stops < (KILLS + 2) // 3:
            name = f'round{rounds}'
            number = signal.SIGKILL if kills < KILLS else dice.choice([signal.SIGUSR1, signal.SIGTERM])
            is_fresh = not (job.top / name).exists()
            went_on += (job.top / name / 'checkpoint.h5').exists()
            began = time.monotonic()
            process = job.start(name, dice.choice(RANKS))
            sent = disturb(process, dice.uniform(0.1, 1.0) * span_s, number, dice)
            text = process.communicate(timeout=HUNG_S)[0]
            if process.returncode == 0:  # it was done before, or the signal came behind its last step
                assert job.digests(name) == expected, f'{name}: other bits\n{text}'
                rounds += 1
                assert rounds < 30 + 10 * KILLS, 'the job is always done before the signal'
                if is_fresh:  # the machine may be less busy than when the first job ran
                    span_s = min(span_s, time.monotonic() - began)
            elif number == signal.SIGKILL:
                assert sent, text
                kills += 1
            elif process.returncode == 128 + number:
                continue  # it came before quern could note it, while MPI was starting
            else:
                assert sent and process.returncode == 75, f'exit {process.returncode}\n{text}'
                assert 'run the same job again' in text, text
                stops += 1
        process = job.start(f'round{rounds}', dice.choice(RANKS))
        text = process.communicate(timeout=HUNG_S)[0]
        assert process.returncode == 0, text
        assert job.digests(f'round{rounds}') == expected, f'other bits\n{text}'
        assert not (job.top / f'round{rounds}' / 'checkpoint.h5').exists()
        check_foreign(job)
        print(f'{kills} kills and {stops} stops in a job of {span_s:.1f} s, {rounds + 1} times to the end, {went_on} '
              f'times from a checkpoint: the same bits each time, {" ".join(expected)}')


main()
