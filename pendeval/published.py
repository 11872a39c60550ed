"""What the 2021 paper printed, for the conditions this project can express.

Source: Fig. 3 with the further digits of §3.1; the range is "roughly 7 for noiseless representations"
(§4.2, contrastive).
"""

PUBLISHED: dict[tuple[str, str, int, str], float] = {
    ("vanilla", "contrastive", 1, "global_spearman"): 0.9938,
    ("vanilla", "contrastive", 1, "local_spearman"): 0.8093,
    ("vanilla", "contrastive", 1, "representation_range"): 7.0,
    ("vanilla", "supervised", 1, "global_spearman"): 0.9937,
    ("vanilla", "supervised", 1, "local_spearman"): 0.8044,
    ("large", "contrastive", 1, "global_spearman"): 0.99958,
    ("large", "contrastive", 1, "local_spearman"): 0.9812,
    ("large", "supervised", 1, "global_spearman"): 0.99888,
    ("large", "supervised", 1, "local_spearman"): 0.951,
}
"""(variant, method, outputs, measure) → printed value."""
