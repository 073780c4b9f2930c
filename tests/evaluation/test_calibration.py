"""Calibration: known guesses give known figures, and a real network's guesses are its own distribution's."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from charmer.evaluation import calibration
from charmer.model.network import ModelConfig, Transformer


def found_in(guesses: list) -> dict:
    """The rows for the guesses of each document, by slice."""
    rows = calibration.rows(guesses, [f"document {number}" for number in range(len(guesses))])
    return {row.slice: row for row in rows}


def test_a_calibrated_model_has_no_error():
    confidence = np.repeat([0.25, 0.75], 100)
    right = np.concatenate((np.arange(100) < 25, np.arange(100) < 75))
    found = found_in([(confidence, right), (confidence, right)])
    assert found["error"].value == pytest.approx(0.0)
    assert found["accuracy"].value == found["confidence"].value == pytest.approx(0.5)
    assert found["bin=0.2-0.3"].value == pytest.approx(0.25)
    detail = found["bin=0.7-0.8"].detail
    assert (detail["confidence"], detail["share"], detail["guesses"]) == pytest.approx((0.75, 0.5, 200))


def test_a_model_too_sure_of_itself_errs_by_the_distance():
    found = found_in([(np.full(50, 1.0), np.arange(50) < 30)] * 2)
    assert found["error"].value == pytest.approx(0.4)
    assert (found["bin=0.9-1.0"].cases, found["bin=0.9-1.0"].detail["over"]) == (2, "files")
    assert found["accuracy"].interval == pytest.approx((0.6, 0.6))


def test_the_error_has_an_interval_over_documents_that_holds_it():
    random = np.random.default_rng(0)
    guesses = []
    for _ in range(60):
        confidence = random.uniform(0.5, 0.9, 40)
        guesses.append((confidence, random.random(40) < confidence - 0.3))
    error = found_in(guesses)["error"]
    low, high = error.interval
    assert 0.25 < low < 0.3 < high < 0.35
    assert low < error.value < high
    calibrated = [(confidence, random.random(40) < confidence) for confidence, _ in guesses]
    error = found_in(calibrated)["error"]
    assert error.interval[0] <= error.value <= error.interval[1] < 0.05
    assert found_in(guesses[:1])["error"].interval is None


def test_the_best_guess_is_the_largest_of_the_distribution():
    network = Transformer(ModelConfig(264, 1, 16, 2, 1, 16, 8)).eval()
    network.initialise(3)
    tokens = np.random.default_rng(0).integers(0, 256, 13)
    confidence, right = calibration.best_guesses(network, tokens, eof=256)
    with torch.inference_mode():
        first = network(torch.tensor([[256, *tokens[:7]]])).softmax(-1)[0]
    assert confidence[:8] == pytest.approx(first.max(-1).values.numpy(), abs=1e-6)
    assert right[:8].tolist() == (first.argmax(-1).numpy() == tokens[:8]).tolist()
    assert (confidence > 0).all()


def test_a_uniform_model_is_sure_of_nothing(world: dict[str, Path]):
    table = calibration.evaluate(world["model"], world, {"max_mb": 1.0}, threads=1).to_pylist()
    found = {row["slice"]: row for row in table}
    assert found["confidence"]["value"] == pytest.approx(1 / 264, abs=1e-6)
    assert list(found) == ["error", "accuracy", "confidence", "bin=0.0-0.1"]
    assert json.loads(found["bin=0.0-0.1"]["detail"])["share"] == 1.0
