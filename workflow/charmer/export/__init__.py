"""A trained model in the formats of other programs: one module a format.

A module here has `TYPES`, the number types in which it can write weights, the default first ("stored": as they are),
and `write(model, out, number_type) -> list[Path]`, which reads a model's folder and gives the files that it wrote.
"""
