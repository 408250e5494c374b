"""Documents that a proxy learns late come late in every epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from finecl_extractors.bilinear import Bilinear
from hypothesis import given
from hypothesis import strategies as st

from finecl.config.schema import FinetuneSettings, ProxySettings
from finecl.extraction.loop import Training
from finecl.progress import Listener
from finecl.scoring.curriculum import difficulties
from finecl.scoring.proxy import train_proxy
from finecl.training.data_order import easiest_first
from finecl.types import first_epoch
from tests.conftest import LoadTiny
from tests.end_to_end.conftest import Small, small  # noqa: F401
from tests.helpers import tiny

PROXY = ProxySettings(num_train_epochs=3, batch_size=3, learning_rate=3e-3, record="batch")


@given(st.lists(st.sampled_from([1.0, 1.5, 2.0]), min_size=1, max_size=30), st.integers(0, 9))
def test_documents_are_sorted_by_difficulty_with_stable_order(values: list[float], seed: int) -> None:
    drawn = np.random.default_rng(seed).permutation(len(values))
    difficulty = np.array(values, dtype=np.float32)
    order = easiest_first(drawn, difficulty).tolist()
    assert order == sorted(drawn.tolist(), key=lambda d: values[d])


def test_difficulty_is_the_mean_epoch_in_which_labels_are_learned(load_tiny: LoadTiny, tmp_path: Path) -> None:
    documents = [*tiny.documents(8), tiny.document("bare", ["Ada met Zoe"], ["Ada", "Zoe"])]
    encoder, tokenizer = load_tiny()
    data = tiny.labelled(documents, tokenizer, tmp_path)
    difficulty = difficulties(Bilinear(encoder, data.relations), data, PROXY, seed=1)
    encoder, _ = load_tiny()
    evidence = train_proxy(Bilinear(encoder, data.relations), data, PROXY, seed=1).evidence
    assert evidence.batch
    late = [int(k) or 4 for k in first_epoch(evidence.batch.correct)]
    for document in range(8):
        epochs = [k for k, d in zip(late, data.instances.document.tolist(), strict=True) if d == document]
        assert difficulty[document] == pytest.approx(sum(epochs) / len(epochs))
    assert difficulty[8] == pytest.approx(sum(late) / len(late), rel=1e-6)


def test_training_starts_with_the_easiest_documents(
    load_tiny: LoadTiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, tokenizer = load_tiny()
    data = tiny.labelled(tiny.documents(9), tokenizer, tmp_path)
    difficulty = np.array([3, 1, 2, 3, 1, 2, 3, 1, 2], dtype=np.float32)
    seen: list[list[float]] = []
    plain = Training._step

    def step(self: Training, model: object, documents: np.ndarray, epoch: int, number: int) -> float:
        seen.append(difficulty[documents].tolist())
        return plain(self, model, documents, epoch, number)  # type: ignore[arg-type]

    monkeypatch.setattr(Training, "_step", step)
    training = Training(
        extractor=Bilinear(encoder, data.relations),
        data=data,
        settings=FinetuneSettings(num_train_epochs=2, batch_size=3),
        stage="test",
        seed=0,
        listener=Listener(),
        difficulty=difficulty,
    )
    assert list(training.epochs()) == [0, 1]
    assert seen == [[1, 1, 1], [2, 2, 2], [3, 3, 3]] * 2


def test_a_run_with_a_curriculum(small: Small, tmp_path: Path) -> None:  # noqa: F811
    from finecl_cli.main import run

    assert run([*small.arguments(tmp_path / "run"), "--curriculum", "learning-order"]) == 0
    assert not (tmp_path / "run" / "checkpoints" / "curriculum-plain").exists()
