"""Forge's list of VAEs and text encoders in one (modules_forge/main_entry.py)."""

module_list = {}


def refresh_models():
    return ["a checkpoint"], module_list.keys()
