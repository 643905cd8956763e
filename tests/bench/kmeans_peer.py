#!/usr/bin/python3
"""scikit-learn's or faiss' k-means on one thread: ms an iteration of Lloyd's, from the first k rows.

usage: kmeans_peer.py lloyd|elkan|faiss FILE.f32 COLUMNS K

The difference of a long and a short fit over their iterations, so that what is done once is not counted.
"""
import json
import os
import sys
import time
import warnings

os.environ.update(OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1')
import numpy as np

if len(sys.argv) != 5:
    sys.exit(__doc__)
what, path, columns, k = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rows = np.fromfile(path, '<f4').reshape(-1, columns)
warnings.simplefilter('ignore')
ITERATIONS = 12


def fit(iterations):
    if what == 'faiss':
        import faiss
        faiss.omp_set_num_threads(1)
        model = faiss.Kmeans(columns, k, niter=iterations, nredo=1, max_points_per_centroid=len(rows), seed=1)
        model.train(rows, init_centroids=rows[:k])
        return
    from sklearn.cluster import KMeans
    model = KMeans(k, init=rows[:k], n_init=1, max_iter=iterations, tol=0, algorithm=what, copy_x=False).fit(rows)
    assert model.n_iter_ == iterations, f'converged after {model.n_iter_} iterations'


fit(1)
times = []
for iterations in (2, 2 + ITERATIONS):
    wall, cpu = time.perf_counter(), time.process_time()
    fit(iterations)
    times.append((time.perf_counter() - wall, time.process_time() - cpu))
wall, cpu = ((after - before) / ITERATIONS * 1e3 for before, after in zip(*times))
print(json.dumps({'ms_per_iteration': wall, 'cpu_ms_per_iteration': cpu}))
