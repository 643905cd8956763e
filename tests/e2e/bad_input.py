#!/usr/bin/env python3
"""What happens to extract while it runs: a rank is killed with tallies put aside, a log shrinks or goes, a bomb, a clock that
jumps. usage: bad_input.py QUERN MPIEXEC"""
import gzip
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import h5py

QUERN, MPIEXEC = sys.argv[1:3]
HUNG_S = 100


def line(stamp, client, name):
    return f'{stamp} queries: info: client @0x7f00 {client}#1024 ({name}): query: {name} IN A +E(0)K (10.0.0.53)\n'


def day_text(day, count):
    return ''.join(line(f'{day:02d}-Feb-2022 {i * 86400 // count // 3600:02d}:{i * 86400 // count // 60 % 60:02d}:'
                        f'{i * 86400 // count % 60:02d}.{i % 1000:03d}', f'10.0.{i % 7}.{i * i % 251}', f'n{i * 7919 % 20011}.d{i % 499}.com')
                   for i in range(count))


def children(process):
    """The process numbers of quern: those of mpirun's ranks, or its own."""
    found = []
    for entry in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            head, rest = (entry / 'stat').read_text().rsplit(') ', 1)
        except OSError:
            continue
        if head.endswith('(quern') and process.pid in (int(rest.split()[1]), int(entry.name)):
            found.append(int(entry.name))
    return found


def holds(number, word):
    """Whether a process has a file open in whose name the word is."""
    for entry in pathlib.Path(f'/proc/{number}/fd').glob('*'):
        try:
            if word in os.readlink(entry):
                return True
        except OSError:
            pass
    return False


