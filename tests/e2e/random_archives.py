#!/usr/bin/env python3
"""Random archives, as rotation, compression, accidents and people leave them, against the same lines in one plain file.

usage: random_archives.py QUERN MPIEXEC [COUNT [FIRST]]

Each archive (COUNT of them, 50 unless told) lives for a few days: a log grows, also to the middle of a line, is rotated
by renaming, compressed later or at once, copied under another name, renamed, cut off. quern extracts it several times on
the way, with 1 to 3 ranks, pieces from 1 KiB and reads from 1 byte up, and more or less memory, into one store. In the end
  - the store has the digest of a store made of the same lines in one plain file by one rank in one run;
  - the lines of each kind are as many, and add up;
  - one more run parses nothing and writes nothing.
FIRST is the number of the first archive, to repeat one that failed. Needs zstd(1).
"""
import concurrent.futures
import gzip
import json
import lzma
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import zlib

QUERN, MPIEXEC = sys.argv[1:3]
COUNT = int(sys.argv[3]) if len(sys.argv) > 3 else 50
FIRST = int(sys.argv[4]) if len(sys.argv) > 4 else 1

# Without mpirun no daemon is needed; but all such processes of a machine would make and remove one folder, jf.0.
os.environ['OMPI_MCA_ess_singleton_isolated'] = '1'


# ---- ways to store a text ----

def bgzf(text, draw):
    """Gzip members with the extra field BC (SAM specification, section 4.1), of any size up to 64 KiB."""
    out, at = b'', 0
    while at <= len(text):
        part = text[at:at + draw.choice((300, 5000, 65000))] if at < len(text) else b''
        packer = zlib.compressobj(draw.choice((1, 6)), zlib.DEFLATED, -15)
        body = packer.compress(part) + packer.flush()
        out += (b'\x1f\x8b\x08\x04' + bytes(6) + struct.pack('<H2sHH', 6, b'BC', 2, 18 + len(body) + 8 - 1) + body +
                struct.pack('<II', zlib.crc32(part), len(part)))
        at += max(len(part), 1)
    return out


def zstd(text, *flags):
    return subprocess.run(['zstd', '-q', '-c', *flags], input=text, capture_output=True, check=True).stdout


