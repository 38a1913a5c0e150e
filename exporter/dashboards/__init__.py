"""A Grafana dashboard and Prometheus rules, as data."""
