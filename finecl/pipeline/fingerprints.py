"""Fingerprints of stages and evidence: hashes of everything that a result depends on.

A stage's fingerprint contains those of the stages that it depends on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from finecl.artifacts.provenance import fingerprint
from finecl.artifacts.run_directory import RunDirectory
from finecl.config.resolve import part_defaults
from finecl.errors import PluginError
from finecl.review.verdicts import read_verdicts
from finecl.types import EvidenceKind, NoiseScorer, declared

if TYPE_CHECKING:
    from finecl.pipeline.run_data import RunData
    from finecl.pipeline.run_spec import RunSpec

_LAYOUT = 2  # increase it when the format of the stored evidence changes
_STATEMENTS = 2  # increase it when sentences or statements are compared in another way
_COLUMNS = 1  # increase it when scores.parquet gets other columns
_OF_FOLDS = ("folds", "fold_epochs")  # settings that only held-out proxies use


def required_evidence(spec: RunSpec) -> tuple[EvidenceKind, ...]:
    """Returns the kinds of evidence that the chosen scorer reads, and those of suggested labels, sorted.

    Raises:
        PluginError: it names an unknown kind.
    """
    asked = spec.settings.proxy.suggestions or spec.settings.pretrain.labels == "suggested"
    suggested: tuple[EvidenceKind, ...] = ("held-out",) if asked else ()
    if spec.scorer is None:
        return suggested
    kinds = declared(spec.scorer, NoiseScorer, "required_evidence")
    unknown = [kind for kind in kinds if kind not in get_args(EvidenceKind)]
    if unknown:
        known = ", ".join(get_args(EvidenceKind))
        raise PluginError(f"scorer '{spec.method.scorer}' requires the evidence '{unknown[0]}'; known: {known}")
    return tuple(sorted({*kinds, *suggested}))


def evidence_fingerprint(kind: EvidenceKind, spec: RunSpec, data: RunData) -> str:
    """Returns a hash of everything that a kind of evidence depends on."""
    settings = spec.settings.to_dict()
    model = (data.corpora.silver.fingerprint, data.corpora.relations, data.model_fingerprint)
    if kind == "text":
        return data.corpora.silver.fingerprint
    if kind == "representations":
        return fingerprint(model)
    if kind == "statements":
        return fingerprint(model, data.wordings, _STATEMENTS)
    if kind == "gold":
        return fingerprint(model, extractor_fingerprint(data.model_fingerprint, spec, data))
    code = spec.code("extractor", spec.settings.proxy.extractor)
    proxy = {
        key: value
        for key, value in settings["proxy"].items()
        if (kind == "held-out" or key not in _OF_FOLDS) and key != "suggestions"
    }
    return fingerprint(model, proxy, settings["extractor"], spec.settings.seed, code, _LAYOUT)


def score_fingerprint(spec: RunSpec, data: RunData, files: RunDirectory) -> str:
    """Returns a hash of everything that the scores depend on."""
    settings, method = spec.settings, spec.method
    parts = (method.scorer, settings.scorer, method.weighting, settings.weighting, method.settings)
    defaults = part_defaults(settings)
    code = [spec.code("weighting", method.weighting)]
    code += [spec.code("scorer", method.scorer)] if method.scorer else []
    evidence = [evidence_fingerprint(kind, spec, data) for kind in required_evidence(spec)]
    verdicts = [(uid, verdict.verdict) for uid, verdict in sorted(read_verdicts(files.path).items())]
    silver = (data.corpora.silver.fingerprint, data.corpora.relations)
    return fingerprint(*silver, evidence, parts, defaults, code, verdicts, _COLUMNS)


def pretrain_fingerprint(spec: RunSpec, data: RunData, files: RunDirectory) -> str:
    """Returns a hash of everything that the encoder depends on."""
    settings, method = spec.settings.to_dict(), spec.method
    code = [spec.code("objective", name) for name in spec.objectives]
    of_method = (method.objectives, method.mlm, method.input_format, method.blanking, dict(method.settings), code)
    parts = (of_method, settings["objective"], part_defaults(spec.settings), spec.settings.seed)
    return fingerprint(score_fingerprint(spec, data, files), settings["pretrain"], parts)


def extractor_fingerprint(encoder: str, spec: RunSpec, data: RunData) -> str:
    """Returns a hash of everything that an extractor depends on; ``encoder`` is the fingerprint of its encoder."""
    settings, corpora = spec.settings.to_dict(), data.corpora
    gold: tuple[Any, ...] = (corpora.train.fingerprint, corpora.dev.fingerprint, corpora.relations)
    if not corpora.has_gold:  # trained on silver labels by their scores, which the encoder's fingerprint includes
        gold = (corpora.silver.fingerprint, corpora.relations)
    proxy = settings["proxy"] if spec.settings.finetune.curriculum != "none" else None
    code = spec.code("extractor", spec.settings.finetune.extractor)
    return fingerprint(encoder, gold, settings["finetune"], settings["extractor"], spec.settings.seed, proxy, code)


def finetune_fingerprint(spec: RunSpec, data: RunData, files: RunDirectory) -> str:
    """Returns a hash of everything that the extractors depend on."""
    return fingerprint(
        pretrained_extractor_fingerprint(spec, data, files), extractor_fingerprint(data.model_fingerprint, spec, data)
    )


def pretrained_extractor_fingerprint(spec: RunSpec, data: RunData, files: RunDirectory) -> str:
    """Returns a hash of everything that the extractor on the pre-trained encoder depends on."""
    return extractor_fingerprint(pretrain_fingerprint(spec, data, files), spec, data)


def evaluate_fingerprint(spec: RunSpec, data: RunData, files: RunDirectory) -> str:
    """Returns a hash of everything that the result depends on."""
    return fingerprint(finetune_fingerprint(spec, data, files), data.corpora.test.fingerprint)


def report_fingerprint(spec: RunSpec, data: RunData, files: RunDirectory) -> str:
    """Returns a hash of the results of all other stages."""
    stages = {name: done for name, done in files.record().get("stages", {}).items() if name != "report"}
    return fingerprint(stages, files.metrics())
