"""Metrics of relation extraction and of noise scorers: pure functions of facts, labels, documents and arrays.

All results are fractions from 0 to 1. ``docs/metrics.md`` describes what each metric counts, and where papers and
releases differ. Shape letter: N candidates or instances.
"""

from finecl.metrics.bags import BagScores, bag_facts, bag_scores
from finecl.metrics.by_relation import (
    GroupScores,
    MacroScores,
    frequency_groups,
    group_scores,
    macro_scores,
    scores_by_group,
)
from finecl.metrics.counts import ClassScores, Scores, dense_ranks
from finecl.metrics.docred import (
    DocredScores,
    Fact,
    NamedFact,
    counts_by_document,
    docred_facts_in_train,
    docred_scores,
)
from finecl.metrics.evidence import ReachScores, evidence_scores, reach_scores
from finecl.metrics.files import (
    read_bag_predictions,
    read_docred_results,
    read_labels,
    write_bag_predictions,
    write_docred_results,
    write_labels,
)
from finecl.metrics.intervals import bootstrap_f1
from finecl.metrics.noise import NoiseScores, noise_scores
from finecl.metrics.semeval import SEMEVAL_LABELS, ClassAverages, SemEvalScores, semeval_scores
from finecl.metrics.semeval_files import read_semeval_gold, read_semeval_labels, write_semeval_labels
from finecl.metrics.sentences import SentenceScores, accuracy, sentence_scores, tacred_scores
from finecl.metrics.thresholds import Threshold, choose_threshold, precision_recall_auc

__all__ = [
    "SEMEVAL_LABELS",
    "BagScores",
    "ClassAverages",
    "ClassScores",
    "DocredScores",
    "Fact",
    "GroupScores",
    "MacroScores",
    "NamedFact",
    "NoiseScores",
    "ReachScores",
    "Scores",
    "SemEvalScores",
    "SentenceScores",
    "Threshold",
    "accuracy",
    "bag_facts",
    "bag_scores",
    "bootstrap_f1",
    "choose_threshold",
    "counts_by_document",
    "dense_ranks",
    "docred_facts_in_train",
    "docred_scores",
    "evidence_scores",
    "frequency_groups",
    "group_scores",
    "macro_scores",
    "noise_scores",
    "precision_recall_auc",
    "reach_scores",
    "read_bag_predictions",
    "read_docred_results",
    "read_labels",
    "read_semeval_gold",
    "read_semeval_labels",
    "scores_by_group",
    "semeval_scores",
    "sentence_scores",
    "tacred_scores",
    "write_bag_predictions",
    "write_docred_results",
    "write_labels",
    "write_semeval_labels",
]
