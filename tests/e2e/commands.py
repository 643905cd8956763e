#!/usr/bin/env python3
"""Commands as people meet them: exit statuses and messages word for word, what bad input gets, JSON, check, init, parse.

usage: commands.py QUERN MPIEXEC [unittest arguments]

In golden texts {top} is the folder of the test. Faults that root never meets run as another user when the test is root.
"""
import contextlib
import gzip
import json
import os
import pathlib
import pty
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUERN, MPIEXEC = str(pathlib.Path(sys.argv[1]).resolve()), sys.argv[2]
NOBODY = 65534
LINES = ROOT / 'tests/data/bind-lines'
ALL_LINES = '9.18-local-all.log'
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ('TERM', 'TZ', 'QUERN_SIMD')} | {'LC_ALL': 'C'}

# For a build under sanitizers: an MPI that was started oddly ends with leaks of its own, or stops LeakSanitizer's look.
NO_LEAKS = {'ASAN_OPTIONS': 'detect_leaks=0'}

# name, arguments, exit status, standard error
GOLDEN = [
    ('no such command', ['dance'], 2, 'quern: there is no command "dance"\nquern --help lists the commands\n'),
    ('no such option', ['run', '--colour'], 2,
     "quern run: unrecognized option '--colour'\n"
     "Try `quern run --help' or `quern run --usage' for more information.\n"),
    ('an option of another command', ['run', '--ranks', '3', 'good.yaml'], 2,
     "quern run: unrecognized option '--ranks'\n"
     "Try `quern run --help' or `quern run --usage' for more information.\n"),
    ('no job', ['run'], 2,
     "quern run: expected JOB.yaml\nTry `quern run --help' or `quern run --usage' for more information.\n"),
    ('too many words', ['check', 'good.yaml', 'good.yaml'], 2,
     "quern check: expected JOB.yaml\nTry `quern check --help' or `quern check --usage' for more information.\n"),
    ('a year that is none', ['parse', '--year', 'x'], 2,
     'quern parse: --year: "x" is no number from 1970 to 9999\n'
     "Try `quern parse --help' or `quern parse --usage' for more information.\n"),
    ('no ranks', ['check', '--ranks', '0', 'good.yaml'], 2,
     'quern check: --ranks: "0" is no number from 1 to 2147483647\n'
     "Try `quern check --help' or `quern check --usage' for more information.\n"),
    ('both forms', ['parse', '--tsv', '--json'], 2, 'quern: --json: excludes --tsv\nleave one of them out\n'),
    ('a zone that is none', ['parse', '--timezone', 'Mars/Olympus', 'logs'], 2,
     'quern: --timezone: there is no zone "Mars/Olympus"\n'
     'use an IANA name such as Asia/Tokyo; is tzdata installed?\n'),
    ('no job file', ['run', 'nothing.yaml'], 2, 'quern: nothing.yaml: cannot be read: No such file or directory\n'),
    ('a key that is none', ['run', 'key.yaml'], 2,
     'quern: key.yaml:2: output.colour is no key of the job file\ndid you mean output.dir?\n'),
    ('a wrong unit', ['run', 'unit.yaml'], 2,
     'quern: unit.yaml:3: features.window wants a duration such as 1h (s, m, h or d), from 1s to 1d, not "7 parsecs"\n'),
    ('no archive', ['check', 'archive.yaml'], 2, 
     'quern: archive.yaml: archive.paths is missing (or archive.sources): where are the logs?\n'
     'such as archive: {paths: [/var/log/named/]}\n'),
    ('--set of a wrong unit', ['run', 'good.yaml', '--set', 'features.window=7parsecs'], 2,
     'quern: --set features.window: features.window wants a duration such as 1h (s, m, h or d), from 1s to 1d, '
     'not "7parsecs"\n'),
    ('--set of no key', ['check', 'good.yaml', '--set', 'feature.window=1h'], 2,
     'quern: --set feature.window: feature.window is no key of the job file\ndid you mean features.window?\n'),
    ('--set without a value', ['run', 'good.yaml', '--set', 'features'], 2,
     'quern: --set features: KEY=VALUE was expected\nsuch as --set model.kmeans.k=8\n'),
    ('--set of a section', ['run', 'good.yaml', '--set', 'features=1'], 2,
     'quern: --set features: features is a section\nset its keys, one by one\n'),
    ('a zone of the job that is none', ['run', 'good.yaml', '--set', 'archive.timezone=Mars/Olympus'], 2,
     'quern: archive.timezone: there is no zone "Mars/Olympus"\n'
     'use an IANA name such as Asia/Tokyo; is tzdata installed?\n'),
    ('a unit that does not divide', ['check', 'good.yaml', '--set', 'features.unit=7m'], 2,
     'quern: --set features.unit: features.unit: a window of 3600 s is not a whole number of units of 420 s\n'
     'choose a unit that divides the window, such as 1m\n'),
    ('paths that match nothing', ['run', 'good.yaml', '--set', 'archive.paths=["gone/**"]'], 3,
     'quern: gone/**: no log was found\ncheck the path; globs know * ? [..] and **\n'),
    ('check of paths that match nothing', ['check', 'good.yaml', '--set', 'archive.paths=["gone/**"]'], 3,
     'quern: gone/**: no log was found\ncheck the path; globs know * ? [..] and **\n'),
    ('a folder without logs', ['run', 'good.yaml', '--set', 'archive.paths=[bare]'], 3,
     'quern: bare: no log was found\ncheck the path; globs know * ? [..] and **\n'),
    ('only an empty file', ['run', 'good.yaml', '--set', 'archive.paths=[empty]'], 3,
     'quern: empty/empty.log: none of 1 files can be used; this one is empty\n'
     'logs are text, plain or compressed by gzip, zstd or xz\n'),
    ('no usable line', ['run', 'good.yaml', '--set', 'archive.paths=[prose]'], 3,
     'quern: warning: 2 rejected lines, the first of them:\n'
     '  prose/prose.log byte 0: no BIND log line: hello\n'
     '  prose/prose.log byte 6: no BIND log line: w\\xf6rld\n'
     'quern: archive: no usable query in 2 lines of 1 files\n'
     'see the rejected lines; expected are lines such as: client 10.0.0.1#53 (NAME): query: NAME IN A +\n'),
    ('check of no usable line', ['check', 'good.yaml', '--set', 'archive.paths=[prose]'], 3,
     'quern: warning: prose/prose.log: no query in what was read of it\n'
     'quern: warning: about 2 lines are no BIND log lines, among them:\n'
     '  prose/prose.log: no BIND log line: hello\n'
     '  prose/prose.log: no BIND log line: w\\xf6rld\n'
     'quern: archive: no usable query in 2 lines of 1 files\n'
     'see the rejected lines; expected are lines such as: client 10.0.0.1#53 (NAME): query: NAME IN A +\n'),
    ('no client of archive.clients', ['run', 'good.yaml', '--set', 'archive.clients=[198.18.0.0/15]'], 3,
     'quern: archive: no usable query in 172 lines of 1 files\n'
     'check archive.from, archive.to and archive.clients: all queries are outside of these\n'),
    ('parse of nothing', ['parse', 'gone.log'], 3,
     'quern: gone.log: no log was found\ncheck the path; globs know * ? [..] and **\n'),
    ('init of nothing', ['init', 'gone'], 3, 'quern: gone: No such file or directory\ngive the folder of the logs\n'),
    ('show of no results', ['show', 'gone', '10.0.0.1'], 1,
     'quern: gone/scores.h5: cannot open the file: No such file or directory\ncheck the path\n'),
    ('show of no IP', ['show', 'out', '10.0.0.999'], 2,
     'quern: 10.0.0.999: no IP address\nwrite it as 10.0.0.1 or fd00::1\n'),
    ('info of nothing', ['info', 'gone'], 1,
     'quern: gone: cannot open the file: No such file or directory\ncheck the path\n'),
    ('info of a device', ['info', '/dev/null'], 1, 'quern: /dev/null: it is not a regular file\ncheck the path\n'),
    ('score without a model', ['score', 'good.yaml', '--set', 'output.dir=no_model'], 1,
     'quern: no_model/model.h5: cannot open the file: No such file or directory\ncheck the path\n'),
]


