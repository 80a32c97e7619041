"""A sweep as a report: the verdict, the settings to copy, then a figure for each question.

conclusion   what the sweep comes to: the best setting beside the best baseline, with intervals
sentences    that in words
settings     the best setting as YAML
sections     which questions are answered, in which order, and how to read each figure
document     all of it for one sweep, before it takes a form
cells        numbers as text
html         one page with everything in it; its parts are page.html.j2, style.css, script.js
markdown     the sentences and the tables
notebook     cells that ask the questions again, for going on from there
writing      `write_report`: one of these, as a file

Nothing here computes what an answer or a verdict does not say.
"""

from analysis.report.writing import FORMATS, report_path, write_report

__all__ = ["FORMATS", "report_path", "write_report"]
