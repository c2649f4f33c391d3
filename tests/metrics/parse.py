#!/usr/bin/env python3
"""Reads a text of metrics from standard input with Prometheus's own parser, and prints what it has understood: a line for
each sample, its metric's type, its name with its labels, and its value."""
import sys

from prometheus_client.parser import text_string_to_metric_families

for family in text_string_to_metric_families(sys.stdin.read()):
    if not family.documentation:
        sys.exit(f"{family.name} has no help")
    for sample in family.samples:
        labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
        print(family.type, sample.name + ("{" + labels + "}" if labels else ""), repr(float(sample.value)))
