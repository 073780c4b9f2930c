"""A training run, from windows to a model's folder, that goes on after whatever stopped it.

Notable here:
- All that a run has done stands in its checkpoint: weights, optimizer, place in the data, and the rows of its tables.
  A killed run is continued from there, and each step stands in the metrics once.
- The checkpoint also says whose it is (`identity`); one of other settings, data or code is not continued.
- What is declared as output, the folder `out`, is written at the end alone.
"""

from __future__ import annotations

import logging
import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from charmer.common.failure import Failure
from charmer.common.files import write_json, write_table
from charmer.common.progress import Progress
from charmer.model import folder as model_folder
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.windows import Windows
from charmer.training import checkpoint
from charmer.training.budget import Budget, rate
from charmer.training.data import Batches
from charmer.training.engine import Engine, StepResult
from charmer.training.hardware import choose_device, choose_dtype, matrix_peak
from charmer.training.held_out import HeldOut
from charmer.training.interrupts import Interrupts
from charmer.training.optimizer import Optimizer

logger = logging.getLogger(__name__)

COLUMNS = {
    "step": pa.int64(),
    "loss": pa.float64(),
    "learning_rate": pa.float64(),
    "gradient_norm": pa.float64(),
    "tokens": pa.int64(),
    "tokens_per_second": pa.float64(),
    "mfu": pa.float64(),
    "seconds": pa.float64(),
    "progress": pa.float64(),
    "skipped": pa.int64(),
}
HELD_OUT_COLUMNS = pa.schema(
    {
        "step": pa.int64(),
        "tokens": pa.int64(),
        "seconds": pa.float64(),
        "bits_per_byte": pa.float64(),
        "samples": pa.list_(pa.string()),
    }
)
SKIPS_ALLOWED = 20
MICRO_TOKENS = 4096


def train(
    data: dict[str, Path],
    settings: dict[str, Any],
    out: Path,
    checkpoints: Path,
    threads: int,
    identity: str = "",
) -> None:
    """Train a model, or go on training it, and write its folder.

    Args:
        data: paths by name: tokenizer, and tokens, documents and windows of train and val (`train_tokens`, ...).
        settings: the sections `model`, `train` and `pack`.
        out: folder for model.safetensors, config.json, tokenizer.json, metrics.parquet (a row a step),
            held_out.parquet (a row an evaluation) and training.json (the run in numbers). Written at the end.
        checkpoints: folder for what grows; it holds little once the run is complete.
        threads: of the processor.
        identity: digest of all that the run depends on. A checkpoint of another identity is not continued.

    Raises:
        Failure: bad input, no such device, a full disk, a diverging run; the message names the file or the knob.
        KeyboardInterrupt: on SIGINT or SIGTERM, after a checkpoint was written.
    """
    torch.set_num_threads(1)  # the engine spreads whole micro-batches over its threads, not single operations
    with checkpoint.lock(checkpoints), Interrupts() as interrupts, ThreadPoolExecutor(threads) as pool:
        run = Run(data, settings, checkpoints, identity, interrupts, pool, threads)
        try:
            run.go()
        except KeyboardInterrupt:
            with interrupts.hold():
                run.save()
            logger.info(f"stopped at step {run.step}; the same command goes on from there")
            raise
        finally:
            run.batches.close()
        run.finish(out, data["tokenizer"], threads)
        checkpoint.clear(checkpoints)


