"""Tries every family of encoders in every stage: ``python -m finecl_benchmarks.encoders [FAMILY ...] [--keep]``.

Each family is a random two-layer model with a tokenizer of its kind. A stage works if it finishes; documents are packed
if all states are those that transformers computes for each document alone; ONNX works if the exported extractor gives
the scores of torch. ``--keep`` writes ``benchmarks/results/encoders.json``, from which ``docs/encoders.md`` is made.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from finecl.artifacts.files import read_json, write_json
from finecl.artifacts.provenance import environment
from finecl.artifacts.run_directory import PRETRAINED
from finecl.config.resolve import resolve
from finecl.data.demo.corpora import DemoSettings, demo_corpora
from finecl.errors import FineCLError
from finecl.inference.relation_extractor import RelationExtractor
from finecl.models.attention import IMPLEMENTATIONS, with_lengths
from finecl.models.families import FAMILIES
from finecl.pipeline.run import Run
from finecl_benchmarks.tiny_encoders import save_model

RESULTS = Path(__file__).resolve().parents[1] / "results"
STAGES = ("score", "pretrain", "finetune")
COLUMNS = (*STAGES, "predict", "packed", "onnx")
_LENGTHS, _TOLERANCE, _SIZE = (5, 40, 17), 1e-4, 512
_SETTINGS: Mapping[str, Any] = {
    "data.demo": {"silver": 24, "train": 4, "dev": 4, "test": 4},
    "proxy.num_train_epochs": 1,
    "pretrain.max_steps": 1,
    "pretrain.warmup_steps": 0,
    "pretrain.batch_size": 16,
    "finetune.num_train_epochs": 1,
    "model.precision": "float32",
    "model.device": "cpu",
}


def main() -> None:
    """Parses the command line, tries the families, and prints or keeps what works."""
    parser = argparse.ArgumentParser(description="Try every family of encoders in every stage.")
    parser.add_argument("family", nargs="*", help="families to try  [default: all]")
    parser.add_argument("--keep", action="store_true", help="write benchmarks/results/encoders.json")
    arguments = parser.parse_args()
    families = {}
    for family in arguments.family or FAMILIES:
        with tempfile.TemporaryDirectory() as directory:
            families[family] = try_family(family, Path(directory))
        print(family, families[family], flush=True)
    if arguments.keep:
        write_json(RESULTS / "encoders.json", {"benchmark": "encoders", "families": families, **environment()})


def try_family(family: str, directory: Path, *, onnx: bool = True) -> dict[str, str]:
    """Returns "yes", or why not in one line, for each of ``COLUMNS``; leaves run and model in ``directory``."""
    model = save_model(directory / "model", family, max_position_embeddings=_SIZE + 2)
    outcome = {"packed": packs(model)}
    run = Run(directory / "run", resolve(overrides={**_SETTINGS, "model.name": str(model)}))
    try:
        for stage in STAGES:
            run.finish(stage)
            outcome[stage] = "yes"
        extractor = run.directory / "extractor" / PRETRAINED
        outcome["predict"] = "yes" if predictions(extractor) else "no triples"
        if onnx:
            outcome["onnx"] = exports(extractor, directory / "model.onnx")
    except FineCLError as error:
        outcome[next(column for column in COLUMNS if column not in outcome)] = str(error)
    return {column: outcome.get(column, "no") for column in COLUMNS}


def packs(model: Path) -> str:
    """Returns "yes" if packed documents have the states that transformers computes for each of them alone."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(model, trust_remote_code=False)
    family = FAMILIES[config.model_type]
    for causal in (True, False) if family.kind == "decoder" else (None,):
        if causal is not None:
            config.is_causal = causal
        difference = _packed_difference(model, config, family.auto_class, first=2 if _counts_padding(family) else 0)
        if isinstance(difference, str) or not difference < _TOLERANCE:
            return difference if isinstance(difference, str) else "other states"
    return "yes"


def _counts_padding(family: Any) -> bool:
    return bool(family.positions == "after-padding")


def _packed_difference(model: Path, config: Any, auto_class: Any, *, first: int) -> float | str:
    """Returns the largest difference between packed and single documents, or why they cannot be packed."""
    generator = torch.Generator().manual_seed(0)
    documents = [torch.randint(5, 80, (1, length), generator=generator) for length in _LENGTHS]
    with torch.no_grad():
        alone = auto_class.from_pretrained(model, config=config, trust_remote_code=False).eval().base_model
        expected = torch.cat([alone(input_ids=ids).last_hidden_state[0] for ids in documents])
        try:
            packed = auto_class.from_pretrained(model, config=config, trust_remote_code=False).eval()
            packed.set_attn_implementation(IMPLEMENTATIONS["loop"])
            positions = torch.cat([torch.arange(first, first + length) for length in _LENGTHS])[None]
            lengths = with_lengths("loop", _LENGTHS, torch.device("cpu"))
            row = torch.cat(documents, dim=1)
            states = packed.base_model(input_ids=row, position_ids=positions, **lengths).last_hidden_state[0]
        except (TypeError, ValueError, AttributeError) as error:  # attention of its own, or no position ids
            return f"own attention ({type(error).__name__})"
    return float((states - expected).abs().max())


def predictions(extractor: Path, **settings: Any) -> dict[tuple[int, str, str, str], float]:
    """Returns the scores of all triples that an extractor predicts for a few documents."""
    documents = demo_corpora(7, DemoSettings(silver=3, train=1, dev=1, test=1)).silver
    model = RelationExtractor.from_pretrained(extractor, **settings)
    found = model(documents, threshold=0.0)
    return {(n, str(t.head), t.relation, str(t.tail)): t.score for n, triples in enumerate(found) for t in triples}


def exports(extractor: Path, output: Path) -> str:
    """Returns "yes" if an extractor, exported as ONNX, gives the scores of torch."""
    from finecl.inference.onnx.export import export

    try:
        export(extractor, output)
        other = predictions(extractor, backend="onnx", onnx_file=output)
    except FineCLError as error:
        return str(error)
    scores = predictions(extractor, device="cpu", precision="float32")
    if scores.keys() != other.keys():
        return "other triples"
    return "yes" if all(abs(scores[key] - other[key]) < _TOLERANCE for key in scores) else "other scores"


def encoders_block() -> str:
    """Returns the table of the recorded families."""
    record = read_json(RESULTS / "encoders.json")
    if not record:
        return "Not measured: no record. Create one with `python -m finecl_benchmarks.encoders --keep`."
    heads = ("score", "pretrain", "finetune", "predict", "packed", "ONNX")
    rows = [f"| family | language-modelling head | {' | '.join(heads)} |", "|---|---|" + "---|" * len(heads)]
    kinds = {"masked": "yes", "encoder": "no", "decoder": "no (decoder)"}
    for name, outcome in record["families"].items():
        cells = ("yes" if outcome[column] == "yes" else "no" for column in COLUMNS)
        rows.append(f"| `{name}` | {kinds[FAMILIES[name].kind]} | {' | '.join(cells)} |")
    return "\n".join([*rows, "", f"Measured with transformers {record['versions']['transformers']}."])


if __name__ == "__main__":
    main()
