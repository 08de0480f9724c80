"""Load through the real product and through its peers, in turns, on one machine, as ratios.

Add a workload: a module in workloads/ with a tuple WORKLOADS of Contest or Measurement values
(registry.py). Never import this package from the product.
"""
