"""The metrics of tables by name, as lines of the catalogue."""

from sparring.metrics.catalogue import Metric

SDMETRICS = "DataCebo, https://docs.sdv.dev/sdmetrics, with the real data's bins"
ESTEBAN = "Esteban et al. 2017, https://arxiv.org/abs/1706.02633"

# fmt: off
METRICS = {metric.name: metric for metric in (
    Metric("shapes", "higher", "its own", of="tables", graded=False, source=SDMETRICS,
           about="how alike the columns are one by one: 1 less the Kolmogorov-Smirnov or total variation distance, mean"),
    Metric("pairs", "higher", "its own", of="tables", source=SDMETRICS,
           about="how alike the columns are two by two: correlations and contingency tables, mean; 1 is equal"),
    Metric("c2st", "floor", "its own", of="tables", least=30, source="Lopez-Paz and Oquab 2017, https://arxiv.org/abs/1610.06545",
           about="AUC of boosted trees that tell generated rows from real ones; 0.5 is best, less comes of copied rows"),
    Metric("detection", "lower", "its own", of="tables", graded=False, least=30, source="the same of single columns (metrics/table_detection.py)",
           about="AUC by which the worst single column gives generated rows away; 0.5 is best"),
    Metric("rare_recall", "higher", "collapsed", of="tables", graded=False, source="categories of less than 1 % (metrics/table_shapes.py)",
           about="share of rare categories that generated rows have at all"),
    Metric("tstr", "higher", "mislabelled", of="tables", least=30, source=ESTEBAN,
           about="AUC or R^2 on held-out rows of a model of the target that learnt from generated rows"),
    Metric("augmented", "higher", "mislabelled", of="tables", least=30, source="tstr of real and generated rows together (metrics/table_efficacy.py)",
           about="what generated rows add to real ones in training: AUC or R^2 above that of the real ones alone"),
    Metric("dcr", "lower", "copied", of="tables", graded=False, least=30, source="distance to closest record, ties shared, sizes weighed",
           about="how often the real row nearest to a generated one is a training row, were as many held out; 0.5 is best; no guarantee"),
    Metric("membership", "lower", "copied", of="tables", graded=False, least=30, source="attack by nearest rows (metrics/table_privacy.py)",
           about="AUC by which generated rows tell training rows from held-out ones; 0.5 is best; no guarantee"),
    Metric("exact_copies", "lower", "copied", of="tables", graded=False, source="equality in every column",
           about="share of generated rows that equal a training row"),
)}
# fmt: on
