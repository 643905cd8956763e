#!/usr/bin/env python3
"""quern's reader of TZif files against Python's zoneinfo: offsets, folds, gaps and days around every transition.

usage: test_zones.py ZONE_DRIVER

Transitions are found by Python alone, from 1970 to 2110: behind the last one of the file the POSIX rule in its footer
counts. Beside each: the seconds before and after it, the local times that it repeats or skips, and the dates around.
"""
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

ZONES = '''UTC Asia/Tokyo Europe/Berlin Europe/Dublin Europe/London America/New_York America/St_Johns America/Sao_Paulo
America/Havana America/Nuuk Australia/Lord_Howe Australia/Sydney Pacific/Apia Pacific/Kwajalein Pacific/Chatham
Africa/Casablanca Africa/Cairo Asia/Kathmandu Asia/Gaza Asia/Tehran Antarctica/Troll Etc/GMT+5'''.split()
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
DAY = 86400


class Reference:
    def __init__(self, name):
        self.zone = ZoneInfo(name)
        self.known = {}

    def offset(self, utc):
        if utc not in self.known:
            there = (EPOCH + timedelta(seconds=utc)).astimezone(self.zone)
            self.known[utc] = int(there.utcoffset().total_seconds())
        return self.known[utc]

    def transitions(self, first, last):
        at = first
        while at < last:
            after = at + DAY // 2
            if self.offset(after) != self.offset(at):
                low, high = at, after
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (middle, high) if self.offset(middle) == self.offset(low) else (low, middle)
                yield high
            at = after

    def instants(self, local):
        offsets = {self.offset(local + step) for step in range(-2 * DAY, 2 * DAY + 1, DAY // 4)}
        return sorted(local - o for o in offsets if self.offset(local - o) == o)

    def day(self, utc, transitions):
        """The date on the clock, or the next one where it had begun before the clock went back over midnight."""
        before = [(t - 1 + self.offset(t - 1)) // DAY for t in transitions if utc - DAY < t <= utc]
        return max([(utc + self.offset(utc)) // DAY, *before])

    def day_start(self, day, transitions):
        """The first instant of the date, or of a later one when the date was skipped."""
        ends = [day * DAY - 2 * DAY, *transitions, day * DAY + 2 * DAY]
        for begin, end in zip(ends, ends[1:]):  # between transitions the date only grows
            start = max(begin, day * DAY - self.offset(begin))
            if start < end:
                return start
        raise AssertionError


def questions(reference):
    first, last = int(datetime(1970, 1, 10, tzinfo=timezone.utc).timestamp()), \
        int(datetime(2110, 1, 1, tzinfo=timezone.utc).timestamp())
    found = list(reference.transitions(first, last))
    for at in found + list(range(first, last, 97 * DAY + 12345)):
        for step in (-2 * DAY, -DAY, -3601, -3600, -1800, -1, 0, 1, 1800, 3599, 3600, DAY):
            yield f'o {at + step}', str(reference.offset(at + step))
            near = [t for t in found if abs(t - at) < 4 * DAY]
            yield f'D {at + step}', str(reference.day(at + step, near))
        before, after = reference.offset(at - 1), reference.offset(at)
        for base in {at + before, at + after, at + (before + after) // 2}:
            for step in (-3601, -1, 0, 1, 1799, 3600):
                local = base + step
                instants = reference.instants(local)
                if not instants:  # in a gap: as if the clock had not been put forward
                    expected = 2 * [local - before]
                else:
                    expected = [instants[0], instants[-1]]
                fold = expected[1] - expected[0] if len(instants) == 2 else 0
                yield f'l {local}', f'{len(instants)} {expected[0]} {expected[1]} {fold}'
        for day in range(at // DAY - 1, at // DAY + 4):
            near = [t for t in found if abs(t - day * DAY) < 2 * DAY]
            yield f'd {day}', str(reference.day_start(day, near))


def main():
    faults = asked = 0
    for name in ZONES:
        pairs = list(questions(Reference(name)))
        ran = subprocess.run([sys.argv[1]], input='\n'.join([f'zone {name}', *(q for q, _ in pairs)]) + '\n',
                             capture_output=True, text=True, check=True)
        answers = ran.stdout.split('\n')[:-1]
        assert len(answers) == len(pairs), (name, len(answers), len(pairs))
        asked += len(pairs)
        for (question, expected), answer in zip(pairs, answers):
            if answer != expected:
                faults += 1
                if faults < 30:
                    print(f'{name}: {question}: {answer}, expected {expected}')
    print(f'{len(ZONES)} zones, {asked} questions, {faults} differences')
    return 1 if faults or asked < 50000 else 0


if __name__ == '__main__':
    sys.exit(main())
