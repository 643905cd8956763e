#!/usr/bin/env python3
"""A real BIND server logs real queries, and each of them is found in the extracted tables.

usage: named.py QUERN MPIEXEC

Starts Debian's named on a free loopback port, with a configuration of its own in a temporary folder, sends queries with
dig, and runs `quern extract` on the query log. What is expected comes from the list QUERIES and from nothing else.
Needs no network but loopback and no rights but its user's (in some containers only root has other 127.x addresses).
Exits 77 without named or dig.
"""
import collections
import contextlib
import ctypes
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'reference'))

import shard_file  # noqa: E402  (it lies there)

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATH = os.environ.get('PATH', '') + ':/usr/sbin:/usr/local/sbin'
NAMED, DIG = shutil.which('named', path=PATH), shutil.which('dig', path=PATH)
SLOT_S = 300  # of row_repeated; all queries of a round must lie in one
SECRET = 'c2VjcmV0IG9mIGEgdGVzdA=='
CONF = '''
options {{
    directory "{folder}"; pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key"; querylog yes;
    listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 port {port} {{ ::1; }};
    recursion no; dnssec-validation no; allow-query {{ any; }}; minimal-any no;
}};
controls {{ }};
key "test.key" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "." {{ type primary; file "{folder}/root.zone"; check-names ignore; }};
logging {{
    channel asked {{ file "{folder}/queries.log"; print-time yes; print-category yes; print-severity yes; }};
    channel rest {{ file "{folder}/rest.log"; }};
    category queries {{ asked; }}; category default {{ rest; }};
}};
'''
ZONE = '''$TTL 300
. SOA a.root.example. hostmaster.example. 1 3600 600 86400 300
. NS a.root.example.
a.root.example. A 192.0.2.53
* A 192.0.2.1
* TXT "v=spf1 -all"
'''
NUMBERS = {'A': 1, 'NS': 2, 'SOA': 6, 'NULL': 10, 'PTR': 12, 'MX': 15, 'TXT': 16, 'AAAA': 28, 'SRV': 33, 'SVCB': 64,
           'HTTPS': 65, 'ANY': 255, 'TYPE65399': 65399, 'TYPE65534': 65534}


@dataclasses.dataclass
class Query:
    """A query: its name as labels before and of the registered domain, how dig sends it, what the line must say."""
    sub: list
    domain: list
    qtype: str = 'A'
    options: tuple = ()
    client: str = '127.0.0.1'
    flags: str = '+EK'  # what dig sends of itself: RD, EDNS and a cookie
    times: int = 1
    text: str = None  # for dig, where not every odd octet shall be \DDD
    printed: str = None  # by BIND, where it is not simply the labels
    qclass: str = 'IN'

    @property
    def labels(self):
        return [*self.sub, *self.domain]

    @property
    def name(self):
        """As the tables have it: lower case, BIND's escapes."""
        return self.printed or b'.'.join(self.labels).decode('ascii').lower() or '.'

    @property
    def domain_name(self):
        return b'.'.join(self.domain).decode('ascii').lower() or '.'

    def dig_text(self):
        def label_text(label):
            return ''.join(chr(c) if chr(c).isalnum() and c < 128 or c in b'-_' else f'\\{c:03}' for c in label)
        return self.text or '.'.join(map(label_text, self.labels)) + '.'

    def is_mixed(self):
        letters = b''.join(self.labels)
        return bool(re.search(b'[A-Z]', letters) and re.search(b'[a-z]', letters))