def zstd_file(text, *flags):
    """From a file, so that the frame's header tells its size."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(text)
        file.flush()
        return subprocess.run(['zstd', '-q', '-c', *flags, file.name], capture_output=True, check=True).stdout


def parts_of(text, draw, most=4):
    cuts = sorted(draw.randrange(len(text) + 1) for _ in range(draw.randrange(1, most)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)])]


def pack(text, draw):
    way = draw.randrange(8)
    if way == 0:
        return gzip.compress(text, draw.choice((1, 6)))
    if way == 1:
        return b''.join(gzip.compress(part) for part in parts_of(text, draw)) + bytes(draw.choice((0, 0, 512)))
    if way in (2, 3):
        return bgzf(text, draw)
    if way == 4:
        return zstd(text, '--check')
    if way in (5, 6):
        return b''.join(zstd_file(part, '--check') for part in parts_of(text, draw, 9))
    return b''.join(lzma.compress(part, preset=0) for part in parts_of(text, draw))


# ---- lines ----

def make_lines(draw):
    """(seconds, line) in order of time, over some days; now and then one twice in a row, or none of ours."""
    lines = []
    start = 1644159600 + draw.randrange(86400)  # 2022-02-07 in Tokyo
    now, kinds = float(start), ('A', 'AAAA', 'PTR', 'TXT', 'HTTPS', 'MX')
    span = draw.choice((1, 2, 3)) * 86400
    count = draw.choice((300, 1500, 3000))
    for i in range(count):
        now += draw.expovariate(count / span)
        if draw.random() < 0.002:
            now -= 3700  # a clock that is set back
        client = f'10.1.{draw.randrange(3)}.{draw.randrange(40)}'
        name = f'{draw.choice(("www", "mail", "x%x" % draw.getrandbits(40)))}.site{draw.randrange(30)}.example'
        day, clock = divmod(int(now) + 9 * 3600, 86400)
        date = f'{(day - 19029) % 28 + 1:02d}-Feb-2022' if 19024 <= day < 19052 else '28-Feb-2022'
        line = (f'{date} {clock // 3600:02d}:{clock // 60 % 60:02d}:{clock % 60:02d}.{int(now * 1000) % 1000:03d} '
                f'queries: info: client @0x7f{draw.randrange(9)}c00 {client}#{1024 + draw.randrange(60000)} ({name}): '
                f'query: {name} IN {draw.choice(kinds)} +E(0)K (10.1.0.{53 + draw.randrange(2)})').encode()
        draw_kind = draw.random()
        if draw_kind < 0.01:
            line = b'what is this ' + line[:draw.randrange(60)]
        elif draw_kind < 0.012:
            line = b'x' * draw.choice((65535, 65536, 65537, 200000))
        lines.append(line + b'\n')
        if draw_kind > 0.98:
            lines.append(line + b'\n')
    return lines


class Archive:
    """Files of an archive, and in what they end up."""

    def __init__(self, folder, draw, is_skip):
        self.folder, self.draw, self.is_skip = folder, draw, is_skip
        self.live, self.old, self.copies, self.number = b'', [], [], 0

    def path(self, name):
        return self.folder / name

    def write(self):
        """Appends what is new to the live log, as a server would: its inode stays."""
        path = self.path('queries.log')
        have = path.stat().st_size if path.exists() else 0
        with open(path, 'ab') as file:
            file.write(self.live[have:])

    def rotate(self):
        """queries.log becomes queries.log.1, that one .2, …"""
        for i in range(len(self.old), 0, -1):
            entry = self.old[i - 1]
            name = f'queries.log.{i + 1}{entry["end"]}'
            os.rename(self.path(entry['name']), self.path(name))
            entry['name'] = name
        os.rename(self.path('queries.log'), self.path('queries.log.1'))
        self.old.insert(0, {'name': 'queries.log.1', 'end': '', 'text': self.live})
        self.live = b''

    def compress(self, entry):
        packed = pack(entry['text'], self.draw)
        if self.draw.random() < 0.1:  # all text is there, but the file's end is not
            packed = packed.rstrip(b'\0')[:-1]
            entry['broken'] = True
        entry['end'] = self.draw.choice(('.gz', '.zst', '.old', ''))
        name = entry['name'].split('.packed')[0] + '.packed' + entry['end']
        entry['end'] = '.packed' + entry['end']
        self.path(name).write_bytes(packed)
        self.path(entry['name']).unlink()
        entry['name'] = name

    def copy(self, entry):
        self.number += 1
        text = entry['text']
        if self.draw.random() < 0.3:  # of an earlier state
            text = text[:text.rfind(b'\n', 0, self.draw.randrange(1, len(text))) + 1]
        if not text:
            return
        self.path(f'copy{self.number}').write_bytes(pack(text, self.draw) if self.draw.random() < 0.5 else text)
        if not self.is_skip:
            self.copies.append(text)

    def overlap(self, entry):
        """Some lines of a file again, in a file that begins with others."""
        self.number += 1
        lines = entry['text'].splitlines(keepends=True)
        at = self.draw.randrange(len(lines) // 2 + 1) + 1
        text = b''.join(lines[at:])
        if text:
            self.path(f'overlap{self.number}').write_bytes(text)
            self.copies.append(text)

    def step(self):
        if self.live and self.live.endswith(b'\n') and self.draw.random() < 0.5:
            self.rotate()
        for entry in self.old:
            plain = 'packed' not in entry['name']
            what = self.draw.random()
            if plain and what < 0.4:
                self.compress(entry)
            elif what < 0.5:
                self.copy(entry)
            elif what < 0.55:
                self.overlap(entry)

    def texts(self):
        return [*(entry['text'] for entry in self.old), self.live, *self.copies]


# ---- quern ----

def quern(words, ranks, draw=None):
    start = [MPIEXEC, '-n', str(ranks)] if ranks > 1 else []
    environment = dict(os.environ)
    if draw:
        environment['QUERN_READ_BYTES'] = str(draw.choice((1, 2, 63, 1000, 65536, 1 << 18)))
    with tempfile.TemporaryDirectory() as own:
        environment['OMPI_MCA_orte_tmpdir_base'] = own
        ran = subprocess.run([*start, QUERN, *words], capture_output=True, text=True, timeout=120, env=environment)
    if ran.returncode not in (0, 3):
        raise AssertionError(f'{words}: exit {ran.returncode}\n{ran.stderr}')
    return ran.stdout, ran.stderr, ran.returncode


def extract(top, name, logs, draw=None, sets=()):
    job = top / f'{name}.yaml'
    job.write_text(f'archive: {{paths: [{logs}], timezone: Asia/Tokyo}}\noutput: {{dir: {top / name}}}\n')
    words = ['extract', str(job), '--json', '--quiet']
    for value in sets:
        words += ['--set', value]
    ranks = 1
    if draw:
        words += ['--set', f'archive.piece={draw.choice((1024, 3001, 20000, 100000, 8 << 20))}']
        words += ['--set', f'limits.memory={draw.choice(("2G", "4M", "1M"))}']
        ranks = draw.choice((1, 1, 2, 3))
    out, told, code = quern(words, ranks, draw)
    return {**json.loads(out), 'told': told} if code == 0 else None


def digest(top, name):
    return quern(['info', '--digest', str(top / name / 'store')], 1)[0].split()[0]


def check(number):
    draw = random.Random(number)
    is_skip = draw.random() < 0.5
    sets = [f'archive.duplicates={"skip" if is_skip else "warn"}']
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        logs = top / 'logs'
        logs.mkdir()
        archive = Archive(logs, draw, is_skip)
        lines = make_lines(draw)
        steps = draw.randrange(1, 5)
        for step in range(steps):
            part = lines[len(lines) * step // steps:len(lines) * (step + 1) // steps]
            text = b''.join(part)
            if archive.live and not archive.live.endswith(b'\n'):
                text = archive.rest + text
            archive.rest = b''
            if step + 1 < steps and draw.random() < 0.3:  # to the middle of a line
                cut = len(text) - draw.randrange(1, len(part[-1]) + 1)
                text, archive.rest = text[:cut], text[cut:]
            archive.live += text
            if archive.rest and archive.live.endswith(b'\n'):
                archive.live += archive.rest
            archive.write()
            if draw.random() < 0.7:
                extract(top, 'random', logs, draw, sets)
            archive.step()
            if not archive.live:
                archive.path('queries.log').unlink(missing_ok=True)
        answer = extract(top, 'random', logs, draw, sets)
        again = extract(top, 'random', logs, draw, sets)
        # An empty line keeps the last line of a text and the first of the next from being neighbours.
        texts = [text for text in archive.texts() if text]
        one = b'\n'.join(text if text.endswith(b'\n') else text + b'\n' for text in texts)
        (top / 'one').mkdir()
        (top / 'one' / 'plain.log').write_bytes(one)
        plain = extract(top, 'plain', top / 'one')
        assert plain and answer and again, 'no usable line'
        assert digest(top, 'random') == digest(top, 'plain'), 'the digests differ'
        kinds = dict(plain['lines_by_kind'])
        kinds['other'] -= len(texts) - 1
        assert answer['lines_by_kind'] == kinds, f'{answer["lines_by_kind"]} is not {kinds}'
        assert sum(kinds.values()) == answer['lines'] == one.count(b'\n') - (len(texts) - 1), 'lines do not add up'
        assert answer['log_bytes'] <= len(one), 'more bytes than there are'
        assert (again['log_bytes_parsed'], again['shards_written']) == (0, 0), f'read again: {again}'
        assert again['lines_by_kind'] == kinds, 'the second run counts other lines'
        for name in (entry['name'] for entry in archive.old if entry.get('broken')):
            # One that another file has all lines of is not read, and so not known to be broken.
            words = ('is broken', 'left out') if is_skip else ('is broken',)
            assert any(f'/{name}: {word}' in again['told'] for word in words), f'{name}: {again["told"]}'


def checked(number):
    try:
        check(number)
    except AssertionError as fault:
        return f'archive {number}: {fault}'
    return None


def main():
    # Two at a time: most of it is waiting for programs to start.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        faults = [fault for fault in pool.map(checked, range(FIRST, FIRST + COUNT)) if fault]
    print(*faults, f'{COUNT} archives, {len(faults)} of them wrong', sep='\n')
    return 1 if faults else 0


if __name__ == '__main__':
    sys.exit(main())
