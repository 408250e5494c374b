"""Stage "finetune": one extractor on the pre-trained encoder, and one on the plain encoder to compare it with."""

from __future__ import annotations

from typing import Any

from finecl.artifacts.provenance import fingerprint
from finecl.pipeline.context import Context
from finecl.pipeline.stages.extractors import PLAIN, PRETRAINED, config_of, made_from, plain_config
from finecl.pipeline.stages.pretrain import ENCODER, pretrain_fingerprint

_NUMBERS = ("threshold", "thresholds", "dev_f1", "epoch", "dev_f1_by_epoch", "calibration", "dev_calibration")


def finetune_fingerprint(context: Context) -> str:
    """Changes when anything that the extractors depend on does."""
    return fingerprint(_pretrained(context), made_from(context, context.model_fingerprint))


def finetune_stage(context: Context) -> dict[str, Any]:
    """Fine-tunes both variants, writes ``extractor/<variant>/`` and returns the record's numbers.

    The two are a pair: they begin with the same head, and have the same order and dropout.
    """
    pretrained = config_of(context, PRETRAINED, _pretrained(context), context.directory / ENCODER)
    configs = {PRETRAINED: pretrained, PLAIN: plain_config(context)}
    return {
        variant: {key: config[key] for key in _NUMBERS if config.get(key) is not None}
        for variant, config in configs.items()
    }


def _pretrained(context: Context) -> str:
    return made_from(context, pretrain_fingerprint(context))
