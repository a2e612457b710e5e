"""Corrections of an untrusted result: the results that it was made from, one after another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from framecloak.domain.anonymization.model.record.history import Correction, History
from framecloak.domain.anonymization.results.edited_manifest import first_search_of
from framecloak.domain.anonymization.results.proof.manifest_signature import ManifestSignature
from framecloak.domain.ports.security import SignatureCheck
from framecloak.domain.support.canonical_json import canonical_json


@dataclass(frozen=True, slots=True)
class Ancestor:
    """Result that another one was made from.

    Attributes:
        manifest_sha256: hex digest of its manifest.
        result: id of its request; None if it was given as a file.
        editor: name or code of the person who corrected it; None if it is not known.
        edited_at: time of the correction; None if it is not known.
        edit_count: number of changes.
        is_signed: True if the manifest of the newer result contains a valid signature of this one.
        is_given: True if it was given, so that it was verified too.
    """

    manifest_sha256: str
    result: str | None
    editor: str | None
    edited_at: str | None
    edit_count: int
    is_signed: bool
    is_given: bool


def check_ancestry(
    document: Mapping[str, Any], parents: Mapping[str, Mapping[str, Any]], verify_signature: SignatureCheck
) -> tuple[tuple[Ancestor, ...], list[str]]:
    """Follow the corrections of a result back to the first one.

    Args:
        document: manifest of the result.
        parents: manifests of earlier results, by the SHA-256 of their bytes, as far as they were given.
        verify_signature: verifier of Ed25519 signatures.

    Returns:
        The earlier results, the latest one first, and what is wrong with them.
    """
    try:
        history = _history(document)
    except ValueError as error:
        return (), [f"its corrections cannot be read ({error})"]
    problems = _base_problems(document, history)
    ancestors = []
    for number in reversed(range(len(history.corrections))):
        correction = history.corrections[number]
        parent = parents.get(correction.manifest_sha256)
        signature = _signature_problem(correction, verify_signature)
        if signature:
            problems.append(f"the signature of {_name(correction)} is not valid: {signature}")
        if parent is not None:
            problems += _parent_problems(history, number, parent)
        ancestors.append(
            Ancestor(
                correction.manifest_sha256,
                correction.result,
                correction.editor,
                correction.edited_at,
                len(correction.edits),
                correction.signature_file is not None and signature is None,
                parent is not None,
            )
        )
    listed = {correction.manifest_sha256 for correction in history.corrections}
    strangers = sorted(parents.keys() - listed)
    problems += [f"the given result {digest[:12]}... is none of its parents" for digest in strangers]
    return tuple(ancestors), problems


def _history(document: Mapping[str, Any]) -> History:
    return History.read(document.get("corrections", []), document.get("first_search"))


def _base_problems(document: Mapping[str, Any], history: History) -> list[str]:
    """Compare the last correction with the settings, which name the direct parent."""
    settings = document.get("settings")
    base = settings.get("based_on") if isinstance(settings, dict) else None
    named = base.get("manifest_sha256") if isinstance(base, dict) else None
    last = history.corrections[-1].manifest_sha256 if history.corrections else None
    if last is not None and named != last:
        return ["its last correction and its settings name different parents"]
    return []


def _signature_problem(correction: Correction, verify_signature: SignatureCheck) -> str | None:
    """Return what is wrong with the recorded signature of a parent; None if nothing is."""
    if correction.signature_file is None:
        return None
    try:
        signature = ManifestSignature.parse(canonical_json(correction.signature_file))
    except (TypeError, ValueError) as error:
        return str(error)
    if not verify_signature(signature.public_key, signature.message, signature.signature):
        return "it does not match what it claims to sign"
    is_this = signature.manifest_sha256 == correction.manifest_sha256
    if not is_this and correction.signature.value not in {"changed", "bad"}:
        return "it signs another manifest"
    return None


def _parent_problems(history: History, number: int, parent: Mapping[str, Any]) -> list[str]:
    """Compare what a result says about a parent with the parent's own manifest."""
    name = _name(history.corrections[number])
    try:
        earlier = _history(parent)
    except ValueError as error:
        return [f"the corrections of {name} cannot be read ({error})"]
    problems = []
    if earlier.corrections != history.corrections[:number]:
        problems.append(f"it lists other corrections than {name}")
    if _plain(first_search_of(parent)) != _plain(history.first_search):
        problems.append(f"its figures of the first search are not those of {name}")
    return problems


def _plain(value: object) -> object:
    return json.loads(json.dumps(value))


def _name(correction: Correction) -> str:
    return f"parent {correction.manifest_sha256[:12]}..."
