#!/usr/bin/env python3
"""The demo job by two builds of quern, each with its own MPI: the digests of store, model and scores are the same.

usage: two_mpis.py QUERN MPIRUN OTHER_QUERN OTHER_MPIRUN
"""
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def digests(quern, mpirun, ranks, out):
    subprocess.run([mpirun, '-n', str(ranks), quern, 'run', 'jobs/demo.yaml', '--quiet', '--set', f'output.dir={out}',
                    '--set', f'store.dir={out}/store', '--set', 'archive.piece=64K', '--set', 'model.autoencoder.epochs=3'],
                   cwd=ROOT, check=True, timeout=300, stdout=subprocess.DEVNULL)
    files = sorted(out.glob('store/2*.h5')) + [out / 'model.h5', out / 'scores.h5']
    told = subprocess.run([quern, 'info', '--digest', *files], check=True, timeout=60, text=True, capture_output=True)
    return [line.split()[0] for line in told.stdout.splitlines()]


def main():
    quern, mpirun, other_quern, other_mpirun = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        expected = digests(quern, mpirun, 2, top / 'first')
        assert len(expected) > 3, expected
        for ranks in (1, 3):
            found = digests(other_quern, other_mpirun, ranks, top / f'other{ranks}')
            assert found == expected, f'{ranks} ranks of the other MPI: {found} and not {expected}'
    print(f'{len(expected)} files have the same digests by both MPIs')


if __name__ == '__main__':
    main()
