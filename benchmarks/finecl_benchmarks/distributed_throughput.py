"""Throughput of pre-training on several processes: run under torchrun; rank 0 prints tokens per second as JSON."""

from __future__ import annotations

import json
import sys
import time

from finecl.distributed import process_group
from finecl.distributed.parallel import Parallel
from finecl.pretraining.loop import train_step
from finecl.pretraining.micro_batch import PretrainingModel
from finecl.training.optimizer import Optimization
from finecl_benchmarks.speed_setup import encoder_of, pretraining


def main(steps: int, warm_up: int = 1) -> None:
    """Runs and times ``steps`` pre-training steps after ``warm_up`` unmeasured ones."""
    ranks = process_group.start()
    with ranks.local_main_first():
        encoder, tokenizer = encoder_of("bf16")
        run = pretraining(tokenizer, batch_size=32)
    model = Parallel(PretrainingModel(encoder), ranks)
    optimization = Optimization(model.module, run.settings, 1000)
    tokens, began = 0, time.perf_counter()
    for step in range(warm_up + steps):
        if step == warm_up:
            ranks.barrier()
            tokens, began = 0, time.perf_counter()
        work = run.group_batches(step, ranks)
        train_step(model, run, work, step)
        optimization.step(step)
        tokens += sum(int(w.group.packed.lengths[w.own].sum()) for w in work)
    (total,) = ranks.all_sum([tokens])
    if ranks.main:
        print(json.dumps({"tokens_per_second": total / (time.perf_counter() - began)}))
    process_group.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
