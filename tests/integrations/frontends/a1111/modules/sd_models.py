"""Checkpoints by title (modules/sd_models.py)."""

from types import SimpleNamespace

checkpoints_list = {}
model_data = SimpleNamespace(forge_loading_parameters={})


def get_closet_checkpoint_match(search_string):
    return checkpoints_list.get(search_string) if search_string else None
