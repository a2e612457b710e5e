"""Everything that a process of the service needs around its work: logs, resources, child processes."""
