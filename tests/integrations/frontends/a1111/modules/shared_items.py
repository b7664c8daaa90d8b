"""The choices of the SD VAE setting (modules/shared_items.py)."""


def sd_vae_items():
    import modules.sd_vae

    return ["Automatic", "None", *modules.sd_vae.vae_dict]