E2, COJP = [b'odd', b'example'], [b'shop', b'co', b'jp']
L63 = b'l' * 63
QUERIES = [
    # every type, over UDP
    *(Query([b'host'], [b'types', b'example'], qtype, client='127.0.0.2')
      for qtype in ('A', 'AAAA', 'TXT', 'NULL', 'MX', 'SRV', 'SVCB', 'HTTPS', 'TYPE65399', 'TYPE65534', 'SOA')),
    Query([b'host'], [b'types', b'example'], 'ANY', ('+notcp',), '127.0.0.2'),
    Query([b'4', b'3', b'2'], [b'1', b'in-addr', b'arpa'], 'PTR', client='127.0.0.2', times=2),
    # letters in both cases, one name in three spellings
    Query([b'WwW'], [b'ShOp', b'co', b'JP'], 'AAAA', client='127.0.0.3'),
    Query([b'www'], [b'SHOP', b'co', b'jp'], 'A', client='127.0.0.3', times=2),
    Query([b'www'], COJP, 'A', client='127.0.0.3'),
    Query([b'WWW'], [b'SHOP', b'CO', b'JP'], 'TXT', client='127.0.0.3'),
    # names that must be escaped
    Query([b'a.b'], E2, text=r'a\.b.odd.example.', printed=r'a\.b.odd.example', client='127.0.0.4'),
    Query([b'a', b'b'], E2, client='127.0.0.4'),
    Query([b' '], E2, text=r'\032.odd.example.', printed=r'\032.odd.example', client='127.0.0.4', times=3),
    Query([b'\x80\xff\xc3\xa4'], E2, printed=r'\128\255\195\164.odd.example', client='127.0.0.4'),
    Query([b'\0\t\n\x7f'], E2, printed=r'\000\009\010\127.odd.example', client='127.0.0.4'),
    Query([b'(x);"y"@$\\'], E2, printed=r'\(x\)\;\"y\"\@\$\\.odd.example', client='127.0.0.4'),
    Query([b"_a*b[c]:d#e/f'g%h="], E2, printed="_a*b[c]:d#e/f'g%h=.odd.example", client='127.0.0.4'),
    # the root, a public suffix, and long names
    Query([], [], 'NS', client='127.0.0.5', times=2),
    Query([], [b'co', b'jp'], 'A', client='127.0.0.5'),
    Query([L63], [b'long', b'example'], 'TXT', client='127.0.0.5'),
    Query([L63, L63, L63, b'm' * 48], [b'long', b'example'], 'TXT', client='127.0.0.5'),  # 255 octets
    # how it was sent
    Query([b'tcp'], [b'flags', b'example'], 'A', ('+tcp',), '127.0.0.6', '+EKT', times=2),
    Query([b'do'], [b'flags', b'example'], 'A', ('+dnssec',), '127.0.0.6', '+EKD'),
    Query([b'cd'], [b'flags', b'example'], 'A', ('+cdflag',), '127.0.0.6', '+EKC'),
    Query([b'noedns'], [b'flags', b'example'], 'A', ('+noedns',), '127.0.0.6', '+'),
    Query([b'norec'], [b'flags', b'example'], 'A', ('+norecurse', '+nocookie'), '127.0.0.6', '-E'),
    Query([b'ecs'], [b'flags', b'example'], 'A', ('+subnet=198.51.100.0/24',), '127.0.0.6'),
    Query([b'ecs'], [b'flags', b'example'], 'AAAA', ('+subnet=2001:db8::/56', '+tcp', '+dnssec'), '127.0.0.6',
          '+EKTD'),
    Query([b'key'], [b'flags', b'example'], 'A', ('-y', f'hmac-sha256:test.key:{SECRET}'), '127.0.0.6', '+EKS'),
    Query([], [b'version', b'bind'], 'TXT', (), '127.0.0.6', qclass='CH'),
    # over IPv6, from far inside 127/8, and from a client that nobody watches
    Query([b'six'], [b'v6', b'example'], 'AAAA', client='::1', times=3),
    Query([b'six'], [b'v6', b'example'], 'A', ('+tcp',), client='::1', flags='+EKT'),
    Query([b'far'], COJP, 'HTTPS', client='127.99.88.77', times=2),
    Query([b'www'], COJP, 'A', client='127.200.0.1', times=4),
    Query([b'only'], [b'unwatched', b'example'], 'A', client='127.200.0.1'),
]
WATCHED = [query for query in QUERIES if query.client != '127.200.0.1']