class Run:
    """The state of a run and what moves it on."""

    def __init__(
        self,
        data: dict[str, Path],
        settings: dict[str, Any],
        checkpoints: Path,
        identity: str,
        interrupts: Interrupts,
        pool: ThreadPoolExecutor,
        threads: int,
    ) -> None:
        self.knobs, self.folder, self.identity = settings["train"], checkpoints, identity
        self.budget = Budget.parse(self.knobs["budget"])
        self.device = choose_device(self.knobs["device"])
        self.dtype = choose_dtype(self.knobs["precision"], self.device)
        context = settings["pack"]["context_length"]
        if self.knobs["batch_tokens"] % context:
            raise Failure(
                f"train.batch_tokens: {self.knobs['batch_tokens']} is no multiple of pack.context_length {context}"
            )
        tokenizer = Tokenizer.load(data["tokenizer"])
        tokens, documents, starts = (data[f"train_{name}"] for name in ("tokens", "documents", "windows"))
        windows = Windows(tokens, documents, starts, context, tokenizer=tokenizer)
        self.held_out = HeldOut(
            data["val_tokens"], data["val_documents"], tokenizer, self.knobs["held_out_mb"], self.dtype
        )
        self.config = ModelConfig(vocab_size=tokenizer.vocab_size, context_length=context, **settings["model"])
        self.model = Transformer(self.config)
        self.model.initialise(self.knobs["seed"])
        self.model.to(self.device)
        self.optimizer = Optimizer(self.model, self.knobs["optimizer"], self.knobs["weight_decay"], threads)
        rows = self.knobs["batch_tokens"] // context
        micro_rows = max(1, min(-(-rows // threads), MICRO_TOKENS // context))
        self.engine = Engine(self.model, self.optimizer, self.dtype, self.knobs["clip"], micro_rows, pool, interrupts)
        self.interrupts = interrupts
        self.step = self.tokens = self.skips = 0
        self.seconds = 0.0
        self.metrics: dict[str, list[float]] = {name: [] for name in COLUMNS}
        self.evaluations: list[dict[str, Any]] = []
        self.best = math.inf
        self.best_weights = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        position = self.resume()
        self.batches = Batches(windows, rows, self.knobs["seed"], position)
        self.peak = matrix_peak(self.device, self.dtype)

    def resume(self) -> int:
        """Take over the newest checkpoint, if there is one; gives the place in the data."""
        found = checkpoint.newest(self.folder, self.identity)
        if found is None:
            checkpoint.clear(self.folder)
            return 0
        values, tensors = found.values, found.tensors
        self.step, self.tokens, self.skips = values["step"], values["tokens"], values["skips"]
        self.seconds, self.evaluations, self.best = values["seconds"], values["evaluations"], values["best"]
        self.metrics = {name: tensors[f"metrics/{name}"].tolist() for name in COLUMNS}
        self.model.load_state_dict(_under("model/", tensors))
        self.best_weights = _under("best/", tensors)
        self.optimizer.load(_under("optimizer/", tensors))
        torch.set_rng_state(tensors["random"])
        logger.info(f"going on from step {self.step}, left in {self.folder}")
        return int(values["position"])

    def save(self) -> None:
        """Write a checkpoint of the last complete step."""
        values = {
            "identity": self.identity,
            "step": self.step,
            "tokens": self.tokens,
            "skips": self.skips,
            "seconds": self.seconds,
            "position": self.step * self.batches.size,
            "best": self.best,
            "evaluations": self.evaluations,
        }
        tensors = {f"model/{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"best/{name}": tensor for name, tensor in self.best_weights.items()}
        tensors |= {f"optimizer/{name}": tensor for name, tensor in self.optimizer.state().items()}
        tensors |= {
            f"metrics/{name}": torch.tensor(column, dtype=torch.float64) for name, column in self.metrics.items()
        }
        tensors["random"] = torch.get_rng_state()
        checkpoint.write(self.folder, self.step, checkpoint.Checkpoint(tensors, values))

    def progress(self, steps: float = 0.0, seconds: float = 0.0) -> float:
        """Share of the budget spent after `steps` more steps that take `seconds`."""
        tokens = self.tokens + steps * self.knobs["batch_tokens"]
        return self.budget.progress(self.step + steps, tokens, self.seconds + seconds)

    def go(self) -> None:
        """Train until the budget is spent."""
        last_saved = last_line = time.monotonic()
        batches = iter(self.batches)
        amount = {"second": "s", "step": "step", "token": "token"}[self.budget.unit]
        with Progress("train", total=self.budget.amount, unit=amount) as bar:
            bar.advance(self.progress() * self.budget.amount)
            self.evaluate_if_due()
            while self.progress(0.5, self._last_seconds() / 2) < 1.0:
                before, started = self.progress(), time.monotonic()
                middle = self.progress(0.5, self._last_seconds() / 2)
                schedule = rate(middle, self.knobs["schedule"], self.knobs["warmup"], self.knobs["decay"])
                learning_rate = self.knobs["learning_rate"] * schedule
                result = self.engine.step(next(batches), learning_rate)
                with self.interrupts.hold():
                    self.record(result, learning_rate, middle, time.monotonic() - started)
                self.evaluate_if_due()
                bar.advance((self.progress() - before) * self.budget.amount, note=f"loss {result.loss:.3f}")
                if time.monotonic() - last_line >= self.knobs["log_seconds"]:
                    last_line = time.monotonic()
                    logger.info(f"step {self.step}, loss {result.loss:.4f}, learning rate {learning_rate:.3g}")
                if time.monotonic() - last_saved >= self.knobs["checkpoint_seconds"]:
                    self.save()
                    last_saved = time.monotonic()

    def _last_seconds(self) -> float:
        return self.knobs["batch_tokens"] / self.metrics["tokens_per_second"][-1] if self.step else 0.0

    def record(self, result: StepResult, learning_rate: float, progress: float, seconds: float) -> None:
        """Count a step and add its row to the metrics."""
        count = self.knobs["batch_tokens"]
        self.step += 1
        self.tokens += count
        self.seconds += seconds
        self.skips = self.skips + 1 if result.skipped else 0
        row = {
            "step": self.step,
            "loss": result.loss,
            "learning_rate": learning_rate,
            "gradient_norm": result.gradient_norm,
            "tokens": self.tokens,
            "tokens_per_second": count / seconds,
            "mfu": count * self.config.flops_per_token() / seconds / self.peak,
            "seconds": self.seconds,
            "progress": progress,
            "skipped": int(result.skipped),
        }
        for name, value in row.items():
            self.metrics[name].append(value)
        if self.skips >= SKIPS_ALLOWED:
            raise Failure(
                f"train.learning_rate: {self.knobs['learning_rate']} is too high, the last {SKIPS_ALLOWED} steps had a "
                "loss or a gradient that is not finite; lower it"
            )

    def evaluate_if_due(self) -> None:
        """Score the held-out text each time another share of the budget is spent, and at its end."""
        done = self.progress(0.5, self._last_seconds() / 2) >= 1.0
        due = self.knobs["evaluations"] if done else int(self.progress() * self.knobs["evaluations"])
        if len(self.evaluations) >= due:
            return
        started = time.monotonic()
        bits = self.held_out.bits_per_byte(self.model, self.config.context_length)
        samples = self.held_out.samples(self.model)
        with self.interrupts.hold():
            self.seconds += time.monotonic() - started
            row = {"step": self.step, "tokens": self.tokens, "seconds": self.seconds, "bits_per_byte": bits}
            self.evaluations += [row | {"samples": samples}] * (due - len(self.evaluations))
            if bits < self.best:
                self.best = bits
                self.best_weights = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        logger.info(f"step {self.step}, held-out bits per byte {bits:.4f}")

    def finish(self, out: Path, tokenizer: Path, threads: int) -> None:
        """Write the folder of the trained model."""
        self.model.load_state_dict(self.best_weights)
        model_folder.save(out, self.model, tokenizer)
        columns = {name: pa.array(self.metrics[name]).cast(kind) for name, kind in COLUMNS.items()}
        write_table(out / "metrics.parquet", pa.table(columns))
        write_table(out / "held_out.parquet", pa.Table.from_pylist(self.evaluations, schema=HELD_OUT_COLUMNS))
        summary = {
            "parameters": sum(weight.numel() for weight in self.model.parameters()),
            "steps": self.step,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "flops": self.tokens * self.config.flops_per_token(),
            "bits_per_byte": self.best,
            "budget": self.knobs["budget"],
            "threads": threads,
            "device": str(self.device),
            "precision": str(self.dtype).removeprefix("torch."),
            "matrix_peak": self.peak,
        }
        write_json(out / "training.json", summary)


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
