"""Contract checks of the parts that plugins bring; see ``finecl.testing``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import nn

from finecl.errors import FormatError
from finecl.testing import samples
from finecl.testing.assertions import (
    near,
    require,
    require_column,
    require_gradient,
    require_loss_sum,
    require_matrix,
    require_valid_pairs,
    require_valid_settings,
    run_twice,
)
from finecl.types import (
    Document,
    EvidenceKind,
    Extractor,
    Format,
    InputFormat,
    Method,
    NoiseScorer,
    Objective,
    Pairs,
    Recogniser,
    Weighting,
    combination_fault,
    declared,
)


def check_noise_scorer(factory: Callable[..., NoiseScorer], **settings: Any) -> None:
    """Checks one float32 per instance, never NaN; the same for the same evidence, which is not modified."""
    name = require_valid_settings(factory)
    kinds: Any = declared(factory(**settings), NoiseScorer, "required_evidence")
    known = isinstance(kinds, tuple) and set(kinds) <= set(get_args(EvidenceKind))
    expected = ", ".join(get_args(EvidenceKind))
    require(known, f"{name}: required_evidence must be a tuple of names from {expected}, got {kinds!r}")
    for count in (1, 40):
        rows = samples.instances(count), samples.evidence(count, kinds=kinds)
        noise = run_twice(name, rows, partial(factory(**settings).score, *rows))
        require_column(name, "noise", noise, count)
        require(not np.isnan(noise).any(), f"{name}: noise must never be NaN (+inf is for what never looked clean)")


def check_weighting(factory: Callable[..., Weighting], **settings: Any) -> None:
    """Checks one finite float32 weight >= 0 per instance, never rising with noise."""
    name = require_valid_settings(factory)
    unscored = factory(**settings).unscored
    require(isinstance(unscored, float), f"{name}: unscored must be a float, got {type(unscored).__name__}")
    require(0 <= unscored < np.inf, f"{name}: unscored must be finite and >= 0, got {unscored}")
    for noise in samples.noises():
        weights = run_twice(name, noise, partial(factory(**settings).weigh, noise))
        require_column(name, "weights", weights, len(noise))
        require(np.isfinite(weights).all() and (weights >= 0).all(), f"{name}: weights must be finite and >= 0")
        by_noise = weights[np.lexsort((-weights, noise))]
        require((by_noise[1:] <= by_noise[:-1]).all(), f"{name}: a noisier instance must never weigh more")


def check_objective(factory: Callable[..., Objective], **settings: Any) -> None:
    """Checks units and sampling, valid pairs, and a finite float32 loss summed over exactly ``pairs.terms`` terms."""
    name = require_valid_settings(factory)
    objective, tables = factory(**settings), samples.tables()
    fault = combination_fault(objective)
    require(fault is None, f"{name}: {fault}")
    rows = tables[objective.anchors], tables[objective.candidates]
    pairs = run_twice(name, rows, lambda: factory(**settings).pairs(*rows, np.random.default_rng(0)))
    require_valid_pairs(name, pairs, *map(len, rows))
    require(pairs.terms > 0, f"{name}: pairs must find positives among rows of equal relations")
    rng = torch.Generator().manual_seed(0)
    x_AH, y_CH = (torch.randn(len(table), 2 * samples.HIDDEN, generator=rng) for table in rows)
    loss_arguments = x_AH, y_CH, pairs, *rows
    loss = run_twice(name, loss_arguments, lambda: require_loss_sum(name, factory(**settings).loss(*loss_arguments)))
    require(loss.terms == pairs.terms, f"{name}: the loss must sum pairs.terms = {pairs.terms} terms, got {loss.terms}")
    require_gradient(name, lambda x, y: objective.loss(x, y, pairs, *rows).total, x_AH, y_CH)
    doubled = require_loss_sum(
        name, objective.loss(torch.cat([x_AH, x_AH]), y_CH, samples.doubled(pairs), samples.doubled(rows[0]), rows[1])
    )
    require(near(doubled.total, 2 * loss.total), f"{name}: the loss must be a sum over terms, not a mean")
    nothing = np.zeros((len(rows[0]), 0), dtype=np.int64)
    none = objective.loss(x_AH, y_CH, Pairs.contrastive(nothing, nothing), *rows)
    require(none.terms == 0 and float(none.total) == 0.0, f"{name}: without terms the loss must be 0 of 0 terms")


def check_method(method: Method) -> None:
    """Checks coefficients above 0, and settings that belong to the parts that the method names."""
    require(isinstance(method, Method), f"a method must be a finecl.types.Method, got {type(method).__name__}")
    name = method.summary or "method"
    require(bool(method.summary), "a method must have a summary: one line that `finecl plugins` shows")
    named = {("weighting", method.weighting), *(("objective", objective) for _, objective in method.objectives)}
    named |= {("scorer", method.scorer)} if method.scorer else set()
    for coefficient, objective in method.objectives:
        right = isinstance(coefficient, float | int) and 0 < coefficient < np.inf
        require(right, f"{name}: the coefficient of '{objective}' must be a number above 0, got {coefficient!r}")
    require(0 <= method.mlm < np.inf, f"{name}: mlm must be a coefficient of at least 0, got {method.mlm}")
    require(0 <= method.blanking <= 1, f"{name}: blanking must be a probability, got {method.blanking}")
    require(
        method.input_format in get_args(InputFormat),
        f"{name}: input_format must be one of {', '.join(get_args(InputFormat))}",
    )
    for key in method.settings:
        kind, _, rest = key.partition(".")
        part = (kind, rest.rpartition(".")[0])
        require(part in named, f"{name}: the setting '{key}' must be KIND.NAME.KEY of a part that the method names")


def check_extractor(factory: Callable[..., Extractor], **settings: Any) -> None:
    """Checks logits ``[P, R]`` that do not depend on other documents, a summed loss, and scores ``[P, R - 1]``."""
    name = require_valid_settings(factory, positional=2)
    relations = 4
    torch.manual_seed(0)
    encoder = samples.Embeddings()
    extractor: Any = factory(encoder, relations, **settings)
    require(isinstance(extractor, nn.Module), f"{name}: must be a torch.nn.Module, got {type(extractor).__name__}")
    require(getattr(extractor, "encoder", None) is encoder, f"{name}: must keep its encoder as the attribute 'encoder'")
    extractor.eval()
    batch = samples.batch(0, 1, 2)
    logits = run_twice(name, batch, lambda: extractor(batch).detach())
    count = len(batch.head_P)
    require_matrix(name, "logits", logits, (count, relations))
    alone = torch.cat([extractor(samples.batch(d)).detach() for d in range(3)])
    require(near(alone, logits), f"{name}: a document's logits must not depend on the documents it is packed with")
    labels = samples.labels(count, relations)
    loss = run_twice(name, (logits, labels), lambda: require_loss_sum(name, extractor.loss(logits, labels)))
    require(loss.terms == count, f"{name}: the loss must count one term per pair, {count}, got {loss.terms}")
    half = count // 2
    parts = [extractor.loss(logits[cut], labels[cut]).total for cut in (slice(half), slice(half, None))]
    require(near(parts[0] + parts[1], loss.total), f"{name}: the loss must be a sum over pairs, not a mean")
    require_gradient(name, lambda logits: extractor.loss(logits, labels).total, logits)
    torch.autograd.backward(extractor.loss(extractor(batch), labels).total)
    reached = encoder.token.weight.grad is not None and bool(encoder.token.weight.grad.any())
    reads = bool(declared(factory, Extractor, "reads_encoder"))
    require(reached == reads, f"{name}: the loss must reach the encoder's weights, or reads_encoder must be False")
    scores = run_twice(name, logits, lambda: extractor.scores(logits).detach())
    require_matrix(name, "scores", scores, (count, relations - 1))


def check_format(factory: Callable[..., Format], *, suffix: str = ".json", **settings: Any) -> None:
    """Checks that a written file is recognised and read back unchanged, or refused with a FormatError, and that other
    files are not recognised.

    ``suffix`` is the ending of its file names.
    """
    name = require_valid_settings(factory)
    format = factory(**settings)
    with tempfile.TemporaryDirectory() as directory:
        for number, documents in enumerate(samples.documents()):
            _comes_back(name, format, documents, Path(directory) / f"{number}{suffix}")
        for what, content in (("an empty file", b""), ("noise", bytes(range(256))), ("plain text", b"Ada met Zoe.\n")):
            path = Path(directory) / f"other{suffix}"
            path.write_bytes(content)
            require(not format.recognises(path), f"{name}: recognises() must be False for {what}")
        _fails_by_name(name, format, Path(directory) / f"missing{suffix}", "a missing file")
        path.write_bytes(b"\xff\x00 broken")
        _fails_by_name(name, format, path, "a broken file")


def check_recogniser(factory: Callable[..., Recogniser], source: str = "", **settings: Any) -> None:
    """Checks that the same documents come back in order, with whole words as mentions, without labels, and twice alike.

    ``source`` is what stands after the colon of ``--ner NAME:SOURCE``.
    """
    name = require_valid_settings(factory, positional=1)
    recogniser = factory(source, **settings)
    require(not list(recogniser.find([])), f"{name}: find() must yield nothing for no documents")
    for documents in samples.documents():
        found = run_twice(name, documents, lambda documents=documents: list(recogniser.find(iter(documents))))  # type: ignore[misc]
        require(len(found) == len(documents), f"{name}: find() must yield each document once")
        for old, new in zip(documents, found, strict=True):
            same_text = (new.title, new.sentences) == (old.title, old.sentences)
            require(same_text, f"{name}: find() must yield the documents in order, with their title and sentences")
            require(not new.labels, f"{name}: labels of the old entities must be dropped")
            _check_mentions(name, new)


def _check_mentions(name: str, document: Document) -> None:
    for entity in document.entities:
        require(entity.mentions, f"{name}: an entity must have a mention")
        for mention in entity.mentions:
            inside = 0 <= mention.sentence < len(document.sentences)
            inside = inside and 0 <= mention.start < mention.end <= len(document.sentences[mention.sentence])
            require(inside, f"{name}: a mention must be words [start, end) of a sentence, got {mention}")


def _comes_back(name: str, format: Format, documents: Sequence[Document], path: Path) -> None:
    try:
        format.write(iter(documents), path)
    except FormatError as error:
        require(len(str(error)) > 0, f"{name}: a refusal to write must say what the format cannot hold")
        require(not path.exists(), f"{name}: a refused file must not be left behind")
        return
    require(path.exists(), f"{name}: write() must write the file or refuse with a FormatError")
    require(format.recognises(path) is True, f"{name}: recognises() must be True for a file that it has written")
    require(list(format.read(path)) == list(documents), f"{name}: what is written must be read back unchanged")
    require(list(format.read(path)) == list(documents), f"{name}: a file must read the same twice")


def _fails_by_name(name: str, format: Format, path: Path, what: str) -> None:
    try:
        list(format.read(path))
    except FormatError as error:
        require(str(path) in str(error), f"{name}: the FormatError about {what} must name the file")
    except Exception as error:
        raise AssertionError(f"{name}: {what} must be a FormatError, got {type(error).__name__}") from error
    else:
        raise AssertionError(f"{name}: {what} must be a FormatError, got documents")