def quern(*words, cwd=None, expect=None, ranks=0, start=(), text=True, environment=None, **more):
    command = [*start, *([MPIEXEC, '-n', str(ranks)] if ranks else []), more.pop('program', QUERN), *map(str, words)]
    ran = subprocess.run(command, capture_output=True, text=text, timeout=120, cwd=cwd,
                         env=environment or ENVIRONMENT, **more)
    if expect is not None and ran.returncode != expect:
        raise AssertionError(f'{words}: exit {ran.returncode}, expected {expect}\n{ran.stdout}\n{ran.stderr}')
    return ran


class Scratch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)
        os.chmod(cls.top, 0o777)
        logs = cls.top / 'logs'
        logs.mkdir()
        shutil.copy(LINES / ALL_LINES, logs / 'queries.log')
        for name, text in (('good', f'archive: {{paths: [logs], timezone: Asia/Tokyo}}\noutput: {{dir: out}}\n'
                                    'model: {kmeans: {k: 2}, autoencoder: {epochs: 2, hidden: [4]}}\n'),
                           ('key', 'archive: {paths: [x]}\noutput: {dir: y, colour: red}\n'),
                           ('unit', 'archive: {paths: [x]}\noutput: {dir: y}\nfeatures: {window: 7 parsecs}\n'),
                           ('archive', 'output: {dir: y}\n')):
            (cls.top / f'{name}.yaml').write_text(text)
        for name in ('bare', 'empty', 'prose'):
            (cls.top / name).mkdir()
        (cls.top / 'empty/empty.log').touch()
        (cls.top / 'prose/prose.log').write_bytes(b'hello\nw\xf6rld\n')

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def quern(self, *words, **more):
        return quern(*words, cwd=self.top, **more)

    def no_leftovers(self, folder):
        left = [str(p) for p in pathlib.Path(folder).rglob('*.part')] if pathlib.Path(folder).exists() else []
        self.assertEqual(left, [])


