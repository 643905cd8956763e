#!/usr/bin/env python3
"""Makes jp.csv, Japan's national holidays of 2018 to 2030, from two independent packages that must agree.

usage: make_jp.py           write jp.csv beside this script
       make_jp.py --check   compare the jp.csv that is there with both packages; write nothing

Needs the PyPI packages `holidays` and `jpholiday` (made with 0.109 and 1.0.3), for example in a virtual
environment: python3 -m venv VENV; VENV/bin/pip install holidays jpholiday; VENV/bin/python make_jp.py

The two share no code and keep their own rules for the equinoxes, substitute holidays, sandwiched days and the
days that laws of one year moved. They must name the same dates, and the same holiday on each date; where they
do not, the script writes nothing, prints each such date with what both say, and exits 1. Names in the file
are English, from the table below; a Japanese name that is not in it is an error, so a new holiday is seen.

The file is the job's working calendar: `date,kind,name`, sorted, one row a day. All its rows are of kind
`holiday`; a company's own calendar may add `workday` (a working Saturday) and `half`. Days after the year
this was made hang on laws that may still change: run --check with newer packages now and then.
"""
import datetime
import pathlib
import sys

FIRST_YEAR = 2018
LAST_YEAR = 2030
TARGET = pathlib.Path(__file__).resolve().parent / 'jp.csv'
HEADER = 'date,kind,name'

ENGLISH = {
    '元日': "New Year's Day",
    '成人の日': 'Coming of Age Day',
    '建国記念の日': 'National Foundation Day',
    '天皇誕生日': "Emperor's Birthday",
    '春分の日': 'Vernal Equinox Day',
    '昭和の日': 'Showa Day',
    '憲法記念日': 'Constitution Memorial Day',
    'みどりの日': 'Greenery Day',
    'こどもの日': "Children's Day",
    '海の日': 'Marine Day',
    '山の日': 'Mountain Day',
    '敬老の日': 'Respect for the Aged Day',
    '秋分の日': 'Autumnal Equinox Day',
    '体育の日': 'Health and Sports Day',
    'スポーツの日': 'Sports Day',
    '文化の日': 'Culture Day',
    '勤労感謝の日': 'Labor Thanksgiving Day',
    '天皇の即位の日': 'Day of the Enthronement',
    '即位礼正殿の儀': 'Day of the Enthronement Ceremony',
    '国民の休日': "Citizens' Holiday",
    '振替休日': 'Substitute Holiday',
}


def plain_name(name):
    """The Japanese name as ENGLISH has it: jpholiday also says whose substitute a day is."""
    if name.endswith('振替休日'):
        return '振替休日'
    return name.removesuffix('が行われる日')


def from_holidays():
    """{date: Japanese name} by the package holidays; ImportError when it is missing."""
    import holidays
    days = holidays.country_holidays('JP', years=range(FIRST_YEAR, LAST_YEAR + 1), language='ja')
    return {date: plain_name(name) for date, name in days.items()}


def from_jpholiday():
    """{date: Japanese name} by the package jpholiday; ImportError when it is missing."""
    import jpholiday
    days = jpholiday.between(datetime.date(FIRST_YEAR, 1, 1), datetime.date(LAST_YEAR, 12, 31))
    return {date: plain_name(name) for date, name in days}


def differences(left, right, left_source, right_source):
    """A line for each date on which two {date: name} differ, sorted."""
    return [f'{date}: {left.get(date, "no holiday")} ({left_source}), '
            f'{right.get(date, "no holiday")} ({right_source})'
            for date in sorted(left.keys() | right.keys()) if left.get(date) != right.get(date)]


def csv_text(days):
    """The file for {date: Japanese name}; KeyError for a name without an English one."""
    rows = [f'{date.isoformat()},holiday,{ENGLISH[days[date]]}' for date in sorted(days)]
    return '\n'.join([HEADER, *rows]) + '\n'


def english(days):
    """{date: English name}; what ENGLISH lacks stays as it is, to be seen in a difference."""
    return {date: ENGLISH.get(name, name) for date, name in days.items()}


def read_csv(path):
    """{date: English name} of a file that csv_text wrote."""
    header, *lines = path.read_text(encoding='utf-8').splitlines()
    if header != HEADER:
        raise ValueError(f'{path}: the first line is {header!r}, not {HEADER!r}')
    rows = [line.split(',') for line in lines]
    return {datetime.date.fromisoformat(date): name for date, _kind, name in rows}


def main(arguments):
    if arguments not in ([], ['--check']):
        print(__doc__.split('\n\n')[1], file=sys.stderr)
        return 2
    try:
        one, other = from_holidays(), from_jpholiday()
    except ImportError as missing:
        print(f'make_jp.py: {missing}; install the PyPI packages holidays and jpholiday', file=sys.stderr)
        return 1
    found = differences(one, other, 'holidays', 'jpholiday')
    found += [f'{date}: {name} has no English name here' for date, name in one.items() if name not in ENGLISH]
    if arguments and not found:
        committed = read_csv(TARGET)
        found += differences(committed, english(one), TARGET.name, 'holidays')
        found += differences(committed, english(other), TARGET.name, 'jpholiday')
        if not found and TARGET.read_bytes() != csv_text(one).encode():
            found.append(f'{TARGET.name}: the same days, but not byte for byte what this script writes')
    if found:
        print('\n'.join(found), file=sys.stderr)
        return 1
    if not arguments:
        TARGET.write_text(csv_text(one), encoding='utf-8', newline='\n')
    print(f'{TARGET.name}: {len(one)} days of {FIRST_YEAR} to {LAST_YEAR}, '
          f'{"equal to" if arguments else "written from"} holidays and jpholiday, which agree')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
