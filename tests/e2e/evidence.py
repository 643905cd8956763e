#!/usr/bin/env python3
"""Evidence: each mechanism finds its attack, leaves its benign look-alike alone, and knows its threshold.

usage: evidence.py QUERN MPIEXEC

An archive of 12 days and some 25 hosts, each with a life of its own; attackers and look-alikes among them. What must
be found follows from what was written, by the definitions in docs/rules.md.
"""
import csv
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

QUERN, MPIEXEC = sys.argv[1:3]
DAYS = range(7, 19)  # February 2022; 12, 13 are a weekend
WORKERS = [f'10.9.1.{i}' for i in range(1, 21)]
COMMON = [f'www.site{i}.com' for i in range(40)]


def words(seed, count, alphabet='abcdefghijklmnopqrstuvwxyz234567'):
    rng = random.Random(str(seed))
    return ''.join(rng.choice(alphabet) for _ in range(count))


class Archive:
    def __init__(self):
        self.lines = []

    def ask(self, day, second, client, name, kind='A'):
        stamp = f'{day:02d}-Feb-2022 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000'
        self.lines.append((stamp, f'queries: info: client @0x7f00 {client}#{1024 + len(self.lines) % 60000} ({name}): '
                                  f'query: {name} IN {kind} +E(0)K (10.9.0.53)'))

    def write(self, path):
        path.write_text('\n'.join(' '.join(line) for line in sorted(self.lines)) + '\n')


def everybody(archive):
    """Office hours of all workers; a server that never sleeps."""
    rng = random.Random(7)
    for day in DAYS:
        if day in (12, 13):
            continue
        for client in WORKERS:
            for hour in range(8, 19):
                for _ in range(12):
                    archive.ask(day, hour * 3600 + rng.randrange(3600), client, rng.choice(COMMON),
                                rng.choice(('A', 'AAAA', 'HTTPS')))
    for day in DAYS:
        for hour in range(24):
            if (day, hour) in ((17, 3), (17, 4), (17, 5), (17, 6)):
                continue  # the silence
            for minute in range(0, 60, 10):
                archive.ask(day, hour * 3600 + minute * 60, '10.9.2.1', COMMON[hour])
                archive.ask(day, hour * 3600 + minute * 60 + 5, '10.9.2.2', COMMON[hour])


def attacks(archive):
    for i in range(130):  # tunnel: 130 new names in a day, more than twice the threshold
        archive.ask(16, 36000 + 20 * i, WORKERS[0], f'{words(i, 40)}.t.tunnel-one.net', 'TXT')
    for i in range(70):  # two hosts of one campaign, neither of which reaches the bounds of a single host by much
        for host in (1, 2):
            archive.ask(16, 40000 + 20 * i, WORKERS[host], f'{words((host, i), 8)}.c2.campaign.org')
    for i in range(25):  # odd types
        archive.ask(17, 50000 + 30 * i, WORKERS[3], f'x{i % 4}.odd-types.net', 'NULL')
    for day in (14, 15, 16):  # dga: 20 bare domains a day, once each
        for i in range(20):
            archive.ask(day, 39000 + 7 * i, WORKERS[4], f'{words((day, i), 14, "abcdefghijklmnopqrstuvwxyz")}.biz')
    for day in (15, 16, 17):  # beacon in the night, every 5 minutes
        for tick in range(0, 5 * 3600, 300):
            archive.ask(day, tick + 3600, WORKERS[5], 'beacon.night-clock.net')
    for i in range(2000):  # burst of repeats
        archive.ask(16, 43200 + i, WORKERS[6], COMMON[i % 10])


def listed(archive):
    """What is on a list, and what only looks like it."""
    for day, host, name, kind in ((16, 16, 'deep.below.listed.org', 'A'), (16, 16, 'listed.org', 'A'),
                                  (16, 18, 'www.listed.org', 'A'), (16, 17, 'www.other-listed.net', 'AAAA'),
                                  (16, 19, 'unlisted.org', 'A'), (16, 19, 'other-listed.net', 'A'),
                                  (16, 19, 'notlisted.org', 'A'), (16, 19, 'example.com', 'A'),
                                  (7, 16, 'x.critical.example.com', 'A'), (17, 17, 'ads.hosts-file.net', 'A'),
                                  (16, 17, 'www.csv-listed.org', 'A'), (17, 17, 'www.csv-listed.org', 'A'),
                                  (17, 18, '9.100.51.198.in-addr.arpa', 'PTR'), (17, 19, '9.101.51.198.in-addr.arpa', 'PTR'),
                                  (17, 18, '7.113.0.203.in-addr.arpa', 'PTR')):
        archive.ask(day, 50000, WORKERS[host], name, kind)


