"""File formats of relation extraction, one module each; finecl's own are ``jsonl`` and ``parquet``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finecl import hookimpl

if TYPE_CHECKING:
    from finecl.types import Formats


@hookimpl
def formats() -> Formats:
    """Returns document-level, sentence-level and annotation formats, plain text, and Hugging Face data sets."""
    from finecl_formats.brat import Brat
    from finecl_formats.delimited import Delimited
    from finecl_formats.doccano import Doccano
    from finecl_formats.docred import DocRED
    from finecl_formats.fewrel import FewRel
    from finecl_formats.glirel import GLiREL
    from finecl_formats.hugging_face import HuggingFace
    from finecl_formats.jsonl import JSONLines
    from finecl_formats.label_studio import LabelStudio
    from finecl_formats.opennre import OpenNRE
    from finecl_formats.parquet import Parquet
    from finecl_formats.plain_text import PlainText
    from finecl_formats.semeval import SemEval
    from finecl_formats.spacy_docs import SpacyDocs
    from finecl_formats.tacred import TACRED

    read_and_written: Formats = {
        "brat": Brat,
        "csv": Delimited,
        "doccano": Doccano,
        "docred": DocRED,
        "fewrel": FewRel,
        "glirel": GLiREL,
        "hugging-face": HuggingFace,
        "jsonl": JSONLines,
        "label-studio": LabelStudio,
        "opennre": OpenNRE,
        "parquet": Parquet,
        "semeval": SemEval,
        "spacy": SpacyDocs,
        "tacred": TACRED,
        "text": PlainText,
    }
    return dict(sorted({**read_and_written, **_read_only()}.items()))


def _read_only() -> Formats:
    """Returns formats that public relation sets come in, which are read and not written."""
    from finecl_formats.nyt import NYT
    from finecl_formats.pubtator import PubTator
    from finecl_formats.span_lists import CrossRE, DyGIE, Prodigy, SpanLists, SpERT

    return {
        "crossre": CrossRE,
        "declared": SpanLists,
        "dygie": DyGIE,
        "nyt": NYT,
        "prodigy": Prodigy,
        "pubtator": PubTator,
        "spert": SpERT,
    }
