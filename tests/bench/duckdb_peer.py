#!/usr/bin/python3
"""Runs SQL in DuckDB on one thread and prints the last statement's rows: duckdb_peer.py SQL [NAME=VALUE ...]; @FILE reads it from FILE."""
import re
import sys

import duckdb

sql, *values = sys.argv[1:]
text = open(sql[1:], encoding='utf-8').read() if sql.startswith('@') else sql
for name, value in (v.split('=', 1) for v in values):
    text = text.replace('$' + name, value)
connection = duckdb.connect(':memory:', config={'threads': '1'})
rows = []
for statement in re.split(r';\s*$', text, flags=re.M):
    if statement.strip():
        rows = connection.execute(statement).fetchall()
for row in rows:
    print(*row)
