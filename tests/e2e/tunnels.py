#!/usr/bin/env python3
"""Real tunnels over a real named are critical, by their own domain; a real Unbound that mixes case is set apart.

usage: tunnels.py QUERN MPIEXEC                   the lines recorded in tests/data/tunnels, in seconds
       tunnels.py QUERN MPIEXEC --live            the tools themselves, in some ten minutes
       tunnels.py QUERN MPIEXEC --record          the same, and writes tests/data/tunnels anew

Live: iodine (NULL, TXT, CNAME, A; idle, then transferring) and dns2tcp (TXT, KEY), each client in a network namespace of
its own, over named, which forwards to the tunnels' servers; Unbound with use-caps-for-id forwards to it as well. Needs
root, /dev/net/tun, iodine, dns2tcp, unbound and bind9; else exits 77. Lines are put into twelve days of office life: the
time of day and the domain are another one, nothing else is changed.
"""
import contextlib
import csv
import datetime
import gzip
import json
import os
import pathlib
import random
import re
import shutil
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / 'tests' / 'data' / 'tunnels'
QUERN, MPIEXEC = os.path.abspath(sys.argv[1]), sys.argv[2]
LIVE = '--live' in sys.argv or '--record' in sys.argv
PATH = os.environ.get('PATH', '') + ':/usr/sbin:/usr/local/sbin'
TOOLS = ('named', 'iodine', 'iodined', 'dns2tcpc', 'dns2tcpd', 'unbound', 'ip')
TYPES = ('NULL', 'TXT', 'CNAME', 'A')
SESSIONS = [f'iodine-{kind.lower()}-{state}' for kind in TYPES for state in ('idle', 'transfer')] + [
    'dns2tcp-txt', 'dns2tcp-key']
# iodine waits 4 s by default: every fourth line of a session that was recorded at 1 s, nine minutes of it.
THINNED = {f'{name}-4s': name for name in SESSIONS if name.endswith('idle')}
SESSIONS += THINNED
IDLE_S = 540
MOST = {'idle': 540, 'transfer': 120, 'dns2tcp': 300}  # lines that are kept of a session

NAMED = '''
options {{ directory "{top}"; pid-file "{top}/{name}.pid"; session-keyfile "{top}/{name}.key"; listen-on {{ {listen} }};
  listen-on-v6 {{ none; }}; recursion {recursion}; allow-query {{ any; }}; allow-recursion {{ any; }};
  allow-query-cache {{ any; }}; dnssec-validation no; querylog yes; {more} }};
controls {{ }};
{zones}
logging {{ channel asked {{ file "{top}/{name}.log"; print-time yes; print-category yes; print-severity yes; }};
  channel rest {{ file "{top}/{name}.rest"; }}; category queries {{ asked; }}; category default {{ rest; }}; }};
'''
FORWARD = 'zone "{0}" {{ type forward; forward only; forwarders {{ {1}; }}; }};'
ZONE = '$TTL 30\n. SOA a.root. h.root. 1 3600 600 86400 30\n. NS a.root.\na.root. A 192.0.2.53\n* A 192.0.2.1\n'
UNBOUND = '''server:
  interface: 10.99.7.2
  access-control: 0.0.0.0/0 allow
  use-caps-for-id: yes
  do-daemonize: no
  chroot: ""
  username: ""
  pidfile: ""
  do-ip6: no
  module-config: "iterator"
  cache-max-ttl: 1
forward-zone:
  name: "."
  forward-addr: 10.99.7.1
remote-control:
  control-enable: no
'''
WORDS = 'market river garden silver window travel coffee summer health school animal bridge castle doctor forest'.split()


