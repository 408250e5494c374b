"""Stage "finetune": an extractor on the pre-trained encoder, and for comparison on the others of the run."""

from __future__ import annotations

from typing import Any

from finecl.artifacts.run_directory import EQUAL_WEIGHTS, PLAIN, PRETRAINED, RunDirectory
from finecl.pipeline.fingerprints import pretrained_extractor_fingerprint
from finecl.pipeline.run_data import RunData
from finecl.pipeline.run_spec import RunSpec
from finecl.pipeline.stages.extractors import extractor_config, plain_config
from finecl.progress import Listener

_NUMBERS = ("threshold", "thresholds", "dev_f1", "epoch", "dev_f1_by_epoch", "calibration", "dev_calibration")


def finetune_stage(spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener) -> dict[str, Any]:
    """Fine-tunes every variant, writes ``extractor/<variant>/`` and returns the record's numbers.

    Without gold documents nothing can be compared, so only the pre-trained variant is fine-tuned, on silver documents.

    All begin with the same head and have the same data order and dropout, so that they can be compared.
    """
    made_from = pretrained_extractor_fingerprint(spec, data, files)
    encoders = {PRETRAINED: files.encoder, EQUAL_WEIGHTS: files.baseline}
    configs = {
        variant: plain_config(spec, data, files, listener)
        if variant == PLAIN
        else extractor_config(variant, made_from, encoders[variant], spec, data, files, listener)
        for variant in (spec.variants if data.corpora.has_gold else (PRETRAINED,))
    }
    return {
        variant: {key: config[key] for key in _NUMBERS if config.get(key) is not None}
        for variant, config in configs.items()
    }
