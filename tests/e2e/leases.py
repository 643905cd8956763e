#!/usr/bin/env python3
"""hosts: a laptop that moves between addresses is one machine, in rows, evidence, incidents and files.

usage: leases.py QUERN MPIEXEC
"""
import csv
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading
import unittest

QUERN, MPIEXEC = sys.argv[1:3]
QUICK = os.environ.get('QUICK') == '1'  # for builds under sanitizers
WORDS = 'amber birch cloud delta ember frost grove hazel ivory jolly kiosk lemon maple noble ocean pearl quiet river solar'.split()
DAYS = (7, 8, 9, 10, 11)  # of February 2022, Monday to Friday
# One machine in three spellings, and who else had its addresses. The laptop leaves 10.9.2.2 at 10:20 for 10.9.2.3; another
# has the address for the rest of that hour, which is the longer part.
LEASES = '''\ufeffip,from,to,host\r
# the laptop\r
10.9.2.1,2022-02-07 00:00:00,2022-02-09,AA-BB-CC-00-11-22\r
10.9.2.2,2022-02-09T00:00:00Z,2022-02-10 10:20,aabb.cc00.1122\r
10.9.2.3,1644488400,,"aa:bb:cc:00:11:22"\r
10.9.2.2,2022-02-10 10:20,2022-02-12,printer\r
'''
BAD = '''10.9.2.9,2022-02-09,2022-02-08,backwards
no-ip,2022-02-09,2022-02-10,x
10.9.2.9,2022-02-30,2022-03-10,x
10.9.2.9,2022-02-09,2022-02-10
10.9.2.9,2022-02-09,2022-02-10,"\x1b[2Jx"
10.9.2.9,soon,2022-02-10,x
'''


def line(day, second, client, name, kind='A'):
    return (f'{day:02d}-Feb-2022 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{second % 1000:03d} queries: info: '
            f'client @0x7f00 {client}#4242 ({name}): query: {name} IN {kind} +E(0)K (10.9.0.53)')


def address(day, second):
    """Where the laptop is."""
    if day < 9:
        return '10.9.2.1'
    return '10.9.2.2' if (day, second) < (10, 10 * 3600 + 20 * 60) else '10.9.2.3'


def archive(moves):
    """Workers, and a laptop that lets out 30 names a day: too few of any address, enough of the machine."""
    rng, lines = random.Random(9), []
    for day in DAYS:
        for client in range(1, 13):
            for hour in range(8, 18):
                for _ in range(6):
                    lines.append(line(day, hour * 3600 + rng.randrange(3600), f'10.9.1.{client}', f'www.site{rng.randrange(20)}.com'))
        for hour in range(8, 18):
            for _ in range(5):
                second = hour * 3600 + rng.randrange(3600)
                lines.append(line(day, second, address(day, second) if moves else '10.9.2.1', f'www.site{rng.randrange(20)}.com',
                                  rng.choice(('A', 'A', 'AAAA'))))
            for _ in range(3):
                second = hour * 3600 + rng.randrange(3600)
                name = '-'.join(rng.choice(WORDS) for _ in range(6))
                lines.append(line(day, second, address(day, second) if moves else '10.9.2.1', f'{name}.drip.net'))
        if day == 10:  # the printer, at the laptop's address before
            for minute in (25, 40, 55):
                lines.append(line(day, 10 * 3600 + minute * 60, '10.9.2.2', 'www.site1.com'))
    return '\n'.join(sorted(lines, key=lambda text: text[:24])) + '\n'


