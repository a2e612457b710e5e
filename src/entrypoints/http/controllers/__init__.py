"""Controllers, one for each resource: they parse a request, call a use case and return a struct."""
