"""The only room that may import torch: what can be told only by running the weights."""
