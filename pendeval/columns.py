"""The tables of a report: every file, every column, its unit. Names here are stable.

All files are UTF-8 CSV with one header line, numbers in full precision, empty cells for "undefined" or "not
applicable". A text cell that a spreadsheet would run as a formula begins with an apostrophe.

Columns that say what was embedded, and by what (CONDITION)
    dataset, variant, parameters, protocol, split   what was embedded; `parameters` is a JSON object
    train_dataset, train_variant, train_parameters, train_protocol     what the encoder was trained on
    label, method, dim, recipe       the run's label, its method and outputs, and the label without its method
                                     ("d1", "d2-similarity-cosine", "d1-epochs-20"): what methods share
    view                             "all" images, or those with both bobs "visible" (only where some are not)
    pendulums, images_per_pendulum   size of the split that was embedded

runs.csv, a row per embeddings file and view: CONDITION, then
    data_seed, train_data_seed, seed     seeds of the data embedded, of the data trained on, and of the training
    images                      how many images were scored
    line                        what the one-dimensional view of the embedding is: its only "output", its "angle"
                                (cosine similarity, two outputs), or its "spectral" embedding (d > 1)
    <measure>                   MEASURES, below; of the line where the measure needs one dimension
    <measure>_low, _high        95 % bootstrap interval, clustered by pendulum (BOOTSTRAPPED measures)
    oracle_<measure>            the same measure of E[energy | image] (ORACLE measures): a ceiling for the global
                                Spearman and the errors up to noise, elsewhere a reference
    ceiling_rmse                error of E[energy | image] itself on the images the regressions are scored on
    excess, excess_se           global Spearman less the oracle's; paired bootstrap standard error
    rmse_excess, rmse_excess_se ceiling_rmse less forest_rmse (positive: better than the ceiling)
    above_ceiling               excess or rmse_excess beyond 3 standard errors: an error in data or code
                                (empty where not judged: energies not uniform, no oracle, or training images,
                                which an encoder may know by heart)
    fractured                   two visible bands run in certainly opposite directions (empty without bands)
    forests                     how the forests were grown: "10 x 100 trees", exact, or the cheaper protocol
    forest_rmse_sd              spread of forest_rmse over the forests
    blank_images                images without any bob
    blank_embedding             their mean on the line
    blank_expected              mean, over the blank images' energies, of the line of visible images there
    blank_se                    bootstrap standard error of blank_embedding − blank_expected
    blank_scale                 standard deviation of the line over visible images
    vertical_correlations       JSON list: each output's correlation with cos θ within pendulums
    missing                     JSON object: why a measure is empty
    file, digest                the embeddings file and its SHA-256

segments.csv, a row per embeddings file, view and band of energy: CONDITION, then
    data_seed, seed, kind, number (from 1), energy_low, energy_high, images, spearman, spearman_low,
    spearman_high, oracle_spearman, density, range_density, missing, file, digest
    `kind` is "segment" (seven equal parts of [0, 1]), "gap" or "visible" (bands the training energies left out
    or covered). Densities (energy per unit of embedding) belong to segments of one-dimensional embeddings.

summary.csv, a row per CONDITION and measure, over seeds: CONDITION, then
    measure, n, mean, sd, ci_low, ci_high (95 % t-interval), oracle (mean), published (the paper's figure)

comparisons.csv, contrastive against supervised, paired by seed and data: CONDITION without label and method, then
    measure, n, contrastive, supervised, oracle (means over the pairs), difference (contrastive less supervised),
    ci_low, ci_high (95 % t-interval), effect_size (Cohen's d_z), test ("paired t-test, two-sided"), p_value

agreement.csv, Spearman's |ρ| between the lines of two encoders on the same images (the first ones of every pendulum, at
    most 10,240 in all), or of one and the oracle: dataset,
    variant, parameters, protocol, split, label_a, label_b, pairing ("seed with seed", "method with method", "with the
    oracle"), n (pairs), mean, min, max

claims.csv, a row per claim of the paper: claim, section, text, verdict ("supported", "contradicted",
    "undecided"), evidence, missing (what would decide it), rule, recipe, conditions (number judged)

records.csv, a row per condition and measure of the authors' records (`pendeval/records.csv`): family, method, dim,
    train_eps_n, train_eps_g, crop_alpha_c, test_eps_n, test_eps_g, view, measure, their_n, their_mean, their_sd,
    their_ci_low, their_ci_high, our_n, our_mean, our_sd, our_ci_low, our_ci_high, our_oracle,
    status ("compared", "no runs", "not expressible"), reason

provenance.csv, a row per run: run, status, label, dataset, seed, recipe (JSON), device, precision, packages (JSON),
    began, train_seconds, data_digest

problems.csv, what could not be scored: path, reason
"""

