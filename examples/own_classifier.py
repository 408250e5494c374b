"""Scores labels from the outputs of your own classifier: no documents, no run directory, no language model.

Any classifier will do that gives the probabilities of examples it was not trained on, or its logits after each epoch.
"""

import random

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from finecl.scoring import noise_scores

rng = random.Random(1)
wordings = ["{} was born in {}.", "{} has a house in {}.", "{} fled from {}."]
truths = [rng.randrange(3) for _ in range(300)]
texts = [wordings[truth].format(rng.choice("ABCDEFGH") * 2, rng.choice("UVWXYZ") * 2) for truth in truths]
labels = np.array([(truth + rng.choice((1, 2))) % 3 if n % 5 == 0 else truth for n, truth in enumerate(truths)])
wrong = labels != np.array(truths)
features = TfidfVectorizer(token_pattern=r"\w+").fit_transform(texts)

# Probabilities of a classifier that was not trained on the example: confident learning and the like.
probabilities = cross_val_predict(LogisticRegression(), features, labels, cv=5, method="predict_proba")
noise = noise_scores(labels, pred_probs=probabilities, scorer="confidence")
print(f"AUROC from held-out probabilities: {roc_auc_score(wrong, noise):.3f}")

# Logits after each epoch of training on these labels: the learning order of FineCL, or the area under the margin.
classifier, epochs = SGDClassifier(loss="log_loss", random_state=0), []
for _ in range(5):
    classifier.partial_fit(features, labels, classes=[0, 1, 2])
    epochs.append(classifier.decision_function(features))
noise = noise_scores(labels, logits_ENC=np.stack(epochs), scorer="area-under-margin")
print(f"AUROC from logits by epoch: {roc_auc_score(wrong, noise):.3f}")
print("most suspicious:", texts[int(noise.argmax())], "labelled", wordings[labels[int(noise.argmax())]])
