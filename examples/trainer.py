"""Records how a model learns each label in a training of transformers.Trainer, and scores the labels with it.

Needs accelerate (pip install accelerate), as every training by transformers.Trainer does.
"""

import random

import numpy as np
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments, set_seed

from finecl.integrations.transformers import DynamicsCallback
from finecl.metrics import noise_scores
from finecl.models.pretrained import find_model

WORDINGS = ("{} was born in {}.", "{} has a house in {}.", "{} fled from {}.")

rng = random.Random(1)
truths = [rng.randrange(3) for _ in range(120)]
texts = [WORDINGS[truth].format(rng.choice(("Ada", "Bela", "Carl")), rng.choice(("Oslo", "Rome"))) for truth in truths]
labels = [(truth + 1) % 3 if number % 5 == 0 else truth for number, truth in enumerate(truths)]

set_seed(1)
name = find_model("minilm")  # or a model of the hub
tokenizer = AutoTokenizer.from_pretrained(name)
model = AutoModelForSequenceClassification.from_pretrained(name, num_labels=3)
dataset = Dataset.from_dict({**tokenizer(texts), "labels": labels, "index": list(range(len(texts)))})
arguments = TrainingArguments(
    "trained",
    num_train_epochs=5,
    per_device_train_batch_size=12,
    learning_rate=2e-4,
    save_strategy="no",
    report_to="none",
    use_cpu=True,
    remove_unused_columns=False,  # the callback reads the column "index"
)
with DynamicsCallback(len(dataset)) as callback:
    trainer = Trainer(model, arguments, train_dataset=dataset, processing_class=tokenizer, callbacks=[callback])
    trainer.train()

wrong = np.array(labels) != np.array(truths)
for scorer in ("learning-order", "area-under-margin"):
    print(f"AUROC of {scorer}: {noise_scores(callback.score(scorer, labels), wrong).auroc:.3f}")
