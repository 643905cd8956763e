#!/usr/bin/env python3
"""What the clients of the demo archive ask, hour by hour, and the archive made of the servers' logs.

usage: record.py addresses          prints every address that the plan needs
       record.py send WORK OUT      sends the plan's queries to ns1 and ns2, whose logs are WORK/ns[12]/queries.log, and
                                    writes the archive into OUT

The plan comes from a seed. Each query is a real packet that a real named receives and logs. Then only the time stamps
are rewritten: the lines of an hour of the plan are spread over that hour, in the order in which named wrote them.
"""
import datetime
import gzip
import pathlib
import random
import re
import socket
import struct
import sys
import time

START = datetime.datetime(2022, 2, 7)  # Monday, Asia/Tokyo; Friday 11 is a holiday
HOURS = 8 * 24
TYPES = {'A': 1, 'NS': 2, 'SOA': 6, 'NULL': 10, 'PTR': 12, 'MX': 15, 'TXT': 16, 'AAAA': 28, 'SRV': 33, 'HTTPS': 65,
         'ANY': 255}
SERVERS = {'ns1': '10.80.0.53', 'ns2': '10.80.0.54'}
RATE = 4000  # queries a second, at most

WORKSTATIONS = [f'10.80.7.{i}' for i in range(20, 58)] + ['fd00:80::20', 'fd00:80::21']
NIGHT = ['10.80.7.90', '10.80.7.91']
SHIFTS = ['10.80.8.10', '10.80.8.11']
SERVER_HOSTS = [f'10.80.1.{i}' for i in range(10, 16)]
PRINTERS = [f'10.80.6.{i}' for i in range(10, 14)]
MAIL, MONITOR, FORWARDER, DENIED = '10.80.1.25', '10.80.1.40', '10.80.2.1', '10.80.9.9'
BURST, SLEEPER, TUNNEL = '10.80.7.27', '10.80.7.33', '10.80.7.41'


def everybody():
    return (WORKSTATIONS + NIGHT + SHIFTS + SERVER_HOSTS + PRINTERS + [MAIL, MONITOR, FORWARDER, DENIED])


def names(rng):
    words = ('north', 'paper', 'river', 'cloud', 'metric', 'garden', 'photo', 'travel', 'market', 'school', 'music',
             'health', 'motor', 'kitchen', 'weather', 'bank', 'ticket', 'novel', 'coffee', 'signal')
    suffixes = ('com', 'jp', 'co.jp', 'net', 'org', 'ne.jp', 'io', 'co.uk', 'de', 'go.jp')
    domains = [f'{rng.choice(words)}{rng.choice(words)}.{rng.choice(suffixes)}' for _ in range(200)]
    hosts = ('www', 'api', 'img', 'cdn', 'mail', 'login', 'static', 'news', 'shop', 'update')
    return [f'{rng.choice(hosts)}.{rng.choice(domains)}' for _ in range(1500)]


def hours(rng):
    """For each hour a list of (client, name, type)."""
    pool = names(rng)
    weights = [1 / (i + 1) for i in range(len(pool))]
    favourites = {c: rng.choices(pool, weights, k=60) for c in everybody()}
    vendor = [f'{p}.status.printvendor.com' for p in ('a', 'b', 'c', 'd')]

    def browse(client, count):
        for _ in range(count):
            name = rng.choice(favourites[client]) if rng.random() < 0.8 else rng.choices(pool, weights)[0]
            yield client, name, rng.choices(('A', 'AAAA', 'HTTPS', 'PTR', 'SRV', 'NS', 'SOA', 'ANY'),
                                            (60, 20, 12, 4, 2, 1, 0.6, 0.4))[0]

    for hour in range(HOURS):
        now = START + datetime.timedelta(hours=hour)
        free = now.weekday() >= 5 or now.date() == datetime.date(2022, 2, 11)
        asks = []
        for client in WORKSTATIONS:
            if 8 <= now.hour < 19 and not free:
                few = client == BURST
                asks += browse(client, rng.randint(2, 14) if few else rng.randint(5, 12 if now.hour == 12 else 40))
        for client in NIGHT:
            if (now.hour >= 20 or now.hour < 5) and not free:
                asks += browse(client, rng.randint(5, 25))
        for client in SHIFTS:
            if 6 <= now.hour < 22:
                asks += browse(client, rng.randint(5, 25))
        for client in SERVER_HOSTS:
            asks += browse(client, rng.randint(25, 45))
        for i, client in enumerate(PRINTERS):
            asks.append((client, vendor[i], 'A'))
        for _ in range(rng.randint(8, 30)):
            address = '.'.join(str(rng.randint(1, 254)) for _ in range(4))
            domain = rng.choice(pool).split('.', 1)[1]
            asks += [(MAIL, f'{address}.in-addr.arpa', 'PTR'), (MAIL, domain, 'MX'), (MAIL, f'_dmarc.{domain}', 'TXT'),
                     (MAIL, domain, 'TXT')]
        for _ in range(12):
            asks.append((MONITOR, 'health.monitor.example.org', 'A'))
        for client, name, kind in browse(FORWARDER, rng.randint(30, 60)):
            asks.append((client, ''.join(rng.choice((c.upper(), c.lower())) for c in name), kind))
        asks += [(DENIED, 'closed.example.com', 'A')] * (now.hour == 3)
        asks += planted(rng, now)
        rng.shuffle(asks)
        yield now, asks


