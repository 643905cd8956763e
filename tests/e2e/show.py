#!/usr/bin/env python3
"""What quern show, extract's settings and score --model say, with the real program on a small archive.

usage: show.py QUERN MPIEXEC [--renew]     --renew: writes tests/data/show/*.txt anew, to be looked at before a commit
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / 'tests' / 'data' / 'show'
QUERN, MPIEXEC = sys.argv[1:3]
RENEW = '--renew' in sys.argv


def line(day, hour, minute, second, ip, name, kind='A', flags='+E(0)K'):
    return (f'{day:02d}-Feb-2022 {hour:02d}:{minute:02d}:{second:02d}.000 queries: info: client @0x7f00 '
            f'{ip}#1024 ({name}): query: {name} IN {kind} {flags} (10.80.0.53)')


def small_archive():
    """Six days (Tuesday to Sunday) of ten offices and a server; 10.80.7.27 sends 600 TXT queries on one noon."""
    lines = []
    for day in range(1, 7):
        for hour in range(24):
            lines += [line(day, hour, m, 0, '10.80.0.200', f'h{m}.srv.example') for m in range(0, 60, 5)]
            if not 8 <= hour < 18 or day > 4 and hour % 3:
                continue
            for client in range(20, 30):
                for i in range(3 + (client * 5 + hour + day) % 7):
                    lines.append(line(day, hour, (i * 11 + client) % 60, client, f'10.80.7.{client}',
                                      f'www.site{(i * client + hour) % 12}.com', 'AAAA' if i % 3 else 'A'))
            if (day, hour) == (3, 12):
                lines += [line(3, 12, i // 10, i % 10, '10.80.7.27', f'x{i}.y.tunnel.example', 'TXT')
                          for i in range(600)]
    return '\n'.join(sorted(lines)) + '\n'


class Show(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)
        (cls.top / 'queries.log').write_text(small_archive())
        cls.quern('run', cls.job('small'))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def job(cls, name, features='', log='queries.log'):
        path = cls.top / f'{name}.yaml'
        path.write_text(f'archive: {{paths: [{cls.top / log}], timezone: Asia/Tokyo}}\n'
                        f'features: {{calendar: [{ROOT}/datasets/calendar/jp.csv]{features}}}\n'
                        'model: {kmeans: {k: 3}, autoencoder: {epochs: 5, hidden: [8, 4, 8]}}\n'
                        f'output: {{dir: {cls.top / name}}}\n')
        return path

    @classmethod
    def quern(cls, *words, expect=0):
        start = [MPIEXEC, '-n', '1'] if words[0] in ('run', 'score') else []
        ran = subprocess.run([*start, QUERN, *map(str, words)], capture_output=True, text=True, timeout=200)
        if ran.returncode != expect:
            raise AssertionError(f'{words}: exit {ran.returncode}, expected {expect}\n{ran.stdout}\n{ran.stderr}')
        return ran

    def same(self, name, text):
        text = text.replace(str(self.top), 'TOP')
        if text.startswith('quern: '):  # what mpirun says behind it is its own
            text = ''.join(text.splitlines(keepends=True)[:2])
        if RENEW:
            GOLDEN.mkdir(exist_ok=True)
            (GOLDEN / name).write_text(text)
        self.assertEqual(text, (GOLDEN / name).read_text())

    def test_the_burst_is_shown_word_for_word(self):
        self.same('burst.txt', self.quern('show', self.top / 'small', '10.80.7.27').stdout)

    def test_json_tells_the_same_rows(self):
        text = self.quern('show', self.top / 'small', '10.80.7.27').stdout
        shown = json.loads(self.quern('show', self.top / 'small', '10.80.7.27', '--json').stdout)
        starred = [words for words in map(str.split, text.splitlines()) if words[:1] == ['*']]
        self.assertEqual(len(starred), min(5, len(shown['anomalies'])))
        for words, anomaly in zip(starred, shown['anomalies']):
            self.assertEqual(' '.join(words[1:3]), anomaly['row']['window'])
            self.assertEqual(int(words[4]), anomaly['row']['queries'])
            for row in anomaly['normal'] if anomaly['normal_alike'] else []:
                self.assertEqual((row['holiday'], row['night']), (anomaly['row']['holiday'], anomaly['row']['night']))
        # The row of the talk's slide: the largest count, and a normal one at the same hour beside it.
        burst = max(shown['anomalies'], key=lambda anomaly: anomaly['row']['queries'])
        self.assertEqual(burst['row']['window'], '2022-02-03 12:00:00')
        self.assertEqual(burst['normal'][0]['window'][11:], '12:00:00')

    def test_who_is_not_there_is_told_so(self):
        ran = self.quern('show', self.top / 'small', '10.9.9.9', expect=3)
        self.same('nobody.txt', ran.stderr)
        self.same('no_address.txt', self.quern('show', self.top / 'small', 'no\x1b[2Jaddress', expect=2).stderr)
        self.same('no_folder.txt', self.quern('show', self.top / 'nowhere', '10.9.9.9', expect=1).stderr)

    def test_hostile_names_in_the_logs_reach_no_terminal(self):
        hostile = line(3, 12, 30, 30, '10.80.7.27', 'a\\027[2J\\008.evil\\200.com', 'TXT')
        torn = hostile.replace('queries: info', 'queries: \x1b[31minfo\x07').replace('query:', 'que\x9bry:')
        (self.top / 'hostile.log').write_bytes(
            (small_archive() + hostile + '\n' + torn + '\n').encode('latin-1'))
        job = self.job('hostile', log='hostile.log')
        ran = self.quern('run', job)
        shown = self.quern('show', self.top / 'hostile', '10.80.7.27')
        self.assertIn('rejected lines', ran.stderr)
        for text in (ran.stdout, ran.stderr, shown.stdout):
            self.assertEqual([c for c in text if c != '\n' and not c.isprintable()], [])
        self.assertNotIn('\\x1b', shown.stdout)  # no name is shown at all, yet

    def score(self, features, *sets, expect=0):
        words = [word for value in sets for word in ('--set', value)]
        return self.quern('score', self.job('scored', features), '--model', self.top / 'small' / 'model.h5',
                          *words, expect=expect)

    def test_a_model_scores_later_logs(self):
        later = small_archive().replace('-Feb-', '-Mar-')
        (self.top / 'later.log').write_text(later)
        ran = self.quern('score', self.job('later', log='later.log'), '--model', self.top / 'small' / 'model.h5')
        self.assertIn('Suspicious IPs', ran.stdout)
        shown = json.loads(self.quern('show', self.top / 'later', '10.80.7.27', '--json').stdout)
        self.assertTrue(all(row['window'].startswith('2022-03') for row in shown['rows']))
        self.assertIn('2022-03-03 12:00:00', [anomaly['row']['window'] for anomaly in shown['anomalies']])

    def test_a_model_of_other_features_is_refused_by_name(self):
        self.same('other_set.txt', self.score(', set: talk', expect=1).stderr)
        self.same('other_window.txt', self.score(', window: 30m', expect=1).stderr)
        self.same('other_unit.txt', self.score(', unit: 5m', expect=1).stderr)
        store = self.top / 'small' / 'store' / '2022-02-03.h5'
        ran = self.quern('score', self.job('scored'), '--model', store, expect=1)
        self.same('no_model.txt', ran.stderr)
        self.assertFalse((self.top / 'scored' / 'scores.h5').exists())


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=1)
