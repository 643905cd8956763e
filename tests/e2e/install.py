#!/usr/bin/env python3
"""cmake --install: everything is there, and the installed program finds its data from any directory.

usage: install.py CMAKE BUILD
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CMAKE, BUILD = sys.argv[1:3]

JOB = '''archive:
  paths: [{archive}]
  timezone: Asia/Tokyo
  from: 2022-02-12
  to: 2022-02-13
features:
  calendar: [datasets/calendar/jp.csv]
output: {{dir: {out}}}
'''


def version():
    return (ROOT / 'CMakeLists.txt').read_text().split('project(quern VERSION ')[1].split()[0]


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)
        cls.elsewhere = cls.top / 'elsewhere'
        cls.elsewhere.mkdir()
        cls.prefix = cls.top / 'prefix'
        subprocess.run([CMAKE, '--install', BUILD, '--prefix', cls.prefix], check=True, stdout=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def quern(self, prefix, *words, cwd=None):
        env = {k: v for k, v in os.environ.items() if k != 'QUERN_DATA'}
        return subprocess.run([prefix / 'bin/quern', *words], cwd=cwd or self.elsewhere, env=env, text=True,
                              capture_output=True, timeout=120)

    def extract(self, prefix, name):
        job = self.elsewhere / f'{name}.yaml'
        job.write_text(JOB.format(archive=ROOT / 'datasets/demo/ns2', out=self.elsewhere / name))
        return self.quern(prefix, 'extract', '--json', job)

    def test_everything_is_there(self):
        found = {str(p.relative_to(self.prefix)) for p in self.prefix.rglob('*') if p.is_file()}
        share, doc = 'share/quern', 'share/doc/quern'
        expected = {'bin/quern', f'{share}/datasets/README.md', f'{share}/datasets/suffixes.dat', f'{share}/datasets/known.csv',
                    f'{share}/datasets/calendar/jp.csv', f'{share}/jobs/demo.yaml',
                    f'{doc}/README.md', f'{doc}/CHANGELOG.md', f'{doc}/LICENSE', 'share/man/man1/quern.1',
                    'share/bash-completion/completions/quern', f'{share}/modulefiles/quern/{version()}'}
        for top, to in ((ROOT / 'datasets/demo', f'{share}/datasets/demo'), (ROOT / 'docs', f'{doc}/docs'),
                        (ROOT / 'slurm', f'{share}/slurm')):
            expected |= {f'{to}/{p.relative_to(top)}' for p in top.rglob('*') if p.is_file()}
        self.assertEqual(found, expected)
        for script in ('train.sbatch', 'submit.sh'):
            self.assertTrue(os.access(self.prefix / 'share/quern/slurm' / script, os.X_OK))

    def test_data_is_found_from_any_directory_and_after_a_move(self):
        run = self.extract(self.prefix, 'first')
        self.assertEqual((run.returncode, run.stderr), (0, ''))
        self.assertGreater(json.loads(run.stdout)['queries'], 0)
        # Without the data the same job fails: what was found above is what was installed.
        moved = self.top / 'moved'
        self.prefix.rename(moved)
        try:
            again = self.extract(moved, 'second')
            self.assertEqual((again.returncode, again.stderr), (0, ''))
            (moved / 'share/quern/datasets/suffixes.dat').rename(self.top / 'suffixes.dat')
            without = self.extract(moved, 'third')
            self.assertEqual(without.returncode, 1)
            self.assertIn('cannot find the list of public suffixes', without.stderr)
            (self.top / 'suffixes.dat').rename(moved / 'share/quern/datasets/suffixes.dat')
        finally:
            moved.rename(self.prefix)

    def test_installed_demo_runs_where_it_lies(self):
        run = self.quern(self.prefix, 'extract', '--json', 'jobs/demo.yaml', '--set', f'output.dir={self.elsewhere}/demo',
                         '--set', 'archive.from=2022-02-12', '--set', 'archive.to=2022-02-13',
                         cwd=self.prefix / 'share/quern')
        self.assertEqual((run.returncode, run.stderr), (0, ''))
        self.assertEqual(json.loads(run.stdout)['shards_written'], 1)

    def test_version_is_the_projects(self):
        self.assertEqual(self.quern(self.prefix, '--version').stdout, f'quern {version()}\n')
        self.assertIn(f'## [{version()}]', (ROOT / 'CHANGELOG.md').read_text())


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
