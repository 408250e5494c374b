"""Writes the generated blocks of the documents from registry and records: ``python -m finecl_benchmarks.readme``.

With ``--check`` nothing is written, and the exit code is 1 if a block is stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from finecl import registry as plugins
from finecl.artifacts.files import read_json
from finecl_benchmarks import measured

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = ("README.md", "docs/report.md", "docs/scale.md", "docs/use.md", "benchmarks/README.md")
_BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Writes or checks the pages."""
    stale = []
    for page in PAGES:
        old = (ROOT / page).read_text(encoding="utf-8")
        new = generate(old)
        stale += [page] if new != old else []
        if "--check" not in sys.argv[1:]:
            (ROOT / page).write_text(new, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        sys.exit(f"{', '.join(stale)}: stale; run python -m finecl_benchmarks.readme")


def generate(text: str) -> str:
    """The text with every generated block written anew."""
    return _BLOCK.sub(lambda found: f"{found[1]}{_BLOCKS[found['name']]()}\n{found[3]}", text)


def _methods() -> str:
    registry = plugins.load()
    rows = ["| method | scorer | weighting | losses | source |", "|---|---|---|---|---|"]
    for name, part in registry.parts("method").items():
        method = part.factory
        losses = [f"`{objective}`" for _, objective in method.objectives]
        losses += ["masked language modelling"] if method.mlm else []
        scorer, source = f"`{method.scorer}`" if method.scorer else "-", method.citation or method.summary
        rows.append(f"| `{name}` | {scorer} | `{method.weighting}` | {', '.join(losses) or '-'} | {source} |")
    return "\n".join(rows)


def _demo() -> str:
    record = read_json(RESULTS / "demo.json")
    auroc = record["metrics"]["score"]["noise_auroc"]
    told = f"Noise AUROC of the learning order against the truth: {auroc:.3f}."
    return "\n".join([*_what(record), "", *_result_rows(record["metrics"]["evaluate"]), "", told])


def _what(record: dict[str, Any]) -> list[str]:
    run, data = record["run"], record["run"]["data"]
    settings = run["settings"]
    proxy, pretrain, finetune = settings["proxy"], settings["pretrain"], settings["finetune"]
    return [
        f"{data['silver']['documents']:,} silver documents ({data['silver']['instances']:,} labels), gold "
        f"{data['train']['documents']} / {data['dev']['documents']} / {data['test']['documents']} documents; proxy "
        f"{proxy['num_train_epochs']} epochs, pre-training {pretrain['max_steps']} steps of {pretrain['batch_size']} "
        f"documents, fine-tuning {finetune['num_train_epochs']} epochs; {run['precision']}, "
        f"{run['machine']['threads']} threads, seed {run['seed']}; {sum(record['seconds'].values()):.0f} s in all.",
    ]


def _result_rows(results: dict[str, Any]) -> list[str]:
    columns = {"f1": "F1", "ign_f1": "Ign F1", "auc": "AUC", "macro_f1": "macro F1"}
    rows = [f"| encoder | {' | '.join(columns.values())} |", "|---|" + "---|" * len(columns)]
    names = {"pretrained": "pre-trained by FineCL", "plain": "plain"}
    for key, title in names.items():
        rows.append(f"| {title} | {' | '.join(f'{100 * results[key][c]:.2f}' for c in columns)} |")
    return rows


def _speed() -> str:
    record = read_json(RESULTS / "speed.json")
    rates, memory = record["tokens_per_second"], record["peak_memory_gb"]
    engines = {
        "naive float32": "naive, float32",
        "padded float32": "finecl padded, float32",
        "packed float32": "finecl packed, float32",
        "padded bf16": "finecl padded, bf16",
        "packed bf16": "finecl packed, bf16",
        "cached bf16": "finecl packed, gradient cache, bf16",
    }
    rows = ["| engine | real tokens/s (median) | over naive | peak memory |", "|---|---|---|---|"]
    for name, title in engines.items():
        rate = rates[name]["median"]
        over = rate / rates["naive float32"]["median"]
        rows.append(f"| {title} | {rate:,.0f} | {over:.1f}x | {memory[name]:.1f} GB |")
    return "\n".join([*rows, "", *_other_ratios(record)])


def _other_ratios(record: dict[str, Any]) -> list[str]:
    p = record["bf16"]
    told = (
        f"Beside the bare encoder on the same documents (bf16): proxy training {p['proxy_over_bare']:.0%}, fine-tuning "
        f"{p['finetune_over_bare']:.0%}, inference {p['inference_over_bare']:.0%} of its rate. Collating takes "
        f"{record['collate_share']:.2%} of a step; the gradient cache costs {p['cached_cost']:.0%} more time than the "
        "same documents in one pass, the two taking turns."
    )
    theirs = record.get("contrastive_over_sentence_transformers")
    beside = "times as fast as sentence-transformers' cached loss."
    more = f" The contrastive core alone is {theirs:.1f} {beside}" if theirs else ""
    share = record["utilisation"]["bf16"]["share_of_ceiling"]
    return [f"{told}{more} A bf16 step does {share:.0%} of what bare matrix products of its shapes reach here."]


def _no_record(part: str) -> str:
    return f"No record of it is kept: `finecl benchmark speed --part {part} --keep` makes one."


def _batches() -> str:
    record = read_json(RESULTS / "speed-batches.json")
    if not record:
        return _no_record("batches")
    rows = ["| documents contrasted | real tokens/s | collating a step | peak memory |", "|---|---|---|---|"]
    for size, found in record["batches"].items():
        rate, collate = found["tokens_per_second"], found["collate_seconds"]
        rows.append(f"| {size} + {size} queried | {rate:,.0f} | {collate:.2f} s | {found['peak_memory_gb']:.2f} GB |")
    return "\n".join(rows)


def _corpus() -> str:
    record = read_json(RESULTS / "speed-corpus.json")
    if not record:
        return _no_record("corpus")
    rows = ["| documents | instances | prepared in | drawing a step | peak memory |", "|---|---|---|---|---|"]
    for found in record["thousand_documents"].values():
        rows.append(
            f"| {found['documents']:,} | {found['instances']:,} | {found['prepare_seconds']:.0f} s | "
            f"{found['milliseconds_a_step']:.0f} ms | {found['peak_memory_gb']:.2f} GB |"
        )
    return "\n".join(rows)


def _paper(steps: int = 6000, documents: int = 2 * 768, length: int = 231) -> str:
    """What the paper's pre-training would take at the rates that were measured."""
    record = read_json(RESULTS / "speed.json")
    tokens = steps * documents * length
    rows = ["| encoder, machine, precision | measured real tokens/s | 6,000 steps of the paper |", "|---|---|---|"]
    for precision in ("float32", "bf16"):
        rate = record["tokens_per_second"][f"packed {precision}"]["median"]
        machine = f"MiniLM, {record['machine']['threads']} CPU threads, {precision}"
        rows.append(f"| {machine} | {rate:,.0f} | {tokens / rate / 86400:.1f} days |")
    return "\n".join(rows)


_BLOCKS: Mapping[str, Callable[[], str]] = {
    "methods": _methods,
    "demo": _demo,
    "speed": _speed,
    "batches": _batches,
    "corpus": _corpus,
    "paper": _paper,
    "noise": measured.noise_block,
    "noise-40": lambda: measured.noise_block(0.4),
    "suite-noise": lambda: measured.suite_block("noise"),
    "order": measured.order_block,
    "trimmed": measured.trimmed_block,
    "shortcuts": measured.shortcuts_block,
    "tasks": measured.tasks_block,
    "inference": measured.inference_block,
    "report": measured.report_block,
    "suite-cpu": lambda: measured.suite_block("cpu"),
    "summary-cpu": lambda: measured.summary_block("cpu"),
    "summary-fewrel": lambda: measured.summary_block("fewrel"),
    "suite-fewrel": lambda: measured.suite_block("fewrel"),
    "summary-documents": lambda: measured.summary_block("documents"),
    "suite-documents": lambda: measured.suite_block("documents"),
}


if __name__ == "__main__":
    main()