class Messages(Scratch):
    def test_golden_errors(self):
        for name, words, status, message in GOLDEN:
            with self.subTest(name):
                ran = self.quern(*words)
                self.assertEqual(ran.stderr.replace(str(self.top), '{top}'), message)
                self.assertEqual(ran.returncode, status)
                self.assertEqual([line for line in ran.stdout.splitlines() if not line.startswith('#')], [])
                self.no_leftovers(self.top)

    def test_golden_errors_come_once_from_several_ranks(self):
        for name, words, status, message in GOLDEN:
            if name in ('a key that is none', 'no usable line', 'paths that match nothing', '--set of a section'):
                with self.subTest(name):
                    ran = self.quern(*words, ranks=3, expect=status)
                    ours = [line for line in ran.stderr.splitlines() if line in message.splitlines()]
                    self.assertEqual('\n'.join(ours) + '\n', message)

    def test_help_and_version(self):
        general = self.quern('--help', expect=0).stdout
        names = [line.split()[0] for line in general.splitlines() if line.startswith('  ')]
        self.assertIn('check', names)
        for name in names:
            text = self.quern(name, '--help', expect=0).stdout
            self.assertTrue(text.startswith(f'Usage: quern {name} '), text)
            # Every option that is shown is known; 2026 is a year, and of other numbers at least no unknown option.
            for option, value in re.findall(r'^ +(?:-\w, )? *(--[\w-]+)(=\w+)?', text, re.M):
                if option not in ('--help', '--usage'):
                    ran = self.quern(name, option + ('=2026' if value else ''), '--usage')
                    self.assertRegex(ran.stderr, '^$|"2026" is no number')
                    self.assertEqual(ran.returncode, 2 if ran.stderr else 0)
        self.assertRegex(self.quern('--version', expect=0).stdout, r'^quern \d+\.\d+\.\d+\n$')
        self.assertEqual(self.quern(expect=2).stderr, general)

    def test_lone_processes_of_another_launcher_are_an_error_told_once(self):
        for rank, told in ((0, True), (1, False)):
            ran = self.quern('run', 'good.yaml', '--set', 'output.dir=never', expect=2,
                             environment=ENVIRONMENT | {'PMI_SIZE': '4', 'PMI_RANK': str(rank)} | NO_LEAKS)
            self.assertEqual('it started 4 processes, but MPI sees one' in ran.stderr, told, ran.stderr)
        self.assertFalse((self.top / 'never').exists())

    def test_one_rank_needs_neither_mpirun_nor_a_path(self):
        bare = {'PATH': '/nowhere', 'OMPI_MCA_pml': 'ob1'} | NO_LEAKS
        self.assertEqual(self.quern('extract', 'good.yaml', '--set', 'output.dir=lone', environment=bare,
                                    expect=0).stderr, '')