def look_alikes(archive):
    for day in DAYS:  # a counter: many names of one shape
        for i in range(90):
            archive.ask(day, 36000 + 30 * i, WORKERS[10], f'metric{day * 1000 + i}.count.telemetry.net')
        for i in range(80):  # reversed addresses
            archive.ask(day, 37000 + 30 * i, WORKERS[11], f'{i}.{day}.9.10.in-addr.arpa', 'PTR')
        for tick in range(0, 86400, 300):  # a device that asks its vendor and nobody else, by the clock
            archive.ask(day, tick, '10.9.3.1', 'status.vendor-cloud.net')
        for tick in range(8 * 3600, 18 * 3600, 300):  # a ticker in working hours
            archive.ask(day, tick, WORKERS[12], 'rates.ticker.net')
    for i in range(59):  # one name less than the threshold
        archive.ask(16, 36000 + 20 * i, WORKERS[13], f'{words((99, i), 12)}.below.net')
    for i in range(9):
        archive.ask(17, 50000 + 30 * i, WORKERS[14], 'x.few-odd.net', 'KEY')
    for i in range(4):
        archive.ask(17, 51000 + 30 * i, WORKERS[14], 'x.few-null.net', 'NULL')
    for client in WORKERS:  # a domain of everybody: unique names, but common
        for i in range(70):
            archive.ask(16, 45000 + i, client, f'{words((client, i), 20)}.cdn-of-all.com')
    for i in range(70):  # a content network: M1 sees it, rules 6 and 7 know it; an anti-virus program: all know it
        for client, domain in ((WORKERS[9], 'cdn.cloudflare.net'), (WORKERS[19], 'sophosxl.net')):
            archive.ask(16, 45000 + i, client, f'{words((98, i), 63, "0123456789abcdef")}.i.01.mac.{domain}')
    for i in range(1200):  # a sweep: all names are different
        archive.ask(16, 30000 + i, WORKERS[15], f'www.site{i % 40}.com' if i % 3 == 0 else f'h{i}.site{i % 40}.com')


