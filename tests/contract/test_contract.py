"""Every registered part meets the contract, and the contract's checks detect faulty parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from finecl_erica.entity_discrimination import EntityDiscrimination
from finecl_erica.relation_discrimination import RelationDiscrimination
from finecl_extractors.bilinear import Bilinear
from finecl_formats.jsonl import JSONLines
from finecl_learning_order.exponential import Exponential
from finecl_learning_order.scorer import LearningOrder
from torch import Tensor, nn

from finecl import registry, testing
from finecl.errors import FormatError, SettingsError
from finecl.registry import Part
from finecl.testing import (
    check_extractor,
    check_format,
    check_method,
    check_noise_scorer,
    check_objective,
    check_weighting,
    samples,
)
from finecl.types import Batch, Document, Evidence, Floats, Generator, Instances, LossSum, Pairs, RowColumns

CHECKS: dict[str, Callable[..., None]] = {
    "scorer": check_noise_scorer,
    "weighting": check_weighting,
    "objective": check_objective,
    "method": check_method,
    "extractor": check_extractor,
    "format": check_format,
}
SUFFIXES = {"parquet": ".parquet", "jsonl": ".jsonl"}
BUILT_IN = registry.load()
ASKING = "llm-judge"
"""A scorer that asks an endpoint; tests/plugins/test_llm.py checks it against one."""


def parts(kind: str) -> list[Any]:
    return [pytest.param(part, id=name) for name, part in BUILT_IN.parts(kind).items()]


def required_settings(part: Part, directory: Path) -> dict[str, Any]:
    """Returns the settings that a part cannot do without: of the scorers, a file or the name of a model."""
    if part.name == ASKING:
        return {"model": "tiny", "base_url": "http://127.0.0.1:1/v1"}
    if (part.kind, part.name) != ("scorer", "file"):
        return {}
    uids = [uid for count in (1, 40) for uid in samples.instances(count).uid.tolist()]
    path = directory / "scores.csv"
    path.write_text("uid,score\n" + "".join(f"{uid:016x},{row}\n" for row, uid in enumerate(uids)))
    return {"path": str(path)}


@pytest.mark.parametrize("part", [p for kind in CHECKS if kind != "format" for p in parts(kind) if p.id != ASKING])
def test_every_registered_part_keeps_the_contract(part: Part, tmp_path: Path) -> None:
    CHECKS[part.kind](part.factory, **required_settings(part, tmp_path))


@pytest.mark.parametrize("part", parts("format"))
def test_every_registered_format_keeps_the_contract(part: Part) -> None:
    check_format(part.factory, suffix=SUFFIXES.get(part.name, ".json"))


@pytest.mark.parametrize("part", [p for kind in CHECKS for p in parts(kind) if p.id != ASKING])
def test_every_choice_of_a_registered_part_keeps_it_too(part: Part, tmp_path: Path) -> None:
    """Checks each value of the settings that are a Literal or a bool."""
    for name, parameter in part.settings.items():
        choices = getattr(parameter.annotation, "__args__", ()) if "Literal" in str(parameter.annotation) else ()
        for value in (True, False) if parameter.annotation is bool else choices:
            CHECKS[part.kind](part.factory, **required_settings(part, tmp_path), **{name: value})


@pytest.mark.parametrize("part", [p for kind in CHECKS if kind not in ("method", "format") for p in parts(kind)])
def test_every_number_of_a_registered_part_has_a_range(part: Part, tmp_path: Path) -> None:
    """``clamp`` of the weighting exp is a noise, which may be any number."""
    for name, parameter in part.settings.items():
        kind = str(parameter.annotation)
        wrong = [] if name == "clamp" or "str" in kind else ["-1000000000"]
        wrong += ["nan", "inf"] if "float" in kind else []
        for value in wrong if "float" in kind or "int" in kind else ():
            with pytest.raises(SettingsError, match=f"{name}.*: expected .*, got {value}"):
                _made(part, required_settings(part, tmp_path) | {name: value})


def _made(part: Part, settings: dict[str, Any]) -> None:
    """Checks settings as a run does before it begins; an extractor is built later, on its encoder."""
    if part.kind == "extractor":
        part.values(settings)
    else:
        part.create(**settings)


def test_methods_name_parts_that_exist_and_settings_that_these_have() -> None:
    for part in BUILT_IN.parts("method").values():
        method = part.factory
        parts_of_method = [("weighting", method.weighting), *(("objective", name) for _, name in method.objectives)]
        parts_of_method += [("scorer", method.scorer)] if method.scorer else []
        for kind, name in parts_of_method:
            prefix = f"{kind}.{name}."
            values = {k.removeprefix(prefix): v for k, v in method.settings.items() if k.startswith(prefix)}
            BUILT_IN.create(kind, name, values)


def test_settings_are_passed_on() -> None:
    check_weighting(Exponential, alpha=5.0, unlearned="drop")
    with pytest.raises(AssertionError, match="Exponential: a noisier instance must never weigh more"):
        check_weighting(Exponential, alpha=0.5)


# ------------------------------------------------- faulty parts, each with the expected sentence


@dataclass(frozen=True, kw_only=True)
class Short:
    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        return np.zeros(1, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Double:
    def score(self, instances: Instances, evidence: Evidence) -> Any:
        return np.zeros(len(instances))


@dataclass(frozen=True, kw_only=True)
class NotANumber:
    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        return np.full(len(instances), np.nan, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Restless:
    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        return np.random.default_rng().random(len(instances)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Meddler:
    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        evidence.dynamics("batch").loss[:] = 0
        return np.zeros(len(instances), dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Listed:
    def score(self, instances: Instances, evidence: Evidence) -> Any:
        return [0.0] * len(instances)


@dataclass(frozen=True)
class Positional(LearningOrder):
    def __init__(self, floor: float = 0.5) -> None:
        super().__init__(floor=floor)


@dataclass(frozen=True, kw_only=True)
class Unspeakable(LearningOrder):
    names: set[str] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Required(LearningOrder):
    path: str


@dataclass(frozen=True, kw_only=True)
class Hidden(LearningOrder):
    path: NowhereToBeFound = ""  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        (Hidden, "Hidden: the types of its settings must be readable at run time: name 'NowhereToBeFound'"),
        (Short, r"Short: noise must have the shape \(40,\), got \(1,\)"),
        (Double, "Double: noise must be float32, got float64"),
        (NotANumber, "NotANumber: noise must never be NaN"),
        (Restless, "Restless: the same input must give the same output"),
        (Meddler, "Meddler: the input must not be modified"),
        (Listed, "Listed: noise must be a numpy array, got list"),
        (Positional, "Positional: the setting 'floor' must be keyword-only"),
        (Unspeakable, "Unspeakable: the setting 'names' must have a default that JSON can hold, got <factory>"),
        (Required, "Required: the setting 'path' must have a default that JSON can hold, got no default"),
    ],
)
def test_faulty_scorers(factory: Any, sentence: str) -> None:
    breach(check_noise_scorer, factory, sentence)


def breach(check: Callable[..., None], factory: Any, sentence: str) -> None:
    """Asserts that the check fails with this sentence, on one line."""
    with pytest.raises(AssertionError, match=sentence) as caught:
        check(factory)
    assert "\n" not in str(caught.value)


def weighting(name: str, weigh: Callable[[Floats], Any], unscored: Any = 1.0) -> type:
    """Creates a weighting class with this function and this ``unscored``."""
    members = {"weigh": lambda self, noise: weigh(noise), "unscored": property(lambda self: unscored)}
    return type(name, (), {"__init__": lambda self: None, **members})


def ones(noise: Floats) -> Floats:
    return np.ones_like(noise)


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        (
            weighting("Rising", lambda n: np.argsort(np.argsort(n)).astype(np.float32)),
            "Rising: a noisier instance must",
        ),
        (weighting("Negative", lambda n: -ones(n)), "Negative: weights must be finite and >= 0"),
        (
            weighting("Endless", lambda n: np.where(np.isinf(n), 1, np.inf).astype(np.float32)),
            "Endless: weights must be",
        ),
        (weighting("NaN", lambda n: (n - n.min()) * np.float32("nan")), "NaN: weights must be finite"),
        (weighting("Scalar", lambda n: np.float32(1)), "Scalar: weights must be a numpy array, got float32"),
        (weighting("Fewer", lambda n: ones(n)[1:]), r"Fewer: weights must have the shape \(60,\), got \(59,\)"),
        (weighting("Wide", lambda n: ones(n).astype(float)), "Wide: weights must be float32, got float64"),
        (weighting("Text", ones, "1"), "Text: unscored must be a float, got str"),
        (weighting("Minus", ones, -1.0), r"Minus: unscored must be finite and >= 0, got -1\.0"),
    ],
)
def test_faulty_weightings(factory: Any, sentence: str) -> None:
    breach(check_weighting, factory, sentence)


class Faulty(RelationDiscrimination):
    """Relation discrimination with a fault in its pairs or its loss."""

    fault: str = ""

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        if self.fault == "restless":
            generator = np.random.default_rng()
        correct = super().pairs(anchors, candidates, generator)
        faults = {
            "outside": lambda: replace(correct, negative_AK=correct.negative_AK + len(candidates)),
            "rows": lambda: replace(correct, positive_AP=correct.positive_AP[1:]),
            "narrow": lambda: replace(correct, positive_AP=correct.positive_AP.astype(np.int32)),
            "repeated": lambda: replace(correct, negative_AK=np.repeat(correct.negative_AK, 2, axis=1)),
            "terms": lambda: replace(correct, terms=correct.terms + 1),
            "none": lambda: Pairs.contrastive(np.full_like(correct.positive_AP, -1), correct.negative_AK),
            "tuple": lambda: (correct.positive_AP, correct.negative_AK),
        }
        apply: Callable[[], Any] = faults.get(self.fault, lambda: correct)
        return apply()  # type: ignore[no-any-return]

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
        used_pairs = replace(pairs, terms=pairs.terms - 1) if self.fault == "terms" else pairs
        if self.fault == "scaled":
            x_AH *= 2
        correct = super().loss(x_AH, y_CH, used_pairs, anchors, candidates)
        faults = {
            "mean": lambda: replace(correct, total=correct.total / max(1, correct.terms)),
            "detached": lambda: replace(correct, total=correct.total.detach()),
            "half": lambda: replace(correct, total=correct.total.bfloat16()),
            "infinite": lambda: replace(correct, total=correct.total / 0),
            "vector": lambda: replace(correct, total=correct.total[None]),
            "constant": lambda: replace(correct, total=correct.total + 1),
            "flat": lambda: replace(correct, total=correct.total * 0),
            "bare": lambda: correct.total,
            "bad gradient": lambda: replace(correct, total=correct.total + (x_AH * 0).square().sum().sqrt()),
        }
        apply: Callable[[], Any] = faults.get(self.fault, lambda: correct)
        return apply()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("restless", "the same input must give the same output"),
        ("outside", "negative_AK must hold numbers of the 20 candidates, or -1"),
        ("rows", "positive_AP must have a row for each of 20 anchors"),
        ("narrow", "positive_AP must be int64, got int32"),
        ("repeated", "negative_AK must name a candidate once an anchor"),
        ("terms", r"the loss must sum pairs\.terms = \d+ terms, got \d+"),
        ("none", "pairs must find positives among rows of equal relations"),
        ("tuple", r"pairs\(\) must return Pairs, got tuple"),
        ("scaled", "the input must not be modified"),
        ("mean", "the loss must be a sum over terms, not a mean"),
        ("detached", "the loss must have a gradient"),
        ("half", r"the loss must be float32, got torch\.bfloat16"),
        ("infinite", "the loss must be finite, got inf"),
        ("vector", "the loss must be a tensor without dimensions"),
        ("constant", "the loss must be a sum over terms, not a mean"),
        ("flat", "the gradient must not be 0 everywhere"),
        ("bare", r"loss\(\) must return a LossSum, got Tensor"),
        ("bad gradient", "the gradient must be finite"),
    ],
)
def test_faulty_objectives(fault: str, sentence: str) -> None:
    breach(check_objective, type("Faulty", (Faulty,), {"fault": fault}), f"Faulty: {sentence}")


class UnknownUnit(EntityDiscrimination):
    candidates: ClassVar[Any] = "entities"


class UnknownSampling(EntityDiscrimination):
    sampling: ClassVar[Any] = "anything"


class MixedUnits(EntityDiscrimination):
    candidates: ClassVar[Any] = "pair"


class UnitWithoutDocuments(EntityDiscrimination):
    sampling: ClassVar[Any] = "relation-pairs"


class NeverNothing(EntityDiscrimination):
    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
        correct = super().loss(x_AH, y_CH, pairs, anchors, candidates)
        return correct if correct.terms else replace(correct, terms=1)


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        (UnknownUnit, "UnknownUnit: candidates must be one of pair, query, entity, got 'entities'"),
        (UnknownSampling, "UnknownSampling: sampling must be one of documents, relation-pairs, entity-pairs"),
        (MixedUnits, "MixedUnits: anchors and candidates must both be 'pair', or both 'query' or 'entity'"),
        (UnitWithoutDocuments, "UnitWithoutDocuments: sampling 'relation-pairs' needs anchors and candidates 'pair'"),
        (NeverNothing, "NeverNothing: without terms the loss must be 0 of 0 terms"),
    ],
)
def test_faulty_units_and_sampling(factory: Any, sentence: str) -> None:
    breach(check_objective, factory, sentence)


class FaultyExtractor(Bilinear):
    """The bilinear extractor with a fault."""

    fault: str = ""

    def __init__(self, encoder: Any, relations: int, *, loss: Literal["ce", "bce"] = "bce") -> None:
        super().__init__(encoder, relations + (self.fault == "wide"), projection=8, distance=2, loss=loss)
        if self.fault == "homeless":
            self.encoder = None  # type: ignore[assignment]

    def forward(self, batch: Batch) -> Tensor:
        logits = super().forward(batch)
        if self.fault == "sees all":
            logits = logits - logits.mean()
        if self.fault == "restless":
            logits = logits + torch.rand(())
        if self.fault == "meddler":
            batch.share_M.mul_(2)
        return {"nan": logits * torch.nan, "frozen": logits.detach().requires_grad_()}.get(self.fault, logits)

    def loss(self, logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
        correct = super().loss(logits_PR, labels_PR)
        if self.fault == "mean":
            return replace(correct, total=correct.total / correct.terms)
        return replace(correct, terms=correct.terms - 1) if self.fault == "miscount" else correct

    def scores(self, logits_PR: Tensor) -> Tensor:
        return logits_PR.sigmoid() if self.fault == "scores" else super().scores(logits_PR)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("homeless", "must keep its encoder as the attribute 'encoder'"),
        ("wide", r"logits must have the shape \(18, 4\), got \(18, 5\)"),
        ("sees all", "a document's logits must not depend on the documents it is packed with"),
        ("restless", "the same input must give the same output"),
        ("meddler", "the input must not be modified"),
        ("nan", "logits must be finite numbers|the same input"),
        ("mean", "the loss must be a sum over pairs, not a mean"),
        ("miscount", "the loss must count one term per pair, 18, got 17"),
        ("frozen", "the loss must reach the encoder's weights"),
        ("scores", r"scores must have the shape \(18, 3\), got \(18, 4\)"),
    ],
)
def test_faulty_extractors(fault: str, sentence: str) -> None:
    breach(check_extractor, type("Faulty", (FaultyExtractor,), {"fault": fault}), f"Faulty: {sentence}")


def test_an_extractor_that_is_no_module() -> None:
    def plain(encoder: nn.Module, relations: int) -> Any:
        return encoder.forward

    breach(check_extractor, plain, r"plain: must be a torch\.nn\.Module, got method")


@dataclass(frozen=True, kw_only=True)
class Lossy(JSONLines):
    def write(self, documents: Iterable[Document], path: Path) -> None:
        super().write((replace(d, labels=()) for d in documents), path)


@dataclass(frozen=True, kw_only=True)
class Eager(JSONLines):
    def recognises(self, path: Path) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class Blind(JSONLines):
    def recognises(self, path: Path) -> bool:
        return False


@dataclass(frozen=True, kw_only=True)
class Silent(JSONLines):
    def write(self, documents: Iterable[Document], path: Path) -> None:
        pass


@dataclass(frozen=True, kw_only=True)
class Littering(JSONLines):
    def write(self, documents: Iterable[Document], path: Path) -> None:
        path.write_text("half")
        raise FormatError("cannot hold this")


@dataclass(frozen=True, kw_only=True)
class Raw(JSONLines):
    def read(self, path: Path) -> Iterator[Document]:
        path.read_text(encoding="utf-8")
        return super().read(path)


@dataclass(frozen=True, kw_only=True)
class Nameless(JSONLines):
    def read(self, path: Path) -> Iterator[Document]:
        try:
            yield from super().read(path)
        except FormatError:
            raise FormatError("something is wrong") from None


@dataclass(frozen=True, kw_only=True)
class Forgiving(JSONLines):
    def read(self, path: Path) -> Iterator[Document]:
        return super().read(path) if path.exists() else iter(())


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        (Lossy, "Lossy: what is written must be read back unchanged"),
        (Eager, r"Eager: recognises\(\) must be False for an empty file"),
        (Blind, r"Blind: recognises\(\) must be True for a file that it has written"),
        (Silent, r"Silent: write\(\) must write the file or refuse"),
        (Littering, "Littering: a refused file must not be left behind"),
        (Raw, "Raw: a missing file must be a FormatError, got FileNotFoundError"),
        (Nameless, "Nameless: the FormatError about a missing file must name the file"),
        (Forgiving, "Forgiving: a missing file must be a FormatError, got documents"),
    ],
)
def test_faulty_formats(factory: Any, sentence: str) -> None:
    breach(check_format, factory, sentence)


def test_every_check_is_public() -> None:
    # Recognisers, labelers and label models, which need a source or a library: tests/plugins.
    checks = [*CHECKS.values(), testing.check_recogniser, testing.check_labeler, testing.check_label_model]
    assert sorted(testing.__all__) == sorted(check.__name__ for check in checks)
