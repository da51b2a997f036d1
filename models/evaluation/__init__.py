"""How good estimates are: of one bundle on any trials, and of a whole leave-one-subject-out run.

series          what is compared: the truth of one trial and what each estimator says of it
device          a bundle's estimates as the suit would tell them
folder          any folder of trials through a bundle, formulas beside
scores, delay   the paper's measures, taken once for each trial and asked for afterwards
evaluate        one bundle on one folder, as an object and as tables
disturbances, robustness    how the error grows with what goes wrong
anova           whether kinds of estimators err differently
fold_series, withheld       a run's folds on the people they withheld
report, report_page, report_tables    all of that on a page, with the paper's figures
insoles, cycles, power, figure*       insoles against plates, repetitions, joint power, figures 3 to 6
networks        what bare networks say, for trainings and sweeps
printed         the paper's own numbers
"""