class Evidence(unittest.TestCase):
    silenced = set()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.top = pathlib.Path(cls.folder.name)
        archive = Archive()
        everybody(archive)
        attacks(archive)
        look_alikes(archive)
        listed(archive)
        (cls.top / 'logs').mkdir()
        archive.write(cls.top / 'logs' / 'queries.log')
        (cls.top / 'bad.txt').write_bytes(
            b'\xef\xbb\xbf# a list\r\n*.listed.org\r\n\r\nWWW.Other-Listed.net # why\r\ngarbage garbage garbage\r\n'
            b'not a name\r\n198.51.100.0/24\r\n')
        (cls.top / 'zone.rpz').write_text(
            '$TTL 60\n$ORIGIN rpz.local.\n@ SOA localhost. root.localhost. 1 2 3 4 5\n@ NS localhost.\n'
            'critical.example.com.rpz.local. CNAME .\n*.critical.example.com.rpz.local. CNAME .\n'
            '32.7.113.0.203.rpz-ip CNAME .\n')
        (cls.top / 'hosts').write_text('127.0.0.1 localhost\n0.0.0.0 ads.hosts-file.net tracker.hosts-file.net\n')
        (cls.top / 'list.csv').write_text('domain,since\n"csv-listed.org",2022-01-01\n')
        (cls.top / 'allow.csv').write_text(
            'domain,host,mechanism,until,reason\nlisted.org,10.9.1.19,listed,,tested by us\n'
            f'csv-listed.org,*,,2022-02-16,until Wednesday\ncritical.example.com,,,,never\nexample.com,,,,never\n'
            f'nonsense,10.0.0.0/33\n')
        (cls.top / 'job.yaml').write_text(
            f'archive: {{paths: [{cls.top}/logs], timezone: Asia/Tokyo}}\nstore: {{dir: {cls.top}/store}}\n'
            f'decide: {{reputation: [{cls.top}/bad.txt, {{path: {cls.top}/zone.rpz, critical: yes}}, {cls.top}/hosts, '
            f'{cls.top}/list.csv], allow: [{cls.top}/allow.csv]}}\n'
            f'model: {{kmeans: {{k: 4}}, autoencoder: {{epochs: 3, hidden: [8]}}}}\noutput: {{dir: {cls.top}/1}}\n')
        cls.said = cls.run_job(1)
        cls.found = cls.evidence(1)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def run_job(cls, ranks):
        return subprocess.run([MPIEXEC, '-n', str(ranks), QUERN, 'run', cls.top / 'job.yaml', '--quiet', '--set',
                               f'output.dir={cls.top}/{ranks}'], check=True, capture_output=True, text=True,
                              timeout=300).stderr

    @classmethod
    def evidence(cls, ranks):
        """{(ip, mechanism, domain, day): (value, window, bits, names)}"""
        import h5py
        found = {}
        with h5py.File(cls.top / str(ranks) / 'scores.h5') as file:
            def heap(name):
                text, ends = file[name][:].tobytes().decode(), file[name + '_end'][:]
                return [text[a:b] for a, b in zip([0, *ends], ends)]
            meanings = file['evidence_mechanism'].attrs['flag_meanings'].split()
            ips = [bytes(row.tobytes()).rstrip(b'\0').decode() for row in file['evidence_ip_text'][:]]
            for i, (domain, names) in enumerate(zip(heap('evidence_domain'), heap('evidence_name'))):
                day = int(file['evidence_day'][i]) - 19024 + 1  # of February 2022
                if file['evidence_silenced'][i]:
                    cls.silenced.add((ips[i], domain, day))
                    continue
                found[ips[i], meanings[file['evidence_mechanism'][i]], domain, day] = (
                    int(file['evidence_value'][i]), int(file['evidence_window_days'][i]),
                    float(file['evidence_bits'][i]), names.split())
        return found

    def of(self, ip):
        return {key[1:]: value for key, value in self.found.items() if key[0] == ip}

    def test_a_tunnel_shows_its_new_names_and_bytes(self):
        found = self.of(WORKERS[0])
        value, window, bits, names = found['new_names', 'tunnel-one.net', 16]
        self.assertEqual((value, window), (130, 1))
        self.assertAlmostEqual(bits, 1.1154772174199359, 12)  # log2(130/60)
        self.assertEqual(len(names), 8)
        self.assertTrue(all(name.endswith('.t.tunnel-one.net') for name in names))
        value, window, _, _ = found['new_bytes', 'tunnel-one.net', 16]
        self.assertEqual(value, 130 * (40 + 2))  # label, dot, t

    def test_a_tunnel_shows_in_the_rules(self):
        found = self.of(WORKERS[0])
        self.assertEqual(found['txt_hour', 'tunnel-one.net', 16][0], 130)  # 130 of some 142 queries of that hour
        self.assertEqual(found['txt_day', 'tunnel-one.net', 16][0], 130)
        self.assertEqual(found['txt_hour', 'tunnel-one.net', 16][2], 2)  # log2(130/20), of which 2 count
        self.assertNotIn('long_names', {mechanism for mechanism, _, _ in found})  # 42 bytes

    def test_a_campaign_joins_its_hosts(self):
        for host in (WORKERS[1], WORKERS[2]):
            value, _, _, _ = self.of(host)['campaign_names', 'campaign.org', 16]
            self.assertEqual(value, 140)
            self.assertEqual(self.of(host)['new_names', 'campaign.org', 16][0], 70)

    def test_odd_types_are_counted(self):
        self.assertEqual(self.of(WORKERS[3])['odd_types', 'odd-types.net', 17][0], 25)
        self.assertEqual(self.of(WORKERS[3])['null_type', 'odd-types.net', 17][0], 25)

    def test_domains_asked_once_by_a_program_are_found(self):
        found = self.of(WORKERS[4])
        self.assertEqual(found['one_shot', '', 14][0], 20)
        value, window, _, _ = found['one_shot', '', 16]
        self.assertEqual((value, window), (60, 5))

    def test_a_beacon_in_the_night_is_found(self):
        found = self.of(WORKERS[5])
        self.assertEqual(found['regular', 'night-clock.net', 17][:2], (15, 5))
        self.assertEqual(found['quiet_only', 'night-clock.net', 17][0], 15)
        self.assertIn(('regular', 'night-clock.net', 16), found)

    def test_a_burst_of_repeats_is_found(self):
        # The busiest hour is 12:00 with 2,000 more; the host's other days have 12 an hour, and no day more than 24.
        value, _, bits, _ = self.of(WORKERS[6])['repeats', '', 16]
        self.assertGreaterEqual(value, 100 * 2000 // 24)
        self.assertGreater(bits, 3)

    def test_a_host_that_never_sleeps_is_missed(self):
        self.assertEqual(self.of('10.9.2.1')['silence', '', 17][0], 4)

    def test_lists_cover_names_below_and_addresses(self):
        found = self.of(WORKERS[16])
        self.assertEqual(found['listed', 'listed.org', 16][0], 2)
        self.assertEqual(found['listed', 'example.com', 7][2], 3)  # critical, on the first day too
        found = self.of(WORKERS[17])
        self.assertIn(('listed', 'other-listed.net', 16), found)
        self.assertIn(('listed', 'hosts-file.net', 17), found)
        self.assertIn(('listed', 'csv-listed.org', 17), found)  # what allowed it ended the day before
        self.assertNotIn(('listed', 'csv-listed.org', 16), found)
        found = self.of(WORKERS[18])
        domains = {domain for _, domain, _ in found}
        self.assertEqual({mechanism for mechanism, _, _ in found}, {'listed_address'})
        self.assertEqual(sum(value[0] for value in found.values()), 2, domains)
        self.assertEqual(self.silenced, {(WORKERS[18], 'listed.org', 16), (WORKERS[17], 'csv-listed.org', 16)})

    def test_what_is_silenced_is_listed_with_its_entry(self):
        with open(self.top / '1' / 'silenced.csv', newline='') as file:
            rows = [(row['day'], row['ip'], row['mechanism'], row['domain'], row['value'], row['list'], row['line'])
                    for row in csv.DictReader(file)]
        path = str(self.top / 'allow.csv')
        self.assertEqual(sorted(rows), [('2022-02-16', WORKERS[17], 'listed', 'csv-listed.org', '1', path, '3'),
                                        ('2022-02-16', WORKERS[18], 'listed', 'listed.org', '1', path, '2')])

    def test_known_software_is_named(self):
        ran = subprocess.run([QUERN, 'show', self.top / '1', WORKERS[9], '--json'], check=True, capture_output=True)
        shown = json.loads(ran.stdout)
        self.assertEqual({(item['mechanism'], item['software']) for item in shown['evidence']},
                         {('new_names', 'Cloudflare'), ('new_bytes', 'Cloudflare')})
        for reason in shown['reasons']:
            if reason['code'].startswith('new_'):
                self.assertIn('cloudflare.net (Cloudflare)', reason['en'])
                self.assertIn('cloudflare.net (Cloudflare)', reason['ja'])

    def test_what_is_no_entry_is_told(self):
        self.assertIn('bad.txt: 2 lines are no entry, line 5 first', self.said)
        self.assertIn('allow.csv: 1 lines are no entry, line 6 first', self.said)
        self.assertIn('2 pieces of evidence are silenced', self.said)

    def test_look_alikes_stay_silent(self):
        for host in WORKERS[7:9] + WORKERS[10:16] + WORKERS[19:]:
            self.assertEqual(self.of(host), {}, host)
        self.assertEqual(self.of('10.9.3.1'), {})

    def test_verdicts_follow(self):
        # Of the tunnel both M1 and rule 5 have a bit or more, on the same domain.
        for host, verdict, cause in ((WORKERS[0], 'critical', 'tunnel'), (WORKERS[5], 'warning', 'beacon'),
                                     (WORKERS[6], 'critical', 'burst'), (WORKERS[3], 'warning', 'tunnel')):
            ran = subprocess.run([QUERN, 'show', self.top / '1', host, '--json'], check=True, capture_output=True)
            shown = json.loads(ran.stdout)
            self.assertEqual(shown['verdict'], verdict, host)
            if cause:
                self.assertEqual(shown['cause'], cause, host)

    def test_ranks_change_no_bit(self):
        def digest(ranks):
            ran = subprocess.run([QUERN, 'info', '--digest', self.top / str(ranks) / 'scores.h5'], check=True,
                                 capture_output=True, text=True)
            return ran.stdout.split()[0]
        for ranks in (2, 3, 5):
            self.run_job(ranks)
            self.assertEqual(digest(ranks), digest(1))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1)
