"""The same store from every level of instructions and every cut into pieces: extract_same.py QUERN MPIEXEC.

The demo's logs and the hard archive of tests/reference, both as plain files so that they can be cut; levels that this
machine lacks are left out. The one reference is one rank, plain C, one piece a file.
"""
import gzip
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/reference'))
import hard_archive  # noqa: E402

QUERN, MPIEXEC = sys.argv[1:3]
# level, size of a piece, ranks
RUNS = [('plain', '1G', 1), ('avx512', '1G', 1), ('avx2', '37K', 1), ('plain', '16K', 1), ('avx512', '5K', 3), ('avx2', '1M', 2)]


def has_level(level):
    words = pathlib.Path('/proc/cpuinfo').read_text().split() if os.path.exists('/proc/cpuinfo') else []
    return level == 'plain' or {'avx2': 'avx2', 'avx512': 'avx512bw'}[level] in words


def digest(folder, job, level, piece, ranks):
    store = folder / 'store'
    subprocess.run(['rm', '-rf', str(store)], check=True)
    command = [MPIEXEC, '-n', str(ranks), QUERN, 'extract', str(job), '--quiet', '--set', f'store.dir={store}', '--set',
               f'archive.piece={piece}']
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env={**os.environ, 'QUERN_SIMD': level})
    return subprocess.run([QUERN, 'info', '--digest', str(store)], check=True, capture_output=True, text=True).stdout.split()[0]


def plain_copies(source, target):
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        data = path.read_bytes()
        (target / path.name.removesuffix('.gz')).write_bytes(gzip.decompress(data) if path.suffix == '.gz' else data)
    return target


def demo_job(folder):
    sources = [f'    - {{paths: [{plain_copies(ROOT / "datasets/demo" / ns, folder / ns)}], resolver: {ns}, timezone: Asia/Tokyo}}'
               for ns in ('ns1', 'ns2')]
    job = folder / 'demo.yaml'
    job.write_text('\n'.join(['archive:', '  sources:', *sources, '  timezone: Asia/Tokyo', '  clients: [10.0.0.0/8, "fd00::/8"]',
                              'features:', f'  suffixes: {ROOT / "datasets/suffixes.dat"}',
                              f'output: {{dir: {folder / "out"}}}']) + '\n')
    return job


def hard_job(folder):
    packed = folder / 'packed'
    packed.mkdir()
    spec = hard_archive.write(packed)
    logs = plain_copies(packed, folder / 'logs')
    sources = [f'    - {{paths: [{logs / pathlib.Path(source["paths"][0]).stem}], resolver: {source["resolver"]}, '
               f'timezone: {source["timezone"]}}}' for source in spec['sources']]
    job = folder / 'hard.yaml'
    job.write_text('\n'.join(['archive:', '  sources:', *sources, '  timezone: UTC', f'  from: {spec["from"]}', f'  to: {spec["to"]}',
                              f'  ipv6_prefix: {spec["ipv6_prefix"]}', f'  clients: ["{spec["clients"][0]}", "{spec["clients"][1]}"]',
                              'store: {parts: 4}', 'features:', f'  timezone: {spec["features_timezone"]}',
                              f'  window: {spec["window_s"]}s', f'  unit: {spec["unit_s"]}s',
                              f'  suffixes: {ROOT / "datasets/suffixes.dat"}', f'output: {{dir: {folder / "out"}}}']) + '\n')
    return job


def main():
    runs = [run for run in RUNS if has_level(run[0])]
    for make in (demo_job, hard_job):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            job = make(folder)
            digests = {run: digest(folder, job, *run) for run in runs}
            for run, value in digests.items():
                if value != digests[runs[0]]:
                    sys.exit(f'{job.name}: {value} with {run}, {digests[runs[0]]} with {runs[0]}')
            print(f'{job.name}: {digests[runs[0]]} in {len(runs)} runs')


main()
