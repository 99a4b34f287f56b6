"""Snapshots of Qdrant in an object store."""

NAME = "qdrant-backup"