def free_port():
    """A port that nobody has on 127.0.0.1 and ::1, for UDP or TCP."""
    for _ in range(50):
        with contextlib.ExitStack() as stack:
            port = 0
            try:
                for family, address in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        one = stack.enter_context(socket.socket(family, kind))
                        one.bind((address, port))
                        port = one.getsockname()[1]
            except OSError:
                continue
            return port
    raise RuntimeError('no free port on loopback')


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: also when this test is killed


class Server:
    """named, from `with` to its end whatever happens between."""

    def __init__(self, folder):
        self.folder, self.log = folder, folder / 'queries.log'

    def __enter__(self):
        # Debian confines /usr/sbin/named, by its path, to folders of its own; a copy may use ours.
        program = self.folder / 'named'
        shutil.copy(NAMED, program)
        (self.folder / 'root.zone').write_text(ZONE)
        for _ in range(5):
            self.port = free_port()
            (self.folder / 'named.conf').write_text(CONF.format(folder=self.folder, port=self.port, secret=SECRET))
            self.process = subprocess.Popen([program, '-f', '-n', '1', '-c', self.folder / 'named.conf'],
                                            env={**os.environ, 'TZ': 'Asia/Tokyo'}, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                            preexec_fn=die_with_parent)
            if self.answers():
                return self
            self.stop()
        rest = self.folder / 'rest.log'
        raise RuntimeError(f'named does not answer: {rest.read_text() if rest.exists() else "no log"}')

    def answers(self):
        deadline = time.time() + 15
        while time.time() < deadline and self.process.poll() is None:
            # By connecting, since a query would be logged.
            with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', self.port), 1), \
                    socket.create_connection(('::1', self.port), 1):
                return True
            time.sleep(0.05)
        return False

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __exit__(self, *_):
        self.stop()

    def dig(self, query):
        server = '::1' if ':' in query.client else '127.0.0.1'
        ran = subprocess.run(
            [DIG, '-r', '-p', str(self.port), '-b', query.client, f'@{server}', '-q', query.dig_text(), '-t', query.qtype,
             '-c', query.qclass, '+tries=1', '+time=10', '+ignore', *query.options],
            capture_output=True, text=True, timeout=30)
        if ran.returncode != 0 or 'status:' not in ran.stdout:
            raise RuntimeError(f'dig {query}: exit {ran.returncode}: {ran.stdout}{ran.stderr}')

    def wait_for_lines(self, count):
        deadline = time.time() + 20
        while time.time() < deadline:
            if self.log.exists() and self.log.read_bytes().count(b'\n') >= count:
                return
            time.sleep(0.05)


def round_of_queries(folder):
    """Sends QUERIES; returns (first, last second), which lie in one slot."""
    for attempt in range(4):
        left = SLOT_S - time.time() % SLOT_S
        if left < 30:
            time.sleep(left + 0.1)
        here = folder / f'named{attempt}'
        here.mkdir()
        with Server(here) as server:
            begin = time.time()
            for query in QUERIES:
                for _ in range(query.times):
                    server.dig(query)
            end = time.time()
            server.wait_for_lines(sum(query.times for query in QUERIES))
        if begin // SLOT_S == end // SLOT_S:
            return server.log, begin, end
    raise RuntimeError('the queries never fitted into one slot of 300 s')


def text_of(octets):
    return b''.join(octets).rstrip(b'\0').decode('ascii')


