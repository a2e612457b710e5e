"""Galleries of enrolled faces: enrolment, search, encryption and maintenance."""
