"""What is watched of a region, as plain data: recording rules, alerts and dashboards, made from its settings.

Pure: nothing here knows Pulumi or Kubernetes. `components/monitoring.py` delivers it.
"""
