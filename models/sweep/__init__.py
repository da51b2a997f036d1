"""Many trainings as jobs on Ray: folds x outcomes, hyper-parameters, sensors left out.

spec        what SWEEP.toml says
plan        the jobs it asks for, each with a name that stays
ablation    groups of channels, and recordings without them
state       the state of a sweep, all of it in files: what is done, who works on what
run         a whole sweep
work        one job: train, then score on the withheld
driver      jobs on Ray, on this machine or on a cluster
tables      what came out
as_runs     the folds in the layout of a run, to be reported and exported
"""
