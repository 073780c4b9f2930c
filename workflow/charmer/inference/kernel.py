"""One more token for a few rows on a processor: the whole network in one function that Numba compiles.

Notable here:
- A network of a few million parameters is written faster than PyTorch can be asked for it: some hundred operations of
  3 to 10 us each take four times as long as the arithmetic. Here it is one call, and a weight is read once a step.
- Rows are computed one after another with the same instructions: what a row writes does not depend on its neighbours.
- Weights, keys and values are read as they are stored (float32, bfloat16, or whole numbers in 8 bits with a scale for
  each output); sums are in float32.
- Compiled code is kept beside the module or in the person's cache folder, so that 5 s of compiling are spent once,
  or where neither can be written, once a process.

Shapes as in `inference.forward`. Matrices are [outputs, inputs], those of all layers in one array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numba.extending import overload
from numpy.typing import NDArray

FLOAT = np.float32
OPTIONS: dict[str, Any] = {"fastmath": True, "nogil": True, "error_model": "numpy"}
LOG2E, LN2 = FLOAT(1.4426950408889634), FLOAT(0.6931471805599453)

Floats = NDArray[np.float32]
Stored = NDArray[Any]  # float32, bits of bfloat16 (uint16), or int8


class Weights(NamedTuple):
    """What `extend` reads. A matrix's scales are [layers, outputs] or [V], ones unless it is in 8 bits.

    The gains of norms, times the root of the width, are in the matrices behind them.
    """

    embedding: Stored  # [V, C]
    mix: Stored  # queries, keys, values: [layers, (H + 2 G) D, C]
    mix_scales: Floats
    out: Stored  # [layers, C, H D]
    out_scales: Floats
    gate_up: Stored  # [layers, 2 hidden, C]
    gate_up_scales: Floats
    down: Stored  # [layers, C, hidden]
    down_scales: Floats
    head: Stored  # [V, C]
    head_scales: Floats
    gains: Floats  # of normalised queries and keys, the scale of the scores among them: [layers, H + G, D]
    cosines: Floats  # [W, D / 2]
    sines: Floats


def compiled(function: Callable[..., Any]) -> Any:
    """`function`, compiled when it is first called."""
    try:
        return njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # Numba finds no folder that it may write
        return njit(**OPTIONS)(function)


def number(stored: Any) -> Any:
    """A stored value as float32; for compiled code."""
    raise NotImplementedError


@overload(number, strict=False)
def _number(stored: Any) -> Any:
    if stored == types.uint16:
        return lambda stored: np.uint32(np.uint32(stored) << np.uint32(16)).view(np.float32)
    return lambda stored: np.float32(stored)


def bits(value: Any, stored: Any) -> Any:
    """A float32 in the type of `stored`, rounded to the nearest; for compiled code."""
    raise NotImplementedError


@overload(bits, strict=False)
def _bits(value: Any, stored: Any) -> Any:
    if stored == types.uint16:

        def rounded(value: Any, stored: Any) -> Any:
            whole = np.float32(value).view(np.uint32)
            even = np.uint32(whole >> np.uint32(16)) & np.uint32(1)
            return np.uint16(np.uint32(whole + np.uint32(0x7FFF) + even) >> np.uint32(16))

        return rounded
    return lambda value, stored: value


@compiled
def exponential(x: Any) -> Any:
    """e ** x to 3e-7 of itself, in operations that run on many values at once (the C library's do not)."""
    scaled = min(max(x, FLOAT(-87)), FLOAT(88)) * LOG2E
    whole = np.floor(scaled + FLOAT(0.5))
    rest = (scaled - whole) * LN2
    power = FLOAT(1 / 120) + rest * FLOAT(1 / 720)
    power = FLOAT(1 / 6) + rest * (FLOAT(1 / 24) + rest * power)
    power = FLOAT(1) + rest * (FLOAT(1) + rest * (FLOAT(0.5) + rest * power))
    return power * np.int32(np.int32(np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


@compiled
def product(matrix: Stored, scales: Floats, x: Floats, result: Floats) -> None:
    """`x` [N, inputs] with a matrix -> `result` [N, outputs]. A line of the matrix serves all rows while it is near."""
    for output in range(matrix.shape[0]):
        for row in range(x.shape[0]):
            total = FLOAT(0)
            for at in range(x.shape[1]):
                total += x[row, at] * number(matrix[output, at])
            result[row, output] = total * scales[output]


@compiled
def normalise(x: Floats, epsilon: float, result: Floats) -> None:
    """Each row of `x` [N, n] over the root of its sum of squares, n * epsilon added to that."""
    for row in range(x.shape[0]):
        total = FLOAT(x.shape[1] * epsilon)
        for at in range(x.shape[1]):
            total += x[row, at] * x[row, at]
        factor = FLOAT(1) / np.sqrt(total)
        for at in range(x.shape[1]):
            result[row, at] = x[row, at] * factor


@compiled
def turn(vectors: Floats, gains: Floats, cosines: Floats, sines: Floats) -> None:
    """Gains and the rotary embedding, in place: vectors and gains [n, D], angles [D / 2]."""
    half = vectors.shape[1] // 2
    for head in range(vectors.shape[0]):
        for at in range(half):
            first, second = vectors[head, at] * gains[head, at], vectors[head, at + half] * gains[head, at + half]
            vectors[head, at] = first * cosines[at] - second * sines[at]
            vectors[head, at + half] = second * cosines[at] + first * sines[at]


@compiled
def attend(queries: Floats, keys: Stored, values: Stored, scores: Floats, result: Floats) -> None:
    """`queries` [R, D] to one group's `keys` and `values` [filled, D] -> `result` [R, D]; `scores` [W] is scratch."""
    filled, size = keys.shape
    for query in range(queries.shape[0]):
        highest = FLOAT(-3e38)
        for place in range(filled):
            total = FLOAT(0)
            for at in range(size):
                total += queries[query, at] * number(keys[place, at])
            scores[place] = total
            highest = max(highest, total)
        total = FLOAT(0)
        for place in range(filled):
            scores[place] = exponential(scores[place] - highest)
            total += scores[place]
        result[query] = FLOAT(0)
        for place in range(filled):
            share = scores[place] / total
            for at in range(size):
                result[query, at] += share * number(values[place, at])


@compiled
def extend(
    tokens: NDArray[np.int64],
    slots: NDArray[np.int64],
    places: NDArray[np.int64],
    weights: Weights,
    keys: Stored,
    values: Stored,
    epsilon: float,
    logits: Floats,
) -> None:
    """`logits` [B, V] behind one more token in each of `slots`, which takes the place `places[b]`.

    Its keys and values are added to `keys` and `values` [layers, S, G, W, D].
    """
    rows, (layers, _, groups, window, size) = len(tokens), keys.shape
    width, hidden, outputs = weights.embedding.shape[1], weights.down.shape[2], weights.mix.shape[1]
    heads = outputs // size - 2 * groups
    x, near = np.empty((rows, width), FLOAT), np.empty((rows, width), FLOAT)
    parts, seen = np.empty((rows, outputs), FLOAT), np.empty((rows, heads * size), FLOAT)
    gate_up, gated = np.empty((rows, 2 * hidden), FLOAT), np.empty((rows, hidden), FLOAT)
    scores = np.empty(window, FLOAT)
    for row in range(rows):
        for at in range(width):
            x[row, at] = number(weights.embedding[tokens[row], at])
    for layer in range(layers):
        normalise(x, epsilon, near)
        product(weights.mix[layer], weights.mix_scales[layer], near, parts)
        for row in range(rows):
            slot, place = slots[row], places[row]
            vectors = parts[row].reshape((-1, size))
            turned = vectors[: heads + groups]
            normalise(turned, epsilon, turned)
            turn(turned, weights.gains[layer], weights.cosines[place], weights.sines[place])
            found = seen[row].reshape((groups, -1, size))
            queries = vectors[:heads].reshape((groups, -1, size))
            for group in range(groups):
                own_keys, own_values = keys[layer, slot, group, : place + 1], values[layer, slot, group, : place + 1]
                for at in range(size):
                    own_keys[place, at] = bits(vectors[heads + group, at], own_keys[place, at])
                    own_values[place, at] = bits(vectors[heads + groups + group, at], own_values[place, at])
                attend(queries[group], own_keys, own_values, scores, found[group])
        product(weights.out[layer], weights.out_scales[layer], seen, near)
        for row in range(rows):
            for at in range(width):
                x[row, at] += near[row, at]
        normalise(x, epsilon, near)
        product(weights.gate_up[layer], weights.gate_up_scales[layer], near, gate_up)
        for row in range(rows):
            for at in range(hidden):
                gate = gate_up[row, at]
                gated[row, at] = gate / (FLOAT(1) + exponential(-gate)) * gate_up[row, hidden + at]
        product(weights.down[layer], weights.down_scales[layer], gated, near)
        for row in range(rows):
            for at in range(width):
                x[row, at] += near[row, at]
    normalise(x, epsilon, near)
    product(weights.head, weights.head_scales, near, logits)


def compile_for(number: str, cache: str) -> None:
    """Compile `extend` for matrices of `number` and keys and values of `cache`, names of NumPy's types, and keep it."""
    matrix, matrices, scales = np.zeros((1, 1), number), np.zeros((1, 3, 1), number), np.zeros((1, 1), FLOAT)
    stacks = (matrices, scales) * 4
    weights = Weights(np.zeros((1, 1), cache), *stacks, matrix, scales[0], np.zeros((1, 1, 1), FLOAT), scales, scales)
    none, kept = np.zeros(0, np.int64), np.zeros((1, 1, 1, 1, 1), cache)
    extend(none, none, none, weights, kept, kept, 0.0, np.zeros((0, 1), FLOAT))
