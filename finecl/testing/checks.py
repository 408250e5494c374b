"""The contract of a plugin's parts, as functions for its own tests: ``check_noise_scorer(PairRarity, prior=2.0)``.

Each makes the part as finecl does, gives it small inputs, and raises an ``AssertionError`` of one sentence on the
first breach.
"""

from __future__ import annotations

import copy
import inspect
import json
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor, nn

from finecl.config.coerce import parameters
from finecl.errors import FormatError
from finecl.testing import samples
from finecl.types import (
    Document,
    EvidenceKind,
    Extractor,
    Format,
    InputFormat,
    LossSum,
    Method,
    NoiseScorer,
    Objective,
    Pairs,
    Weighting,
    combination_fault,
    declared,
)

__all__ = [
    "check_extractor",
    "check_format",
    "check_method",
    "check_noise_scorer",
    "check_objective",
    "check_weighting",
]


def check_noise_scorer(factory: Callable[..., NoiseScorer], **settings: Any) -> None:
    """One float32 an instance, never NaN; the same for the same evidence, which stays as it was."""
    name = _settings_are_sound(factory)
    kinds: Any = declared(factory(**settings), NoiseScorer, "required_evidence")
    known = isinstance(kinds, tuple) and set(kinds) <= set(get_args(EvidenceKind))
    expected = ", ".join(get_args(EvidenceKind))
    _assert(known, f"{name}: required_evidence must be a tuple of names from {expected}, got {kinds!r}")
    for count in (1, 40):
        given = samples.instances(count), samples.evidence(count, kinds=kinds)
        noise = _twice(name, given, partial(factory(**settings).score, *given))
        _is_column(name, "noise", noise, count)
        _assert(not np.isnan(noise).any(), f"{name}: noise must never be NaN (+inf is for what never looked clean)")


def check_weighting(factory: Callable[..., Weighting], **settings: Any) -> None:
    """One finite float32 weight >= 0 an instance, that never rises with noise."""
    name = _settings_are_sound(factory)
    unscored = factory(**settings).unscored
    _assert(isinstance(unscored, float), f"{name}: unscored must be a float, got {type(unscored).__name__}")
    _assert(0 <= unscored < np.inf, f"{name}: unscored must be finite and >= 0, got {unscored}")
    for noise in samples.noises():
        weights = _twice(name, noise, partial(factory(**settings).weigh, noise))
        _is_column(name, "weights", weights, len(noise))
        _assert(np.isfinite(weights).all() and (weights >= 0).all(), f"{name}: weights must be finite and >= 0")
        by_noise = weights[np.lexsort((-weights, noise))]
        _assert((by_noise[1:] <= by_noise[:-1]).all(), f"{name}: a noisier instance must never weigh more")


def check_objective(factory: Callable[..., Objective], **settings: Any) -> None:
    """Sound pairs from integers; a finite float32 loss and gradient, summed over exactly ``pairs.terms`` terms."""
    name = _settings_are_sound(factory)
    objective, tables = factory(**settings), samples.tables()
    fault = combination_fault(objective)
    _assert(fault is None, f"{name}: {fault}")
    given = tables[objective.anchors], tables[objective.candidates]
    pairs = _twice(name, given, lambda: factory(**settings).pairs(*given, np.random.default_rng(0)))
    _are_sound_pairs(name, pairs, *map(len, given))
    _assert(pairs.terms > 0, f"{name}: pairs must find positives among rows of equal relations")
    rng = torch.Generator().manual_seed(0)
    x_AH, y_CH = (torch.randn(len(table), 2 * samples.HIDDEN, generator=rng) for table in given)
    given_loss = x_AH, y_CH, pairs, *given
    loss = _twice(name, given_loss, lambda: _loss_sum(name, factory(**settings).loss(*given_loss)))
    _assert(loss.terms == pairs.terms, f"{name}: the loss must sum pairs.terms = {pairs.terms} terms, got {loss.terms}")
    _has_gradient(name, lambda x, y: objective.loss(x, y, pairs, *given).total, x_AH, y_CH)
    doubled = _loss_sum(
        name, objective.loss(torch.cat([x_AH, x_AH]), y_CH, samples.doubled(pairs), samples.doubled(given[0]), given[1])
    )
    _assert(samples.near(doubled.total, 2 * loss.total), f"{name}: the loss must be a sum over terms, not a mean")
    nothing = np.zeros((len(given[0]), 0), dtype=np.int64)
    none = objective.loss(x_AH, y_CH, Pairs.contrastive(nothing, nothing), *given)
    _assert(none.terms == 0 and float(none.total) == 0.0, f"{name}: without terms the loss must be 0 of 0 terms")


