"""Settings of the whole test run."""

import os

# Before torch is loaded: tests run side by side, and OpenMP threads that spin while they wait starve one another.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