class Lab:
    """A namespace with all servers, and one a client: 10.99.K.2, of which 10.99.K.1 is the resolver."""

    def __init__(self, top):
        self.top, self.tag, self.started = top, f'qn{os.getpid()}', []

    def __enter__(self):
        self.run('ip', 'netns', 'add', self.tag)
        self.inside('', 'ip', 'link', 'set', 'lo', 'up')
        self.inside('', 'ip', 'addr', 'add', '127.0.0.4/32', 'dev', 'lo')  # named listens on what interfaces have
        for k in range(1, 8):
            self.run('ip', 'netns', 'add', f'{self.tag}-{k}')
            self.inside(f'-{k}', 'ip', 'link', 'set', 'lo', 'up')
            self.run('ip', 'link', 'add', f'v{k}', 'netns', self.tag, 'type', 'veth', 'peer', 'name', f'w{k}', 'netns',
                     f'{self.tag}-{k}')
            for name, link, host in (('', f'v{k}', 1), (f'-{k}', f'w{k}', 2)):
                self.inside(name, 'ip', 'addr', 'add', f'10.99.{k}.{host}/24', 'dev', link)
                self.inside(name, 'ip', 'link', 'set', link, 'up')
        return self

    def __exit__(self, *_):
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
        for name in ('', *(f'-{k}' for k in range(1, 8))):
            subprocess.run(['ip', 'netns', 'del', self.tag + name], check=False, env={'PATH': PATH}, capture_output=True)

    def run(self, *words):
        subprocess.run(words, check=True, env={'PATH': PATH}, capture_output=True, text=True)

    def inside(self, name, *words):
        self.run('ip', 'netns', 'exec', self.tag + name, *words)

    def start(self, name, *words):
        with open(self.top / f'{words[0]}{len(self.started)}.out', 'w') as out:
            self.started.append(subprocess.Popen(['ip', 'netns', 'exec', self.tag + name, *map(str, words)], stdout=out,
                                                 stderr=out, stdin=subprocess.DEVNULL, env={'PATH': PATH}))
        return self.started[-1]

    def script(self, name, function, *args):
        """Runs a function of this file in a client's namespace."""
        ran = subprocess.run(['ip', 'netns', 'exec', self.tag + name, sys.executable, __file__, QUERN, MPIEXEC, '--inside',
                              function, *map(str, args)], check=True, env={'PATH': PATH}, capture_output=True, text=True,
                             timeout=120)
        return ran.stdout

    def named(self, name, **values):
        (self.top / f'{name}.conf').write_text(NAMED.format(top=self.top, name=name, **values))
        self.start('', 'named', '-f', '-u', 'root', '-c', self.top / f'{name}.conf')

    def servers(self):
        (self.top / 'root.zone').write_text(ZONE)
        self.named('root', listen='127.0.0.4;', recursion='no', more='',
                   zones=f'zone "." {{ type primary; file "{self.top}/root.zone"; }};')
        self.named('queries', listen='!127.0.0.2; !127.0.0.3; !127.0.0.4; any;', recursion='yes',
                   more='forward only; forwarders { 127.0.0.4; };',
                   zones='\n'.join((FORWARD.format('tunnel-io.net', '127.0.0.2'),
                                    FORWARD.format('tunnel-d2t.net', '127.0.0.3'))))
        self.start('', 'iodined', '-f', '-c', '-P', 'secret', '-l', '127.0.0.2', '10.98.0.1/27', 't.tunnel-io.net')
        (self.top / 'dns2tcpd.conf').write_text('listen = 127.0.0.3\nport = 53\nuser = nobody\nchroot = /tmp\n'
                                                'domain = d.tunnel-d2t.net\nresources = echo:127.0.0.1:7777\n')
        self.start('', 'dns2tcpd', '-F', '-d', '1', '-f', self.top / 'dns2tcpd.conf')
        self.start('', sys.executable, __file__, QUERN, MPIEXEC, '--inside', 'echo')
        (self.top / 'unbound.conf').write_text(UNBOUND)
        self.start('-7', 'unbound', '-d', '-c', self.top / 'unbound.conf')
        time.sleep(3)

    def lines(self, client):
        mark = f' 10.99.{client}.2#'
        return [line for line in (self.top / 'queries.log').read_text().splitlines() if mark in line]

    def dns2tcp(self, k, kind):
        """Its client gives up now and then when a first answer is late."""
        for _ in range(5):
            client = self.start(f'-{k}', 'dns2tcpc', '-r', 'echo', '-z', 'd.tunnel-d2t.net', '-l', '2222', '-T', kind,
                                f'10.99.{k}.1')
            time.sleep(2)
            came = int(self.script(f'-{k}', 'shout'))
            client.terminate()
            client.wait(5)
            if came > 1000:
                return
        raise AssertionError(f'nothing came back through dns2tcp, {kind}')

    def record(self):
        """{session: its lines}."""
        found = {}
        self.servers()
        for k, kind in ((5, 'TXT'), (6, 'KEY')):
            self.dns2tcp(k, kind)
            found[f'dns2tcp-{kind.lower()}'] = self.lines(k)[:MOST['dns2tcp']]
        for k, kind in enumerate(TYPES, 1):
            self.start(f'-{k}', 'iodine', '-f', '-r', '-P', 'secret', '-T', kind, '-I', '1', '-d', 'dns0', f'10.99.{k}.1',
                       't.tunnel-io.net')
        for _ in range(3):
            self.script('-7', 'lookups')
            time.sleep(1.5)
        found['unbound-0x20'] = self.lines(7)
        time.sleep(IDLE_S)
        for k, kind in enumerate(TYPES, 1):
            # What the start-up probes with is a tunnel's as well, but is not idle.
            idle = [line for line in self.lines(k) if re.search(r'\(p[a-z0-9]+\.t\.tunnel-io\.net\)', line)]
            before = len(self.lines(k))
            self.script(f'-{k}', 'send')
            found[f'iodine-{kind.lower()}-idle'] = idle[:MOST['idle']]
            found[f'iodine-{kind.lower()}-transfer'] = self.lines(k)[before:][:MOST['transfer']]
        return found