def planted(rng, now):
    """The three changes of behaviour that README.md lists."""
    if now == datetime.datetime(2022, 2, 9, 12):
        for i in range(5255):
            yield BURST, f'n{rng.randint(0, 1399)}.bulk.scanjob.net', rng.choice(('A', 'AAAA'))
    if now.day in (12, 13) and 1 <= now.hour < 4:
        for _ in range(30):
            yield SLEEPER, f'{rng.choice("abc")}.quiet-night-sync.net', 'A'
    if now.day == 10 and 14 <= now.hour < 16:
        for i in range(75):
            data = rng.randbytes(44).hex()  # dnscat2: hex, cut at 60
            yield TUNNEL, f'{data[:60]}.{data[60:]}.t.update-check.org', 'TXT'
            base32 = ''.join(rng.choice('abcdefghijklmnopqrstuvwxyz012345') for _ in range(100))  # iodine: cut at 57
            yield TUNNEL, f'{base32[:57]}.{base32[57:]}.t.update-check.org', 'NULL'


def packet(rng, name, kind):
    wire = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.')) + b'\0'
    edns = rng.random() < 0.8
    flags = 0x0100 if rng.random() < 0.98 else 0
    extra = b'\0' + struct.pack('>HHIH', 41, 1232, 0x8000 if rng.random() < 0.3 else 0, 0) if edns else b''
    return struct.pack('>HHHHHH', rng.getrandbits(16), flags, 1, 0, 0, int(edns)) + wire + struct.pack('>HH', TYPES[kind], 1) + extra


def server_of(client):
    return 'ns2' if sum(client.encode()) % 3 == 0 else 'ns1'


def send_hour(rng, sockets, asks):
    for i, (client, name, kind) in enumerate(asks):
        key = client
        if key not in sockets:
            sockets[key] = socket.socket(socket.AF_INET6 if ':' in client else socket.AF_INET, socket.SOCK_DGRAM)
            sockets[key].bind((client, 0))
            sockets[key].setblocking(False)
        v6 = {'ns1': 'fd00:80::53', 'ns2': 'fd00:80::54'}
        server = server_of(client)
        sockets[key].sendto(packet(rng, name, kind), ((v6 if ':' in client else SERVERS)[server], 53))
        if i % 40 == 39:
            time.sleep(40 / RATE)
            for one in sockets.values():
                try:
                    while True:
                        one.recv(4096)
                except BlockingIOError:
                    pass


class Log:
    """A server's log as it grows, its lines cut by hours of the plan."""

    def __init__(self, path):
        self.file = open(path, 'rb')
        self.hours = []
        self.rest = b''

    def read_hour(self, queries):
        lines, deadline = [], time.time() + 10
        while sum(b': query: ' in line for line in lines) < queries:
            data = self.rest + self.file.read()
            whole, _, self.rest = data.rpartition(b'\n')
            lines += whole.split(b'\n') if whole else []
            if time.time() > deadline:
                sys.exit(f'{queries} queries were sent, {len(lines)} lines were logged')
            time.sleep(0.005)
        self.hours.append(lines)


def stamped(rng, log, form):
    """The log's lines by day, each hour's spread over its hour."""
    days = {}
    for hour, lines in enumerate(log.hours):
        start = START + datetime.timedelta(hours=hour)
        times = sorted(rng.randrange(3600 * 1000) for _ in lines)
        for offset, line in zip(times, lines):
            now = start + datetime.timedelta(milliseconds=offset)
            old = rb'^\d\d-\w{3}-\d{4} [\d:.]{12}|^\d{4}-\d\d-\d\dT[\d:.]{12}'
            stamp = now.strftime(form) + f'.{now.microsecond // 1000:03d}'
            days.setdefault(start.date(), []).append(re.sub(old, stamp.encode(), line, count=1))
    return [b'\n'.join(lines) + b'\n' for _, lines in sorted(days.items())]


def write(path, text, members=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix != '.gz':
        path.write_bytes(text)
        return
    cut = [0] + [text.index(b'\n', len(text) * i // members) + 1 for i in range(1, members)] + [len(text)]
    path.write_bytes(b''.join(gzip.compress(text[a:b], mtime=0) for a, b in zip(cut, cut[1:])))


def send(work, out):
    rng = random.Random(20220207)
    logs = {name: Log(work / name / 'queries.log') for name in SERVERS}
    sockets = {}
    total = 0
    for now, asks in hours(rng):
        send_hour(rng, sockets, asks)
        for name, log in logs.items():
            log.read_hour(sum(server_of(client) == name for client, _, _ in asks))
        total += len(asks)
    ns1 = stamped(rng, logs['ns1'], '%d-%b-%Y %H:%M:%S')
    ns2 = stamped(rng, logs['ns2'], '%Y-%m-%dT%H:%M:%S')
    for i, text in enumerate(reversed(ns1)):  # BIND: .0 is the newest old file
        write(out / 'ns1' / ('queries.log' if i == 0 else f'queries.log.{i - 1}.gz'), text, members=3 if i == 4 else 1)
    for i, text in enumerate(ns2[:-1]):  # logrotate names a file by the day after
        day = START.date() + datetime.timedelta(days=i + 1)
        write(out / 'ns2' / f'queries.log-{day:%Y%m%d}.gz', text)
    write(out / 'ns2' / 'queries.log.1', ns2[-1])
    print(f'{total} queries sent and logged')


def main():
    if sys.argv[1:] == ['addresses']:
        print('\n'.join(sorted({*SERVERS.values(), 'fd00:80::53', 'fd00:80::54', *everybody()})))
    elif len(sys.argv) == 4 and sys.argv[1] == 'send':
        send(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    else:
        sys.exit(__doc__)


if __name__ == '__main__':
    main()