def check_method(method: Method) -> None:
    """Names of parts, coefficients above 0, and settings that belong to the parts it names."""
    _assert(isinstance(method, Method), f"a method must be a finecl.types.Method, got {type(method).__name__}")
    name = method.summary or "method"
    _assert(bool(method.summary), "a method must have a summary: one line that `finecl plugins` shows")
    named = {("weighting", method.weighting), *(("objective", objective) for _, objective in method.objectives)}
    named |= {("scorer", method.scorer)} if method.scorer else set()
    for coefficient, objective in method.objectives:
        right = isinstance(coefficient, float | int) and 0 < coefficient < np.inf
        _assert(right, f"{name}: the coefficient of '{objective}' must be a number above 0, got {coefficient!r}")
    _assert(0 <= method.mlm < np.inf, f"{name}: mlm must be a coefficient of at least 0, got {method.mlm}")
    _assert(0 <= method.blanking <= 1, f"{name}: blanking must be a probability, got {method.blanking}")
    _assert(
        method.input_format in get_args(InputFormat),
        f"{name}: input_format must be one of {', '.join(get_args(InputFormat))}",
    )
    for key in method.settings:
        kind, _, rest = key.partition(".")
        part = (kind, rest.rpartition(".")[0])
        _assert(part in named, f"{name}: the setting '{key}' must be KIND.NAME.KEY of a part that the method names")


def check_extractor(factory: Callable[..., Extractor], **settings: Any) -> None:
    """Logits ``[P, R]`` of documents that do not see each other; a summed loss; scores ``[P, R - 1]``."""
    name = _settings_are_sound(factory, positional=2)
    relations = 4
    torch.manual_seed(0)
    encoder = samples.Embeddings()
    extractor: Any = factory(encoder, relations, **settings)
    _assert(isinstance(extractor, nn.Module), f"{name}: must be a torch.nn.Module, got {type(extractor).__name__}")
    _assert(getattr(extractor, "encoder", None) is encoder, f"{name}: must keep its encoder as the attribute 'encoder'")
    extractor.eval()
    batch = samples.batch(0, 1, 2)
    logits = _twice(name, batch, lambda: extractor(batch).detach())
    asked = len(batch.head_P)
    _is_matrix(name, "logits", logits, (asked, relations))
    alone = torch.cat([extractor(samples.batch(d)).detach() for d in range(3)])
    _assert(
        samples.near(alone, logits), f"{name}: a document's logits must not depend on the documents it is packed with"
    )
    labels = samples.labels(asked, relations)
    loss = _twice(name, (logits, labels), lambda: _loss_sum(name, extractor.loss(logits, labels)))
    _assert(loss.terms == asked, f"{name}: the loss must count one term a pair, {asked}, got {loss.terms}")
    half = asked // 2
    parts = [extractor.loss(logits[cut], labels[cut]).total for cut in (slice(half), slice(half, None))]
    _assert(samples.near(parts[0] + parts[1], loss.total), f"{name}: the loss must be a sum over pairs, not a mean")
    _has_gradient(name, lambda logits: extractor.loss(logits, labels).total, logits)
    torch.autograd.backward(extractor.loss(extractor(batch), labels).total)
    reached = encoder.token.weight.grad is not None and bool(encoder.token.weight.grad.any())
    reads = bool(declared(factory, Extractor, "reads_encoder"))
    _assert(reached == reads, f"{name}: the loss must reach the encoder's weights, or reads_encoder must be False")
    scores = _twice(name, logits, lambda: extractor.scores(logits).detach())
    _is_matrix(name, "scores", scores, (asked, relations - 1))


def check_format(factory: Callable[..., Format], *, suffix: str = ".json", **settings: Any) -> None:
    """What it writes it recognises and reads back unchanged, or it refuses with a FormatError; it knows no other file.

    ``suffix`` is how the names of its files end.
    """
    name = _settings_are_sound(factory)
    format = factory(**settings)
    with tempfile.TemporaryDirectory() as directory:
        for number, documents in enumerate(samples.documents()):
            _comes_back(name, format, documents, Path(directory) / f"{number}{suffix}")
        for what, content in (("an empty file", b""), ("noise", bytes(range(256))), ("plain text", b"Ada met Zoe.\n")):
            path = Path(directory) / f"other{suffix}"
            path.write_bytes(content)
            _assert(not format.recognises(path), f"{name}: recognises() must be False for {what}")
        _fails_by_name(name, format, Path(directory) / f"missing{suffix}", "a missing file")
        path.write_bytes(b"\xff\x00 broken")
        _fails_by_name(name, format, path, "a broken file")


def _comes_back(name: str, format: Format, documents: Sequence[Document], path: Path) -> None:
    try:
        format.write(iter(documents), path)
    except FormatError as error:
        _assert(len(str(error)) > 0, f"{name}: a refusal to write must say what the format cannot hold")
        _assert(not path.exists(), f"{name}: a refused file must not be left behind")
        return
    _assert(path.exists(), f"{name}: write() must write the file or refuse with a FormatError")
    _assert(format.recognises(path) is True, f"{name}: recognises() must be True for a file that it has written")
    _assert(list(format.read(path)) == list(documents), f"{name}: what is written must be read back unchanged")
    _assert(list(format.read(path)) == list(documents), f"{name}: a file must read the same twice")


