"""Model bundle, streaming engines and the pipeline from samples to outcomes."""
