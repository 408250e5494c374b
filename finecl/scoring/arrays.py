"""Noise scores from arrays of any classifier: no documents, no run directory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from finecl import registry
from finecl.errors import SettingsError
from finecl.scoring.validation import checked_noise
from finecl.types import Dynamics, Evidence, Floats, Instances, NoiseScorer, declared

_NEVER = -1e30  # logit of what is impossible
_LEAST = 1e-12  # probabilities are at least this, so that their logarithms are finite


def noise_scores(
    labels: Any,
    *,
    logits_ENC: Any = None,
    pred_probs: Any = None,
    scorer: str = "area-under-margin",
    **settings: Any,
) -> Floats:
    """Scores how likely each label is wrong, from a classifier's outputs.

    Takes ``labels``, the class of each of N examples, 0 .. C - 1; and ``logits_ENC`` [E, N, C], the logits of each
    epoch of training on these labels, or ``pred_probs`` [N, C], probabilities of a classifier that was not trained on
    the example. ``settings`` are those of the scorer.

    Returns the noise ``[N]``: higher = noisier, +inf = never learned.

    Raises:
        SettingsError: shapes do not agree, a label is no class, or the scorer needs what these arrays do not hold.

    Example:
        >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
        >>> noise_scores([0, 1, 0], pred_probs=probabilities, scorer="confidence").round(2).tolist()
        [0.1, 0.8, 0.3]
    """
    classes = np.asarray(labels, dtype=np.int64)
    evidence = _evidence(classes, logits_ENC, pred_probs)
    part = registry.load().create("scorer", scorer, settings)
    missing = set(declared(part, NoiseScorer, "required_evidence")) - {"dynamics"}
    missing -= set() if evidence.held_out is None else {"held-out"}
    if missing:
        raise SettingsError(f"scorer '{scorer}' needs {', '.join(sorted(missing))}, which these arrays do not hold")
    return checked_noise(scorer, part.score(class_instances(classes), evidence), len(classes))


def _evidence(classes: npt.NDArray[np.int64], logits_ENC: Any, pred_probs: Any) -> Evidence:
    """Returns the evidence of either array; probabilities count as one epoch, and as held-out predictions."""
    if (logits_ENC is None) == (pred_probs is None):
        raise SettingsError("expected either logits_ENC or pred_probs, got both or neither")
    if pred_probs is None:
        outputs = np.asarray(logits_ENC, dtype=np.float64)
    else:
        outputs = np.log(np.clip(np.asarray(pred_probs, dtype=np.float64), _LEAST, None))[None]
    _check(classes, outputs)
    dynamics, held_out = class_dynamics(outputs, classes), None
    if pred_probs is not None:  # no-relation, the last column, is impossible
        held_out = np.concatenate([outputs[0], np.full((len(classes), 1), _NEVER)], axis=1).astype(np.float32)
    return Evidence(batch=dynamics, epoch=dynamics, held_out=held_out)


def class_instances(classes: npt.NDArray[np.int64]) -> Instances:
    """Returns examples with one class each as instances: every example is its own document and pair ``[N]``."""
    rows = np.arange(len(classes))
    return Instances(
        uid=rows.astype(np.uint64) + 1,
        document=rows,
        head=np.zeros_like(rows),
        tail=np.ones_like(rows),
        relation=classes,
        pair=rows,
        relations=tuple(map(str, range(int(classes.max(initial=-1)) + 1))),
    )


def class_dynamics(logits_ENC: npt.NDArray[np.float64], classes: npt.NDArray[np.int64]) -> Dynamics:
    """Returns the dynamics of labels of N examples from the logits of each epoch."""
    label_EN = np.take_along_axis(logits_ENC, classes[None, :, None], axis=2)[:, :, 0]
    others_ENC = logits_ENC.copy()
    np.put_along_axis(others_ENC, np.broadcast_to(classes[None, :, None], (*label_EN.shape, 1)), -np.inf, axis=2)
    best_EN = others_ENC.max(axis=2)
    against_EN = best_EN + np.log(np.exp(others_ENC - best_EN[:, :, None]).sum(axis=2))
    loss_EN = np.logaddexp(0.0, against_EN - label_EN)
    correct_EN = label_EN > best_EN
    return Dynamics(
        correct=correct_EN,
        top=correct_EN,
        confidence=np.exp(-loss_EN).astype(np.float32),
        margin=(label_EN - best_EN).astype(np.float32),
        loss=loss_EN.astype(np.float32),
    )


def _check(classes: npt.NDArray[np.int64], logits_ENC: npt.NDArray[np.float64]) -> None:
    shape = logits_ENC.shape
    if len(shape) != 3 or classes.shape != shape[1:2] or not shape[0] or shape[2] < 2:
        raise SettingsError(
            f"expected labels [N] and outputs [E, N, C] of 2 classes or more, got {classes.shape}, {shape}"
        )
    if len(classes) and not 0 <= classes.min() <= classes.max() < shape[2]:
        raise SettingsError(f"expected labels from 0 to {shape[2] - 1}, got {classes.min()} to {classes.max()}")
    if not np.isfinite(logits_ENC).all():
        raise SettingsError("expected finite outputs, got NaN or infinity")
