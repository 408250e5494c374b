"""Writes the generated blocks of the pages from the registry and the records: ``python -m finecl_benchmarks.readme``.

With ``--check`` it writes nothing and exits with code 1 if a block is stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from finecl import registry as plugins
from finecl.artifacts.files import read_json
from finecl_benchmarks import readme_blocks
from finecl_benchmarks.curve_blocks import curve_block, gains_block
from finecl_benchmarks.encoders import encoders_block
from finecl_benchmarks.hostile import hostile_block
from finecl_benchmarks.judged_tables import judged_block, measures_block, stacks_block
from finecl_benchmarks.probabilities import probability_table
from finecl_benchmarks.sources import sources_block

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (
    "README.md",
    "docs/results.md",
    "docs/methods.md",
    "docs/report.md",
    "docs/scale.md",
    "docs/use.md",
    "docs/encoders.md",
    "docs/pretraining.md",
    "docs/silver.md",
    "docs/security.md",
    "docs/sources.md",
    "benchmarks/README.md",
)
_BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Writes the pages, or checks them with ``--check``."""
    stale = []
    for page in PAGES:
        old = (ROOT / page).read_text(encoding="utf-8")
        new = generate(old)
        stale += [page] if new != old else []
        if "--check" not in sys.argv[1:]:
            (ROOT / page).write_text(new, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        sys.exit(f"{', '.join(stale)}: stale blocks; run python -m finecl_benchmarks.readme")


def generate(text: str) -> str:
    """Returns the text with all generated blocks regenerated."""
    return _BLOCK.sub(lambda match: f"{match[1]}{_BLOCKS[match['name']]()}\n{match[3]}", text)


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
    summary = f"Noise AUROC of the learning order against the truth: {auroc:.3f}."
    return "\n".join([*_setup(record), "", *_result_rows(record["metrics"]["evaluate"]), "", summary])


def _setup(record: dict[str, Any]) -> list[str]:
    run, data = record["run"], record["run"]["data"]
    settings = run["settings"]
    proxy, pretrain, finetune = settings["proxy"], settings["pretrain"], settings["finetune"]
    return [
        f"{data['silver']['documents']:,} silver documents ({data['silver']['instances']:,} labels), gold "
        f"{data['train']['documents']} / {data['dev']['documents']} / {data['test']['documents']} documents; proxy "
        f"{proxy['num_train_epochs']} epochs, pre-training {pretrain['max_steps']} steps of {pretrain['batch_size']} "
        f"documents, fine-tuning {finetune['num_train_epochs']} epochs; {run['precision']}, "
        f"{run['machine']['threads']} threads, seed {run['seed']}; {sum(record['seconds'].values()):.0f} s in total.",
    ]


def _result_rows(results: dict[str, Any]) -> list[str]:
    columns = {"f1": "F1", "ign_f1": "Ign F1", "auc": "AUC", "macro_f1": "macro F1"}
    head = "F1, 95 % interval | FineCL's gain, 95 % interval"
    rows = [f"| encoder | {' | '.join(columns.values())} | {head} |", "|---|" + "---|" * (len(columns) + 2)]
    names = {
        "pretrained": "pre-trained by FineCL",
        "equal-weights": "pre-trained with equal weights (ERICA's)",
        "plain": "plain",
    }
    for key, title in names.items():
        cells = [f"{100 * results[key][c]:.2f}" for c in columns]
        cells += [_interval(results[key].get("f1_interval")), _interval(results[key].get("f1_gain"), "+")]
        rows.append(f"| {title} | {' | '.join(cells)} |")
    return rows


def _interval(bounds: Sequence[float] | None, sign: str = "") -> str:
    return " to ".join(f"{100 * bound:{sign}.1f}" for bound in bounds) if bounds else ""


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
    rows = ["| engine | real tokens/s (median) | speed-up over naive | peak memory |", "|---|---|---|---|"]
    for name, title in engines.items():
        rate = rates[name]["median"]
        speed_up = rate / rates["naive float32"]["median"]
        rows.append(f"| {title} | {rate:,.0f} | {speed_up:.1f}x | {memory[name]:.1f} GB |")
    return "\n".join([*rows, "", *_other_ratios(record)])


def _other_ratios(record: dict[str, Any]) -> list[str]:
    ratios = record["bf16"]
    engine = (
        "Throughput relative to the bare encoder on the same documents (bf16): proxy training "
        f"{ratios['proxy_over_bare']:.0%}, fine-tuning {ratios['finetune_over_bare']:.0%}, inference "
        f"{ratios['inference_over_bare']:.0%}. Collating takes {record['collate_share']:.2%} of a step. The gradient "
        f"cache takes {ratios['cached_cost']:.0%} more time than one pass over the same documents."
    )
    speed_up = record.get("contrastive_over_sentence_transformers")
    rival = "times as fast as sentence-transformers' cached loss."
    contrastive = f" The contrastive step alone is {speed_up:.1f} {rival}" if speed_up else ""
    share = record["utilisation"]["bf16"]["share_of_ceiling"]
    utilisation = f"A bf16 step reaches {share:.0%} of the rate of bare matrix products of the same shapes."
    return [f"{engine}{contrastive} {utilisation}"]


def _no_record(part: str) -> str:
    return f"Not measured: no record. Create one with `finecl benchmark speed --part {part} --keep`."


def _batches() -> str:
    record = read_json(RESULTS / "speed-batches.json")
    if not record:
        return _no_record("batches")
    rows = ["| documents contrasted | real tokens/s | collating per step | peak memory |", "|---|---|---|---|"]
    for size, measured in record["batches"].items():
        rate, collate = measured["tokens_per_second"], measured["collate_seconds"]
        memory = measured["peak_memory_gb"]
        rows.append(f"| {size} + {size} with query | {rate:,.0f} | {collate:.2f} s | {memory:.2f} GB |")
    return "\n".join(rows)


def _corpus() -> str:
    record = read_json(RESULTS / "speed-corpus.json")
    if not record:
        return _no_record("corpus")
    rows = ["| documents | instances | preparation | sampling per step | peak memory |", "|---|---|---|---|---|"]
    for measured in record["thousand_documents"].values():
        rows.append(
            f"| {measured['documents']:,} | {measured['instances']:,} | {measured['prepare_seconds']:.0f} s | "
            f"{measured['milliseconds_a_step']:.0f} ms | {measured['peak_memory_gb']:.2f} GB |"
        )
    return "\n".join(rows)


def _paper(steps: int = 6000, documents: int = 2 * 768, length: int = 231) -> str:
    """Extrapolates the days of the paper's pre-training from the measured rates."""
    record = read_json(RESULTS / "speed.json")
    tokens = steps * documents * length
    head = "| encoder, machine, precision | measured real tokens/s | the paper's 6,000 steps (extrapolated) |"
    rows = [head, "|---|---|---|"]
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
    "noise": readme_blocks.noise_block,
    "noise-40": lambda: readme_blocks.noise_block(0.4),
    "suite-noise": lambda: readme_blocks.suite_block("noise"),
    "order": readme_blocks.order_block,
    "trimmed": readme_blocks.trimmed_block,
    "shortcuts": readme_blocks.shortcuts_block,
    "tasks": readme_blocks.tasks_block,
    "encoders": encoders_block,
    "hostile": hostile_block,
    "sources": sources_block,
    "inference": readme_blocks.inference_block,
    "report": readme_blocks.report_block,
    "suite-cpu": lambda: readme_blocks.suite_block("cpu"),
    "summary-cpu": lambda: readme_blocks.summary_block("cpu"),
    "summary-fewrel": lambda: readme_blocks.summary_block("fewrel"),
    "suite-fewrel": lambda: readme_blocks.suite_block("fewrel"),
    "probabilities": lambda: probability_table(
        read_json(RESULTS / "suite-probabilities.json"), ("area-under-margin", "learning-order")
    ),
    "gains": gains_block,
    "judged": judged_block,
    "judged-measures": measures_block,
    "judged-stacks": stacks_block,
    "suite-demo": lambda: readme_blocks.suite_block("demo"),
    "suite-demo-200": lambda: readme_blocks.suite_block("demo-200"),
    "curve-wiki80": lambda: curve_block("noise-curve-wiki80-ends", "noise-curve-wiki80"),
    "summary-documents": lambda: readme_blocks.summary_block("documents"),
    "suite-documents": lambda: readme_blocks.suite_block("documents"),
}


if __name__ == "__main__":
    main()