class Leases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)
        for name, moves in (('moves', True), ('stays', False)):
            (cls.top / name).mkdir()
            (cls.top / name / 'queries.log').write_text(archive(moves))
        (cls.top / 'leases.csv').write_bytes(LEASES.encode())
        (cls.top / 'bad.csv').write_text('ip,from,to,host\n' + BAD + '10.9.2.1,2022-02-07,2022-02-09,a\n10.9.2.1,2022-02-08,2022-02-10,b\n')
        cls.quern('run', 'plain')
        cls.quern('run', 'hosts', f'hosts={cls.top}/leases.csv')

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def quern(cls, command, out, *sets, logs='moves', ranks=1, expect=0, words=()):
        job = cls.top / f'{logs}.yaml'
        job.write_text(f'archive: {{paths: [{cls.top}/{logs}], timezone: UTC}}\nstore: {{dir: {cls.top}/store-{logs}}}\n'
                       f'model: {{kmeans: {{k: 2}}, autoencoder: {{epochs: 2, hidden: [4]}}}}\noutput: {{dir: {cls.top}/none}}\n')
        words = [MPIEXEC, '-n', str(ranks), QUERN, command, str(job), *map(str, words), '--set', f'output.dir={cls.top}/{out}']
        for value in sets:
            words += ['--set', value]
        ran = subprocess.run(words, capture_output=True, text=True, timeout=300)
        if ran.returncode != expect:
            raise AssertionError(f'{words}: exit {ran.returncode}, expected {expect}\n{ran.stdout}\n{ran.stderr}')
        return ran

    def alone(self, *words, expect=0):
        ran = subprocess.run([QUERN, *map(str, words)], capture_output=True, text=True, timeout=300)
        self.assertEqual(ran.returncode, expect, ran.stderr)
        return ran

    def digest(self, out):
        return self.alone('info', '--digest', self.top / out / 'scores.h5').stdout.split()[0]

    def alerts(self, out):
        return [json.loads(text) for text in (self.top / out / 'alerts.jsonl').read_text().splitlines()]

    def suspects(self, out):
        with open(self.top / out / 'suspects.csv', newline='') as stream:
            return list(csv.DictReader(stream))

    def test_a_slow_tunnel_is_found_once_by_machine_and_not_by_address(self):
        self.assertEqual(self.alerts('plain'), [])
        (alert,) = self.alerts('hosts')
        self.assertEqual((alert['rule.name'], alert['dns.question.registered_domain'], alert['source.ip'], alert['host.name'],
                          alert['quern.hosts']), ('tunnel', 'drip.net', '10.9.2.3', 'aa:bb:cc:00:11:22', 1))
        (suspect,) = self.suspects('hosts')
        self.assertEqual((suspect['ip'], suspect['host'], suspect['cause']), ('10.9.2.3', 'aa:bb:cc:00:11:22', 'tunnel'))

    def rows(self, out, ip):
        """Features of the rows of an IP by window, from the export: floats as they are in the file."""
        text = self.alone('export', self.top / out, 'row').stdout
        rows = list(csv.DictReader(text.splitlines()))
        wanted = [name for name in rows[0] if name.startswith('row_feature') or name in ('row_queries', 'row_night', 'row_holiday')]
        self.assertGreater(len(wanted), 20)
        return {int(row['row_window']): [row[name] for name in wanted] for row in rows if row['row_ip_text'] == ip}

    def number(self, out, name):
        machines = list(csv.DictReader(self.alone('export', self.top / out, 'machine').stdout.splitlines()))
        (number,) = [machine['machine_ip_text'] for machine in machines if machine['machine_name'] == name]
        return number

    def test_rows_of_a_laptop_that_moves_are_those_of_one_that_stays(self):
        self.quern('run', 'stays', logs='stays')
        moved, stayed = self.rows('hosts', self.number('hosts', 'aa:bb:cc:00:11:22')), self.rows('stays', '10.9.2.1')
        shared = 1644451200 + 36000  # 10 o'clock of the 10th: what it asked at 10.9.2.2 counts as the printer's
        self.assertEqual(len(stayed), 50)
        self.assertEqual(set(moved), set(stayed))
        before = int(stayed[shared][0])
        self.assertLess(int(moved[shared][0]), before)
        printer = self.rows('hosts', self.number('hosts', 'printer'))
        self.assertEqual(list(printer), [shared])
        self.assertEqual(int(printer[shared][0]) + int(moved[shared][0]), before + 3)
        del moved[shared], stayed[shared]
        self.assertEqual(moved, stayed)

    def test_the_bits_are_the_same_on_any_ranks_and_the_store_knows_of_no_lease(self):
        before, store = self.digest('hosts'), self.alone('info', '--digest', self.top / 'store-moves').stdout
        for ranks in (3,) if QUICK else (2, 3, 5):
            self.quern('run', f'ranks{ranks}', f'hosts={self.top}/leases.csv', ranks=ranks)
            self.assertEqual(self.digest(f'ranks{ranks}'), before, ranks)
            self.quern('decide', f'ranks{ranks}', f'hosts={self.top}/leases.csv', ranks=ranks)
            self.assertEqual(len(self.alerts(f'ranks{ranks}')), 1)
        self.assertEqual(self.alone('info', '--digest', self.top / 'store-moves').stdout, store)

    def test_show_knows_it_by_name_number_and_last_address(self):
        out, number = self.top / 'hosts', self.number('hosts', 'aa:bb:cc:00:11:22')
        shown = self.alone('show', out, 'AABB.CC00.1122').stdout
        self.assertIn('aa:bb:cc:00:11:22, last at 10.9.2.3: ', shown)
        self.assertIn('drip.net', shown)
        self.assertRegex(shown, r'2022-02-0[78] \d\d:00:00  10\.9\.2\.1 ')  # where it was then
        for way in (number, '10.9.2.3', '10.9.2.1'):
            self.assertEqual(self.alone('show', out, way).stdout, shown, way)
        self.assertIn('printer, last at 10.9.2.2: ', self.alone('show', out, '10.9.2.2').stdout)
        self.assertEqual(json.loads(self.alone('show', out, 'printer', '--json').stdout)['host'], 'printer')
        self.alone('show', out, 'nobody', expect=2)
        # The lines of its windows stand under two addresses.
        ran = self.alone('show', out, number, '--lines=2022-02-10')
        self.assertEqual(set(re.findall(r'client @0x7f00 ([0-9.]+)#', ran.stdout)), {'10.9.2.2', '10.9.2.3'})
        found = re.search(r'(\d+) lines for (\d+) queries', ran.stderr)
        self.assertEqual(found[1], found[2])
        self.assertEqual(int(found[1]), ran.stdout.count('\n'))

    def asked(self, name):
        """{who: (days, queries, names)} of the archive's own lines: by the leases as they are written above."""
        found = {}
        for text in archive(True).splitlines():
            day, hour = int(text[:2]), int(text[12:14])
            client, asked = re.search(r'client @0x7f00 ([0-9.]+)#4242 \((\S+)\)', text).groups()
            if client.startswith('10.9.2.'):  # the laptop's, but for the hour that is the printer's for the longer part
                client = 'printer' if client == '10.9.2.2' and (day, hour) == (10, 10) else 'aa:bb:cc:00:11:22'
            if ('.' + asked).endswith('.' + name):
                days, queries, names = found.setdefault(client, (set(), [0], set()))
                days.add(day)
                queries[0] += 1
                names.add(asked)
        return {who: (days, queries[0], names) for who, (days, queries, names) in found.items()}

    def test_find_tells_machines_and_where_they_were_last(self):
        for name in ('drip.net', 'site1.com'):
            told = {one.get('host', one['ip']): one for one in json.loads(self.alone('find', self.top / 'hosts', name, '--json').stdout)}
            expected = self.asked(name)
            self.assertEqual({who: (one['days'], one['queries'], one['names']) for who, one in told.items()},
                             {who: (len(days), queries, len(names)) for who, (days, queries, names) in expected.items()})
            self.assertEqual(told['aa:bb:cc:00:11:22']['ip'], '10.9.2.3')
        self.assertEqual(told['printer']['ip'], '10.9.2.2')
        self.assertNotIn('host', told['10.9.1.1'])
        shown = self.alone('find', self.top / 'hosts', 'drip.net').stdout
        self.assertRegex(shown, r'names  host\n  10\.9\.2\.3 +2022-02-07 2022-02-11 +5 .* aa:bb:cc:00:11:22\n  10\.9\.2\.2 .* printer\n$')
        self.assertIn('drip.net and below: 2 IPs\n', shown)
        for out in ('plain', 'store-moves'):  # by who knows of no lease
            self.assertIn('drip.net and below: 3 IPs\n', self.alone('find', self.top / out, 'drip.net').stdout)

    def test_exported_pairs_are_of_machines_at_the_address_of_the_day(self):
        pairs = list(csv.DictReader(self.alone('export', self.top / 'hosts', 'pair').stdout.splitlines()))
        laptop = [pair for pair in pairs if pair['domain'] == 'drip.net' and pair['host'] != 'printer']
        self.assertEqual([(pair['day'][-2:], pair['ip'], pair['host']) for pair in laptop],
                         [('07', '10.9.2.1', 'aa:bb:cc:00:11:22'), ('08', '10.9.2.1', 'aa:bb:cc:00:11:22'),
                          ('09', '10.9.2.2', 'aa:bb:cc:00:11:22'), ('10', '10.9.2.3', 'aa:bb:cc:00:11:22'),
                          ('11', '10.9.2.3', 'aa:bb:cc:00:11:22')])
        _, queries, names = self.asked('drip.net')['aa:bb:cc:00:11:22']
        self.assertEqual(sum(int(pair['queries']) for pair in laptop), queries)
        self.assertEqual(sum(int(pair['names']) for pair in laptop), len(names))
        (printer,) = [pair for pair in pairs if pair['host'] == 'printer' and pair['domain'] == 'site1.com']
        self.assertEqual((printer['day'], printer['ip']), ('2022-02-10', '10.9.2.2'))
        self.assertEqual(int(printer['queries']), self.asked('site1.com')['printer'][1])
        self.assertEqual({pair['host'] for pair in pairs if pair['ip'].startswith('10.9.1.')}, {''})

    def test_compare_tells_the_machine_and_its_last_address(self):
        compared = self.alone('compare', self.top / 'plain', self.top / 'hosts').stdout
        self.assertRegex(compared, r'\n  10\.9\.2\.3 +not there .* -> +notice +tunnel .*  aa:bb:cc:00:11:22\n')
        changes = json.loads(self.alone('compare', self.top / 'plain', self.top / 'hosts', '--json').stdout)['verdicts']
        (laptop,) = [change for change in changes if 'host' in change]
        self.assertEqual((laptop['ip'], laptop['host'], laptop['after']['cause']), ('10.9.2.3', 'aa:bb:cc:00:11:22', 'tunnel'))

    def test_a_label_of_an_address_is_that_of_its_machine(self):
        labels = self.top / 'labels.csv'
        labels.write_text('ip,start,end,family,parameters,queries\n'
                          '10.9.2.1,2022-02-07 00:00:00,2022-02-12 00:00:00,dnscat2,,150\n')
        for out, days, found in (('hosts', 5, 1), ('plain', 2, 0)):
            got = json.loads(self.alone('evaluate', self.top / out, labels, '--json').stdout)
            (family,) = got['families']
            self.assertEqual((got['positives'], family['found_attacks']['evidence']), (days, found), out)

    def test_bad_lines_and_overlaps_are_told_and_the_rest_is_used(self):
        ran = self.quern('run', 'bad', f'hosts={self.top}/bad.csv')
        for text in ('bad.csv:2: "2022-02-08" is not behind the lease\'s start; the line is left out',
                     'bad.csv:3: "no-ip" is no address; ', 'bad.csv:4: "2022-02-30" is no time; ',
                     'bad.csv:5: "2022-02-10" is where a line of ip,from,to,host ends too early; ',
                     'bad.csv:6: "\\x1b[2Jx" is no name of a machine; ', 'bad.csv: 6 lines are no leases in all',
                     'bad.csv:9: 10.9.2.1 is leased to b while a has it by line 8, which ends there'):
            self.assertIn(f'quern: warning: {self.top}/{text}', ran.stderr)
        self.assertNotIn('\x1b', ran.stderr)
        self.assertNotIn('bad.csv:7', ran.stderr)
        self.assertIn('last at 10.9.2.1', self.alone('show', self.top / 'bad', 'b').stdout)
        (self.top / 'none.csv').write_text(BAD)
        for ranks, name, status, text in (
                (1, 'none.csv', 2, 'none.csv:1: no line of the file is a lease; here "2022-02-08" is not behind'),
                (3, 'absent.csv', 1, 'absent.csv: cannot be read: No such file or directory')):
            ran = self.quern('run', 'wrong', f'hosts={self.top}/{name}', ranks=ranks, expect=status)
            self.assertIn(f'quern: {self.top}/{text}', ran.stderr)
        (self.top / 'empty.csv').write_text('ip,from,to,host\n')
        ran = self.quern('decide', 'plain', f'hosts={self.top}/empty.csv', ranks=2)
        self.assertIn('empty.csv: no lease in it: an IP is a machine', ran.stderr)

    def test_one_rank_reads_the_leases_and_tells_the_others(self):
        """A pipe can be read once: a file that grows while it is read is the same to all ranks."""
        pipe = self.top / 'pipe.csv'
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=((LEASES + BAD).encode(),), daemon=True)
        writer.start()
        ran = self.quern('decide', 'hosts', f'hosts={pipe}', ranks=3)
        writer.join(60)
        self.assertIn('6 lines are no leases in all', ran.stderr)

    def test_names_are_somebody_elses_bytes_wherever_they_are_told(self):
        """A machine's name is its user's choice: a formula, controls of a terminal behind ASCII, text that runs backwards."""
        name = "=cmd|'/c calc'!a0\u009b2j\u202egnp.exe\u007e"
        (self.top / 'names.csv').write_text(LEASES.replace('AA-BB-CC-00-11-22', name).replace('aabb.cc00.1122', name)
                                            .replace('"aa:bb:cc:00:11:22"', f'"{name}"')
                                            .replace('printer', '10.9.1.1'), encoding='utf-8')
        ran = self.quern('run', 'names', f'hosts={self.top}/names.csv')
        told = [ran.stdout + ran.stderr]
        for words in (('show', '10.9.2.3'), ('find', 'drip.net'), ('export', 'machine'), ('export', 'pair')):
            told.append(self.alone(words[0], self.top / 'names', *words[1:]).stdout)
        told.append(self.alone('compare', self.top / 'plain', self.top / 'names').stdout)
        told += [(self.top / 'names' / file).read_text() for file in ('suspects.csv', 'alerts.jsonl')]
        for text in told:
            self.assertIn('cmd|', text)
            self.assertTrue(all(' ' <= c <= '~' or c in '\r\n' or '\u2500' <= c <= '\u259f' or '\u3000' <= c <= '\uffee'
                                for c in text), [c for c in text if not ' ' <= c <= '~'])
            self.assertNotIn('"=cmd', text.replace('"host.name":"=cmd', ''))  # a cell; JSON runs no formulas
        shown = json.loads(self.alone('show', self.top / 'names', name, '--json').stdout)
        self.assertEqual(shown['host'].encode('latin-1').decode(), name)
        # The printer calls itself by a worker's address: who asks for that gets the worker's.
        self.assertRegex(self.alone('show', self.top / 'names', '10.9.1.1').stdout, r'^10\.9\.1\.1: .* 50 windows')
        self.assertIn('10.9.1.1, last at 10.9.2.2: ', self.alone('show', self.top / 'names', '10.9.2.2').stdout)

    def test_scores_by_other_leases_are_not_judged_and_later_leases_change_nothing(self):
        (self.top / 'more.csv').write_bytes((LEASES + '10.9.2.1,2022-03-01,,other\r\n').encode())
        (self.top / 'less.csv').write_bytes(LEASES.replace('2022-02-12,printer', '2022-02-11,printer').encode())
        before = self.digest('hosts')
        self.quern('decide', 'hosts', f'hosts={self.top}/more.csv')
        self.assertEqual(self.digest('hosts'), before)
        ran = self.quern('decide', 'hosts', f'hosts={self.top}/less.csv', ranks=2, expect=1)
        self.assertIn('its machines are by other leases than those of hosts', ran.stderr)
        self.quern('decide', 'hosts', expect=1)
        ran = self.quern('decide', 'plain', f'hosts={self.top}/leases.csv', expect=1)
        self.assertIn('its IPs are addresses, and the job has hosts', ran.stderr)

    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_parts_of_an_array_job_are_put_together_by_the_same_leases_alone(self):
        hosts, parts = f'hosts={self.top}/leases.csv', []
        for part, (start, end) in enumerate((('07', '10'), ('10', '12'))):
            span = f'archive.from=2022-02-{start}', f'archive.to=2022-02-{end}'
            self.quern('score', f'part{part}', hosts, *span, words=('--stored', '--model', self.top / 'hosts' / 'model.h5'))
            parts.append(self.top / f'part{part}' / 'scores.h5')
        self.quern('score', 'merged', hosts, ranks=2, words=('--merge', *parts))
        self.quern('score', 'at-once', hosts, words=('--stored', '--model', self.top / 'hosts' / 'model.h5'))
        self.assertEqual(self.digest('merged'), self.digest('at-once'))
        ran = self.quern('score', 'merged', ranks=2, words=('--merge', *parts), expect=1)
        self.assertIn('its machines are by other leases than those of hosts', ran.stderr)

    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_what_leaves_under_pseudonyms_has_no_name(self):
        key = self.top / 'key'
        key.write_text('00' * 31 + '01\n')
        sets = f'hosts={self.top}/leases.csv', f'output.pseudonyms={key}'
        self.quern('run', 'secret', *sets)
        (alert,), (suspect,) = self.alerts('secret'), self.suspects('secret')
        number = self.number('secret', 'aa:bb:cc:00:11:22')
        self.assertEqual(alert['host.name'], suspect['host'])
        self.assertNotIn(suspect['host'], (number, suspect['ip']))
        for name in ('alerts.jsonl', 'suspects.csv'):
            text = (self.top / 'secret' / name).read_text()
            self.assertFalse(any(word in text for word in ('aa:bb', '10.9.2.', number)), text)
        back = self.alone('unmask', self.top / 'secret', '--key', key, suspect['host'], suspect['ip']).stdout.splitlines()
        self.assertRegex(back[0], re.escape(number) + '.*aa:bb:cc:00:11:22$')
        self.assertIn('10.9.2.3', back[1])
        pairs = self.alone('export', self.top / 'secret', 'pair', '--key', key).stdout
        self.assertFalse(any(word in pairs for word in ('aa:bb', 'printer', '10.9.2.', number)))
        self.assertIn(f'"{suspect["host"]}"', pairs)
        ran = self.alone('export', self.top / 'secret', 'machine', '--key', key, expect=2)
        self.assertIn('has names of machines', ran.stderr)

    @unittest.skipIf(QUICK, 'slow under sanitizers')
    def test_an_address_in_a_list_stands_for_who_had_it(self):
        sets = f'hosts={self.top}/leases.csv',
        (self.top / 'allow.csv').write_text('drip.net,10.9.2.0/30,,,ours\n')
        self.quern('run', 'lists', *sets)
        self.quern('decide', 'lists', *sets, f'decide.allow=[{self.top}/allow.csv]')
        self.assertEqual([suspect for suspect in self.suspects_after_report('lists', *sets) if suspect['cause'] == 'tunnel'], [])
        self.alone('ack', self.top / 'lists', '10.9.2.3', 'drip.net', '*', 'benign', '--until', '2030-01-01', '--reason', 'ours')
        self.quern('decide', 'lists', *sets)
        shown = json.loads(self.alone('show', self.top / 'lists', '10.9.2.3', '--json').stdout)
        self.assertNotEqual(shown['verdict'], 'critical')

    def suspects_after_report(self, out, *sets):
        self.quern('report', out, *sets)
        return self.suspects(out)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
