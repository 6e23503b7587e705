"""What the prober writes for others: results as JSON and JUnit, tables for a terminal."""
