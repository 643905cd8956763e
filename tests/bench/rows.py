#!/usr/bin/python3
"""Writes rows of float32 for the benchmarks of the models: 40 overlapping groups and 0.1 % outliers.

usage: rows.py FILE [ROWS [COLUMNS]]
"""
import sys

import numpy as np

if len(sys.argv) < 2:
    sys.exit(__doc__)
rows, columns = (int(sys.argv[2]) if len(sys.argv) > 2 else 1000000), (int(sys.argv[3]) if len(sys.argv) > 3 else 24)
random = np.random.Generator(np.random.Philox(24))
centre = random.normal(0, 1.2, (40, columns))
values = (centre[random.integers(0, 40, rows)] + random.normal(0, 1, (rows, columns))).astype('<f4')
values[random.integers(0, rows, rows // 1000)] *= 8
values.tofile(sys.argv[1])