class Streams(Scratch):
    def test_a_reader_that_has_enough_stops_parse(self):
        big = self.top / 'big.log'
        big.write_bytes((LINES / ALL_LINES).read_bytes() * 400)
        ran = subprocess.Popen([QUERN, 'parse', big], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
        ran.stdout.readline()
        ran.stdout.close()
        self.assertEqual(ran.stderr.read(), b'')
        self.assertEqual(ran.wait(timeout=20), -signal.SIGPIPE)
        ran.stderr.close()
        big.unlink()

    def test_a_job_ends_well_when_nobody_reads_its_results(self):
        reader, writer = os.pipe()
        os.close(reader)
        ran = subprocess.run([QUERN, 'extract', 'good.yaml', '--set', 'output.dir=unread'], stdout=writer, cwd=self.top,
                             stderr=subprocess.PIPE, env=ENVIRONMENT, timeout=60)
        os.close(writer)
        self.assertEqual((ran.returncode, ran.stderr), (0, b''))
        self.assertEqual(len(list((self.top / 'unread/store').glob('????-*.h5'))), 1)

    def test_lost_results_are_told(self):
        full = 'quern: standard output: cannot be written: No space left on device\n'
        for words in (['parse', 'logs'], ['check', 'good.yaml'], ['check', 'good.yaml', '--json'], ['init', 'logs']):
            with self.subTest(words), open('/dev/full', 'w') as out:
                ran = subprocess.run([QUERN, *words], stdout=out, stderr=subprocess.PIPE, text=True, cwd=self.top,
                                     env=ENVIRONMENT, timeout=60)
                self.assertEqual((ran.returncode, ran.stderr), (1, full))
        ran = subprocess.run(['sh', '-c', f'exec {QUERN} extract good.yaml --set output.dir=closed --json >&- 2>closed.txt'],
                             cwd=self.top, env=ENVIRONMENT, timeout=60)
        self.assertEqual(ran.returncode, 1)
        self.assertEqual((self.top / 'closed.txt').read_text(),
                         'quern: standard output: cannot be written: Bad file descriptor\n')

    def test_failures_leave_no_half_json(self):
        for words in (['run', 'good.yaml', '--set', 'archive.paths=[prose]'], ['info', 'good.yaml'],
                      ['check', 'good.yaml', '--set', 'archive.paths=[prose]'], ['show', 'gone', '10.0.0.1']):
            with self.subTest(words):
                ran = self.quern(*words, '--json')
                self.assertNotEqual(ran.returncode, 0)
                self.assertEqual(ran.stdout, '')
        self.quern('extract', 'good.yaml', expect=0)
        ran = self.quern('info', 'out/store', 'gone', '--json', expect=1)
        self.assertEqual(ran.stdout, '')


class Parse(Scratch):
    def test_json_lines_say_what_the_tsv_says(self):
        for log in sorted(LINES.glob('*.log'))[::7]:
            zone = ['--timezone', 'Asia/Tokyo', '--year', '2026']
            table = quern('parse', '--tsv', *zone, log, text=False, expect=0).stdout.decode('latin-1').split('\n')
            names, rows = table[0].lstrip('#').split('\t'), table[1:-1]
            lines = quern('parse', '--json', *zone, log, expect=0).stdout.splitlines()
            self.assertEqual(len(lines), len(rows))
            for row, line in zip(rows, lines):
                told = json.loads(line)
                self.assertEqual(told['file'], str(log))
                for name, cell in zip(names, row.split('\t')):
                    shown = ''.join(c if ' ' <= c != '\x7f' else f'\\x{ord(c):02x}' for c in str(told.get(name, '')))
                    if name != 'qname_lc':  # the TSV's is as printed, the JSON's as BIND of today prints it
                        self.assertEqual(shown, cell, (log.name, name))
                self.assertEqual('why' in told, told['kind'] == 'reject')

    def test_standard_input_plain_and_packed(self):
        plain = (LINES / ALL_LINES).read_bytes()
        zone = ['--timezone', 'Asia/Tokyo', '--year', '2026']
        want = quern('parse', *zone, LINES / ALL_LINES, text=False, expect=0).stdout
        for words in ([], ['-']):
            for data in (plain, gzip.compress(plain)):
                self.assertEqual(quern('parse', *zone, *words, text=False, input=data, expect=0).stdout, want)
        both = quern('parse', *zone, '-', LINES / ALL_LINES, text=False, input=plain, expect=0).stdout
        self.assertEqual(both, want + want.split(b'\n', 1)[1])
        told = json.loads(quern('parse', '--json', input='w\xf6rld\n', expect=0).stdout)
        self.assertEqual({k: told[k] for k in ('line', 'kind', 'why')},
                         {'line': 1, 'kind': 'reject', 'why': 'no BIND log line'})


class Files(Scratch):
    """What a job does with files that it cannot read or write."""

    def bad_folder(self, name):
        folder = self.top / name
        shutil.copytree(self.top / 'logs', folder)
        return folder

    def extract(self, name, **more):
        more.setdefault('expect', 0)
        ran = self.quern('extract', 'good.yaml', '--json', '--set', f'archive.paths=[{name}]', '--set',
                         f'output.dir=out_{name}', **more)
        return json.loads(ran.stdout) if ran.returncode == 0 else None, ran.stderr

    def test_each_fault_is_named_and_the_rest_is_read(self):
        folder = self.bad_folder('faults')
        whole = (LINES / ALL_LINES).read_bytes()
        (folder / 'binary.log').write_bytes(bytes(range(256)) * 64)
        (folder / 'cut.log.gz').write_bytes(gzip.compress(whole.replace(b'10.', b'11.'))[:-2000])
        (folder / 'empty.log').touch()
        os.mkfifo(folder / 'fifo.log')
        (folder / 'loop').symlink_to('loop')
        (folder / 'dangling').symlink_to('nowhere')
        (folder / 'round').symlink_to('.')
        answer, told = self.extract('faults')
        for name, what in (('binary.log', 'is binary, not a log'), ('empty.log', 'is empty'),
                           ('fifo.log', 'is a FIFO, not a file'), ('loop', 'is a loop of links'),
                           ('dangling', 'is a link to nothing'), ('round', 'is a loop of links')):
            self.assertIn(f'quern: warning: faults/{name}: {what}\n', told)
        self.assertRegex(told, r'quern: warning: faults/cut\.log\.gz: truncated gzip after \d+ bytes\n')
        self.assertEqual((answer['files'], answer['files_unusable']), (7, 6))
        self.assertEqual(sum(answer['lines_by_kind'].values()), answer['lines'])
        self.assertGreater(answer['queries'], 100)

    def as_nobody(self):
        """How to run as somebody whom file modes bind, and a copy of the program that he can reach."""
        program = self.top / 'quern'
        if not program.exists():
            shutil.copy(QUERN, program)
            (self.top / 'datasets').mkdir()
            shutil.copy(ROOT / 'datasets/suffixes.dat', self.top / 'datasets')
            os.chmod(program, 0o755)
        if os.geteuid() != 0:
            start = []
        elif shutil.which('setpriv'):
            start = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups']
        else:
            self.skipTest('root without setpriv')
        return {'start': start, 'program': str(program),
                'environment': ENVIRONMENT | {'HOME': str(self.top), 'TMPDIR': str(self.top)}}

    def test_an_unreadable_file_is_named(self):
        folder = self.bad_folder('unreadable')
        shutil.copy(folder / 'queries.log', folder / 'secret.log')
        os.chmod(folder / 'secret.log', 0)
        somebody = self.as_nobody()
        answer, told = self.extract('unreadable', **somebody)
        self.assertIn('quern: warning: unreadable/secret.log: cannot be read: Permission denied\n', told)
        self.assertEqual((answer['files'], answer['files_unusable']), (2, 1))

    def test_an_output_folder_that_is_read_only(self):
        folder = self.top / 'readonly'
        folder.mkdir()
        os.chmod(folder, 0o555)
        somebody = self.as_nobody()
        ran = self.quern('run', 'good.yaml', '--set', 'output.dir=readonly/out', expect=1, **somebody)
        self.assertEqual(ran.stderr, 'quern: readonly/out: cannot make the folder: Permission denied\n'
                                     'check the path and your rights\n')
        ran = self.quern('run', 'good.yaml', '--set', 'output.dir=readonly', expect=1, **somebody)
        self.assertEqual(ran.stderr, 'quern: readonly: cannot write there: Permission denied\n'
                                     'check the path and your rights\n')

    def test_a_full_file_system_leaves_nothing_half(self):
        if os.geteuid() != 0:
            self.skipTest('only root mounts')
        full = self.top / 'full'
        full.mkdir()
        mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=96k', 'tmpfs', full], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest('no mounts here')
        try:
            ran = self.quern('run', 'good.yaml', '--set', 'output.dir=full/out', expect=1)
            self.assertIn('No space left on device', ran.stderr)
            self.no_leftovers(full)
            for path in full.rglob('*.h5'):
                self.quern('info', path, expect=0)
        finally:
            subprocess.run(['umount', full], check=True)

    def test_a_folder_that_another_job_holds(self):
        import fcntl
        held = self.top / 'held'
        held.mkdir()
        with open(held / '.quern.lock', 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            ran = self.quern('run', 'good.yaml', '--set', 'output.dir=held', expect=1)
        self.assertEqual(ran.stderr, 'quern: held: another quern is writing there\n'
                                     'wait for it, or give this job another folder\n')
        self.quern('extract', 'good.yaml', '--set', 'output.dir=held', expect=0)

    def test_a_store_of_other_settings_is_refused_before_a_log_is_read(self):
        self.quern('extract', 'good.yaml', '--set', 'output.dir=settings', expect=0)
        for command in ('run', 'check'):
            ran = self.quern(command, 'good.yaml', '--set', 'output.dir=settings', '--set', 'features.unit=5m', expect=1)
            self.assertEqual(ran.stderr, 'quern: settings/store: the store has features.unit=60, the job features.unit=300\n'
                                         'use another store.dir, or the settings that the store was made with\n')


class Check(Scratch):
    def logs(self, name, lines, **files):
        folder = self.top / name
        folder.mkdir()
        for file, text in {'queries.log': lines, **files}.items():
            (folder / file).write_text(text)
        return folder

    @staticmethod
    def line(second, client='10.0.0.7', pointer='@0x7f00 ', name='www.example.com', day=1):
        return (f'{day:02d}-Feb-2022 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000 queries: info: '
                f'client {pointer}{client}#53 ({name}): query: {name} IN A + (10.0.0.53)\n')

    def check(self, name, *more, expect=0):
        ran = self.quern('check', 'good.yaml', '--json', '--set', f'archive.paths=[{name}]', '--set',
                         f'output.dir=out_{name}', *more, expect=expect)
        return json.loads(ran.stdout), ran.stderr

    def test_a_small_archive_is_told_exactly_as_run_counts_it(self):
        before = sorted(self.top.rglob('*'))
        seen, _ = self.check('logs')
        self.assertEqual(sorted(self.top.rglob('*')), before, 'check writes nothing')
        done = json.loads(self.quern('extract', 'good.yaml', '--json', '--set', 'output.dir=out_logs', expect=0).stdout)
        for member in ('files', 'files_unusable', 'lines', 'queries', 'rejects', 'lines_by_kind', 'rows', 'log_bytes'):
            self.assertEqual(seen[member], done[member], member)
        self.assertTrue(seen['exact'])
        self.assertEqual((seen['files_known'], seen['log_bytes_new']), (0, seen['log_bytes']))
        again, _ = self.check('logs')
        self.assertEqual((again['files_known'], again['log_bytes_new']), (1, 0))

    def test_gaps_overlaps_and_the_split(self):
        hours = [self.line(s) for s in range(0, 4 * 3600, 60)]
        folder = self.logs('gaps', ''.join(hours[:120]), later=''.join(self.line(s) for s in range(6 * 3600, 7 * 3600, 60)),
                           beside=''.join(hours[60:200]))
        seen, _ = self.check('gaps', '--ranks', '3', '--set', 'archive.piece=4K')
        tokyo = 1643641200 * 1000  # 2022-02-01 00:00:00
        self.assertEqual(seen['gaps'], [{'from_ms': tokyo + 199 * 60000, 'to_ms': tokyo + 6 * 3600000}])
        self.assertEqual((seen['first_ms'], seen['last_ms']), (tokyo, tokyo + (6 * 60 + 59) * 60000))
        self.assertEqual((seen['overlaps'], seen['days'], seen['resolvers']), (1, 1, ['10.0.0.53']))
        self.assertEqual(len(seen['split']), 3)
        self.assertEqual(sum(rank['log_bytes'] for rank in seen['split']), seen['log_bytes'])
        bytes_all = sum(p.stat().st_size for p in folder.iterdir())
        self.assertEqual(seen['stored_bytes'], bytes_all)
        self.assertLess(max(rank['log_bytes'] for rank in seen['split']), bytes_all / 3 + 4096)

    def test_warnings(self):
        old = ''.join(self.line(s, pointer='') for s in range(0, 3600, 60))
        new = ''.join(self.line(s) for s in range(7200, 10800, 60))
        back = ''.join(self.line(s) for s in (20000, 20001, 16000, 16001))
        far = ''.join(self.line(s, client='192.0.2.1') for s in range(30000, 30060))
        self.logs('warned', new, old=old, back=back, far=far, copy=new)
        seen, told = self.check('warned', '--set', 'archive.clients=[10.0.0.0/8]', '--set', 'archive.timezone=~')
        for text in ('archive.timezone: not given, but time stamps are local times: they are taken for UTC',
                     'warned/far: no query of a client of archive.clients between archive.from and archive.to',
                     'warned/back: the time goes back by more than 10 s, first to 2022-02-01 04:26 (1 times in the '
                     'samples): was the clock set?',
                     'another version of BIND from 2022-02-01 02:00 on'):
            self.assertIn(text, told)
        self.assertRegex(told, r'warned/(copy|queries\.log): is a copy of warned/(copy|queries\.log): its lines count twice')
        self.assertEqual(len(seen['warnings']), 5)

    def test_a_giant_file_that_cannot_be_split(self):
        folder = self.logs('giant', self.line(0))
        with gzip.open(folder / 'giant.log.gz', 'wt') as file:
            file.write(''.join(self.line(s) for s in range(20000)))
        seen, told = self.check('giant', '--ranks', '8')
        self.assertIn('quern: warning: giant/giant.log.gz: 100 % of the text in one file that cannot be split: '
                      'ranks beyond 2 gain nothing\n', told)
        self.assertEqual(sum(rank['pieces'] > 0 for rank in seen['split']), 2)

    def test_a_large_archive_is_sampled_and_near_the_truth(self):
        folder = self.logs('large', '')
        (folder / 'queries.log').unlink()
        rows, dice = set(), random.Random(7)
        for day in (1, 2):
            with open(folder / f'{day}.log', 'w') as file:
                for second in range(0, 86400):
                    # Clients with rates from often to seldom, each asking three times at once.
                    client = f'10.0.0.{int(200 * dice.random() ** 3)}'
                    rows.add((day, second // 3600, client))
                    file.write(3 * self.line(second, client=client, name=f'n{dice.randrange(300)}.example', day=day))
        bytes_all = sum(p.stat().st_size for p in folder.iterdir())
        self.assertGreater(bytes_all, 40e6)
        began = time.monotonic()
        seen, _ = self.check('large')
        self.assertLess(time.monotonic() - began, 60)
        self.assertFalse(seen['exact'])
        self.assertLess(seen['log_bytes_sampled'], 0.8 * bytes_all)
        self.assertAlmostEqual(seen['queries'], 2 * 86400 * 3, delta=0.01 * 2 * 86400 * 3)
        self.assertAlmostEqual(seen['rows'], len(rows), delta=0.1 * len(rows))
        self.assertEqual(seen['gap_count'], 0)
        shutil.rmtree(folder)


class Init(Scratch):
    def test_what_init_writes_runs_as_it_is(self):
        two = self.top / 'site'
        for name in ('ns1', 'ns2'):
            shutil.copytree(self.top / 'logs', two / name)
        made = ENVIRONMENT | {'TZ': 'Asia/Tokyo'}
        self.quern('init', 'site', '-o', 'site.yaml', environment=made, expect=0)
        text = (self.top / 'site.yaml').read_text()
        for part in ('resolver: "ns1"', 'resolver: "ns2"', 'timezone: Asia/Tokyo', '"10.0.0.0/8"',
                     'calendar: [datasets/calendar/jp.csv]', '# window: 1h', 'dir: "out/site"'):
            self.assertIn(part, text)
        self.assertEqual(self.quern('init', 'site', environment=made, expect=0).stdout, text)
        self.quern('run', 'site.yaml', environment=made | {'QUERN_DATA': str(ROOT)}, expect=0)
        self.assertTrue((self.top / 'out/site/scores.h5').exists())

    def test_every_default_is_one(self):
        self.quern('init', 'logs', '-o', 'plain.yaml', expect=0)
        text = (self.top / 'plain.yaml').read_text()
        defaults = re.sub(r'^( *)# (\w+: \S.*)$', r'\1\2', text, flags=re.M)
        kept = [line for line in defaults.splitlines() if not re.match(r' *\w+: [a-z].* [a-z]', line)]
        (self.top / 'defaults.yaml').write_text('\n'.join(kept) + '\n')
        one = json.loads(self.quern('check', 'plain.yaml', '--json', expect=0).stdout)
        other = json.loads(self.quern('check', 'defaults.yaml', '--json', expect=0).stdout)
        for member in ('rows', 'queries', 'timezone', 'files'):
            self.assertEqual(one[member], other[member])

    def test_a_file_that_is_there_stays(self):
        (self.top / 'mine.yaml').write_text('mine\n')
        ran = self.quern('init', 'logs', '-o', 'mine.yaml', expect=1)
        self.assertEqual(ran.stderr, 'quern: mine.yaml: is there already, and is left as it is\nchoose another name\n')
        self.assertEqual((self.top / 'mine.yaml').read_text(), 'mine\n')
        self.no_leftovers(self.top)

    def test_a_path_of_odd_bytes(self):
        odd = self.top / 'a "b" \\c: #d é'
        shutil.copytree(self.top / 'logs', odd)
        self.quern('init', odd, '-o', 'odd.yaml', expect=0)
        self.assertEqual(json.loads(self.quern('check', 'odd.yaml', '--json', expect=0).stdout)['files'], 1)


class Progress(Scratch):
    def on_terminal(self, environment):
        """What a run writes to a terminal."""
        primary, secondary = pty.openpty()
        ran = subprocess.Popen([QUERN, 'run', 'good.yaml', '--set', 'archive.paths=[big]', '--set',
                                f'output.dir=tty{len(environment)}'], stderr=secondary, stdout=subprocess.DEVNULL,
                               cwd=self.top, env=ENVIRONMENT | environment)
        os.close(secondary)
        seen = b''
        with contextlib.suppress(OSError):  # the terminal's other end was closed
            while select.select([primary], [], [], 60)[0]:
                part = os.read(primary, 4096)
                if not part:
                    break
                seen += part
        os.close(primary)
        self.assertEqual(ran.wait(timeout=60), 0)
        return seen.decode()

    def test_a_bar_on_a_terminal_and_nothing_elsewhere(self):
        folder = self.top / 'big'
        folder.mkdir()
        (folder / 'queries.log').write_text(''.join(Check.line(s // 4) for s in range(300000)))
        colored = self.on_terminal({'TERM': 'xterm'})
        self.assertRegex(colored, r'\rquern: reading logs \[\x1b\[32m#*\x1b\[0m-+\] \d+ %, \d+'
                                  .replace('\\rquern', '\\r\\x1b\\[Kquern'))
        self.assertIn('quern: making days [', colored)
        self.assertIn('quern: training ...', colored)
        self.assertTrue(colored.endswith('\r\x1b[K'), repr(colored[-40:]))
        plain = self.on_terminal({'TERM': 'xterm', 'NO_COLOR': '1'})
        self.assertRegex(plain, r'reading logs \[#*-+\] \d+ %')
        self.assertNotIn('\x1b[32m', plain)
        self.assertNotIn('reading', self.on_terminal({'TERM': 'dumb', 'NO_COLOR': '1', 'A': 'b'}))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1)