CONDITION = (
    *("dataset", "variant", "parameters", "protocol", "split"),
    *("train_dataset", "train_variant", "train_parameters", "train_protocol"),
    *("label", "method", "dim", "recipe", "view", "pendulums", "images_per_pendulum"),
)
MEASURES = {
    "global_spearman": "|Spearman's ρ| of the line and the energy over all images",
    "local_spearman": "mean of ρ in seven energy segments, in the direction of the global sign",
    "local_abs_spearman": "mean of |ρ| in the seven segments (what the paper plotted; hides sign flips)",
    "gap_spearman": "mean of ρ inside the energy gaps of training, in the direction of the global sign",
    "gap_abs_spearman": "mean of |ρ| inside the gaps",
    "visible_band_spearman": "mean of ρ inside the energy bands seen in training",
    "interior_band_spearman": "mean of ρ inside the seen bands between gaps (the paper's plot may show this one)",
    "representation_range": "largest less smallest output (d = 1)",
    "forest_rmse": "error of a random forest from embedding to energy, on the other half of the pendulums",
    "knn_rmse": "error of the 20 nearest neighbours, same halves",
    "linear_rmse": "error of linear least squares, same halves",
    "time_invariance": "share of the embedding's variance that lies between pendulums; 1: the same at all times",
    "participation_ratio": "effective number of dimensions, (Σλ)²/Σλ² of the covariance (d > 1)",
    "line_share": "share of the embedding's variance that follows its line as a curve, in [0, 1] (d > 1)",
    "vertical_correlation": "largest |correlation| of an output with cos θ, within pendulums",
    "vertical_r2": "share of the variance of cos θ that the outputs explain within twenty equal parts of the line",
    "blank_offset": "(blank_embedding − blank_expected) / blank_scale",
}
BOOTSTRAPPED = (
    *("global_spearman", "local_spearman", "local_abs_spearman", "gap_spearman", "gap_abs_spearman"),
    *("visible_band_spearman", "interior_band_spearman", "forest_rmse", "knn_rmse", "linear_rmse", "blank_offset"),
)
ORACLE = (*BOOTSTRAPPED[:-1], "time_invariance")

RUNS = (
    *CONDITION,
    *("data_seed", "train_data_seed", "seed", "images", "line"),
    *(
        column
        for name in MEASURES
        for column in (name, *((f"{name}_low", f"{name}_high") if name in BOOTSTRAPPED else ()))
    ),
    *(f"oracle_{name}" for name in ORACLE),
    *("ceiling_rmse", "excess", "excess_se", "rmse_excess", "rmse_excess_se", "above_ceiling"),
    *("fractured", "forests", "forest_rmse_sd"),
    *("blank_images", "blank_embedding", "blank_expected", "blank_se", "blank_scale", "vertical_correlations"),
    *("missing", "file", "digest"),
)
SEGMENTS = (
    *CONDITION,
    *("data_seed", "seed", "kind", "number", "energy_low", "energy_high", "images"),
    *("spearman", "spearman_low", "spearman_high", "oracle_spearman", "density", "range_density"),
    *("missing", "file", "digest"),
)
SUMMARY = (*CONDITION, *("measure", "n", "mean", "sd", "ci_low", "ci_high", "oracle", "published"))
PAIRED = tuple(name for name in CONDITION if name not in ("label", "method"))
COMPARISONS = (
    *PAIRED,
    *("measure", "n", "contrastive", "supervised", "oracle", "difference", "ci_low", "ci_high"),
    *("effect_size", "test", "p_value"),
)
AGREEMENT = (
    *("dataset", "variant", "parameters", "protocol", "split"),
    *("label_a", "label_b", "pairing", "n", "mean", "min", "max"),
)
CLAIMS = ("claim", "section", "text", "verdict", "evidence", "missing", "rule", "recipe", "conditions")
RECORDS = (
    *("family", "method", "dim", "train_eps_n", "train_eps_g", "crop_alpha_c", "test_eps_n", "test_eps_g", "view"),
    *("measure", "their_n", "their_mean", "their_sd", "their_ci_low", "their_ci_high"),
    *("our_n", "our_mean", "our_sd", "our_ci_low", "our_ci_high", "our_oracle", "status", "reason"),
)
PROVENANCE = (
    *("run", "status", "label", "dataset", "seed", "recipe", "device", "precision", "packages"),
    *("began", "train_seconds", "data_digest"),
)
PROBLEMS = ("path", "reason")
