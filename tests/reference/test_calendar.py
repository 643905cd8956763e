#!/usr/bin/env python3
"""Checks datasets/calendar/jp.csv: its form, days known by hand, and two packages that share no code.

usage: test_calendar.py            compare
       test_calendar.py --record   write tests/data/jp-holidays.tsv anew from the two packages

Needs only the standard library: what the PyPI packages `holidays` and `jpholiday` say of each date is recorded in
tests/data/jp-holidays.tsv, in their own words. Where they are installed they are asked again.
"""
import datetime
import importlib.metadata
import importlib.util
import pathlib
import re
import sys
import unittest

FOLDER = pathlib.Path(__file__).resolve().parents[2] / 'datasets' / 'calendar'
sys.dont_write_bytecode = True
sys.path.insert(0, str(FOLDER))

import make_jp  # noqa: E402  (it lies beside the data)

RECORD = pathlib.Path(__file__).resolve().parents[1] / 'data' / 'jp-holidays.tsv'
HAVE_BOTH = all(importlib.util.find_spec(name) for name in ('holidays', 'jpholiday'))

# By hand, from the laws: the holidays act of 1948, the one-off act of 2018 for the enthronement, and the acts
# of 2018 and 2020 that moved days for the Olympic Games; equinoxes as the almanac announced them.
HOLIDAYS = {
    '2018-01-01': "New Year's Day",
    '2018-02-12': 'Substitute Holiday',
    '2018-12-23': "Emperor's Birthday",
    '2018-12-24': 'Substitute Holiday',
    '2019-04-29': 'Showa Day',
    '2019-04-30': "Citizens' Holiday",
    '2019-05-01': 'Day of the Enthronement',
    '2019-05-02': "Citizens' Holiday",
    '2019-05-03': 'Constitution Memorial Day',
    '2019-05-04': 'Greenery Day',
    '2019-05-05': "Children's Day",
    '2019-05-06': 'Substitute Holiday',
    '2019-10-14': 'Health and Sports Day',
    '2019-10-22': 'Day of the Enthronement Ceremony',
    '2020-02-23': "Emperor's Birthday",
    '2020-02-24': 'Substitute Holiday',
    '2020-03-20': 'Vernal Equinox Day',
    '2020-05-06': 'Substitute Holiday',
    '2020-07-23': 'Marine Day',
    '2020-07-24': 'Sports Day',
    '2020-08-10': 'Mountain Day',
    '2020-09-22': 'Autumnal Equinox Day',
    '2021-03-20': 'Vernal Equinox Day',
    '2021-07-22': 'Marine Day',
    '2021-07-23': 'Sports Day',
    '2021-08-08': 'Mountain Day',
    '2021-08-09': 'Substitute Holiday',
    '2022-03-21': 'Vernal Equinox Day',
    '2022-07-18': 'Marine Day',
    '2022-08-11': 'Mountain Day',
    '2022-10-10': 'Sports Day',
    '2023-01-02': 'Substitute Holiday',
    '2024-02-12': 'Substitute Holiday',
    '2024-08-12': 'Substitute Holiday',
    '2024-09-22': 'Autumnal Equinox Day',
    '2024-09-23': 'Substitute Holiday',
    '2025-05-06': 'Substitute Holiday',
    '2026-05-06': 'Substitute Holiday',
    '2026-09-21': 'Respect for the Aged Day',
    '2026-09-22': "Citizens' Holiday",
    '2026-09-23': 'Autumnal Equinox Day',
    '2030-11-04': 'Substitute Holiday',
}

# Where the moved days had been, days beside holidays, and days off by custom that no law makes holidays.
WORKING_DAYS = (
    '2018-01-02', '2018-05-01', '2018-09-25', '2018-12-31', '2019-02-23', '2019-10-21', '2019-12-23',
    '2020-07-20', '2020-08-11', '2020-10-12', '2021-07-19', '2021-08-11', '2021-10-11', '2023-05-02',
    '2026-09-24', '2030-12-31',
)


