"""spaCy's DocBin (``.spacy``) with named entities and relations; needs the extra ``finecl[spacy]``.

Relations are stored as in spaCy's relation-extraction tutorial: the extension ``doc._.rel`` is a dictionary
``{(first word of head, first word of tail): {relation: score}}``, of which scores of at least 0.5 are read. Mentions
are ``doc.ents``; a span group named ``coref_clusters_*`` lists the mentions of one entity; ``ent.kb_id_`` is the
entity's id. The title is ``doc.user_data["title"]``, else the document's number.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from finecl.errors import FormatError
from finecl.types import Document, Entity, Label, Mention
from finecl_formats.files import open_binary, replacing
from finecl_formats.json_values import Value, shortened
from finecl_formats.lossless import check_lossless, document_place, refusal
from finecl_formats.records import Records

_CLUSTERS = "coref_clusters"
_MIN_SCORE = 0.5


@dataclass(frozen=True, kw_only=True)
class SpacyDocs(Records):
    """spaCy's DocBin: doc.ents, doc._.rel as in spaCy's relation tutorial, and coref_clusters_* as entities."""

    suffixes: ClassVar[tuple[str, ...]] = (".spacy",)

    def recognises(self, path: Path) -> bool:
        """Returns whether the file is compressed like a DocBin and begins with its attributes."""
        try:
            with path.open("rb") as stream:
                start = stream.read(4096)
            return b"attrs" in zlib.decompressobj().decompress(start, 4096)
        except (OSError, zlib.error):
            return False

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the spaCy documents of the file.

        Raises:
            FormatError: spaCy is not installed, or the file is not a DocBin.
        """
        spacy, tokens = _spacy(path)
        with open_binary(path) as stream:
            content = stream.read()
        try:
            docs = list(tokens.DocBin().from_bytes(content).get_docs(spacy.blank("xx").vocab))
        except Exception as error:  # zlib, msgpack and numpy raise many types
            actual = shortened(f"{type(error).__name__}: {error}", 120)
            raise FormatError(f"{path}: expected spaCy's DocBin, got '{actual}'; is it truncated?") from None
        for number, doc in enumerate(docs, start=1):
            yield Value(doc, f"{path}: document {number}")

    def document(self, record: Value) -> Document:
        """Converts a spaCy document."""
        return _document(record.content, record.place)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the documents; collects them in memory first.

        Raises:
            FormatError: spaCy is not installed, or a document has data that spaCy cannot store.
        """
        spacy, tokens = _spacy(path)
        vocabulary = spacy.blank("xx").vocab
        with replacing(path) as unfinished:
            docbin = tokens.DocBin(store_user_data=True)
            for number, document in enumerate(documents, start=1):
                place = document_place(path, number, document)
                doc = _to_spacy(document, vocabulary, tokens, place)
                check_lossless(document, partial(_document, doc, place), place, "spaCy")
                docbin.add(doc)
            unfinished.write_bytes(docbin.to_bytes())


def _spacy(path: Path) -> tuple[Any, Any]:
    try:
        import spacy
        from spacy import tokens
    except ImportError:
        what = "expected spaCy, which this format requires, got no such package; pip install 'finecl[spacy]'"
        raise FormatError(f"{path}: {what}") from None
    if not tokens.Doc.has_extension("rel"):
        tokens.Doc.set_extension("rel", default={})
    return spacy, tokens


def _document(doc: Any, place: str) -> Document:
    has_sentences = doc.has_annotation("SENT_START")
    starts = [token.i for token in doc if token.i == 0 or (has_sentences and token.is_sent_start)]
    ends = [*starts[1:], len(doc)]
    sentence_of = {word: number for number, (a, b) in enumerate(zip(starts, ends, strict=True)) for word in range(a, b)}
    clusters = [group for name, group in doc.spans.items() if name.startswith(_CLUSTERS)]
    cluster_of = {(span.start, span.end): n for n, group in enumerate(clusters) for span in group}
    groups: dict[Any, list[Any]] = {}
    for span in doc.ents:
        key = (span.start, span.end)
        groups.setdefault(cluster_of.get(key, key), []).append(span)
    number_of = {span.start: number for number, group in enumerate(groups.values()) for span in group}
    entities = [
        Entity(
            mentions=tuple(_mention(span, sentence_of[span.start], starts) for span in group),
            id=next((span.kb_id_ for span in group if span.kb_id_), None),
        )
        for group in groups.values()
    ]
    return Document(
        title=str(doc.user_data.get("title", "")) or place.rpartition(" ")[2],
        sentences=tuple(tuple(doc[i].text for i in range(a, b)) for a, b in zip(starts, ends, strict=True)),
        entities=tuple(entities),
        labels=tuple(_labels(doc, number_of, place)),
    )


def _mention(span: Any, sentence: int, starts: list[int]) -> Mention:
    name = " ".join(token.text for token in span)
    start, end = span.start - starts[sentence], span.end - starts[sentence]
    return Mention(sentence=sentence, start=start, end=end, name=name, type=span.label_ or None)


def _labels(doc: Any, number_of: dict[int, int], place: str) -> Iterator[Label]:
    triples: dict[tuple[int, int, str], None] = {}
    for pair, scores in doc._.rel.items():
        for word in pair:
            if word not in number_of:
                raise FormatError(f"{place}, rel: expected the first words of entities, got {word}; correct doc._.rel")
        head, tail = (number_of[word] for word in pair)
        triples |= {(head, tail, name): None for name, score in scores.items() if score >= _MIN_SCORE}
    for head, tail, relation in triples:
        yield Label(head=head, tail=tail, relation=relation)


def _to_spacy(document: Document, vocabulary: Any, tokens: Any, place: str) -> Any:
    words = [word for sentence in document.sentences for word in sentence]
    if not all(document.sentences) or not all(words):
        raise refusal(place, "spaCy", "an empty word or sentence")
    begins = [at == 0 for sentence in document.sentences for at in range(len(sentence))]
    doc = tokens.Doc(vocabulary, words=words, sent_starts=begins)
    first = [begins_at for begins_at, begin in enumerate(begins) if begin]
    spans = [[_span(doc, m, e.id, first, tokens) for m in e.mentions] for e in document.entities]
    try:
        doc.ents = [span for group in spans for span in group]
    except ValueError:
        raise refusal(place, "spaCy", "entities that overlap") from None
    for number, group in enumerate(spans):
        if len(group) > 1:
            doc.spans[f"{_CLUSTERS}_{number}"] = group
    for label in document.labels:
        pair = spans[label.head][0].start, spans[label.tail][0].start
        doc._.rel = doc._.rel | {pair: doc._.rel.get(pair, {}) | {label.relation: 1.0}}
    doc.user_data["title"] = document.title
    return doc


def _span(doc: Any, mention: Mention, identity: str | None, first: list[int], tokens: Any) -> Any:
    start = first[mention.sentence] + mention.start
    end = first[mention.sentence] + mention.end
    return tokens.Span(doc, start, end, label=mention.type or "", kb_id=identity or "")
