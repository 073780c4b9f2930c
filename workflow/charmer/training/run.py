"""A training run that goes on after whatever stopped it.

Notable here:
- All that a run has done stands in its checkpoint: weights, optimizer, place in the data, random state, tables. What a
  killed run did after its last checkpoint is done again, with the same result.
- The checkpoint also says whose it is; one that other settings, data or code left behind is not gone on with, but
  kept for going back.
- The best weights are those with the fewest bits per byte on the held-out text; they are what the run ends with. One
  that starts from another model has that one's among them, so it ends with nothing worse.
- Where several ranks train together, the first scores and writes, and all decide by its clock and its signals.
"""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from charmer.common.failure import Failure
from charmer.common.progress import Progress
from charmer.training import checkpoint
from charmer.training.average import Average
from charmer.training.budget import Budget, batch_rows, pieces, rate
from charmer.training.data import Batches
from charmer.training.engine import Engine
from charmer.training.held_out import HeldOut
from charmer.training.ranks import RankLost
from charmer.training.record import Record
from charmer.training.start import Blend

logger = logging.getLogger(__name__)
SKIPS_ALLOWED = 20


class Run:
    """The state of a run, and what moves it on.

    Args:
        budget: when it ends.
        knobs: the settings' section `train`.
        engine: takes the steps.
        held_out: scores the weights.
        folder: of the checkpoints.
        identity: of the run, written into its checkpoints.
        peak: FLOP/s of the machine's matrix products.
    """

    def __init__(
        self,
        budget: Budget,
        knobs: dict[str, Any],
        engine: Engine,
        held_out: HeldOut,
        folder: Path,
        identity: str,
        peak: float,
    ) -> None:
        self.budget, self.knobs, self.engine, self.held_out = budget, knobs, engine, held_out
        self.folder, self.identity, self.peak = folder, identity, peak
        self.model, self.interrupts, self.ranks = engine.model, engine.interrupts, engine.ranks
        self.step = self.tokens = self.skips = self.evaluated = self.worse = 0
        self.seconds = self.last_step_seconds = 0.0
        self.context = self.model.config.context_length
        self.rows = knobs["batch_tokens"] // self.context
        self.first_rows = max(1, self.ranks.size, min(self.rows, knobs["first_batch_tokens"] // self.context))
        self.last_rows = batch_rows(0.0, self.rows, self.first_rows, knobs["batch_warmup"])
        self.saved = (-1, -1)
        self.average = Average(self.model, knobs["average"])
        self.blend = Blend(self.model, knobs["start_share"])
        self.best_weights = self._weights()
        self.record = Record()

    def resume(self) -> int:
        """Take over the newest good checkpoint of this run, if there is one. Gives the number of tokens seen.

        Raises:
            Failure: ranks read different checkpoints.
        """
        found = checkpoint.newest(self.folder, self.identity)
        step = float(found.values["step"]) if found else -1.0
        if self.ranks.agree(step) != (step,):
            raise Failure(f"{self.folder}: ranks found different checkpoints in it; give all of them one folder")
        if self.ranks.first:
            checkpoint.set_aside(self.folder, self.identity, go_on=found is not None)
        if found is not None:
            values, tensors = found.values, found.tensors
            self.step, self.tokens, self.skips = values["step"], values["tokens"], values["skips"]
            self.seconds, self.last_step_seconds = values["seconds"], values["last_step_seconds"]
            self.last_rows = values["last_rows"]
            self.evaluated, self.worse = values["evaluated"], values["worse"]
            self.record.load(_under("metrics/", tensors), values["evaluations"])
            self.model.load_state_dict(_under("model/", tensors))
            if self.knobs["average"]:
                self.average.model.load_state_dict(_under("average/", tensors))
            self.best_weights = _under("best/", tensors)
            self.engine.optimizer.load(_under("optimizer/", tensors))
            torch.set_rng_state(tensors["random"])
            logger.info(f"going on from step {self.step}, as left in {self.folder}")
            if values["ranks"] != self.ranks.size:
                logger.info(f"{values['ranks']} ranks left it, {self.ranks.size} go on: the same but for rounding")
        if self.ranks.first:
            self.record.watch(self.folder / "tensorboard")
        return self.tokens

    def save(self) -> None:
        """Write a checkpoint of the last complete step, unless there is one."""
        if self.saved == (self.step, self.evaluated) or not self.ranks.first:
            return
        names = (
            "identity",
            "step",
            "tokens",
            "skips",
            "evaluated",
            "worse",
            "seconds",
            "last_step_seconds",
            "last_rows",
        )
        values = {name: getattr(self, name) for name in names} | {"evaluations": self.record.evaluations}
        values["ranks"] = self.ranks.size
        parts = {
            "model": self.model.state_dict(),
            "best": self.best_weights,
            "average": self.average.model.state_dict() if self.knobs["average"] else {},
            "optimizer": self.engine.optimizer.state(),
            "metrics": self.record.tensors(),
        }
        tensors = {f"{part}/{name}": tensor for part, named in parts.items() for name, tensor in named.items()}
        tensors["random"] = torch.get_rng_state()
        checkpoint.write(self.folder, self.step, checkpoint.Checkpoint(tensors, values))
        self.saved = self.step, self.evaluated

    def go(self, batches: Batches) -> None:
        """Train until the budget is spent, or the held-out text has had enough.

        Raises:
            KeyboardInterrupt: a signal came; the state is saved.
            RankLost: another rank is gone; the state is saved.
            Failure: the run diverges, or the disk is full.
        """
        unit = {"second": "s"}.get(self.budget.unit, self.budget.unit)
        with Progress("train", total=self.budget.amount, unit=unit) as bar:
            try:
                self._go(batches, bar)
            except (KeyboardInterrupt, RankLost):
                with self.interrupts.hold():
                    self.save()
                logger.info(f"stopped at step {self.step}; the same command goes on from there")
                raise
        self.save()

    def _go(self, batches: Batches, bar: Progress) -> None:
        if self.knobs["init_from"] and self.step == 0 and not self.record.evaluations:
            self._evaluate()
        begun = saved = logged = time.monotonic()
        spent_before = self.seconds
        self._show(bar, "")
        while True:
            self._agree(spent_before + time.monotonic() - begun)
            if self._evaluate_if_due():
                continue  # that took time
            middle = self._progress(0.5)
            if middle >= 1.0 or 0 < self.knobs["patience"] <= self.worse:
                return
            share = rate(middle, self.knobs["schedule"], self.knobs["warmup"], self.knobs["decay"])
            learning_rate = self.knobs["learning_rate"] * share
            started = time.monotonic()
            rows = batch_rows(middle, self.rows, self.first_rows, self.knobs["batch_warmup"])
            batch = batches.next(pieces(middle, self.context, self.knobs["context_warmup"]), rows)
            waited = time.monotonic() - started
            loss, norm = self.engine.measure(batch)
            with self.interrupts.hold():  # weights and counters move together, or not at all
                skipped = not (math.isfinite(loss) and math.isfinite(norm))
                if not skipped:
                    self.engine.update(learning_rate)
                    self.average.update(self.step + 1)
                self.last_step_seconds, self.last_rows = time.monotonic() - started, rows
                self.seconds = spent_before + time.monotonic() - begun
                self._count(loss, learning_rate, norm, waited, middle, skipped, batch.x.shape[1])
            self._show(bar, f"loss {loss:.3f}")
            if time.monotonic() - logged >= self.knobs["log_seconds"]:
                logged = time.monotonic()
                logger.info(f"step {self.step}: loss {loss:.4f}, learning rate {learning_rate:.3g}")
            if time.monotonic() - saved >= self.knobs["checkpoint_seconds"]:
                with self.interrupts.hold():
                    self.save()
                saved = time.monotonic()

    def _agree(self, seconds: float) -> None:
        """Take the clock, and whether to stop, from the first rank.

        Raises:
            KeyboardInterrupt: a signal came to the first rank.
        """
        own = seconds, self.last_step_seconds, float(self.interrupts.pending)
        self.seconds, self.last_step_seconds, stop = self.ranks.agree(*own)
        if stop:
            raise KeyboardInterrupt

    def _progress(self, steps: float) -> float:
        """Share of the budget that is spent after `steps` more steps like the last one."""
        tokens = self.tokens + steps * self.last_rows * self.context
        return self.budget.progress(self.step + steps, tokens, self.seconds + steps * self.last_step_seconds)

    def _count(
        self,
        loss: float,
        learning_rate: float,
        norm: float,
        waited: float,
        progress: float,
        skipped: bool,
        context: int,
    ) -> None:
        """Count a step, skipped ones too, and add its row to the metrics.

        Raises:
            Failure: too many steps in a row were skipped.
        """
        count, seconds = self.last_rows * self.context, self.last_step_seconds
        self.step += 1
        self.tokens += count
        self.record.add_step(
            step=self.step,
            loss=loss,
            learning_rate=learning_rate,
            gradient_norm=norm,
            tokens=self.tokens,
            tokens_per_second=count / seconds,
            mfu=count * self.model.config.flops_per_token(context) / seconds / self.peak,
            context=context,
            seconds=self.seconds,
            waited=waited,
            progress=progress,
            skipped=int(skipped),
        )
        self.skips = self.skips + 1 if skipped else 0
        if self.skips >= SKIPS_ALLOWED:
            raise Failure(
                f"train.learning_rate: {self.knobs['learning_rate']} seems too high: the loss or its gradient was not "
                f"finite in the last {SKIPS_ALLOWED} steps; lower it"
            )

    def _evaluate_if_due(self) -> bool:
        """Score the held-out text each time another share of the budget is spent, and at its end; says if it did."""
        over = self._progress(0.5) >= 1.0
        due = self.budget.evaluations_due(self.knobs["evaluations"], self.step, self._progress(0), over)
        if due <= self.evaluated:
            return False
        self._evaluate(due)
        return True

    def _evaluate(self, due: int = 0) -> None:
        """Score the held-out text; then so many of the evaluations that are wanted are made."""
        first = self.ranks.first
        scored = self.blend.of(self.average.model)
        samples = self.held_out.samples(scored) if first else []
        (bits,) = self.ranks.agree(self.held_out.bits_per_byte(scored) if first else 0.0)
        with self.interrupts.hold():
            self.evaluated = due
            self.worse = 0 if bits < self.record.best else self.worse + 1
            if bits < self.record.best:
                self.best_weights = self._weights()
            self.record.add_evaluation(
                step=self.step, tokens=self.tokens, seconds=self.seconds, bits_per_byte=bits, samples=samples
            )
        logger.info(f"step {self.step}: held-out bits per byte {bits:.4f}")

    def _weights(self) -> dict[str, Tensor]:
        return {
            name: tensor.detach().clone() for name, tensor in self.blend.of(self.average.model).state_dict().items()
        }

    def _show(self, bar: Progress, note: str) -> None:
        bar.advance(max(0.0, min(self._progress(0), 1.0) * self.budget.amount - bar.done), note=note)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
