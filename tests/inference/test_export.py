"""ONNX export: the same results as torch, and extractors that cannot be exported."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch

from finecl.errors import ModelError, SettingsError, StoppedError
from finecl.inference.relation_extractor import RelationExtractor
from tests.end_to_end.conftest import Finecl, finecl
from tests.helpers import extractors, tiny

__all__ = ["finecl"]  # a fixture

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'finecl[onnx]'")
pytest.importorskip("onnxscript", reason="onnxscript is not installed: pip install 'finecl[onnx]'")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "kind"),
    [("bert", "bilinear"), ("roberta", "bilinear"), ("modernbert", "bilinear"), ("bert", "markers")],
)
def test_onnx_gives_the_same_results_as_torch(
    family: str, kind: str, models: dict[str, Path], tmp_path: Path, finecl: Finecl
) -> None:
    directory = extractors.save(tmp_path / "extractor", models[family], kind)
    result = finecl("export", directory, directory / "model.onnx")
    assert result.code == 0, result.err
    documents = tiny.documents(9, seed=2)
    plain = RelationExtractor.from_pretrained(directory, device="cpu", precision="float32")(documents, threshold=0.0)
    exported = RelationExtractor.from_pretrained(directory, backend="onnx")
    for triples_of_documents in (exported(documents, threshold=0.0), [exported(d, threshold=0.0) for d in documents]):
        for expected, other in zip(plain, triples_of_documents, strict=True):
            first, second = ({(t.head, t.tail, t.relation): t.score for t in triples} for triples in (expected, other))
            assert second == pytest.approx(first, abs=1e-4)
    assert sum(map(len, plain)) > 50


def test_extractors_that_use_more_than_token_states_are_refused(
    models: dict[str, Path], tmp_path: Path, finecl: Finecl
) -> None:
    directory = extractors.save(tmp_path / "extractor", models["bert"], "adaptive")
    message = finecl("export", directory, tmp_path / "a.onnx").error_line()
    assert "'adaptive' cannot be written as ONNX, which takes one that reads token states and entities only" in message
    assert not list(tmp_path.glob("*.onnx"))


def test_a_signal_during_the_export_is_no_fault_of_the_extractor(
    models: dict[str, Path], tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise StoppedError(signal.SIGTERM, "between checkpoints; finished stages are kept")

    monkeypatch.setattr(torch.onnx, "export", stopped)
    directory = extractors.save(tmp_path / "extractor", models["bert"])
    result = finecl("export", directory, tmp_path / "a.onnx")
    assert result.code == 128 + signal.SIGTERM
    assert result.err.startswith("finecl: stopped by SIGTERM between checkpoints")
    assert not list(tmp_path.glob("*.onnx"))


def test_invalid_onnx_files_are_refused(models: dict[str, Path], tmp_path: Path, finecl: Finecl) -> None:
    directory = extractors.save(tmp_path / "extractor", models["bert"])
    with pytest.raises(ModelError, match="found none; write it with `finecl export`"):
        RelationExtractor.from_pretrained(directory, backend="onnx")
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="onnxruntime cannot read it"):
        RelationExtractor.from_pretrained(directory, backend="onnx", onnx_file=tmp_path / "a.onnx")
    assert "expected a file that ends with .onnx" in finecl("export", directory, tmp_path / "a.bin").error_line()


@pytest.mark.slow
def test_an_export_of_another_extractor_is_refused(models: dict[str, Path], tmp_path: Path) -> None:
    from finecl.inference.onnx.export import export

    first = extractors.save(tmp_path / "first", models["bert"])
    second = extractors.save(tmp_path / "second", models["bert"], fingerprint="other")
    exported = export(first, tmp_path / "a.onnx")
    assert exported["megabytes"] > 0.1
    with pytest.raises(ModelError, match="got another's; export it again"):
        RelationExtractor.from_pretrained(second, backend="onnx", onnx_file=tmp_path / "a.onnx")
    with pytest.raises(SettingsError, match="in an existing directory"):
        export(first, tmp_path / "not" / "a.onnx")
