"""The checks: plain functions over plain data, one concern a module; nothing here knows Pulumi."""
