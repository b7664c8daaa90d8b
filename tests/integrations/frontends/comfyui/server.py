"""ComfyUI's server, as far as packs add routes to it (server.py)."""


class Routes:
    def __init__(self):
        self.handlers = {}

    def get(self, path):
        def keep(handler):
            self.handlers[path] = handler
            return handler

        return keep


class PromptServer:
    instance = None

    def __init__(self):
        PromptServer.instance = self
        self.routes = Routes()


PromptServer()
