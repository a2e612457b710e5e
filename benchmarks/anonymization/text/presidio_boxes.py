"""Boxes that Presidio would redact in the images of a folder, as JSON; run by an interpreter that has it.

It reads with Tesseract. Its language model is left blank, because spaCy publishes none on PyPI: names are
found by the list, everything else by Presidio's own patterns.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import spacy
from PIL import Image
from presidio_analyzer import AnalyzerEngine, PatternRecognizer
from presidio_analyzer.nlp_engine import NlpEngineProvider
from presidio_image_redactor import ImageAnalyzerEngine


def main(names: Path, folder: Path) -> None:
    """Print the boxes of each image, in the order of their names."""
    with tempfile.TemporaryDirectory() as model:
        spacy.blank("en").to_disk(model)
        configuration = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": model}]}
        engine = NlpEngineProvider(nlp_configuration=configuration).create_engine()
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    listed = names.read_text("utf-8").split("\n")
    analyzer.registry.add_recognizer(PatternRecognizer("PERSON", deny_list=[*filter(None, listed)]))
    images = ImageAnalyzerEngine(analyzer_engine=analyzer)
    boxes = [
        [
            [found.left, found.top, found.left + found.width, found.top + found.height]
            for found in images.analyze(Image.open(path), language="en")
        ]
        for path in sorted(folder.glob("*.jpg"))
    ]
    json.dump(boxes, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
