"""What goes over the wire, as msgspec structs with documented fields."""
