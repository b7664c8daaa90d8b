"""The order in which a picture comes about (modules/processing.py process_images)."""

from modules import scripts, sd_vae, shared


class Processing:
    def __init__(self, runner):
        self.runner, self.steps, self.comments = runner, [], []
        self.sd_model = shared.sd_model

    def comment(self, text):
        self.comments.append(text)

    def init(self, prompts):
        self.steps.append("init")

    def sample(self):
        self.steps.append("sample")


def process_images(p):
    sd_vae.reload_vae_weights(p.sd_model)
    scripts.process(p.runner, p)
    p.init(["a lighthouse"])
    p.sample()
    return p
