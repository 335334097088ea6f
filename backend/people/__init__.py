"""Departments, officers, accounts and devices: who may do what."""
