#!/usr/bin/python3
"""Training of the same autoencoder by others on one thread: samples a second.

usage: autoencoder_peer.py torch|numpy|sklearn FILE.f32 COLUMNS HIDDEN BATCH [SECONDS]

HIDDEN is a list such as 16,8,16. LeakyReLU (scikit-learn: ReLU), squared error, Adam; rows are shuffled each epoch.
Whole epochs after a first one; the loss must fall.
"""
import json
import os
import sys
import time
import warnings

os.environ.update(OMP_NUM_THREADS='1', OPENBLAS_NUM_THREADS='1', MKL_NUM_THREADS='1')
import numpy as np

if len(sys.argv) < 6:
    sys.exit(__doc__)
what, path, columns, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[5])
seconds = float(sys.argv[6]) if len(sys.argv) > 6 else 3
widths = [columns, *(int(w) for w in sys.argv[4].split(',')), columns]
LEAK = np.float32(2 ** -6)
rows = np.fromfile(path, '<f4').reshape(-1, columns)
rows = (rows - rows.mean(0)) / rows.std(0)
warnings.simplefilter('ignore')


def torch_epochs():
    import torch
    torch.set_num_threads(1)
    torch.manual_seed(1)
    data = torch.from_numpy(rows)
    layers = []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        layers += [torch.nn.Linear(a, b)] + ([torch.nn.LeakyReLU(float(LEAK))] if i < len(widths) - 2 else [])
    model = torch.nn.Sequential(*layers)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)

    def epoch():
        order, total, steps = torch.randperm(len(data)), 0.0, len(data) // batch
        for step in range(steps):
            given = data[order[step * batch:(step + 1) * batch]]
            loss = torch.nn.functional.mse_loss(model(given), given)
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
            if step % 64 == 0:
                total += loss.item() * 64
        return steps * batch, total / steps
    return epoch


def numpy_epochs():
    """The passes written out on one flat vector of parameters and one of gradients."""
    random = np.random.default_rng(1)
    shapes = [shape for a, b in zip(widths, widths[1:]) for shape in ((a, b), (b,))]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    p, g, m, v = (np.zeros(ends[-1], 'f4') for _ in range(4))

    def parts(flat):
        return [flat[end - int(np.prod(shape)):end].reshape(shape) for shape, end in zip(shapes, ends)]
    parameters, gradients = parts(p), parts(g)
    for weights in parameters[::2]:
        weights[:] = random.uniform(-1, 1, weights.shape) * np.sqrt(6 / weights.shape[0])
    layers, steps_done = len(widths) - 1, 0

    def epoch():
        nonlocal steps_done
        order, total, steps = random.permutation(len(rows)), 0.0, len(rows) // batch
        for step in range(steps):
            outputs = [rows[order[step * batch:(step + 1) * batch]]]
            for i in range(layers):
                z = outputs[-1] @ parameters[2 * i]
                z += parameters[2 * i + 1]
                outputs.append(np.maximum(z, z * LEAK) if i < layers - 1 else z)
            delta = outputs[-1] - outputs[0]
            if step % 64 == 0:
                total += float(np.vdot(delta, delta)) / delta.size * 64
            delta *= np.float32(2 / (batch * columns))
            for i in reversed(range(layers)):
                np.dot(outputs[i].T, delta, out=gradients[2 * i])
                np.sum(delta, 0, out=gradients[2 * i + 1])
                if i:
                    delta = delta @ parameters[2 * i].T
                    delta *= np.where(outputs[i] > 0, np.float32(1), LEAK)
            steps_done += 1
            m[:] = np.float32(0.9) * m + np.float32(0.1) * g
            v[:] = np.float32(0.999) * v + np.float32(0.001) * g * g
            rate = np.float32(1e-3 * np.sqrt(1 - 0.999 ** steps_done) / (1 - 0.9 ** steps_done))
            p[:] -= rate * m / (np.sqrt(v) + np.float32(1e-8))
        return steps * batch, total / steps
    return epoch


def sklearn_epochs():
    from sklearn.neural_network import MLPRegressor
    model = MLPRegressor(tuple(widths[1:-1]), alpha=0, batch_size=batch, max_iter=1, warm_start=True, tol=0,
                         n_iter_no_change=1000, random_state=1)

    def epoch():
        model.fit(rows, rows)
        return len(rows), model.loss_
    return epoch


epoch = {'torch': torch_epochs, 'numpy': numpy_epochs, 'sklearn': sklearn_epochs}[what]()
_, first = epoch()
done, wall, cpu = 0, time.perf_counter(), time.process_time()
while time.perf_counter() - wall < seconds:
    count, loss = epoch()
    done += count
assert loss < first, (first, loss)
print(json.dumps({'samples_per_s': done / (time.perf_counter() - wall),
                  'samples_per_cpu_s': done / (time.process_time() - cpu), 'loss': float(loss)}))
