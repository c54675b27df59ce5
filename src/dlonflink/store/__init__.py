"""Published versions: a log of them under one URL, their manifests, and the files of a full version."""
