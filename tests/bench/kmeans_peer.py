#!/usr/bin/python3
"""k-means by others on one thread, from the first k rows: ms an iteration of Lloyd's, or a run to its end.

usage: kmeans_peer.py lloyd|elkan|faiss FILE.f32 COLUMNS K [end]
       kmeans_peer.py liao PROGRAM RANKS FILE.liao K

lloyd and elkan are scikit-learn's. An iteration is the difference of a long and a short fit over their iterations, so
that what is done once is not counted. With `end` the rows are first scaled as quern scales them (docs/models.md), which
is not counted, and the fit ends by scikit-learn's own rule (tol=1e-4, or TOL; at most 300 iterations).

liao is W.-k. Liao's MPI k-means (mpi_main): the median of the iterations that it tells, from the third on. FILE.liao has
two int32, rows and columns, before the floats.
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import warnings

os.environ.update(OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1')
import numpy as np

ITERATIONS = 12


def robust(rows):
    """By median and spread, cut off at the end of the grid."""
    q25, q50, q75, q99 = (np.quantile(rows, q, axis=0, method='inverted_cdf') for q in (.25, .5, .75, .99))
    scale = np.maximum((q75 - q25) / 1.349, (q99 - q50) / 2.326)
    return np.clip((rows - q50) / scale, -4095 / 512, 4095 / 512).astype(np.float32)


def clocked(work):
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    return made, (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3


def fit(what, rows, k, iterations, tol=0.0):
    if what == 'faiss':
        import faiss
        faiss.omp_set_num_threads(1)
        model = faiss.Kmeans(rows.shape[1], k, niter=iterations, nredo=1, max_points_per_centroid=len(rows), seed=1)
        model.train(rows, init_centroids=rows[:k])
        return model
    from sklearn.cluster import KMeans
    return KMeans(k, init=rows[:k], n_init=1, max_iter=iterations, tol=tol, algorithm=what, copy_x=False).fit(rows)


def iterations_time(what, rows, k):
    fit(what, rows, k, 1)
    short, long = (clocked(lambda: fit(what, rows, k, count)) for count in (2, 2 + ITERATIONS))
    if what != 'faiss':
        assert long[0].n_iter_ == 2 + ITERATIONS, f'converged after {long[0].n_iter_} iterations'
    wall, cpu = ((after - before) / ITERATIONS for before, after in zip(short[1:], long[1:]))
    return {'ms_per_iteration': wall, 'cpu_ms_per_iteration': cpu}


def end_time(what, rows, k):
    rows = robust(rows)
    fit(what, rows[:10000], k, 1)
    model, wall, cpu = clocked(lambda: fit(what, rows, k, 300, float(os.environ.get('TOL', 1e-4))))
    # The inertia in doubles: scikit-learn adds floats.
    inertia = sum(((part.astype(float) - model.cluster_centers_[model.predict(part)]) ** 2).sum()
                  for part in np.array_split(rows, 50))
    return {'ms_to_end': wall, 'cpu_ms_to_end': cpu, 'passes': model.n_iter_, 'inertia': float(inertia)}


def liao_time(program, ranks, path, k):
    """The threshold is the share of rows that may still move when it ends."""
    def run(threshold):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        told = subprocess.run(['mpirun', '-n', ranks, program, '-b', '-i', path, '-n', str(k), '-t', threshold, '-d'],
                              capture_output=True, text=True, check=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times = [float(line.split('time=')[1].split()[0]) * 1e3 for line in told.splitlines() if 'loop=' in line and 'time=' in line]
        return times, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3
    _, once = run('1.0')
    times, cpu = run('0.01' if k > 2 else '0.0005')
    return {'ms_per_iteration': statistics.median(times[2:2 + ITERATIONS]),
            'cpu_ms_per_iteration': (cpu - once) / (len(times) - 1)}


def main(what, *words):
    if what == 'liao':
        program, ranks, path, k = words
        return liao_time(program, ranks, path, int(k))
    path, columns, k, *end = words
    rows = np.fromfile(path, '<f4').reshape(-1, int(columns))
    return (end_time if end else iterations_time)(what, rows, int(k))


if len(sys.argv) not in (5, 6):
    sys.exit(__doc__)
warnings.simplefilter('ignore')
print(json.dumps(main(*sys.argv[1:])))
