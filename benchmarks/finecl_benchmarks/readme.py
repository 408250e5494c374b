"""Writes the README's generated blocks from the registry and the records: ``python -m finecl_benchmarks.readme``.

With ``--check`` nothing is written, and the exit code is 1 if a block is stale.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from finecl import registry as plugins
from finecl.records import read_json

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
_BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Writes or checks the README."""
    path = ROOT / "README.md"
    old = path.read_text(encoding="utf-8")
    new = generate(old)
    if "--check" in sys.argv[1:]:
        sys.exit("README.md is stale: run python -m finecl_benchmarks.readme" if new != old else 0)
    path.write_text(new, encoding="utf-8")


def generate(text: str) -> str:
    """The text with every generated block written anew."""
    return _BLOCK.sub(lambda found: f"{found[1]}{_BLOCKS[found['name']]()}\n{found[3]}", text)


def _methods() -> str:
    registry = plugins.load()
    rows = ["| method | scorer | weighting | objectives | source |", "|---|---|---|---|---|"]
    for name, part in registry.parts("method").items():
        method = part.factory
        objectives = ", ".join(f"`{objective}`" for _, objective in method.objectives)
        scorer = f"`{method.scorer}`" if method.scorer else "-"
        rows.append(f"| `{name}` | {scorer} | `{method.weighting}` | {objectives} | {method.citation} |")
    return "\n".join(rows)


def _run(name: str) -> str:
    record = read_json(RESULTS / f"{name}.json")
    return "\n".join([*_what(record), "", *_result_rows(record["metrics"]["evaluate"]), "", _noise(record)])


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


def _noise(record: dict[str, Any]) -> str:
    score = record["metrics"]["score"]
    if score.get("noise_auroc") is None:
        return f"Share learned by the last epoch: {score['learned_share'][-1]:.1%}."
    return f"Noise AUROC of the learning order against the truth: {score['noise_auroc']:.3f}."


def _speed() -> str:
    rows = ["| precision | real tokens/s (median) | peak memory | collate share |", "|---|---|---|---|"]
    for path in sorted(RESULTS.glob("pretrain-speed-*.json")):
        record = read_json(path)
        rate, memory = record["real_tokens_per_second"]["median"], record["peak_memory_gb"]
        precision = record["settings"]["precision"]
        rows.append(f"| {precision} | {rate:,.0f} | {memory:.2f} GB | {record['collate_share']:.2%} |")
    return "\n".join(rows)


_BLOCKS = {
    "methods": _methods,
    "demo": lambda: _run("demo"),
    "redocred": lambda: _run("redocred"),
    "speed": _speed,
}


if __name__ == "__main__":
    main()
