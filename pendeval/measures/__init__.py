"""What an embedding is worth, as pure functions on arrays: no paths, no tables, no plots.

Shared conventions
    n images, flattened; `energy` float64 (n,) in [0, 1], dimensionless (1 just reaches the top); `embedding`
    float64 (n, d) in the encoder's own unit; `values` float64 (n,), a one-dimensional view of it; `pendulum`
    int64 (n,), the number of the pendulum an image shows, 0 … P − 1. Undefined is NaN.
"""
