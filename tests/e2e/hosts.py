#!/usr/bin/env python3
"""A run over three hosts, which are network namespaces with addresses of their own: the bits of one host; and a host
whose cable is cut ends the job with a message within a minute.

usage: hosts.py QUERN MPIEXEC

Needs root and Open MPI; where namespaces cannot be made it says why and exits 77.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUERN, MPIEXEC = sys.argv[1:3]
NET = ROOT / 'tests/netns-mpi.sh'
NAME = f'q{os.getpid() % 1000000}'
WITHIN_S = 60

JOB = '''archive: {{paths: [{root}/datasets/demo/ns2], timezone: Asia/Tokyo}}
features: {{calendar: [{root}/datasets/calendar/jp.csv]}}
model: {{kmeans: {{k: 4}}, autoencoder: {{epochs: 2}}}}
output: {{dir: {out}}}
'''


def net(*words, **more):
    return subprocess.run([NET, *map(str, words)], capture_output=True, text=True, timeout=120,
                          env=os.environ | {'NETNS_NAME': NAME}, **more)


def why_not():
    if os.geteuid() != 0:
        return 'network namespaces need root'
    if not shutil.which('ip'):
        return 'not installed: ip (Debian: iproute2)'
    version = subprocess.run([MPIEXEC, '--version'], capture_output=True, text=True).stdout
    if 'Open MPI' not in version and 'OpenRTE' not in version:
        return 'only for Open MPI'
    up = net('up', 3)
    return None if up.returncode == 0 else f'no network namespaces here: {up.stderr.strip()}'


def digests(out):
    return subprocess.run([QUERN, 'info', '--digest', 'store', 'model.h5', 'scores.h5'], cwd=out, capture_output=True,
                          text=True, check=True).stdout


def main(top):
    jobs = {}
    for name in ('one', 'three', 'cut'):
        jobs[name] = top / f'{name}.yaml'
        jobs[name].write_text(JOB.format(root=ROOT, out=top / name))
    subprocess.run([MPIEXEC, '-n', '2', QUERN, 'run', '--quiet', jobs['one']], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=120)
    ran = net('run', '-n', 3, QUERN, 'run', '--json', '--verbose', jobs['three'])
    assert ran.returncode == 0, ran.stderr
    assert '"ranks":3' in ran.stdout.replace(' ', ''), ran.stdout
    assert digests(top / 'three') == digests(top / 'one'), 'other bits over three hosts'
    # The names of the hosts reach a message: what one of them cannot write is told with it.
    failed = net('run', '-n', 3, QUERN, 'run', '--quiet', jobs['three'], '--set', 'output.dir=/proc/nowhere')
    assert failed.returncode == 1 and 'quern: rank 0 of 3 on h1 failed while beginning' in failed.stderr, failed.stderr
    # Cut while it trains, for longer than anybody waits.
    job = subprocess.Popen([NET, 'run', '-n', '3', QUERN, 'run', '--quiet', jobs['cut'], '--set',
                            'model.autoencoder.epochs=10000', '--set', 'model.autoencoder.hidden=[256,256]'],
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ | {'NETNS_NAME': NAME})
    try:
        ends = time.monotonic() + 120
        while not (top / 'cut/store/known.h5').exists():
            assert job.poll() is None and time.monotonic() < ends, 'over before it was cut'
            time.sleep(0.1)
        time.sleep(1)
        assert net('cut', 'h3').returncode == 0
        began = time.monotonic()
        told = job.communicate(timeout=WITHIN_S)[1]
    finally:
        job.kill()
    assert job.returncode != 0, told
    assert 'lost communication with' in told, told
    left = sorted(p.name for p in (top / 'cut').iterdir() if not p.name.startswith('.'))
    assert 'store' in left and not any('part-' in name for name in left), left
    print(f'the same bits over three hosts; a host was cut, and the job ended {time.monotonic() - began:.0f} s later with '
          f'status {job.returncode}: ' + ' '.join(line.strip() for line in told.splitlines() if 'lost comm' in line))


reason = why_not()
if reason:
    print(f'skipped: {reason}')
    sys.exit(77)
try:
    with tempfile.TemporaryDirectory(prefix='quern-hosts-') as folder:
        main(pathlib.Path(folder))
finally:
    net('down')