def _fails_by_name(name: str, format: Format, path: Path, what: str) -> None:
    try:
        list(format.read(path))
    except FormatError as error:
        _assert(str(path) in str(error), f"{name}: the FormatError about {what} must name the file")
    except Exception as error:
        raise AssertionError(f"{name}: {what} must be a FormatError, got {type(error).__name__}") from error
    else:
        raise AssertionError(f"{name}: {what} must be a FormatError, got documents")


def _assert(holds: Any, breach: str) -> None:
    if not holds:
        raise AssertionError(breach)


def _settings_are_sound(factory: Callable[..., Any], positional: int = 0) -> str:
    """The factory's name, if its settings are keyword-only and have defaults that JSON can hold."""
    name = getattr(factory, "__name__", type(factory).__name__)
    try:
        found = parameters(factory)
    except NameError as error:
        raise AssertionError(f"{name}: the types of its settings must be readable at run time: {error}") from None
    for parameter in found[positional:]:
        keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        _assert(keyword, f"{name}: the setting '{parameter.name}' must be keyword-only")
        try:
            json.dumps(parameter.default)
        except TypeError:
            what = "no default" if parameter.default is inspect.Parameter.empty else repr(parameter.default)
            breach = f"{name}: the setting '{parameter.name}' must have a default that JSON can hold, got {what}"
            raise AssertionError(breach) from None
    return name


def _twice(name: str, given: Any, call: Callable[[], Any]) -> Any:
    """What a call returns, if it leaves its input alone and returns the same again."""
    before = copy.deepcopy(given)
    first = copy.deepcopy(call())
    _assert(samples.same(before, given), f"{name}: the input must not be modified")
    _assert(samples.same(first, call()), f"{name}: the same input must give the same output")
    return first


def _is_column(name: str, what: str, found: Any, count: int) -> None:
    _assert(isinstance(found, np.ndarray), f"{name}: {what} must be a numpy array, got {type(found).__name__}")
    _assert(found.shape == (count,), f"{name}: {what} must have the shape ({count},), got {found.shape}")
    _assert(found.dtype == np.float32, f"{name}: {what} must be float32, got {found.dtype}")


def _is_matrix(name: str, what: str, found: Any, shape: tuple[int, int]) -> None:
    _assert(isinstance(found, Tensor), f"{name}: {what} must be a tensor, got {type(found).__name__}")
    _assert(tuple(found.shape) == shape, f"{name}: {what} must have the shape {shape}, got {tuple(found.shape)}")
    _assert(found.is_floating_point() and torch.isfinite(found).all(), f"{name}: {what} must be finite numbers")


def _are_sound_pairs(name: str, pairs: Any, anchors: int, candidates: int) -> None:
    _assert(isinstance(pairs, Pairs), f"{name}: pairs() must return Pairs, got {type(pairs).__name__}")
    for rows, what in ((pairs.positive_AP, "positive_AP"), (pairs.negative_AK, "negative_AK")):
        _assert(
            rows.ndim == 2 and len(rows) == anchors, f"{name}: {what} must have a row for each of {anchors} anchors"
        )
        _assert(rows.dtype == np.int64, f"{name}: {what} must be int64, got {rows.dtype}")
        within = ((rows >= -1) & (rows < candidates)).all()
        _assert(within, f"{name}: {what} must hold numbers of the {candidates} candidates, or -1")
        repeated = any(len(set(row)) < len(row) for row in ([n for n in row if n >= 0] for row in rows.tolist()))
        _assert(not repeated, f"{name}: {what} must name a candidate once an anchor")


def _loss_sum(name: str, loss: Any) -> LossSum:
    _assert(isinstance(loss, LossSum), f"{name}: loss() must return a LossSum, got {type(loss).__name__}")
    total = loss.total
    _assert(isinstance(total, Tensor) and total.ndim == 0, f"{name}: the loss must be a tensor without dimensions")
    _assert(total.dtype == torch.float32, f"{name}: the loss must be float32, got {total.dtype}")
    _assert(torch.isfinite(total), f"{name}: the loss must be finite, got {total.item()}")
    return LossSum(total=total.detach(), terms=loss.terms)


def _has_gradient(name: str, loss: Callable[..., Tensor], *inputs: Tensor) -> None:
    leaves = [x.clone().requires_grad_() for x in inputs]
    total = loss(*leaves)
    _assert(total.requires_grad, f"{name}: the loss must have a gradient")
    gradients = torch.autograd.grad(total, leaves, allow_unused=True)
    _assert(any(g is not None and g.any() for g in gradients), f"{name}: the gradient must not be 0 everywhere")
    _assert(all(g is None or torch.isfinite(g).all() for g in gradients), f"{name}: the gradient must be finite")
