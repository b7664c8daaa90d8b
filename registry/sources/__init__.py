"""Where models come from: REFs, Hugging Face, Civitai, plain addresses."""
