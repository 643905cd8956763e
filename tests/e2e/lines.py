#!/usr/bin/env python3
"""quern show --lines: the raw lines of a window, from plain, compressed, renamed and jumbled logs; --svg; quern export.

usage: lines.py QUERN MPIEXEC

What must be printed is what a search of all lines finds.
"""
import contextlib
import csv
import gzip
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

QUERN, MPIEXEC = sys.argv[1:3]
QUICK = os.environ.get('QUICK') == '1'  # for builds under sanitizers
WATCHED = '10.9.1.3'


def line(day, second, client, name, stamp='{day:02d}-Feb-2022 {h:02d}:{m:02d}:{s:02d}.000'):
    at = stamp.format(day=day, h=second // 3600, m=second // 60 % 60, s=second % 60)
    return f'{at} queries: info: client @0x7f00 {client}#4242 ({name}): query: {name} IN A +E(0)K (10.9.0.53)'


def word(rng):
    return ''.join(rng.choice('abcdefghijklmnopqrstuvwxyz') for _ in range(12))


def archive(seed=1):
    rng = random.Random(seed)
    made = []
    for day in (7, 8, 9):
        for client in range(1, 9):
            for hour in range(8, 18):
                for _ in range(20):
                    second = hour * 3600 + rng.randrange(3600)
                    made.append((day, second, f'10.9.1.{client}', f'www.site{rng.randrange(30)}.com'))
        made += [(day, 12 * 3600 + i % 3600, '2001:db8::77', f'v6-{i}.example.com') for i in range(30)]
    made += [(9, 12 * 3600 + i, WATCHED, f'{word(rng)}.burst.net') for i in range(2000)]
    return sorted(made)


class Lines(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.top = pathlib.Path(cls.stack.enter_context(tempfile.TemporaryDirectory()))
        cls.asked = archive()
        cls.plain = [line(*query) for query in cls.asked]
        cls.run_with('plain', '\n'.join(cls.plain) + '\n')

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    @classmethod
    def run_with(cls, name, text, suffix='', zone='Asia/Tokyo', extra=''):
        place = cls.top / name
        (place / 'logs').mkdir(parents=True)
        data = text if isinstance(text, bytes) else text.encode()
        (place / 'logs' / f'q.log{suffix}').write_bytes(gzip.compress(data) if suffix == '.gz' else data)
        (place / 'job.yaml').write_text(
            f'archive: {{paths: [{place}/logs], timezone: {zone}, piece: 64K{extra}}}\nmodel: {{kmeans: {{k: 2}}, '
            f'autoencoder: {{epochs: 1, hidden: [4]}}}}\noutput: {{dir: {place}/out}}\n')
        cls.quern('run', place / 'job.yaml', '--quiet')
        return place

    @classmethod
    def quern(cls, *words, expect=0):
        start = [MPIEXEC, '-n', '2'] if words[0] == 'run' else []
        ran = subprocess.run([*start, QUERN, *map(str, words)], capture_output=True, text=True, timeout=300)
        if ran.returncode != expect:
            raise AssertionError(f'{words}: exit {ran.returncode}, expected {expect}\n{ran.stdout}\n{ran.stderr}')
        return ran

    def wanted(self, day, hour, client=WATCHED, lines=None):
        return [text for query, text in zip(self.asked, lines or self.plain)
                if query[0] == day and query[2] == client and (hour is None or query[1] // 3600 == hour)]

    def shown(self, place, window, client=WATCHED):
        ran = self.quern('show', place / 'out', client, f'--lines={window}')
        return ran.stdout.splitlines(), ran.stderr

    def test_the_lines_of_a_window_and_little_more_is_read(self):
        for day, hour in ((9, 12), (7, 8), (8, 17)):
            lines, said = self.shown(self.top / 'plain', f'2022-02-{day:02d}T{hour:02d}:00')
            self.assertEqual(lines, self.wanted(day, hour))
        self.assertLess(int(said.split('; ')[1].split()[0]), sum(map(len, self.plain)) / 4)
        lines, _ = self.shown(self.top / 'plain', '2022-02-08')  # all of a day
        self.assertEqual(lines, self.wanted(8, None))
        self.assertEqual(self.shown(self.top / 'plain', '2022-02-08 12:00', '2001:db8::77')[0],
                         self.wanted(8, 12, '2001:db8::77'))
        ran = self.quern('show', self.top / 'plain' / 'out', WATCHED, '--lines')  # the most unusual one
        self.assertEqual(len(ran.stdout.splitlines()), len(self.wanted(9, 12)))
        self.quern('show', self.top / 'plain' / 'out', WATCHED, '--lines=2022-02-08T03:00', expect=2)

    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_a_log_that_was_compressed_or_renamed_since_is_found(self):
        place = self.run_with('moved', '\n'.join(self.plain) + '\n')
        old = place / 'logs' / 'q.log'
        os.rename(old, place / 'logs' / 'q.log.0')
        old.write_text('\n'.join(line(20, 40000 + i, WATCHED, 'other.com') for i in range(5000)) + '\n')
        self.quern('run', place / 'job.yaml', '--quiet')  # learns the new name
        self.assertEqual(self.shown(place, '2022-02-09T12:00')[0], self.wanted(9, 12))
        (place / 'logs' / 'q.log.0.gz').write_bytes(gzip.compress((place / 'logs' / 'q.log.0').read_bytes()))
        (place / 'logs' / 'q.log.0').unlink()
        self.quern('run', place / 'job.yaml', '--quiet')
        self.assertEqual(self.shown(place, '2022-02-09T12:00')[0], self.wanted(9, 12))

    def test_a_compressed_log_and_lines_out_of_order_and_other_stamps(self):
        place = self.run_with('gzip', '\n'.join(self.plain) + '\n', suffix='.gz')
        self.assertEqual(self.shown(place, '2022-02-09T12:00')[0], self.wanted(9, 12))
        rng = random.Random(3)
        jumbled = self.plain[:]
        for _ in range(400):  # some lines come hours late
            jumbled.append(jumbled.pop(rng.randrange(len(jumbled))))
        place = self.run_with('jumbled', '\n'.join(jumbled) + '\n')
        self.assertEqual(sorted(self.shown(place, '2022-02-09T12:00')[0]), sorted(self.wanted(9, 12)))
        iso = [line(*query, stamp='2022-02-{day:02d}T{h:02d}:{m:02d}:{s:02d}.000+09:00') for query in self.asked]
        place = self.run_with('iso', '\n'.join(iso) + '\n')
        self.assertEqual(self.shown(place, '2022-02-08T09:00')[0], self.wanted(8, 9, lines=iso))

    def test_when_the_log_is_gone_the_stored_names_are_told(self):
        place = self.run_with('gone', '\n'.join(self.plain) + '\n')
        (place / 'logs' / 'q.log').unlink()
        lines, said = self.shown(place, '2022-02-08T12:00')
        self.assertIn('are gone or changed; the store has these names', said)
        asked = {}
        for text in self.wanted(8, 12):
            name = text.split('query: ')[1].split()[0]
            asked[name] = asked.get(name, 0) + 1
        self.assertEqual({text.split()[1]: int(text.split()[0]) for text in lines}, asked)

    def test_no_line_steers_a_terminal(self):
        hostile = [text.replace('+E(0)K', '+E(0)K\x1b[2J') if 'burst' in text else text for text in self.plain]
        hostile += [line(9, 12 * 3600, WATCHED, 'a\\027[2J.evil.net')]
        place = self.run_with('hostile', '\n'.join(hostile) + '\n')
        lines, _ = self.shown(place, '2022-02-09T12:00')
        self.assertTrue(any('a\\027[2J.evil.net' in text for text in lines))
        self.assertEqual([c for text in lines for c in text if not c.isprintable()], [])

    def test_the_picture_is_svg_with_a_bar_a_window(self):
        text = self.quern('show', self.top / 'plain' / 'out', WATCHED, '--svg').stdout
        root = xml.etree.ElementTree.fromstring(text)
        bars = [element for element in root if element.tag.endswith('rect') and len(element)]
        shown = json.loads(self.quern('show', self.top / 'plain' / 'out', WATCHED, '--json').stdout)
        self.assertEqual(len(bars), len(shown['rows']))
        self.assertIn('2022-02-09 12:00:00: 20', ''.join(bar[0].text for bar in bars))

    def export(self, table):
        text = self.quern('export', self.top / 'plain' / 'out', table).stdout
        return list(csv.DictReader(text.splitlines()))

    def test_tables_as_csv(self):
        rows = self.export('row')
        self.assertEqual(sum(int(row['row_queries']) for row in rows), len(self.plain))
        self.assertEqual({row['row_ip_text'] for row in rows}, {query[2] for query in self.asked})
        self.assertTrue(all(float(row['row_feature.queries']) == int(row['row_queries']) for row in rows))
        pairs = self.export('pair')
        self.assertEqual(sum(int(pair['queries']) for pair in pairs), len(self.plain))
        mine = [pair for pair in pairs if pair['ip'] == WATCHED and pair['domain'] == 'burst.net']
        self.assertEqual([(pair['day'], pair['names']) for pair in mine], [('2022-02-09', '2000')])
        self.assertEqual(len(self.export('ip')), 9)
        self.assertEqual(len(self.export('day')), 27)
        evidence = self.export('evidence')
        self.assertTrue(any(item['evidence_domain'] == 'burst.net' and item['evidence_ip_text'] == WATCHED
                            for item in evidence))
        self.assertTrue(all(len(item['incident_id']) == 16 for item in self.export('incident')))
        self.quern('export', self.top / 'plain' / 'out', 'nothing', expect=2)

    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_no_exported_cell_is_a_formula(self):
        place = self.run_with('formula', '\n'.join(self.plain + [
            line(9, 60000 + i, '10.9.1.5', f'{word(random.Random(i))}.=cmd|calc.zz') for i in range(99)]) + '\n')
        for table in ('pair', 'evidence'):
            text = self.quern('export', place / 'out', table).stdout
            self.assertIn('"\'=cmd|calc.zz"', text, table)
            for row in csv.reader(text.splitlines()):
                self.assertFalse([cell for cell in row if cell[:1] in ('=', '+', '@') or cell[:1] == '-' and not cell[1:2].isdigit()])


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1)
