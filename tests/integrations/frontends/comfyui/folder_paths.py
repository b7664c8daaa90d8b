"""ComfyUI's names for files: relative to the folder, the first folder wins (folder_paths.py)."""

import os

SUFFIXES = {".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft"}
folder_names_and_paths = {}


def get_filename_list(folder_name):
    found = set()
    for root in folder_names_and_paths.get(folder_name, []):
        for folder, _, files in os.walk(root, followlinks=True):
            for file in files:
                if os.path.splitext(file)[1].lower() in SUFFIXES:
                    found.add(os.path.relpath(os.path.join(folder, file), root))
    return sorted(found)


def get_full_path(folder_name, filename):
    filename = os.path.relpath(os.path.join("/", filename), "/")
    for root in folder_names_and_paths.get(folder_name, []):
        path = os.path.join(root, filename)
        if os.path.isfile(path):
            return path
    return None


def get_full_path_or_raise(folder_name, filename):
    path = get_full_path(folder_name, filename)
    if path is None:
        raise FileNotFoundError(f"Model in folder '{folder_name}' with filename '{filename}'")
    return path
