"""What runs in the environment of other programs (`ctgan`, `sdmetrics`, pandas): a JSON object a line in, one a line out. See `peers.py`."""

import io
import json
import sys
import time

import numpy as np
import pandas as pd
import torch

MODELS = {}


class Progress(io.TextIOBase):
    """Takes the place of standard error while a model is fitted and notes when its progress bar moves, by the clock and by the processor's: its
    first line says that training begins."""

    def __init__(self):
        self.times = []

    def write(self, text):
        if "%|" in text:
            self.times.append(now())
        return len(text)


def now():
    return np.array([time.perf_counter(), time.process_time()])


def table(file, words):
    return pd.read_csv(file, keep_default_na=False, dtype=dict.fromkeys(words, str))


def fit(told):
    import ctgan

    np.random.seed(told["seed"])                                                     # noqa: NPY002 - the programs draw from it
    torch.manual_seed(told["seed"])
    torch.set_num_threads(told["threads"])
    start = now()
    rows = table(told["file"], told["words"])
    model = getattr(ctgan, told["model"])(epochs=told["epochs"], verbose=True, enable_gpu=False, **told["settings"])
    kept, sys.stderr = sys.stderr, Progress()
    try:
        model.fit(rows, told["words"])
        times = sys.stderr.times
    finally:
        sys.stderr = kept
    whole, preparation, an_epoch = now() - start, times[0] - start, (times[-1] - times[0]) / told["epochs"]
    MODELS[told["model"]] = model
    said = {"seconds": whole, "of preparation": preparation, "an epoch": an_epoch}
    found = {f"{which}{name}": float(value) for name, both in said.items() for which, value in zip(("", "processor "), both)}
    return {"program": f"ctgan {ctgan.__version__}", "epochs": told["epochs"], **found}


def sample(told):
    start = now()
    rows = MODELS[told["model"]].sample(told["n"])
    seconds = now() - start
    if told["file"]:
        rows.to_csv(told["file"], index=False)
    return {"n": len(rows), "seconds": float(seconds[0]), "processor seconds": float(seconds[1])}


def compare(told):
    """SDMetrics' score of every column and pair that is asked for."""
    import sdmetrics
    from sdmetrics.column_pairs import ContingencySimilarity, CorrelationSimilarity
    from sdmetrics.single_column import KSComplement, TVComplement

    found = []
    for one in told["asked"]:
        real, synthetic = (table(one[side], one["words"]) for side in ("real", "synthetic"))
        names = list(real)
        if one["how"] in ("KSComplement", "TVComplement"):
            metric = KSComplement if one["how"] == "KSComplement" else TVComplement
            value = metric.compute(real[names[0]], synthetic[names[0]])
        elif one["how"] == "CorrelationSimilarity":
            value = CorrelationSimilarity.compute(real, synthetic)
        else:
            value = ContingencySimilarity.compute(real, synthetic)
        found.append(float(value))
    return {"program": f"sdmetrics {sdmetrics.__version__}", "values": found}


def report(told):
    """The two properties of SDMetrics' quality report, and its score of every pair."""
    from sdmetrics.reports import QualityReport

    real, synthetic = (table(told[side], told["words"]) for side in ("real", "synthetic"))
    kind = lambda name: "categorical" if name in told["words"] else "numerical"
    made = QualityReport()
    columns = {name: {"sdtype": kind(name)} for name in real}
    made.generate({"rows": real}, {"rows": synthetic}, {"tables": {"rows": {"columns": columns}}}, verbose=False)
    properties = made.get_properties().set_index("Property")["Score"].to_dict()
    pairs = made.get_details("Column Pair Trends")
    rows = pairs[["Column 1", "Column 2", "Metric", "Score"]].astype(object).where(pairs["Score"].notna(), None).values.tolist()
    return {"properties": properties, "pairs": rows}


def main():
    answers, sys.stdout = sys.stdout, sys.stderr                                     # what the programs print is no answer
    for line in sys.stdin:
        told = json.loads(line)
        answers.write(json.dumps({"fit": fit, "sample": sample, "compare": compare, "report": report}[told.pop("do")](told)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
