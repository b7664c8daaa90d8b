"""The only room that may import torch: what can be told only by running the weights."""

import os

# Threads of torch's OpenMP that wait in a busy loop slow a probe threefold as soon as another
# program wants a core; a short loop costs nothing measurable on an idle machine.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
