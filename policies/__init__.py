"""Policy packs: rules that a region must keep, asked before anything is created."""