# ---- what runs inside a namespace ----

class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(4096):
            self.request.sendall(data)


def inside_echo():
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer(('127.0.0.1', 7777), Echo) as server:
        server.serve_forever()


def inside_shout():
    came, begin = 0, time.monotonic()
    while True:  # the client listens when its server has answered
        try:
            connection = socket.create_connection(('127.0.0.1', 2222))
            break
        except ConnectionRefusedError:
            if time.monotonic() > begin + 20:
                raise
            time.sleep(.2)
    with connection:
        connection.settimeout(5)
        end = time.monotonic() + 6
        with contextlib.suppress(OSError):  # the client may have given up: its caller starts another one
            while time.monotonic() < end:
                connection.sendall(os.urandom(600))
                came += len(connection.recv(4096))
    print(came)


def inside_send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for _ in range(25):
            out.sendto(os.urandom(900), ('10.98.0.1', 9))
            time.sleep(.2)


def inside_lookups():
    rng = random.Random(3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.settimeout(3)
        for i in range(40):
            name = f'{rng.choice(("www", "mail", "cdn", "api"))}.{WORDS[i % 15]}{WORDS[(i * 7 + i // 15) % 15]}.com'
            labels = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.'))
            out.sendto(struct.pack('>HHHHHH', i, 0x100, 1, 0, 0, 0) + labels + struct.pack('>BHH', 0, 1 if i % 3 else 28, 1),
                       ('10.99.7.2', 53))
            out.recv(4096)


# ---- the archive ----

DAYS = range(7, 19)  # February 2022; 12, 13 are a weekend


def office():
    """Lines of twenty people's days."""
    rng, lines = random.Random(7), []
    names = [f'www.{word}{other}.com' for word in WORDS[:6] for other in WORDS[6:13]]
    for day in DAYS:
        for minute in range(0, 1440, 20):  # a server, so that nights are no gaps of the log
            lines.append(f'{day:02d}-Feb-2022 {minute // 60:02d}:{minute % 60:02d}:00.000 queries: info: client @0x7f00 '
                         '10.9.4.1#1024 (www.a.com): query: www.a.com IN A +E(0)K (10.9.0.53)')
        for client in range(1, 21):
            for _ in range(120 if day not in (12, 13) else 4):
                second, name = rng.randrange(8 * 3600, 18 * 3600), rng.choice(names)
                lines.append(f'{day:02d}-Feb-2022 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000 '
                             f'queries: info: client @0x7f00 10.9.1.{client}#1024 ({name}): query: {name} IN A +E(0)K '
                             '(10.9.0.53)')
    return lines


def moved(lines, day, address, domain):
    """Recorded lines on another day from 10:00 on, by another client and under another domain."""
    def when(line):
        return datetime.datetime.strptime(line[:24], '%d-%b-%Y %H:%M:%S.%f')
    first, out = when(lines[0]), []
    for line in lines:
        stamp = datetime.datetime(2022, 2, day, 10) + (when(line) - first)
        text = re.sub(r' 10\.99\.\d\.2#', f' {address}#', line[24:], count=1)
        out.append(f'{stamp:%d-%b-%Y %H:%M:%S}.{stamp.microsecond // 1000:03d}' +
                   re.sub(r'tunnel-(io|d2t)\.net', domain, text))
    return out


def recorded():
    if not LIVE:
        return {path.name[:-len('.log.gz')]: gzip.decompress(path.read_bytes()).decode().splitlines()
                for path in DATA.glob('*.log.gz')}
    with tempfile.TemporaryDirectory() as folder, Lab(pathlib.Path(folder)) as lab:
        os.chmod(folder, 0o755)
        found = lab.record()
    for name, lines in sorted(found.items()):
        print(name, len(lines), 'lines', file=sys.stderr)
    if '--record' in sys.argv:
        DATA.mkdir(exist_ok=True)
        for name, lines in found.items():
            (DATA / f'{name}.log.gz').write_bytes(gzip.compress(('\n'.join(lines) + '\n').encode(), 9, mtime=0))
    return found


class Tunnels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.top = pathlib.Path(folder.name)
        sessions = recorded()
        sessions |= {name: sessions[whole][::4] for name, whole in THINNED.items()}
        lines = office()
        for number, name in enumerate(SESSIONS, 1):
            lines += moved(sessions[name], 17, f'10.9.2.{number}', f'tunnel{number}.net')
            lines += moved(office()[:1], 8, f'10.9.2.{number}', '')  # it was there before
        for day in DAYS:
            lines += moved(sessions['unbound-0x20'], day, '10.9.3.1', '')
        lines.sort(key=lambda line: (line[:2], line[12:24]))
        (cls.top / 'queries.log').write_text('\n'.join(lines) + '\n')
        (cls.top / 'job.yaml').write_text(
            f'archive: {{paths: [{cls.top}/queries.log], timezone: Asia/Tokyo}}\n'
            f'model: {{kmeans: {{k: 4}}, autoencoder: {{epochs: 3, hidden: [8]}}}}\noutput: {{dir: {cls.top}/out}}\n')
        subprocess.run([MPIEXEC, '-n', '2', QUERN, 'run', cls.top / 'job.yaml', '--quiet'], check=True,
                       capture_output=True, timeout=300)

    def shown(self, address):
        ran = subprocess.run([QUERN, 'show', self.top / 'out', address, '--json'], check=True, capture_output=True)
        return json.loads(ran.stdout)

    def test_each_tunnel_is_critical_by_its_own_domain(self):
        for number, name in enumerate(SESSIONS, 1):
            with self.subTest(name):
                shown = self.shown(f'10.9.2.{number}')
                self.assertEqual({item['domain'] for item in shown['evidence'] if item['domain']}, {f'tunnel{number}.net'})
                self.assertEqual((shown['verdict'], shown['cause']), ('critical', 'tunnel'),
                                 [(item['mechanism'], item['value'], item['bits']) for item in shown['evidence']])

    def test_types_and_data_are_seen(self):
        def mechanisms(name):
            return {item['mechanism'] for item in self.shown(f'10.9.2.{SESSIONS.index(name) + 1}')['evidence']}
        for state in ('idle', 'transfer'):
            self.assertIn('null_type', mechanisms(f'iodine-null-{state}'))
            self.assertIn('txt_hour', mechanisms(f'iodine-txt-{state}'))
        for kind in TYPES:
            self.assertLessEqual({'long_names', 'new_bytes'}, mechanisms(f'iodine-{kind.lower()}-transfer'))
            self.assertLessEqual({'new_names', 'polls'}, mechanisms(f'iodine-{kind.lower()}-idle-4s'))
        self.assertLessEqual({'txt_hour', 'encoded_names', 'mixed_case'}, mechanisms('dns2tcp-txt'))
        self.assertLessEqual({'odd_types', 'encoded_names'}, mechanisms('dns2tcp-key'))

    def test_a_forwarder_with_0x20_is_set_apart(self):
        shown = self.shown('10.9.3.1')
        self.assertEqual(shown['role'], 'many_hosts')
        self.assertEqual([item['mechanism'] for item in shown['evidence']], [])

    def test_nobody_else_is_above_a_notice(self):
        with open(self.top / 'out' / 'suspects.csv', newline='') as file:
            verdicts = {row['ip']: row['verdict'] for row in csv.DictReader(file)}
        self.assertEqual({ip for ip, verdict in verdicts.items() if verdict in ('warning', 'critical')},
                         {f'10.9.2.{number}' for number in range(1, len(SESSIONS) + 1)})


if __name__ == '__main__':
    if '--inside' in sys.argv:
        place = sys.argv.index('--inside')
        {'echo': inside_echo, 'shout': inside_shout, 'send': inside_send, 'lookups': inside_lookups}[sys.argv[place + 1]]()
        sys.exit(0)
    absent = [tool for tool in TOOLS if not shutil.which(tool, path=PATH)]
    if LIVE and (absent or os.geteuid() != 0 or not os.path.exists('/dev/net/tun')):
        print('skipped: needs root, /dev/net/tun and', *(absent or TOOLS))
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=1)
