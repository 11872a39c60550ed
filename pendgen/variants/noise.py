"""The noise strengths that the paper and its records used, for angles and for pixels alike."""

STRENGTHS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.125, 0.2, 0.25)
