"""Hooks (modules/script_callbacks.py)."""

callbacks = {"before_ui": [], "script_unloaded": [], "ui_settings": []}


def on_before_ui(callback):
    callbacks["before_ui"].append(callback)


def on_script_unloaded(callback):
    callbacks["script_unloaded"].append(callback)


def on_ui_settings(callback):
    callbacks["ui_settings"].append(callback)


def run(name):
    for callback in callbacks[name]:
        callback()
