"""How good estimates are: of one bundle on any trials, and of a whole leave-one-subject-out run.

series      what is compared: the truth of one trial and what each estimator says of it
"""
