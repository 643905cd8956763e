#!/usr/bin/env python3
"""The Debian package: what it holds, what it asks for, and that what lies in it runs the demo job; the man page, the
completion and the modulefile that come with it.

usage: package.py CPACK BUILD
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CPACK, BUILD = sys.argv[1:3]


def output(*words, **more):
    return subprocess.run(words, check=True, text=True, capture_output=True, timeout=300, **more).stdout


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)
        output(CPACK, '-G', 'DEB', '--config', f'{BUILD}/CPackConfig.cmake', '-B', cls.top)
        cls.deb, = cls.top.glob('quern_*.deb')
        cls.root = cls.top / 'root'
        output('dpkg-deb', '-x', cls.deb, cls.root)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_it_asks_for_what_it_links(self):
        depends = output('dpkg-deb', '-f', self.deb, 'Depends')
        for name in ('libc6', 'libhdf5-openmpi-103', 'libopenmpi3', 'libyaml-0-2', 'libisal2', 'openmpi-bin', 'tzdata'):
            self.assertRegex(depends, rf'\b{re.escape(name)}\b')

    def test_what_lies_in_it_runs_the_demo_job(self):
        quern, out = self.root / 'usr/bin/quern', self.top / 'out'
        # Libraries come from where Debian has them, never from where quern was built.
        found = re.findall(r'RUNPATH +(\S+)', output('objdump', '-p', quern))
        self.assertEqual([at for line in found for at in line.split(':') if not at.startswith('/usr/lib/')], [])
        env = {k: v for k, v in os.environ.items() if k != 'QUERN_DATA'}
        told = output(quern, 'run', 'jobs/demo.yaml', '--quiet', '--set', f'output.dir={out}',
                      '--set', 'model.autoencoder.epochs=2', cwd=self.root / 'usr/share/quern', env=env)
        self.assertIn('scores.h5', told)
        self.assertTrue((out / 'scores.h5').is_file())

    def test_source_bundle_has_all_that_git_keeps(self):
        bundle = self.top / 'bundle.tar.gz'
        output(ROOT / 'packaging/bundle.sh', '--bare', bundle)
        names = output('tar', 'tzf', bundle).split('\n')
        found = {name.split('/quern/', 1)[1] for name in names if '/quern/' in name and not name.endswith('/')}
        self.assertIn('CMakeLists.txt', found)
        self.assertTrue(any(re.fullmatch(r'quern-[\d.]+-bundle/build.sh', name) for name in names))
        git = subprocess.run(['git', 'ls-files'], cwd=ROOT, capture_output=True, text=True)
        if git.returncode == 0:
            self.assertEqual(found, set(git.stdout.splitlines()))
        wrong = subprocess.run([ROOT / 'packaging/bundle-build.sh'], capture_output=True, text=True)
        self.assertEqual(wrong.returncode, 2)
        self.assertIn('usage: ./build.sh [--all] PREFIX', wrong.stderr)

    def test_man_page(self):
        page = self.root / 'usr/share/man/man1/quern.1'
        bare = output('man', '--warnings', '-l', '-Tutf8', page, env={**os.environ, 'MANWIDTH': '120', 'LC_ALL': 'C.UTF-8'})
        text = re.sub('.\x08|\x1b\\[[0-9;]*m', '', bare)
        told = output(self.root / 'usr/bin/quern', '--help')
        commands = re.findall(r'^  (\w+) ', told, flags=re.M)
        self.assertGreater(len(commands), 10)
        for command in commands:
            self.assertRegex(text, rf'(?m)^ +{command} ')
        self.assertIn('--set=KEY=VALUE', text)

    def test_completion(self):
        script = self.root / 'usr/share/bash-completion/completions/quern'

        def completed(*words):
            told = output('bash', '-c', f'compopt() {{ :; }}; . "{script}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _quern; '
                          'printf "%s\\n" "${COMPREPLY[@]}"', 'bash', *words)
            return told.split()
        self.assertEqual(completed('quern', 'extr'), ['extract'])
        self.assertEqual(completed('quern', 'score', '--mo'), ['--model='])
        self.assertEqual(completed('quern', 'train', '--m'), [])
        self.assertEqual(completed('quern', 'train', 'job'), [])

    @unittest.skipUnless(shutil.which('tclsh'), 'no Tcl here')
    def test_modulefile(self):
        module, = (self.root / 'usr/share/quern/modulefiles/quern').iterdir()
        told = output('tclsh', input=f'''
            proc module-whatis {{text}} {{}}; proc conflict {{name}} {{}}
            proc append-path {{name value}} {{puts "$name: $value"}}
            proc prepend-path {{name value}} {{puts "$name $value"}}; proc setenv {{name value}} {{puts "$name $value"}}
            set ModulesCurrentModulefile {{{module}}}; source $ModulesCurrentModulefile''')
        self.assertEqual(told.splitlines(), [f'PATH {self.root}/usr/bin', f'MANPATH {self.root}/usr/share/man',
                                             'MANPATH: ', f'QUERN_HOME {self.root}/usr'])


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
