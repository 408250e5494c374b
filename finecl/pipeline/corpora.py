"""The corpora of a run: the built-in one, a directory of splits, or single files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from finecl.artifacts.files import cache_directory
from finecl.artifacts.provenance import fingerprint
from finecl.config.schema import DataSettings, DemoSizes
from finecl.corpus.corpus import Corpus, split_documents
from finecl.corpus.relation_names import read_relation_names
from finecl.data.formats import notes_of, recognise
from finecl.data.tolerant import TolerantFormat
from finecl.errors import FormatError, SettingsError
from finecl.registry import Registry
from finecl.text.none_names import is_none_name
from finecl.types import Format

SPLITS = ("silver", "train", "dev", "test")


@dataclass(frozen=True, kw_only=True)
class Corpora:
    """The four corpora of a run: silver documents for pre-training, gold ones for fine-tuning and evaluation.

    Without gold documents ``train``, ``dev`` and ``test`` are empty.
    """

    silver: Corpus
    train: Corpus
    dev: Corpus
    test: Corpus

    @property
    def relations(self) -> tuple[str, ...]:
        """Returns the relations of all splits, sorted."""
        return tuple(sorted({r for split in SPLITS for r in getattr(self, split).relations}))

    @property
    def has_gold(self) -> bool:
        """Whether there are gold documents."""
        return len(self.train) > 0

    @property
    def splits(self) -> tuple[str, ...]:
        """Returns the names of the splits that have documents."""
        return SPLITS if self.has_gold else SPLITS[:1]

    def require_gold(self, what: str) -> None:
        """Checks that there are gold documents, which ``what`` needs.

        Raises:
            SettingsError: there are none.
        """
        if not self.has_gold:
            raise SettingsError(f"{what} needs gold documents, found none: give --gold FILE, or choose another one")

    @property
    def names(self) -> Mapping[str, str]:
        """Readable names of the relations."""
        return {relation: self.silver.names.get(relation, relation) for relation in self.relations}


def load_corpora(
    settings: DataSettings, registry: Registry, seed: int, note: Callable[[str], None] | None = None
) -> Corpora:
    """Reads the corpora that the settings name: silver documents, and either three gold splits or none.

    Raises:
        FormatError: a file is missing, unreadable or invalid.
        SettingsError: the settings name no silver documents, or only some of the gold splits.
    """
    named = {split: getattr(settings, split) for split in SPLITS}
    if settings.name == "demo" and not any(named.values()) and not settings.gold:
        return _demo(seed, settings.demo)
    conflicts = [split for split in SPLITS[1:] if named[split]] if settings.gold else []
    if conflicts:
        raise SettingsError(f"data.gold is split into train, dev and test: leave out it or data.{conflicts[0]}")
    paths = {split: Path(p) if p else _in_directory(settings, split) for split, p in named.items()}
    if settings.gold:
        gold = split_documents(read_corpus(Path(settings.gold), settings, registry, note), settings.gold_split, seed)
        parts = dict(zip(SPLITS[1:], gold, strict=True))
    elif paths["silver"] and not any(paths[split] for split in SPLITS[1:]):
        silver = read_corpus(paths["silver"], settings, registry, note)
        parts = {"silver": silver, **dict.fromkeys(SPLITS[1:], silver.select([]))}
    else:
        parts = {}
    corpora = {
        split: parts[split]
        if split in parts
        else read_corpus(_required(paths[split], split, settings), settings, registry, note)
        for split in SPLITS
    }
    loaded = Corpora(**corpora)
    if loaded.relations and all(map(is_none_name, loaded.relations)):
        names = ", ".join(f"'{name}'" for name in loaded.relations)
        raise SettingsError(
            f"data: expected labels of relations, got only {names}, which usually means none; give files with relations"
        )
    return loaded


def format_of(path: Path, settings: DataSettings, registry: Registry) -> Format:
    """Returns the format of a file by the settings, with its options.

    Raises:
        FormatError: no format recognises the file.
    """
    pairs = [option.partition("=") for option in settings.format_options]
    return recognise(path, registry, settings.format, settings={key: value for key, _, value in pairs})


def read_corpus(
    path: Path, settings: DataSettings, registry: Registry, note: Callable[[str], None] | None = None
) -> Corpus:
    """Reads a corpus from a file; the converted file is cached. ``note`` is told what ``skip_faulty`` leaves out."""
    format = format_of(path, settings, registry)
    if settings.skip_faulty:
        report = cache_directory() / "skipped" / f"{path.name}.skipped.jsonl"
        format = TolerantFormat(format, report, note or (lambda _: None))
    corpus = Corpus.read(
        path,
        format,
        cache_directory(),
        no_relation=settings.no_relation,
        names=_relation_names(path, settings),
        on_empty=settings.without_entities,
    )
    if note:
        for text in notes_of(format):
            note(f"{path}: {text}")
    return corpus


def _relation_names(path: Path, settings: DataSettings) -> Mapping[str, str]:
    beside = path.with_name("rel_info.json")
    if settings.relation_names:
        return read_relation_names(Path(settings.relation_names))
    return read_relation_names(beside) if beside.is_file() else {}


def _in_directory(settings: DataSettings, split: str) -> Path | None:
    directory = Path(settings.name)
    if settings.name == "demo":
        return None
    if not directory.is_dir():
        raise FormatError(f"{directory}: expected a directory with the files silver.*, train.*, dev.*, test.*")
    files = sorted(directory.glob(f"{split}.*"))
    if len(files) > 1:
        names = " and ".join(path.name for path in files)
        raise SettingsError(f"{directory} holds {names}: name one of them as data.{split}")
    return files[0] if files else None


def _required(path: Path | None, split: str, settings: DataSettings) -> Path:
    if path is None:
        where = "" if settings.name == "demo" else f"{settings.name} holds no file {split}.*; "
        raise SettingsError(f"no {split} documents: {where}give data.{split} (or data.gold, to be split)")
    return path


def _demo(seed: int, sizes: DemoSizes) -> Corpora:
    from finecl.data.demo.corpora import DemoSettings, demo_corpora

    demo = demo_corpora(seed, DemoSettings(**asdict(sizes)))
    directory = cache_directory() / "demo"
    corpora = {}
    for split in SPLITS:
        documents = getattr(demo, split)
        path = directory / f"{split}-{fingerprint([repr(d) for d in documents])}.arrow"
        corpora[split] = Corpus.from_documents(documents, path, source=f"demo {split}")
    return Corpora(**corpora)
