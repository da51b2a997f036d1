"""Many suits on one server: how they are, and their sessions as Parquet."""
