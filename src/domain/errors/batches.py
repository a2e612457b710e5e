"""Errors of templates and batches."""

from __future__ import annotations

from framecloak.domain.errors.base import DomainError


class TemplateNotFoundError(DomainError):
    """The template does not exist, or the caller may not see it."""

    code = "template_not_found"


class TemplateMismatchError(DomainError):
    """The marks of the template do not fit the video."""

    code = "template_mismatch"


class BatchNotFoundError(DomainError):
    """The batch does not exist, or belongs to another account."""

    code = "batch_not_found"
