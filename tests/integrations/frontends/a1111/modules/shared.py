"""Settings (modules/shared.py, modules/options.py)."""


class OptionInfo:
    def __init__(self, default=None, label="", component=None, component_args=None, section=None):
        self.default, self.label, self.section = default, label, section
        self.component, self.component_args = component, component_args


class Options:
    def __init__(self):
        self.data = {"sd_vae": "Automatic", "sd_model_checkpoint": None}
        self.data_labels = {}

    def __getattr__(self, item):
        if "data" in self.__dict__ and item in self.data:
            return self.data[item]
        if "data_labels" in self.__dict__ and item in self.data_labels:
            return self.data_labels[item].default
        raise AttributeError(item)

    def add_option(self, key, info):
        self.data_labels[key] = info


opts = Options()
sd_model = None
