"""An answer in JSON."""

import json


def json_response(document):
    return json.dumps(document)
