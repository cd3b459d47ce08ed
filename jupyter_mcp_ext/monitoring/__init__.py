"""What a monitoring system reads: metrics for Prometheus."""