class Named(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import h5py
        cls.stack = contextlib.ExitStack()
        cls.addClassCleanup(cls.stack.close)
        folder = pathlib.Path(cls.stack.enter_context(tempfile.TemporaryDirectory()))
        log, cls.begin, cls.end = round_of_queries(folder)
        job = folder / 'job.yaml'
        job.write_text(f'archive: {{paths: [{log}], timezone: Asia/Tokyo, clients: [127.0.0.0/9, "::1"]}}\n'
                       f'features: {{suffixes: {ROOT}/datasets/suffixes.dat}}\noutput: {{dir: {folder}/out}}\n')
        ran = subprocess.run([sys.argv[2], '-n', '2', sys.argv[1], 'extract', job], capture_output=True, text=True,
                             timeout=120)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        shard, = (folder / 'out' / 'store').glob('????-??-??.h5')
        cls.file = cls.stack.enter_context(h5py.File(shard))
        cls.names, cls.domains = shard_file.texts(cls.file, 'name'), shard_file.texts(cls.file, 'domain')

    def column(self, name):
        return shard_file.column(self.file, name).tolist()

    def sums(self, key, value=lambda query: 1, queries=WATCHED):
        """{key: sum of value × times}, keys whose sum is 0 too."""
        found = collections.Counter()
        for query in queries:
            found[key(query)] += value(query) * query.times
        return dict(found)

    def row(self, name):
        return dict(zip(map(text_of, self.file['row_ip_text'][:]), self.column(name)))

    def test_each_client_has_one_row_with_its_queries_by_type(self):
        groups = {'a': 'A', 'aaaa': 'AAAA', 'ptr': 'PTR', 'txt': 'TXT', 'null': 'NULL TYPE65399', 'mx': 'MX',
                  'srv': 'SRV', 'https': 'HTTPS SVCB', 'other': 'NS SOA ANY TYPE65534', 'private': 'TYPE65399',
                  'any': 'ANY'}
        self.assertEqual(self.row('row_queries'), self.sums(lambda q: q.client))
        for group, types in groups.items():
            expected = self.sums(lambda q: q.client, lambda q: q.qtype in types.split())
            self.assertEqual(self.row(f'row_type_{group}'), expected, group)

    def test_each_row_counts_how_it_was_asked(self):
        counts = {'no_edns': lambda q: 'E' not in q.flags, 'do': lambda q: 'D' in q.flags,
                  'cookie': lambda q: 'K' in q.flags,
                  'odd_flags': lambda q: '-' in q.flags or bool(set(q.flags) & set('STC')), 'mixed': Query.is_mixed,
                  'sub_bytes': lambda q: len(b'.'.join(q.sub))}
        for name, count in counts.items():
            self.assertEqual(self.row(f'row_{name}'), self.sums(lambda q: q.client, count), name)

    def test_each_row_counts_its_names_and_domains(self):
        for client, found in self.row('row_names').items():
            of = [query for query in WATCHED if query.client == client]
            by_domain = self.sums(lambda q: q.domain_name, queries=of)
            info = collections.Counter()
            for name, domain, size in {(q.name, q.domain_name, len(b'.'.join(q.sub))) for q in of}:
                info[domain] += size
            self.assertEqual(found, len({q.name for q in of}), client)
            self.assertEqual(self.row('row_domains')[client], len(by_domain))
            self.assertEqual(self.row('row_domain_top')[client], max(by_domain.values()))
            self.assertEqual(self.row('row_info_bytes')[client], max(info.values()))
            self.assertEqual(self.row('row_sub_max')[client], max(len(b'.'.join(q.sub)) for q in of))
            self.assertEqual(self.row('row_label_max')[client], max(len(x) for q in of for x in [b'', *q.labels]))
            self.assertEqual(self.row('row_resolvers')[client], 1)
        self.assertEqual(self.row('row_unit_queries').keys(), self.row('row_names').keys())
        self.assertEqual({client: sum(units) for client, units in self.row('row_unit_queries').items()},
                         self.row('row_queries'))

    def test_whoever_asks_first_misses_and_all_others_repeat(self):
        seen, hits = set(), dict.fromkeys(self.row('row_queries'), 0)
        for query in QUERIES:
            asked = (':' in query.client, query.name, query.qtype)
            if query in WATCHED:
                hits[query.client] += query.times - (asked not in seen)
            seen.add(asked)
        self.assertEqual(self.row('row_repeated'), hits)

    def test_rows_lie_in_the_time_of_sending(self):
        for low, high in zip(self.column('row_first_ms'), self.column('row_last_ms')):
            self.assertLessEqual(self.begin * 1000 - 20, low)  # named reads a coarse clock
            self.assertLessEqual(low, high)
            self.assertLessEqual(high, self.end * 1000 + 20)
        self.assertEqual(set(self.column('row_window')), {int(self.begin) // 3600 * 3600})

    def test_each_name_that_a_client_asked_for_is_an_entry(self):
        clients = [socket.inet_ntop(socket.AF_INET6, bytes(ip)).removeprefix('::ffff:')
                   for ip in self.column('asked_ip')]
        keys = [(client, self.names[at]) for client, at in zip(clients, self.column('asked_name'))]
        self.assertEqual(dict(zip(keys, self.column('asked_queries'))), self.sums(lambda q: (q.client, q.name)))
        for name, types in (('txt', ['TXT']), ('odd', ['NULL', 'TYPE65399', 'TYPE65534'])):
            expected = self.sums(lambda q: (q.client, q.name), lambda q: q.qtype in types)
            self.assertEqual(dict(zip(keys, self.column(f'asked_{name}'))), expected, name)
        shop = keys.index(('127.0.0.3', 'www.shop.co.jp'))
        self.assertEqual(self.column('asked_mixed')[shop], 3)
        self.assertEqual(self.column('asked_respelled')[shop], 1)
        # WwWShOpcoJP changes case six times, wwwSHOPcojp twice: that of the spelling with the smaller hash
        self.assertIn(self.column('asked_case_changes')[shop], (6, 2))

    def test_names_are_as_bind_prints_them_with_their_domains(self):
        self.assertEqual(sorted(self.names), sorted({query.name for query in QUERIES}))
        domain_of = {name: self.domains[at] for name, at in zip(self.names, self.column('name_domain'))}
        self.assertEqual(domain_of, {query.name: query.domain_name for query in QUERIES})
        for name, value in (('sub_bytes', lambda q: len(b'.'.join(q.sub))),
                            ('label_max', lambda q: max(map(len, q.labels), default=0))):
            found = dict(zip(self.names, self.column(f'name_{name}')))
            self.assertEqual(found, {q.name: value(q) for q in QUERIES}, name)

    def test_each_pair_of_client_and_domain_is_an_entry(self):
        clients = [socket.inet_ntop(socket.AF_INET6, bytes(ip)).removeprefix('::ffff:') for ip in self.column('pair_ip')]
        keys = [(client, self.domains[at]) for client, at in zip(clients, self.column('pair_domain'))]
        self.assertEqual(dict(zip(keys, self.column('pair_queries'))), self.sums(lambda q: (q.client, q.domain_name)))
        ends = self.column('pair_type_end')
        heap = list(zip(self.column('type_number'), self.column('type_queries')))
        for key, begin, end in zip(keys, [0, *ends], ends):
            of = [q for q in WATCHED
                  if (q.client, q.domain_name) == key and q.qtype not in ('A', 'AAAA', 'PTR', 'HTTPS')]
            self.assertEqual(dict(heap[begin:end]), self.sums(lambda q: NUMBERS[q.qtype], queries=of), key)

    def test_domains_count_everybody(self):
        self.assertEqual(dict(zip(self.domains, self.column('domain_queries'))),
                         self.sums(lambda q: q.domain_name, queries=QUERIES))
        ends = self.column('domain_client_end')
        clients = {domain: end - begin for domain, begin, end in zip(self.domains, [0, *ends], ends)}
        self.assertEqual(clients, {q.domain_name: len({p.client for p in QUERIES if p.domain_name == q.domain_name})
                                   for q in QUERIES})

    def test_each_server_address_is_a_source(self):
        counts = zip(self.column('source_lines'), self.column('source_queries'))
        found = dict(zip(shard_file.texts(self.file, 'source'), counts))
        sent = self.sums(lambda q: '::1' if ':' in q.client else '127.0.0.1', queries=QUERIES)
        self.assertEqual(found, {server: (count, count) for server, count in sent.items()})


if __name__ == '__main__':
    if not NAMED or not DIG:
        print('named.py: needs named and dig (Debian: bind9 bind9-dnsutils); skipped')
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
