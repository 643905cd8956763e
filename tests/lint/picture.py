#!/usr/bin/env python3
"""Draws docs/quern.svg: the chain from logs to scores, and what it found about one IP of the demo.

usage: picture.py SCORES.h5 >docs/quern.svg
"""
import datetime
import math
import sys
import zoneinfo

import h5py

IP = '10.80.7.27'
WIDTH, HEIGHT = 960, 430
INK, QUIET, BLUE, RED, PALE = '#24303c', '#6b7884', '#3572a5', '#c8381e', '#e9eef2'
LEFT, RIGHT, BARS_TOP, BARS_BOTTOM, DOTS_TOP, DOTS_BOTTOM = 70, 940, 205, 300, 322, 390


def text(x, y, words, size=13, colour=INK, anchor='middle', weight='normal'):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{words}</text>')


def chain():
    """The upper half: files and steps, left to right."""
    files = [(20, 'query logs', 'BIND 9, gzip too'), (285, 'store/DAY.h5', 'hours, names, pairs'),
             (550, 'model.h5', 'three models'), (815, 'scores.h5', 'hours and IPs')]
    steps = [(152, 'extract'), (417, 'train'), (682, 'score')]
    for x, name, what in files:
        yield f'<rect x="{x}" y="30" width="125" height="62" rx="6" fill="{PALE}" stroke="{QUIET}"/>'
        yield text(x + 62.5, 57, name, 14, weight='bold')
        yield text(x + 62.5, 77, what, 11, QUIET)
    for x, name in steps:
        yield f'<path d="M{x - 6} 61 H{x + 124}" stroke="{BLUE}" stroke-width="2" marker-end="url(#tip)"/>'
        yield text(x + 57, 50, name, 14, BLUE, weight='bold')
        for rank in range(4):
            yield f'<rect x="{x + 18 + 21 * rank}" y="73" width="15" height="15" rx="2" fill="{BLUE}" opacity="{1 - rank / 6:.2f}"/>'
    yield text(WIDTH / 2, 122, 'each step runs on any number of MPI ranks, and the results have the same bits for each number', 12, QUIET)


def read(path):
    """[(local time, queries, score, minority)] of the IP, and its rank among how many."""
    with h5py.File(path) as file:
        zone = zoneinfo.ZoneInfo(file.attrs['timezone'].decode() if isinstance(file.attrs['timezone'], bytes) else file.attrs['timezone'])
        names = [b''.join(row).rstrip(b'\0').decode() for row in file['row_ip_text'][:]]
        mine = [i for i, name in enumerate(names) if name == IP]
        rows = [(datetime.datetime.fromtimestamp(int(file['row_window'][i]), zone), int(file['row_queries'][i]),
                 float(file['row_score'][i]), int(file['row_autoencoder_group'][i])) for i in mine]
        ips = [b''.join(row).rstrip(b'\0').decode() for row in file['ip_text'][:]]
        return rows, int(file['ip_rank'][ips.index(IP)]), len(ips)


def plot(path):
    """The lower half: queries by hour, and the score of each hour."""
    rows, rank, count = read(path)
    first = min(r[0] for r in rows).replace(hour=0)
    days = (max(r[0] for r in rows).date() - first.date()).days + 1
    step = (RIGHT - LEFT) / (24 * days)
    most, most_score = max(r[1] for r in rows), max(r[2] for r in rows)
    yield text(LEFT, 166, f'{IP} of the demo, hour by hour: number {rank} of {count} by score', 14, anchor='start', weight='bold')
    for day in range(days):
        x = LEFT + 24 * step * day
        if day % 2:
            yield f'<rect x="{x:.1f}" y="{BARS_TOP - 22}" width="{24 * step:.1f}" height="{DOTS_BOTTOM - BARS_TOP + 22}" fill="{PALE}" opacity="0.6"/>'
        yield text(x + 12 * step, 410, f'{first + datetime.timedelta(days=day):%a %-d %b}', 12, QUIET)
    for value in (1, 10, 100, 1000):
        y = BARS_BOTTOM - (BARS_BOTTOM - BARS_TOP) * math.log10(1 + value) / math.log10(1 + most)
        yield f'<path d="M{LEFT} {y:.1f} H{RIGHT}" stroke="{QUIET}" stroke-width="0.4"/>'
        yield text(LEFT - 6, y + 4, f'{value:,}', 10, QUIET, 'end')
    for score in (0, 2, 4):
        y = DOTS_BOTTOM - (DOTS_BOTTOM - DOTS_TOP) * score / most_score
        yield f'<path d="M{LEFT} {y:.1f} H{RIGHT}" stroke="{QUIET}" stroke-width="0.4"/>'
        yield text(LEFT - 6, y + 4, str(score), 10, QUIET, 'end')
    yield text(18, (BARS_TOP + BARS_BOTTOM) / 2, 'queries', 12, QUIET).replace('<text', f'<text transform="rotate(-90 18 {(BARS_TOP + BARS_BOTTOM) / 2})"')
    yield text(18, (DOTS_TOP + DOTS_BOTTOM) / 2, 'score', 12, QUIET).replace('<text', f'<text transform="rotate(-90 18 {(DOTS_TOP + DOTS_BOTTOM) / 2})"')
    for when, queries, score, minority in rows:
        x = LEFT + step * ((when.date() - first.date()).days * 24 + when.hour)
        height = (BARS_BOTTOM - BARS_TOP) * math.log10(1 + queries) / math.log10(1 + most)
        y = DOTS_BOTTOM - (DOTS_BOTTOM - DOTS_TOP) * score / most_score
        colour = RED if minority else BLUE
        yield f'<rect x="{x:.1f}" y="{BARS_BOTTOM - height:.1f}" width="{step * 0.8:.1f}" height="{height:.1f}" fill="{colour}"/>'
        yield f'<circle cx="{x + step * 0.4:.1f}" cy="{y:.1f}" r="{4 if minority else 2.2}" fill="{colour}"/>'
        if queries == most:
            same = sorted(r[1] for r in rows if r[0].hour == when.hour and r[1] != most)
            yield text(x + 12, BARS_TOP - 6, f'{when:%H:%M}: {queries:,} queries, where {same[0]} to {same[-1]} are usual; '
                       f'score {score:.1f}', 12, RED, 'start')


def draw(path):
    """Returns the whole picture."""
    return '\n'.join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="Helvetica, Arial, sans-serif">',
        '<title>From query logs to scores, and one IP of the demo</title>',
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{BLUE}"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>', *chain(), *plot(path), '</svg>', ''])


if __name__ == '__main__':
    sys.stdout.write(draw(sys.argv[1]))