class Calendar(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = (FOLDER / 'jp.csv').read_bytes()
        cls.lines = cls.text.decode('ascii').split('\n')
        cls.rows = [line.split(',') for line in cls.lines[1:-1]]
        cls.names = {row[0]: row[-1] for row in cls.rows}

    def test_each_line_is_a_date_a_kind_and_a_name(self):
        self.assertEqual(self.lines[0], 'date,kind,name')
        self.assertEqual(self.lines[-1], '', 'the last line has no line feed')
        for line in self.lines[1:-1]:
            self.assertRegex(line, re.compile(r"\A\d{4}-\d\d-\d\d,holiday,[A-Z][A-Za-z' ]*[a-z]\Z"))

    def test_dates_exist_rise_and_do_not_repeat(self):
        dates = [datetime.date.fromisoformat(row[0]) for row in self.rows]
        for before, after in zip(dates, dates[1:]):
            self.assertLess(before, after)

    def test_each_year_from_2018_to_2030_has_16_holidays_of_the_law_or_more(self):
        years = [int(row[0][:4]) for row in self.rows]
        self.assertEqual(sorted(set(years)), list(range(2018, 2031)))
        for year in range(2018, 2031):
            # 2019 had no Emperor's Birthday: one abdicated after the first of his days, before the other's.
            self.assertGreaterEqual(years.count(year), 16, year)

    def test_days_known_by_hand(self):
        for date, name in HOLIDAYS.items():
            with self.subTest(date=date):
                self.assertEqual(self.names.get(date), name)

    def test_each_year_has_the_days_that_the_act_ties_to_a_date_or_a_monday(self):
        for year in range(2018, 2031):
            second_monday = 14 - datetime.date(year, 1, 7).weekday()
            third_monday = 21 - datetime.date(year, 9, 7).weekday()
            days = {'01-01': "New Year's Day", f'01-{second_monday:02}': 'Coming of Age Day',
                    '02-11': 'National Foundation Day', '04-29': 'Showa Day',
                    '05-03': 'Constitution Memorial Day',
                    '05-04': 'Greenery Day', '05-05': "Children's Day", '11-03': 'Culture Day',
                    f'09-{third_monday:02}': 'Respect for the Aged Day', '11-23': 'Labor Thanksgiving Day'}
            if year >= 2020:
                days['02-23'] = "Emperor's Birthday"
            for day, name in days.items():
                self.assertEqual(self.names.get(f'{year}-{day}'), name, f'{year}-{day}')
            listed = [name for date, name in self.names.items() if date.startswith(str(year))]
            for name in ('Vernal Equinox Day', 'Autumnal Equinox Day', 'Marine Day', 'Mountain Day'):
                self.assertEqual(listed.count(name), 1, f'{name} in {year}')
            self.assertEqual(listed.count('Health and Sports Day') + listed.count('Sports Day'), 1, year)

    def test_days_known_not_to_be_holidays(self):
        for date in WORKING_DAYS:
            with self.subTest(date=date):
                self.assertNotIn(date, self.names)

    def test_a_sunday_holiday_has_its_substitute_on_the_next_day_that_is_none(self):
        names = {datetime.date.fromisoformat(date): name for date, name in self.names.items()}
        expected = set()
        for date in names:
            if date.weekday() == 6:
                date += datetime.timedelta(days=1)
                while names.get(date, 'Substitute Holiday') != 'Substitute Holiday':
                    date += datetime.timedelta(days=1)
                expected.add(date)
        self.assertEqual({date for date, name in names.items() if name == 'Substitute Holiday'}, expected)

    def test_a_day_between_two_holidays_is_one_too(self):
        names = {datetime.date.fromisoformat(date): name for date, name in self.names.items()}
        for date in names:
            between = date + datetime.timedelta(days=1)
            after = date + datetime.timedelta(days=2)
            # A substitute holiday, which the act gives elsewhere, does not count as one of the two.
            substitute = 'Substitute Holiday' in (names[date], names.get(after))
            if after in names and not substitute and between.weekday() != 6:
                self.assertIn(between, names)


def own_words():
    """[{date: name}] as holidays and jpholiday call each day."""
    import holidays
    import jpholiday
    first, last = make_jp.FIRST_YEAR, make_jp.LAST_YEAR
    days = jpholiday.between(datetime.date(first, 1, 1), datetime.date(last, 12, 31))
    return [dict(holidays.country_holidays('JP', years=range(first, last + 1), language='ja')), dict(days)]


def record():
    """Writes the file, a line a date that either package has."""
    one, other = own_words()
    versions = [f'{name} {importlib.metadata.version(name)}' for name in ('holidays', 'jpholiday')]
    lines = ['\t'.join(['date', *versions])]
    lines += ['\t'.join([str(date), one.get(date, ''), other.get(date, '')]) for date in sorted(one.keys() | other.keys())]
    RECORD.write_text('\n'.join(lines) + '\n', encoding='utf-8')


class Packages(unittest.TestCase):
    def test_both_packages_agreed_with_the_file_on_every_date_when_they_were_recorded(self):
        header, *lines = RECORD.read_text(encoding='utf-8').splitlines()
        self.assertRegex(header, r'\Adate\tholidays [\d.]+\tjpholiday [\d.]+\Z')
        committed = make_jp.read_csv(FOLDER / 'jp.csv')
        for column, source in ((1, 'holidays'), (2, 'jpholiday')):
            words = {datetime.date.fromisoformat(line.split('\t')[0]): line.split('\t')[column] for line in lines}
            named = make_jp.english({date: make_jp.plain_name(name) for date, name in words.items() if name})
            self.assertEqual(make_jp.differences(committed, named, 'jp.csv', source), [])

    def test_a_date_that_only_one_source_has_is_named(self):
        day = datetime.date(2020, 10, 12)
        found = make_jp.differences({day: '体育の日'}, {}, 'a', 'b')
        self.assertEqual(found, ['2020-10-12: 体育の日 (a), no holiday (b)'])

    def test_a_date_with_two_names_is_named(self):
        day = datetime.date(2019, 10, 22)
        found = make_jp.differences({day: '祝日'}, {day: '国民の休日'}, 'a', 'b')
        self.assertEqual(found, ['2019-10-22: 祝日 (a), 国民の休日 (b)'])

    @unittest.skipUnless(HAVE_BOTH, 'needs the packages holidays and jpholiday')
    def test_both_packages_agree_with_the_file_on_every_date(self):
        committed = make_jp.read_csv(FOLDER / 'jp.csv')
        for name, read in (('holidays', make_jp.from_holidays), ('jpholiday', make_jp.from_jpholiday)):
            self.assertEqual(make_jp.differences(committed, make_jp.english(read()), 'jp.csv', name), [])


if __name__ == '__main__':
    if sys.argv[1:] == ['--record']:
        record()
    else:
        unittest.main()