class BadInput(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)
        self.logs = self.top / 'logs'
        self.logs.mkdir()

    def start(self, *sets, name='out', ranks=1, **environment):
        job = self.top / f'{name}.yaml'
        job.write_text(f'archive: {{paths: [{self.logs}], timezone: UTC}}\noutput: {{dir: {self.top / name}}}\n')
        words = [*([MPIEXEC, '-n', str(ranks)] if ranks > 1 else []), QUERN, 'extract', str(job), '--json']
        for value in sets:
            words += ['--set', value]
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})

    def end(self, process, expect=0):
        out, self.told = process.communicate(timeout=HUNG_S)
        self.assertEqual(process.returncode, expect, self.told)
        return json.loads(out) if expect == 0 else None

    def extract(self, *sets, **how):
        expect = how.pop('expect', 0)
        return self.end(self.start(*sets, **how), expect)

    def digest(self, name='out'):
        return subprocess.run([QUERN, 'info', '--digest', self.top / name / 'store'], capture_output=True, text=True,
                              check=True).stdout.split()[0]

    def wait_for(self, process, word):
        """Waits until a rank has a file open; returns which."""
        until = time.monotonic() + HUNG_S
        while process.poll() is None and time.monotonic() < until:
            for number in children(process):
                if holds(number, word):
                    return number
            time.sleep(0.002)
        self.fail(f'over before {word} was open: {process.communicate()}')

    def test_a_rank_killed_while_tallies_are_put_aside_leaves_nothing_and_the_next_run_is_right(self):
        for day in range(1, 5):
            (self.logs / f'{day}.log').write_text(day_text(day, 9000))
        small = 'limits.memory=1M', 'archive.piece=64K'
        self.extract(name='whole')
        dice = random.Random(4)
        for wait_s in (0, 0.02, 0.1, 0.3):
            process = self.start(*small, ranks=2, QUERN_READ_BYTES='2000')
            victim = self.wait_for(process, '.quern-aside')
            time.sleep(wait_s * dice.random())
            os.kill(victim, signal.SIGKILL)
            _, told = process.communicate(timeout=HUNG_S)
            self.assertNotEqual(process.returncode, 0)
            self.assertRegex(told, r'signal 9|KILLED BY SIGNAL: 9')
            store = self.top / 'out/store'
            self.assertEqual([path.name for path in store.iterdir() if 'aside' in path.name], [])
            for path in store.glob('2*.h5'):  # what has its name is whole
                with h5py.File(path) as file:
                    self.assertIn('row_queries', file)
        self.extract(*small, ranks=3)
        self.assertEqual(self.digest(), self.digest('whole'))
        names = {path.name for path in (self.top / 'out/store').iterdir()}
        self.assertEqual({name for name in names if not name.startswith('2')}, {'.quern.lock', '.quern.readers', 'known.h5'})

    def test_a_log_that_shrinks_or_goes_while_it_is_read_is_told_and_read_again(self):
        whole, other = day_text(1, 3000), day_text(2, 300)
        (self.logs / 'other.log').write_text(other)
        for how in ('shrinks', 'goes'):
            (self.logs / 'victim.log').write_text(whole)
            process = self.start('archive.piece=20K', name=how, QUERN_READ_BYTES='3')
            # It is opened for a look before; its pieces are read when the first has got as far as this.
            number = self.wait_for(process, 'victim.log')
            position = pathlib.Path(f'/proc/{number}/io')
            while int(position.read_text().split()[1]) < 250000 and process.poll() is None:
                time.sleep(0.002)
            if how == 'goes':
                (self.logs / 'victim.log').unlink()
            else:
                os.truncate(self.logs / 'victim.log', 1000)
            answer = self.end(process)
            self.assertEqual(self.told.count('victim.log: '), 1, self.told)
            self.assertEqual((answer['files_unusable'], answer['queries'] < 3300), (1, True))
            with h5py.File(self.top / how / 'store/2022-02-01.h5') as file:
                self.assertEqual(file.attrs['incomplete'], 1)
            with h5py.File(self.top / how / 'store/2022-02-02.h5') as file:
                self.assertNotIn('incomplete', file.attrs)
            (self.logs / 'victim.log').write_text(whole)
            self.assertEqual(self.extract(name=how)['queries'], 3300)
            self.extract(name='fresh')
            self.assertEqual(self.digest(how), self.digest('fresh'))

    def test_a_gzip_bomb_takes_no_memory(self):
        (self.logs / 'good.log').write_text(day_text(1, 300))
        for name, byte in ('text.gz', b'x'), ('zeros.gz', b'\0'):
            with gzip.open(self.logs / name, 'wb', 1) as file:
                for _ in range(75):
                    file.write(byte * (2 << 20))
        answer = self.extract(ranks=2)
        self.assertEqual((answer['queries'], answer['rejects']), (300, 1))
        self.assertIn('zeros.gz: is binary, not a log', self.told)
        self.assertLess(answer['peak_bytes'], 100e6)

    def test_a_clock_that_jumps_back_an_hour_or_forward_a_year_puts_lines_into_their_windows(self):
        stamps = ['01-Feb-2022 09:10', '01-Feb-2022 09:50', '01-Feb-2022 08:50', '01-Feb-2022 09:05', '01-Feb-2023 09:06',
                  '01-Feb-2022 10:07']
        (self.logs / 'q.log').write_text(''.join(line(f'{stamp}:00.000', '10.0.0.1', 'a.com') for stamp in stamps))
        answer = self.extract()
        self.assertEqual((answer['queries'], answer['rows'], answer['shards_written']), (6, 4, 2))
        for day, wanted in ('2022-02-01', [1, 3, 1]), ('2023-02-01', [1]):
            with h5py.File(self.top / f'out/store/{day}.h5') as file:
                self.assertEqual(file['row_queries'][:].tolist(), wanted)

    def test_no_line_that_is_understood_is_an_error(self):
        (self.logs / 'other').write_text('what\nis this\n')
        self.extract(expect=3)
        self.assertIn('other byte 0: no BIND log line: what\n', self.told)
        self.assertIn('quern: archive: no usable query in 2 lines of 1 files\n'
                      'see the rejected lines; expected are lines such as: client 10.0.0.1#53 (NAME): query: NAME IN A +', self.told)


if __name__ == '__main__':
    os.environ['OMPI_MCA_ess_singleton_isolated'] = '1'
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1)
