"""From names, shapes and configs to kind, components and latent family; file names play no part."""
