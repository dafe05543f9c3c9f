"""The parts of `scripts/bench cluster`: a cluster with Spawner on it (installation), a small client (kube), the things made (objects), the
measurements (starts, bursts), what the logs say afterwards (audit, trace), and the tables (report)."""
