"""Finds the wrong labels of a text classification data set, drops them, and counts how many of them were wrong.

A data set of the hub with the columns text and label works alike: datasets.load_dataset("owner/name", split="train").
"""

import random

from datasets import ClassLabel, Dataset

import finecl

TOPICS = {
    "sport": ("The {} scored twice in the final.", "Fans of the {} sang until midnight.", "The {} won the cup again."),
    "food": ("Boil the {} for ten minutes.", "A soup of {} needs salt.", "She fried the {} in butter."),
    "travel": ("The train to {} was late.", "We found a cheap hotel in {}.", "The ferry to {} leaves at noon."),
}
THINGS = {
    "sport": ("Rovers", "Lions", "Eagles", "Hawks"),
    "food": ("beans", "onions", "carrots", "lentils"),
    "travel": ("Oslo", "Lisbon", "Bergen", "Naples"),
}

rng = random.Random(1)
names = list(TOPICS)
rows = []
for number in range(120):
    topic = rng.choice(names)
    text = rng.choice(TOPICS[topic]).format(rng.choice(THINGS[topic]))
    label = rng.choice([name for name in names if name != topic]) if number % 5 == 0 else topic
    rows.append({"id": f"{number}", "text": text, "label": label, "topic": topic})
dataset = Dataset.from_list(rows).cast_column("label", ClassLabel(names=names))

scored = finecl.score(dataset)
print(scored.summary())
scored.clean("cleaned", drop=0.5)  # a folder for datasets.load_from_disk

kept = Dataset.load_from_disk("cleaned")
right = [topic == names[label] for topic, label in zip(kept["topic"], kept["label"], strict=True)]
print(f"right labels: {96 / 120:.0%} before, {sum(right) / len(right):.0%} of the {len(right)} that were kept")
