"""A region's dashboards as one HTML page, without Grafana: every panel of their JSON with what Prometheus answers.

`page.drawn` is what tests call, `python -m dashboards` what people do.
"""
