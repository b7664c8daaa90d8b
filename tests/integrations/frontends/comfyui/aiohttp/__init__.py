"""The web framework that ComfyUI brings."""
