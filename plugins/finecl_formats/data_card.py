"""The card of a data set that finecl writes: counts, relations, columns, and the metadata that the hub reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from finecl.types import Document

README = "README.md"
_LISTED = 50
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_COLUMNS = (
    ("title", "identifies the document"),
    ("sents", "the words of each sentence"),
    ("vertexSet", "the mentions of each entity: name, sentence, words (end exclusive), type"),
    ("entity_ids", "ids of the entities in a knowledge graph, if known"),
    ("labels", "head and tail (numbers of entities), relation, evidence, truth if known"),
)


@dataclass
class DataCard:
    """Counts documents while they are written, and describes them as Markdown."""

    documents: int = 0
    entities: int = 0
    relations: Counter[str] = field(default_factory=Counter)

    def counted(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the documents unchanged, and counts them."""
        for document in documents:
            self.documents += 1
            self.entities += len(document.entities)
            self.relations.update(label.relation for label in document.labels)
            yield document

    def text(self, name: str) -> str:
        """Returns the card; ``name`` is the data set's. Licence, language and sources are the owner's to add."""
        from huggingface_hub import DatasetCardData

        size = next((text for limit, text in _SIZES if self.documents < limit), "n>1M")
        tags = ["relation-extraction", "finecl"]
        front = DatasetCardData(pretty_name=name, size_categories=size, tags=tags).to_yaml()
        labels = sum(self.relations.values())
        listed = [f"| {_cell(relation)} | {count:,} |" for relation, count in self.relations.most_common(_LISTED)]
        more = len(self.relations) - len(listed)
        return "\n".join(
            [
                f"---\n{front}\n---",
                f"# {name}\n",
                f"{self.documents:,} documents with {self.entities:,} entities and {labels:,} labels of "
                f"{len(self.relations):,} relations, written by finecl.\n",
                '```python\nfrom datasets import load_from_disk\n\nrows = load_from_disk("THIS_DIRECTORY")\n```\n',
                "| column | content |\n|---|---|",
                *(f"| `{column}` | {content} |" for column, content in _COLUMNS),
                *(["\n| relation | labels |\n|---|---|", *listed] if listed else []),
                *([f"\n{more:,} more relations are not listed."] if more else []),
                "\nState where texts and labels come from, their language and their licence before you share them.\n",
            ]
        )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
