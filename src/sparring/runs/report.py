"""placeholder"""
def write_report(run):
    p = run.path / "report.html"; p.write_text("x"); return p
